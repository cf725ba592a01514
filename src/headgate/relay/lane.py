"""How an answer travels back: passed through or translated, whole or as a stream.

A lane is chosen per attempt. It knows no socket: bytes of the upstream in, bytes for the caller
out, usage counted on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from headgate.base.failure import Failure, broke_off
from headgate.base.frames import Frame
from headgate.dialects.dialect import (
    Dialect,
    ReplyContext,
    StreamDecoder,
    StreamEncoder,
    Wire,
)
from headgate.dialects.framing.sse import MAX_FRAME_BYTES, cut_at_frame_border, parse_block
from headgate.ir.collect import Collector, collect, replay
from headgate.ir.custom_tools import CustomCalls
from headgate.ir.events import Ended, Event, Failed, Started
from headgate.ir.reply import Reply
from headgate.ir.usage import Usage
from headgate.relay.renaming import Renaming

# Some encoders repeat the whole reply at its end, so none may be endless.
MAX_STREAM_BYTES = 128 * 1024 * 1024

_FRAME_ENDS = (b"\n\n", b"\n\r\n")
_BEFORE_BORDER = 2  # bytes of a frame's end that may have come before its last one

# Takes a translated reply when it is whole.
Remember = Callable[[Reply], None]


class StreamLane(Protocol):
    """A stream on its way to the caller."""

    failure: Failure | None  # set when the upstream broke off; the bytes out said so already

    @property
    def usage(self) -> Usage | None:
        """What the stream has told so far."""

    @property
    def finished(self) -> bool:
        """The reply is whole, although the upstream's body may not have ended yet."""

    def feed(self, data: bytes) -> bytes:
        """Take what arrived, give what may go out."""

    def end(self) -> bytes:
        """The upstream's body ended cleanly; give the rest."""

    def fail(self, failure: Failure) -> bytes:
        """The upstream broke off; give the caller's error event."""


class PassThrough:
    """The same dialect on both sides: bytes go on as they came, whole frames at a time.

    Whole frames, because an error event can only follow a whole frame.
    """

    def __init__(
        self, dialect: Dialect, request_id: str, *, show_usage: bool, renaming: Renaming | None
    ) -> None:
        self.failure: Failure | None = None
        self._dialect = dialect
        self._request_id = request_id
        self._meter = dialect.meter(show_usage)
        self._notable = dialect.notable
        self._renaming = renaming
        self._rest = bytearray()  # of a frame that is not whole

    @property
    def usage(self) -> Usage | None:
        """What the stream has told so far."""
        return self._meter.usage

    @property
    def finished(self) -> bool:
        """The dialect's own end was seen."""
        return self._meter.finished

    def feed(self, data: bytes) -> bytes:
        """Forward the whole frames among what has arrived."""
        if self.failure is not None:
            return b""
        if self._rest or not data.endswith(_FRAME_ENDS):
            data = self._whole_frames(data)
        if self._notable(data):
            data = self._looked_through(data)
        return data if self._renaming is None else self._renaming.frames(data)

    def _whole_frames(self, data: bytes) -> bytes:
        """Hold back what does not end with a frame's own end.

        A frame of megabytes comes in many pieces: what is held of it is not looked at again.
        """
        rest = self._rest
        tail = bytes(rest[-_BEFORE_BORDER:])
        border = cut_at_frame_border(tail + data) - len(tail)
        if border <= 0:
            rest += data
            return self.fail(_too_long()) if len(rest) > MAX_FRAME_BYTES else b""
        whole = bytes(rest) + data[:border]
        rest[:] = data[border:]
        return whole

    def end(self) -> bytes:
        """Forward a last frame that lacks its blank line; say so if the reply is not complete."""
        out = self.feed(b"\n\n") if self._rest.strip() else b""
        self._rest.clear()
        if self._meter.failure is not None:
            self.failure = self._meter.failure
        elif not self._meter.finished:
            out += self.fail(interrupted())
        return out

    def fail(self, failure: Failure) -> bytes:
        """Spell the failure as the dialect's error event."""
        self.failure = failure
        self._rest.clear()
        return self._dialect.encode_error_event(failure, self._request_id)

    def _looked_through(self, data: bytes) -> bytes:
        """Show the frames that matter to the meter; leave out those that it keeps to itself.

        By halves: in a burst of a hundred frames usually only the last few matter.
        """
        if not self._notable(data):
            return data
        border = _middle(data)
        if border == len(data):
            frame = parse_block(data)
            return data if frame is None or self._meter.feed(frame) else b""
        head, tail = data[:border], data[border:]
        kept_head, kept_tail = self._looked_through(head), self._looked_through(tail)
        is_whole = len(kept_head) + len(kept_tail) == len(data)
        return data if is_whole else kept_head + kept_tail


