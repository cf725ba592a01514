"""What an answer looks like on the wire."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from headgate.edge.responder import Duct, Responder, header_line

COMMON = b"x-request-id: 1\r\n"


class Writes:
    """An outlet that keeps what it is given."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.end = ""

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def answered(self) -> None:
        self.end = "answered"

    def broken(self, *, reset: bool) -> None:
        self.end = "reset" if reset else "broken"

    def switched(self, duct: Duct) -> None:
        self.end = "switched"


def pair(
    *, keep_alive: bool = True, mute: bool = False, http_1_0: bool = False
) -> tuple[Responder, Writes]:
    out = Writes()
    return Responder(out, COMMON, keep_alive=keep_alive, mute=mute, http_1_0=http_1_0), out


def test_head_and_first_piece_leave_in_one_write() -> None:
    responder, out = pair()
    responder.start(200, [(b"a", b"b")], 5)
    assert out.writes == []
    responder.send(b"abc")
    responder.send(b"de")
    responder.end()
    assert out.writes == [
        b"HTTP/1.1 200 OK\r\na: b\r\nx-request-id: 1\r\ncontent-length: 5\r\n\r\nabc",
        b"de",
    ]
    assert out.end == "answered"


def test_whole_answer_is_one_write() -> None:
    responder, out = pair(keep_alive=False)
    responder.answer(404, [], b"abc")
    assert out.writes == [
        b"HTTP/1.1 404 Not Found\r\nx-request-id: 1\r\n"
        b"content-length: 3\r\nconnection: close\r\n\r\nabc"
    ]
    assert out.end == "answered"


def test_body_without_a_length_is_chunked() -> None:
    responder, out = pair()
    responder.start(200, [], None)
    responder.send(b"x" * 20)
    responder.send(b"")
    responder.send(b"y")
    responder.end()
    assert out.writes[0].endswith(b"transfer-encoding: chunked\r\n\r\n14\r\n" + b"x" * 20 + b"\r\n")
    assert out.writes[1:] == [b"1\r\ny\r\n", b"0\r\n\r\n"]


def test_empty_piece_takes_the_head_along() -> None:
    responder, out = pair()
    responder.start(200, [], None)
    responder.send(b"")
    assert out.writes[0].endswith(b"\r\n\r\n")
    responder.end()
    assert out.writes[1:] == [b"0\r\n\r\n"]


def test_empty_stream_is_one_write() -> None:
    responder, out = pair()
    responder.start(200, [], None)
    responder.end()
    assert len(out.writes) == 1
    assert out.writes[0].endswith(b"\r\n\r\n0\r\n\r\n")


@pytest.mark.parametrize("length", [3, None])
def test_answer_to_head_has_no_body(length: int | None) -> None:
    responder, out = pair(mute=True)
    responder.start(200, [], length)
    responder.send(b"abc")
    responder.send(b"def")
    responder.end()
    assert len(out.writes) == 1
    assert out.writes[0].endswith(b"\r\n\r\n")
    assert out.end == "answered"


def test_answer_without_content_has_no_framing() -> None:
    responder, out = pair()
    responder.answer(204, [], b"")
    assert out.writes == [b"HTTP/1.1 204 No Content\r\nx-request-id: 1\r\n\r\n"]


def test_unknown_status_is_written_without_a_phrase() -> None:
    responder, out = pair()
    responder.answer(529, [], b"")
    assert out.writes[0].startswith(b"HTTP/1.1 529 \r\n")


def test_stream_to_http_1_0_is_not_chunked_and_its_cut_is_a_reset() -> None:
    responder, out = pair(http_1_0=True)
    responder.start(200, [], None)
    responder.send(b"abc")
    assert out.writes[0].endswith(b"connection: close\r\n\r\nabc")
    responder.abort()
    assert out.end == "reset"


def test_short_body_is_broken_off() -> None:
    responder, out = pair()
    responder.start(200, [], 5)
    responder.send(b"abc")
    responder.end()
    assert out.end == "broken"


def test_long_body_is_a_mistake() -> None:
    responder, _ = pair()
    responder.start(200, [], 2)
    with pytest.raises(RuntimeError, match="longer than announced"):
        responder.send(b"abc")


def test_abort_ends_without_an_end() -> None:
    responder, out = pair()
    responder.start(200, [], None)
    responder.send(b"abc")
    responder.abort()
    responder.abort()
    responder.end()
    assert len(out.writes) == 1
    assert out.end == "broken"


