"""Fields that the IR has no word for: kept by their path, and put back.

The path, such as `truncation`, `reasoning.context` or (of a turn) `content[0].id`, names a field in
a loss, and puts it back toward the dialect that it was written in.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Any

from headgate.dialects.strict_json import joined
from headgate.ir.loss import Losses
from headgate.ir.request import Json

_NOTHING: tuple[object, ...] = (None, "", [], {})
_MOST = 64  # of a reply; beyond that an upstream is not describing but filling memory
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


class Leftovers:
    """Fields by their path below `root`; null counts as absent.

    `named` stands for the root itself in the paths, where a part of the IR has another name for
    it (the parts of Anthropic's `system` are the `content` of a turn).
    """

    def __init__(self, root: str = "", named: str = "") -> None:
        self.root = root
        self.named = named
        self.found: Json = {}

    def add(self, place: str, fields: Mapping[str, Any], known: Container[str] = ()) -> None:
        """Keep what is not known of the object at `place`."""
        below = place.removeprefix(self.root).removeprefix(".")
        for key, value in fields.items():
            if key not in known and value is not None:
                self.found[joined(self.named + below, key)] = value

    def extras(self, dialect: str) -> dict[str, Json]:
        """Give them as the `extras` of a request, a turn or a reply."""
        return {dialect: self.found} if self.found else {}


def keep_unread(found: Json, place: str, wire: Mapping[str, Any], known: Container[str]) -> None:
    """Keep what nobody reads of an object in an upstream's reply; what says nothing is no loss."""
    for name, value in wire.items():
        if name not in known and value not in _NOTHING and len(found) < _MOST:
            found[joined(place, name)] = value


def by_place(leftovers: Mapping[str, Any]) -> dict[str, Json]:
    """Group leftovers by the object that they belong to."""
    grouped: dict[str, Json] = {}
    for path, value in leftovers.items():
        place, _, key = path.rpartition(".")
        grouped.setdefault(place, {})[key] = value
    return grouped


def restore(
    body: Json, extras: Mapping[str, Json], dialect: str, losses: Losses, place: str = ""
) -> None:
    """Put back what this dialect has kept by path, and name what others kept."""
    for origin, fields in extras.items():
        for path, value in fields.items():
            if origin != dialect or not put(body, path, value):
                losses.dropped(joined(place, path))


def put(body: Json, path: str, value: Any) -> bool:
    """Write a value at a path such as `tools[0].defer_loading`. False if nothing can hold it.

    Objects on the way are made where they are missing; list entries are not.
    """
    if path in body or "." not in path:
        body[path] = value
        return True
    *way, last = [name if name else int(number) for name, number in _STEP.findall(path)]
    holder: Any = body
    for step in way:
        if isinstance(step, str) and isinstance(holder, dict):
            holder = holder.setdefault(step, {})
        elif isinstance(step, int) and isinstance(holder, list) and step < len(holder):
            holder = holder[step]
        else:
            return False
    if not isinstance(holder, dict):
        return False
    holder[last] = value
    return True
