"""Many callers at once who leave when they like, at every point of a request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random

from headgate.edge.limits import KIB
from tests.e2e.callers import WIRES, calling, question
from tests.edge.wire import Caller

PLACES = [
    *("ok1", "hang", "hang-after-headers", "drip-20", "stall", "cut", "cut-fin"),
    *("e500", "e429", "html", "200-error-late", "bad-sse", "big", "tools-parallel"),
]
PARALLEL = 50
LONGEST_TEXT = 200_000  # comes in several pieces
MOST_AHEAD = 32 * KIB
IMPATIENCE_S = 0.2

Leave = Callable[[Caller, bytes, Random], Awaitable[None]]


async def _in_request(caller: Caller, data: bytes, random: Random) -> None:
    """Before the body is complete."""
    await caller.send(data[: random.randrange(1, len(data))])
    await asyncio.sleep(random.random() * 0.02)


async def _waiting(caller: Caller, data: bytes, random: Random) -> None:
    """Before the answer has begun, or not."""
    await caller.send(data)
    await asyncio.sleep(random.random() * 0.05)


async def _in_answer(caller: Caller, data: bytes, random: Random) -> None:
    """After some bytes of the answer."""
    await caller.send(data)
    with suppress(TimeoutError, asyncio.IncompleteReadError):
        async with asyncio.timeout(IMPATIENCE_S):
            await caller.reader.readexactly(random.choice([1, 150, 400, 900, 1500]))


async def _behind_answer(caller: Caller, data: bytes, _random: Random) -> None:
    """Right behind the end of the answer, if it comes in time."""
    await caller.send(data)
    with suppress(TimeoutError, asyncio.IncompleteReadError):
        async with asyncio.timeout(IMPATIENCE_S):
            await caller.answer()


async def _in_next_request(caller: Caller, data: bytes, random: Random) -> None:
    """With a second request on the way, behind the first.

    Behind more than `held_bytes` nobody can be seen to leave (docs/decisions/0002).
    """
    await caller.send(data + data[: random.randrange(min(len(data), MOST_AHEAD))])
    await asyncio.sleep(random.random() * 0.05)


async def _half_closed(caller: Caller, data: bytes, random: Random) -> None:
    """By ending their own side only."""
    await caller.send(data)
    await asyncio.sleep(random.random() * 0.02)
    caller.writer.write_eof()
    async with asyncio.timeout(IMPATIENCE_S * 10):
        await caller.rest()


LEAVES: tuple[Leave, ...] = (
    _in_request,
    _waiting,
    _in_answer,
    _behind_answer,
    _in_next_request,
    _half_closed,
)


async def storm(url: str, count: int, random: Random) -> None:
    """Send requests to every place on every wire; leave at random, politely or with a reset."""
    gauge = asyncio.Semaphore(PARALLEL)

    async def one(seed: int) -> None:
        own = Random(seed)
        model = own.choice(list(WIRES)) + own.choice(PLACES)
        text = "x" * own.choice([2, 2, 2, 20_000, LONGEST_TEXT])
        data = question(model, stream=own.random() < 0.7, text=text)
        leave = own.choice(LEAVES)
        async with gauge, calling(url) as caller:
            with suppress(ConnectionError):  # headgate may be the first to leave
                await leave(caller, data, own)
            if own.random() < 0.5:
                caller.writer.close()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(count):
            tasks.create_task(one(random.randrange(1 << 32)))
