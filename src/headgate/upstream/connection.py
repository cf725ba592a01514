"""One connection to an upstream, as the event loop drives it: requests out, answers in, in turn.

Source: RFC 9112; httptools (llhttp) reads the answer. reliability.md 2.2: F-U5 to F-U8 and F-U28
to F-U32. The hot path of the product: the parser appends body pieces to a list without coming
back to Python, bounds move one lazy timer, and a pause of the socket is the only back pressure.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from typing import Protocol, cast

from httptools import HttpParserError, HttpResponseParser

from headgate.base.failure import Failure, RelayError
from headgate.snapshot.facts import Timeouts
from headgate.upstream.http1 import BodySource
from headgate.upstream.timeouts import NEVER_S, LazyTimer
from headgate.upstream.transport_failures import bad_reply, cut, timed_out

MOST_HEAD_BYTES = 64 * 1024
MOST_HEADERS = 200
_MOST_UNREAD_BYTES = 256 * 1024
_ONE_WRITE_BYTES = 256 * 1024
_SLICE_BYTES = 128 * 1024
_SLICES_PER_TURN = 8  # then others have theirs, even if the upstream takes all at once
# A server that closes an idle connection crosses our request on the way: the close arrives within
# a round trip. Later than this it has had the request, and asking again would run it twice.
_STALE_S = 1.0

_NOT_HTTP = "The upstream's answer is not valid HTTP"
_HEAD_TOO_LARGE = "The upstream's answer has too many or too large headers"
_UNKNOWN_CODING = "The upstream's answer has an unknown transfer-encoding"
_ONLY_FRAMING = "The upstream's answer goes on without content"


# Takes a piece of the body; False when it wants no more for now.
Sink = Callable[[bytes], bool]


class Owner(Protocol):
    """Who keeps the connection between requests."""

    def take_back(self, connection: Connection) -> None:
        """The answer has been read to its clean end and the connection can be used again."""

    def forget(self, connection: Connection) -> None:
        """The connection is closed."""


class _RefusedError(Exception):
    """Raised inside a parser callback, to stop the parser. Its text is what is wrong."""


class Connection(asyncio.Protocol):
    """One socket. `is_settled`: the answer is complete, or `failure` says why it never will be."""

    __slots__ = (
        "_bound_s",
        "_feed",
        "_has_body_begun",
        "_is_complete",
        "_is_head_only",
        "_is_open",
        "_is_read_paused",
        "_is_reusable",
        "_is_reused",
        "_is_until_close",
        "_is_write_paused",
        "_loop",
        "_owner",
        "_parser",
        "_sent_s",
        "_sink",
        "_timeouts",
        "_timer",
        "_total_at_s",
        "_transport",
        "_unread_bytes",
        "_unsent",
        "_waiter",
        "failure",
        "has_head",
        "headers",
        "idle_since_s",
        "is_busy",
        "is_held_back",
        "is_settled",
        "is_stale",
        "on_body",
        "pieces",
        "sink_error",
        "sink_is_full",
        "status",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, owner: Owner) -> None:
        self._loop = loop
        self._owner = owner
        self._timer = LazyTimer(loop, self._bound_passed)
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.pieces: list[bytes] = []
        self.on_body = self.pieces.append  # called by the parser, from C to C
        self._parser = HttpResponseParser(self)
        self._feed = self._parser.feed_data
        self.failure: Failure | None = None
        self.headers: list[tuple[bytes, bytes]] = []
        self.status = 0
        self.idle_since_s = 0.0
        self.is_busy = False
        self.is_held_back = False  # nothing is handed on before the answer is whole
        self.is_settled = True
        self.is_stale = False
        self._sink: Sink | None = None
        self.sink_error: BaseException | None = None
        self.sink_is_full = False
        self._unsent: Iterator[bytes | memoryview] | None = None  # of a body that is not small
        self.has_head = self._has_body_begun = self._is_complete = False
        self._is_open = False
        self._is_reused = False
        self._is_read_paused = self._is_write_paused = False

    # ------------------------------------------------------------------ the client's side

    @property
    def is_usable(self) -> bool:
        """Open, and nobody's."""
        return self._is_open and not self.is_busy

    def ask(
        self,
        head: bytes,
        body: bytes | BodySource,
        method: str,
        timeouts: Timeouts,
        total_at_s: float,
    ) -> asyncio.Future[None]:
        """Send a request; the future is done when the answer's head is there, or `failure`."""
        self.is_busy = True
        self.is_settled = self.is_stale = self.is_held_back = False
        self.failure = self.sink_error = self._sink = None
        self.headers = []
        self.has_head = self._has_body_begun = self._is_complete = False
        self._is_reusable = self._is_until_close = False
        self._is_head_only = method == "HEAD"
        self._unread_bytes = 0
        self._timeouts = timeouts
        self._total_at_s = total_at_s
        self._unsent = None
        self._sent_s = self._loop.time()
        waiter = self._waiter = self._loop.create_future()
        if isinstance(body, bytes) and len(body) <= _ONE_WRITE_BYTES:
            self._bound(timeouts.first_byte_s, self._sent_s)
            self._write(head + body)
        else:
            self._unsent = _slices(body) if isinstance(body, bytes) else body.pieces()
            self._write(head)
            self._write_on()
        return waiter

    def more(self) -> asyncio.Future[None]:
        """Wait until there is something to take; only when there is nothing, and not settled."""
        waiter = self._waiter = self._loop.create_future()
        timeouts = self._timeouts
        bound_s = timeouts.idle_s if self._has_body_begun else timeouts.first_byte_s
        self._bound(bound_s, self._loop.time())
        return waiter

    def flow(self, sink: Sink) -> asyncio.Future[None]:
        """Hand pieces to the sink as they come, in the loop's own callback: no task is woken.

        The future is done when the sink has had enough, or the answer is settled.
        """
        waiter = self.more()
        self._sink = sink
        self.sink_is_full = False
        return waiter

    def take(self) -> bytes:
        """Hand over all that has come; let the socket go on if it was paused."""
        pieces = self.pieces
        data = b"".join(pieces)
        pieces.clear()
        self._unread_bytes = 0
        if data:
            self._has_body_begun = True
        if self._is_read_paused:
            self._is_read_paused = False
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()
        return data

    def give_back(self) -> None:
        """The answer is done with: keep the connection if it can be used again."""
        if self._is_open and self._is_complete and self._is_reusable and self._unsent is None:
            self.is_busy = False
            self._is_reused = True
            self._owner.take_back(self)
        else:
            self.abort()

    def abort(self) -> None:
        """Close the socket at once; who waits for an answer learns that there will be none."""
        if self.is_settled:
            self._close()
        else:
            self._fail(cut(has_begun=self._is_committed))

    # ------------------------------------------------------------------ the event loop's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._is_open = True

    def data_received(self, data: bytes) -> None:
        if not self.is_busy:  # an answer that nobody asked for must not become the next one's
            self.abort()
            return
        self._unread_bytes += len(data)
        try:
            self._feed(data)
        except HttpParserError as error:
            self._misread(error)
        pieces = self.pieces
        if pieces:
            if self._sink is not None:
                self._hand_on(self._sink, pieces)
            elif self._waiter is not None:
                self._wake()
            elif self._unread_bytes > _MOST_UNREAD_BYTES and not self._is_read_paused:
                self._pause_reading()
        elif self._is_complete:
            self._wake()
        elif self._unread_bytes > MOST_HEAD_BYTES:
            fault = _ONLY_FRAMING if self.has_head else _HEAD_TOO_LARGE
            self._fail(bad_reply(fault, has_begun=self._is_committed))

    def eof_received(self) -> None:
        self._is_open = False
        if not self.is_settled and self._is_until_close and self._is_whole():
            self._is_complete = self.is_settled = True
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_open = False
        if not self.is_settled:
            self.is_stale = (
                self._is_reused
                and not self.has_head
                and self._unread_bytes == 0
                and self._loop.time() - self._sent_s <= _STALE_S
            )
            self._fail(cut(has_begun=self._is_committed))
        self._timer.stop()
        self._transport = None
        del self._parser, self._feed, self._timer  # they point back at us
        self._owner.forget(self)

    def pause_writing(self) -> None:
        self._is_write_paused = True

    def resume_writing(self) -> None:
        self._is_write_paused = False
        if self._unsent is not None:
            self._write_on()

    # ------------------------------------------------------------------ the parser's side

    def on_message_begin(self) -> None:
        """Nothing may follow the answer."""
        if self.has_head:
            raise _RefusedError(_NOT_HTTP)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; those that come after the body (trailers) are not used."""
        if not self.has_head:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Start the answer, or skip an interim one (1xx)."""
        parser = self._parser
        status: int = parser.get_status_code()
        if status < 200:
            if status == 101:  # never asked for
                raise _RefusedError(_NOT_HTTP)
            self.headers.clear()
            return
        if len(self.headers) > MOST_HEADERS:
            raise _RefusedError(_HEAD_TOO_LARGE)
        if self._unread_bytes > MOST_HEAD_BYTES:  # the segment may hold some of the body as well
            self._check_head_size()
        self.has_head = True
        self.status = status
        self._is_reusable = parser.should_keep_alive()
        if not self._is_reusable:
            self._look_at_framing()
        if self._is_head_only:
            self._is_complete = self.is_settled = True
            self._is_reusable = False  # the parser waits for a body that will not come
        if status >= 300 and self._unsent is not None:
            self._unsent = None  # refused early: the rest of the upload is for nothing (F-U30)
            self._is_reusable = False
        self._wake()

    def on_message_complete(self) -> None:
        """The clean end."""
        if self.has_head:
            self._is_complete = self.is_settled = True

    # ------------------------------------------------------------------ inside

    @property
    def _is_committed(self) -> bool:
        """Some of the body has been handed on: no other upstream can take over."""
        return self._has_body_begun and not self.is_held_back

    def _look_at_framing(self) -> None:
        """Tell a body that ends with the connection from one that says where it ends."""
        headers = dict(self.headers)
        coding = headers.get(b"transfer-encoding")
        if coding is not None and coding.strip().lower() != b"chunked":
            raise _RefusedError(_UNKNOWN_CODING)
        self._is_until_close = coding is None and b"content-length" not in headers

    def _check_head_size(self) -> None:
        if sum(len(name) + len(value) + 4 for name, value in self.headers) > MOST_HEAD_BYTES:
            raise _RefusedError(_HEAD_TOO_LARGE)

    def _is_whole(self) -> bool:
        """An end of file is the clean end; over TLS only if the peer said so (close_notify)."""
        transport = self._transport
        tls = transport.get_extra_info("ssl_object") if transport is not None else None
        if tls is None:
            return True
        try:
            return not tls.read(1)
        except ssl.SSLError:
            return False

    def _write(self, data: bytes | memoryview) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _write_on(self) -> None:
        """Send as much of a large body as the socket takes; each step has `write_s`."""
        timeouts, unsent = self._timeouts, self._unsent
        try:
            for _ in range(_SLICES_PER_TURN):
                if unsent is None or self._is_write_paused or not self._is_open:
                    break
                piece = next(unsent, None)
                if piece is None:
                    self._unsent = unsent = None
                else:
                    self._write(piece)
            else:
                self._loop.call_soon(self._take_turn)
        except RelayError as error:  # the body cannot be read back from where it was kept
            self._unsent = None
            self._fail(error.failure)
            return
        if not self.has_head:
            bound_s = timeouts.first_byte_s if unsent is None else timeouts.write_s
            self._bound(bound_s, self._loop.time())

    def _take_turn(self) -> None:
        """Go on with a large body, unless that came to its end in the meantime."""
        if self._unsent is not None and self._is_open:
            self._write_on()

    def _pause_reading(self) -> None:
        self._is_read_paused = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def _bound(self, bound_s: float, now_s: float) -> None:
        self._bound_s = bound_s
        at_s = now_s + bound_s
        self._timer.move(at_s if at_s < self._total_at_s else self._total_at_s)

    def _bound_passed(self) -> None:
        if self.is_settled:
            return
        if self._total_at_s <= self._loop.time():
            total_s = self._timeouts.total_s or NEVER_S
            self._fail(timed_out(total_s, has_begun=self._is_committed))
        elif self._waiter is None:  # nobody waits: the reader is busy elsewhere
            self._timer.move(self._total_at_s)
        else:
            self._fail(timed_out(self._bound_s, has_begun=self._is_committed))

    def _misread(self, error: HttpParserError) -> None:
        """What came cannot be read: as an answer, or as more than the one answer."""
        if self._is_complete:
            self._is_reusable = False
            return
        refused = error.__context__
        message = str(refused) if isinstance(refused, _RefusedError) else _NOT_HTTP
        self._fail(bad_reply(message, has_begun=self._is_committed))

    def _fail(self, failure: Failure) -> None:
        if not self.is_settled:
            self.failure = failure
            self.is_settled = True
            self._wake()
            self._close()

    def _close(self) -> None:
        self._is_open = False
        if self._transport is not None:
            self._timer.stop()
            self._transport.abort()

    def _hand_on(self, sink: Sink, pieces: list[bytes]) -> None:
        """Give the sink what has come; wake the reader when it is the reader's turn."""
        # This runs for every chunk of every stream: what `take` and `_bound` do stands here again,
        # without their calls.
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._unread_bytes = 0
        is_first = not self._has_body_begun
        self._has_body_begun = True
        try:
            goes_on = sink(piece)
        except BaseException as error:  # noqa: BLE001 - it is raised again in the reader's task
            self.sink_error = error
            goes_on = False
        if goes_on and not self.is_settled:
            now_s, idle_s = self._loop.time(), self._timeouts.idle_s
            if is_first:
                self._bound(idle_s, now_s)
            else:
                self._timer.deadline_s = min(now_s + idle_s, self._total_at_s)
            return
        self.sink_is_full = not goes_on
        self._wake()

    def _wake(self) -> None:
        self._sink = None
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


def _slices(body: bytes) -> Iterator[memoryview]:
    """Cut a large body for the socket, without copying it."""
    view = memoryview(body)
    for start in range(0, len(body), _SLICE_BYTES):
        yield view[start : start + _SLICE_BYTES]
