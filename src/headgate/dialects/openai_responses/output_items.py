"""Output items as callers see them, apart from how they are streamed.

Source: developers.openai.com/api/reference (response object, output items).
"""

from __future__ import annotations

from collections.abc import Iterable

from headgate.dialects.lenient_json import objects_of
from headgate.dialects.openai_responses.models import NAME
from headgate.dialects.openai_responses.reply import OUTPUT
from headgate.dialects.openai_responses.tools import Offered
from headgate.dialects.seals import sealed
from headgate.ir.loss import Losses, change_citations
from headgate.ir.request import Citation, Inline, Json, Signature, Thinking, ToolCall


def reasoning_item(item_id: str, part: Thinking) -> Json:
    """Write reasoning, whoever made it, with the proof on it sealed."""
    summary = [{"type": "summary_text", "text": part.text}] if part.text else []
    content = sealed("redacted" if part.redacted else "thinking", part.signature)
    return {"id": item_id, "type": "reasoning", "summary": summary, "encrypted_content": content}


def text_proof_item(item_id: str, signature: Signature) -> Json:
    """Write the proof on the text before as reasoning, the only item that holds one."""
    return _proof_item(item_id, sealed("text", signature))


def image_proof_item(item_id: str, signature: Signature) -> Json:
    """Write the proof on the picture that follows."""
    return _proof_item(item_id, sealed("image", signature))


def call_proof_item(item_id: str, call_id: str, signature: Signature) -> Json:
    """Write the proof on a call."""
    return _proof_item(item_id, sealed("call", signature, call_id))


def _proof_item(item_id: str, content: str) -> Json:
    return {"id": item_id, "type": "reasoning", "summary": [], "encrypted_content": content}


def call_item(item_id: str, call: ToolCall, offered: Offered, *, status: str) -> Json:
    """Write a call by the names that the caller gave its tool."""
    space, name = offered.own(call.name)
    item: Json = {"id": item_id, "status": status, "call_id": call.call_id, "name": name}
    if space is not None:
        item["namespace"] = space
    if call.custom:
        return {"type": "custom_tool_call", **item, "input": call.arguments}
    return {"type": "function_call", **item, "arguments": call.arguments}


def image_item(item_id: str, source: Inline, *, status: str) -> Json:
    """Write a picture that the model made."""
    form = source.media_type.removeprefix("image/") or "png"
    result = source.data if status == "completed" else None
    item = {"id": item_id, "type": "image_generation_call", "status": status, "result": result}
    return {**item, "output_format": form} if result is not None else item


def annotations_of(
    citations: Iterable[Citation], before: int, length: int, losses: Losses
) -> list[Json]:
    """Write citations of a text that begins after `before` characters of an output text.

    `length` is how long it is: a citation without a span is on all of it.
    """
    written: list[Json] = []
    for citation in citations:
        note = _annotation(citation, before, length)
        if note is None:
            losses.dropped("reply.citations", "those without a link")
            continue
        change_citations(losses, [citation], NAME)
        if citation.origin != NAME and citation.cited_text:
            losses.changed("reply.citations", "without the words that are cited")
        written.append(note)
    return written


def _annotation(citation: Citation, before: int, length: int) -> Json | None:
    if citation.origin == NAME and citation.native is not None:
        return _moved(citation.native, before) if before else citation.native
    if not citation.url:
        return None
    start = citation.start if citation.start is not None else 0
    end = citation.end if citation.end is not None else length
    return {
        "type": "url_citation",
        "start_index": before + start,
        "end_index": before + end,
        "url": citation.url,
        "title": citation.title,
    }


def _moved(note: Json, by: int) -> Json:
    places = {
        key: note[key] + by
        for key in ("start_index", "end_index")
        if isinstance(note.get(key), int)
    }
    return {**note, **places}


def logprob_entries(logprobs: Json, losses: Losses) -> list[Json]:
    """Write the logprobs of a text; those of a refusal have no place."""
    if logprobs.get("refusal"):
        losses.dropped("reply.logprobs", "those of a refusal")
    return [_logprob(entry) for entry in objects_of(logprobs.get("content"))]


def _logprob(entry: Json) -> Json:
    """Write one token's; SDKs require its bytes."""
    rivals = [_with_bytes(rival) for rival in objects_of(entry.get("top_logprobs"))]
    return {**_with_bytes(entry), "top_logprobs": rivals}


def _with_bytes(entry: Json) -> Json:
    if entry.get("bytes") is not None:
        return entry
    token = str(entry.get("token") or "")
    return {**entry, "bytes": list(token.encode("utf-8", "surrogatepass"))}


def json_array(items: Iterable[bytes]) -> bytes:
    """Join encoded items to an array."""
    return b"[" + b",".join(items) + b"]"


def own_fields(extras: Json, losses: Losses) -> Json:
    """Give the fields of a response that only this dialect knows.

    Those of its items (`output.phase`) stay behind: items may have been joined on the way.
    """
    fields: Json = {}
    for name, value in extras.items():
        if name.startswith(OUTPUT):
            losses.dropped(f"reply.{name}", "a field of an item")
        else:
            fields[name] = value
    return fields
