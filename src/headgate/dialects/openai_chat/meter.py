"""Streams that are passed through: usage, errors and the end, read in passing.

Most frames are only searched for a few bytes. JSON escapes quotes inside texts, so an unescaped
`"usage"` can only be a key.
"""

from __future__ import annotations

import re

from headgate.base.failure import Failure, bad_reply
from headgate.base.frames import Frame
from headgate.dialects.lenient_json import parsed_object
from headgate.dialects.openai_chat.errors import decode_error, failure_of
from headgate.dialects.openai_chat.usage import usage_in
from headgate.ir.usage import Usage

# OpenAI writes `"usage":null` into every chunk once usage was asked for: those do not count.
_USAGE = re.compile(rb'"usage"\s*:\s*\{')
_FINISH = re.compile(rb'"finish_reason"\s*:\s*"(?!null"|")')
_DONE_REACH = 16  # nothing but line ends follows it
_NO_CHOICES = re.compile(rb'"choices"\s*:\s*\[\s*\]')


def notable(data: bytes) -> bool:
    """Tell whether these bytes of a stream could carry usage, an error or the end."""
    # Most chunks say null to both, and counting is several times cheaper than a pattern.
    return (
        data.count(b'"finish_reason"') != data.count(b'"finish_reason":null')
        and _FINISH.search(data) is not None
    ) or (
        (data.count(b'"usage"') != data.count(b'"usage":null') and _USAGE.search(data) is not None)
        or b"[DONE]" in data[-_DONE_REACH:]
        or b"error" in data
    )


class ChatMeter:
    """Watches one stream. `usage_is_shown`: the caller asked for the usage chunk itself."""

    def __init__(self, usage_is_shown: bool) -> None:
        self.finished = False
        self.failure: Failure | None = None
        self._usage_is_shown = usage_is_shown
        self._usage_frame: bytes | None = None
        self._earlier_usage: Usage | None = None

    def feed(self, frame: Frame) -> bool:
        """Look at a frame; False for a usage chunk that only we asked for."""
        data = frame.data
        if data.startswith(b"[DONE]"):
            self.finished = True
            return True
        if frame.event == "error" or b'"error"' in data:
            self._read_error(frame)
        if _FINISH.search(data) is not None:
            self.finished = True
        if _USAGE.search(data) is None:
            return True
        self._usage_frame = data
        return self._usage_is_shown or _NO_CHOICES.search(data) is None

    @property
    def usage(self) -> Usage | None:
        """What the stream has told so far. The last count is the whole one."""
        if self._usage_frame is not None:
            found = usage_in(self._usage_frame)
            self._earlier_usage = found if found is not None else self._earlier_usage
            self._usage_frame = None
        return self._earlier_usage

    def _read_error(self, frame: Frame) -> None:
        error = decode_error(parsed_object(frame.data) or {})
        if error is not None:
            self.failure = failure_of(error)
        elif frame.event == "error":
            self.failure = bad_reply("the upstream sent an error event without an error")
