"""Upstreams of the tests: raw servers on loopback that do what the test says, to the byte."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from headgate.base.failure import Failure, RelayError
from headgate.snapshot.facts import Timeouts
from headgate.upstream.client_pool import ClientPool
from headgate.upstream.http1 import Headers, HttpRequest, parse_url

LIMIT_BYTES = 64 * 1024 * 1024
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
TIMEOUTS = Timeouts(connect_s=5, write_s=5, first_byte_s=5, idle_s=5)


class Peer:
    """The upstream's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *parts: bytes) -> None:
        """Write each part by itself."""
        for part in parts:
            if self.writer.is_closing():  # uvloop calls it a RuntimeError
                raise ConnectionResetError
            self.writer.write(part)
            await self.writer.drain()
            await asyncio.sleep(0)

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """Close with a RST where the system sends one."""
        self.writer.transport.abort()

    async def wait_for_close(self) -> None:
        while await self.reader.read(65536):
            pass


Behave = Callable[[Peer], Awaitable[None]]


class Upstream:
    """What the test sees of its server."""

    def __init__(self, behave: Behave, *, reads_requests: bool) -> None:
        self.url = ""
        self.requests: list[bytes] = []
        self.connections = 0
        self.open = 0
        self._behave = behave
        self._reads_requests = reads_requests

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        peer = Peer(reader, writer)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                if not self._reads_requests:
                    await self._behave(peer)
                while self._reads_requests and not writer.is_closing():
                    self.requests.append(await request_from(reader))
                    await self._behave(peer)
        finally:
            self.open -= 1
            writer.close()

    async def until_nobody_is_left(self) -> None:
        async with asyncio.timeout(1):
            while self.open:  # noqa: ASYNC110 - the tests have no other event to wait for
                await asyncio.sleep(0.005)


async def request_from(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    size = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            size = int(value)
    return head + await reader.readexactly(size)


@asynccontextmanager
async def upstream(
    behave: Behave, *, tls: ssl.SSLContext | None = None, reads_requests: bool = True
) -> AsyncIterator[Upstream]:
    """Serve on loopback. `reads_requests`: `behave` is called once per request, else at once."""
    served = Upstream(behave, reads_requests=reads_requests)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0, ssl=tls, limit=2**20)
    port = server.sockets[0].getsockname()[1]
    served.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield served
    finally:
        server.close()
        await served.until_nobody_is_left()


def saying(*parts: bytes, then_close: bool = False) -> Behave:
    """Answer each request with these writes."""

    async def behave(peer: Peer) -> None:
        await peer.send(*parts)
        if then_close:
            peer.close()

    return behave


async def silent(peer: Peer) -> None:
    """Say nothing until the other side leaves."""
    await peer.wait_for_close()


@asynccontextmanager
async def client(
    *,
    tls: ssl.SSLContext | None = None,
    idle_s: float = 50,
    max_idle_per_origin: int = 256,
    max_connections_per_origin: int | None = None,
) -> AsyncIterator[ClientPool]:
    """Give a pool, and see to it that it leaves nothing open."""
    pool = ClientPool(
        tls=tls,
        idle_s=idle_s,
        max_idle_per_origin=max_idle_per_origin,
        max_connections_per_origin=max_connections_per_origin,
    )
    try:
        yield pool
    finally:
        await pool.close()
    assert pool.open_connections == 0


def post(
    url: str,
    body: bytes = b"{}",
    headers: Headers = (),
    *,
    method: str = "POST",
    proxy: str | None = None,
) -> HttpRequest:
    origin, target = parse_url(url)
    return HttpRequest(method, origin._replace(proxy=proxy), target, headers, body)


async def body_of(pool: ClientPool, request: HttpRequest, timeouts: Timeouts = TIMEOUTS) -> bytes:
    """The whole body, read piece by piece."""
    response = await pool.send(request, timeouts)
    pieces = []
    try:
        while data := await response.read():
            pieces.append(data)
    finally:
        response.abort()
    return b"".join(pieces)


async def failure_of(
    pool: ClientPool, request: HttpRequest, timeouts: Timeouts = TIMEOUTS
) -> Failure:
    """How a request fails, whether before the head or in the body."""
    try:
        body = await body_of(pool, request, timeouts)
    except RelayError as error:
        return error.failure
    raise AssertionError(f"it did not fail, but answered {body[:100]!r}")
