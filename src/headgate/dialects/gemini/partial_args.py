"""Arguments of a function call that arrive in pieces: `partialArgs`.

Source: cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling#streaming-fc;
`recordings.md` 5.5
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from headgate.ir.request import Json

_STEP = re.compile(r"""\.([^.\[\]]+)|\[(\d{1,6})\]|\[(?:'([^']*)'|"([^"]*)")\]""")
_VALUES = ("stringValue", "numberValue", "boolValue", "nullValue")


class PartialArgs:
    """Builds the arguments of one call.

    Each piece names its place by a JSON path such as `$.items[0].name`; pieces of one text follow
    each other.
    """

    def __init__(self) -> None:
        self._root: Json = {}
        # The text that grows: where it stands, and its pieces, joined when another value follows.
        self._holder: Any = None
        self._last: str | int = ""
        self._pieces: list[str] = []

    @property
    def arguments(self) -> Json:
        """What has arrived."""
        self._settle()
        return self._root

    def add(self, piece: object) -> bool:
        """Take one piece. False if it cannot be understood."""
        if not isinstance(piece, dict) or not isinstance(piece.get("jsonPath"), str):
            return False
        steps = _steps(piece["jsonPath"])
        named = next((name for name in _VALUES if name in piece), None)
        if not steps or named is None:
            return False
        value = None if named == "nullValue" else piece[named]
        return self._put(steps, value)

    def _put(self, steps: list[str | int], value: object) -> bool:
        place: Any = self._root
        for step, following in pairwise(steps):
            empty: Any = [] if isinstance(following, int) else {}
            if not _make_room(place, step, empty):
                return False
            place = place[step]
        last = steps[-1]
        if not _make_room(place, last, ""):
            return False
        if not isinstance(value, str) or not isinstance(place[last], str):
            self._settle()
            place[last] = value
            return True
        if place is not self._holder or last != self._last:
            self._settle()
            self._holder, self._last, self._pieces = place, last, [place[last]]
        self._pieces.append(value)
        return True

    def _settle(self) -> None:
        """Write the text that has been growing into its place."""
        if self._holder is not None:
            self._holder[self._last] = "".join(self._pieces)
            self._holder = None


def _steps(path: str) -> list[str | int]:
    """Read a JSON path; empty if it is none."""
    steps: list[str | int] = []
    at = 1
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            return []
        name, index, *quoted = found.groups()
        steps.append(int(index) if index else name or quoted[0] or quoted[1] or "")
        at = found.end()
    return steps if path.startswith("$") else []


def _make_room(place: Any, step: str | int, empty: Any) -> bool:
    """Make sure that a step leads somewhere; lists grow by one at most."""
    if isinstance(step, int):
        if not isinstance(place, list) or step > len(place):
            return False
        if step == len(place):
            place.append(empty)
        return True
    if not isinstance(place, dict):
        return False
    place.setdefault(step, empty)
    return True
