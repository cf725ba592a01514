"""What the caller asked, once."""

from __future__ import annotations

from typing import Any

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.dialects.dialect import Fields
from headgate.dialects.fields import field
from headgate.providers.provider import Operation
from headgate.relay.form import Form

_MOST_TOKENS = 10_000_000
_MOST_ANSWERS = 128  # OpenAI's own bound
_LONGEST_TEXT = 1000  # names are repeated in messages, logs and records


class Call(msgspec.Struct, kw_only=True):
    """One request of a caller, its body's top level decoded.

    `headers` as received, names in lower case. `received_s` is monotonic. `connection` names one
    whose requests are a conversation (a WebSocket).
    """

    request_id: str
    operation: Operation
    dialect: str
    path: str
    model: str
    fields: Fields
    body: bytes
    headers: list[tuple[bytes, bytes]]
    received_s: float
    client_ip: str = ""
    stream: bool = False
    include_usage: bool = False
    as_array: bool = False  # a Gemini stream as one JSON array
    connection: str = ""
    form: Form | None = None  # a form with files, instead of `body`
    prompt_tokens: int | None = None  # an estimate, made when it is first asked for

    @property
    def size(self) -> int:
        """How many bytes were sent."""
        return len(self.body) if self.form is None else self.form.size

    def value(self, name: str) -> Any:
        """Decode one top-level field; None if it is absent."""
        return field(self.fields, name)

    def max_tokens(self) -> int | None:
        """The caller's bound on the output, in whichever spelling; None if there is none."""
        for value in (
            *map(self.value, ("max_completion_tokens", "max_tokens", "max_output_tokens")),
            self._gemini_option("maxOutputTokens", "max_output_tokens"),
        ):
            if isinstance(value, int) and not isinstance(value, bool):
                return min(max(value, 0), _MOST_TOKENS)
        return None

    def _gemini_option(self, *spellings: str) -> Any:
        config = self.value("generationConfig") or self.value("generation_config")
        if not isinstance(config, dict):
            return None
        return next((config[name] for name in spellings if name in config), None)

    def answers(self) -> int:
        """How many answers the caller wants (`n`); 1 unless it says a sensible number."""
        value = self.value("n") or self._gemini_option("candidateCount", "candidate_count")
        if isinstance(value, bool) or not isinstance(value, int):
            return 1
        return min(max(value, 1), _MOST_ANSWERS)


def text_field(fields: Fields, name: str) -> str:
    """Read a field that must be a non-empty string, and a short one.

    Errors: RelayError INVALID_REQUEST naming the field.
    """
    value = field(fields, name)
    if isinstance(value, str) and 0 < len(value) <= _LONGEST_TEXT:
        return value
    problem = "must be a non-empty string"
    if name not in fields:
        problem = "is required"
    elif value:
        problem += f" of at most {_LONGEST_TEXT} characters"
    raise RelayError(
        Failure(kind=FailureKind.INVALID_REQUEST, message=f"`{name}` {problem}", param=name)
    )


def flag_field(fields: Fields, name: str) -> bool:
    """Read an optional field that must be true or false.

    Errors: RelayError INVALID_REQUEST naming the field.
    """
    raw = fields.get(name)
    if raw is None:
        return False
    text = bytes(raw)
    if text == b"true":
        return True
    if text in (b"false", b"null"):
        return False
    raise RelayError(
        Failure(
            kind=FailureKind.INVALID_REQUEST, message=f"`{name}` must be true or false", param=name
        )
    )


def asks_for_usage(fields: Fields) -> bool:
    """OpenAI's `stream_options.include_usage`."""
    options = field(fields, "stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True
