"""Cohere's chat, version 2.

Source: docs.cohere.com/v2/reference/chat, docs.cohere.com/v2/docs/streaming
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import json

from headgate.lab.wires.openai import DONE, media, texts, tools
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
    tell,
    whole_number,
)
from headgate.lab.wires.wire import Wire

FINISHES = {"stop": "COMPLETE", "length": "MAX_TOKENS", "tool": "TOOL_CALL"}
# What the template of the real one adds to a prompt; it is counted, not billed.
TEMPLATE_TOKENS = 60


def read(body: Json) -> Prompt:
    """Read a chat request."""
    messages = dicts(body.get("messages"))
    users = [message for message in messages if message.get("role") == "user"]
    parts = [part for message in messages for part in dicts(message.get("content"))]
    last = messages[-1] if messages else {}
    return Prompt(
        model=str(body.get("model") or ""),
        stream=body.get("stream") is True,
        max_tokens=whole_number(body.get("max_tokens")),
        texts=tuple(text for message in messages for text in content_texts(message)),
        last_text=" ".join(texts(users[-1].get("content"))) if users else "",
        tool_result=" ".join(content_texts(last)) if last.get("role") == "tool" else None,
        tools=_tools(body),
        media=tuple(note for part in parts for note in media(part)),
        body=body,
        problem="" if messages else "invalid request: messages must not be empty",
    )


def content_texts(message: Json) -> Iterator[str]:
    """The texts of a message, and its documents, JSON in its spelling."""
    yield from texts(message.get("content"))
    for part in dicts(message.get("content")):
        data = mapping(part.get("document")).get("data")
        if data is not None:
            yield data if isinstance(data, str) else json.encode(data).decode()


def _tools(body: Json) -> tuple[Tool, ...]:
    if body.get("tool_choice") == "NONE":
        return ()
    return tools(body)


def _usage(answer: Answer) -> Json | None:
    """Spell the usage; `billed_units` leave the template and the thinking out."""
    if answer.usage is None:
        return None
    used = answer.usage
    counts: Json = {
        "billed_units": {"input_tokens": used.prompt, "output_tokens": used.output},
        "tokens": {
            "input_tokens": used.prompt + TEMPLATE_TOKENS,
            "output_tokens": used.output + used.reasoning,
        },
        "cached_tokens": used.cached,
    }
    if used.reasoning:
        counts["tokens"]["reasoning_tokens"] = used.reasoning
    return tell(counts, answer.lie)


def _with_usage(reply: Json, answer: Answer) -> Json:
    counts = _usage(answer)
    return reply if counts is None else reply | {"usage": counts}


def _call(question: Question, index: int, call: Call, arguments: str) -> Json:
    return {
        "id": f"{call.name}_lab{question.number}x{index}",
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }


def whole(question: Question, answer: Answer) -> bytes:
    """Spell a reply; a tool call comes without text."""
    content: list[Json] = []
    if answer.thinking:
        content.append({"type": "thinking", "thinking": answer.thought})
    if answer.pieces or not answer.calls:
        content.append({"type": "text", "text": answer.text})
    message: Json = {"role": "assistant"}
    if content:
        message["content"] = content
    if answer.calls:
        message["tool_calls"] = [
            _call(question, index, call, json.encode(call.arguments).decode())
            for index, call in enumerate(answer.calls)
        ]
    reply: Json = {
        "id": f"lab-{question.number}",
        "message": message,
        "finish_reason": FINISHES[answer.finish],
    }
    return json.encode(_with_usage(reply, answer))


def frames(question: Question, answer: Answer) -> list[bytes]:
    """Spell a reply as a stream: contents, then calls, usage at the end."""
    start: Json = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": []}
    head: Json = {"type": "message-start", "id": f"lab-{question.number}"}
    events = [head | {"delta": {"message": start}}, *_contents(answer), *_calls(question, answer)]
    delta = _with_usage({"finish_reason": FINISHES[answer.finish]}, answer)
    events.append({"type": "message-end", "delta": delta})
    return [*(frame(event) for event in events), DONE]


def _contents(answer: Answer) -> Iterator[Json]:
    contents = [("thinking", answer.thinking)] if answer.thinking else []
    if answer.pieces or not answer.calls:
        contents.append(("text", answer.pieces))
    for index, (kind, pieces) in enumerate(contents):
        yield _event("content-start", index, {"content": {"type": kind, kind: ""}})
        for piece in pieces:
            yield _event("content-delta", index, {"content": {kind: piece}})
        yield {"type": "content-end", "index": index}


def _calls(question: Question, answer: Answer) -> Iterator[Json]:
    for index, call in enumerate(answer.calls):
        arguments = json.encode(call.arguments).decode()
        middle = len(arguments) // 2
        start = _call(question, index, call, "")
        yield _event("tool-call-start", index, {"tool_calls": start})
        for part in (arguments[:middle], arguments[middle:]):
            piece = {"function": {"arguments": part}}
            yield _event("tool-call-delta", index, {"tool_calls": piece})
        yield {"type": "tool-call-end", "index": index}


def _event(kind: str, index: int, message: Json) -> Json:
    return {"type": kind, "index": index, "delta": {"message": message}}


def frame(event: Json) -> bytes:
    """One SSE event, named like its type."""
    name: str = event["type"]
    return b"event: " + name.encode() + b"\ndata: " + json.encode(event) + b"\n\n"


def error(fault: Fault) -> bytes:
    """Spell an error."""
    return json.encode({"id": "lab", "message": fault.message})


def error_frame(_question: Question, fault: Fault) -> bytes:
    """Spell an error inside a stream, which is its end."""
    delta = {"finish_reason": "ERROR", "error": fault.message, "usage": {}}
    return frame({"type": "message-end", "delta": delta})


COHERE = Wire(
    name="cohere",
    read=read,
    whole=whole,
    frames=frames,
    error=error,
    error_frame=error_frame,
    last_frame=DONE,
)
