"""Watching a stream that passes unchanged.

Every frame carries the usage so far, so the last one is kept and read when somebody asks.
Source: `recordings.md` 5.5
"""

from __future__ import annotations

import re

from headgate.base.failure import Failure
from headgate.base.frames import Frame
from headgate.dialects.gemini.reply import inspect_first, read_usage
from headgate.ir.usage import Usage

# Inside of a text these quotes would be escaped, so that only a field can match.
_END = re.compile(rb'"(?:finishReason|blockReason)"\s*:\s*(?:"(?!FINISH_REASON_UNSPEC)|[1-9])')
_HEAD_BYTES = 16  # an error stands alone in its frame, and so at the beginning


class GeminiMeter:
    """Reads usage and the end of one stream."""

    def __init__(self) -> None:
        self.finished = False
        self.failure: Failure | None = None
        self._last = b""  # the last frame with usage
        self._usage: Usage | None = None

    def feed(self, frame: Frame) -> bool:
        """Look at a frame. Every frame is meant for the caller: nobody asks for usage apart."""
        data = frame.data
        if b'"usageMetadata"' in data:
            self._last = data
        if not self.finished and b'Reason"' in data and _END.search(data) is not None:
            self.finished = True
        if b'"error"' in data[:_HEAD_BYTES]:
            self.failure = inspect_first(frame)
        return True

    @property
    def usage(self) -> Usage | None:
        """What the stream has told so far."""
        if self._last:
            self._usage = read_usage(self._last) or self._usage
            self._last = b""
        return self._usage


def notable(data: bytes) -> bool:
    """Tell that these bytes matter: at Gemini every frame carries usage."""
    return bool(data)
