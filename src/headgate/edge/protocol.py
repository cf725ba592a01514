"""One caller's connection: one task for each request, in turn, and no end that is not meant.

The upper half of the connection (`inbound.py` is the lower). A subclass of uvicorn's protocol:
what a route of the site answers never becomes an ASGI scope; the rest goes on to uvicorn
(docs/decisions/0002-edge-protocol.md).
Source: reliability.md 0.1 (what uvicorn leaves open), 2.1 rows F-C1 to F-C8, F-C18.
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
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.base.ids import accepted_request_id, new_id
from headgate.edge.body import unpacked
from headgate.edge.cors import ANSWER_LINES
from headgate.edge.head import Head
from headgate.edge.inbound import Inbound, Reading
from headgate.edge.request import Request
from headgate.edge.responder import Duct, Responder
from headgate.edge.routes import Match
from headgate.edge.shared import Shared

_log = logging.getLogger(__name__)

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 s


class HeadgateProtocol(Inbound):
    """A connection.

    At most one request is being answered: by a task of its own, or by the ASGI app when there is
    no task. Complete requests behind it wait in `_waiting`. A refusal is the connection's last
    answer, and keeps its turn as well.
    """

    write: Callable[[bytes], None]

    def __init__(
        self,
        shared: Shared,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(shared, config, server_state, app_state, loop)
        self._task: asyncio.Task[None] | None = None
        self._task_begun = False
        self._cancelled = False
        self._responder: Responder | None = None
        self._waiting: deque[tuple[Head, Match, bytes]] = deque()
        self._refusal: Failure | None = None
        self._write_paused = False
        self._stalled_at_bytes = 0
        self._lingering = False
        self._lost = False

    # ------------------------------------------------------------------ coming and going

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
        self._drop_uploads()
        self._waiting.clear()
        self._held.clear()
        self._body.begin(0)  # the parser knows us, and would keep what came until it is collected
        self._hang_up()
        super().connection_lost(exc)
        if self._task is None:
            self._body.release()
            self._shared.forget(self)

    def _drop_uploads(self) -> None:
        """Throw away the forms of requests that will get no task."""
        heads = [head for head, *_ in self._waiting]
        if self._reading is Reading.BODY:
            heads.append(self._head)
        for head in heads:
            if head.upload is not None:
                head.upload.close()

    def eof_received(self) -> None:
        """A caller that ends its side is gone, even if it would still read (F-C4)."""
        if self._duct is not None:
            self._duct.lost()
        elif self._responder is not None and not self._responder.ended:
            self._hang_up()
            self.transport.abort()

    def _hang_up(self) -> None:
        """The caller is gone: cancel its task, unless the answer is complete already."""
        if self._responder is not None:
            self._responder.set_closed()
            if self._duct is not None:
                self._duct.lost()
            elif not self._responder.ended:
                self.cut()

    def cut(self) -> None:
        """Cancel the task, if there is one; a task is cancelled once and never again."""
        if self._task is not None and not self._cancelled:
            self._cancelled = True
            if self._task_begun:  # else it finds out when it begins, and still ends in order
                self._task.cancel()

    def begin_drain(self) -> None:
        """Take no further request: close now if idle, else behind the answer under way."""
        if self._duct is not None:
            self._duct.set_draining()
        if self._answering:
            self._make_last()
        elif self._reading is Reading.NOTHING:
            self._finish()

    def _make_last(self) -> None:
        self._last = True
        if self._responder is not None:
            self._responder.keep_alive = False
        else:
            self.cycle.keep_alive = False

    def give_up(self) -> None:
        """The server waits no longer: cancel the task, or refuse what is still being sent."""
        if self._reading and not self._answering and not self._deaf:
            message = "The server is stopping; send the request again."
            self._refuse(Failure(kind=FailureKind.DRAINING, message=message))
        else:
            self.cut()

    def kill(self) -> None:
        """Close without waiting for anything."""
        self.transport.abort()

    # ------------------------------------------------------------------ answering

    def _take(self, head: Head, match: Match, body: bytes) -> None:
        if self._answering:
            self._waiting.append((head, match, body))
        else:
            self._start(head, match, body)

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
            upload=head.upload,
            received_s=self._shared.clock.monotonic_s(),
            request_id=request_id,
        )
        self._responder = responder = self._new_responder(
            request_id,
            keep_alive=head.keep_alive and not self._shared.draining,
            mute=head.method == b"HEAD",
            http_1_0=head.http_1_0,
        )
        self._answering = self._shut = True
        self._task_begun = self._cancelled = False
        self._watch.off()
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
        if self._write_paused:
            responder.set_paused(True)
        return responder

    async def _serve(self, match: Match, request: Request, responder: Responder) -> None:
        """The task of one request."""
        self._task_begun = True
        dialect = match.route.dialect
        try:
            if self._cancelled:
                raise asyncio.CancelledError
            coding = request.header(b"content-encoding")
            if coding is not None:
                limit = self._body_limit(match)
                request.body = await unpacked(request.body, coding, limit, self._body.claim)
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
            if request.upload is not None:
                request.upload.close()
            self._turn_over()

    def _fail(self, responder: Responder, failure: Failure, request_id: str, dialect: str) -> None:
        """Spell a failure, or cut the answer that has begun: never a clean end."""
        if responder.started:
            responder.abort()
        elif not responder.closed:
            responder.answer(*self._shared.site.error(failure, request_id, dialect))

    def _turn_over(self) -> None:
        """The task is over: the next may start."""
        self._task = None
        self._responder = None
        self._answering = self._shut = False
        if self._duct is not None:
            self._duct = None
            self._deaf = True
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
            self._feed_held()
            if not self._answering and not self._reading and not self._deaf:
                self._watch.due_in(self._limits.keep_alive_s)
        elif self._reading:
            self._watch.due_in(self._limits.header_timeout_s)
        else:
            self._watch.due_in(self._limits.keep_alive_s)

    def _refuse(self, failure: Failure) -> None:
        self._deaf = True
        if self._task is not None:
            self._refusal = failure
        elif self._answering and self.cycle.response_started:
            self.transport.abort()
        else:
            if self._answering:
                self._answering = self._shut = False
                self.cycle.disconnected = True  # what the app still says is not for this caller
            self._answer_refusal(failure)

    def _answer_refusal(self, failure: Failure) -> None:
        self._refusal = None
        in_body = self._reading is Reading.BODY
        request_id = _request_id(self._head.fields if in_body else dict(reversed(self.headers)))
        site, match = self._shared.site, self._match
        target = self.url.decode("latin-1")
        dialect = match.route.dialect if match is not None else site.dialect_at(target)
        responder = self._new_responder(request_id, keep_alive=False)
        responder.answer(*site.error(failure, request_id, dialect))

    # ------------------------------------------------------------------ ending

    def switched(self, duct: Duct) -> None:
        """The responder agreed to another protocol."""
        self._duct = duct
        duct.attach(self.transport)
        duct.set_paused(self._write_paused)
        if self._shared.draining:
            duct.set_draining()
        held, self._held = bytes(self._held), bytearray()
        self.flow.resume_reading()
        if held:
            duct.feed(held)

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
            with contextlib.suppress(OSError):  # asyncio's own loop says here that the caller left
                self.transport.write_eof()
            self._watch.due_in(self._limits.linger_s)
        else:
            self._close()

    def _close(self) -> None:
        self.transport.close()
        self._watch_stall(_untaken_bytes(self.transport))

    # ------------------------------------------------------------------ callers too slow

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_paused = True
        if self._duct is not None:
            self._duct.set_paused(True)
        if self._responder is not None:
            self._responder.set_paused(True)
        self._watch_stall(_untaken_bytes(self.transport))

    def resume_writing(self) -> None:
        super().resume_writing()
        self._write_paused = False
        if self._duct is not None:
            self._duct.set_paused(False)
        if self._responder is not None:
            self._responder.set_paused(False)
        if self._answering:
            self._watch.off()
        elif not self._lingering:
            self._watch.due_in(self._limits.keep_alive_s)

    def _on_due(self) -> None:
        """Something has taken too long."""
        limits = self._limits
        if self._lingering:
            self.transport.abort()
        elif self._write_paused or self.transport.is_closing():
            self._check_stall()
        elif self._shut:
            return
        elif self._reading is Reading.HEAD:
            self._refuse(_too_slow(f"The header took more than {limits.header_timeout_s:g} s."))
        elif self._reading is Reading.NOTHING:
            self._finish()
        elif self.flow.read_paused:  # by the ASGI app, which reads in its own time
            self._watch.due_in(limits.body_idle_s)
        else:
            self._refuse(_too_slow("The body came too slowly."))

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
        self._answering = True
        self._watch.off()
        self._begin_app_cycle(head)
        request_id = _request_id(head.fields).encode("ascii")
        self.cycle.default_headers = [
            (b"x-request-id", request_id),
            (b"request-id", request_id),
            (b"date", self._shared.date_line[6:-2]),
        ]
        if self._shared.draining:
            self.cycle.keep_alive = False

    def on_response_complete(self) -> None:
        """The app's answer has its end."""
        self.server_state.total_requests += 1
        self._answering = self._shut = False
        if self.transport.is_closing():
            self._close()
        elif self._reading:  # the app did not wait for the rest
            self._finish()
        else:
            self._next()


def _request_id(fields: dict[bytes, bytes]) -> str:
    offered = fields.get(b"x-request-id")
    kept = accepted_request_id(offered.decode("latin-1")) if offered is not None else None
    return kept if kept is not None else new_id("req_")


def _too_slow(message: str) -> Failure:
    return Failure(kind=FailureKind.REQUEST_TIMEOUT, message=message)


def _untaken_bytes(transport: asyncio.Transport) -> int:
    """What the caller has not taken yet: our buffer, and the kernel's where it tells.

    The kernel may hold megabytes, so that a slow reader moves nothing in our buffer for long.
    """
    untaken_bytes = transport.get_write_buffer_size()
    sock = transport.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError, ValueError):  # closed in the meantime
            count = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4))
            untaken_bytes += int.from_bytes(count, sys.byteorder)
    return untaken_bytes
