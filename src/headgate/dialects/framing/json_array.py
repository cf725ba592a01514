"""A stream in the form of one JSON array, written element by element: bytes to frames and back.

Source: `providers.md` 2.4, 2.5 (Gemini without `alt=sse`).
"""

from __future__ import annotations

import re

from headgate.base.failure import RelayError, bad_reply
from headgate.base.frames import Frame
from headgate.dialects.framing.sse import MAX_FRAME_BYTES

_BETWEEN = re.compile(rb"[\s,\[\]]*")
# Up to the next bracket, over whole strings; stops at a quote whose string is cut off.
_NESTING = re.compile(rb'[^"{}\[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}\[\]]*+)*+', re.DOTALL)
# Up to the closing quote, over whole escapes; stops at a backslash whose escape is cut off.
_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_OPENING = b"{["
_QUOTE = ord('"')


class JsonArrayDecoder:
    """Cuts a JSON array of objects into one frame per object.

    An object that stands alone, without the array around it (an error body), is a frame too.
    Each byte is looked at once, whatever the borders of the network chunks.
    Errors: RelayError UPSTREAM_BAD_REPLY when an element grows beyond `max_frame_bytes`, and when
    something other than objects stands in the array.
    """

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._depth = 0  # open brackets of the current element; 0 between elements
        self._in_string = False
        self._pieces: list[bytes] = []  # of the current element
        self._held_bytes = 0
        self._backslash = b""  # an escape cut off by a chunk border

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes, give the frames that they complete."""
        data = self._backslash + data
        self._backslash = b""
        frames: list[Frame] = []
        start = at = 0
        while at < len(data):
            if self._depth == 0:
                start = at = _skip_between(data, at)
                if at == len(data):
                    break
                self._depth = 1
                at += 1
            elif self._in_string:
                at = self._pass_string(data, at)
            else:
                at = self._pass_nesting(data, at)
                if self._depth == 0:
                    frames.append(Frame(self._element(data[start:at])))
                    start = at
        if self._depth:
            self._hold(data[start : len(data) - len(self._backslash)])
        return frames

    def end(self) -> list[Frame]:
        """Give nothing: an element that lacks its end is none, and its reply has not finished."""
        return []

    def _pass_string(self, data: bytes, at: int) -> int:
        """Go on inside a string, to just behind its closing quote if that is here."""
        at = _end_of(_STRING, data, at)
        if at == len(data):
            return at
        if data[at] == _QUOTE:
            self._in_string = False
            return at + 1
        self._backslash = data[at:]
        return len(data)

    def _pass_nesting(self, data: bytes, at: int) -> int:
        """Go on outside of strings, to just behind the next bracket or opening quote."""
        at = _end_of(_NESTING, data, at)
        if at == len(data):
            return at
        if data[at] == _QUOTE:
            self._in_string = True
        else:
            self._depth += 1 if data[at] in _OPENING else -1
        return at + 1

    def _element(self, last_piece: bytes) -> bytes:
        element = b"".join([*self._pieces, last_piece])
        self._pieces, self._held_bytes = [], 0
        return element

    def _hold(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._held_bytes += len(piece)
        if self._held_bytes > self._max_frame_bytes:
            raise _bad(f"one stream element is longer than {self._max_frame_bytes} bytes")


def _skip_between(data: bytes, at: int) -> int:
    at = _end_of(_BETWEEN, data, at)
    if at < len(data) and data[at : at + 1] != b"{":
        raise _bad("the stream is not a JSON array of objects")
    return at


def _end_of(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    matched = pattern.match(data, at)
    return matched.end() if matched is not None else at


def _bad(message: str) -> RelayError:
    return RelayError(bad_reply(message))


class JsonArrayEncoder:
    """Writes frames as the elements of one array. One per stream."""

    def __init__(self) -> None:
        self._opened = False

    def feed(self, data: bytes) -> bytes:
        """Write one element; `data` is its JSON."""
        opening = b",\r\n" if self._opened else b"["
        self._opened = True
        return opening + data

    def end(self) -> bytes:
        """Close the array."""
        return b"]" if self._opened else b"[]"
