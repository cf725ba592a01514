"""One connection without a socket: whatever way the bytes are cut up, the answer is the same."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.failure import FailureKind, RelayError
from headgate.upstream.connection import Connection
from headgate.upstream.response import Http1Response
from headgate.upstream.timeouts import NEVER_S
from tests.upstream.upstreams import CHUNKED, OK, TIMEOUTS

K = FailureKind


class Wire(asyncio.Transport):
    """A transport that only notes what is done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_aborted = False
        self.is_paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.is_aborted

    def abort(self) -> None:
        self.is_aborted = True

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False


class Shelf:
    """Where connections are put back."""

    def __init__(self) -> None:
        self.kept: list[Connection] = []
        self.lost: list[Connection] = []

    def take_back(self, connection: Connection) -> None:
        self.kept.append(connection)

    def forget(self, connection: Connection) -> None:
        self.lost.append(connection)


class Scene:
    """A connection that has been asked something, and its surroundings."""

    def __init__(self, body: bytes = b"{}") -> None:
        self.wire = Wire()
        self.shelf = Shelf()
        self.connection = Connection(asyncio.get_running_loop(), self.shelf)
        self.connection.connection_made(self.wire)
        self.ask(body)

    def ask(self, body: bytes = b"{}") -> None:
        self.answered = self.connection.ask(b"HEAD", body, "POST", TIMEOUTS, NEVER_S)

    def lose(self) -> None:
        self.connection.connection_lost(None)