@pytest.mark.parametrize(
    "steps", ["send", "end", "start start", "answer send", "start end send", "answer start"]
)
def test_step_out_of_order_is_told(steps: str) -> None:
    responder, _ = pair()
    step: dict[str, Callable[[], None]] = {
        "start": lambda: responder.start(200, [], 0),
        "send": lambda: responder.send(b""),
        "end": responder.end,
        "answer": lambda: responder.answer(200, [], b""),
    }
    *before, wrong = steps.split()
    for name in before:
        step[name]()
    with pytest.raises(RuntimeError):
        step[wrong]()


def test_nothing_is_written_to_a_caller_who_left() -> None:
    responder, out = pair()
    responder.start(200, [], None)
    responder.set_closed()
    responder.send(b"abc")
    responder.end()
    assert (out.writes, out.end, responder.ended) == ([], "", True)


@pytest.mark.parametrize("value", [b"a\r\nb: c", b"a\nb", b"a\rb", b"a\0b", b"a\x7fb", b"\x1b[2J"])
def test_header_that_would_break_out_of_its_line_is_refused(value: bytes) -> None:
    """S-58."""
    responder, out = pair()
    with pytest.raises(ValueError, match="control character"):
        responder.start(200, [(b"x", value)], 0)
    with pytest.raises(ValueError, match="control character"):
        header_line(b"x" + value, b"")
    assert not responder.started
    assert out.writes == []


def test_tab_and_latin_1_may_stand_in_a_header() -> None:
    assert header_line(b"x", b"a\tb \xe4") == b"x: a\tb \xe4\r\n"


@pytest.mark.parametrize("name", [b"content-length", b"transfer-encoding", b"connection"])
def test_framing_is_the_responders_own(name: bytes) -> None:
    responder, out = pair()
    responder.start(200, [(name, b"99"), (b"a", b"b")], 0)
    responder.end()
    assert b"99" not in out.writes[0]
    assert b"a: b" in out.writes[0]


async def test_drain_waits_until_the_caller_has_caught_up() -> None:
    responder, _ = pair()
    await responder.drain()
    responder.set_paused(True)
    waiting = asyncio.create_task(responder.drain())
    await asyncio.sleep(0)
    assert not waiting.done()
    responder.set_paused(False)
    await waiting


async def test_drain_ends_when_the_caller_leaves() -> None:
    responder, _ = pair()
    responder.set_paused(True)
    waiting = asyncio.create_task(responder.drain())
    await asyncio.sleep(0)
    responder.set_closed()
    await waiting
    await responder.drain()


async def test_drain_that_was_cancelled_leaves_nothing_behind() -> None:
    responder, _ = pair()
    responder.set_paused(True)
    waiting = asyncio.create_task(responder.drain())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    responder.set_paused(False)
    await responder.drain()


class NoDuct:
    """A duct that only notes whether the caller was gone from the start."""

    gone = False

    def attach(self, transport: object) -> None:
        raise AssertionError("the connection attaches")

    def feed(self, data: bytes) -> None:
        raise AssertionError("nothing came")

    def set_paused(self, paused: bool) -> None:
        raise AssertionError("nothing was written")

    def set_draining(self) -> None:
        raise AssertionError("nobody stops")

    def lost(self) -> None:
        self.gone = True


def test_switching_answers_101_and_leaving_closes() -> None:
    responder, wire = pair()
    responder.switch([(b"sec-websocket-accept", b"x")], NoDuct())
    assert wire.end == "switched"
    head = b"".join(wire.writes)
    assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: x\r\n")
    assert head.endswith(b"upgrade: websocket\r\nconnection: Upgrade\r\n\r\n")
    assert not responder.keep_alive
    responder.leave()
    assert (wire.end, responder.ended) == ("answered", True)


def test_switching_for_a_caller_who_is_gone_writes_nothing() -> None:
    responder, wire = pair()
    responder.set_closed()
    duct = NoDuct()
    responder.switch([], duct)
    assert duct.gone
    assert not wire.writes


def test_answer_that_asks_for_an_upgrade_says_to_what() -> None:
    responder, wire = pair()
    responder.answer(426, [], b"")
    assert b"\r\nupgrade: websocket\r\nconnection: Upgrade\r\n" in b"".join(wire.writes)
