"""Exact sliding windows: so many events in any so many seconds.

Used for callers' limits and for upstream keys' limits alike. Pure: the time is passed in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence


class SlidingWindow:
    """Times of the events that still count, oldest first.

    Bound: never holds more times than the largest count of the windows it is asked about.
    """

    __slots__ = ("_times_s",)

    def __init__(self) -> None:
        self._times_s: deque[float] = deque()

    def wait_s(self, windows: Sequence[tuple[int, float]], now_s: float) -> float:
        """Seconds until one more event fits in every window (count, seconds); 0 if it does now."""
        times_s = self._times_s
        wait_s = 0.0
        for count, seconds in windows:
            if count <= 0:
                wait_s = max(wait_s, seconds)
            elif len(times_s) >= count:
                wait_s = max(wait_s, times_s[-count] + seconds - now_s)
        return wait_s

    def take(self, windows: Sequence[tuple[int, float]], now_s: float) -> float:
        """Count one event if it fits; return 0, or the seconds to wait if it does not."""
        wait_s = self.wait_s(windows, now_s)
        if wait_s > 0:
            return wait_s
        times_s = self._times_s
        times_s.append(now_s)
        longest = max((count for count, _ in windows), default=0)
        while len(times_s) > longest:
            times_s.popleft()
        return 0.0

    def give_back(self) -> None:
        """Uncount the latest event: it turned out not to have been one."""
        if self._times_s:
            self._times_s.pop()

    def remaining(self, count: int, seconds: float, now_s: float) -> int:
        """How many more events fit in one window."""
        oldest_s = now_s - seconds
        used = 0
        for time_s in reversed(self._times_s):
            if time_s <= oldest_s:
                break
            used += 1
        return max(count - used, 0)

    def is_idle(self, seconds: float, now_s: float) -> bool:
        """No event within the last so many seconds: the window may be forgotten."""
        return not self._times_s or self._times_s[-1] <= now_s - seconds
