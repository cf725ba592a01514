"""Counting requests against limits: the port, and the version that counts in memory."""

from __future__ import annotations

from typing import Protocol

from headgate.base.sliding_window import SlidingWindow
from headgate.snapshot.facts import RateLimit

_PRUNE_ABOVE = 10_000


class Counters(Protocol):
    """Where requests are counted."""

    async def take(self, scope: str, limit: RateLimit, now_s: float) -> float:
        """Count one request of a scope: 0 if it fits, else the seconds until it would.

        A refused request is not counted.
        """

    def remaining(self, scope: str, limit: RateLimit, now_s: float) -> tuple[int, int, float]:
        """The tightest window: (its size, requests left, seconds until it is whole again)."""


class MemoryCounters:
    """Exact sliding windows in this process."""

    def __init__(self) -> None:
        self._windows: dict[str, SlidingWindow] = {}
        self._longest_s = 0.0

    async def take(self, scope: str, limit: RateLimit, now_s: float) -> float:
        """Count one request if it fits."""
        window = self._windows.get(scope)
        if window is None:
            self._prune(now_s)
            window = self._windows[scope] = SlidingWindow()
        for bound in limit.windows:  # each time, because a reload may bring longer ones
            self._longest_s = max(self._longest_s, bound.seconds)
        return window.take(limit.windows, now_s)

    def remaining(self, scope: str, limit: RateLimit, now_s: float) -> tuple[int, int, float]:
        """Look at the tightest window without counting."""
        window = self._windows.get(scope) or SlidingWindow()
        left = [
            (window.remaining(bound.requests, bound.seconds, now_s), bound)
            for bound in limit.windows
        ]
        fewest, tightest = min(left, key=lambda pair: pair[0])
        return tightest.requests, fewest, tightest.seconds

    def _prune(self, now_s: float) -> None:
        """Forget idle scopes when there are many: model names come from callers."""
        if len(self._windows) < _PRUNE_ABOVE:
            return
        idle = [
            scope
            for scope, window in self._windows.items()
            if window.is_idle(self._longest_s, now_s)
        ]
        for scope in idle:
            del self._windows[scope]
