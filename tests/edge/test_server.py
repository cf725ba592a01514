"""The server's life: listening, readiness, and a stop that cuts nobody short without need."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from headgate.edge.request import Request
from headgate.edge.responder import Responder
from headgate.edge.server import CannotListen, Server, ServerSettings
from headgate.edge.site import Site
from tests.edge.wire import ECHO, TEXT, Caller, Place, Watched, get, request, spell

GET = b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"
WAIT = b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"


async def stopped(place: Place, force: asyncio.Event | None = None) -> float:
    """Stop the server; how long it took."""
    loop = asyncio.get_running_loop()
    before_s = loop.time()
    await place.server.stop(force)
    return loop.time() - before_s


@asynccontextmanager
async def stopping(watched: Watched, drain_s: float = 5.0) -> AsyncIterator[Place]:
    """A server that the test stops itself; `/wait` is the watched handler."""
    settings = ServerSettings(port=0, drain_s=drain_s, cut_grace_s=2.0)
    server = Server(Site([ECHO, get("/wait", watched)], spell), None, settings)
    place = Place(server, int((await server.start()).rpartition(":")[2]))
    yield place
    await place.leave()


async def busy_caller(place: Place, watched: Watched) -> Caller:
    caller = await place.call()
    await caller.send(WAIT)
    await watched.started.wait()
    return caller


# ---------------------------------------------------------------- listening


@pytest.mark.parametrize(
    ("host", "port", "reason"),
    [
        ("127.0.0.1", 99999, "a port is from 0 to 65535"),
        ("203.0.113.1", 0, "this machine has no such address"),
        ("-not a host-", 0, "the host name is unknown"),
    ],
)
async def test_address_that_cannot_be_used_is_one_clear_line(
    host: str, port: int, reason: str
) -> None:
    server = Server(Site([ECHO]), None, ServerSettings(host=host, port=port))
    with pytest.raises(CannotListen) as refused:
        await server.start()
    assert str(refused.value) == f"cannot listen on {host}:{port}: {reason}"


async def test_port_in_use_is_one_clear_line() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        server = Server(Site([ECHO]), None, ServerSettings(port=port))
        with pytest.raises(CannotListen, match="another program is listening there"):
            await server.start()


async def test_all_descriptors_that_are_allowed_can_be_used() -> None:
    """F-C9."""
    async with stopping(Watched()) as place:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        await stopped(place)
    assert soft == hard


# ---------------------------------------------------------------- stopping


async def test_idle_connections_are_closed_at_once() -> None:
    async with stopping(Watched()) as place:
        caller = await place.call()
        await caller.ask(GET)
        taken_s = await stopped(place)
        assert await caller.rest() == b""
    assert taken_s < 1


async def test_request_under_way_is_answered_and_no_other_taken() -> None:
    answer_now = asyncio.Event()

    async def wait(_request: Request, responder: Responder) -> None:
        await answer_now.wait()
        responder.answer(200, [TEXT], b"done")

    server = Server(Site([get("/wait", wait)], spell), None, ServerSettings(port=0))
    place = Place(server, int((await server.start()).rpartition(":")[2]))
    caller = await place.call()
    await caller.send(WAIT)
    await asyncio.sleep(0.05)
    stop = asyncio.create_task(stopped(place))
    await asyncio.sleep(0.05)
    with pytest.raises(ConnectionRefusedError):
        await place.call()
    answer_now.set()
    answer = await caller.answer()
    assert (answer.body, answer.headers["connection"]) == (b"done", "close")
    assert await caller.rest() == b""
    assert await stop < 1
    await place.leave()


async def test_request_half_sent_when_the_server_stops_is_still_served() -> None:
    async with stopping(Watched()) as place:
        caller = await place.call()
        message = request(body=b"abcd")
        await caller.send(message[:-2])
        await asyncio.sleep(0.05)
        stop = asyncio.create_task(stopped(place))
        await asyncio.sleep(0.05)
        answer = await caller.ask(message[-2:])
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await stop < 1


async def test_stream_beyond_the_term_is_cancelled_once_and_says_so() -> None:
    class Stream(Watched):
        async def __call__(self, request_: Request, responder: Responder) -> None:
            try:
                await super().__call__(request_, responder)
            except asyncio.CancelledError:
                assert not responder.closed
                responder.send(b"event: error")
                responder.end()
                raise

    watched = Stream(b"data: 1")
    async with stopping(watched, drain_s=0.2) as place:
        caller = await busy_caller(place, watched)
        taken_s = await stopped(place)
        answer = await caller.answer()
        assert answer.body == b"data: 1event: error"
        assert await caller.rest() == b""
    assert 0.2 <= taken_s < 1
    assert watched.cancelled == 1


async def test_request_not_begun_to_be_answered_hears_that_the_server_stops() -> None:
    watched = Watched()
    async with stopping(watched, drain_s=0.1) as place:
        caller = await busy_caller(place, watched)
        await stopped(place)
        answer = await caller.answer()
        assert (answer.status, answer.told["code"]) == (503, "server_draining")


async def test_stream_that_says_nothing_is_cut_and_not_ended() -> None:
    watched = Watched(b"data: 1")
    async with stopping(watched, drain_s=0.1) as place:
        caller = await busy_caller(place, watched)
        await stopped(place)
        with pytest.raises(asyncio.IncompleteReadError):
            await caller.answer()


async def test_who_still_sends_its_request_is_told_when_draining_took_too_long() -> None:
    async with stopping(Watched(), drain_s=0.1) as place:
        caller = await place.call()
        lines = "Content-Length: 100\r\nExpect: 100-continue\r\n"
        await caller.send(f"POST /echo HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode())
        assert (await caller.answer()).status == 100
        await caller.send(b"half")
        stop = asyncio.create_task(place.server.stop())
        answer = await caller.answer()
        assert (answer.status, answer.told["code"]) == (503, "server_draining")
        await caller.close()
        await stop


async def test_force_does_not_wait() -> None:
    watched = Watched(b"data: 1")
    force = asyncio.Event()
    async with stopping(watched, drain_s=60) as place:
        await busy_caller(place, watched)
        asyncio.get_running_loop().call_later(0.1, force.set)
        assert await stopped(place, force) < 2
    assert watched.cancelled == 1


async def test_caller_who_leaves_and_the_end_of_the_term_cancel_once_together() -> None:
    watched = Watched(b"data: 1")
    async with stopping(watched, drain_s=0) as place:
        caller = await busy_caller(place, watched)
        stop = asyncio.create_task(stopped(place))
        caller.hang_up()
        await stop
    assert watched.cancelled == 1


# ---------------------------------------------------------------- the process

PROGRAM = """
import asyncio, sys
import uvloop
from headgate.edge.routes import Route
from headgate.edge.server import ServerSettings, serve
from headgate.edge.site import Site

