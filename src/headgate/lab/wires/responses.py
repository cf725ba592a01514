"""OpenAI Responses: the reply, its stream of events, and what the provider keeps of it.

Source: platform.openai.com/docs/api-reference/responses,
platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import json

from headgate.lab.wires import openai, seals
from headgate.lab.wires.question import (
    Answer,
    Call,
    Fault,
    Json,
    Question,
    mapping,
    tell,
)
from headgate.lab.wires.responses_read import items, read
from headgate.lab.wires.wire import Wire

ENCRYPTED = "reasoning.encrypted_content"
# What a reply repeats of its request, and what stands there if the request was silent.
ECHOED: Json = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}


def usage(answer: Answer) -> Json | None:
    """Spell the usage; thinking is part of the output."""
    if answer.usage is None:
        return None
    output = answer.usage.output + answer.usage.reasoning
    counts: Json = {
        "input_tokens": answer.usage.prompt,
        "input_tokens_details": {"cached_tokens": answer.usage.cached},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": answer.usage.reasoning},
        "total_tokens": answer.usage.prompt + output,
    }
    return tell(counts, answer.lie)


def response_id(question: Question) -> str:
    """The name of a reply, by which later requests refer to it."""
    return f"resp_lab_{question.number}"


def response(question: Question, status: str, output: list[Json], counts: Json | None) -> Json:
    """A reply in some state of its life."""
    body = question.prompt.body
    given = {name: body[name] for name in ECHOED if body.get(name) is not None}
    reasoning = mapping(body.get("reasoning"))
    return {
        "id": response_id(question),
        "object": "response",
        "created_at": openai.CREATED,
        "status": status,
        "completed_at": openai.CREATED if status == "completed" else None,
        "error": None,
        "incomplete_details": ({"reason": "max_output_tokens"} if status == "incomplete" else None),
        "model": question.model,
        "output": output,
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        "usage": counts,
        **ECHOED,
        **given,
    }


def _status(answer: Answer) -> str:
    return "incomplete" if answer.finish == "length" else "completed"


def output(question: Question, answer: Answer) -> list[Json]:
    """The items of a finished reply."""
    return [done for done, _ in _items(question, answer)]


def _items(question: Question, answer: Answer) -> Iterator[tuple[Json, list[Json]]]:
    """Each item as it is when done, and the events between its beginning and its end."""
    if answer.thinking:
        yield _reasoning(question, answer)
    if answer.pieces or not answer.calls:
        yield _message(question, answer)
    for index, call in enumerate(answer.calls):
        yield _call(question, index, call)


def _reasoning(question: Question, answer: Answer) -> tuple[Json, list[Json]]:
    part = {"type": "summary_text", "text": answer.thought}
    item: Json = {"id": f"rs_lab_{question.number}", "type": "reasoning", "summary": [part]}
    include = question.prompt.body.get("include")
    if isinstance(include, list) and ENCRYPTED in include:
        item["encrypted_content"] = seals.envelope(seals.OPENAI, answer.thought)
    name = "response.reasoning_summary"
    at = {"summary_index": 0}
    events: list[Json] = [
        {"type": f"{name}_part.added", **at, "part": part | {"text": ""}},
        *({"type": f"{name}_text.delta", **at, "delta": text} for text in answer.thinking),
        {"type": f"{name}_text.done", **at, "text": answer.thought},
        {"type": f"{name}_part.done", **at, "part": part},
    ]
    return item, events


def _message(question: Question, answer: Answer) -> tuple[Json, list[Json]]:
    part: Json = {"type": "output_text", "annotations": [], "logprobs": [], "text": answer.text}
    item: Json = {
        "id": f"msg_lab_{question.number}",
        "type": "message",
        "status": _status(answer),
        "content": [part],
        "role": "assistant",
    }
    at = {"content_index": 0}
    text = {"type": "response.output_text.delta", **at, "logprobs": []}
    events: list[Json] = [
        {"type": "response.content_part.added", **at, "part": part | {"text": ""}},
        *(text | {"delta": piece} for piece in answer.pieces),
        {"type": "response.output_text.done", **at, "text": answer.text, "logprobs": []},
        {"type": "response.content_part.done", **at, "part": part},
    ]
    return item, events


def _call(question: Question, index: int, call: Call) -> tuple[Json, list[Json]]:
    """A function call, or a call of a custom tool, whose input is a text."""
    number = f"{question.number}_{index}"
    item: Json = {"status": "completed", "call_id": f"call_lab_{number}", "name": call.name}
    if call.custom:
        text = str(call.arguments.get("input", ""))
        name, field = "response.custom_tool_call_input", "input"
        item |= {"id": f"ctc_lab_{number}", "type": "custom_tool_call", "input": text}
    else:
        text = json.encode(call.arguments).decode()
        name, field = "response.function_call_arguments", "arguments"
        item |= {"id": f"fc_lab_{number}", "type": "function_call", "arguments": text}
    middle = len(text) // 2
    events: list[Json] = [
        {"type": f"{name}.delta", "delta": piece} for piece in (text[:middle], text[middle:])
    ]
    return item, [*events, {"type": f"{name}.done", field: text}]


# What an item lacks at its beginning.
BEGUN: Json = {"content": [], "summary": [], "arguments": "", "input": "", "status": "in_progress"}


def _begun(item: Json) -> Json:
    return item | {name: value for name, value in BEGUN.items() if name in item}


def _events(question: Question, answer: Answer) -> Iterator[Json]:
    begun = response(question, "in_progress", [], None)
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, (item, events) in enumerate(_items(question, answer)):
        at = {"output_index": index}
        yield {"type": "response.output_item.added", **at, "item": _begun(item)}
        for event in events:
            yield {"item_id": item["id"], **at} | event
        yield {"type": "response.output_item.done", **at, "item": item}
    status = _status(answer)
    full = response(question, status, output(question, answer), usage(answer))
    yield {"type": f"response.{status}", "response": full}


def frames(question: Question, answer: Answer) -> list[bytes]:
    """Spell a reply as a stream of numbered events."""
    events = enumerate(_events(question, answer))
    return [frame(event | {"sequence_number": number}) for number, event in events]


def frame(event: Json) -> bytes:
    """One SSE event, named like its type."""
    name: str = event["type"]
    return b"event: " + name.encode() + b"\ndata: " + json.encode(event) + b"\n\n"


def _in_background(question: Question) -> bool:
    return question.prompt.body.get("background") is True


def whole(question: Question, answer: Answer) -> bytes:
    """Spell a reply; one in the background has only been queued."""
    if _in_background(question):
        return json.encode(response(question, "queued", [], None))
    return json.encode(finished(question, answer))


def finished(question: Question, answer: Answer) -> Json:
    """A reply that is done."""
    return response(question, _status(answer), output(question, answer), usage(answer))


def kept(question: Question, answer: Answer) -> Json | None:
    """What the provider keeps of a reply, unless the caller forbids it."""
    body = question.prompt.body
    if body.get("store") is False:
        return None
    given = [
        {"id": f"msg_in_lab_{question.number}_{index}", "type": "message", **item}
        for index, item in enumerate(items(body.get("input")))
    ]
    running = _in_background(question) and not question.stream
    return {"response": finished(question, answer), "input": given, "running": running}


def _error(fault: Fault) -> Json:
    spelled: dict[str, Any] = json.decode(openai.error(fault))
    inner: Json = spelled["error"]
    return inner


def error_frame(question: Question, fault: Fault) -> bytes:
    """Spell an error inside a stream: an event of its own, then the failed reply."""
    inner = _error(fault)
    reason = {"code": inner["code"], "message": fault.message}
    failed = response(question, "failed", [], None) | {"error": reason}
    return frame({"type": "error", "sequence_number": 0, "error": inner}) + frame(
        {"type": "response.failed", "sequence_number": 1, "response": failed}
    )


RESPONSES = Wire(
    name="responses",
    read=read,
    whole=whole,
    frames=frames,
    error=openai.error,
    error_frame=error_frame,
    last_frame=b"",
    kept=kept,
)
