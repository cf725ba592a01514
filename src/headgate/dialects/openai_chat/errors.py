"""Errors of the OpenAI family: reading everybody's, writing OpenAI's.

Sources: platform.openai.com/docs/guides/error-codes; the shapes that vendors really send are in
`recordings.md` 5.10, what their words mean in `providers.md` 7.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from headgate.base.failure import EMPTY_REPLY, Failure, FailureKind, bad_reply
from headgate.base.frames import Frame
from headgate.dialects.dialect import UpstreamError
from headgate.dialects.framing.sse import frame_bytes
from headgate.dialects.lenient_json import parsed_object
from headgate.dialects.openai_chat.wire import glance
from headgate.dialects.openai_errors import code_in, encode_error, failure_of_words
from headgate.dialects.told_errors import detail_text, told_error

# ------------------------------------------------------------------------- reading


def decode_error(body: Mapping[str, Any]) -> UpstreamError | None:
    """Read an error object in any of the shapes in use.

    Shape:  {"error": {...} | "text"}, {"detail": "text" | [...]}, {"message", "code"...},
            {"base_resp": {"status_code", "status_msg"}}, {"error_code", "error_msg"},
            {"errors": [{"message"}]}.
    Errors: None when this is not an error (an answer, or something else).
    """
    error = body.get("error")
    if isinstance(error, dict) and error:
        return _nested(error, body)
    if isinstance(error, str) and error:
        return told_error(message=error, kind=body.get("error_type"), code=body.get("code"))
    base = body.get("base_resp")
    if isinstance(base, dict) and base.get("status_code"):
        return told_error(message=base.get("status_msg"), code=base["status_code"])
    if body.get("choices"):
        return None
    if (code := body.get("error_code")) is not None:
        return told_error(message=body.get("error_msg") or body.get("message"), code=code)
    if (detail := body.get("detail")) is not None:
        return told_error(
            message=detail_text(detail) or body.get("title"), statuses=(body.get("status"),)
        )
    match body.get("errors"):
        case [{"message": str(text), **rest}, *_]:
            return told_error(message=text, code=rest.get("code"))
    return _flat(body)


def _nested(error: Mapping[str, Any], body: Mapping[str, Any]) -> UpstreamError:
    return told_error(
        message=error.get("message") or _raw_text(error) or body.get("message"),
        kind=error.get("type") or error.get("status"),
        code=code_in(error),
        param=error.get("param"),
        statuses=(error.get("status_code"), error.get("status"), error.get("code")),
        retry_after_s=error.get("resets_in_seconds"),
    )


def _flat(body: Mapping[str, Any]) -> UpstreamError | None:
    """Read Mistral's, Cerebras', iFlytek's and SiliconFlow's errors, which have no inner object."""
    message = body.get("message") or body.get("msg")
    code = body.get("code")
    if not isinstance(message, str) or code in (0, "0", 200):
        return None
    return told_error(
        message=message,
        kind=body.get("type") or body.get("error_type"),
        code=code,
        param=body.get("param"),
        statuses=(body.get("raw_status_code"), body.get("status"), code),
    )


def _raw_text(error: Mapping[str, Any]) -> object:
    metadata = error.get("metadata")
    return metadata.get("raw") if isinstance(metadata, dict) else None


# --------------------------------------------------------------- errors inside a 200

_K = FailureKind
# In this order: the first row with a word in code, type or message counts (`providers.md` 7.2).
_BY_WORD: tuple[tuple[FailureKind, re.Pattern[str]], ...] = (
    (
        _K.CONTEXT_TOO_LONG,
        re.compile(
            r"context.?length|prompt is too long|input (is )?too long|context window exceeds"
            r"|maximum prompt length|exceed_context_size|tokens_too_long"
        ),
    ),
    (
        _K.CONTENT_REFUSED,
        re.compile(
            r"content.?filter|content.policy|responsibleai|data.?inspection.?failed"
            r"|sensitive.?content|content exists risk|usage guidelines|unsafe_request"
        ),
    ),
    (
        _K.UPSTREAM_QUOTA,
        re.compile(
            r"insufficient.?(quota|balance|credits)|exceeded_current_quota|arrear|overdue"
            r"|billing|usage limit|spending limit|credit balance|余额不足|欠费"
        ),
    ),
    (
        _K.UPSTREAM_KEY_REFUSED,
        re.compile(
            r"invalid.?api.?key|incorrect api key|api key not valid|account_deactivated"
            r"|authentication_error|unauthorized|invalid_authentication"
        ),
    ),
    (_K.UPSTREAM_RATE_LIMITED, re.compile(r"rate.?limit|too many requests|throttl")),
    (_K.UPSTREAM_OVERLOADED, re.compile(r"overload|capacity|unavailable|server.?busy")),
)


def failure_of(error: UpstreamError) -> Failure:
    """Classify an error that came inside a 200, where no HTTP status speaks for it."""
    return failure_of_words(error, _BY_WORD)


# Finish reasons that say that the vendor broke, not the model's own end (`providers.md` 9.2).
BROKEN_REASONS = frozenset(
    {"error", "network_error", "insufficient_system_resource", "abort", "repetition"}
)
# Without content these are answers all the same: the budget went into hidden thinking, or the
# filter took everything.
_MAY_BE_EMPTY = frozenset(
    {
        *("length", "max_tokens", "maximum_tokens", "MAX_TOKENS", "model_length"),
        *("context_length", "model_context_window_exceeded"),
        *("content_filter", "content_filtered", "sensitive", "risk", "refusal"),
    }
)


def inspect_first(frame: Frame) -> Failure | None:
    """Tell whether a first frame begins no answer: an error, an immediate end, or no JSON."""
    data = frame.data.strip()
    if data == b"[DONE]":
        return bad_reply(EMPTY_REPLY)
    try:
        seen = glance(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _strange(data, "stream")
    if frame.event == "error" or not seen.choices:
        failure = _reported(data)
        if failure is not None or frame.event == "error":
            return failure or bad_reply("the upstream sent an error event without an error")
        return None  # a prelude (Azure's prompt filter results) or a usage chunk
    if seen.has_error and (failure := _reported(data)) is not None:
        return failure
    choice = seen.choices[0]
    if not choice.finish_reason or choice.finish_reason == "null" or choice.says_something:
        return None
    return _empty(choice.finish_reason)


def inspect_reply(body: bytes) -> Failure | None:
    """Tell whether a whole body is no answer: an error inside a 200, HTML, or nothing at all."""
    try:
        seen = glance(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _strange(body, "body")
    if (seen.has_error or not seen.choices) and (failure := _reported(body)) is not None:
        return failure
    if not seen.choices:
        return bad_reply(EMPTY_REPLY)
    if seen.choices[0].says_something or any(each.says_something for each in seen.choices[1:]):
        return None
    return _empty(seen.choices[0].finish_reason or "")


def _empty(finish_reason: str) -> Failure | None:
    if finish_reason in _MAY_BE_EMPTY:
        return None
    if finish_reason in BROKEN_REASONS:
        return Failure(
            kind=_K.UPSTREAM_OVERLOADED, message=f"the upstream gave up: {finish_reason}"
        )
    return bad_reply(EMPTY_REPLY)


def _reported(data: bytes) -> Failure | None:
    error = decode_error(parsed_object(data) or {})
    return None if error is None else failure_of(error)


def _strange(data: bytes, what: str) -> Failure:
    """Say what came instead of the JSON object of a reply."""
    if (found := parsed_object(data)) is not None:
        error = decode_error(found)
        return failure_of(error) if error else bad_reply("the upstream's reply has a strange shape")
    if data.lstrip()[:1] == b"<":
        return bad_reply("the upstream answered with a web page instead of JSON")
    if not data.strip():
        return bad_reply(EMPTY_REPLY)
    return bad_reply(f"the upstream's {what} is not JSON")


# ------------------------------------------------------------------------- writing


def encode_error_event(failure: Failure, request_id: str) -> bytes:
    """Write the error as the last chunk of a stream; no [DONE] follows it."""
    return frame_bytes(msgspec.json.encode(encode_error(failure, request_id)))
