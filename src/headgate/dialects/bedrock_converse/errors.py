"""Errors of the Converse API: error answers, exceptions in a stream, and errors inside a 200.

AWS names an error in the header `x-amzn-errortype` or in the frame that brings it; the body holds
little more than a message.

Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html (errors);
`providers.md` 7.1; `recordings.md` 5.6 and 5.10.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headgate.base.failure import Failure, FailureKind, bad_reply
from headgate.base.frames import Frame
from headgate.base.secrets import mask
from headgate.dialects.dialect import UpstreamError
from headgate.dialects.framing.aws_event_stream import ERROR_EVENT
from headgate.dialects.lenient_json import parsed_object
from headgate.dialects.told_errors import status_of

_K = FailureKind

# An exception's name, in lower case and without "exception" -> what it means for us.
KINDS: dict[str, FailureKind] = {
    "validation": _K.INVALID_REQUEST,
    "throttling": _K.UPSTREAM_RATE_LIMITED,
    "toomanyrequests": _K.UPSTREAM_RATE_LIMITED,
    "servicequotaexceeded": _K.UPSTREAM_QUOTA,
    "serviceunavailable": _K.UPSTREAM_OVERLOADED,
    "modelnotready": _K.UPSTREAM_OVERLOADED,
    "modeltimeout": _K.UPSTREAM_TIMEOUT,
    "modelerror": _K.UPSTREAM_ERROR,
    "modelstreamerror": _K.UPSTREAM_ERROR,
    "internalserver": _K.UPSTREAM_ERROR,
    "accessdenied": _K.UPSTREAM_FORBIDDEN,
    "resourcenotfound": _K.UPSTREAM_NOT_FOUND,
    "unrecognizedclient": _K.UPSTREAM_KEY_REFUSED,
    "invalidsignature": _K.UPSTREAM_KEY_REFUSED,
    "signaturedoesnotmatch": _K.UPSTREAM_KEY_REFUSED,
    "expiredtoken": _K.UPSTREAM_KEY_REFUSED,
    "missingauthenticationtoken": _K.UPSTREAM_KEY_REFUSED,
}
# What the model's own server said, where Bedrock tells.
_STATUSES: dict[int | None, FailureKind] = {
    408: _K.UPSTREAM_TIMEOUT,
    429: _K.UPSTREAM_RATE_LIMITED,
    503: _K.UPSTREAM_OVERLOADED,
    529: _K.UPSTREAM_OVERLOADED,
}
_TOO_LONG = ("input is too long", "prompt is too long", "exceed context limit", "too many tokens: ")
_USED_UP = ("tokens per day", "requests per day")
_QUOTA = "ServiceQuotaExceededException"

# Events that cannot be the first of an answer.
_ENDINGS = frozenset(["messageStop", "metadata"])


def is_error(frame: Frame) -> bool:
    """Tell whether a frame is an exception or any other error."""
    return frame.event == ERROR_EVENT or frame.event.endswith("Exception")


def decode_error(body: Mapping[str, Any]) -> UpstreamError | None:
    """Read an error object. None if it is none.

    Shape: {"message"}, spelled `Message` by the gate that checks signatures; exceptions of a model
    add `originalStatusCode` and `originalMessage`; `__type` or `code` may name the exception.
    """
    message = body.get("message") or body.get("Message")
    named = body.get("__type") or body.get("code") or ""
    original = body.get("originalMessage")
    if not isinstance(message, str):
        if not isinstance(body.get("__type"), str):
            return None
        message = ""
    kind = str(named).rpartition("#")[2].partition(":")[0]
    if any(words in message.lower() for words in _USED_UP):
        kind = _QUOTA  # it comes as a throttling, but waiting a moment will not help
    if isinstance(original, str) and original and original not in message:
        message = f"{message} ({original})" if message else original
    status = status_of(body.get("originalStatusCode"))
    return UpstreamError(message=message, kind=kind, status=status)


def failure_of(error: UpstreamError) -> Failure:
    """Judge an error that came without an HTTP status: in a stream, or inside a 200."""
    said = error.message.lower()
    name = error.kind.lower().removesuffix("exception")
    kind = KINDS.get(name, _K.UPSTREAM_ERROR)
    if kind is _K.UPSTREAM_ERROR:
        kind = _STATUSES.get(error.status, kind)
    if any(words in said for words in _TOO_LONG):
        kind = _K.CONTEXT_TOO_LONG
    return Failure(
        kind=kind,
        message=mask(error.message) or "the upstream sent an error without a message",
        code=error.kind or None,
    )


def failure_in(frame: Frame) -> Failure:
    """Judge an exception frame. A name inside the payload is better than none."""
    body = parsed_object(frame.data)
    error = decode_error(body or {}) or UpstreamError(
        message=frame.data.decode("utf-8", "replace")[:1000] if body is None else ""
    )
    named = frame.event if frame.event != ERROR_EVENT and error.kind != _QUOTA else error.kind
    return failure_of(
        UpstreamError(message=error.message, kind=named or error.kind, status=error.status)
    )


def inspect_first(frame: Frame) -> Failure | None:
    """Judge a stream's first frame; events yet unknown may begin an answer."""
    if is_error(frame):
        return failure_in(frame)
    if parsed_object(frame.data) is None:
        return bad_reply("the upstream's stream does not begin with JSON")
    if frame.event in _ENDINGS or not frame.event:
        return bad_reply("the upstream's stream ended before it began")
    return None


def inspect_reply(body: bytes) -> Failure | None:
    """Judge a whole body. An empty `content` is an answer if it says why it stopped."""
    reply = parsed_object(body)
    if reply is None:
        return bad_reply("the upstream's answer is not a JSON object")
    content = content_of(reply)
    if content is None:
        error = decode_error(reply)
        return bad_reply("the upstream's answer has no content") if not error else failure_of(error)
    if not content and not reply.get("stopReason"):
        return bad_reply("the upstream's answer is empty")
    return None


def content_of(reply: Mapping[str, Any]) -> list[Any] | None:
    """Find the content blocks of a whole answer. None if there are none."""
    output = reply.get("output")
    message = output.get("message") if isinstance(output, dict) else None
    content = message.get("content") if isinstance(message, dict) else None
    return content if isinstance(content, list) else None
