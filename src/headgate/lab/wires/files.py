"""OpenAI's files, uploads, batches, fine-tuning jobs and vector stores.

A batch is done when it is looked at for the first time: every line of its input has an answer.

Source: platform.openai.com/docs/api-reference/files, /uploads, /batch, /fine-tuning,
/vector-stores
"""

from __future__ import annotations

import msgspec
from msgspec import json

from headgate.lab.forms import Part
from headgate.lab.objects import Stored
from headgate.lab.plan import Plan, whole
from headgate.lab.wires.openai import CREATED
from headgate.lab.wires.openai_other import missing, refusal, text
from headgate.lab.wires.question import Json, Question, mapping, words
from headgate.lab.wires.stored import Kind, find, keep, listing, not_found

DAY_S = 86_400
BINARY_TYPE = "application/octet-stream"
LINES_MAX = 1000
LAYOUT = ("total", "completed", "failed")


def _sent(question: Question) -> Part | None:
    form = question.prompt.form
    return form.files()[0] if form is not None and form.files() else None


def _bytes_sent(question: Question) -> bytes | None:
    """The bytes of the file in the form; None where it was too large to be kept."""
    part = _sent(question)
    return part.data if part is not None and part.whole else None


def _made_file(question: Question) -> Json | Plan:
    part = _sent(question)
    form = question.prompt.form
    if part is None:
        return missing("file")
    if form is not None and form.problem:
        return refusal(form.problem)
    if not text(question, "purpose"):
        return missing("purpose")
    return _file_fields(part.filename or "", part.size, text(question, "purpose")) | {
        "sha256": part.sha256
    }


def _file_fields(filename: str, size: int, purpose: str) -> Json:
    shared: Json = {"bytes": size, "filename": filename, "purpose": purpose, "expires_at": None}
    return shared | {"status": "processed", "status_details": None}


def content(kind: Kind, question: Question) -> Plan:
    """Give a file's bytes back."""
    stored = find(kind, question)
    if stored is None:
        return not_found(kind.name, question.ids[-1])
    if stored.data is None:
        return refusal("The lab keeps no file of this size; its `sha256` is in the file object.")
    name = str(stored.shown["filename"]).replace('"', "")
    extra = (("content-disposition", f'attachment; filename="{name}"'),)
    return whole(stored.data, content_type=BINARY_TYPE, extra=extra)


def _file(question: Question, name: str) -> Stored | Plan:
    """The file that a body's field names. It must belong to this place."""
    file_id = text(question, name)
    if not file_id:
        return missing(name)
    stored = question.shelf.get(question.place, FILES.path, file_id)
    return stored or refusal(f"Invalid file id: no such File object: {file_id}")


def _made_batch(question: Question) -> Json | Plan:
    found = _file(question, "input_file_id")
    if isinstance(found, Plan):
        return found
    if not text(question, "endpoint"):
        return missing("endpoint")
    return {
        "endpoint": text(question, "endpoint"),
        "errors": None,
        "input_file_id": text(question, "input_file_id"),
        "completion_window": text(question, "completion_window") or "24h",
        "status": "validating",
        "output_file_id": None,
        "error_file_id": None,
        "expires_at": CREATED + question.number + DAY_S,
        "request_counts": dict.fromkeys(LAYOUT, 0),
        "metadata": question.prompt.body.get("metadata"),
    }


def _worked_off(question: Question, batch: Json) -> Json:
    """Answer every line of a batch's input, in a file of its own."""
    stored = question.shelf.get(question.place, FILES.path, batch["input_file_id"])
    if batch["status"] != "validating" or stored is None:
        return batch
    lines = (stored.data or b"").splitlines()[:LINES_MAX]
    answers = [_line(question, line) for line in lines if line.strip()]
    data = b"".join(json.encode(answer) + b"\n" for answer in answers)
    name = f"{batch['id']}_output.jsonl"
    fields = _file_fields(name, len(data), "batch_output")
    output = keep(FILES, question, fields, data)
    counts = dict(zip(LAYOUT, (len(answers), len(answers), 0), strict=True))
    done = {"status": "completed", "completed_at": CREATED + question.number}
    return batch | done | {"output_file_id": output["id"], "request_counts": counts}


def _line(question: Question, line: bytes) -> Json:
    """One answer of a batch: a chat completion that names the place."""
    try:
        asked = mapping(json.decode(line))
    except msgspec.DecodeError:
        asked = {}
    said = f"{question.place}: Hello from the lab."
    counts = {"prompt_tokens": 1, "completion_tokens": len(words(said))}
    choice = {"index": 0, "message": {"role": "assistant", "content": said}}
    body: Json = {
        "id": f"chatcmpl-lab-{question.number}",
        "object": "chat.completion",
        "created": CREATED,
        "model": mapping(asked.get("body")).get("model"),
        "choices": [choice | {"finish_reason": "stop"}],
        "usage": counts | {"total_tokens": sum(counts.values())},
    }
    response = {"status_code": 200, "request_id": f"req-lab-{question.number}", "body": body}
    shared: Json = {"id": f"batch_req_lab{question.number}", "custom_id": asked.get("custom_id")}
    return shared | {"response": response, "error": None}


