"""Reading Responses API JSON field by field, so that nothing is lost and every mistake has a place.

Plain parsing instead of Structs: msgspec drops what a Struct does not name, and here every field
that nobody asked for must be carried on. A field without a word in the IR is kept as a leftover
under its path, such as `truncation`, `reasoning.context` or (of a turn) `content[0].id`: the path
names it in a loss, and puts it back toward this dialect.

Source: developers.openai.com/api/reference (responses); `providers.md` 2.2, `recordings.md` 5.3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.ir.loss import Losses
from headgate.ir.request import Json

NAME = "openai_responses"

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
    """Fields that the IR has no word for, by their path; null counts as absent."""

    def __init__(self) -> None:
        self.found: Json = {}

    def add(self, path: str, fields: Mapping[str, Any]) -> None:
        """Keep what nobody read of the object at `path`."""
        for key, value in fields.items():
            if value is not None:
                self.found[joined(path, key)] = value

    def extras(self) -> dict[str, Json]:
        """Give them as the `extras` of a request, a turn or a reply."""
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
            place = joined(self.place, key)
            raise invalid(f"Object missing required field `{key}`", place)
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

    def refuse(self, key: str, wanted: str) -> RelayError:
        """Say that a field has none of the types it may have."""
        got = _kind(self.rest.get(key))
        return invalid(f"Expected `{wanted}`, got `{got}`", joined(self.place, key))

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


# ----------------------------------------------------------------- leftovers put back


def by_place(leftovers: Mapping[str, Any]) -> dict[str, Json]:
    """Group leftovers by the object that they belong to."""
    grouped: dict[str, Json] = {}
    for path, value in leftovers.items():
        place, _, key = path.rpartition(".")
        grouped.setdefault(place, {})[key] = value
    return grouped


_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def restore(body: Json, extras: Mapping[str, Json], losses: Losses) -> None:
    """Put back what `decode_request` kept by path, and name what other dialects kept."""
    for dialect, fields in extras.items():
        for path, value in fields.items():
            if dialect != NAME or not put(body, path, value):
                losses.dropped(path)


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


_KINDS = {str: "str", bool: "bool", int: "int", float: "float", list: "array", dict: "object"}


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "null")
