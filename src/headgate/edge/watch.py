"""One timer for a connection, cheap to move.

A deadline that is put off is only a number; the timer finds out when it fires, and sleeps on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf


class Watch:
    """Calls `on_due` once when the deadline has passed; the loop's clock counts."""

    __slots__ = ("_deadline_s", "_fires_at_s", "_loop", "_on_due", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, on_due: Callable[[], None]) -> None:
        self._loop = loop
        self._on_due = on_due
        self._deadline_s = inf
        self._fires_at_s = inf
        self._timer: asyncio.TimerHandle | None = None

    def due_in(self, seconds: float) -> None:
        """Set the deadline anew."""
        self._deadline_s = deadline_s = self._loop.time() + seconds
        if deadline_s < self._fires_at_s:
            self._arm()

    def off(self) -> None:
        """Take the deadline away."""
        self._deadline_s = inf

    def close(self) -> None:
        """Take the timer away too."""
        self._deadline_s = self._fires_at_s = inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._fires_at_s = self._deadline_s
        self._timer = self._loop.call_at(self._deadline_s, self._fired)

    def _fired(self) -> None:
        self._timer = None
        self._fires_at_s = inf
        if self._deadline_s == inf:
            return
        if self._loop.time() < self._deadline_s:
            self._arm()
            return
        self._deadline_s = inf
        self._on_due()
