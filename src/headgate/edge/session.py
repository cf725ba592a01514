"""What ends a WebSocket session: either side leaves, a bound passes, or the server stops."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from headgate.base.failure import Failure
from headgate.settlement.usage_record import Outcome
from headgate.upstream.websocket import (
    CUT,
    GOING_AWAY,
    NORMAL,
    RESTARTING,
    SocketBounds,
    WebSocket,
    sendable,
)

_LAST_WORDS_S = 60.0  # for what is under way when the time is up


class SessionBounds(msgspec.Struct, frozen=True, kw_only=True):
    """How long a session may be; seconds. The vendor's own end comes after an hour."""

    session_s: float = 3600.0
    idle_s: float = 900.0  # without a message in either direction
    socket: SocketBounds = SocketBounds()


class End(NamedTuple):
    """How a session ends: the code and reason that are sent, and what the caller is told before."""

    code: int
    reason: str = ""
    outcome: Outcome = "done"
    failure: Failure | None = None


STOPPED = End(RESTARTING, "the gateway is stopping", "interrupted")


class Ends:
    """Watches one session. `quiet` is set while a stop of the server would cut nothing short."""

    def __init__(self, caller: WebSocket, bounds: SessionBounds, quiet: asyncio.Event) -> None:
        self._caller = caller
        self._bounds = bounds
        self._quiet = quiet
        self._loop = asyncio.get_running_loop()
        self._active_s = self._loop.time()

    def note(self) -> None:
        """A message went either way."""
        self._active_s = self._loop.time()

    async def gone(self) -> End:
        """The caller left: in order, or just so."""
        caller = self._caller
        await caller.over.wait()
        if caller.close_code == CUT:
            return End(GOING_AWAY, "", "client_gone")
        return End(sendable(caller.close_code), caller.close_reason)

    async def due(self, expired: Failure) -> End:
        """A bound passes, or the server wants to stop; `expired` is told of the longest session."""
        bounds, loop = self._bounds, self._loop
        ends_s = loop.time() + bounds.session_s
        while not self._caller.draining.is_set():
            now_s = loop.time()
            if not self._quiet.is_set():
                self._active_s = now_s
            idle_ends_s = self._active_s + bounds.idle_s
            if now_s >= ends_s:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LAST_WORDS_S):
                        await self._quiet.wait()
                return End(GOING_AWAY, expired.code or "", "done", expired)
            if now_s >= idle_ends_s:
                return End(NORMAL, f"nothing was said for {bounds.idle_s:g} s")
            with suppress(TimeoutError):
                async with asyncio.timeout(min(ends_s, idle_ends_s) - now_s):
                    await self._caller.draining.wait()
        await self._quiet.wait()
        return STOPPED._replace(outcome="done")


async def first_of(*ways: Coroutine[Any, Any, End]) -> End:
    """Go all ways at once, until one has come to an end; of two at once the first counts."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(task.result() for task in tasks if task.done())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
