"""Bodies that lie somewhere else than in memory: sent in pieces, as fast as they are taken."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.upstream.http1 import HttpRequest
from tests.upstream.certificates import Certificate
from tests.upstream.proxies import Proxy, listening
from tests.upstream.upstreams import (
    OK,
    TIMEOUTS,
    Peer,
    body_of,
    client,
    failure_of,
    post,
    saying,
    upstream,
)

PIECE = bytes(range(256)) * 256  # 64 KiB
LOST = Failure(kind=FailureKind.INTERNAL, message="The stored upload cannot be read back.")


class Source:
    """Gives the same piece so many times, and counts; `breaks_at`: the disk is gone by then."""

    def __init__(self, count: int, breaks_at: int | None = None) -> None:
        self.given = 0
        self._count = count
        self._breaks_at = breaks_at

    def __len__(self) -> int:
        return self._count * len(PIECE)

    def pieces(self) -> Iterator[bytes]:
        for index in range(self._count):
            if index == self._breaks_at:
                raise RelayError(LOST)
            self.given += 1
            yield PIECE


def sending(url: str, source: Source, proxy: str | None = None) -> HttpRequest:
    return post(url, proxy=proxy)._replace(body=source)


@pytest.mark.parametrize("count", [0, 1, 100])
async def test_source_is_sent_whole_and_again_for_another_attempt(count: int) -> None:
    async with upstream(saying(OK)) as server, client() as pool:
        for _ in range(2):
            assert await body_of(pool, sending(server.url, Source(count))) == b"ok"
        assert server.connections == 1
        for request in server.requests:
            head, _, body = request.partition(b"\r\n\r\n")
            assert b"content-length: %d" % (count * len(PIECE)) in head
            assert body == PIECE * count


async def test_source_goes_through_tls_and_a_tunnel(certificate: Certificate) -> None:
    proxy = Proxy()
    async with (
        upstream(saying(OK), tls=certificate.server()) as server,
        listening(proxy.connect) as address,
        client(tls=certificate.client()) as pool,
    ):
        request = sending(server.url, Source(100), f"http://{address}")
        assert await body_of(pool, request) == b"ok"
        assert server.requests[0].endswith(b"\r\n\r\n" + PIECE * 100)


async def test_source_gives_no_faster_than_the_upstream_takes() -> None:
    goes_on = asyncio.Event()

    async def behave(peer: Peer) -> None:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]  # typed as WriteTransport
        await goes_on.wait()
        peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
        for _ in range(2000):
            await peer.reader.readexactly(len(PIECE))
        await peer.send(OK)

    source = Source(2000)  # 125 MiB: more than any socket's buffer holds
    async with upstream(behave, reads_requests=False) as server, client() as pool:
        asking = asyncio.ensure_future(body_of(pool, sending(server.url, source)))
        await asyncio.sleep(0.3)
        waiting = source.given
        assert waiting < 400
        goes_on.set()
        await asking
        assert source.given == 2000


@pytest.mark.parametrize("waits_s", [0, 0.1])
async def test_early_refusal_is_used_and_the_source_left_alone(waits_s: float) -> None:  # F-U30
    async def behave(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await asyncio.sleep(waits_s)
        peer.close()

    source = Source(2000)
    async with upstream(behave, reads_requests=False) as server, client() as pool:
        response = await pool.send(sending(server.url, source), TIMEOUTS)
        assert response.status == 413
        assert await response.read_all(100) == b"big"
        await server.until_nobody_is_left()
        await asyncio.sleep(0.01)
        assert pool.open_connections == 0
    assert source.given < 2000


@pytest.mark.parametrize("breaks_at", [0, 50])
async def test_source_that_cannot_be_read_back_ends_the_attempt(breaks_at: int) -> None:
    async with upstream(saying(OK)) as server, client() as pool:
        source = Source(100, breaks_at)
        assert await failure_of(pool, sending(server.url, source)) == LOST
        await server.until_nobody_is_left()
        assert pool.open_connections == 0
        assert server.requests == []
