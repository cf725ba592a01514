"""Errors of the Responses API, both ways: bodies, events of a stream, and errors inside a 200.

Source: developers.openai.com/api/docs/guides/error-codes and /api/reference (error event, response
errors); `recordings.md` 5.3 and 5.10, `providers.md` 7.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from headgate.base.failure import EMPTY_REPLY, Failure, FailureKind, bad_reply
from headgate.base.frames import Frame
from headgate.dialects.dialect import UpstreamError
from headgate.dialects.framing.sse import frame_bytes
from headgate.dialects.lenient_json import parsed_object, text_of
from headgate.dialects.openai_errors import code_in, failure_of_words
from headgate.dialects.told_errors import detail_text, told_error
from headgate.ir.request import Json

_DONE = b"[DONE]"
_STATUS_KEYS = ("status_code", "status", "code")
_K = FailureKind

# ------------------------------------------------------------------------- reading


def decode_error(body: Mapping[str, Any]) -> UpstreamError | None:
    """Read an error object. None when this is none (an answer, or something else).

    Shape:  {"error": {"message", "type", "param", "code"} | "text"} of bodies, of `error` events
            as they really come, and of failed responses; {"type": "error", "message", "code",
            "param"} of events as documented; {"detail": "text"} of the ChatGPT backend; {"code",
            "error": "text"} of xAI.
    """
    error = body.get("error")
    if isinstance(error, str) and error:
        return _error({"message": error, "code": body.get("code"), "type": body.get("error_type")})
    if isinstance(error, dict) and error:
        return _error(error)
    if isinstance(response := body.get("response"), dict):
        return decode_error(response)
    if body.get("type") == "error":
        return _error({**body, "type": None})
    detail = body.get("detail")
    if isinstance(detail, dict):
        return _error(detail)
    if detail:
        return _error({"message": detail_text(detail)})
    if isinstance(body.get("message"), str) and "output" not in body:
        return _error(body)
    return None


def _error(error: Mapping[str, Any]) -> UpstreamError:
    return told_error(
        message=text_of(error.get("message")) or text_of(error.get("msg")),
        kind=error.get("type"),
        code=code_in(error),
        param=error.get("param"),
        statuses=[error.get(key) for key in _STATUS_KEYS],
        retry_after_s=error.get("resets_in_seconds"),
    )


# In this order: the first row with a word in code, type or message counts (`providers.md` 7.2).
_BY_WORD: tuple[tuple[FailureKind, re.Pattern[str]], ...] = (
    (
        _K.CONTEXT_TOO_LONG,
        re.compile(r"context.?length|context window|prompt is too long|input (is )?too long"),
    ),
    (
        _K.CONTENT_REFUSED,
        re.compile(
            r"content.?filter|content.policy|responsibleai|policy.violation|invalid_prompt"
            r"|cyber_policy|bio_policy|usage guidelines|content_policy"
        ),
    ),
    (
        _K.UPSTREAM_QUOTA,
        re.compile(
            r"insufficient.?(quota|balance|credits)|exceeded your current quota|billing"
            r"|usage.?limit|usage_not_included|spending limit|credit balance"
        ),
    ),
    (
        _K.UPSTREAM_KEY_REFUSED,
        re.compile(
            r"invalid.?api.?key|incorrect api key|authentication_error|unauthorized"
            r"|authentication token|account_deactivated"
        ),
    ),
    (_K.UPSTREAM_RATE_LIMITED, re.compile(r"rate.?limit|too many requests|throttl")),
    (
        _K.UPSTREAM_OVERLOADED,
        re.compile(r"overload|capacity|unavailable|slow_down|server.?busy"),
    ),
    (
        _K.INVALID_REQUEST,
        re.compile(
            r"invalid_image|invalid_base64|image_(too|parse|file)|unsupported_image|empty_image"
            r"|failed_to_download|invalid_request|previous_response_not_found"
        ),
    ),
)


def failure_of(error: UpstreamError) -> Failure:
    """Classify an error that came inside a 200, where no HTTP status speaks for it."""
    return failure_of_words(error, _BY_WORD)


# --------------------------------------------------------------- errors inside a 200

_NOTHING = frozenset({b"null", b'""', b"[]", b"{}"})


# What other operations answer: a count of tokens, a response that was deleted, a list of items.
_OTHER_OBJECTS = (b'"response', b'"list"')


class _Glance(Struct):
    """As much of a whole body as tells whether it is an answer."""

    object: Raw = Raw(b"null")
    status: Raw = Raw(b"null")
    error: Raw = Raw(b"null")
    output: Raw = Raw(b"null")


_glance = msgspec.json.Decoder(_Glance)


def inspect_first(frame: Frame) -> Failure | None:
    """Judge a stream's first frame; events yet unknown may begin an answer."""
    if frame.data.strip() == _DONE:
        return bad_reply(EMPTY_REPLY)
    body = parsed_object(frame.data)
    if body is None:
        return bad_reply("the upstream's stream does not begin with JSON")
    kind = body.get("type") or frame.event
    if kind in ("error", "response.failed") or body.get("error"):
        return failure_of(decode_error(body) or UpstreamError())
    if not kind or not isinstance(kind, str):
        return bad_reply("the upstream's stream does not begin with an event of the Responses API")
    return None


