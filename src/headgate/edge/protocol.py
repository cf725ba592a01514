"""One caller's connection: reads requests, runs one task for each in turn, bounds everything.

A subclass of uvicorn's protocol: what a route of the site answers never becomes an ASGI scope;
the rest goes on to uvicorn (docs/decisions/0002-edge-protocol.md).
Source: reliability.md 0.1 (what uvicorn leaves open), 2.1 rows F-C1 to F-C23.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import socket
import struct
import sys
import termios
from collections import deque
from collections.abc import Callable
from enum import IntEnum
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.base.ids import accepted_request_id, new_id
from headgate.edge.body import Collector, too_large, unpacked
from headgate.edge.cors import ANSWER_LINES
from headgate.edge.head import (
    Head,
    bad_request,
    check_host,
    is_chunked,
    unique_fields,
    wants_continue,
)
from headgate.edge.request import Request
from headgate.edge.responder import Responder
from headgate.edge.routes import Match
from headgate.edge.shared import Shared
from headgate.edge.watch import Watch

_log = logging.getLogger(__name__)

# So much is parsed in one go: what is pipelined behind a request is looked at no further ahead.
_PIECE = 8 * 1024
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_FRAMING_ALLOWANCE = 64 * 1024  # chunk sizes, extensions and trailers beside a body ...
_FRAMING_FACTOR = 8  # ... and so many bytes for each byte of it
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 s


class _Reading(IntEnum):
    """How far the message on the wire has come."""

    NOTHING = 0
    HEAD = 1
    BODY = 2


class _EnoughError(Exception):
    """Stops the parser: nothing more is wanted from this caller."""


class HeadgateProtocol(HttpToolsProtocol):
    """A connection.

    At most one request is being answered, by a task of its own (`_task`) or by the ASGI app
    (`_in_app`). Complete requests behind it wait in `_waiting`, what is not parsed yet in `_held`.
    A refusal is the connection's last answer, and keeps its turn as well.
    """

    write: Callable[[bytes], None]
    _head: Head  # of the message whose body is being read

    def __init__(
        self,
        shared: Shared,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(config, server_state, app_state, loop)
        self._shared = shared
        self._limits = shared.limits
        self._watch = Watch(loop, self._on_due)
        # What is being read.
        self.url = b""
        self.headers = []
        self._reading = _Reading.NOTHING
        self._phase_bytes = 0  # read of the head, or else of the body, framing included
        self._phase_since_s = 0.0
        self._match: Match | None = None
        self._body = Collector(shared.budget)
        self._problem: Failure | None = None  # why a parser callback stopped the parser
        self._upgrading = False
        self._last = False  # no request is wanted behind the one that was read
        self._deaf = False  # nothing more is read at all
        # What is being answered, and what waits for its turn.
        self._task: asyncio.Task[None] | None = None
        self._cancelled = False
        self._responder: Responder | None = None
        self._in_app = False
        self._app_has_all = False
        self._waiting: deque[tuple[Head, Match, bytes]] = deque()
        self._refusal: Failure | None = None
        self._held = bytearray()
        # Writing.
        self._write_paused = False
        self._stalled_at_bytes = 0
        self._lingering = False
        self._lost = False

    # ------------------------------------------------------------------ connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.write = transport.write
        transport.set_write_buffer_limits(high=self._limits.write_buffer_bytes)
        self._shared.connections.add(self)
        self._watch.due_in(self._limits.silent_timeout_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._deaf = True
        self._watch.close()
        self._waiting.clear()
        self._held.clear()
        self._hang_up()
        super().connection_lost(exc)
        if self._task is None:
            self._body.release()
            self._shared.forget(self)

    def eof_received(self) -> None:
        """A caller that ends its side is gone, even if it would still read (F-C4)."""
        if self._task is not None and self._responder is not None and not self._responder.ended:
            self._hang_up()
            self.transport.abort()

    def _hang_up(self) -> None:
        """The caller is gone: cancel its task, unless the answer is complete already."""
        responder = self._responder
        if responder is None:
            return
        responder.set_closed()
        if not responder.ended:
            self.cut()

    def cut(self) -> None:
        """Cancel the task, if there is one; a task is cancelled once and never again."""
        if self._task is not None and not self._cancelled:
            self._cancelled = True
            self._task.cancel()

    def begin_drain(self) -> None:
        """Take no further request: close now if idle, else behind the answer under way."""
        if self._responder is not None:
            self._responder.keep_alive = False
            self._last = True
        elif self._in_app:
            super().shutdown()
        elif self._reading is _Reading.NOTHING:
            self._finish()

    def kill(self) -> None:
        """Close without waiting for anything."""
        self.transport.abort()

    # ------------------------------------------------------------------ reading

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        if len(data) > _PIECE or self._task is not None or self._app_has_all:
            self._feed(data)
            return
        self._parse(data)
        if self._reading:
            self._await_more(len(data))

    def _feed(self, data: bytes) -> None:
        """Parse piece by piece, and hold what comes before its turn."""
        view = memoryview(data)
        while view and not self._deaf:
            if self._task is not None or self._app_has_all:
                self._hold(view)
                return
            size = _PIECE
            if self._reading is _Reading.BODY:
                size = max(size, self._head.length - self._body.size)
            piece, view = view[:size], view[size:]
            self._parse(piece)
            if self._reading:
                self._await_more(len(piece))

    def _hold(self, data: memoryview) -> None:
        self._held += data
        if len(self._held) > self._limits.held_bytes:
            self.flow.pause_reading()

    def _parse(self, data: bytes | memoryview) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(bytes(data[upgrade.args[0] :]))
        except httptools.HttpParserError as error:
            if self._problem is not None:
                self._refuse(self._problem)
            elif isinstance(error.__context__, _EnoughError) or self._last:
                self._deaf = True
            elif isinstance(error, httptools.HttpParserCallbackError):
                self.transport.abort()
                raise  # ours: a defect, for the loop's exception handler to report
            else:
                self._refuse(bad_request(f"The request is not valid HTTP: {error}.").failure)

    def _await_more(self, size: int) -> None:
        """A message is incomplete: see that it stays within its size, and comes in time."""
        limits = self._limits
        self._phase_bytes += size
        if self._reading is _Reading.HEAD:
            if self._phase_bytes > limits.header_bytes or len(self.headers) > limits.header_count:
                self._refuse(_header_too_large(limits.header_bytes, limits.header_count).failure)
            elif self._phase_bytes == size and self._task is None:
                self._watch.due_in(limits.header_timeout_s)
            return
        if len(self.headers) > limits.header_count or self._phase_bytes > (
            _FRAMING_ALLOWANCE + _FRAMING_FACTOR * self._body.size
        ):
            self._refuse(bad_request("The chunked body has too much around its content.").failure)
        elif self._task is None:
            now_s = self.loop.time()
            if self._phase_bytes == size:
                self._phase_since_s = now_s
            floor_s = max(
                limits.body_floor_after_s, self._body.size / limits.body_floor_bytes_per_s
            )
            self._watch.due_in(min(limits.body_idle_s, self._phase_since_s + floor_s - now_s))

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Read the request again as if it asked for no upgrade (F-C19, F-C23).

        llhttp would leave the body unread and take it for the next request. Java's client, for
        one, asks for h2c with every first POST.
        """
        lines = [b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade"]
        method = self.parser.get_method()
        head = b"%b %b HTTP/1.1\r\n%b\r\n" % (method, self.url, b"".join(lines))
        self._upgrading = False
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._parse(head + rest)

    # ------------------------------------------------------------------ parser callbacks

    def on_message_begin(self) -> None:
        if self._last:
            raise _EnoughError
        self.url = b""
        self.headers = []
        self._match = None
        self._reading = _Reading.HEAD
        self._phase_bytes = 0

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > self._limits.url_bytes:
            message = f"The request target is longer than {self._limits.url_bytes:,} bytes."
            self._problem = bad_request(message, 414).failure
            raise _EnoughError

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        try:
            head = self._accept_head()
        except RelayError as error:
            self._problem = error.failure
            raise
        if head is None:
            return
        self._head = head
        self._reading = _Reading.BODY
        self._phase_bytes = 0
        if not head.keep_alive:
            self._last = True
        if self._match is None:
            self._hand_to_app(head)
            return
        self.headers = []  # trailers may follow; they are nobody's
        if head.wants_continue and self._task is None and not self._in_app:
            self.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        try:
            self._body.add(body, keep=not self._in_app)
        except RelayError as error:
            self._problem = error.failure
            raise
        if self._in_app:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._upgrading:
            return
        self._reading = _Reading.NOTHING
        if self._match is None:
            self._app_has_all = True
            super().on_message_complete()
        elif self._task is None and not self._in_app:
            self._start(self._head, self._match, self._body.take())
        else:
            self._waiting.append((self._head, self._match, self._body.take()))

    def _accept_head(self) -> Head | None:
        """Judge the head that was read; None while an upgrade is to be left out of it."""
        headers, parser, limits = self.headers, self.parser, self._limits
        if len(headers) > limits.header_count or (
            self._phase_bytes + _PIECE > limits.header_bytes
            and sum(len(name) + len(value) + 4 for name, value in headers) > limits.header_bytes
        ):
            raise _header_too_large(limits.header_bytes, limits.header_count)
        fields = unique_fields(headers)
        keep_alive: bool = parser.should_keep_alive()
        # Only HTTP/1.1 keeps a connection without being told to; asking for the version is dear.
        http_1_0 = False
        if not keep_alive or b"connection" in fields:
            http_1_0 = _is_http_1_0(parser.get_http_version())
        check_host(fields.get(b"host"), http_1_0=http_1_0)
        chunked = is_chunked(fields, http_1_0=http_1_0)
        method: bytes = parser.get_method()
        if method == b"CONNECT":
            raise bad_request("This is no proxy: CONNECT is not understood.", 405)
        if b"upgrade" in fields and parser.should_upgrade():
            self._upgrading = True
            return None
        self._match = match = self._shared.site.find(method, self.url, app=self._shared.has_app)
        limit = limits.body_bytes
        if match is not None and match.route.body_limit_bytes is not None:
            limit = match.route.body_limit_bytes
        length = int(fields.get(b"content-length", 0))
        if length > limit:
            raise too_large(limit)
        self._body.begin(limit)
        return Head(
            method=method,
            headers=headers,
            fields=fields,
            keep_alive=keep_alive,
            http_1_0=http_1_0,
            length=length,
            chunked=chunked,
            wants_continue=wants_continue(fields) and not http_1_0,
        )

    # ------------------------------------------------------------------ answering

    def _start(self, head: Head, match: Match, body: bytes) -> None:
        """Give a complete request its task."""
        request_id = _request_id(head.fields)
        request = Request(
            method=head.method.decode("ascii"),
            path=match.path,
            query=match.query,
            params=match.params,
            headers=head.headers,
            fields=head.fields,
            client_ip=self.client[0] if self.client is not None else "",
            body=body,
            received_s=self._shared.clock.monotonic_s(),
            request_id=request_id,
        )
        self._responder = responder = self._new_responder(
            request_id,
            keep_alive=head.keep_alive and not self._shared.draining,
            mute=head.method == b"HEAD",
            http_1_0=head.http_1_0,
        )
        self._watch.off()
        self._cancelled = False
        self._task = self.loop.create_task(self._serve(match, request, responder))

    def _new_responder(
        self, request_id: str, *, keep_alive: bool, mute: bool = False, http_1_0: bool = False
    ) -> Responder:
        name = request_id.encode("ascii")
        common = b"x-request-id: %b\r\nrequest-id: %b\r\n%b%b" % (
            name,
            name,
            self._shared.date_line,
            ANSWER_LINES,
        )
        responder = Responder(self, common, keep_alive=keep_alive, mute=mute, http_1_0=http_1_0)
        responder.paused = self._write_paused
        return responder

    async def _serve(self, match: Match, request: Request, responder: Responder) -> None:
        """The task of one request."""
        dialect = match.route.dialect
        try:
            coding = request.header(b"content-encoding")
            if coding is not None:
                limit, claim = self._body.limit, self._body.claim
                request.body = await unpacked(request.body, coding, limit, claim)
            await match.route.handler(request, responder)
            if not responder.ended:
                raise RuntimeError("the handler left the answer unfinished")
        except RelayError as error:
            self._fail(responder, error.failure, request.request_id, dialect)
        except asyncio.CancelledError:
            # The caller left, or the server stops: whoever cancelled wants no more than the end.
            failure = Failure(kind=FailureKind.DRAINING, message="The server is stopping.")
            self._fail(responder, failure, request.request_id, dialect)
            raise
        except Exception:  # noqa: BLE001 - the last frame of a task: nobody else would report it
            _log.exception("request %s failed", request.request_id)
            failure = Failure(kind=FailureKind.INTERNAL, message="Something broke in headgate.")
            self._fail(responder, failure, request.request_id, dialect)
        finally:
            self._turn_over()

    def _fail(self, responder: Responder, failure: Failure, request_id: str, dialect: str) -> None:
        """Spell a failure, or cut the answer that has begun: never a clean end (F-U rows)."""
        if responder.started:
            responder.abort()
        elif not responder.closed:
            responder.answer(*self._shared.site.error(failure, request_id, dialect))

    def _turn_over(self) -> None:
        """The task is over: the next may start."""
        self._task = None
        self._responder = None
        self._body.release()
        if self._lost:
            self._shared.forget(self)
        elif not self.transport.is_closing() and not self._lingering:
            self._next()

    def _next(self) -> None:
        if self._waiting:
            self._start(*self._waiting.popleft())
        elif self._refusal is not None:
            self._answer_refusal(self._refusal)
        elif self._last or (self._shared.draining and not self._reading):
            self._finish()
        elif self._held:
            held, self._held = bytes(self._held), bytearray()
            self.flow.resume_reading()
            self._feed(held)
            if self._task is None and not self._in_app and not self._reading:
                self._watch.due_in(self._limits.keep_alive_s)
        elif self._reading:
            self._watch.due_in(self._limits.header_timeout_s)
        else:
            self._watch.due_in(self._limits.keep_alive_s)

    def _refuse(self, failure: Failure) -> None:
        """Answer with a failure, when its turn comes, and read nothing more."""
        self._deaf = True
        if self._task is not None:
            self._refusal = failure
        elif self._in_app and self.cycle.response_started:
            self.transport.abort()
        else:
            if self._in_app:
                self._in_app = False
                self.cycle.disconnected = True  # the app waits for a body that will not come
                self.cycle.message_event.set()
            self._answer_refusal(failure)

    def _answer_refusal(self, failure: Failure) -> None:
        self._refusal = None
        in_body = self._reading is _Reading.BODY
        request_id = _request_id(self._head.fields if in_body else dict(reversed(self.headers)))
        dialect = self._match.route.dialect if self._match is not None else "openai_chat"
        responder = self._new_responder(request_id, keep_alive=False)
        responder.answer(*self._shared.site.error(failure, request_id, dialect))

    # ------------------------------------------------------------------ ending

    def answered(self) -> None:
        """The responder's answer has its end."""
        if self._responder is None or not self._responder.keep_alive:
            self._finish()

    def broken(self, *, reset: bool) -> None:
        """The responder breaks its answer off."""
        self._deaf = True
        if reset:
            with contextlib.suppress(OSError):  # the caller may be gone already
                sock = self.transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.transport.abort()
        else:
            self._close()

    def _finish(self) -> None:
        """Close behind what is written.

        Where the caller may still be sending, a close would reset the connection and could take
        the answer away from it: read on for a moment, and throw away what comes.
        """
        unread = self._reading or self._held or self._deaf
        self._deaf = True
        if unread and self.transport.can_write_eof():
            self._lingering = True
            self.flow.resume_reading()
            self.transport.write_eof()
            self._watch.due_in(self._limits.linger_s)
        else:
            self._close()

    def _close(self) -> None:
        self.transport.close()
        self._watch_stall(_untaken_bytes(self.transport))

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_paused = True
        if self._responder is not None:
            self._responder.set_paused(True)
        self._watch_stall(_untaken_bytes(self.transport))

    def resume_writing(self) -> None:
        super().resume_writing()
        self._write_paused = False
        if self._responder is not None:
            self._responder.set_paused(False)
            self._watch.off()
        elif not self._in_app and not self._lingering:
            self._watch.due_in(self._limits.keep_alive_s)

    def _on_due(self) -> None:
        """Something has taken too long."""
        limits = self._limits
        if self._lingering:
            self.transport.abort()
        elif self._write_paused or self.transport.is_closing():
            self._check_stall()
        elif self._task is not None or self._app_has_all:
            return
        elif self._reading is _Reading.HEAD:
            self._refuse(_too_slow(f"The header took more than {limits.header_timeout_s:g} s."))
        elif self._reading is _Reading.BODY:
            if self.flow.read_paused:  # by the ASGI app, which reads in its own time
                self._watch.due_in(limits.body_idle_s)
            else:
                self._refuse(_too_slow("The body came too slowly."))
        else:
            self._finish()

    def _check_stall(self) -> None:
        """Cut a caller that took nothing for a whole term."""
        untaken_bytes = _untaken_bytes(self.transport)
        if untaken_bytes >= self._stalled_at_bytes:
            self.transport.abort()
        else:
            self._watch_stall(untaken_bytes)

    def _watch_stall(self, untaken_bytes: int) -> None:
        self._stalled_at_bytes = untaken_bytes
        self._watch.due_in(self._limits.write_stall_s)

    # ------------------------------------------------------------------ the ASGI app

    def _hand_to_app(self, head: Head) -> None:
        """Let uvicorn build its scope and start the app, as it would have done itself."""
        if self._task is not None or self._in_app:
            # Behind another request: only hot routes are pipelined. The caller may ask again.
            self._last = True
            if self._responder is not None:
                self._responder.keep_alive = False
            raise _EnoughError
        self._in_app = True
        self._watch.off()
        url = self.url
        super().on_message_begin()
        self.url = url
        self.headers.extend(head.headers)
        self.expect_100_continue = head.wants_continue
        super().on_headers_complete()
        self.headers = []
        request_id = _request_id(head.fields).encode("ascii")
        self.cycle.default_headers = [
            (b"x-request-id", request_id),
            (b"request-id", request_id),
            (b"date", self._shared.date_line[6:-2]),
        ]
        if self._shared.draining:
            self.cycle.keep_alive = False

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        self._in_app = self._app_has_all = False
        if self.transport.is_closing():
            return
        if self._reading:  # the app did not wait for the rest
            self._finish()
        else:
            self._next()


def _is_http_1_0(version: str) -> bool:
    if version not in ("1.0", "1.1"):
        raise bad_request("The only versions of HTTP spoken here are 1.1 and 1.0.", 505)
    return version == "1.0"


def _request_id(fields: dict[bytes, bytes]) -> str:
    offered = fields.get(b"x-request-id")
    kept = accepted_request_id(offered.decode("latin-1")) if offered is not None else None
    return kept if kept is not None else new_id("req_")


def _header_too_large(size: int, count: int) -> RelayError:
    return bad_request(f"The header holds more than {size:,} bytes or {count} lines.", 431)


def _too_slow(message: str) -> Failure:
    return Failure(kind=FailureKind.REQUEST_TIMEOUT, message=message)


def _untaken_bytes(transport: asyncio.Transport) -> int:
    """What the caller has not taken yet: our buffer, and the kernel's where it tells.

    The kernel may hold megabytes, so that a slow reader moves nothing in our buffer for long.
    """
    unsent = transport.get_write_buffer_size()
    sock = transport.get_extra_info("socket")
    with contextlib.suppress(OSError):
        unsent += int.from_bytes(
            fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder
        )
    return unsent