def _made_job(question: Question) -> Json | Plan:
    found = _file(question, "training_file")
    if isinstance(found, Plan):
        return found
    body = question.prompt.body
    return {
        "model": text(question, "model"),
        "training_file": text(question, "training_file"),
        "validation_file": body.get("validation_file"),
        "hyperparameters": mapping(body.get("hyperparameters")),
        "status": "queued",
        "fine_tuned_model": None,
        "finished_at": None,
        "error": None,
        "organization_id": "org-lab",
        "result_files": [],
        "seed": 7,
        "trained_tokens": None,
        "metadata": body.get("metadata"),
    }


def job_events(kind: Kind, question: Question) -> Plan:
    """The events of a job: it was created."""
    stored = find(kind, question)
    if stored is None:
        return not_found(kind.name, question.ids[-1])
    shared: Json = {"id": f"ftevent-{stored.shown['id']}", "object": "fine_tuning.job.event"}
    shared |= {"created_at": stored.shown["created_at"], "level": "info", "type": "message"}
    return whole(json.encode(listing([shared | {"message": "Created fine-tuning job"}])))


def _made_upload(question: Question) -> Json | Plan:
    for name in ("filename", "purpose"):
        if not text(question, name):
            return missing(name)
    return {
        "bytes": question.prompt.body.get("bytes", 0),
        "filename": text(question, "filename"),
        "purpose": text(question, "purpose"),
        "status": "pending",
        "expires_at": CREATED + question.number + DAY_S,
    }


def _made_part(question: Question) -> Json | Plan:
    part = _sent(question)
    if part is None:
        return missing("data")
    return {"upload_id": question.ids[0], "size": part.size, "sha256": part.sha256}


def complete(kind: Kind, question: Question) -> Plan:
    """Join the parts of an upload, in the order that the caller gives, into a file."""
    stored = find(kind, question)
    if stored is None:
        return not_found(kind.name, question.ids[-1])
    wanted = question.prompt.body.get("part_ids")
    parts = [
        question.shelf.get(question.place, UPLOAD_PARTS.path, str(name), question.ids[0])
        for name in (wanted if isinstance(wanted, list) else [])
    ]
    pieces = [part.data for part in parts if part is not None and part.data is not None]
    if not parts or len(pieces) != len(parts):
        return refusal("Invalid 'part_ids': unknown part, or one too large for the lab.")
    data = b"".join(pieces)
    upload = stored.shown
    fields = _file_fields(upload["filename"], len(data), upload["purpose"])
    file = keep(FILES, question, fields, data)
    stored.shown = upload | {"status": "completed", "file": file}
    return whole(json.encode(stored.shown))


def _made_store(question: Question) -> Json | Plan:
    body = question.prompt.body
    ids = body.get("file_ids")
    return {
        "name": text(question, "name"),
        "status": "completed",
        "usage_bytes": 0,
        "file_counts": _file_counts(len(ids) if isinstance(ids, list) else 0),
        "last_active_at": CREATED + question.number,
        "metadata": mapping(body.get("metadata")),
    }


def _file_counts(count: int) -> Json:
    done = {"in_progress": 0, "completed": count, "failed": 0, "cancelled": 0}
    return done | {"total": count}


def _made_store_file(question: Question) -> Json | Plan:
    found = _file(question, "file_id")
    if isinstance(found, Plan):
        return found
    store = question.shelf.get(question.place, VECTOR_STORES.path, question.ids[0])
    if store is not None:
        count = store.shown["file_counts"]["total"] + 1
        store.shown = store.shown | {"file_counts": _file_counts(count)}
    return {
        "id": found.shown["id"],
        "vector_store_id": question.ids[0],
        "usage_bytes": found.shown["bytes"],
        "status": "completed",
        "last_error": None,
        "attributes": mapping(question.prompt.body.get("attributes")),
    }


def search(kind: Kind, question: Question) -> Plan:
    """Find the query in every file of a store, the same passage each time."""
    if find(kind, question) is None:
        return not_found(kind.name, question.ids[-1])
    asked = question.prompt.body.get("query")
    if not asked:
        return missing("query")
    rows = question.shelf.all_of(question.place, STORE_FILES.path, question.ids[0])
    said = f"{question.place}: a passage about {asked}"
    hits: list[Json] = [
        {"file_id": row.shown["id"], "filename": row.shown["id"], "score": 0.9}
        | {"attributes": row.shown["attributes"], "content": [{"type": "text", "text": said}]}
        for row in rows
    ]
    page: Json = {"object": "vector_store.search_results.page", "search_query": [asked]}
    return whole(json.encode(page | {"data": hits, "has_more": False, "next_page": None}))


FILES = Kind("files", "file", "file-", _made_file, data=_bytes_sent)
BATCHES = Kind("batches", "batch", "batch_", _made_batch, look=_worked_off)
JOBS = Kind("fine_tuning/jobs", "fine_tuning.job", "ftjob-", _made_job)
UPLOADS = Kind("uploads", "upload", "upload_", _made_upload)
UPLOAD_PARTS = Kind(
    "uploads/parts", "upload.part", "part_", _made_part, parent="uploads", data=_bytes_sent
)
VECTOR_STORES = Kind("vector_stores", "vector_store", "vs_", _made_store)
STORE_FILES = Kind(
    "vector_stores/files", "vector_store.file", "file-", _made_store_file, parent="vector_stores"
)