async def stream(request, responder):
    responder.start(200, [], None)
    responder.send(b"first")
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        responder.send(b" last")
        responder.end()
        raise

site = Site([Route(methods=("GET",), path="/stream", handler=stream)])
def ready(url):
    print(url, flush=True)

settings = ServerSettings(port=0, drain_s=float(sys.argv[1]), on_ready=ready)
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    sys.exit(runner.run(serve(site, None, settings)))
"""


@asynccontextmanager
async def program(drain_s: float) -> AsyncIterator[tuple[asyncio.subprocess.Process, Caller]]:
    """The server as a process of its own, and a caller with an open stream."""
    source = Path(__file__).parents[2] / "src"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, str(drain_s)),
        env=os.environ | {"PYTHONPATH": str(source)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    caller = Caller(*await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2])))
    await caller.send(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
    assert b"first" in await caller.reader.readuntil(b"first")
    try:
        yield process, caller
    finally:
        await caller.close()
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signal_drains_and_exits_with_zero(number: signal.Signals) -> None:
    async with program(0.2) as (process, caller):
        process.send_signal(number)
        assert b" last\r\n0\r\n\r\n" in await caller.rest()
        async with asyncio.timeout(5):
            out, err = await process.communicate()
    assert (process.returncode, out, err) == (0, b"", b"")


async def test_second_signal_stops_at_once() -> None:
    async with program(60) as (process, _caller):
        process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(5):
            _, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
