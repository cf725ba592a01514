"""A WebSocket over a transport: whole messages in and out, bounded, kept alive, closed with a code.

It is either end of a connection: the caller's, whose handshake the edge answers, and the upstream's
(`handshake.py`). The wire itself is the sans-I/O part of `websockets`; there is no task and no
queue here but the messages that nobody has taken yet, and beyond their bound the peer must wait.
Source: RFC 6455; reliability.md F-C23.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import NamedTuple

import msgspec
from websockets.frames import EXTERNAL_CLOSE_CODES, CloseCode, Frame, Opcode
from websockets.protocol import OPEN, Event, Protocol

from headgate.upstream.timeouts import LazyTimer

NORMAL = int(CloseCode.NORMAL_CLOSURE)
GOING_AWAY = int(CloseCode.GOING_AWAY)
CUT = int(CloseCode.ABNORMAL_CLOSURE)  # never on the wire: the connection just broke
NO_CODE = int(CloseCode.NO_STATUS_RCVD)  # never on the wire: the peer closed without a word
BROKEN_TEXT = int(CloseCode.INVALID_DATA)
REFUSED = int(CloseCode.POLICY_VIOLATION)
FAILED = int(CloseCode.INTERNAL_ERROR)
RESTARTING = int(CloseCode.SERVICE_RESTART)

_LONGEST_REASON_BYTES = 123  # RFC 6455 5.5: a control frame holds 125, and the code takes two
_MOST_UNREAD = 1_000  # messages, for even empty ones take room
_OWN_CODES = range(3000, 5000)
_DATA = frozenset({Opcode.CONT, Opcode.TEXT, Opcode.BINARY})


class Message(NamedTuple):
    """One message, put together again if it came in pieces. A text is valid UTF-8."""

    data: bytes
    is_text: bool = True


class SocketBounds(msgspec.Struct, frozen=True, kw_only=True):
    """How large and how long; bytes and seconds."""

    message_bytes: int = 16 * 1024 * 1024
    unread_bytes: int = 256 * 1024  # waiting for who reads them; then the peer must wait
    ping_s: float = 20.0  # of silence, then the peer is asked whether it is there ...
    pong_s: float = 20.0  # ... and must say something within this time
    close_s: float = 2.0  # for the peer to say goodbye as well


class WebSocket:
    """One end of an open connection.

    The owner of the transport calls `feed`, `set_paused` and `lost`; who speaks calls the rest.
    `over` is set when nothing more will come. One reader at a time.
    """

    def __init__(
        self, protocol: Protocol, bounds: SocketBounds, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.over = asyncio.Event()
        self.draining = asyncio.Event()  # the server wants to stop: come to an end soon
        self.paused = False  # the peer does not keep up: wait in `drain()`
        self._protocol = protocol
        self._bounds = bounds
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._unread: deque[Message] = deque()
        self._unread_bytes = 0
        self._begun = bytearray()  # of a message that comes in pieces, however many they are
        self._is_text = True
        self._is_read_paused = False
        self._owes_pongs = False  # answers to pings pile up, for the peer does not read
        self._awaits_pong = False
        self._has_said_goodbye = False  # what the peer still says goes nowhere
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._timer = LazyTimer(loop, self._on_silence)

    # ------------------------------------------------------------------ who speaks

    async def receive(self) -> Message | None:
        """Wait for the next message; None when there will be none (`close_code` says why)."""
        while not self._unread:
            if self.over.is_set():
                return None
            self._news.clear()
            await self._news.wait()
        message = self._unread.popleft()
        self._unread_bytes -= len(message.data)
        self._look_after_reading()
        return message

    def take_unread(self) -> list[Message]:
        """Take all that has come and nobody has read."""
        messages = list(self._unread)
        self._unread.clear()
        self._unread_bytes = 0
        return messages

    def send(self, data: bytes, *, is_text: bool = True) -> None:
        """Send a message; to a peer that is gone it goes nowhere."""
        protocol = self._protocol
        if protocol.state is not OPEN:
            return
        if is_text:
            protocol.send_text(data)
        else:
            protocol.send_binary(data)
        self._flush()

    async def drain(self) -> None:
        """Wait while more is buffered than the peer has taken; returns at once if not."""
        if self.paused and not self.over.is_set():
            await self._writable.wait()

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Say goodbye, and give the peer a moment to answer. The transport stays the owner's."""
        if self._protocol.state is OPEN:
            self._protocol.send_close(sendable(code), _short(reason))
            self._flush()
        self._has_said_goodbye = True
        self._unread.clear()
        self._unread_bytes = 0
        self._look_after_reading()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._bounds.close_s):
                await self.over.wait()
        self._timer.stop()

    @property
    def close_code(self) -> int:
        """Why it is over: the peer's code, ours where the peer said none, or `CUT`."""
        said = self._protocol.close_rcvd or self._protocol.close_sent
        return int(said.code) if said is not None else CUT

    @property
    def close_reason(self) -> str:
        """The words beside the code."""
        said = self._protocol.close_rcvd or self._protocol.close_sent
        return said.reason if said is not None else ""

    @property
    def subprotocol(self) -> str | None:
        """What both sides agreed on in the handshake."""
        return self._protocol.subprotocol

    def abort(self) -> None:
        """Break the connection off."""
        if self._transport is not None:
            self._transport.abort()
        self.lost()

    # ------------------------------------------------------------------ the owner

    def attach(self, transport: asyncio.Transport) -> None:
        """Begin: the handshake is done, and this is what it was done over."""
        self._transport = transport
        self._timer.move(self._loop.time() + self._bounds.ping_s)

    def feed(self, data: bytes) -> None:
        """Take what came from the peer."""
        if self.over.is_set():
            return
        self._awaits_pong = False
        self._timer.deadline_s = self._loop.time() + self._bounds.ping_s
        self._protocol.receive_data(data)
        self._look_at_events()

    def set_paused(self, paused: bool) -> None:
        """Note that the transport's buffer is above, or again below, its mark."""
        self.paused = paused
        if paused:
            self._writable.clear()
        else:
            self._owes_pongs = False
            self._writable.set()
            self._look_after_reading()

    def set_draining(self) -> None:
        """Note that the server wants to stop."""
        self.draining.set()

    def lost(self) -> None:
        """The connection is gone."""
        self._protocol.receive_eof()
        self._look_at_events()
        self._end()
        self._transport = None

    # ------------------------------------------------------------------ inside

    def _look_at_events(self) -> None:
        protocol = self._protocol
        for event in protocol.events_received():
            self._on_event(event)
        self._flush()
        if protocol.close_rcvd is not None or protocol.parser_exc is not None:
            self._end()
        self._look_after_reading()

    def _on_event(self, event: Event) -> None:
        if not isinstance(event, Frame):
            return
        opcode = event.opcode
        if opcode is Opcode.PING:
            self._owes_pongs = self.paused
        if opcode not in _DATA or self._has_said_goodbye:
            return
        if opcode is not Opcode.CONT:
            self._is_text = opcode is Opcode.TEXT
        data = bytes(event.data)
        if not event.fin:
            self._begun += data
            return
        if self._begun:
            data = bytes(self._begun + data)
            self._begun = bytearray()
        if self._is_text and not _is_utf8(data):
            self._protocol.fail(BROKEN_TEXT, "a text message is not UTF-8")
            self._has_said_goodbye = True
            self._end()
            return
        self._unread.append(Message(data, self._is_text))
        self._unread_bytes += len(data)
        self._news.set()

    def _flush(self) -> None:
        transport = self._transport
        for data in self._protocol.data_to_send():
            # b"" asks for the end of the stream: that is the owner's to close.
            if data and transport is not None and not transport.is_closing():
                transport.write(data)

    def _look_after_reading(self) -> None:
        """Let the peer wait while too much of it is unread."""
        transport = self._transport
        stop = self._unread_bytes > self._bounds.unread_bytes or self._owes_pongs
        stop = stop or len(self._unread) > _MOST_UNREAD
        stop = stop and not self.over.is_set()
        if stop is self._is_read_paused or transport is None or transport.is_closing():
            return
        self._is_read_paused = stop
        if stop:
            transport.pause_reading()
        else:
            transport.resume_reading()
            self._timer.move(self._loop.time() + self._bounds.ping_s)

    def _on_silence(self) -> None:
        now_s, bounds = self._loop.time(), self._bounds
        if self._is_read_paused:  # what is not read cannot be heard
            self._timer.move(now_s + bounds.ping_s)
        elif self._awaits_pong:
            self.abort()
        elif self._protocol.state is OPEN:
            self._awaits_pong = True
            self._protocol.send_ping(b"")
            self._flush()
            self._timer.move(now_s + bounds.pong_s)

    def _end(self) -> None:
        self.over.set()
        self._news.set()
        self._writable.set()
        self._timer.stop()


def sendable(code: int) -> int:
    """Find the code to send for one that came: some only ever stand for what did not come."""
    if code in EXTERNAL_CLOSE_CODES or code in _OWN_CODES:
        return code
    return NORMAL if code == NO_CODE else FAILED


def _short(reason: str) -> str:
    return reason.encode()[:_LONGEST_REASON_BYTES].decode("utf-8", "ignore")


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
