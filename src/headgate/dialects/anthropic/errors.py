"""Errors of the Messages API, both ways, and errors that hide in a 200.

Source: platform.claude.com/docs/en/api/errors; `providers.md` 7.1; `recordings.md` 5.1, 5.4, 5.10.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from headgate.base.failure import Failure, FailureKind, bad_reply
from headgate.base.frames import Frame
from headgate.base.secrets import mask
from headgate.dialects.dialect import UpstreamError
from headgate.dialects.framing.sse import frame_bytes
from headgate.dialects.lenient_json import parsed_object
from headgate.dialects.told_errors import status_of
from headgate.ir.request import Json

_K = FailureKind

# error.type of an upstream -> what it means for us.
KINDS: dict[str, FailureKind] = {
    "authentication_error": _K.UPSTREAM_KEY_REFUSED,
    "permission_error": _K.UPSTREAM_FORBIDDEN,
    "not_found_error": _K.UPSTREAM_NOT_FOUND,
    "billing_error": _K.UPSTREAM_QUOTA,
    "rate_limit_error": _K.UPSTREAM_RATE_LIMITED,
    "overloaded_error": _K.UPSTREAM_OVERLOADED,
    "timeout_error": _K.UPSTREAM_TIMEOUT,
    "request_too_large": _K.REQUEST_TOO_LARGE,
    "invalid_request_error": _K.INVALID_REQUEST,
}

# Compatibles that send no error.type may send a status inside the error.
_STATUSES: dict[int | None, FailureKind] = {
    401: _K.UPSTREAM_KEY_REFUSED,
    402: _K.UPSTREAM_QUOTA,
    403: _K.UPSTREAM_FORBIDDEN,
    404: _K.UPSTREAM_NOT_FOUND,
    429: _K.UPSTREAM_RATE_LIMITED,
    503: _K.UPSTREAM_OVERLOADED,
    529: _K.UPSTREAM_OVERLOADED,
}

# The other way: a failure of ours -> the error.type that the caller reads.
TYPES: dict[FailureKind, str] = {
    _K.INVALID_JSON: "invalid_request_error",
    _K.INVALID_REQUEST: "invalid_request_error",
    _K.REQUEST_TOO_LARGE: "request_too_large",
    _K.UNSUPPORTED_MEDIA: "invalid_request_error",
    _K.REQUEST_TIMEOUT: "timeout_error",
    _K.NOT_FOUND: "not_found_error",
    _K.METHOD_NOT_ALLOWED: "invalid_request_error",
    _K.UNAUTHENTICATED: "authentication_error",
    _K.FORBIDDEN: "permission_error",
    _K.MODEL_NOT_FOUND: "not_found_error",
    _K.RATE_LIMITED: "rate_limit_error",
    _K.BALANCE_EXHAUSTED: "billing_error",
    _K.CONTENT_REFUSED: "invalid_request_error",
    _K.CONTEXT_TOO_LONG: "invalid_request_error",
    _K.CLIENT_GONE: "invalid_request_error",
    _K.LOSS_REFUSED: "invalid_request_error",
    _K.UPSTREAM_KEY_REFUSED: "authentication_error",
    _K.UPSTREAM_FORBIDDEN: "permission_error",
    _K.UPSTREAM_QUOTA: "billing_error",
    _K.UPSTREAM_RATE_LIMITED: "rate_limit_error",
    _K.UPSTREAM_OVERLOADED: "overloaded_error",
    _K.UPSTREAM_NOT_FOUND: "not_found_error",
    _K.UPSTREAM_TIMEOUT: "timeout_error",
    _K.NO_CREDENTIAL: "rate_limit_error",
    _K.UNSUPPORTED_OPERATION: "not_found_error",
    _K.DRAINING: "overloaded_error",
}

# What Anthropic says under the plain `invalid_request_error`, in lower case.
_TOO_LONG = ("prompt is too long", "exceed context limit")
_QUOTA = ("credit balance is too low", "you have reached your specified api usage limits")
_FILTERED = ("blocked by content filtering policy",)

_DONE = b"[DONE]"


def decode_error(body: Mapping[str, Any]) -> UpstreamError | None:
    """Read an error object; compatibles also write OpenAI's, or a bare text. None if it is none.

    Shape: {"type": "error", "error": {"type", "message"}, "request_id"}.
    """
    error = body.get("error")
    if isinstance(error, str) and error:
        return UpstreamError(message=error)
    if not isinstance(error, dict):
        if body.get("type") != "error":
            return None
        error = body  # `type: error` with the message beside it
    code = error.get("code")
    kind = error.get("type") or error.get("status") or ""
    return UpstreamError(
        message=str(error.get("message") or ""),
        kind="" if kind == "error" else str(kind),
        code="" if code is None else str(code),
        param=str(error.get("param") or ""),
        status=status_of(code),
    )


def failure_of(error: UpstreamError) -> Failure:
    """Judge an error that came without an HTTP status of its own: in a stream, or inside a 200."""
    said = error.message.lower()
    kind = KINDS.get(error.kind) or _STATUSES.get(error.status, _K.UPSTREAM_ERROR)
    if any(words in said for words in _TOO_LONG):
        kind = _K.CONTEXT_TOO_LONG
    elif any(words in said for words in _QUOTA):
        kind = _K.UPSTREAM_QUOTA
    elif any(words in said for words in _FILTERED):
        kind = _K.CONTENT_REFUSED
    return Failure(
        kind=kind,
        message=mask(error.message) or "the upstream sent an error without a message",
        code=error.code or None,
        param=error.param or None,
        retry_after_s=error.retry_after_s,
    )


def encode_error(failure: Failure, request_id: str) -> Json:
    """Write the body of an error answer."""
    error = {"type": TYPES.get(failure.kind, "api_error"), "message": failure.message}
    body: Json = {"type": "error", "error": error}
    if request_id:
        body["request_id"] = request_id
    return body


def encode_error_event(failure: Failure, request_id: str) -> bytes:
    """Write the same as the last event of a stream."""
    return frame_bytes(msgspec.json.encode(encode_error(failure, request_id)), "error")


def inspect_first(frame: Frame) -> Failure | None:
    """Judge a stream's first frame; `ping` and events yet unknown may begin an answer."""
    if frame.data.strip() == _DONE:
        return bad_reply("the upstream's stream ended before it began")
    body = parsed_object(frame.data)
    if body is None:
        return bad_reply("the upstream's stream does not begin with JSON")
    if frame.event == "error" or body.get("error") or body.get("type") == "error":
        return failure_of(decode_error(body) or UpstreamError())
    kind = body.get("type") or frame.event
    if not kind or kind == "message_stop":
        return bad_reply("the upstream's stream does not begin with an event of the Messages API")
    return None


def inspect_reply(body: bytes) -> Failure | None:
    """Judge a whole body. An empty `content` is an answer if it says why it stopped."""
    reply = parsed_object(body)
    if reply is None:
        return bad_reply("the upstream's answer is not a JSON object")
    if reply.get("error") or reply.get("type") == "error":
        return failure_of(decode_error(reply) or UpstreamError())
    content = reply.get("content")
    if not isinstance(content, list):
        return bad_reply("the upstream's answer has no content")
    if not content and not reply.get("stop_reason"):
        return bad_reply("the upstream's answer is empty")
    return None
