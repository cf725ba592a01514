"""Exact sliding windows: so many events in any so many seconds.

Used for callers' limits and for upstream keys' limits alike. Pure: the time is passed in.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

_MOST_FORGOTTEN = 64
_TIDY_EVERY = 64


class SlidingWindow:
    """Times of the events that may still count, oldest first.

    Every answer costs O(log n) at most. Bound: holds no more times than the largest count of the
    windows it was last asked about, nor older ones than the longest of them, but for a few that
    wait to be tidied away.
    """

    __slots__ = ("_first", "_times_s")

    def __init__(self) -> None:
        self._times_s: list[float] = []
        self._first = 0  # those before it are forgotten, and cut off now and then

    def wait_s(self, windows: Sequence[tuple[int, float]], now_s: float) -> float:
        """Seconds until one more event fits in every window (count, seconds); 0 if it does now."""
        times_s = self._times_s
        held = len(times_s) - self._first
        wait_s = 0.0
        for count, seconds in windows:
            if count <= 0:
                wait_s = max(wait_s, seconds)
            elif held >= count:
                wait_s = max(wait_s, times_s[-count] + seconds - now_s)
        return wait_s

    def take(self, windows: Sequence[tuple[int, float]], now_s: float) -> float:
        """Count one event if it fits; return 0, or the seconds to wait if it does not."""
        wait_s = self.wait_s(windows, now_s)
        if wait_s > 0:
            return wait_s
        times_s = self._times_s
        times_s.append(now_s)
        if not len(times_s) % _TIDY_EVERY:
            largest = max((count for count, _ in windows), default=0)
            longest_s = max((seconds for _, seconds in windows), default=0.0)
            self._forget(largest, now_s - longest_s)
        return 0.0

    def give_back(self) -> None:
        """Uncount the latest event: it turned out not to have been one."""
        if len(self._times_s) > self._first:
            self._times_s.pop()

    def remaining(self, count: int, seconds: float, now_s: float) -> int:
        """How many more events fit in one window."""
        times_s = self._times_s
        used = len(times_s) - bisect_right(times_s, now_s - seconds, self._first)
        return max(count - used, 0)

    def is_idle(self, seconds: float, now_s: float) -> bool:
        """No event within the last so many seconds: the window may be forgotten."""
        times_s = self._times_s
        return len(times_s) == self._first or times_s[-1] <= now_s - seconds

    def _forget(self, largest: int, oldest_s: float) -> None:
        times_s, first = self._times_s, self._first
        first = max(first, len(times_s) - largest)
        while first < len(times_s) and times_s[first] <= oldest_s:
            first += 1
        if first > _MOST_FORGOTTEN and first * 2 > len(times_s):
            del times_s[:first]
            first = 0
        self._first = first
