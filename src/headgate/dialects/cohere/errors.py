"""Errors of Cohere's API, with a status of their own and inside a 200.

Source: docs.cohere.com/reference/errors; `providers.md` 4.6 and 7.1, `recordings.md` 5.10.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from headgate.base.failure import Failure, FailureKind, bad_reply
from headgate.base.frames import Frame
from headgate.base.secrets import mask
from headgate.dialects.dialect import UpstreamError
from headgate.dialects.lenient_json import object_of, parsed_object, text_of
from headgate.dialects.told_errors import status_of
from headgate.ir.request import Json

_K = FailureKind
_DONE = b"[DONE]"
MALFORMED_CALL = "INVALID_TOOL_GENERATION"
# Finish reasons that say that the vendor broke, not the model's own end.
BROKEN_REASONS = frozenset({"ERROR", "TIMEOUT", "USER_CANCEL"})

# In this order: the first row with a word in the type or the message counts.
_BY_WORD: tuple[tuple[FailureKind, re.Pattern[str]], ...] = (
    (_K.CONTEXT_TOO_LONG, re.compile(r"too_many_tokens|too many tokens|context length")),
    (_K.UPSTREAM_KEY_REFUSED, re.compile(r"invalid api token|incorrect api key|no api key")),
    (_K.UPSTREAM_QUOTA, re.compile(r"billing|payment|calls? ?/ ?month|per month")),
    (_K.UPSTREAM_RATE_LIMITED, re.compile(r"rate.?limit|too many requests|trial key")),
    (_K.UPSTREAM_NOT_FOUND, re.compile(r"model '.*' (?:not found|was removed)")),
    (_K.UPSTREAM_OVERLOADED, re.compile(r"overload|unavailable|server.?busy|timeout|timed out")),
)


def decode_error(body: Mapping[str, Any]) -> UpstreamError | None:
    """Read an error object. None for an answer, whose `message` is an object.

    Shape: {"id", "message", "error_type"?}; in a stream's end {"error", "error_type"?}; whoever
    stands in between may wrap it: {"error": {"message", "type", "code"}}.
    """
    wrapped = object_of(body.get("error"))
    message = (
        text_of(wrapped.get("message"))
        or text_of(body.get("error"))
        or text_of(body.get("message"))
    )
    kind = text_of(body.get("error_type")) or text_of(wrapped.get("type"))
    if not (message or wrapped):
        return None
    code = wrapped.get("code")
    return UpstreamError(
        message=mask(message),
        kind=kind,
        code=str(code) if isinstance(code, str | int) else "",
        status=status_of(code),
    )


def failure_of(error: UpstreamError) -> Failure:
    """Judge an error that came without an HTTP status of its own: in a stream, or inside a 200."""
    said = f"{error.kind} {error.message}".lower()
    kind = next((kind for kind, words in _BY_WORD if words.search(said)), _K.UPSTREAM_ERROR)
    return Failure(
        kind=kind,
        message=error.message or error.kind or "the upstream sent an error without a message",
        code=error.kind or error.code or None,
    )


def broken_off(finish_reason: str, *places: Mapping[str, Any]) -> Failure | None:
    """Judge a finish reason; the error's words are in one of the places. None: a sound end.

    A call that the model spelled wrong is no failure of the vendor: the caller is told so.
    """
    if finish_reason not in BROKEN_REASONS:
        return None
    kind = next((word for place in places if (word := text_of(place.get("error_type")))), "")
    if kind == MALFORMED_CALL:
        return None
    error = next((found for place in places if (found := decode_error(place))), UpstreamError())
    return failure_of(
        UpstreamError(message=error.message or f"the upstream gave up: {finish_reason}", kind=kind)
    )


def inspect_first(frame: Frame) -> Failure | None:
    """Judge a stream's first frame; event types yet unknown may begin an answer."""
    if frame.data.strip() == _DONE:
        return bad_reply("the upstream's stream ended before it began")
    event = parsed_object(frame.data)
    if event is None:
        return bad_reply("the upstream's stream does not begin with JSON")
    kind = text_of(event.get("type")) or frame.event
    if kind == "message-end":
        delta = object_of(event.get("delta"))
        reason = text_of(delta.get("finish_reason"))
        return broken_off(reason, delta, event) or bad_reply("the upstream's answer is empty")
    if not kind or kind == "error":
        error = decode_error(event)
        if error is not None:
            return failure_of(error)
        return bad_reply("the upstream's stream does not begin with an event of Cohere's API")
    return None


def inspect_reply(body: bytes) -> Failure | None:
    """Judge a whole body. An empty message is an answer if it says why it stopped."""
    reply = parsed_object(body)
    if reply is None:
        return bad_reply("the upstream's answer is not a JSON object")
    if not isinstance(reply.get("message"), dict):
        error = decode_error(reply)
        if error is not None:
            return failure_of(error)
        return bad_reply("the upstream's answer has no message")
    reason = text_of(reply.get("finish_reason"))
    if not reason and not _says_something(reply["message"]):
        return bad_reply("the upstream's answer is empty")
    return broken_off(reason, {k: v for k, v in reply.items() if k != "message"})


def _says_something(message: Json) -> bool:
    return any(message.get(key) for key in ("content", "tool_calls", "tool_plan"))
