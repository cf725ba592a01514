"""A store of what is worth keeping for a while: bounded in bytes and time; the oldest go first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_OVERHEAD_BYTES = 500  # of an entry, about


class Bounded(Generic[K, V]):
    """Values by name. Units: bytes as the caller tells them, and monotonic seconds."""

    def __init__(self, most_bytes: int, lifetime_s: float) -> None:
        self._most_bytes = most_bytes
        self._lifetime_s = lifetime_s
        self._kept: OrderedDict[K, tuple[V, int, float]] = OrderedDict()
        self._held_bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, name: K, value: V, size_bytes: int, now_s: float) -> None:
        """Keep a value. What is larger than the whole store is not kept."""
        self.forget(name)
        size_bytes += _OVERHEAD_BYTES
        if size_bytes > self._most_bytes:
            return
        self._kept[name] = value, size_bytes, now_s + self._lifetime_s
        self._held_bytes += size_bytes
        while self._held_bytes > self._most_bytes or self._is_over(now_s):
            self.forget(next(iter(self._kept)))

    def find(self, name: K, now_s: float) -> V | None:
        """Give a value that is still kept; asking for it makes it young again."""
        found = self._kept.get(name)
        if found is None:
            return None
        value, size_bytes, until_s = found
        if until_s <= now_s:
            self.forget(name)
            return None
        self._kept[name] = value, size_bytes, now_s + self._lifetime_s
        self._kept.move_to_end(name)
        return value

    def forget(self, name: K) -> bool:
        """Drop a value; False if there was none."""
        found = self._kept.pop(name, None)
        if found is not None:
            self._held_bytes -= found[1]
        return found is not None

    def _is_over(self, now_s: float) -> bool:
        """Whether the oldest has outlived its time: entries lie in the order of their ends."""
        return next(iter(self._kept.values()))[2] <= now_s
