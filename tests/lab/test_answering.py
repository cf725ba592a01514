from __future__ import annotations

import asyncio
import os
import socket
import struct

import pytest

from headgate.lab.answering import Answering, at_once, chunk, head_of, reset
from headgate.lab.plan import (
    Close,
    Goodbye,
    Hang,
    Head,
    Ping,
    Plan,
    Repeat,
    Reset,
    Send,
    Wait,
    stream,
    whole,
)

CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: x\r\ntransfer-encoding: chunked\r\n\r\n"
TYPE = (("content-type", "x"),)


class Tape(asyncio.Transport):
    """A transport that keeps what is written, and closes after so many writes."""

    def __init__(self, writes_max: int = 1000) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.ending = ""
        self._writes_max = writes_max

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return bool(self.ending) or len(self.writes) >= self._writes_max

    def close(self) -> None:
        self.ending = "FIN"

    def abort(self) -> None:
        self.ending = "RST"


async def performed(plan: Plan, tape: Tape) -> Answering:
    answering = Answering(plan, tape, lambda: None, keep_alive=True)
    await answering.perform()
    return answering


def test_a_head_says_how_the_body_ends() -> None:
    assert head_of(Plan((), headers=TYPE), keep_alive=True) == CHUNKED
    declared = head_of(Plan((), length=7, status=529, headers=()), keep_alive=False)
    assert declared == b"HTTP/1.1 529 Overloaded\r\ncontent-length: 7\r\nconnection: close\r\n\r\n"
    assert b"content-length" not in head_of(Plan((), length=0, status=204), keep_alive=True)


def test_a_single_write_needs_no_performance() -> None:
    assert at_once(whole(b"{}"), keep_alive=True) == head_of(whole(b"{}"), keep_alive=True) + b"{}"
    assert at_once(stream([b"a"]), keep_alive=True) is None
    assert at_once(Plan((Send(b"a"),), length=9), keep_alive=True) is None


async def test_each_piece_is_a_chunk_and_a_write() -> None:
    tape = Tape()
    await performed(stream([b"a" * 16, b"b"], "x"), tape)
    assert tape.writes == [CHUNKED + b"10\r\n" + b"a" * 16 + b"\r\n", chunk(b"b"), b"0\r\n\r\n"]


async def test_the_head_may_go_alone() -> None:
    tape = Tape()
    await performed(Plan((Head(), Send(b"a")), headers=TYPE), tape)
    assert tape.writes == [CHUNKED, chunk(b"a"), b"0\r\n\r\n"]


async def test_an_empty_answer_is_a_head_and_its_end() -> None:
    tape = Tape()
    await performed(Plan((), headers=TYPE), tape)
    assert tape.writes == [CHUNKED + b"0\r\n\r\n"]


async def test_a_cut_ends_the_performance() -> None:
    tape = Tape()
    answering = await performed(Plan((Send(b"a"), Close(), Send(b"b")), length=9), tape)
    assert answering.cut
    assert (len(tape.writes), tape.ending) == (1, "FIN")


async def test_a_flood_ends_when_the_caller_is_gone() -> None:
    tape = Tape(writes_max=50)
    answering = await performed(Plan((Repeat(b"a"),)), tape)
    assert not answering.cut
    assert len(tape.writes) == 50


async def test_a_slow_reader_holds_the_next_write() -> None:
    tape = Tape()
    readable = asyncio.get_running_loop().create_future()
    answering = Answering(stream([b"a", b"b"]), tape, lambda: readable, keep_alive=True)
    task = asyncio.ensure_future(answering.perform())
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(tape.writes) == 1
    readable.set_result(None)
    assert await task
    assert len(tape.writes) == 3


@pytest.mark.parametrize("step", [Wait(60), Hang()])
async def test_a_silence_can_be_cancelled(step: Wait | Hang) -> None:
    task = asyncio.ensure_future(performed(Plan((step,)), Tape()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class SocketTape(Tape):
    """A tape over a real socket, as far as `reset` needs one."""

    def __init__(self, handle: socket.socket) -> None:
        super().__init__()
        self._handle = handle

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self._handle if name == "socket" else default


async def test_a_reset_forbids_the_socket_to_linger() -> None:
    with socket.socket() as handle:
        tape = SocketTape(handle)
        await performed(Plan((Reset(),)), tape)
        linger = handle.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
        assert struct.unpack("ii", linger) == (1, 0)
        assert tape.ending == "RST"


def test_a_reset_leaks_no_descriptor() -> None:
    with socket.socket() as handle:
        before = os.dup(handle.fileno())
        os.close(before)
        reset(SocketTape(handle))
        after = os.dup(handle.fileno())
        os.close(after)
    assert after == before


async def test_what_only_a_websocket_can_say_is_nothing_or_an_end() -> None:
    tape = Tape()
    answering = await performed(Plan((Send(b"a"), Ping(), Goodbye(1011)), headers=TYPE), tape)
    assert (tape.writes, tape.ending, answering.cut) == ([CHUNKED + chunk(b"a")], "FIN", True)
