"""A server on a free port, and a caller that speaks raw bytes to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import msgspec

from headgate.base.failure import Failure
from headgate.edge.limits import Limits
from headgate.edge.request import Request
from headgate.edge.responder import Responder
from headgate.edge.routes import Handler, Route
from headgate.edge.server import Server, ServerSettings
from headgate.edge.site import Glance, Site

TEXT = (b"content-type", b"text/plain")
PATIENCE_S = 5.0


def spell(failure: Failure, request_id: str, dialect: str) -> tuple[int, list[Any], bytes]:
    """A failure in a shape of the tests' own."""
    code = failure.code or failure.rule.code
    told = {"code": code, "message": failure.message, "id": request_id, "dialect": dialect}
    return failure.http_status, [], msgspec.json.encode(told)


async def echo(request: Request, responder: Responder) -> None:
    """Answer with the method, the request's target and the body."""
    line = f"{request.method} {request.path}?{request.query} {dict(request.params)}\n"
    responder.answer(200, [TEXT], line.encode() + request.body)


def get(path: str, handler: Handler) -> Route:
    return Route(methods=("GET",), path=path, handler=handler)


def post(path: str, handler: Handler, **more: Any) -> Route:
    return Route(methods=("POST",), path=path, handler=handler, **more)


ECHO = Route(methods=("GET", "POST"), path="/echo", handler=echo)


class Answer(NamedTuple):
    """One answer, taken apart."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        """The failure, as `spell` spells it."""
        told: dict[str, Any] = msgspec.json.decode(self.body)
        return told


class Caller:
    """One connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, *, to_head: bool = False) -> Answer:
        """Read one answer; EOFError (IncompleteReadError) when it is cut."""
        async with asyncio.timeout(PATIENCE_S):
            head = await self.reader.readuntil(b"\r\n\r\n")
            line, *fields = head.decode("latin-1").rstrip().split("\r\n")
            status = int(line.split(" ")[1])
            headers = dict(field.split(": ", 1) for field in fields)
            if to_head or status in (100, 204, 304):
                return Answer(status, headers, b"")
            return Answer(status, headers, await self._body(headers))

    async def _body(self, headers: dict[str, str]) -> bytes:
        if "content-length" in headers:
            return await self.reader.readexactly(int(headers["content-length"]))
        if headers.get("transfer-encoding") != "chunked":
            return await self.reader.read()
        body = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)
        return body

    async def ask(self, data: bytes) -> Answer:
        await self.send(data)
        return await self.answer()

    async def rest(self) -> bytes:
        """Everything until the server closes; a reset counts as a close."""
        got = b""
        async with asyncio.timeout(PATIENCE_S):
            with suppress(ConnectionResetError):
                while piece := await self.reader.read(65536):
                    got += piece
        return got

    def hang_up(self) -> None:
        """Close at once, with a reset."""
        self.writer.transport.abort()

    async def close(self) -> None:
        self.hang_up()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


class Place:
    """A running server."""

    def __init__(self, server: Server, port: int) -> None:
        self.server = server
        self.port = port
        self._callers: list[Caller] = []

    async def call(self, *, narrow: bool = False) -> Caller:
        """Connect. `narrow`: with so little room for what comes that the server feels it soon."""
        if narrow:
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("127.0.0.1", self.port))
            streams = await asyncio.open_connection(sock=sock, limit=4096)
        else:
            streams = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)
        self._callers.append(Caller(*streams))
        return self._callers[-1]

    async def ask(self, data: bytes) -> Answer:
        """One answer on a connection of its own."""
        return await (await self.call()).ask(data)

    async def exchange(self, data: bytes) -> bytes:
        """Everything the server sends for these bytes until it closes."""
        caller = await self.call()
        await caller.send(data)
        return await caller.rest()

    async def leave(self) -> None:
        """Close every connection that is still open."""
        for caller in self._callers:
            await caller.close()


@asynccontextmanager
async def serving(
    *routes: Route,
    limits: Limits | None = None,
    app: Callable[..., Any] | None = None,
    drain_s: float = 5.0,
    glance: Glance | None = None,
) -> AsyncIterator[Place]:
    """A server with these routes (and `ECHO`) for the length of a test."""
    settings = ServerSettings(port=0, limits=limits or Limits(), drain_s=drain_s, cut_grace_s=2.0)
    site = Site([ECHO, *routes], spell, **({} if glance is None else {"glance": glance}))
    server = Server(site, app, settings)
    place = Place(server, int((await server.start()).rpartition(":")[2]))
    try:
        yield place
    finally:
        await place.leave()
        at_once = asyncio.Event()
        at_once.set()
        await server.stop(at_once)


class Watched:
    """A handler that tells what becomes of it; it sends `first`, then waits."""

    def __init__(self, first: bytes = b"") -> None:
        self.first = first
        self.started = asyncio.Event()
        self.over = asyncio.Event()
        self.cancelled = 0
        self.responder: Responder | None = None

    async def __call__(self, request: Request, responder: Responder) -> None:
        self.responder = responder
        if self.first:
            responder.start(200, [TEXT], None)
            responder.send(self.first)
        self.started.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cancelled += 1
            # A second cancellation would land here.
            try:
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                self.cancelled += 1
            raise
        finally:
            self.over.set()


def request(
    method: str = "POST", target: str = "/echo", body: bytes = b"", headers: str = ""
) -> bytes:
    """An HTTP/1.1 request with a length."""
    head = f"{method} {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return head.encode("latin-1") + body
