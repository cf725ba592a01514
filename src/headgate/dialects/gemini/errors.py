"""Errors: reading Google's, writing ours in Google's words.

Source: google.aip.dev/193; ai.google.dev/gemini-api/docs/troubleshooting; `providers.md` 7.1;
`recordings.md` 5.10
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from headgate.base.failure import Failure, FailureKind
from headgate.base.secrets import mask
from headgate.dialects.dialect import UpstreamError
from headgate.dialects.framing.sse import frame_bytes
from headgate.dialects.told_errors import status_of
from headgate.ir.request import Json

_TYPE = "type.googleapis.com/google.rpc."
_DURATION = re.compile(r"^(\d{1,9}(?:\.\d+)?)s$")

_WORDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}

_K = FailureKind
_KIND_OF_WORD = {
    "UNAUTHENTICATED": _K.UPSTREAM_KEY_REFUSED,
    "PERMISSION_DENIED": _K.UPSTREAM_FORBIDDEN,
    "NOT_FOUND": _K.UPSTREAM_NOT_FOUND,
    "RESOURCE_EXHAUSTED": _K.UPSTREAM_RATE_LIMITED,
    "UNAVAILABLE": _K.UPSTREAM_OVERLOADED,
    "INVALID_ARGUMENT": _K.INVALID_REQUEST,
    "FAILED_PRECONDITION": _K.INVALID_REQUEST,
    "OUT_OF_RANGE": _K.INVALID_REQUEST,
}
_KEY_REFUSED = ("API_KEY_INVALID", "CONSUMER_SUSPENDED", "API key not valid", "reported as leaked")
_TOO_LONG = "exceeds the maximum number of tokens"


def decode_error(body: Mapping[str, Any] | list[Any]) -> UpstreamError | None:
    """Read an error object, or a list that begins with one. None if it is no error.

    Shape:  {"error": {"code": int, "message": str, "status": str, "details": [{"@type": ...}]}}
    `kind` is the status word; `code` the most telling of ErrorInfo.reason, the violated quotas
    and the number.
    """
    if isinstance(body, list):
        return decode_error(body[0]) if body and isinstance(body[0], Mapping) else None
    error = body.get("error")
    if not isinstance(error, Mapping):
        return None
    details = error.get("details")
    known = (
        [entry for entry in details if isinstance(entry, Mapping)]
        if isinstance(details, list)
        else []
    )
    code = error.get("code")
    return UpstreamError(
        message=mask(_message(error, known)),
        kind=str(error.get("status") or ""),
        code=_telling_code(known) or str(code or ""),
        status=status_of(code),
        retry_after_s=_retry_delay(known),
    )


def _message(error: Mapping[str, Any], details: list[Mapping[str, Any]]) -> str:
    """Give the message; Firebase leaves a template there and the text in the details."""
    message = str(error.get("message") or "")
    if message.startswith("$"):
        said = (str(entry["detail"]) for entry in details if "detail" in entry)
        return next(said, message)
    return message


def _telling_code(details: list[Mapping[str, Any]]) -> str:
    reasons = [entry.get("reason") for entry in details]
    for reason in reasons:
        if isinstance(reason, str):
            return reason
    quotas = [
        str(violation["quotaId"])
        for entry in details
        if isinstance(violations := entry.get("violations"), list)
        for violation in violations
        if isinstance(violation, Mapping) and "quotaId" in violation
    ]
    return ", ".join(quotas)


def _retry_delay(details: list[Mapping[str, Any]]) -> float | None:
    for entry in details:
        found = _DURATION.match(str(entry.get("retryDelay") or ""))
        if found:
            return float(found[1])
    return None


def failure_of(error: UpstreamError) -> Failure:
    """Classify an error that came inside of a 200."""
    return Failure(
        kind=_kind_of(error),
        message=error.message or error.kind or "the upstream reported an error",
        code=error.code or None,
        retry_after_s=error.retry_after_s,
    )


def _kind_of(error: UpstreamError) -> FailureKind:
    said = f"{error.code} {error.message}"
    if any(sign in said for sign in _KEY_REFUSED):
        return _K.UPSTREAM_KEY_REFUSED
    if "User location is not supported" in said:
        return _K.UPSTREAM_FORBIDDEN
    if _TOO_LONG in said:
        return _K.CONTEXT_TOO_LONG
    word = error.kind or _WORDS.get(error.status or 0, "")
    if word == "RESOURCE_EXHAUSTED" and _is_used_up(error):
        return _K.UPSTREAM_QUOTA
    if word == "FAILED_PRECONDITION" and "billing" in error.message:
        return _K.UPSTREAM_QUOTA
    return _KIND_OF_WORD.get(word, _K.UPSTREAM_ERROR)


def _is_used_up(error: UpstreamError) -> bool:
    """Tell a spent day or plan from a minute's limit.

    The quota's name counts before the text, which speaks of "plan and billing" either way.
    """
    if "PerDay" in error.code:
        return True
    return "PerMinute" not in error.code and "billing" in error.message


def encode_error(failure: Failure, request_id: str) -> Json:
    """Write an error body."""
    status = failure.http_status
    details: list[Json] = [{"@type": _TYPE + "RequestInfo", "requestId": request_id}]
    if failure.retry_after_s is not None:
        delay = f"{failure.retry_after_s:g}s"
        details.append({"@type": _TYPE + "RetryInfo", "retryDelay": delay})
    if failure.param:
        violation = {"field": failure.param, "description": failure.message}
        details.append({"@type": _TYPE + "BadRequest", "fieldViolations": [violation]})
    word = _WORDS.get(status) or ("INVALID_ARGUMENT" if status < 500 else "INTERNAL")
    return {
        "error": {"code": status, "message": failure.message, "status": word, "details": details}
    }


def encode_error_event(failure: Failure, request_id: str) -> bytes:
    """Write an error as a frame of a stream; the SDKs look for `{"error":` at its beginning."""
    return frame_bytes(msgspec.json.encode(encode_error(failure, request_id)))
