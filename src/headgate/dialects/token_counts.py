"""Counting a prompt's tokens without an answer, in each dialect that can be asked for it.

Sources: platform.claude.com/docs/en/api/messages-count-tokens; ai.google.dev/api/tokens;
platform.openai.com/docs/api-reference/responses/input-tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.dialects.dialect import Fields
from headgate.ir.request import Json
from headgate.ir.usage import clamped

_GENERATE = "generateContentRequest"
_ANTHROPIC_FIELDS = frozenset(
    {"model", "messages", "system", "tools", "tool_choice", "thinking", "output_config"}
    | {"cache_control", "mcp_servers", "context_management", "speed"}
)
_RESPONSES_FIELDS = frozenset(
    {"model", "input", "instructions", "tools", "tool_choice", "text", "reasoning"}
    | {"parallel_tool_calls", "truncation", "previous_response_id", "conversation"}
)
_GEMINI_FIELDS = frozenset(
    {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "cachedContent"}
    | {"safetySettings"}
)


class CountForm(msgspec.Struct, frozen=True, kw_only=True):
    """How one dialect asks for a count and tells it.

    `question` makes an upstream's body of a chat body in the dialect and the model; `chat_body`
    gives the chat body that a caller's question is about; `read` takes the number from an answer,
    None if there is none; `write` makes the answer.
    """

    question: Callable[[Json, str], Json]
    chat_body: Callable[[Fields], Fields]
    read: Callable[[Mapping[str, Any]], int | None]
    write: Callable[[int], Json]


def _only(names: frozenset[str], body: Json) -> Json:
    return {name: value for name, value in body.items() if name in names}


def _gemini_question(body: Json, model: str) -> Json:
    return {_GENERATE: {**_only(_GEMINI_FIELDS, body), "model": f"models/{model}"}}


def _inside(fields: Fields) -> Fields:
    """Take a whole generateContent request out of the question, or its bare contents."""
    asked = fields.get(_GENERATE) or fields.get("generate_content_request")
    if asked is None:
        return fields
    try:
        return msgspec.json.decode(asked, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        raise RelayError(
            Failure(
                kind=FailureKind.INVALID_REQUEST,
                message=f"`{_GENERATE}` must be an object",
                param=_GENERATE,
            )
        ) from None


def _number(field: str) -> Callable[[Mapping[str, Any]], int | None]:
    def read(wire: Mapping[str, Any]) -> int | None:
        value = wire.get(field)
        return clamped(value) if isinstance(value, int) and not isinstance(value, bool) else None

    return read


COUNTS: Mapping[str, CountForm] = {
    "anthropic": CountForm(
        question=lambda body, model: _only(_ANTHROPIC_FIELDS, body) | {"model": model},
        chat_body=lambda fields: fields,
        read=_number("input_tokens"),
        write=lambda count: {"input_tokens": count},
    ),
    "gemini": CountForm(
        question=_gemini_question,
        chat_body=_inside,
        read=_number("totalTokens"),
        write=lambda count: {"totalTokens": count},
    ),
    "openai_responses": CountForm(
        question=lambda body, model: _only(_RESPONSES_FIELDS, body) | {"model": model},
        chat_body=lambda fields: fields,
        read=_number("input_tokens"),
        write=lambda count: {"object": "response.input_tokens", "input_tokens": count},
    ),
}
