"""Anthropic messages.

Source: docs.anthropic.com/en/api/messages, docs.anthropic.com/en/api/messages-streaming
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import json

from headgate.lab.wires import seals
from headgate.lab.wires.openai import texts
from headgate.lab.wires.question import (
    Answer,
    Call,
    Fault,
    Json,
    Prompt,
    Question,
    Tool,
    dicts,
    size_of,
    tell,
    whole_number,
)
from headgate.lab.wires.wire import Wire

SIGNATURE = "bGFiLXNpZ25hdHVyZQ=="
STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool": "tool_use"}
KINDS = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
LAST_FRAME = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def read(body: Json) -> Prompt:
    """Read a messages request."""
    messages = dicts(body.get("messages"))
    users = [message for message in messages if message.get("role") == "user"]
    blocks = [block for message in messages for block in dicts(message.get("content"))]
    return Prompt(
        model=str(body.get("model") or ""),
        stream=body.get("stream") is True,
        max_tokens=whole_number(body.get("max_tokens")),
        texts=(
            *texts(body.get("system")),
            *(text for message in messages for text in _texts(message.get("content"))),
        ),
        last_text=" ".join(texts(users[-1].get("content"))) if users else "",
        tool_result=_tool_result(messages),
        tools=_tools(body),
        media=tuple(note for block in blocks for note in _media(block)),
        body=body,
        problem=_problem(body, messages),
    )


def _problem(body: Json, messages: list[Json]) -> str:
    if not messages:
        return "messages: Field required"
    if any(message.get("role") not in ("user", "assistant") for message in messages):
        return "messages: Unexpected role. The allowed roles are user and assistant."
    if whole_number(body.get("max_tokens")) is None:
        return "max_tokens: Field required"
    return ""


def _texts(content: object) -> Iterator[str]:
    """All texts of a message, those inside tool results too."""
    yield from texts(content)
    for block in dicts(content):
        if block.get("type") == "tool_result":
            yield from texts(block.get("content"))


def _tool_result(messages: list[Json]) -> str | None:
    """The text of the tool results in the last message, if it has any."""
    blocks = dicts(messages[-1].get("content")) if messages else []
    results = [block for block in blocks if block.get("type") == "tool_result"]
    if not results:
        return None
    return " ".join(text for block in results for text in texts(block.get("content")))


def _tools(body: Json) -> tuple[Tool, ...]:
    choice = body.get("tool_choice")
    tools = tuple(
        Tool(str(tool.get("name", "")), tool["input_schema"])
        for tool in dicts(body.get("tools"))
        if isinstance(tool.get("input_schema"), dict)
    )
    match choice:
        case {"type": "none"}:
            return ()
        case {"type": "tool", "name": str(name)}:
            return tuple(tool for tool in tools if tool.name == name)
        case _:
            return tools


def _media(block: Json) -> Iterator[str]:
    match block:
        case {"type": kind, "source": {"type": "base64", "media_type": media, "data": data}}:
            yield f"{media} {size_of(data)}"
        case {"type": kind, "source": {"type": "url", "url": str(url)}}:
            yield f"{kind} {url}"
        case {"type": "tool_result", "content": list(parts)}:
            for part in dicts(parts):
                yield from _media(part)


def _usage(answer: Answer) -> Json:
    """Spell the usage block; `input_tokens` excludes what was read from the cache."""
    if answer.usage is None:
        return {}
    counts: Json = {
        "input_tokens": answer.usage.prompt - answer.usage.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": answer.usage.cached,
        "output_tokens": answer.usage.output + answer.usage.reasoning,
    }
    return tell(counts, answer.lie)


def _with_usage(reply: Json, counts: Json) -> Json:
    return reply | {"usage": counts} if counts else reply


def _message(question: Question, content: list[Json], stop_reason: str | None) -> Json:
    return {
        "id": f"msg_lab_{question.number}",
        "type": "message",
        "role": "assistant",
        "model": question.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
    }


def whole(question: Question, answer: Answer) -> bytes:
    """Spell a message."""
    content: list[Json] = []
    if answer.thinking:
        content.append(
            {"type": "thinking", "thinking": answer.thought, "signature": _signature(answer)}
        )
    if answer.redacted:
        content.append(_redacted(answer))
    if answer.pieces or not answer.calls:
        content.append({"type": "text", "text": answer.text})
    content += [
        _tool_use(question, index, call, call.arguments) for index, call in enumerate(answer.calls)
    ]
    message = _message(question, content, STOP_REASONS[answer.finish])
    return json.encode(_with_usage(message, _usage(answer)))


def _signature(answer: Answer) -> str:
    return seals.seal(seals.CLAUDE, answer.thought) if answer.sealed else SIGNATURE


def _redacted(answer: Answer) -> Json:
    return {
        "type": "redacted_thinking",
        "data": seals.envelope(seals.CLAUDE, answer.redacted),
    }


def _tool_use(question: Question, index: int, call: Call, arguments: Json) -> Json:
    return {
        "type": "tool_use",
        "id": f"toolu_lab_{question.number}_{index}",
        "name": call.name,
        "input": arguments,
    }


def frames(question: Question, answer: Answer) -> list[bytes]:
    """Spell a message as a stream: blocks one after the other, usage cumulative at the end."""
    counts = _usage(answer)
    start = _with_usage(_message(question, [], None), counts and counts | {"output_tokens": 1})
    delta = {"stop_reason": STOP_REASONS[answer.finish], "stop_sequence": None}
    events: list[Json] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for index, (block, deltas) in enumerate(_blocks(question, answer)):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [
            {"type": "content_block_delta", "index": index, "delta": piece} for piece in deltas
        ]
        events.append({"type": "content_block_stop", "index": index})
    events.append(_with_usage({"type": "message_delta", "delta": delta}, counts))
    return [*(frame(event) for event in events), LAST_FRAME]


def _blocks(question: Question, answer: Answer) -> Iterator[tuple[Json, list[Json]]]:
    """Each content block as it starts, and its deltas."""
    if answer.thinking:
        deltas: list[Json] = [
            {"type": "thinking_delta", "thinking": piece} for piece in answer.thinking
        ]
        deltas.append({"type": "signature_delta", "signature": _signature(answer)})
        yield {"type": "thinking", "thinking": "", "signature": ""}, deltas
    if answer.redacted:
        yield _redacted(answer), []
    if answer.pieces or not answer.calls:
        yield (
            {"type": "text", "text": ""},
            [{"type": "text_delta", "text": piece} for piece in answer.pieces],
        )
    for index, call in enumerate(answer.calls):
        arguments = json.encode(call.arguments).decode()
        middle = len(arguments) // 2
        parts = ("", arguments[:middle], arguments[middle:])
        yield (
            _tool_use(question, index, call, {}),
            [{"type": "input_json_delta", "partial_json": part} for part in parts],
        )


def frame(event: Json) -> bytes:
    """One SSE event, named like its type."""
    name: str = event["type"]
    return b"event: " + name.encode() + b"\ndata: " + json.encode(event) + b"\n\n"


def _error_body(fault: Fault) -> Json:
    kind = KINDS.get(fault.status, "invalid_request_error" if fault.status < 500 else "api_error")
    return {
        "type": "error",
        "error": {"type": fault.kind or kind, "message": fault.message},
        "request_id": "req_lab",
    }


def error(fault: Fault) -> bytes:
    """Spell an error."""
    return json.encode(_error_body(fault))


def error_frame(_question: Question, fault: Fault) -> bytes:
    """Spell an error inside a stream."""
    return frame(_error_body(fault))


ANTHROPIC = Wire(
    name="anthropic",
    read=read,
    whole=whole,
    frames=frames,
    error=error,
    error_frame=error_frame,
    last_frame=LAST_FRAME,
)
