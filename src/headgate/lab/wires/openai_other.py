"""OpenAI's endpoints that are not chats: how their bodies are read, JSON or form.

The answers are in `images`, `speech`, `transcripts`, `stored`; see `tasks`.

Source: platform.openai.com/docs/api-reference
"""

from __future__ import annotations

import msgspec
from msgspec import json

from headgate.lab.plan import Plan, whole
from headgate.lab.wires import openai
from headgate.lab.wires.question import Fault, Json, Prompt, Question, whole_number


def read(body: Json) -> Prompt:
    """Read what these requests share; a form says its numbers and flags as text."""
    model = body.get("model")
    return Prompt(
        model=model if isinstance(model, str) else "",
        stream=body.get("stream") in (True, "true"),
        body=body,
    )


def number(value: object, default: int) -> int:
    """An integer of a JSON body or of a form."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value[:9])
    known = whole_number(value)
    return default if known is None else known


def text(question: Question, name: str) -> str:
    """A text of the body, empty where there is none."""
    value = question.prompt.body.get(name)
    return value if isinstance(value, str) else ""


def refusal(message: str, status: int = 400) -> Plan:
    """Refuse as OpenAI does."""
    kind, code = "invalid_request_error", "not_found" if status == 404 else "invalid_value"
    return whole(openai.error(Fault(status, message, kind, code)), status=status)


def missing(name: str) -> Plan:
    """Refuse a request that lacks something."""
    return refusal(f"Missing required parameter: '{name}'.")


def event(data: Json, *, named: bool = False) -> bytes:
    """One SSE event, with its type as the event's name where that API does so."""
    name = f"event: {data['type']}\n".encode() if named else b""
    return name + openai.frame(data)


def text_of(error: bytes) -> str:
    """The message of an error's body, or the body itself where it is in another shape."""
    try:
        body = json.decode(error)
    except msgspec.DecodeError:
        return error.decode(errors="replace")
    match body:
        case {"error": {"message": str(message)}}:
            return message
        case _:
            return error.decode(errors="replace")
