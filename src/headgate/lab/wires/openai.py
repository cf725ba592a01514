"""OpenAI chat completions.

Source: platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import json

from headgate.lab.wires.question import (
    Answer,
    Call,
    Fault,
    Json,
    Prompt,
    Question,
    Tool,
    dicts,
    mapping,
    size_of,
    tell,
    whole_number,
)
from headgate.lab.wires.wire import Wire

CREATED = 1_795_000_000
CHOICES_MAX = 16
DONE = b"data: [DONE]\n\n"
FINISHES = {"stop": "stop", "length": "length", "tool": "tool_calls"}
KINDS = {
    401: ("authentication_error", "invalid_api_key"),
    403: ("permission_error", "insufficient_permissions"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}


def read(body: Json) -> Prompt:
    """Read a chat completions request."""
    messages = dicts(body.get("messages"))
    users = [message for message in messages if message.get("role") == "user"]
    last = messages[-1] if messages else {}
    return Prompt(
        model=str(body.get("model") or ""),
        stream=body.get("stream") is True,
        include_usage=wants_usage(body),
        choices=choices(body),
        max_tokens=whole_number(body.get("max_completion_tokens", body.get("max_tokens"))),
        texts=tuple(text for message in messages for text in texts(message.get("content"))),
        last_text=" ".join(texts(users[-1].get("content"))) if users else "",
        tool_result=" ".join(texts(last.get("content"))) if last.get("role") == "tool" else None,
        tools=tools(body),
        media=tuple(
            note for message in messages for part in _parts(message) for note in media(part)
        ),
        body=body,
        problem="" if messages else "Missing required parameter: 'messages'.",
    )


def wants_usage(body: Json) -> bool:
    """Whether the caller asks for a usage chunk at the end of the stream."""
    return mapping(body.get("stream_options")).get("include_usage") is True


def choices(body: Json) -> int:
    """How many answers at once, bounded."""
    return max(1, min(whole_number(body.get("n")) or 1, CHOICES_MAX))


def texts(content: object) -> Iterator[str]:
    """The texts of a message's content: a string, or text parts."""
    if isinstance(content, str):
        yield content
    for part in dicts(content):
        if isinstance(part.get("text"), str):
            yield part["text"]


def _parts(message: Json) -> list[Json]:
    return dicts(message.get("content"))


def media(part: Json) -> Iterator[str]:
    """Describe the image, sound or file of a content part."""
    match part:
        case {"type": "image_url", "image_url": {"url": str(url)}} if url.startswith("data:"):
            kind, _, data = url.removeprefix("data:").partition(";base64,")
            yield f"{kind} {size_of(data)}"
        case {"type": "image_url", "image_url": {"url": str(url)}}:
            yield f"image {url}"
        case {"type": "input_audio", "input_audio": {"format": str(kind), "data": data}}:
            yield f"audio/{kind} {size_of(data)}"
        case {"type": "file", "file": {"filename": str(name)}}:
            yield f"file {name}"


def tools(body: Json) -> tuple[Tool, ...]:
    """The tools that may be called; a forced one stands alone."""
    chosen = body.get("tool_choice")
    if chosen == "none":
        return ()
    functions = [tool["function"] for tool in dicts(body.get("tools")) if _is_function(tool)]
    offered = tuple(
        Tool(str(function.get("name", "")), mapping(function.get("parameters")))
        for function in functions
    )
    match chosen:
        case {"function": {"name": str(name)}}:
            return tuple(tool for tool in offered if tool.name == name)
        case _:
            return offered


def _is_function(tool: Json) -> bool:
    return isinstance(tool.get("function"), dict)


def usage(answer: Answer) -> Json | None:
    """Spell the usage block of chat and legacy completions."""
    if answer.usage is None:
        return None
    completion = answer.usage.output + answer.usage.reasoning
    counts: Json = {
        "prompt_tokens": answer.usage.prompt,
        "completion_tokens": completion,
        "total_tokens": answer.usage.prompt + completion,
        "prompt_tokens_details": {"cached_tokens": answer.usage.cached},
        "completion_tokens_details": {"reasoning_tokens": answer.usage.reasoning},
    }
    return tell(counts, answer.lie)


def whole(question: Question, answer: Answer) -> bytes:
    """Spell a chat completion."""
    message: Json = {"role": "assistant", "content": answer.text, "refusal": None}
    if answer.thinking:
        message["reasoning_content"] = answer.thought
    if answer.calls:
        message["content"] = answer.text or None
        message["tool_calls"] = [
            _call(question, index, call, json.encode(call.arguments).decode())
            for index, call in enumerate(answer.calls)
        ]
    finish = FINISHES[answer.finish]
    reply: Json = {
        "id": f"chatcmpl-lab-{question.number}",
        "object": "chat.completion",
        "created": CREATED,
        "model": question.model,
        "choices": [
            {"index": index, "message": message, "logprobs": None, "finish_reason": finish}
            for index in range(question.prompt.choices)
        ],
    }
    counts = usage(answer)
    return json.encode(reply if counts is None else reply | {"usage": counts})


def _call(question: Question, index: int, call: Call, arguments: str) -> Json:
    return {
        "id": f"call_lab_{question.number}_{index}",
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }


def frames(question: Question, answer: Answer) -> list[bytes]:
    """Spell a chat completion as a stream, all choices side by side."""
    wants_usage = question.prompt.include_usage
    head: Json = {
        "id": f"chatcmpl-lab-{question.number}",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": question.model,
    }
    rest: Json = {"usage": None} if wants_usage else {}
    steps: list[tuple[Json, str | None]] = [(delta, None) for delta in _deltas(question, answer)]
    steps.append(({}, FINISHES[answer.finish]))
    pieces = [
        frame(head | {"choices": [_choice(index, delta, finish)]} | rest)
        for delta, finish in steps
        for index in range(question.prompt.choices)
    ]
    counts = usage(answer)
    if wants_usage and counts is not None:
        pieces.append(frame(head | {"choices": [], "usage": counts}))
    return [*pieces, DONE]


def _choice(index: int, delta: Json, finish: str | None) -> Json:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}


def _deltas(question: Question, answer: Answer) -> Iterator[Json]:
    yield {"role": "assistant", "content": ""}
    for piece in answer.thinking:
        yield {"reasoning_content": piece}
    for piece in answer.pieces:
        yield {"content": piece}
    for index, call in enumerate(answer.calls):
        arguments = json.encode(call.arguments).decode()
        middle = len(arguments) // 2
        yield {"tool_calls": [{"index": index, **_call(question, index, call, "")}]}
        for part in (arguments[:middle], arguments[middle:]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": part}}]}


def frame(data: Any) -> bytes:
    """One unnamed SSE event."""
    return b"data: " + json.encode(data) + b"\n\n"


def _error_body(fault: Fault) -> Json:
    kind, code = KINDS.get(
        fault.status, ("invalid_request_error" if fault.status < 500 else "server_error", None)
    )
    return {
        "error": {
            "message": fault.message,
            "type": fault.kind or kind,
            "param": fault.param or None,
            "code": fault.code or code,
        }
    }


def error(fault: Fault) -> bytes:
    """Spell an error."""
    return json.encode(_error_body(fault))


def error_frame(_question: Question, fault: Fault) -> bytes:
    """Spell an error inside a stream."""
    return frame(_error_body(fault))


OPENAI = Wire(
    name="openai",
    read=read,
    whole=whole,
    frames=frames,
    error=error,
    error_frame=error_frame,
    last_frame=DONE,
)
