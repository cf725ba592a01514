"""Writing one answer: a status line and headers, a body in one piece or many, an end or a break.

The relay sees this and no ASGI. The first piece leaves together with the head, in one write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Protocol

# The responder's own: an upstream's are dropped, or the caller's framing could be forged.
_FRAMING = frozenset(
    {b"content-length", b"transfer-encoding", b"connection", b"keep-alive", b"upgrade", b"te"}
    | {b"trailer", b"date", b"x-request-id", b"request-id", b"proxy-connection"}
)
_VISIBLE = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])
_BODILESS = frozenset({204, 304})
_UPGRADE_REQUIRED = 426


def _status_line(status: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:  # 499, 529 and whatever an upstream thinks up
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


_STATUS_LINES = {status: _status_line(status) for status in range(200, 600)}


@lru_cache(maxsize=256)
def header_line(name: bytes, value: bytes) -> bytes:
    """Write a header out; most come again and again. A framing header gives no line.

    Errors: ValueError when it holds CR, LF, NUL or another control character (S-58).
    """
    if name in _FRAMING:
        return b""
    if (name + value).translate(None, _VISIBLE):
        raise ValueError(f"control character in the header {name!r}")
    return b"%b: %b\r\n" % (name, value)


_SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\n"
_UPGRADE = b"upgrade: websocket\r\nconnection: Upgrade\r\n"


class Duct(Protocol):
    """Another protocol than HTTP, to which a connection's bytes go once both sides agreed on it."""

    def attach(self, transport: asyncio.Transport) -> None:
        """Begin, over this transport. It stays the connection's to close."""

    def feed(self, data: bytes) -> None:
        """Take what came from the caller."""

    def set_paused(self, paused: bool) -> None:
        """Note that the transport's buffer is above, or again below, its mark."""

    def set_draining(self) -> None:
        """Note that the server wants to stop."""

    def lost(self) -> None:
        """The caller is gone. No task is cancelled for it: who uses the duct has to notice."""


class Outlet(Protocol):
    """The connection, as the responder needs it."""

    def write(self, data: bytes) -> None:
        """Hand bytes to the transport."""

    def answered(self) -> None:
        """The answer has its clean end."""

    def broken(self, *, reset: bool) -> None:
        """The answer shall be seen to be cut; `reset` when only a TCP reset can show it."""

    def switched(self, duct: Duct) -> None:
        """From now on the bytes are another protocol's."""


class Responder:
    """One answer.

    Shape: `start`, any number of `send`, then `end` or `abort`; or `answer`, which is all of it.
    `paused` says that the caller does not keep up: `await drain()` before sending more.
    `closed` says that the caller is gone: what is sent then goes nowhere.
    """

    # One is made for each request: what mostly stays as it is costs nothing on the class.
    started = False
    ended = False
    closed = False
    paused = False
    _head = b""
    _chunked = False
    _until_close = False
    _remaining = 0
    _waiter: asyncio.Future[None] | None = None

    def __init__(
        self, outlet: Outlet, common: bytes, *, keep_alive: bool, mute: bool, http_1_0: bool
    ) -> None:
        """Bind to a connection. `common` are header lines; `mute`: answer HEAD, without a body."""
        self._outlet = outlet
        self._common = common
        self._mute = mute
        self._http_1_0 = http_1_0
        self.keep_alive = keep_alive

    def start(
        self, status: int, headers: Sequence[tuple[bytes, bytes]], length: int | None
    ) -> None:
        """Set the head; it leaves with the first `send`. Without a length the body is chunked.

        Errors: ValueError for a header that could break out of its line.
        """
        if self.started:
            raise RuntimeError("an answer starts once")
        lines = [header_line(*header) for header in headers]
        self.started = True
        if status in _BODILESS:
            self._mute = True
            framing = b""
        elif length is not None:
            self._remaining = length
            framing = b"content-length: %d\r\n" % length
        elif self._http_1_0:
            self._until_close = True
            self.keep_alive = False
            framing = b""
        else:
            self._chunked = not self._mute
            framing = b"transfer-encoding: chunked\r\n"
        if status == _UPGRADE_REQUIRED:
            framing += _UPGRADE
        elif not self.keep_alive:
            framing += b"connection: close\r\n"
        elif self._http_1_0:
            framing += b"connection: keep-alive\r\n"
        self._head = b"".join((_STATUS_LINES[status], *lines, self._common, framing, b"\r\n"))

    def send(self, data: bytes) -> None:
        """Write a piece of the body, in one write; an empty piece only takes the head along.

        Errors: RuntimeError before `start`, after the end, or beyond the announced length.
        """
        if self.closed:
            return
        if not self.started or self.ended:
            raise RuntimeError("send belongs between start and end")
        if self._chunked and data:  # first, because it is asked for every chunk of every stream
            self._outlet.write(b"%b%x\r\n%b\r\n" % (self._head, len(data), data))
            self._head = b""
            return
        head = self._head
        if self._mute:
            data = b""
        elif not self._chunked and not self._until_close:
            self._remaining -= len(data)
            if self._remaining < 0:
                raise RuntimeError("the body is longer than announced")
        if head:
            data = head + data
        if data:
            self._head = b""
            self._outlet.write(data)

    def end(self) -> None:
        """End the answer cleanly. A body shorter than announced is broken off instead."""
        if self.ended:
            return
        if not self.started:
            raise RuntimeError("end belongs after start")
        if self._remaining and not self._mute:
            self.abort()
            return
        self.ended = True
        if self.closed:
            return
        last = self._head + b"0\r\n\r\n" if self._chunked else self._head
        if last:
            self._outlet.write(last)
        self._outlet.answered()

    def answer(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        """Write a whole answer, in one write."""
        self.start(status, headers, len(body))
        self.ended = True
        if not self.closed:
            self._outlet.write(self._head if self._mute else self._head + body)
            self._outlet.answered()

    def switch(self, headers: Sequence[tuple[bytes, bytes]], duct: Duct) -> None:
        """Agree to a WebSocket: the connection is the duct's, until `leave` (or `abort`)."""
        if self.started:
            raise RuntimeError("an answer starts once")
        self.started = True
        self.keep_alive = False
        if self.closed:
            duct.lost()
            return
        lines = [header_line(*header) for header in headers]
        self._outlet.write(b"".join((_SWITCHING, *lines, self._common, _UPGRADE, b"\r\n")))
        self._outlet.switched(duct)

    def leave(self) -> None:
        """The other protocol is done: close behind what is written."""
        if not self.ended:
            self.ended = True
            if not self.closed:
                self._outlet.answered()

    def abort(self) -> None:
        """Break the connection so that the caller sees that something is missing."""
        if self.ended:
            return
        self.ended = True
        if not self.closed:
            self._outlet.broken(reset=self._until_close)

    async def drain(self) -> None:
        """Wait while more is buffered than the caller has taken; returns at once if not."""
        while self.paused and not self.closed:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    # For the connection.

    def set_paused(self, paused: bool) -> None:
        """Note that the transport's buffer is above, or again below, its mark."""
        self.paused = paused
        if not paused:
            self._wake()

    def set_closed(self) -> None:
        """Note that the caller is gone."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
