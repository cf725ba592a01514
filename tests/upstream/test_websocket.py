"""Two ends of a WebSocket without a network: what one writes the other is fed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side

from headgate.upstream.websocket import (
    CUT,
    GOING_AWAY,
    NO_CODE,
    Message,
    SocketBounds,
    WebSocket,
    sendable,
)

BOUNDS = SocketBounds(message_bytes=1000, unread_bytes=10, close_s=0.05, ping_s=60.0, pong_s=60.0)


class Wire:
    """A transport that keeps what was written, and notes pauses."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.paused: list[bool] = []
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def take(self) -> bytes:
        data, self.written = b"".join(self.written), []
        return data

    def pause_reading(self) -> None:
        self.paused.append(True)

    def resume_reading(self) -> None:
        self.paused.append(False)

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return False


def end(side: Side, bounds: SocketBounds = BOUNDS) -> tuple[WebSocket, Wire]:
    wire: Any = Wire()
    protocol = Protocol(side, max_size=bounds.message_bytes)
    socket = WebSocket(protocol, bounds, asyncio.get_running_loop())
    socket.attach(wire)
    return socket, wire


def pair(bounds: SocketBounds = BOUNDS) -> tuple[WebSocket, Wire, WebSocket, Wire]:
    return *end(Side.SERVER, bounds), *end(Side.CLIENT, bounds)


def frame(opcode: Opcode, data: bytes, *, fin: bool = True) -> bytes:
    """A client's frame."""
    return Frame(opcode, data, fin).serialize(mask=True)


# What a client might send, whole and broken: frames of every kind among noise.
_FRAMES = st.builds(
    lambda opcode, data, fin: frame(opcode, data, fin=fin or opcode in (Opcode.PING, Opcode.PONG)),
    st.sampled_from([Opcode.CONT, Opcode.TEXT, Opcode.BINARY, Opcode.PING, Opcode.PONG]),
    st.binary(max_size=100),
    st.booleans(),
)


async def test_messages_arrive_whole_and_in_order() -> None:
    here, _, there, far = pair()
    there.send(b"one")
    there.send(b"\xff\x00", is_text=False)
    here.feed(far.take())
    assert await here.receive() == Message(b"one")
    assert await here.receive() == Message(b"\xff\x00", is_text=False)


async def test_message_in_pieces_is_put_together_whatever_the_borders() -> None:
    here, _ = end(Side.SERVER)
    parts = frame(Opcode.TEXT, b"a\xc3", fin=False) + frame(Opcode.PING, b"?")
    parts += frame(Opcode.CONT, b"\xa4", fin=False) + frame(Opcode.CONT, b"z")
    for byte in parts:
        here.feed(bytes([byte]))
    assert await here.receive() == Message("aäz".encode())


async def test_who_waits_is_woken_by_a_message_and_by_the_end() -> None:
    here, _ = end(Side.SERVER)
    waiting = asyncio.create_task(here.receive())
    await asyncio.sleep(0)
    here.feed(frame(Opcode.TEXT, b"hi"))
    assert await waiting == Message(b"hi")
    waiting = asyncio.create_task(here.receive())
    await asyncio.sleep(0)
    here.lost()
    assert await waiting is None
    assert here.close_code == CUT


async def test_peer_must_wait_while_too_much_is_unread() -> None:
    here, wire = end(Side.SERVER)
    here.feed(frame(Opcode.TEXT, b"0123456789"))
    assert wire.paused == []
    here.feed(frame(Opcode.TEXT, b"more"))
    assert wire.paused == [True]
    await here.receive()
    assert wire.paused == [True, False]


async def test_peer_that_pings_and_does_not_read_must_wait() -> None:
    here, wire = end(Side.SERVER)
    here.set_paused(True)
    here.feed(frame(Opcode.TEXT, b"a"))
    assert wire.paused == []
    here.feed(frame(Opcode.PING, b"?"))
    assert wire.paused == [True]
    here.set_paused(False)
    assert wire.paused == [True, False]


async def test_draining_waits_until_the_peer_has_taken_enough() -> None:
    here, _ = end(Side.SERVER)
    await here.drain()
    here.set_paused(True)
    waiting = asyncio.create_task(here.drain())
    await asyncio.sleep(0)
    assert not waiting.done()
    here.set_paused(False)
    await waiting


async def test_draining_ends_with_the_connection() -> None:
    here, _ = end(Side.SERVER)
    here.set_paused(True)
    waiting = asyncio.create_task(here.drain())
    await asyncio.sleep(0)
    here.lost()
    await waiting