def inspect_reply(body: bytes) -> Failure | None:
    """Judge a whole body: a failed response, an error, HTML, or nothing at all is no answer.

    One that is queued or still in progress (`background`) is.
    """
    try:
        seen = _glance.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return bad_reply(
            EMPTY_REPLY if not body.strip() else "the upstream's body is not a JSON object"
        )
    if bytes(seen.error) not in _NOTHING or bytes(seen.status) == b'"failed"':
        return failure_of(decode_error(parsed_object(body) or {}) or UpstreamError())
    if bytes(seen.output)[:1] != b"[":
        if bytes(seen.object).startswith(_OTHER_OBJECTS):
            return None
        error = decode_error(parsed_object(body) or {})
        return bad_reply("the reply has no output") if error is None else failure_of(error)
    is_over = bytes(seen.status) in (b'"completed"', b"null")
    if is_over and bytes(seen.output) == b"[]":
        return bad_reply(EMPTY_REPLY)
    return None


# ------------------------------------------------------------------------- writing


def encode_error_event(failure: Failure, request_id: str) -> bytes:
    """Write the error as the last event of a stream whose events were not counted."""
    return error_event(failure, 0)


def error_event(failure: Failure, sequence_number: int) -> bytes:
    """Write the `error` event with its number."""
    event: Json = {
        "type": "error",
        "sequence_number": sequence_number,
        "code": failure.code or failure.rule.code,
        "message": failure.message,
        "param": failure.param,
    }
    return frame_bytes(msgspec.json.encode(event), "error")


# What clients act on: Codex compacts its history, waits, or gives up (`code` of a failed response).
_FAILED_CODES: dict[FailureKind, str] = {
    _K.RATE_LIMITED: "rate_limit_exceeded",
    _K.UPSTREAM_RATE_LIMITED: "rate_limit_exceeded",
    _K.NO_CREDENTIAL: "rate_limit_exceeded",
    _K.CONTEXT_TOO_LONG: "context_length_exceeded",
    _K.BALANCE_EXHAUSTED: "insufficient_quota",
    _K.UPSTREAM_QUOTA: "insufficient_quota",
    _K.CONTENT_REFUSED: "invalid_prompt",
    _K.INVALID_REQUEST: "invalid_prompt",
}


def failed_error(failure: Failure) -> Json:
    """Write the `error` of a failed response."""
    code = _FAILED_CODES.get(failure.kind, "server_error")
    return {"code": code, "message": failure.message}
