from __future__ import annotations

import hashlib

import pytest
from msgspec import json
from msgspec.structs import replace

from headgate.lab.forms import KEPT_MAX
from headgate.lab.plan import CONTENT_TYPE
from headgate.lab.wires.question import Json
from headgate.lab.wires.stored_kinds import answer
from tests.lab.asking import decoded, other, sent
from tests.lab.wires.test_stored import Place

LINES = b'{"custom_id":"a","body":{"model":"m"}}\n{"custom_id":"b"}\nnonsense\n\n'


@pytest.fixture
def place() -> Place:
    return Place()


def upload(place: Place, data: bytes, purpose: str = "batch", name: str = "in.jsonl") -> str:
    parts = ("purpose", purpose), ("file", name, "application/json", data)
    made = place.ask("POST /files", *parts)
    assert (made["bytes"], made["filename"], made["purpose"]) == (len(data), name, purpose)
    assert made["sha256"] == hashlib.sha256(data).hexdigest()
    file_id: str = made["id"]
    return file_id


def test_a_file_comes_back_as_it_went_in(place: Place) -> None:
    data = bytes(range(256))
    file_id = upload(place, data, name='a"b.bin')
    plan = place.plan("GET /files/{}/content", ids=(file_id,))
    assert (sent(plan), dict(plan.headers)[CONTENT_TYPE]) == (data, "application/octet-stream")
    gone = place.ask("DELETE /files/{}", ids=(file_id,))
    assert gone == {"id": file_id, "object": "file", "deleted": True}


def test_a_list_of_files_may_be_of_one_purpose(place: Place) -> None:
    upload(place, b"1")
    wanted = upload(place, b"2", "assistants")
    page = place.ask("GET /files", query={"purpose": "assistants"})
    assert [row["id"] for row in page["data"]] == [wanted]


def test_a_file_too_large_to_keep_is_known_by_its_hash(place: Place) -> None:
    file_id = upload(place, bytes(KEPT_MAX + 1))
    plan = place.plan("GET /files/{}/content", ids=(file_id,))
    assert (plan.status, b"sha256" in sent(plan)) == (400, True)


def test_a_file_needs_a_purpose_and_bytes(place: Place) -> None:
    file = ("file", "a", "b/c", b"1")
    assert place.plan("POST /files", file).status == 400
    assert place.plan("POST /files", ("purpose", "batch")).status == 400
    cut = other("POST /files", file, ("purpose", "batch"))
    assert cut.prompt.form is not None
    form = replace(cut.prompt.form, problem="cut")
    assert answer(replace(cut, prompt=replace(cut.prompt, form=form))).status == 400


def test_a_batch_answers_every_line_when_it_is_looked_at(place: Place) -> None:
    file_id = upload(place, LINES)
    body: Json = {"input_file_id": file_id, "endpoint": "/v1/chat/completions"}
    made = place.ask("POST /batches", **body)
    assert (made["status"], made["completion_window"]) == ("validating", "24h")
    done = place.ask("GET /batches/{}", ids=(made["id"],))
    assert (done["status"], done["request_counts"]["completed"]) == ("completed", 3)
    assert place.ask("GET /batches/{}", ids=(made["id"],)) == done
    output = sent(place.plan("GET /files/{}/content", ids=(done["output_file_id"],)))
    answers = [json.decode(line) for line in output.splitlines()]
    assert [line["custom_id"] for line in answers] == ["a", "b", None]
    said = answers[0]["response"]["body"]["choices"][0]["message"]["content"]
    assert said == "ok1: Hello from the lab."


def test_a_batch_may_be_cancelled(place: Place) -> None:
    body: Json = {"input_file_id": upload(place, LINES), "endpoint": "/v1/chat/completions"}
    made = place.ask("POST /batches", **body)
    assert place.ask("POST /batches/{}/cancel", ids=(made["id"],))["status"] == "cancelling"
    assert place.ask("GET /batches/{}", ids=(made["id"],))["status"] == "cancelling"


def test_whoever_uses_a_file_must_own_it(place: Place) -> None:
    file_id = upload(place, LINES)
    elsewhere = Place("ok2", place.shelf)
    batch: Json = {"input_file_id": file_id, "endpoint": "/v1/chat/completions"}
    assert elsewhere.plan("POST /batches", **batch).status == 400
    job: Json = {"training_file": file_id, "model": "m"}
    assert elsewhere.plan("POST /fine_tuning/jobs", **job).status == 400
    store = elsewhere.ask("POST /vector_stores")["id"]
    added = elsewhere.plan("POST /vector_stores/{}/files", ids=(store,), file_id=file_id)
    assert added.status == 400
    assert place.plan("POST /batches", endpoint="/x").status == 400
    assert place.plan("POST /batches", input_file_id=file_id).status == 400


def test_a_fine_tuning_job_waits_until_it_is_cancelled(place: Place) -> None:
    job = place.ask("POST /fine_tuning/jobs", model="m", training_file=upload(place, LINES))
    assert (job["status"], job["object"]) == ("queued", "fine_tuning.job")
    events = place.ask("GET /fine_tuning/jobs/{}/events", ids=(job["id"],))
    assert len(events["data"]) == 1
    ended = place.ask("POST /fine_tuning/jobs/{}/cancel", ids=(job["id"],))
    assert ended["status"] == "cancelled"


def test_the_parts_of_an_upload_become_a_file(place: Place) -> None:
    upload_id = place.ask("POST /uploads", filename="u", purpose="user_data", bytes=4)["id"]
    parts = [
        place.ask("POST /uploads/{}/parts", ("data", "p", "", data), ids=(upload_id,))["id"]
        for data in (b"cd", b"ab")
    ]
    assert place.plan("POST /uploads/{}/complete", ids=(upload_id,), part_ids=["x"]).status == 400
    done = place.ask("POST /uploads/{}/complete", ids=(upload_id,), part_ids=parts[::-1])
    assert (done["status"], done["file"]["bytes"]) == ("completed", 4)
    plan = place.plan("GET /files/{}/content", ids=(done["file"]["id"],))
    assert sent(plan) == b"abcd"
    assert place.plan("POST /uploads", filename="u").status == 400
    assert place.plan("POST /uploads/{}/parts", ids=(upload_id,)).status == 400


def test_a_vector_store_finds_a_passage_in_each_file(place: Place) -> None:
    store = place.ask("POST /vector_stores", name="v")["id"]
    file_id = upload(place, b"text", "assistants")
    added = place.ask("POST /vector_stores/{}/files", ids=(store,), file_id=file_id)
    assert (added["id"], added["vector_store_id"], added["usage_bytes"]) == (file_id, store, 4)
    assert place.ask("GET /vector_stores/{}", ids=(store,))["file_counts"]["completed"] == 1
    asked = other("POST /vector_stores/{}/search", ids=(store,), shelf=place.shelf)
    assert answer(asked).status == 400
    asked.prompt.body["query"] = "cats"
    (hit,) = decoded(answer(asked))["data"]
    assert (hit["file_id"], hit["content"][0]["text"]) == (file_id, "ok1: a passage about cats")
