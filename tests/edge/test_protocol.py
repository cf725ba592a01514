"""One connection: order, limits, time, and callers who leave or do not keep up."""

from __future__ import annotations

import asyncio
import gc
import gzip
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import pytest

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.edge.limits import Limits
from headgate.edge.request import Request
from headgate.edge.responder import Responder
from headgate.edge.routes import Route
from tests.edge.wire import TEXT, Caller, Watched, echo, get, post, request, serving

GET = b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


async def nothing(_request: Request, _responder: Responder) -> None:
    """A handler that forgets to answer."""


# ---------------------------------------------------------------- requests and answers


async def test_body_and_target_reach_the_handler() -> None:
    async with serving() as place:
        answer = await place.ask(request(target="/echo?beta=true", body=b"abc"))
    assert answer.status == 200
    assert answer.body == b"POST /echo?beta=true {}\nabc"


async def test_chunked_body_reaches_the_handler_whole() -> None:
    async with serving() as place:
        answer = await place.ask(CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert answer.body.endswith(b"\nabcde")


@pytest.mark.parametrize("size", [1, 7, 8192, 100_000, 1_000_000])
async def test_body_of_any_size_is_whole_in_pieces_of_any_size(size: int) -> None:
    body = Random(size).randbytes(size)
    random = Random(7)
    async with serving() as place:
        caller = await place.call()
        message = request(body=body)
        while message:
            cut = random.randrange(1, 70_000)
            await caller.send(message[:cut])
            message = message[cut:]
            await asyncio.sleep(0)
        answer = await caller.answer()
    assert answer.body.partition(b"\n")[2] == body


async def test_request_in_single_bytes_is_understood() -> None:
    async with serving() as place:
        caller = await place.call()
        for byte in request(body=b"ab"):
            await caller.send(bytes([byte]))
            await asyncio.sleep(0)
        answer = await caller.answer()
    assert answer.body.endswith(b"\nab")


async def test_callers_request_id_is_kept_and_another_made_for_a_bad_one() -> None:
    async with serving() as place:
        caller = await place.call()
        kept = await caller.ask(request(headers="X-Request-Id: mine-1\r\n"))
        made = await caller.ask(request(headers="X-Request-Id: not mine\r\n"))
    assert kept.headers["x-request-id"] == kept.headers["request-id"] == "mine-1"
    assert made.headers["x-request-id"] not in ("", "not mine")


async def test_every_answer_says_when_and_lets_browsers_read_it() -> None:
    async with serving() as place:
        for target in ("/echo", "/nowhere"):
            answer = await place.ask(request(target=target))
            assert answer.headers["access-control-allow-origin"] == "*"
            assert answer.headers["access-control-expose-headers"] == "*"
            assert answer.headers["date"].endswith("GMT")


async def test_head_is_answered_without_a_body() -> None:
    async with serving() as place:
        caller = await place.call()
        await caller.send(b"HEAD /echo HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = await caller.answer(to_head=True)
        after = await caller.ask(GET)
    assert answer.status == 200
    assert int(answer.headers["content-length"]) > 0
    assert after.status == 200


async def test_connection_is_closed_when_the_caller_asks_for_it() -> None:
    async with serving() as place:
        got = await place.exchange(b"GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert b"\r\nconnection: close\r\n" in got


async def test_http_1_0_is_answered_and_closed() -> None:
    async with serving() as place:
        got = await place.exchange(b"GET /echo HTTP/1.0\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_http_1_0_keeps_the_connection_if_asked() -> None:
    async with serving() as place:
        caller = await place.call()
        ask = b"GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        answer = await caller.ask(ask)
        again = await caller.ask(ask)
    assert answer.headers["connection"] == "keep-alive"
    assert again.status == 200


async def test_stream_to_http_1_0_ends_with_the_connection() -> None:
    async def stream(_request: Request, responder: Responder) -> None:
        responder.start(200, [TEXT], None)
        responder.send(b"one ")
        responder.send(b"two")
        responder.end()

    async with serving(get("/stream", stream)) as place:
        got = await place.exchange(b"GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert got.endswith(b"\r\n\r\none two")
    assert b"transfer-encoding" not in got


async def test_missing_route_says_what_there_is() -> None:
    async with serving() as place:
        answer = await place.ask(request(target="/v1/nothing", body=b"{}"))
    assert answer.status == 404
    assert "GET POST /echo" in answer.told["message"]
    assert answer.told["id"] == answer.headers["x-request-id"]


async def test_wrong_method_says_which_are_right() -> None:
    async with serving() as place:
        answer = await place.ask(request("DELETE"))
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, POST, HEAD, OPTIONS"


async def test_handlers_failure_is_spelled_in_the_routes_dialect() -> None:
    async def fail(_request: Request, _responder: Responder) -> None:
        raise RelayError(Failure(kind=FailureKind.MODEL_NOT_FOUND, message="no such model"))

    async with serving(post("/fail", fail, dialect="anthropic")) as place:
        caller = await place.call()
        answer = await caller.ask(request(target="/fail"))
        after = await caller.ask(GET)
    assert (answer.status, answer.told["dialect"]) == (404, "anthropic")
    assert after.status == 200


@pytest.mark.parametrize("begun", [False, True])
async def test_broken_handler_is_an_internal_error_and_never_a_clean_end(
    begun: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_request: Request, responder: Responder) -> None:
        if begun:
            responder.start(200, [TEXT], None)
            responder.send(b"half")
        raise ZeroDivisionError

    async with serving(get("/broken", broken)) as place:
        caller = await place.call()
        await caller.send(b"GET /broken HTTP/1.1\r\nHost: a\r\n\r\n")
        if begun:
            with pytest.raises(asyncio.IncompleteReadError):
                await caller.answer()
        else:
            assert (await caller.answer()).status == 500
    assert "ZeroDivisionError" in caplog.text


async def test_handler_that_forgets_to_answer_is_an_internal_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving(get("/nothing", nothing)) as place:
        answer = await place.ask(b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer.status == 500
    assert "unfinished" in caplog.text


async def test_expectation_is_answered_before_the_body_comes() -> None:
    async with serving() as place:
        caller = await place.call()
        message = request(body=b"ab", headers="Expect: 100-continue\r\n")
        await caller.send(message[:-2])
        assert (await caller.answer()).status == 100
        assert (await caller.ask(message[-2:])).status == 200


async def test_packed_body_is_unpacked_for_the_handler() -> None:
    body = gzip.compress(b"hello")
    async with serving() as place:
        answer = await place.ask(request(body=body, headers="Content-Encoding: gzip\r\n"))
    assert answer.body.endswith(b"\nhello")


# ---------------------------------------------------------------- order


async def test_pipelined_requests_are_answered_one_after_the_other() -> None:
    """F-C18."""
    running = 0
    most = 0
    order: list[bytes] = []

    async def slow(request_: Request, responder: Responder) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        order.append(request_.body)
        responder.answer(200, [TEXT], request_.body)
        await asyncio.sleep(0)
        running -= 1

    bodies = [b"%d" % number for number in range(100)]
    async with serving(post("/slow", slow)) as place:
        caller = await place.call()
        await caller.send(b"".join(request(target="/slow", body=body) for body in bodies))
        answers = [await caller.answer() for _ in bodies]
    assert [answer.body for answer in answers] == order == bodies
    assert most == 1


async def test_megabytes_of_pipelined_requests_are_held_back_and_all_answered() -> None:
    count = 5_000
    async with serving() as place:
        caller = await place.call()
        sending = asyncio.create_task(caller.send(GET * count))
        for _ in range(count):
            assert (await caller.answer()).status == 200
        await sending


async def test_caller_who_sends_far_ahead_of_its_turn_is_not_read() -> None:
    watched = Watched()
    async with serving(get("/wait", watched)) as place:
        caller = await place.call()
        await caller.send(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        await watched.started.wait()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await caller.send(GET * 500_000)  # 16 MB: more than the kernel takes on the way
        unsent_bytes = caller.writer.transport.get_write_buffer_size()
        await asyncio.sleep(0.2)
        assert caller.writer.transport.get_write_buffer_size() == unsent_bytes > 0


async def test_refusal_waits_for_the_answers_before_it() -> None:
    async def slow(_request: Request, responder: Responder) -> None:
        await asyncio.sleep(0.05)
        responder.answer(200, [TEXT], b"slow")

    async with serving(get("/slow", slow)) as place:
        got = await place.exchange(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n")
    assert got.index(b"200 OK") < got.index(b"slow") < got.index(b"400 Bad Request")


async def test_nothing_behind_a_closing_request_is_served() -> None:
    async with serving() as place:
        got = await place.exchange(
            b"GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + GET
        )
    assert got.count(b"HTTP/1.1 200") == 1


async def test_caller_who_leaves_in_the_middle_of_a_pipeline_starts_no_more() -> None:
    watched = Watched()
    seen: list[str] = []

    async def count(request_: Request, responder: Responder) -> None:
        seen.append(request_.path)
        await echo(request_, responder)

    async with serving(get("/wait", watched), get("/count", count)) as place:
        caller = await place.call()
        waiting = b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"
        behind = b"GET /count HTTP/1.1\r\nHost: a\r\n\r\n"
        await caller.send(waiting + behind)
        await watched.started.wait()
        await caller.send(behind)
        caller.hang_up()
        async with asyncio.timeout(1):
            await watched.over.wait()
    assert seen == []


# ---------------------------------------------------------------- limits


def long_header(size: int) -> bytes:
    return b"GET /echo HTTP/1.1\r\nHost: a\r\nX: " + b"x" * size + b"\r\n\r\n"


TOO_LARGE = {
    "one long header": (long_header(33 * 1024), 431),
    "a header without end": (long_header(300_000)[:-4], 431),
    "many headers": (GET[:-2] + b"X: y\r\n" * 101 + b"\r\n", 431),
    "endless headers": (GET[:-2] + b"X: y\r\n" * 30_000, 431),
    "long target": (b"GET /" + b"x" * 8192 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    "endless target": (b"GET /" + b"x" * 300_000, 414),
    "declared body": (
        b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000000\r\n\r\n",
        413,
    ),
    "chunked body": (CHUNKED + b"3e8\r\n" + b"x" * 1000 + b"\r\n" + b"1\r\nx\r\n" * 2, 413),
    "endless trailers": (CHUNKED + b"0\r\n" + b"X: y\r\n" * 30_000, 400),
    "endless trailers behind a body": (
        CHUNKED + (b"64\r\n" + b"x" * 100 + b"\r\n") * 9 + b"0\r\n" + b"X: y\r\n" * 5_000,
        400,
    ),
    "endless chunk extension": (CHUNKED + b"1;" + b"x" * 300_000, 400),
}


@pytest.mark.parametrize(("message", "status"), TOO_LARGE.values(), ids=TOO_LARGE.keys())
async def test_what_is_too_large_is_refused_and_the_connection_closed(
    message: bytes, status: int
) -> None:
    """F-C10, F-C17."""
    async with serving(limits=Limits(body_bytes=1000, linger_s=0.1)) as place:
        caller = await place.call()
        caller.writer.write(message)
        answer = await caller.answer()
        assert answer.status == status
        assert answer.headers["connection"] == "close"
        assert answer.headers["x-request-id"]
        assert await caller.rest() == b""


async def test_header_just_within_the_limits_is_taken() -> None:
    async with serving() as place:
        assert (await place.ask(long_header(32_000))).status == 200
        assert (await place.ask(GET[:-2] + b"X: y\r\n" * 99 + b"\r\n")).status == 200


async def test_body_of_exactly_the_limit_is_taken() -> None:
    async with serving(limits=Limits(body_bytes=1000)) as place:
        assert (await place.ask(request(body=b"x" * 1000))).status == 200


async def test_route_may_have_a_limit_of_its_own() -> None:
    async with serving(post("/small", echo, body_limit_bytes=3, dialect="gemini")) as place:
        answer = await place.ask(request(target="/small", body=b"abcd"))
    assert answer.status == 413
    assert answer.told["dialect"] == "gemini"


async def test_refusal_arrives_though_the_caller_is_still_sending() -> None:
    """Closing at once would reset the connection and lose the answer."""
    async with serving(limits=Limits(body_bytes=1000)) as place:
        caller = await place.call()
        message = request(body=b"x" * 4_000_000)
        sending = asyncio.create_task(caller.send(message))
        assert (await caller.answer()).status == 413
        await sending


async def test_large_bodies_share_a_budget() -> None:
    watched = Watched()
    limits = Limits(body_budget_bytes=1_000_000)
    async with serving(post("/wait", watched), limits=limits) as place:
        holding = await place.call()
        await holding.send(request(target="/wait", body=b"x" * 900_000))
        await watched.started.wait()
        assert (await place.ask(request(body=b"x" * 900_000))).status == 503
        assert (await place.ask(request(body=b"x" * 1000))).status == 200
        holding.hang_up()
        await watched.over.wait()
        await asyncio.sleep(0.01)
        assert (await place.ask(request(body=b"x" * 900_000))).status == 200


async def test_budget_comes_back_from_a_caller_who_left_in_the_middle_of_a_body() -> None:
    limits = Limits(body_budget_bytes=1_000_000)
    async with serving(limits=limits) as place:
        leaving = await place.call()
        await leaving.send(request(body=b"x" * 900_000)[:-1])
        await asyncio.sleep(0.05)
        assert (await place.ask(request(body=b"x" * 900_000))).status == 503
        leaving.hang_up()
        await asyncio.sleep(0.05)
        assert (await place.ask(request(body=b"x" * 900_000))).status == 200


# ---------------------------------------------------------------- time

Step = Callable[[Caller], Awaitable[Any]]


async def drip(caller: Caller, first: bytes, drop: bytes) -> None:
    await caller.send(first)
    try:
        for _ in range(100):
            await asyncio.sleep(0.02)
            await caller.send(drop)
    except ConnectionError:
        pass


QUICK = Limits(
    silent_timeout_s=0.3,
    header_timeout_s=0.3,
    body_idle_s=0.4,
    body_floor_after_s=0.5,
    keep_alive_s=0.4,
    write_stall_s=0.4,
    linger_s=0.1,
)
# Tests that wait for a clock do so on the loop that serves.
on_uvloop = pytest.mark.asyncio(loop_factories=["uvloop"])


@on_uvloop
async def test_silent_connection_is_closed() -> None:
    """F-C8."""
    async with serving(limits=QUICK) as place:
        assert await place.exchange(b"") == b""


@on_uvloop
async def test_idle_connection_is_closed_after_its_time() -> None:
    """F-C8."""
    async with serving(limits=QUICK) as place:
        caller = await place.call()
        for _ in range(3):
            await asyncio.sleep(0.2)
            assert (await caller.ask(GET)).status == 200
        assert await caller.rest() == b""


@on_uvloop
@pytest.mark.parametrize("first", [b"GET /e", GET[:-4] + b"\r\nX: "])
async def test_header_in_drops_is_cut_at_its_time(first: bytes) -> None:
    """F-C6: slowloris."""
    async with serving(limits=QUICK) as place:
        caller = await place.call()
        before_s = asyncio.get_running_loop().time()
        dripping = asyncio.create_task(drip(caller, first, b"x"))
        answer = await caller.answer()
        taken_s = asyncio.get_running_loop().time() - before_s
        await caller.rest()
        dripping.cancel()
    assert answer.status == 408
    assert answer.headers["connection"] == "close"
    assert 0.29 < taken_s < 1


@on_uvloop
async def test_body_that_stops_coming_is_cut() -> None:
    """F-C7."""
    async with serving(limits=QUICK) as place:
        assert (await place.ask(request(body=b"abc")[:-1])).status == 408


@on_uvloop
async def test_body_in_drops_is_cut_for_its_rate() -> None:
    """F-C7."""
    async with serving(limits=QUICK) as place:
        caller = await place.call()
        message = request(body=b"x" * 1000)
        dripping = asyncio.create_task(drip(caller, message[:-999], b"x"))
        answer = await caller.answer()
        dripping.cancel()
    assert answer.status == 408


@on_uvloop
async def test_slow_but_steady_body_is_not_cut() -> None:
    async with serving(limits=QUICK) as place:
        caller = await place.call()
        message = request(body=b"x" * 8000)
        await caller.send(message[:-8000])
        for _ in range(20):
            await asyncio.sleep(0.04)
            await caller.send(b"x" * 400)
        assert (await caller.answer()).status == 200


@on_uvloop
async def test_long_answer_of_a_busy_handler_is_not_timed() -> None:
    async def slow(_request: Request, responder: Responder) -> None:
        await asyncio.sleep(0.7)
        responder.answer(200, [TEXT], b"done")

    async with serving(get("/slow", slow), limits=QUICK) as place:
        assert (await place.ask(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")).body == b"done"


# ---------------------------------------------------------------- callers who leave


@pytest.mark.parametrize("first", [b"", b"half a stream"], ids=["before", "within"])
@pytest.mark.parametrize("way", ["reset", "close", "half-close"])
async def test_caller_who_leaves_cancels_the_task_once_and_soon(first: bytes, way: str) -> None:
    """F-C1 to F-C4."""
    watched = Watched(first)
    async with serving(get("/wait", watched)) as place:
        caller = await place.call()
        await caller.send(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        await watched.started.wait()
        if way == "reset":
            caller.hang_up()
        elif way == "close":
            caller.writer.close()
        else:
            caller.writer.write_eof()
        async with asyncio.timeout(1):
            await watched.over.wait()
        responder = watched.responder
        assert responder is not None
        assert responder.closed
        responder.send(b"into the void")  # goes nowhere, and hurts nobody
    assert watched.cancelled == 1


async def test_caller_who_leaves_behind_a_complete_answer_cancels_nothing() -> None:
    """What the handler still has to write down is no business of the caller's connection."""
    noted = asyncio.Event()

    async def note(_request: Request, responder: Responder) -> None:
        responder.answer(200, [TEXT], b"done")
        await asyncio.sleep(0.05)
        noted.set()

    async with serving(get("/note", note)) as place:
        caller = await place.call()
        await caller.ask(b"GET /note HTTP/1.1\r\nHost: a\r\n\r\n")
        caller.hang_up()
        async with asyncio.timeout(1):
            await noted.wait()


class StuckTransport(asyncio.Transport):
    """A transport that takes what is written, and brings it nowhere."""

    def __init__(self) -> None:
        super().__init__({"socket": None})
        self.written = bytearray()
        self.closing = False
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return len(self.written)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Never full."""

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.aborted = True


async def test_caller_who_leaves_before_its_task_has_begun_leaves_nothing_behind() -> None:
    """A task that is cancelled before its first step runs no `finally`."""
    watched = Watched()
    async with serving(get("/wait", watched)) as place:
        connection = place.server.connect()
        connection.connection_made(StuckTransport())
        connection.data_received(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.connection_lost(None)
        assert place.server.connection_count == 1
        await asyncio.sleep(0)
        assert place.server.connection_count == 0
    assert not watched.started.is_set()


# ---------------------------------------------------------------- callers who do not keep up


class Endless:
    """Sends for ever, as fast as it may."""

    def __init__(self) -> None:
        self.sent_bytes = 0
        self.over = asyncio.Event()

    async def __call__(self, _request: Request, responder: Responder) -> None:
        responder.start(200, [TEXT], None)
        try:
            while True:
                responder.send(b"x" * 4096)
                self.sent_bytes += 4096
                if responder.paused:
                    await responder.drain()
                else:
                    await asyncio.sleep(0)
        finally:
            self.over.set()


@on_uvloop
async def test_caller_who_reads_nothing_stops_the_sender_and_is_cut() -> None:
    """F-C5."""
    endless = Endless()
    async with serving(get("/endless", endless), limits=QUICK) as place:
        caller = await place.call(narrow=True)
        await caller.send(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.sleep(0.15)
        sent_bytes = endless.sent_bytes
        await asyncio.sleep(0.1)
        assert endless.sent_bytes == sent_bytes  # paused: what is left lies in kernel buffers
        async with asyncio.timeout(2):
            await endless.over.wait()


@on_uvloop
async def test_slow_reader_is_served_at_its_own_speed() -> None:
    endless = Endless()
    async with serving(get("/endless", endless), limits=QUICK) as place:
        caller = await place.call(narrow=True)
        await caller.send(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        for _ in range(30):
            assert await caller.reader.read(65536)
            await asyncio.sleep(0.03)
        assert not endless.over.is_set()
        caller.hang_up()
        async with asyncio.timeout(2):
            await endless.over.wait()


async def test_next_in_the_pipeline_finds_the_caller_still_behind() -> None:
    found: list[bool] = []

    async def large(_request: Request, responder: Responder) -> None:
        responder.answer(200, [TEXT], b"x" * 20_000_000)

    async def small(_request: Request, responder: Responder) -> None:
        found.append(responder.paused)
        responder.answer(200, [TEXT], b"small")

    async with serving(get("/large", large), get("/small", small)) as place:
        caller = await place.call(narrow=True)
        await caller.send(
            b"GET /large HTTP/1.1\r\nHost: a\r\n\r\nGET /small HTTP/1.1\r\nHost: a\r\n\r\n"
        )
        await asyncio.sleep(0.1)
    assert found == [True]


@on_uvloop
async def test_answer_nobody_reads_does_not_keep_a_closing_connection_for_ever() -> None:
    async def large(_request: Request, responder: Responder) -> None:
        responder.answer(200, [TEXT], b"x" * 20_000_000)

    async with serving(get("/large", large), limits=QUICK) as place:
        caller = await place.call(narrow=True)
        await caller.send(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await asyncio.sleep(0.1)
        assert place.server.connection_count == 1
        await asyncio.sleep(1)
        assert place.server.connection_count == 0


@on_uvloop
async def test_last_bytes_nobody_takes_do_not_keep_a_closing_connection_for_ever() -> None:
    async with serving(limits=QUICK) as place:
        transport = StuckTransport()
        connection = place.server.connect()
        connection.connection_made(transport)
        connection.data_received(b"GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await asyncio.sleep(0.1)
        assert (transport.closing, transport.aborted) == (True, False)
        await asyncio.sleep(QUICK.write_stall_s)
        assert transport.aborted
        connection.connection_lost(None)


# ---------------------------------------------------------------- the ASGI app


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers with what it was asked; `/api/early` does not wait for the body, `/api/late` does."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = b""
    if scope["path"] == "/api/late":
        await asyncio.sleep(0.6)
    while scope["path"] != "/api/early":
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        if not message["more_body"]:
            break
    told = f"app {scope['method']} {scope['path']}?{scope['query_string'].decode()} ".encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": told + body})


async def test_what_no_route_owns_goes_to_the_app() -> None:
    async with serving(app=app) as place:
        caller = await place.call()
        answer = await caller.ask(request(target="/console/a%20b?c=d", body=b"xyz"))
        again = await caller.ask(GET)
        more = await caller.ask(request(target="/console", body=b"x" * 200_000))
    assert answer.body == b"app POST /console/a b?c=d xyz"
    assert answer.headers["x-request-id"] == answer.headers["request-id"]
    assert "access-control-allow-origin" not in answer.headers  # S-62
    assert again.body == b"GET /echo? {}\n"
    assert more.body.endswith(b"x" * 200_000)


async def test_beside_the_routes_the_site_answers_404_itself() -> None:
    async with serving(get("/v1/models", echo), app=app) as place:
        answer = await place.ask(request(target="/v1/nothing"))
    assert answer.status == 404


async def test_app_and_routes_answer_in_order() -> None:
    async with serving(app=app) as place:
        caller = await place.call()
        await caller.send(request(target="/api/x") + GET)
        first, second = await caller.answer(), await caller.answer()
    assert first.body.startswith(b"app")
    assert second.body.startswith(b"GET /echo")


async def test_app_behind_a_route_is_left_to_the_callers_next_try() -> None:
    async with serving(app=app) as place:
        got = await place.exchange(GET + request(target="/api/x"))
    assert got.count(b"HTTP/1.1 200") == 1
    assert b"connection: close" in got


async def test_app_that_does_not_wait_for_the_body_ends_the_connection() -> None:
    async with serving(app=app, limits=QUICK) as place:
        got = await place.exchange(request(target="/api/early", body=b"x" * 100)[:-50])
    assert b"app POST /api/early?" in got


@on_uvloop
async def test_caller_is_not_blamed_for_an_app_that_reads_late() -> None:
    async with serving(app=app, limits=QUICK) as place:
        answer = await place.ask(request(target="/api/late", body=b"x" * 8_000_000))
    assert answer.status == 200


async def test_bodies_for_the_app_have_the_same_bounds() -> None:
    limits = Limits(body_bytes=1000, body_idle_s=0.2, linger_s=0.1)
    async with serving(app=app, limits=limits) as place:
        declared = await place.ask(request(target="/api/x", body=b"x" * 1001))
        chunked = await place.ask(
            CHUNKED.replace(b"/echo", b"/api") + b"800\r\n" + b"x" * 2048 + b"\r\n"
        )
        stopped = await place.ask(request(target="/api/x", body=b"x" * 100)[:-50])
    assert (declared.status, chunked.status, stopped.status) == (413, 413, 408)


# ---------------------------------------------------------------- leaks


async def test_hang_ups_at_random_leave_nothing_behind() -> None:
    """The short form; `make soak` has the long one."""
    await _hang_up_at_random(2_000)


@pytest.mark.soak
async def test_ten_thousand_hang_ups_leave_nothing_behind() -> None:
    await _hang_up_at_random(10_000)


async def _hang_up_at_random(count: int) -> None:
    random = Random(1)

    async def stream(_request: Request, responder: Responder) -> None:
        responder.start(200, [TEXT], None)
        for _ in range(3):
            responder.send(b"piece")
            await asyncio.sleep(0)
        responder.end()

    async with serving(Route(methods=("POST",), path="/stream", handler=stream)) as place:
        message = request(target="/stream", body=b"x" * 100)

        async def visit() -> None:
            caller = await place.call()
            await caller.send(message[: random.choice([0, 20, 80, len(message)])])
            if random.random() < 0.5:
                await asyncio.sleep(random.choice([0, 0.001]))
            caller.hang_up()

        for _ in range(count // 50):
            await asyncio.gather(*(visit() for _ in range(50)))
        async with asyncio.timeout(5):
            while place.server.connection_count:  # noqa: ASYNC110 - nothing tells of the last one
                await asyncio.sleep(0.01)
        gc.collect()
        assert len(asyncio.all_tasks()) == 1  # this one
