"""Callers' JSON, read field by field: every mistake has a place, and nothing is lost unseen.

Plain parsing where fields must be carried on that nobody asked for: msgspec drops what a Struct
does not name. Where a Struct will do, `shaped` gives msgspec's refusals the same form.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.ir.request import Json

T = TypeVar("T")

_PLACE = re.compile(r" - at `\$\.?(.*)`$")
_MISSING = re.compile(r"missing required field `(\w+)`")
_KINDS = {str: "str", bool: "bool", int: "int", float: "float", list: "array", dict: "object"}


def invalid(message: str, place: str, param: str = "") -> RelayError:
    """Say what is wrong with the caller's request, and where; `param` if it is called otherwise."""
    shown = f"$.{place}" if place else "$"
    return RelayError(
        Failure(
            kind=FailureKind.INVALID_REQUEST,
            message=f"{message} - at `{shown}`",
            param=param or place or None,
        )
    )


def misshapen(error: msgspec.ValidationError) -> RelayError:
    """Give msgspec's refusal of a type as ours: its text tells the place already."""
    message = str(error)
    found, missing = _PLACE.search(message), _MISSING.search(message)
    param = found[1] if found else ""
    if missing:
        param = joined(param, missing[1])
    failure = Failure(kind=FailureKind.INVALID_REQUEST, message=message, param=param or None)
    return RelayError(failure)


def joined(place: str, key: str) -> str:
    """Name a field of the object at `place`."""
    return f"{place}.{key}" if place else key


def parsed(body: bytes) -> Any:
    """Parse the caller's JSON. Errors: RelayError INVALID_JSON."""
    return shaped(body, Any)


def shaped(body: bytes, shape: type[T]) -> T:
    """Parse the caller's JSON into a Struct. Errors: RelayError INVALID_JSON or INVALID_REQUEST."""
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise misshapen(error) from None
    except RecursionError:
        reason = "it is nested too deeply"
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        reason = str(error)
    message = f"the request body is not valid JSON: {reason}"
    raise RelayError(Failure(kind=FailureKind.INVALID_JSON, message=message))


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
            message = f"Object missing required field `{key}`"
            raise invalid(message, self.place, joined(self.place, key))
        return value

    def integer(self, key: str) -> int | None:
        """Take a whole number."""
        if isinstance(self.rest.get(key), bool):
            raise self.refuse(key, "int")
        return self._take(key, int, "int")

    def number(self, key: str) -> float | None:
        """Take a number."""
        if isinstance(self.rest.get(key), int):
            try:
                whole = self.integer(key)
                return None if whole is None else float(whole)
            except OverflowError:
                place = joined(self.place, key)
                raise invalid("Number out of range", place) from None
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

    def refuse(self, key: str, wanted: str) -> RelayError:
        """Say that a field has none of the types it may have."""
        got = _kind(self.rest.get(key))
        return invalid(f"Expected `{wanted}`, got `{got}`", joined(self.place, key))

    def _take(self, key: str, kind: type[T], name: str) -> T | None:
        value = self.rest.get(key)
        if value is not None and not isinstance(value, kind):
            raise self.refuse(key, name)
        self.rest.pop(key, None)
        return value


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "null")
