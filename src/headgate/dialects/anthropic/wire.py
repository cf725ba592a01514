"""Reading Messages API JSON field by field, so that nothing is lost and every mistake has a place.

Plain parsing instead of Structs: msgspec drops what a Struct does not name, and here every field
that nobody asked for must be carried on. A field without a word in the IR is kept as a leftover
under its path, such as `content[1].caller` or `output_config.task_budget`: the path names it in
a loss, and puts it back toward this dialect.

Source: platform.claude.com/docs/en/api/messages; `providers.md` 2.3, `recordings.md` 5.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.ir.request import Json

NAME = "anthropic"

T = TypeVar("T")


def invalid(message: str, place: str) -> RelayError:
    """Say what is wrong with the caller's request, and where."""
    shown = f"$.{place}" if place else "$"
    return RelayError(
        Failure(
            kind=FailureKind.INVALID_REQUEST,
            message=f"{message} - at `{shown}`",
            param=place or None,
        )
    )


def joined(place: str, key: str) -> str:
    """Name a field of the object at `place`."""
    return f"{place}.{key}" if place else key


class Leftovers:
    """Fields that the IR has no word for, by their path below `root`.

    `named` stands for the root itself in the paths, where a part of the IR has another name for
    it (the parts of `system` are the `content` of a turn).
    """

    def __init__(self, root: str = "", named: str = "") -> None:
        self.root = root
        self.named = named
        self.found: Json = {}

    def add(self, place: str, fields: Mapping[str, Any]) -> None:
        """Keep what nobody read of the object at `place`."""
        below = place.removeprefix(self.root).removeprefix(".")
        for key, value in fields.items():
            self.found[joined(self.named + below, key)] = value

    def extras(self) -> dict[str, Json]:
        """Give them as a request's or a turn's `extras`."""
        return {NAME: self.found} if self.found else {}


class Reader:
    """One JSON object: gives fields by type, and keeps those that were not asked for.

    A field that is null counts as absent. Errors: RelayError INVALID_REQUEST on a wrong type.
    """

    def __init__(self, fields: Any, place: str = "") -> None:
        if not isinstance(fields, dict):
            raise invalid(f"Expected `object`, got `{_kind(fields)}`", place)
        self.rest: Json = dict(fields)
        self.place = place

    def text(self, key: str) -> str | None:
        """Take a string."""
        return self._take(key, str, "str")

    def required_text(self, key: str) -> str:
        """Take a string that must be there."""
        value = self.text(key)
        if value is None:
            raise invalid(f"Object missing required field `{key}`", self.place)
        return value

    def integer(self, key: str) -> int | None:
        """Take a whole number."""
        if isinstance(self.rest.get(key), bool):
            raise invalid("Expected `int`, got `bool`", joined(self.place, key))
        return self._take(key, int, "int")

    def number(self, key: str) -> float | None:
        """Take a number."""
        if isinstance(self.rest.get(key), int):
            whole = self.integer(key)
            return None if whole is None else float(whole)
        return self._take(key, float, "float")

    def flag(self, key: str) -> bool | None:
        """Take true or false."""
        return self._take(key, bool, "bool")

    def mapping(self, key: str) -> Json | None:
        """Take an object as it is."""
        return self._take(key, dict, "object")

    def reader(self, key: str) -> Reader | None:
        """Take an object to read on."""
        value = self.mapping(key)
        return None if value is None else Reader(value, joined(self.place, key))

    def items(self, key: str) -> list[Any]:
        """Take an array; absent counts as empty."""
        return self._take(key, list, "array") or []

    def texts(self, key: str) -> tuple[str, ...]:
        """Take an array of strings."""
        values = self.items(key)
        for index, value in enumerate(values):
            if not isinstance(value, str):
                place = f"{joined(self.place, key)}[{index}]"
                raise invalid(f"Expected `str`, got `{_kind(value)}`", place)
        return tuple(values)

    def _take(self, key: str, kind: type[T], name: str) -> T | None:
        value = self.rest.pop(key, None)
        if value is None or isinstance(value, kind):
            return value
        place = joined(self.place, key)
        raise invalid(f"Expected `{name}`, got `{_kind(value)}`", place)


def parsed(body: bytes) -> Any:
    """Parse the caller's JSON. Errors: RelayError INVALID_JSON."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"the request body is not valid JSON: {error}"
        raise RelayError(Failure(kind=FailureKind.INVALID_JSON, message=message)) from None


def by_place(leftovers: Mapping[str, Any]) -> dict[str, Json]:
    """Group leftovers by the object that they belong to."""
    grouped: dict[str, Json] = {}
    for path, value in leftovers.items():
        place, _, key = path.rpartition(".")
        grouped.setdefault(place, {})[key] = value
    return grouped


_KINDS = {str: "str", bool: "bool", int: "int", float: "float", list: "array", dict: "object"}


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "null")
