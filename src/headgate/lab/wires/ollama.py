"""Ollama's own chat: a JSON object to a line, streamed unless the caller says no.

Source: github.com/ollama/ollama/blob/main/docs/api.md
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import json

from headgate.lab.wires.openai import texts, tools
from headgate.lab.wires.question import (
    Answer,
    Call,
    Fault,
    Json,
    Prompt,
    Question,
    dicts,
    mapping,
    size_of,
    tell,
    whole_number,
)
from headgate.lab.wires.wire import Wire

NDJSON_TYPE = "application/x-ndjson"
CREATED_AT = "2026-11-18T11:06:40.000000Z"
# Ollama does not tell a tool call from an end.
FINISHES = {"stop": "stop", "length": "length", "tool": "stop"}


def read(body: Json) -> Prompt:
    """Read a chat request."""
    messages = dicts(body.get("messages"))
    users = [message for message in messages if message.get("role") == "user"]
    last = messages[-1] if messages else {}
    options = mapping(body.get("options"))
    return Prompt(
        model=str(body.get("model") or ""),
        stream=body.get("stream") is not False,
        max_tokens=whole_number(options.get("num_predict")),
        texts=tuple(text for message in messages for text in texts(message.get("content"))),
        last_text=" ".join(texts(users[-1].get("content"))) if users else "",
        tool_result=_tool_result(messages) if last.get("role") == "tool" else None,
        tools=tools(body),
        media=tuple(note for message in messages for note in _media(message)),
        body=body,
        problem=_problem(messages),
    )


def _problem(messages: list[Json]) -> str:
    if not messages:
        return "messages: required"
    if any(not isinstance(message.get("content", ""), str) for message in messages):
        return (
            "json: cannot unmarshal array into Go struct field Message.messages.content"
            " of type string"
        )
    return ""


def _tool_result(messages: list[Json]) -> str:
    """The texts of the tool messages at the end."""
    results: list[str] = []
    for message in reversed(messages):
        if message.get("role") != "tool":
            break
        results = [*texts(message.get("content")), *results]
    return " ".join(results)


def _media(message: Json) -> Iterator[str]:
    images = message.get("images")
    for image in images if isinstance(images, list) else []:
        yield f"image {size_of(image)}"


def _usage(answer: Answer) -> Json:
    """Spell the counts, which stand beside the message."""
    if answer.usage is None:
        return {}
    used = answer.usage
    counts: Json = {
        "prompt_eval_count": used.prompt,
        "eval_count": used.output + used.reasoning,
    }
    return tell(counts, answer.lie)


def _line(question: Question, message: Json, *, rest: Json) -> Json:
    head = {"model": question.model, "created_at": CREATED_AT}
    return head | {"message": {"role": "assistant", "content": ""} | message} | rest


def _end(answer: Answer) -> Json:
    times = {
        "total_duration": 746_459_542,
        "load_duration": 10_482_042,
        "prompt_eval_duration": 14_000_000,
        "eval_duration": 721_000_000,
    }
    return {"done": True, "done_reason": FINISHES[answer.finish]} | times | _usage(answer)


def _call(question: Question, index: int, call: Call) -> Json:
    function = {"index": index, "name": call.name, "arguments": call.arguments}
    return {"id": f"call_lab_{question.number}_{index}", "function": function}


def whole(question: Question, answer: Answer) -> bytes:
    """Spell a reply; arguments are an object."""
    message: Json = {"content": answer.text}
    if answer.thinking:
        message["thinking"] = answer.thought
    if answer.calls:
        message["tool_calls"] = [
            _call(question, index, call) for index, call in enumerate(answer.calls)
        ]
    return json.encode(_line(question, message, rest=_end(answer)))


def frames(question: Question, answer: Answer) -> list[bytes]:
    """Spell a reply as a stream, a call in one line."""
    steps: list[Json] = [{"thinking": piece} for piece in answer.thinking]
    steps += [{"content": piece} for piece in answer.pieces]
    steps += [
        {"tool_calls": [_call(question, index, call)]} for index, call in enumerate(answer.calls)
    ]
    lines = [_line(question, message, rest={"done": False}) for message in steps]
    lines.append(_line(question, {}, rest=_end(answer)))
    return [json.encode(line) + b"\n" for line in lines]


def error(fault: Fault) -> bytes:
    """Spell an error."""
    return json.encode({"error": fault.message})


def error_frame(_question: Question, fault: Fault) -> bytes:
    """Spell an error inside a stream."""
    return error(fault) + b"\n"


OLLAMA = Wire(
    name="ollama",
    read=read,
    whole=whole,
    frames=frames,
    error=error,
    error_frame=error_frame,
    last_frame=b"",
    stream_type=NDJSON_TYPE,
    broken_frame=b'{"message": {"content": \n',
)
