"""How answers of images and audio travel back: events frame by frame, everything else as it comes.

The event of a large image is one frame of megabytes, so frames are collected piece by piece, and
looked at without being copied more than once.
"""

from __future__ import annotations

import msgspec

from headgate.base.failure import Failure
from headgate.dialects.bridge import DIALECTS
from headgate.dialects.framing.sse import SseDecoder, cut_at_frame_border
from headgate.dialects.openai_chat.tasks import TaskWire, event_failure, fields_of, text_of
from headgate.ir.usage import Usage
from headgate.relay.lane import interrupted
from headgate.relay.renaming import Renaming

MAX_EVENT_BYTES = 64 * 1024 * 1024
_LONGEST_BORDER = 4  # CR LF CR LF
_DIALECT = DIALECTS["openai_chat"]


class EventLane:
    """A stream of events, whole frames at a time: an error event can only follow a whole frame."""

    def __init__(self, wire: TaskWire, request_id: str, renaming: Renaming | None) -> None:
        self.failure: Failure | None = None
        self.usage: Usage | None = None
        self.finished = False
        self._wire = wire
        self._request_id = request_id
        self._renaming = renaming
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._tail = b""  # of what is held: a border may begin in it
        self._decoder = SseDecoder(MAX_EVENT_BYTES)
        self._is_known = False  # the events are of the wire's own families, so it has an end

    def feed(self, data: bytes) -> bytes:
        """Forward the whole frames among what has arrived."""
        if self.failure is not None:
            return b""
        border = cut_at_frame_border(self._tail + data) - len(self._tail)
        if border <= 0:
            self._hold(data)
            return self.fail(_too_long()) if self._held_bytes > MAX_EVENT_BYTES else b""
        whole = b"".join((*self._held, data[:border]))
        self._held, self._held_bytes, self._tail = [], 0, b""
        self._hold(data[border:])
        for frame in self._decoder.feed(whole):
            fields = fields_of(frame.data)
            if fields is not None:
                self.failure = self.failure or event_failure(frame, fields)
                self._look(text_of(fields, "type") or frame.event, fields)
            elif frame.data.startswith(b"[DONE]"):
                self.finished = True
        return whole if self._renaming is None else self._renaming.frames(whole)

    def end(self) -> bytes:
        """Forward a last frame that lacks its blank line; say so if the stream is not complete."""
        out = self.feed(b"\n\n") if b"".join(self._held).strip() else b""
        if self.failure is None and self._is_known and not self.finished:
            out += self.fail(interrupted())
        return out

    def fail(self, failure: Failure) -> bytes:
        """Spell the failure as an error event."""
        self.failure = failure
        self._held = []
        return _DIALECT.encode_error_event(failure, self._request_id)

    def _hold(self, data: bytes) -> None:
        if data:
            self._held.append(data)
            self._held_bytes += len(data)
            self._tail = (self._tail + data[-_LONGEST_BORDER:])[1 - _LONGEST_BORDER :]

    def _look(self, kind: str, fields: dict[str, msgspec.Raw]) -> None:
        self._is_known = self._is_known or kind.startswith(self._wire.families)
        if kind not in self._wire.endings:
            return
        self.finished = True
        told = self._wire.usage(fields)
        if told is not None and self.usage is not None:  # one event for each image
            images = self.usage.images + told.images
            told = msgspec.structs.replace(told if told.total else self.usage, images=images)
        self.usage = told or self.usage


class BytesLane:
    """Audio, or a text, as it comes. Nothing can be said in it when it breaks off."""

    def __init__(self) -> None:
        self.failure: Failure | None = None
        self.usage: Usage | None = None
        self.finished = False
        self.size = 0

    def feed(self, data: bytes) -> bytes:
        """Forward everything."""
        self.size += len(data)
        return data

    def end(self) -> bytes:
        """Nothing is held back."""
        self.finished = True
        return b""

    def fail(self, failure: Failure) -> bytes:
        """The caller must see the connection break."""
        self.failure = failure
        return b""


def _too_long() -> Failure:
    failure = interrupted()
    message = f"one stream event is longer than {MAX_EVENT_BYTES} bytes"
    return msgspec.structs.replace(failure, message=message)
