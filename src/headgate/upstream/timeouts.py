"""A deadline that moves with every request and nearly never touches the event loop's timers.

A timer per wait costs more than the wait. Here the timer is armed once and, when it fires early
because the deadline has moved on since, armed again: one timer per connection and bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

NEVER_S = float("inf")


class LazyTimer:
    """Calls `expired` once the latest deadline has passed. Times are the loop's.

    A deadline that only moves away may be set without a call: `deadline_s` is looked at when the
    timer fires.
    """

    __slots__ = ("_armed_s", "_expired", "_handle", "_loop", "deadline_s")

    def __init__(self, loop: asyncio.AbstractEventLoop, expired: Callable[[], None]) -> None:
        self._loop = loop
        self._expired = expired
        self._handle: asyncio.TimerHandle | None = None
        self._armed_s = NEVER_S
        self.deadline_s = NEVER_S

    def move(self, deadline_s: float) -> None:
        """Set the deadline; only an earlier one than the timer's touches the timer."""
        self.deadline_s = deadline_s
        if deadline_s < self._armed_s:
            self._arm()

    def stop(self) -> None:
        """Forget the deadline, and the timer too."""
        self.deadline_s = self._armed_s = NEVER_S
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._armed_s = self.deadline_s
        self._handle = self._loop.call_at(self._armed_s, self._fire)

    def _fire(self) -> None:
        self._handle = None
        self._armed_s = NEVER_S
        if self.deadline_s <= self._loop.time():
            self.deadline_s = NEVER_S
            self._expired()
        elif self.deadline_s < NEVER_S:
            self._arm()
