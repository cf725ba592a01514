from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.dialects.openai_chat import OPENAI_CHAT
from headgate.snapshot.facts import Timeouts
from headgate.upstream.client_pool import ClientPool
from headgate.upstream.handshake import SocketAsk, UpstreamSocket, open_websocket
from headgate.upstream.websocket import CUT, Message, SocketBounds
from tests.upstream.certificates import Certificate
from tests.upstream.proxies import Proxy, listening
from tests.upstream.upstreams import saying, silent, upstream

NOW_S = 1_800_000_000.0
TIMEOUTS = Timeouts(connect_s=2.0, first_byte_s=2.0, write_s=0.3)
HEADERS = [("authorization", "Bearer k1"), ("openai-beta", "realtime=v1")]

Judge = Callable[[ServerConnection, Request], Response | None]


async def parrot(socket: ServerConnection) -> None:
    async for message in socket:
        await socket.send(message)


def url_of(server: Server, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


@asynccontextmanager
async def pooled(tls: ssl.SSLContext | None = None) -> AsyncIterator[ClientPool]:
    pool = ClientPool(tls=tls)
    try:
        yield pool
    finally:
        await pool.close()
        assert pool.open_connections == 0


def ask(url: str, **changes: Any) -> SocketAsk:
    facts: dict[str, Any] = {
        "url": url + "/v1/realtime?model={model}",
        "model": "gpt/rt",
        "query": "",
        "headers": HEADERS,
        "request_id": "r1",
        "timeouts": TIMEOUTS,
        "proxy": None,
        "decode_error": OPENAI_CHAT.decode_error,
    }
    return SocketAsk(**(facts | changes))


async def failure_of(url: str, **changes: Any) -> Failure:
    async with pooled() as pool:
        with pytest.raises(RelayError) as failed:
            await open_websocket(pool, ask(url, **changes), NOW_S)
    return failed.value.failure


async def said_back(socket: UpstreamSocket) -> Message | None:
    socket.send(b"polly")
    return await socket.receive()


async def test_upstream_is_asked_with_model_headers_and_credential() -> None:
    seen: list[Request] = []

    def judge(_socket: ServerConnection, request: Request) -> None:
        seen.append(request)

    async with serve(parrot, "127.0.0.1", 0, process_request=judge) as server, pooled() as pool:
        socket = await open_websocket(pool, ask(url_of(server), query="key=k"), NOW_S)
        assert await said_back(socket) == Message(b"polly")
        assert pool.open_connections == 1
        host = url_of(server).removeprefix("http://")
        await socket.close()
    assert seen[0].path == "/v1/realtime?model=gpt/rt&key=k"
    headers = seen[0].headers
    assert headers["authorization"] == "Bearer k1"
    assert headers["openai-beta"] == "realtime=v1"
    assert headers["x-request-id"] == "r1"
    assert headers["host"] == host


async def test_operator_may_write_the_url_either_way() -> None:
    async with serve(parrot, "127.0.0.1", 0) as server, pooled() as pool:
        socket = await open_websocket(pool, ask(url_of(server, "ws")), NOW_S)
        assert await said_back(socket) == Message(b"polly")
        await socket.close()


async def test_over_tls(certificate: Certificate) -> None:
    async with (
        serve(parrot, "127.0.0.1", 0, ssl=certificate.server()) as server,
        pooled(certificate.client()) as pool,
    ):
        socket = await open_websocket(pool, ask(url_of(server, "wss")), NOW_S)
        assert await said_back(socket) == Message(b"polly")
        await socket.close()


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
async def test_proxy_makes_a_tunnel_even_without_tls(scheme: str) -> None:
    proxy = Proxy()
    door = proxy.connect if scheme == "http" else proxy.socks5
    async with (
        serve(parrot, "127.0.0.1", 0) as server,
        listening(door) as address,
        pooled() as pool,
    ):
        through = f"{scheme}://{address.rpartition('/')[2]}"
        socket = await open_websocket(pool, ask(url_of(server), proxy=through), NOW_S)
        assert await said_back(socket) == Message(b"polly")
        await socket.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, FailureKind.UPSTREAM_KEY_REFUSED),
        (404, FailureKind.UPSTREAM_NOT_FOUND),
        (429, FailureKind.UPSTREAM_RATE_LIMITED),
        (503, FailureKind.UPSTREAM_OVERLOADED),
        (200, FailureKind.UPSTREAM_BAD_REPLY),
        (302, FailureKind.UPSTREAM_BAD_REPLY),
    ],
)
async def test_refusal_means_what_it_means_for_any_request(status: int, kind: FailureKind) -> None:
    def judge(socket: ServerConnection, _request: Request) -> Response:
        return socket.respond(HTTPStatus(status), '{"error":{"message":"no such luck"}}')

    async with serve(parrot, "127.0.0.1", 0, process_request=judge) as server:
        failure = await failure_of(url_of(server))
    assert failure.kind is kind
    if status >= 400:
        assert failure.message == "no such luck"


