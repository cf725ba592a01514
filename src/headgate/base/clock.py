"""The only place that reads the clock; everything else is handed a `Clock`."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where a stage gets the time from."""

    def monotonic_s(self) -> float:
        """Seconds since an arbitrary start; never goes back."""

    def wall_s(self) -> float:
        """Seconds since the epoch."""


class SystemClock:
    """The machine's clock."""

    def monotonic_s(self) -> float:
        """Read the monotonic clock."""
        return time.monotonic()

    def wall_s(self) -> float:
        """Read the wall clock."""
        return time.time()


class ManualClock:
    """A clock that a test moves by hand."""

    def __init__(self, start_s: float = 1_800_000_000.0) -> None:
        self.now_s = start_s

    def advance(self, seconds: float) -> None:
        """Move time forward."""
        self.now_s += seconds

    def monotonic_s(self) -> float:
        """Return the set time."""
        return self.now_s

    def wall_s(self) -> float:
        """Return the set time."""
        return self.now_s