class Outcome(NamedTuple):
    """All that a reader could tell."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    failure: FailureKind | None
    is_kept: bool


def outcome_of(parts: list[bytes], *, then_end: bool) -> Outcome:
    async def play() -> Outcome:
        scene = Scene()
        connection = scene.connection
        body = b""
        for part in parts:
            if not scene.wire.is_aborted:
                connection.data_received(part)
                body += connection.take()
        if then_end and not scene.wire.is_aborted:
            connection.eof_received()
            scene.lose()
        if connection.is_settled and connection.failure is None:
            connection.give_back()
        failure = connection.failure.kind if connection.failure is not None else None
        kept = bool(scene.shelf.kept)
        outcome = Outcome(connection.status, connection.headers, body, failure, kept)
        connection.abort()
        return outcome

    return asyncio.run(play())


def split_at(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % len(data) for place in places)})
    return [data[start:end] for start, end in pairwise(edges)]


def chunked(parts: list[bytes]) -> bytes:
    framed = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts if part)
    return CHUNKED + framed + b"0\r\n\r\n"


def counted(parts: list[bytes]) -> bytes:
    body = b"".join(parts)
    return b"HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def interim(answer: bytes) -> bytes:
    return b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + answer


bodies = st.lists(st.binary(max_size=40), max_size=6)
answers = st.one_of(
    bodies.map(chunked), bodies.map(counted), bodies.map(chunked).map(interim), st.just(OK)
)
places = st.lists(st.integers(0, 10_000), max_size=12)


@given(answers, places)
def test_any_split_of_an_answer_gives_the_same_result(answer: bytes, places: list[int]) -> None:
    whole = outcome_of([answer], then_end=False)
    assert (whole.failure, whole.is_kept) == (None, True)
    assert outcome_of(split_at(answer, places), then_end=False) == whole


@given(answers, st.data())
def test_any_answer_cut_short_is_a_failure(answer: bytes, draws: st.DataObject) -> None:
    kept = draws.draw(st.integers(0, len(answer) - 1))
    outcome = outcome_of([answer[:kept]], then_end=True)
    expected = K.UPSTREAM_INTERRUPTED if outcome.body else K.UPSTREAM_ERROR
    assert (outcome.failure, outcome.is_kept) == (expected, False)


@given(answers, st.binary(min_size=1, max_size=20), places)
def test_nothing_after_an_answer_is_taken_for_the_next(
    answer: bytes, more: bytes, places: list[int]
) -> None:
    whole = outcome_of([answer], then_end=False)
    outcome = outcome_of(split_at(answer + more.lstrip(b"\r\n") + b"H", places), then_end=False)
    assert outcome == whole._replace(is_kept=False)


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=8))
def test_garbage_is_never_an_exception_nor_an_endless_wait(parts: list[bytes]) -> None:
    outcome = outcome_of(parts, then_end=True)
    assert outcome.failure is not None or outcome.status >= 200


async def test_head_and_body_are_one_write() -> None:
    assert Scene(b"body").wire.written == [b"HEADbody"]


async def test_upload_waits_for_the_socket() -> None:
    scene = Scene()
    scene.connection.data_received(OK)
    scene.connection.take()
    scene.connection.give_back()
    scene.connection.pause_writing()
    scene.ask(bytes(1_000_000))
    assert scene.wire.written[1:] == [b"HEAD"]
    scene.connection.resume_writing()
    assert b"".join(scene.wire.written[1:]) == b"HEAD" + bytes(1_000_000)
    scene.connection.abort()


async def test_upload_that_is_taken_at_once_leaves_others_their_turn() -> None:
    body = bytes(5_000_000)
    scene = Scene(body)
    assert sum(map(len, scene.wire.written)) == len(b"HEAD") + 1024 * 1024
    async with asyncio.timeout(1):
        while sum(map(len, scene.wire.written)) < len(body):  # noqa: ASYNC110 - turn by turn
            await asyncio.sleep(0)
    assert b"".join(scene.wire.written) == b"HEAD" + body
    scene.connection.data_received(OK)
    scene.connection.take()
    scene.connection.give_back()
    assert scene.shelf.kept == [scene.connection]
    scene.connection.abort()


async def test_upload_of_a_closed_connection_takes_no_further_turn() -> None:
    scene = Scene(bytes(5_000_000))
    written = len(scene.wire.written)
    scene.connection.abort()
    scene.lose()
    await asyncio.sleep(0)
    assert len(scene.wire.written) == written


async def test_reading_is_paused_until_the_reader_comes() -> None:
    scene = Scene()
    connection = scene.connection
    connection.data_received(CHUNKED)
    for _ in range(3):
        connection.data_received(b"20000\r\n" + bytes(131072) + b"\r\n")
    assert scene.wire.is_paused
    assert len(connection.take()) == 3 * 131072
    assert not scene.wire.is_paused
    connection.abort()


async def test_waiter_is_woken_by_the_head_and_by_each_piece() -> None:
    scene = Scene()
    connection = scene.connection
    connection.data_received(CHUNKED)
    assert scene.answered.done()
    waiting = connection.more()
    connection.data_received(b"2\r\n")
    assert not waiting.done()
    connection.data_received(b"ab\r\n")
    assert waiting.done()
    assert connection.take() == b"ab"
    waiting = connection.more()
    connection.data_received(b"0\r\n\r\n")
    assert waiting.done()
    connection.give_back()
    assert scene.shelf.kept == [connection]


async def test_loss_of_a_used_connection_before_any_byte_is_staleness() -> None:
    fresh, used, begun = Scene(), Scene(), Scene()
    for scene in (used, begun):
        scene.connection.data_received(OK)
        scene.connection.take()
        scene.connection.give_back()
        scene.ask()
    begun.connection.data_received(b"HTTP/1.1 2")
    for scene in (fresh, used, begun):
        scene.lose()
    assert [s.connection.is_stale for s in (fresh, used, begun)] == [False, True, False]
    assert all(s.shelf.lost == [s.connection] for s in (fresh, used, begun))


async def test_abort_wakes_who_waits() -> None:
    scene = Scene()
    scene.connection.abort()
    assert scene.answered.done()
    assert scene.connection.failure is not None
    assert scene.wire.is_aborted


# ---------------------------------------------------------------- pieces that flow to a sink

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def as_chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


class Drain:
    """A sink that takes so many pieces and then wants no more for now."""

    def __init__(self, most: int = 1000) -> None:
        self.taken: list[bytes] = []
        self.most = most

    def __call__(self, data: bytes) -> bool:
        self.taken.append(data)
        return len(self.taken) < self.most


def answering(scene: Scene) -> Http1Response:
    scene.connection.data_received(HEAD)
    return Http1Response(scene.connection)


async def pumping(response: Http1Response, sink: Drain) -> asyncio.Task[bool]:
    task = asyncio.ensure_future(response.pump(sink))
    await asyncio.sleep(0)
    return task


async def test_pieces_reach_the_sink_without_a_task_in_between() -> None:
    scene, sink = Scene(), Drain()
    task = await pumping(answering(scene), sink)
    for piece in (b"one", b"two"):
        scene.connection.data_received(as_chunk(piece))
    assert sink.taken == [b"one", b"two"]  # and the loop has not turned since
    scene.connection.data_received(b"0\r\n\r\n")
    assert await task is True
    assert scene.shelf.kept == [scene.connection]


async def test_sink_that_has_enough_is_asked_again_for_the_rest() -> None:
    scene, sink = Scene(), Drain(most=1)
    response = answering(scene)
    task = await pumping(response, sink)
    scene.connection.data_received(as_chunk(b"one"))
    scene.connection.data_received(as_chunk(b"two") + b"0\r\n\r\n")
    assert await task is False
    assert sink.taken == [b"one"]
    sink.most = 1000
    assert await response.pump(sink) is True
    assert sink.taken == [b"one", b"two"]


async def test_what_came_before_a_cut_is_handed_over_first() -> None:
    scene, sink = Scene(), Drain()
    task = await pumping(answering(scene), sink)
    scene.connection.data_received(as_chunk(b"one"))
    scene.lose()
    with pytest.raises(RelayError) as caught:
        await task
    assert caught.value.failure.kind is K.UPSTREAM_INTERRUPTED
    assert sink.taken == [b"one"]


async def test_sink_that_breaks_closes_the_socket() -> None:
    def breaking(_data: bytes) -> bool:
        raise ZeroDivisionError

    scene = Scene()
    task = asyncio.ensure_future(answering(scene).pump(breaking))
    await asyncio.sleep(0)
    scene.connection.data_received(as_chunk(b"one"))
    with pytest.raises(ZeroDivisionError):
        await task
    assert scene.wire.is_aborted


async def test_reader_that_leaves_closes_the_socket() -> None:
    scene, sink = Scene(), Drain()
    task = await pumping(answering(scene), sink)
    task.cancel()
    await asyncio.wait([task])
    assert scene.wire.is_aborted


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.integers(1, 60))
def test_any_cut_of_the_bytes_flows_the_same(pieces: list[bytes], width: int) -> None:
    async def flown() -> bytes:
        scene, sink = Scene(), Drain()
        task = await pumping(answering(scene), sink)
        data = b"".join(map(as_chunk, pieces)) + b"0\r\n\r\n"
        for start in range(0, len(data), width):
            scene.connection.data_received(data[start : start + width])
        assert await task is True
        return b"".join(sink.taken)

    assert asyncio.run(flown()) == b"".join(pieces)
