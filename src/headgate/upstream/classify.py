"""What an upstream's error answer means: status, body and headers to a `Failure`.

Texts and their order are those of `uni-api.md` 3.4 and `providers.md` 7.2. Only the error's own
message, type and code are searched, never the rest of the body, which may quote a prompt; nor what
stands in quotes, or a caller could send "insufficient_quota" as a value, have the vendor quote it
back, and so put our keys to rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from math import inf
from typing import Any

import msgspec

from headgate.base.failure import Failure, FailureKind
from headgate.base.secrets import mask
from headgate.dialects.dialect import UpstreamError

_LONGEST_MESSAGE = 2000  # what is searched and shown; a body may hold a megabyte of it
_LONGEST_KEPT_BODY = 64 * 1024
_LONGEST_WAIT_S = 86_400.0

# From the first quotation mark to the last of its kind, as quoted text may hold some of its own.
_QUOTED = re.compile(r"(?<!\w)(['\"`]).*\1(?!\w)", re.DOTALL)
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
    r"insufficient_(?:user_)?quota|insufficient (?:balance|credits)|credit balance is too low"
    r"|exceeded_current_quota|exceeded your current quota|quota[ _]?exceeded|arrear|overdue"
    r"|billing_hard_limit|usage limit|spending limit|out of credits|payment required"
    r"|used all available credits|resourcepackexhausted|freetieronly|余额不足|欠费",
    re.IGNORECASE,
)
# Google calls a limit per minute a quota, too, and says how long to wait: seconds, not hours.
_RATE = re.compile(r"per[ _-]?minute|rate_limit_exceeded", re.IGNORECASE)
_DAY = re.compile(r"per[ _-]?day", re.IGNORECASE)
_LONGEST_RATE_HINT_S = 3600.0
_FILTER = re.compile(
    r"content_filter|content_policy|ResponsibleAIPolicyViolation|content management policy"
    r"|DataInspectionFailed|data_inspection_failed|SensitiveContent|content exists risk"
    r"|usage guidelines|unsafe_request|content filtering policy|moderation_blocked",
    re.IGNORECASE,
)
_LOCATION = re.compile(r"user location is not supported", re.IGNORECASE)
# A middle station between us and the model, not the model, says 400.
_NOT_THE_CALLER = re.compile(
    r"<center><h1>400 Bad Request|bad response status code 400|model_not_priced|not priced"
    r"|price.{0,20}not (?:set|configured)",
    re.IGNORECASE,
)
# So does a proxy that takes smaller bodies than the model behind it, or than the next channel.
_BODY_LIMIT_OF_A_PROXY = re.compile(r"<center><h1>413 ", re.IGNORECASE)
_OVERLOADED = re.compile(
    r"overloaded|server busy|no capacity|at capacity|capacity exceeded", re.IGNORECASE
)
_TRY_AGAIN = re.compile(
    r"(?:try again|retry) (?:in|after) ((?:[0-9]{1,9}(?:\.[0-9]{1,9})? ?(?:ms|[smhd])?){1,4})",
    re.IGNORECASE,
)
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(ms|[smhd])?", re.IGNORECASE)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "": 1.0}

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
    error, is_error_object = _error_of(body, decode_error)
    said = error.message[:_LONGEST_MESSAGE]
    if is_error_object:
        said = _QUOTED.sub(" ", said)
    text = f"{said} {error.kind} {error.code}"
    wait_s = retry_after_s(headers, error, now_s)
    kind, shown_status = _kind(status, text, wait_s)
    if retry_client_errors and kind in (FailureKind.INVALID_REQUEST, FailureKind.REQUEST_TOO_LARGE):
        kind = FailureKind.UPSTREAM_REJECTED
    return Failure(
        kind=kind,
        message=mask(error.message[:_LONGEST_MESSAGE] or f"upstream answered {status}"),
        status=shown_status,
        param=error.param or None,
        code=error.code or error.kind or None,
        retry_after_s=wait_s,
        upstream_body=_kept(body) if is_error_object else None,
    )


def retry_after_s(
    headers: Mapping[bytes, bytes], error: UpstreamError, now_s: float
) -> float | None:
    """Find how long the upstream asks to wait: a header, a field of the body, or its words.

    Errors: none; nonsense counts as nothing said, and more than a day as a day.
    """
    wait_s = _asked_wait_s(headers, error, now_s)
    return None if wait_s is None else min(wait_s, _LONGEST_WAIT_S)


def _asked_wait_s(
    headers: Mapping[bytes, bytes], error: UpstreamError, now_s: float
) -> float | None:
    for name, unit_s in ((b"retry-after-ms", 0.001), (b"retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) * unit_s
        except ValueError:
            date_s = _date_s(value)
            seconds = date_s - now_s if date_s is not None else -1.0
        if 0 <= seconds < inf:
            return seconds
    if error.retry_after_s is not None and 0 <= error.retry_after_s < inf:
        return error.retry_after_s
    found = _TRY_AGAIN.search(error.message[:_LONGEST_MESSAGE])
    if found is None:
        return None
    parts = _DURATION.findall(found.group(1))
    return sum(float(number) * _SECONDS[unit.lower()] for number, unit in parts)


def _date_s(value: bytes) -> float | None:
    try:
        return parsedate_to_datetime(value.decode("latin-1")).timestamp()
    except (ValueError, OverflowError):  # no date, or one that no calendar has
        return None


def _error_of(body: bytes, decode_error: DecodeError) -> tuple[UpstreamError, bool]:
    """Read the error object; any other body is its own message, and the flag says so."""
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return UpstreamError(message=body[:_LONGEST_MESSAGE].decode("utf-8", "replace")), False
    if isinstance(decoded, list) and decoded:  # Gemini streams wrap the error in a list
        decoded = decoded[0]
    if not isinstance(decoded, dict):
        return UpstreamError(message=str(decoded)[:_LONGEST_MESSAGE]), False
    error = decode_error(decoded)
    if error is None:
        return UpstreamError(message=body[:_LONGEST_MESSAGE].decode("utf-8", "replace")), False
    return error, True


def _kept(body: bytes) -> bytes | None:
    if len(body) > _LONGEST_KEPT_BODY:
        return None
    return mask(body.decode("utf-8", "replace")).encode()


def _kind(status: int, text: str, wait_s: float | None) -> tuple[FailureKind, int]:
    """Decide by status first, then by words. Gives the kind and the status that callers see."""
    kind_of = FailureKind
    match status:
        case 400 | 413 | 415 | 422:
            return _client_kind(status, text)
        case 401:
            return kind_of.UPSTREAM_KEY_REFUSED, 401
        case 402 | 432 | 433:  # the last two are Tavily's plans
            return kind_of.UPSTREAM_QUOTA, 402
        case 403:
            return _forbidden_kind(text), 403
        case 404:
            return kind_of.UPSTREAM_NOT_FOUND, 404
        case 408 | 504:
            return kind_of.UPSTREAM_TIMEOUT, 504
        case 429:
            return _limit_kind(text, wait_s), 429
        case 503 | 529:
            return kind_of.UPSTREAM_OVERLOADED, status
    if not 400 <= status < 600:  # redirects, and statuses that do not exist
        return kind_of.UPSTREAM_BAD_REPLY, 502
    shown = status if status >= 500 else 502
    if _OVERLOADED.search(text):
        return kind_of.UPSTREAM_OVERLOADED, shown
    return kind_of.UPSTREAM_ERROR, shown


def _forbidden_kind(text: str) -> FailureKind:
    """Tell a key without money or rights from a text that the vendor will not have (xAI)."""
    if _FILTER.search(text):
        return FailureKind.UPSTREAM_REJECTED
    if _QUOTA.search(text):
        return FailureKind.UPSTREAM_QUOTA
    if _KEY.search(text):
        return FailureKind.UPSTREAM_KEY_REFUSED
    return FailureKind.UPSTREAM_FORBIDDEN


def _limit_kind(text: str, wait_s: float | None) -> FailureKind:
    """Tell a limit that passes in a moment from money that is used up: that key rests for hours."""
    if _OVERLOADED.search(text):
        return FailureKind.UPSTREAM_OVERLOADED
    if not _QUOTA.search(text):
        return FailureKind.UPSTREAM_RATE_LIMITED
    soon = wait_s is not None and wait_s <= _LONGEST_RATE_HINT_S
    if _DAY.search(text) or not (soon or _RATE.search(text)):  # Google's hint is short even then
        return FailureKind.UPSTREAM_QUOTA
    return FailureKind.UPSTREAM_RATE_LIMITED


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
    if status == 422 or _BODY_LIMIT_OF_A_PROXY.search(text):  # another channel may take it
        return kind_of.UPSTREAM_REJECTED, status
    if status == 413:
        return kind_of.REQUEST_TOO_LARGE, 413
    return kind_of.INVALID_REQUEST, status
