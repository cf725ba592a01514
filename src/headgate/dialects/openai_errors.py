"""Errors as OpenAI spells them, in both of its chat formats.

Source: platform.openai.com/docs/guides/error-codes; `providers.md` 7.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from headgate.base.failure import Failure, FailureKind
from headgate.dialects.dialect import UpstreamError
from headgate.dialects.lenient_json import parsed_object
from headgate.ir.request import Json

_K = FailureKind
Rows = Iterable[tuple[FailureKind, re.Pattern[str]]]

_BY_STATUS: dict[int, FailureKind] = {
    400: _K.INVALID_REQUEST,
    401: _K.UPSTREAM_KEY_REFUSED,
    402: _K.UPSTREAM_QUOTA,
    403: _K.UPSTREAM_FORBIDDEN,
    404: _K.UPSTREAM_NOT_FOUND,
    413: _K.INVALID_REQUEST,
    422: _K.INVALID_REQUEST,
    429: _K.UPSTREAM_RATE_LIMITED,
    503: _K.UPSTREAM_OVERLOADED,
    529: _K.UPSTREAM_OVERLOADED,
}


def code_in(error: Mapping[str, Any]) -> object:
    """Find an error's code: at Azure the filter's own word is inside."""
    inner = error.get("innererror")
    return (inner.get("code") if isinstance(inner, dict) else None) or error.get("code")


def failure_of_words(error: UpstreamError, rows: Rows) -> Failure:
    """Classify an error that came inside a 200, where no HTTP status speaks for it.

    The first row with a word in code, type or message counts; else a status that stands inside.
    """
    said = f"{error.code} {error.kind} {error.message}".lower()
    kind = next((kind for kind, words in rows if words.search(said)), None)
    if kind is None and error.status is not None:
        kind = _BY_STATUS.get(error.status)
    return Failure(
        kind=kind or _K.UPSTREAM_ERROR,
        message=error.message or "the upstream reported an error without a message",
        status=error.status,
        code=error.code or None,
        param=error.param or None,
        retry_after_s=error.retry_after_s,
    )


def encode_error(failure: Failure, request_id: str) -> Json:
    """Write OpenAI's error body; an upstream's own (same dialect) is kept, with our request id."""
    own: Json = {
        "message": failure.message,
        "type": _type_word(failure),
        "param": failure.param,
        "code": failure.code or failure.rule.code,
    }
    body: Json = {"error": own}
    if failure.upstream_body is not None:
        told = parsed_object(failure.upstream_body) or {}
        if isinstance(told.get("error"), dict):
            body = {**told, "error": {**own, **told["error"]}}
    if request_id:
        body["error"]["request_id"] = request_id
    return body


def _type_word(failure: Failure) -> str:
    if failure.kind in (_K.UPSTREAM_QUOTA, _K.BALANCE_EXHAUSTED):
        return "insufficient_quota"
    match failure.http_status:
        case 401:
            return "authentication_error"
        case 403:
            return "permission_error"
        case 429:
            return "rate_limit_error"
        case status if status < 500:
            return "invalid_request_error"
        case _:
            return "server_error"
