"""What an upstream's error answer means: status, body and headers to a `Failure`.

Texts and their order are those of `uni-api.md` 3.4 and `providers.md` 7.2. Only the error's own
message, type and code are searched, never the rest of the body, which may quote a prompt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from headgate.base.failure import Failure, FailureKind
from headgate.base.secrets import mask
from headgate.dialects.dialect import UpstreamError

_LONGEST_MESSAGE = 2000
_LONGEST_KEPT_BODY = 64 * 1024

_CONTEXT = re.compile(
    r"maximum context length|context_length_exceeded|prompt is too long|input is too long"
    r"|input too long|exceeds the maximum number of tokens allowed|exceed context limit"
    r"|longer than the model's context length|input tokens exceed the configured limit"
    r"|exceeds the available context size|current length is|maximum input length is"
    r"|range of input length should be|too many tokens: size limit exceeded"
    r"|total length of all messages is too long|prompt too long; exceeded"
    r"|maximum prompt length is|context window exceeds limit|tokens_too_long"
    r"|model_max_prompt_tokens_exceeded|string_above_max_length|must be less than max_seq_len"
    r"|reduce the length of the messages|contains text fields that are too large"
    r"|reduce the length of either one",
    re.IGNORECASE,
)
_KEY = re.compile(
    r"invalid_api_key|API_KEY_INVALID|api key not valid|api key expired|incorrect api key"
    r"|account_deactivated|authentication_error|key.{0,20}(?:leaked|suspended)",
    re.IGNORECASE,
)
_QUOTA = re.compile(
    r"insufficient_quota|insufficient (?:balance|credits)|credit balance is too low"
    r"|exceeded_current_quota|exceeded your current quota|quota exceeded|arrear|overdue"
    r"|billing_hard_limit|usage limit|spending limit|out of credits|payment required"
    r"|resourcepackexhausted|余额不足|欠费",
    re.IGNORECASE,
)
_FILTER = re.compile(
    r"content_filter|content_policy|ResponsibleAIPolicyViolation|content management policy"
    r"|DataInspectionFailed|data_inspection_failed|SensitiveContent|content exists risk",
    re.IGNORECASE,
)
_LOCATION = re.compile(r"user location is not supported", re.IGNORECASE)
# A middle station between us and the model, not the model, says 400.
_NOT_THE_CALLER = re.compile(
    r"<center><h1>400 Bad Request|bad response status code 400|model_not_priced|not priced"
    r"|price.{0,20}not (?:set|configured)",
    re.IGNORECASE,
)
_OVERLOADED = re.compile(r"overloaded|server busy|no capacity|at capacity", re.IGNORECASE)
_TRY_AGAIN = re.compile(
    r"(?:try again|retry) (?:in|after) (\d+(?:\.\d+)?) ?(ms|m|s)?", re.IGNORECASE
)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, None: 1.0}

DecodeError = Callable[[Mapping[str, Any]], UpstreamError | None]


def classify(
    status: int,
    headers: Mapping[bytes, bytes],
    body: bytes,
    decode_error: DecodeError,
    *,
    now_s: float,
    retry_client_errors: bool = False,
) -> Failure:
    """Read an error answer.

    Shape: `headers` with lower-case names; `now_s` seconds since the epoch, for Retry-After dates.
    `retry_client_errors`: the host answers 400 for its own troubles (GitHub Models).
    """
    error, is_json = _error_of(body, decode_error)
    text = f"{error.message} {error.kind} {error.code}"
    kind, shown_status = _kind(status, text)
    if retry_client_errors and kind in (FailureKind.INVALID_REQUEST, FailureKind.REQUEST_TOO_LARGE):
        kind = FailureKind.UPSTREAM_REJECTED
    return Failure(
        kind=kind,
        message=mask(error.message or f"upstream answered {status}")[:_LONGEST_MESSAGE],
        status=shown_status,
        param=error.param or None,
        code=error.code or error.kind or None,
        retry_after_s=retry_after_s(headers, error, now_s),
        upstream_body=_kept(body) if is_json else None,
    )


def retry_after_s(
    headers: Mapping[bytes, bytes], error: UpstreamError, now_s: float
) -> float | None:
    """Find how long the upstream asks to wait: a header, a field of the body, or its words.

    Errors: none; nonsense counts as nothing said.
    """
    for name, unit_s in ((b"retry-after-ms", 0.001), (b"retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) * unit_s
        except ValueError:
            date_s = _date_s(value)
            seconds = date_s - now_s if date_s is not None else -1.0
        if 0 <= seconds < float("inf"):
            return seconds
    if error.retry_after_s is not None and error.retry_after_s >= 0:
        return error.retry_after_s
    found = _TRY_AGAIN.search(error.message)
    if found is None:
        return None
    unit = found.group(2)
    return float(found.group(1)) * _SECONDS[unit.lower() if unit else None]


def _date_s(value: bytes) -> float | None:
    try:
        return parsedate_to_datetime(value.decode("latin-1")).timestamp()
    except ValueError:
        return None


def _error_of(body: bytes, decode_error: DecodeError) -> tuple[UpstreamError, bool]:
    """Read the error object; any other body is its own message."""
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return UpstreamError(message=body[:_LONGEST_MESSAGE].decode("utf-8", "replace")), False
    if isinstance(decoded, list) and decoded:  # Gemini streams wrap the error in a list
        decoded = decoded[0]
    if not isinstance(decoded, dict):
        return UpstreamError(message=str(decoded)[:_LONGEST_MESSAGE]), False
    error = decode_error(decoded)
    if error is None:
        error = UpstreamError(message=body[:_LONGEST_MESSAGE].decode("utf-8", "replace"))
    return error, True


def _kept(body: bytes) -> bytes | None:
    if len(body) > _LONGEST_KEPT_BODY:
        return None
    return mask(body.decode("utf-8", "replace")).encode()


def _kind(status: int, text: str) -> tuple[FailureKind, int]:
    """Decide by status first, then by words. Gives the kind and the status that callers see."""
    kind_of = FailureKind
    if status < 400:
        return kind_of.UPSTREAM_BAD_REPLY, 502
    if status in (400, 413, 415, 422):
        return _client_kind(status, text)
    if status == 402 or (status in (403, 429) and _QUOTA.search(text)):
        return kind_of.UPSTREAM_QUOTA, status
    match status:
        case 401:
            return kind_of.UPSTREAM_KEY_REFUSED, 401
        case 403:
            return kind_of.UPSTREAM_KEY_REFUSED if _KEY.search(text) else (
                kind_of.UPSTREAM_FORBIDDEN
            ), 403
        case 404:
            return kind_of.UPSTREAM_NOT_FOUND, 404
        case 429:
            return kind_of.UPSTREAM_RATE_LIMITED, 429
        case 503 | 529:
            return kind_of.UPSTREAM_OVERLOADED, status
        case 408 | 504:
            return kind_of.UPSTREAM_TIMEOUT, 504
    if _OVERLOADED.search(text):
        return kind_of.UPSTREAM_OVERLOADED, status
    return kind_of.UPSTREAM_ERROR, status if status >= 500 else 502


def _client_kind(status: int, text: str) -> tuple[FailureKind, int]:
    """Sort out the answers that usually, but not always, mean the caller's own mistake."""
    kind_of = FailureKind
    if _CONTEXT.search(text):
        return kind_of.CONTEXT_TOO_LONG, 413
    if _KEY.search(text):
        return kind_of.UPSTREAM_KEY_REFUSED, 401
    if _QUOTA.search(text):
        return kind_of.UPSTREAM_QUOTA, 429
    if _LOCATION.search(text):
        return kind_of.UPSTREAM_REJECTED, 403
    if _FILTER.search(text):
        return kind_of.UPSTREAM_REJECTED, 400
    if _NOT_THE_CALLER.search(text):
        return kind_of.UPSTREAM_ERROR, 502
    if status == 422:
        return kind_of.UPSTREAM_REJECTED, 422
    if status == 413:
        return kind_of.REQUEST_TOO_LARGE, 413
    return kind_of.INVALID_REQUEST, status
