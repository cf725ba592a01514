"""What callers have stored in the lab: files, batches, threads and such, bounded in number.

Each place has its own, so that a test sees which provider owns an object.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from msgspec import Struct

OBJECTS_MAX = 2000
DATA_BYTES_MAX = 64 << 20


class Stored(Struct):
    """One object as the API shows it, and the bytes behind it, None where they were too many."""

    shown: dict[str, Any]
    data: bytes | None = b""


Key = tuple[str, str, str]


class Shelf:
    """The objects of all places, the oldest dropped first.

    A `kind` is a path without ids: `files`, `vector_stores/files`. Children of another object
    have its id as their `owner`.
    """

    def __init__(self) -> None:
        self._objects: OrderedDict[tuple[Key, str], Stored] = OrderedDict()
        self._bytes = 0

    def put(self, place: str, kind: str, stored: Stored, owner: str = "") -> None:
        """Keep an object under its id, in place of one that was there."""
        key = ((place, kind, owner), str(stored.shown["id"]))
        self._forget(key)
        self._objects[key] = stored
        self._bytes += len(stored.data or b"")
        while len(self._objects) > OBJECTS_MAX or self._bytes > DATA_BYTES_MAX:
            self._forget(next(iter(self._objects)))

    def get(self, place: str, kind: str, object_id: str, owner: str = "") -> Stored | None:
        """Find an object, None if this place has none of that id."""
        return self._objects.get(((place, kind, owner), object_id))

    def all_of(self, place: str, kind: str, owner: str = "") -> list[Stored]:
        """All objects of one kind, oldest first."""
        wanted = (place, kind, owner)
        return [stored for (key, _), stored in self._objects.items() if key == wanted]

    def drop(self, place: str, kind: str, object_id: str, owner: str = "") -> bool:
        """Delete an object. False if there was none."""
        return self._forget(((place, kind, owner), object_id))

    def _forget(self, key: tuple[Key, str]) -> bool:
        stored = self._objects.pop(key, None)
        self._bytes -= len((stored.data or b"") if stored else b"")
        return stored is not None