class Translated:
    """Different dialects: frames to events to frames."""

    def __init__(
        self,
        upstream: Wire,
        caller: Dialect,
        context: ReplyContext,
        model: str | None,
        *,
        custom_tools: frozenset[str] = frozenset(),
        remember: Remember | None = None,
    ) -> None:
        self.failure: Failure | None = None
        self._model = model  # to be shown instead of the upstream's; None: as it says
        self._usage: Usage | None = None
        self._finished = False
        self._fed_bytes = 0
        self._frames = upstream.frame_decoder()
        self._decoder: StreamDecoder = upstream.stream_decoder()
        self._custom = CustomCalls(custom_tools) if custom_tools else None
        self._remember = remember
        self._collector = Collector() if remember is not None else None
        self._encoder: StreamEncoder = caller.stream_encoder(context)

    @property
    def usage(self) -> Usage | None:
        """What the stream has told so far."""
        return self._usage

    @property
    def finished(self) -> bool:
        """The upstream's reply has ended."""
        return self._finished

    def feed(self, data: bytes) -> bytes:
        """Translate the frames that these bytes complete."""
        if self.failure is not None:
            return b""
        self._fed_bytes += len(data)
        if self._fed_bytes > MAX_STREAM_BYTES:
            return self.fail(_endless())
        out: list[bytes] = []
        for frame in self._frames.feed(data):
            for event in self._decoder.feed(frame):
                out.append(self._written(event))
        return b"".join(out)

    def end(self) -> bytes:
        """Translate what is left, and close the reply."""
        if self.failure is not None:
            return b""
        out: list[bytes] = []
        for frame in self._frames.end():
            out += [self._written(event) for event in self._decoder.feed(frame)]
        out += [self._written(event) for event in self._decoder.end()]
        return b"".join(out)

    def fail(self, failure: Failure) -> bytes:
        """Spell the failure as the caller's error event."""
        return self._written(Failed(failure)) if self.failure is None else b""

    def _written(self, event: Event) -> bytes:
        if self.failure is not None:
            return b""
        if isinstance(event, Started | Ended):
            self._usage = event.usage or self._usage
            self._finished = isinstance(event, Ended)
            if self._model is not None and isinstance(event, Started):
                event = msgspec.structs.replace(event, model=self._model)
        elif isinstance(event, Failed):
            self.failure = event.failure
        if self._custom is None and self._collector is None:
            return self._encoder.feed(event)
        events = (event,) if self._custom is None else self._custom.feed(event)
        return b"".join(map(self._collected, events))

    def _collected(self, event: Event) -> bytes:
        """Write an event, and keep it for the whole reply."""
        if self._collector is not None and not isinstance(event, Failed):
            self._collector.feed(event)
            if isinstance(event, Ended) and self._remember is not None:
                self._remember(self._collector.reply())
        return self._encoder.feed(event)


def written(reply: Reply, caller: Dialect, context: ReplyContext, *, stream: bool) -> bytes:
    """Write a whole reply in the form that the caller asked for."""
    if not stream:
        return caller.encode_reply(reply, context)
    encoder = caller.stream_encoder(context)
    return b"".join(encoder.feed(event) for event in replay(reply))


def collected(frames: Sequence[Frame], upstream: Wire) -> Reply:
    """Collect the frames of a stream that has been read to its end into a whole reply.

    Errors: RelayError when the stream tells of a failure or does not finish.
    """
    decoder = upstream.stream_decoder()
    events: list[Event] = []
    for frame in frames:
        events += decoder.feed(frame)
    events += decoder.end()
    return collect(events)


def interrupted() -> Failure:
    """The upstream ended its stream before the reply was complete."""
    return broke_off("The upstream ended the stream before the reply was complete.")


def _endless() -> Failure:
    return broke_off(f"the stream is longer than {MAX_STREAM_BYTES} bytes")


def _too_long() -> Failure:
    return broke_off(f"one stream event is longer than {MAX_FRAME_BYTES} bytes")


def _middle(data: bytes) -> int:
    """Find the border between two frames that is nearest to the middle; the end if it is one."""
    for separator in (b"\n\r\n", b"\r\r", b"\n\n") if b"\r" in data else (b"\n\n",):
        width = len(separator)
        after = data.find(separator, len(data) // 2)
        if 0 <= after < len(data) - width:
            return after + width
        before = data.rfind(separator, 0, len(data) - width)
        if before >= 0:
            return before + width
    return len(data)
