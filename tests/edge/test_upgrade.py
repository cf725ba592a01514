from __future__ import annotations

import asyncio
from random import Random

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.edge.limits import Limits
from headgate.edge.request import Request
from headgate.edge.responder import Responder
from headgate.edge.routes import Route
from headgate.edge.upgrade import Handshake, is_websocket, upgrade_required
from headgate.upstream.websocket import RESTARTING, SocketBounds
from tests.edge.wire import Place, serving

KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
ASK = b"Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" + KEY
SMALL = SocketBounds(message_bytes=1024, unread_bytes=64, close_s=0.2)


async def parrot(request: Request, responder: Responder) -> None:
    """Say everything twice; refuse those without a key."""
    shake = Handshake(request, SocketBounds(), ["realtime"])
    if request.header(b"authorization") is None:
        raise RelayError(Failure(kind=FailureKind.UNAUTHENTICATED, message="Who are you?"))
    socket = shake.accept(responder, [(b"x-mood", b"cheerful")])
    stop = asyncio.create_task(socket.draining.wait())
    try:
        while not stop.done():
            hear = asyncio.create_task(socket.receive())
            await asyncio.wait({hear, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not hear.done():
                hear.cancel()
                await socket.close(RESTARTING, "tired")
                return
            message = hear.result()
            if message is None:
                return
            for _ in range(2):
                socket.send(message.data, is_text=message.is_text)
                await socket.drain()
    finally:
        stop.cancel()
        await socket.close()
        responder.leave()


PARROT = Route(methods=("GET",), path="/parrot", handler=upgrade_required, websocket=parrot)


async def speak(place: Place, **more: object) -> ClientConnection:
    options: dict[str, object] = {"additional_headers": {"Authorization": "Bearer k"}, **more}
    return await connect(f"ws://127.0.0.1:{place.port}/parrot", proxy=None, **options)  # type: ignore[arg-type]


async def test_messages_go_both_ways() -> None:
    async with serving(PARROT) as place, await speak(place) as socket:
        await socket.send("Grüße")
        assert [await socket.recv(), await socket.recv()] == ["Grüße", "Grüße"]
        await socket.send(b"\x00\xff")
        assert await socket.recv() == b"\x00\xff"


async def test_accepted_handshake_tells_what_the_handler_says() -> None:
    async with serving(PARROT) as place, await speak(place) as socket:
        assert socket.response is not None
        headers = socket.response.headers
        assert headers["x-mood"] == "cheerful"
        assert headers["x-request-id"].startswith("req_")
        assert "sec-websocket-extensions" not in headers


async def test_the_subprotocol_is_the_one_that_is_known_here() -> None:
    offered = [Subprotocol(name) for name in ("openai-insecure-api-key.sk-1", "realtime", "other")]
    async with serving(PARROT) as place, await speak(place, subprotocols=offered) as socket:
        assert socket.subprotocol == "realtime"


async def test_refusal_before_the_handshake_is_plain_http() -> None:
    async with serving(PARROT) as place:
        with pytest.raises(InvalidStatus) as refused:
            await speak(place, additional_headers={})
    answer = refused.value.response
    assert answer.status_code == 401
    assert msgspec.json.decode(answer.body)["message"] == "Who are you?"


async def test_get_without_an_upgrade_is_told_to_upgrade() -> None:
    async with serving(PARROT) as place:
        answer = await place.ask(b"GET /parrot HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer.status == 426
    assert answer.headers["upgrade"] == "websocket"
    assert answer.headers["connection"] == "Upgrade"
    assert "WebSocket" in answer.told["message"]


async def test_another_version_is_told_which_one_is_spoken() -> None:
    async with serving(PARROT) as place:
        ask = ASK.replace(b"Version: 13", b"Version: 8")
        answer = await place.ask(b"GET /parrot HTTP/1.1\r\nAuthorization: k\r\n" + ask + b"\r\n")
    assert answer.status == 426
    assert "13" in answer.told["message"]


async def test_a_key_that_is_none_is_refused() -> None:
    async with serving(PARROT) as place:
        ask = ASK.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"short")
        answer = await place.ask(b"GET /parrot HTTP/1.1\r\nAuthorization: k\r\n" + ask + b"\r\n")
    assert answer.status == 400
    assert "Sec-WebSocket-Key" in answer.told["message"]


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [(b"/echo", 400, "no WebSocket"), (b"/nowhere", 404, "nothing"), (b"//x", 400, "path")],
)
async def test_no_other_path_is_upgraded(path: bytes, status: int, word: str) -> None:
    async with serving(PARROT) as place:
        caller = await place.call()
        answer = await caller.ask(b"GET " + path + b" HTTP/1.1\r\n" + ASK + b"\r\n")
        assert (answer.status, await caller.rest()) == (status, b"")
        assert word in answer.told["message"]


async def test_handshake_with_a_body_is_refused() -> None:
    async with serving(PARROT) as place:
        head = b"GET /parrot HTTP/1.1\r\n" + ASK + b"Content-Length: 2\r\n\r\nhi"
        assert (await place.ask(head)).status == 400


async def test_handshake_waits_behind_the_request_before_it() -> None:
    async with serving(PARROT) as place:
        caller = await place.call()
        first = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
        hello = b"\x81\x82\x00\x00\x00\x00ok"  # masked with zeros, sent ahead of its turn
        upgrade = b"GET /parrot HTTP/1.1\r\nAuthorization: k\r\n" + ASK + b"\r\n"
        await caller.send(first + upgrade + hello)
        assert (await caller.answer()).body.endswith(b"hi")
        head = await caller.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        assert await caller.reader.readexactly(8) == b"\x81\x02ok\x81\x02ok"


async def test_server_that_stops_says_so_and_waits_for_goodbye() -> None:
    async with serving(PARROT) as place, await speak(place) as socket:
        stop = asyncio.create_task(place.server.stop())
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1012, "tired")
        await asyncio.wait_for(stop, 2.0)


async def test_caller_who_takes_nothing_is_cut() -> None:
    limits = Limits(write_stall_s=0.3, write_buffer_bytes=4096)
    async with serving(PARROT, limits=limits) as place:
        socket = await speak(place, max_queue=1)
        with pytest.raises(ConnectionClosed):
            for _ in range(4000):
                await socket.send(b"x" * 60_000)
        await gone(place)


async def test_many_random_hang_ups_leave_nothing_behind() -> None:
    random = Random(7)
    async with serving(PARROT) as place:
        before = len(asyncio.all_tasks())
        for _ in range(60):
            socket = await speak(place)
            for _ in range(random.randrange(4)):
                await socket.send(random.randbytes(random.randrange(100_000)))
            match random.randrange(3):
                case 0:
                    socket.transport.abort()
                case 1:
                    socket.transport.close()
                case _:
                    await socket.close(4000 + random.randrange(99), "bye")
        await gone(place)
        await asyncio.sleep(0.05)
        assert len(asyncio.all_tasks()) <= before + 1


async def gone(place: Place) -> None:
    """Wait until the server has no connection."""
    for _ in range(500):
        if not place.server.connection_count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("connections are left")


def test_only_a_get_for_websocket_is_a_handshake() -> None:
    version = (b"sec-websocket-version", b"13")
    assert is_websocket(b"GET", [(b"upgrade", b"WebSocket"), version])
    assert not is_websocket(b"POST", [(b"upgrade", b"websocket"), version])
    assert not is_websocket(b"GET", [(b"upgrade", b"h2c"), version])
    assert not is_websocket(b"GET", [(b"upgrade", b"websocket")])