async def test_code_and_reason_of_a_goodbye_are_told() -> None:
    here, near, there, far = pair()
    closing = asyncio.create_task(there.close(4001, "ü" * 100))
    await asyncio.sleep(0)
    here.feed(far.take())
    assert await here.receive() is None
    assert (here.close_code, here.close_reason) == (4001, "ü" * 61)
    there.feed(near.take())
    await closing
    assert there.close_code == 4001
    there.send(b"too late")
    assert far.take() == b""


async def test_messages_before_a_goodbye_are_still_read() -> None:
    here, _, there, far = pair()
    there.send(b"last words")
    closing = asyncio.create_task(there.close())
    await asyncio.sleep(0)
    here.feed(far.take())
    assert await here.receive() == Message(b"last words")
    assert await here.receive() is None
    await closing


async def test_peer_that_does_not_say_goodbye_is_not_waited_for() -> None:
    here, _ = end(Side.SERVER)
    async with asyncio.timeout(1.0):
        await here.close(GOING_AWAY)
    assert here.close_code == GOING_AWAY


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (frame(Opcode.TEXT, b"\xff"), 1007),
        (frame(Opcode.TEXT, b"x" * 1001), 1009),
        (frame(Opcode.TEXT, b"x" * 600, fin=False) + frame(Opcode.CONT, b"x" * 600), 1009),
        (b"\x81\x02hi", 1002),  # not masked
        (frame(Opcode.CONT, b"x"), 1002),
        (b"\xc1\x80\x00\x00\x00\x00", 1002),  # an extension that nobody agreed on
    ],
)
async def test_what_breaks_the_rules_ends_the_connection(bad: bytes, code: int) -> None:
    here, wire = end(Side.SERVER)
    here.feed(bad)
    assert await here.receive() is None
    assert here.close_code == code
    assert wire.take()[2:4] == code.to_bytes(2, "big")
    here.feed(b"whatever")


async def test_silent_peer_is_asked_and_then_given_up() -> None:
    here, wire = end(Side.SERVER, SocketBounds(ping_s=0.02, pong_s=0.02))
    await asyncio.sleep(0.03)
    assert wire.take() == b"\x89\x00"
    async with asyncio.timeout(1.0):
        await here.over.wait()
    assert wire.aborted


async def test_peer_that_answers_is_kept() -> None:
    here, wire, there, far = pair(SocketBounds(ping_s=0.02, pong_s=0.02))
    for _ in range(6):
        await asyncio.sleep(0.015)
        there.feed(wire.take())
        here.feed(far.take())
    assert not here.over.is_set()
    here.lost()
    there.lost()


async def test_peer_that_must_wait_is_not_given_up() -> None:
    here, wire = end(Side.SERVER, SocketBounds(ping_s=0.01, pong_s=0.01, unread_bytes=1))
    here.feed(frame(Opcode.TEXT, b"unread"))
    await asyncio.sleep(0.06)
    assert not wire.aborted
    assert await here.receive() == Message(b"unread")
    here.lost()


@given(st.lists(st.binary(max_size=300) | _FRAMES, max_size=12))
def test_nonsense_ends_in_order_and_never_in_an_exception(pieces: list[bytes]) -> None:
    async def fed() -> None:
        here, wire = end(Side.SERVER)
        for piece in pieces:
            here.feed(piece)
        waiting = sum(len(message.data) for message in here.take_unread())
        assert waiting <= sum(map(len, pieces))
        here.lost()
        assert here.over.is_set()
        assert await here.receive() is None
        assert len(wire.take()) <= 2 * sum(map(len, pieces)) + 300

    asyncio.run(fed())


def test_codes_that_are_never_on_the_wire_are_replaced() -> None:
    assert [sendable(code) for code in (1000, 1012, 3000, 4999, NO_CODE, CUT, 1015, 999)] == [
        *(1000, 1012, 3000, 4999, 1000),
        *(1011, 1011, 1011),
    ]


async def test_empty_messages_wait_as_well() -> None:
    socket, wire = end(Side.SERVER)
    for _ in range(1_001):
        socket.feed(frame(Opcode.TEXT, b""))
    assert wire.paused == [True]
    assert await socket.receive() == Message(b"")
    assert wire.paused == [True, False]


async def test_message_of_many_empty_pieces_takes_no_room() -> None:
    socket, _ = end(Side.SERVER)
    socket.feed(frame(Opcode.TEXT, b"a", fin=False))
    for _ in range(1_000):
        socket.feed(frame(Opcode.CONT, b"", fin=False))
    assert len(socket._begun) == 1
    socket.feed(frame(Opcode.CONT, b"b"))
    assert await socket.receive() == Message(b"ab")
