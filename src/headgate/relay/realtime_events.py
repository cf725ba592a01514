"""OpenAI's Realtime events, as far as a relay must know them: names of models, usage, limits.

Everything else goes on as it came.
Source: platform.openai.com/docs/api-reference/realtime-client-events and -server-events.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headgate.base.failure import Failure
from headgate.base.ids import new_id
from headgate.dialects.openai_chat import OPENAI_CHAT
from headgate.ir.usage import Usage, clamped

Json = dict[str, Any]

SESSION_EVENTS = frozenset(
    {"session.created", "session.updated", "session.update"}
    | {"transcription_session.created", "transcription_session.updated"}
    | {"transcription_session.update"}
)
_TRANSCRIBED = "conversation.item.input_audio_transcription.completed"


class _Head(msgspec.Struct):
    type: str = ""


_head = msgspec.json.Decoder(_Head)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def type_of(data: bytes) -> str:
    """Read an event's type; "" when it is no event."""
    try:
        return _head.decode(data).type
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def session_model(data: bytes) -> str | None:
    """Read `session.model` of an event; None when it names none."""
    try:
        session = _fields.decode(_fields.decode(data)["session"])
        model = msgspec.json.decode(session["model"])
    except (msgspec.DecodeError, RecursionError, KeyError):
        return None
    return model if isinstance(model, str) else None


def with_session_model(data: bytes, model: str) -> bytes:
    """Write another name into `session.model`; the event must name one. The rest stays as sent."""
    event = _fields.decode(data)
    session = _fields.decode(event["session"])
    session["model"] = msgspec.Raw(msgspec.json.encode(model))
    event["session"] = msgspec.Raw(msgspec.json.encode(session))
    return msgspec.json.encode(event)


def error_event(failure: Failure, request_id: str) -> bytes:
    """Spell a failure for the caller."""
    error = OPENAI_CHAT.encode_error(failure, request_id)["error"]
    event = {"type": "error", "event_id": new_id("event_"), "error": {**error, "event_id": None}}
    return msgspec.json.encode(event)


def decode_usage(wire: Json) -> Usage:
    """Read the `usage` of a response, or of a transcript.

    Shape:  {"input_tokens", "output_tokens", "input_token_details": {"text_tokens",
            "audio_tokens", "image_tokens", "cached_tokens", "cached_tokens_details": {...}},
            "output_token_details": {"text_tokens", "audio_tokens"}}, each optional.
    Units:  tokens; `input_tokens` holds the cached ones, and so do the counts of its kinds.
    Errors: none; a missing or impossible count is zero.
    """
    read, written = _object(wire, "input_token_details"), _object(wire, "output_token_details")
    cached = _object(read, "cached_tokens_details")
    prompt, output = clamped(wire.get("input_tokens")), clamped(wire.get("output_tokens"))
    cache_read = min(clamped(read.get("cached_tokens")), prompt)
    fresh = prompt - cache_read
    return Usage(
        input=fresh,
        cache_read=cache_read,
        output=output,
        audio_input=_fresh(read, cached, "audio_tokens", fresh),
        image_input=_fresh(read, cached, "image_tokens", fresh),
        audio_output=min(clamped(written.get("audio_tokens")), output),
    )


def _fresh(read: Json, cached: Json, name: str, most: int) -> int:
    return min(max(clamped(read.get(name)) - clamped(cached.get(name)), 0), most)


def _object(wire: Json, name: str) -> Json:
    value = wire.get(name)
    return value if isinstance(value, dict) else {}


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One response, or one transcript, and what it used.

    Units: `began_s` and `first_s` on the clock that the meter was fed with. `status` is the
    vendor's word ("completed", "cancelled", "failed"...; "cut" when the end was never told).
    """

    usage: Usage | None
    is_estimated: bool = False
    status: str = "completed"
    error: str = ""
    began_s: float = 0.0
    first_s: float | None = None


class RealtimeMeter:
    """Watches what a session says, and finds what each of its responses used."""

    def __init__(self) -> None:
        self.is_busy = False  # a response is under way
        self.wait_s: float | None = None  # the last limits told were used up for so long
        self._began_s = 0.0
        self._first_s: float | None = None
        self._deltas = 0  # about one token each
        self._said = 0  # tokens of the conversation so far, which the next response will read

    def feed(self, kind: str, data: bytes, now_s: float) -> Turn | None:
        """Look at an event of this type; give the turn that it ends."""
        if kind.startswith("response."):
            return self._response(kind, data, now_s)
        if kind == _TRANSCRIBED:
            usage = _object(_decoded(data), "usage")
            # By the second is the other way of billing it, which no price here knows.
            if usage.get("type", "tokens") == "tokens" and usage:
                return Turn(usage=decode_usage(usage), began_s=now_s)
        elif kind == "rate_limits.updated":
            self.wait_s = _wait_s(_decoded(data).get("rate_limits"))
        return None

    def unfinished(self) -> Turn | None:
        """Estimate what a response used that will not come to its end."""
        if not self.is_busy:
            return None
        self.is_busy = False
        usage = Usage(input=self._said, output=self._deltas) if self._deltas else None
        return Turn(
            usage=usage,
            is_estimated=usage is not None,
            status="cut",
            began_s=self._began_s,
            first_s=self._first_s,
        )

    def _response(self, kind: str, data: bytes, now_s: float) -> Turn | None:
        if kind == "response.done":
            return self._done(_object(_decoded(data), "response"), now_s)
        if kind == "response.created":
            self.is_busy = True
            self._began_s, self._first_s, self._deltas = now_s, None, 0
        elif kind.endswith(".delta"):
            self._deltas += 1
            if self._first_s is None:
                self._first_s = now_s
        return None

    def _done(self, response: Json, now_s: float) -> Turn:
        estimate = self.unfinished() or Turn(usage=None, began_s=now_s)
        usage = _object(response, "usage")
        status = response.get("status")
        error = _object(_object(response, "status_details"), "error")
        turn = msgspec.structs.replace(
            estimate,
            status=status if isinstance(status, str) else "completed",
            error=str(error.get("message") or error.get("code") or ""),
        )
        if usage:
            turn = msgspec.structs.replace(turn, usage=decode_usage(usage), is_estimated=False)
        if turn.usage is not None:
            self._said = turn.usage.total
        return turn


def _decoded(data: bytes) -> Json:
    try:
        event = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _wait_s(limits: object) -> float | None:
    """How long until the limit that is used up is whole again; None when none is."""
    waits = [
        float(limit["reset_seconds"])
        for limit in (limits if isinstance(limits, list) else ())
        if isinstance(limit, dict)
        and limit.get("remaining") == 0
        and isinstance(limit.get("reset_seconds"), int | float)
    ]
    return max(waits, default=None)
