from __future__ import annotations

import asyncio

from websockets.protocol import Protocol, Side

from headgate.base.failure import Failure, FailureKind
from headgate.edge.session import End, Ends, SessionBounds, first_of
from headgate.upstream.websocket import GOING_AWAY, NORMAL, RESTARTING, SocketBounds, WebSocket

EXPIRED = Failure(kind=FailureKind.INVALID_REQUEST, message="Too long.", code="too_long")


def watched(
    *, session_s: float = 9.0, idle_s: float = 9.0
) -> tuple[Ends, WebSocket, asyncio.Event]:
    loop = asyncio.get_running_loop()
    caller = WebSocket(Protocol(Side.SERVER), SocketBounds(), loop)
    quiet = asyncio.Event()
    quiet.set()
    return Ends(caller, SessionBounds(session_s=session_s, idle_s=idle_s), quiet), caller, quiet


async def soon(ends: Ends) -> End:
    async with asyncio.timeout(2.0):
        return await ends.due(EXPIRED)


async def test_longest_session_ends_with_what_is_to_be_told() -> None:
    ends, _, _ = watched(session_s=0.03)
    assert await soon(ends) == End(GOING_AWAY, "too_long", "done", EXPIRED)


async def test_time_that_is_up_waits_for_what_is_under_way() -> None:
    ends, _, quiet = watched(session_s=0.03)
    quiet.clear()
    waiting = asyncio.create_task(soon(ends))
    await asyncio.sleep(0.08)
    assert not waiting.done()
    quiet.set()
    assert (await waiting).failure is EXPIRED


async def test_silence_ends_a_session() -> None:
    ends, _, _ = watched(idle_s=0.03)
    end = await soon(ends)
    assert (end.code, end.failure) == (NORMAL, None)


async def test_messages_put_the_end_off() -> None:
    ends, _, _ = watched(idle_s=0.08)
    waiting = asyncio.create_task(soon(ends))
    for _ in range(5):
        await asyncio.sleep(0.04)
        ends.note()
    assert not waiting.done()
    assert (await waiting).code == NORMAL


async def test_silence_while_something_is_under_way_is_none() -> None:
    ends, _, quiet = watched(idle_s=0.03)
    quiet.clear()
    waiting = asyncio.create_task(soon(ends))
    await asyncio.sleep(0.12)
    assert not waiting.done()
    quiet.set()
    assert (await waiting).code == NORMAL


async def test_server_that_stops_waits_until_it_is_quiet() -> None:
    ends, caller, quiet = watched()
    quiet.clear()
    waiting = asyncio.create_task(soon(ends))
    caller.set_draining()
    await asyncio.sleep(0.02)
    assert not waiting.done()
    quiet.set()
    assert (await waiting).code == RESTARTING


async def test_caller_who_is_just_gone_is_told_from_one_who_said_goodbye() -> None:
    ends, caller, _ = watched()
    caller.lost()
    assert (await ends.gone()).outcome == "client_gone"
    ends, caller, _ = watched()
    caller.feed(b"\x88\x82\x00\x00\x00\x00\x0f\xa1")  # masked with zeros: 4001
    assert await ends.gone() == End(4001)


async def test_first_way_to_end_counts_and_the_others_are_cancelled() -> None:
    cancelled = asyncio.Event()

    async def long_way() -> End:
        try:
            await asyncio.sleep(9.0)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return End(2)

    async def short_way() -> End:
        return End(1)

    assert await first_of(long_way(), short_way()) == End(1)
    assert cancelled.is_set()
