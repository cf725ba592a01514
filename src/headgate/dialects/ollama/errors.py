"""Errors of Ollama's API, with a status of their own and inside a 200.

Source: docs.ollama.com/api/errors; `providers.md` 4.12 and 7.1.
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
# The model was only brought into memory, or out of it: nobody asked it anything.
_NO_ANSWER = frozenset({"load", "unload"})

# In this order: the first row with a word in the message counts.
_BY_WORD: tuple[tuple[FailureKind, re.Pattern[str]], ...] = (
    (
        _K.CONTEXT_TOO_LONG,
        re.compile(r"prompt too long|context length|exceeds? the (?:available )?context"),
    ),
    (_K.UPSTREAM_KEY_REFUSED, re.compile(r"unauthorized|invalid api key")),
    (_K.UPSTREAM_QUOTA, re.compile(r"usage limit|payment|insufficient")),
    (_K.UPSTREAM_RATE_LIMITED, re.compile(r"rate.?limit|too many requests")),
    (_K.UPSTREAM_NOT_FOUND, re.compile(r"model .*not found")),
    (_K.UPSTREAM_OVERLOADED, re.compile(r"server busy|overloaded|unavailable|out of memory")),
)


def decode_error(body: Mapping[str, Any]) -> UpstreamError | None:
    """Read an error object. None if it is none.

    Shape: {"error": "text", "status_code"?}; the `/v1` endpoints' object is read as well.
    """
    wrapped = object_of(body.get("error"))
    message = text_of(body.get("error")) or text_of(wrapped.get("message"))
    if not (message or wrapped):
        return None
    statuses = (body.get("status_code"), body.get("StatusCode"), wrapped.get("code"))
    return UpstreamError(
        message=mask(message),
        kind=text_of(wrapped.get("type")),
        status=next((status for each in statuses if (status := status_of(each))), None),
    )


def failure_of(error: UpstreamError) -> Failure:
    """Judge an error that came without an HTTP status of its own: in a stream, or inside a 200."""
    said = error.message.lower()
    kind = next((kind for kind, words in _BY_WORD if words.search(said)), _K.UPSTREAM_ERROR)
    message = error.message or "the upstream sent an error without a message"
    return Failure(kind=kind, message=message, code=error.kind or None)


def inspect_first(frame: Frame) -> Failure | None:
    """Judge a stream's first line."""
    line = parsed_object(frame.data)
    if line is None:
        return bad_reply("the upstream's stream does not begin with JSON")
    return _judged(line)


def inspect_reply(body: bytes) -> Failure | None:
    """Judge a whole body: an answer, or a stream that does not call itself one."""
    reply = parsed_object(body)
    if reply is None:
        reply = parsed_object(body.lstrip().split(b"\n", 1)[0])
    if reply is None:
        return bad_reply("the upstream's answer is not a JSON object")
    return _judged(reply)


def _judged(line: Json) -> Failure | None:
    error = decode_error(line)
    if error is not None:
        return failure_of(error)
    if line.get("done") is True and text_of(line.get("done_reason")) in _NO_ANSWER:
        return bad_reply("the upstream only loaded the model, and answered nothing")
    if not isinstance(line.get("message"), dict) and line.get("done") is not True:
        return bad_reply("the upstream's answer has no message")
    return None
