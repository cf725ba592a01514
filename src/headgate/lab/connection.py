"""One connection to the lab: HTTP/1.1 read with httptools, one answer at a time.

Requests that arrive while an answer is under way wait in a queue; reading goes on, because
only a reading connection notices that its caller left.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import cast
from urllib.parse import parse_qsl, unquote

import httptools

from headgate.lab.answering import Answering, at_once
from headgate.lab.fast import FastAnswer, fast_answer, writes_for
from headgate.lab.forms import FORM_MAX, Form, FormReader, boundary_of
from headgate.lab.journal import BODY_BYTES_MAX, FormNote, Received
from headgate.lab.plan import Plan
from headgate.lab.site import Site, is_own
from headgate.lab.sockets.opening import Opening, opening
from headgate.lab.sockets.socket import Socket

BODY_MAX = 64 << 20
HEADER_BYTES_MAX = 64 << 10
WAITING_MAX = 16
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
BODY_TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

Job = tuple[Received | FastAnswer, bytes | Form]


class Connection(asyncio.Protocol):
    """Reads requests, and answers them in their order.

    It keeps itself in `open_connections` while it lives; `gone` is done when all of it has ended.
    """

    def __init__(self, site: Site, open_connections: set[Connection]) -> None:
        self._site = site
        self._open = open_connections
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self.gone: asyncio.Future[None] = self._loop.create_future()
        self._waiting: deque[Job] = deque()
        self._answers = 0
        self._busy = False
        self._task: asyncio.Task[None] | None = None
        self._current: Received | None = None
        self._writable: asyncio.Future[None] | None = None
        self._writes: tuple[bytes, ...] = ()
        self._written = 0
        self._pause_s = 0.0
        self._socket: Socket | None = None

    # The transport calls these.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the open connections."""
        self._transport = cast(asyncio.Transport, transport)  # typeshed: the base class
        self._open.add(self)
        self._site.journal.counters.connections_open += 1

    def connection_lost(self, _error: Exception | None) -> None:
        """End what was under way; a caller that left early is noted."""
        self._open.discard(self)
        self._site.journal.counters.connections_open -= 1
        self._waiting.clear()
        self._writes = ()
        finished, left = (False, True) if self._socket is None else self._socket.lost()
        self._end(finished=finished, disconnected=left)
        if self._task is None:
            self.gone.set_result(None)
        else:
            self._task.add_done_callback(lambda _task: self.gone.set_result(None))
            self._task.cancel()

    def pause_writing(self) -> None:
        """Make the answer wait for the caller to read."""
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """Let the answer go on."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None
        if self._writes:
            self._loop.call_soon(self._write_next)

    def data_received(self, data: bytes) -> None:
        """Parse; what is no HTTP/1.1 ends the connection."""
        if self._socket is not None:
            self._socket.feed(data)
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError:
            self._transport.abort()
            raise  # a defect of the lab, not of the caller
        except httptools.HttpParserUpgrade as upgrade:
            if self._wants_socket() and not self._busy:
                self._open_socket(data[upgrade.args[0] :])
            else:
                self._refuse(BAD_REQUEST)
        except httptools.HttpParserError:
            self._refuse(BAD_REQUEST)

    # The parser calls these.

    def on_message_begin(self) -> None:
        """Forget the request before."""
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._header_bytes = 0
        self._body: list[bytes] = []
        self._body_length = 0
        self._fast: FastAnswer | None = None
        self._form: FormReader | None = None

    def on_url(self, url: bytes) -> None:
        """Collect the target, which may come in parts."""
        self._url += url
        self._measure_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header; the fast responder never decodes it."""
        self._measure_head(len(name) + len(value))
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """See whether this is for the fast responder; let a careful caller go on."""
        self._fast = fast_answer(self._url)
        if self._fast is None and (boundary := self._boundary()) is not None:
            self._form = FormReader(boundary)
        if self._fast is None and not self._busy and self._expects():
            self._transport.write(CONTINUE)

    def on_body(self, body: bytes) -> None:
        """Collect the body, up to the limit; a form is read at once and not kept."""
        self._body_length += len(body)
        if self._body_length > (BODY_MAX if self._form is None else FORM_MAX):
            self._refuse(BODY_TOO_LARGE)
        elif self._form is not None:
            self._form.feed(body)
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Answer, or queue the request behind the answer under way."""
        if self._transport.is_closing() or self._wants_socket():
            return
        body: bytes | Form
        if self._form is not None:
            body = self._form.close()
        else:
            body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        keep_alive = self._parser.should_keep_alive()
        job: Job
        if self._fast is not None and keep_alive:
            self._site.journal.counters.fast_requests += 1
            job = (self._fast, body)
        else:
            job = (self._received(body, keep_alive=keep_alive), body)
        if not self._busy:
            self._start(job)
        elif len(self._waiting) < WAITING_MAX:
            self._waiting.append(job)
        else:
            self._refuse(BAD_REQUEST)

    def _expects(self) -> bool:
        return any(name.lower() == b"expect" for name, _ in self._headers)

    def _boundary(self) -> bytes | None:
        kinds = [value for name, value in self._headers if name.lower() == b"content-type"]
        return boundary_of(kinds[0]) if kinds else None

    def _wants_socket(self) -> bool:
        """Whether this is the request for a WebSocket; the parser then stops behind its head."""
        if not self._parser.should_upgrade() or self._parser.get_method() != b"GET":
            return False
        upgrades = [value for name, value in self._headers if name.lower() == b"upgrade"]
        return [value.lower() for value in upgrades] == [b"websocket"]

    def _open_socket(self, rest: bytes) -> None:
        """Change from HTTP to a WebSocket, unless what the caller asks for answers as HTTP."""
        received = self._received(b"", keep_alive=False)
        found = opening(self._site, received)
        received.stream = isinstance(found, Opening)
        self._site.journal.add(received)
        self._site.journal.opened(received)
        self._current, self._busy = received, True
        if not isinstance(found, Opening):
            received.status = found.status
            self._task = self._loop.create_task(self._perform(found, received))
            return
        self._socket = Socket(
            found.talk,
            found.before,
            received,
            self._site.journal,
            self._transport,
            lambda: self._writable,
        )
        head = _head(self._url, self._headers)
        self._socket.feed(rest)
        self._task = self._loop.create_task(self._serve(self._socket, head))

    async def _serve(self, socket: Socket, head: bytes) -> None:
        try:
            await socket.run(head)
        except BaseException:
            self._transport.abort()
            raise

    def _measure_head(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > HEADER_BYTES_MAX:
            self._refuse(HEAD_TOO_LARGE)

    def _refuse(self, answer: bytes) -> None:
        """Give up on the caller."""
        self._body.clear()
        if self._transport.is_closing():
            return
        if not self._busy:
            self._transport.write(answer)
        self._transport.close()

    def _received(self, body: bytes | Form, *, keep_alive: bool) -> Received:
        path, _, query = self._url.decode("latin-1").partition("?")
        return Received(
            number=self._site.journal.next_number(),
            arrived_at=self._site.clock.wall_s(),
            method=self._parser.get_method().decode(),
            path=unquote(path),
            target=self._url.decode("latin-1"),
            query=dict(parse_qsl(query, keep_blank_values=True)),
            headers=_decoded(self._headers),
            body=b"" if isinstance(body, Form) else body[:BODY_BYTES_MAX],
            body_length=self._body_length,
            keep_alive=keep_alive,
            form=_noted(body) if isinstance(body, Form) else None,
        )

    # From here on: answers.

    def _start(self, job: Job) -> None:
        self._busy = True
        asked, body = job
        if isinstance(asked, Received):
            self._answer(asked, body)
            return
        flags = b"" if isinstance(body, Form) else body
        self._writes, self._written, self._pause_s = writes_for(asked, flags), 0, asked.pause_s
        self._write_next()

    def _write_next(self) -> None:
        """Write one prepared piece, and the next one after the pause, or in the next turn."""
        if self._writable is not None or not self._writes or self._transport.is_closing():
            return
        self._transport.write(self._writes[self._written])
        self._written += 1
        if self._written < len(self._writes):
            self._loop.call_later(self._pause_s, self._write_next)
        else:
            self._writes = ()
            self._next()

    def _answer(self, received: Received, body: bytes | Form) -> None:
        journal = self._site.journal
        if is_own(received.path):
            plan = self._site.own(received)
        else:
            plan = self._site.plan(received, body)
            received.status = plan.status
            journal.add(received)
            journal.opened(received)
            self._current = received
        if plan.drop_after is not None and self._answers >= plan.drop_after:
            self._end()
            self._transport.close()
            return
        data = at_once(plan, keep_alive=received.keep_alive)
        if data is None:
            self._task = self._loop.create_task(self._perform(plan, received))
            return
        self._transport.write(data)
        self._done(plan, received)

    async def _perform(self, plan: Plan, received: Received) -> None:
        answering = Answering(
            plan, self._transport, lambda: self._writable, keep_alive=received.keep_alive
        )
        try:
            complete = await answering.perform()
        except BaseException:
            self._transport.abort()
            raise
        self._task = None
        if complete:
            self._done(plan, received)
        elif answering.cut:
            self._end()

    def _done(self, plan: Plan, received: Received) -> None:
        """Close where the caller or the plan says so; else take the next request."""
        self._end(finished=True)
        closes = plan.close_after is not None and self._answers + 1 >= plan.close_after
        if closes or not received.keep_alive:
            self._transport.close()
        else:
            self._next()

    def _end(self, *, finished: bool = False, disconnected: bool = False) -> None:
        """Note how the answer ended; neither of both if the lab itself cut it."""
        received, self._current = self._current, None
        if received is None:
            return
        received.finished, received.disconnected = finished, disconnected
        self._site.journal.closed(received)

    def _next(self) -> None:
        self._answers += 1
        self._busy = False
        if self._waiting:
            self._start(self._waiting.popleft())

    def abort(self) -> None:
        """Drop the connection at once."""
        self._transport.abort()


def _noted(form: Form) -> FormNote:
    """Keep of a form what the journal shows."""
    return FormNote(form.sha256, form.problem, [part.note() for part in form.parts])


def _head(url: bytes, headers: list[tuple[bytes, bytes]]) -> bytes:
    """The request for a WebSocket as it came, for the library that reads it again."""
    lines = [b"GET %b HTTP/1.1" % url, *(b"%b: %b" % header for header in headers)]
    return b"\r\n".join((*lines, b"", b""))


def _decoded(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by their lower-case names; those that came twice are joined by commas."""
    decoded: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        decoded[key] = f"{decoded[key]}, {text}" if key in decoded else text
    return decoded