async def test_wait_that_the_refusal_asks_for_is_heard() -> None:
    answer = b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"
    async with upstream(saying(answer)) as server:
        assert (await failure_of(server.url)).retry_after_s == 7.0


async def test_answer_that_agrees_to_nothing_is_a_bad_reply() -> None:
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    async with upstream(saying(head + b"Sec-WebSocket-Accept: wrong\r\n\r\n")) as server:
        assert (await failure_of(server.url)).kind is FailureKind.UPSTREAM_BAD_REPLY


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 10"])
async def test_connection_cut_in_the_handshake_may_be_tried_elsewhere(said: bytes) -> None:
    async with upstream(saying(said, then_close=True)) as server:
        failure = await failure_of(server.url)
    assert failure.kind is FailureKind.UPSTREAM_ERROR


async def test_silent_upstream_is_given_up() -> None:
    quick = Timeouts(connect_s=1.0, first_byte_s=0.05)
    async with upstream(silent) as server:
        failure = await failure_of(server.url, timeouts=quick)
    assert failure.kind is FailureKind.UPSTREAM_TIMEOUT


async def test_header_that_could_forge_another_never_leaves() -> None:
    failure = await failure_of("http://127.0.0.1:9", headers=[("x-a", "b\r\nx-evil: 1")])
    assert failure.kind is FailureKind.UPSTREAM_REJECTED


async def test_address_of_a_metadata_service_is_never_dialed() -> None:
    failure = await failure_of("http://169.254.169.254")
    assert failure.code == "address_not_allowed"


async def test_cancelled_handshake_leaves_no_socket() -> None:
    async with upstream(silent) as server, pooled() as pool:
        opening = asyncio.create_task(open_websocket(pool, ask(server.url), NOW_S))
        await asyncio.sleep(0.05)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await server.until_nobody_is_left()
        assert pool.open_connections == 0


async def test_upstream_that_breaks_off_is_noticed() -> None:
    async def rude(socket: ServerConnection) -> None:
        await socket.recv()
        socket.transport.abort()

    async with serve(rude, "127.0.0.1", 0) as server, pooled() as pool:
        socket = await open_websocket(pool, ask(url_of(server)), NOW_S)
        assert await said_back(socket) is None
        assert socket.close_code == CUT
        await asyncio.sleep(0.02)
        assert pool.open_connections == 0


async def test_upstream_that_takes_nothing_is_cut() -> None:
    async def deaf(socket: ServerConnection) -> None:
        socket.transport.pause_reading()
        await asyncio.sleep(1.0)

    async with serve(deaf, "127.0.0.1", 0, close_timeout=0.1) as server, pooled() as pool:
        socket = await open_websocket(
            pool, ask(url_of(server), bounds=SocketBounds(close_s=0.1)), NOW_S
        )
        async with asyncio.timeout(5.0):
            while not socket.over.is_set():
                socket.send(b"x" * 500_000)
                await socket.drain()
        await socket.close()


async def test_pool_that_closes_takes_its_sockets_along() -> None:
    async with serve(parrot, "127.0.0.1", 0) as server, pooled() as pool:
        socket = await open_websocket(pool, ask(url_of(server)), NOW_S)
        await pool.close()
        assert await socket.receive() is None
