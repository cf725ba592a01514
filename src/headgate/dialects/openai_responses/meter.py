"""Streams that are passed through unchanged: usage, errors and the end, read in passing.

Only the last event of a stream has usage, so that deltas are never parsed.
"""

from __future__ import annotations

import msgspec

from headgate.base.failure import Failure
from headgate.base.frames import Frame
from headgate.dialects.dialect import UpstreamError
from headgate.dialects.lenient_json import parsed_object
from headgate.dialects.openai_responses.errors import decode_error, failure_of
from headgate.dialects.openai_responses.usage import usage_in_event
from headgate.ir.usage import Usage

_ENDS = frozenset({"response.completed", "response.incomplete"})


class _Kind(msgspec.Struct):
    type: str | None = None


_kind = msgspec.json.Decoder(_Kind)


def notable(data: bytes) -> bool:
    """Tell whether these bytes of a stream could carry usage, an error or the end."""
    return (
        b"response.completed" in data
        or b"response.incomplete" in data
        or b"response.failed" in data
        or b"error" in data
    )


class ResponsesMeter:
    """Watches one stream. See `Meter`."""

    def __init__(self, _usage_wanted: bool) -> None:
        # Usage is part of every stream here, so no frame is ever kept from the caller.
        self.finished = False
        self.failure: Failure | None = None
        self._usage: Usage | None = None

    def feed(self, frame: Frame) -> bool:
        """Look at a frame; it always goes on to the caller."""
        if not notable(frame.data) and frame.event != "error":
            return True
        try:
            kind = _kind.decode(frame.data).type or frame.event
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return True  # not ours to judge: the caller gets what the upstream said
        if kind in _ENDS:
            self.finished = True
            self._usage = usage_in_event(frame.data)
        elif kind in ("response.failed", "error") or frame.event == "error":
            error = decode_error(parsed_object(frame.data) or {}) or UpstreamError()
            self.failure = self.failure or failure_of(error)  # `error`, then `response.failed`
            self._usage = usage_in_event(frame.data) or self._usage
        return True

    @property
    def usage(self) -> Usage | None:
        """What the stream has told so far."""
        return self._usage
