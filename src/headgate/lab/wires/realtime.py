"""OpenAI Realtime: one response as the events of a session, in text or in sound.

The events carry no `event_id` yet; the session numbers what it sends.

Source: platform.openai.com/docs/api-reference/realtime-server-events
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

from msgspec import json
from msgspec.structs import replace

from headgate.lab.wires import openai, responses_read
from headgate.lab.wires.question import (
    Answer,
    Call,
    Fault,
    Json,
    Prompt,
    Question,
    tell,
    whole_number,
)
from headgate.lab.wires.wire import Wire

SOUND_BYTES = 960
SOUND_BYTES_PER_TOKEN = 4800
# What the beta of the API called its events; everything else kept its name.
BETA_NAMES = {
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
}


def read(body: Json) -> Prompt:
    """Read a session and its conversation: `input` holds the items, `audio_bytes` their sound."""
    limit = whole_number(body.get("max_output_tokens"))
    prompt = responses_read.read(
        {name: value for name, value in body.items() if name != "max_output_tokens"}
    )
    return replace(prompt, max_tokens=limit, body=body)


def speaks(question: Question) -> bool:
    """Whether the caller wants sound."""
    modalities = question.prompt.body.get("output_modalities")
    return isinstance(modalities, list) and "audio" in modalities


def sound(word: str) -> bytes:
    """How a word sounds, always the same."""
    return hashlib.shake_128(word.encode()).digest(SOUND_BYTES)


def _heard(question: Question) -> int:
    sent = whole_number(question.prompt.body.get("audio_bytes")) or 0
    return -(-sent // SOUND_BYTES_PER_TOKEN)


def usage(question: Question, answer: Answer) -> Json | None:
    """Spell the usage. Sound costs a token per word, and so does its transcript."""
    if answer.usage is None:
        return None
    heard, written = _heard(question), answer.usage.output
    spoken = len(answer.pieces) if speaks(question) else 0
    entered = answer.usage.prompt + heard
    counts: Json = {
        "total_tokens": entered + written + spoken,
        "input_tokens": entered,
        "output_tokens": written + spoken,
        "input_token_details": {
            "text_tokens": answer.usage.prompt,
            "audio_tokens": heard,
            "image_tokens": 0,
            "cached_tokens": 0,
            "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": written, "audio_tokens": spoken},
    }
    return tell(counts, answer.lie)


def response(question: Question, status: str, output: list[Json], counts: Json | None) -> Json:
    """A response in some state of its life."""
    body = question.prompt.body
    reason = {"type": "incomplete", "reason": "max_output_tokens"}
    return {
        "object": "realtime.response",
        "id": f"resp_lab_{question.number}",
        "status": status,
        "status_details": reason if status == "incomplete" else None,
        "output": output,
        "conversation_id": body.get("conversation_id"),
        "output_modalities": ["audio"] if speaks(question) else ["text"],
        "max_output_tokens": body.get("max_output_tokens", "inf"),
        "metadata": body.get("metadata"),
        "usage": counts,
    }


def _message(question: Question, answer: Answer) -> tuple[Json, list[Json]]:
    """The message, and the events between its beginning and its end."""
    if speaks(question):
        kind, field = "audio", "transcript"
        middle = list(_spoken(answer))
    else:
        kind, field = "text", "text"
        middle = [
            *({"type": "response.output_text.delta", "delta": piece} for piece in answer.pieces),
            {"type": "response.output_text.done", "text": answer.text},
        ]
    part: Json = {"type": f"output_{kind}", field: answer.text}
    item: Json = {
        "id": f"item_lab_{question.number}",
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [part],
    }
    begun = {"type": "response.content_part.added", "part": part | {field: ""}}
    ended = {"type": "response.content_part.done", "part": part}
    return item, [each | {"content_index": 0} for each in (begun, *middle, ended)]


def _spoken(answer: Answer) -> Iterator[Json]:
    name = "response.output_audio"
    for piece in answer.pieces:
        yield {"type": f"{name}_transcript.delta", "delta": piece}
        yield {"type": f"{name}.delta", "delta": base64.b64encode(sound(piece)).decode()}
    yield {"type": f"{name}.done"}
    yield {"type": f"{name}_transcript.done", "transcript": answer.text}


def _call(question: Question, index: int, call: Call) -> tuple[Json, list[Json]]:
    text = json.encode(call.arguments).decode()
    call_id = f"call_lab_{question.number}_{index}"
    item: Json = {
        "id": f"item_lab_{question.number}_{index}",
        "object": "realtime.item",
        "type": "function_call",
        "status": "completed",
        "name": call.name,
        "call_id": call_id,
        "arguments": text,
    }
    name, middle = "response.function_call_arguments", len(text) // 2
    events: list[Json] = [
        *({"type": f"{name}.delta", "delta": part} for part in (text[:middle], text[middle:])),
        {"type": f"{name}.done", "arguments": text, "name": call.name},
    ]
    return item, [event | {"call_id": call_id} for event in events]


def _items(question: Question, answer: Answer) -> Iterator[tuple[Json, list[Json]]]:
    if answer.pieces or not answer.calls:
        yield _message(question, answer)
    for index, call in enumerate(answer.calls):
        yield _call(question, index, call)


def output(question: Question, answer: Answer) -> list[Json]:
    """The items of a finished response."""
    return [item for item, _ in _items(question, answer)]


def _events(question: Question, answer: Answer) -> Iterator[Json]:
    yield {"type": "response.created", "response": response(question, "in_progress", [], None)}
    for index, (item, events) in enumerate(_items(question, answer)):
        at = {"response_id": f"resp_lab_{question.number}", "output_index": index}
        empty: Json = {"content": []} if "content" in item else {"arguments": ""}
        begun = item | {"status": "in_progress"} | empty
        yield {"type": "response.output_item.added", **at, "item": begun}
        yield {"type": "conversation.item.added", "previous_item_id": None, "item": begun}
        for event in events:
            yield event | at | {"item_id": item["id"]}
        yield {"type": "conversation.item.done", "previous_item_id": None, "item": item}
        yield {"type": "response.output_item.done", **at, "item": item}
    yield {"type": "response.done", "response": _finished(question, answer)}
    limit = {"limit": 10_000, "remaining": 9_999, "reset_seconds": 0.01}
    yield {"type": "rate_limits.updated", "rate_limits": [{"name": "requests"} | limit]}


def _finished(question: Question, answer: Answer) -> Json:
    status = "incomplete" if answer.finish == "length" else "completed"
    return response(question, status, output(question, answer), usage(question, answer))


def frames(question: Question, answer: Answer) -> list[bytes]:
    """Spell a response as events, in the framing that all scripts know how to break."""
    return [openai.frame(event) for event in _events(question, answer)]


def whole(question: Question, answer: Answer) -> bytes:
    """Spell a response at once."""
    return json.encode(_finished(question, answer))


def fault_event(fault: Fault, cause: object = None) -> Json:
    """An error as an event; `cause` is the id of the caller's event that it is about."""
    inner: Json = json.decode(openai.error(fault))["error"]
    return {"type": "error", "error": inner | {"event_id": cause}}


def error_frame(_question: Question, fault: Fault) -> bytes:
    """Spell an error between the events."""
    return openai.frame(fault_event(fault))


REALTIME = Wire(
    name="realtime",
    read=read,
    whole=whole,
    frames=frames,
    error=openai.error,
    error_frame=error_frame,
    last_frame=b"",
)
