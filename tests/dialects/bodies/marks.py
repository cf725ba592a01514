"""Marks: values that can be found again, wherever a translation has put them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

Json = dict[str, Any]
Path = tuple[str | int, ...]

_MARK = re.compile(r"mk\d{4}zq")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{8,}={0,2}")
_FIRST_NUMBER = 410_000


class Marks:
    """Makes marks, each once. `number` and `fraction` are for what must be a number."""

    def __init__(self) -> None:
        self._made = 0

    def _next(self) -> int:
        self._made += 1
        return self._made

    def text(self, head: str = "") -> str:
        """Make a text."""
        return f"{head}mk{self._next():04}zq"

    def number(self) -> int:
        """Make a whole number."""
        return _FIRST_NUMBER + self._next()

    def fraction(self) -> float:
        """Make a number between 0 and 1, which may be a temperature or a share."""
        return 0.5 + self._next() / 4096

    def base64(self, head: str = "") -> str:
        """Make base64 of a text, as media are sent."""
        return base64.b64encode(self.text(head).encode()).decode()


class Leaf(NamedTuple):
    """A value of a body, and where it stands."""

    path: Path
    value: Any

    @property
    def marks(self) -> list[str]:
        """The marks in it; none in a word such as `auto`, or true."""
        if isinstance(self.value, str):
            return _MARK.findall(self.value) or _MARK.findall(_decoded(self.value))
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            return []
        is_mark = self.value >= _FIRST_NUMBER or self.value % (1 / 8) != 0
        return [f"{self.value}"] if is_mark else []


def leaves(value: Any, path: Path = ()) -> Iterator[Leaf]:
    """List the values of a body that hold no others."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list | tuple) and value:
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    else:
        yield Leaf(path, value)


def haystack(value: Any) -> str:
    """Write all that is said in a value, with what is inside of its base64."""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text + " " + " ".join(map(_decoded, _BASE64.findall(text)))


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""


def without(body: Any, path: Path) -> Any:
    """Give a copy of a body without the value at a path."""
    step, *rest = path
    if isinstance(body, dict):
        changed = dict(body)
        if rest:
            changed[step] = without(body[step], tuple(rest))
        else:
            del changed[step]
        return changed
    changed_list = list(body)
    if rest:
        changed_list[int(step)] = without(body[int(step)], tuple(rest))
    else:
        del changed_list[int(step)]
    return changed_list


Feature = Callable[[Marks, Json], None]
