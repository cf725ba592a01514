"""Reading Gemini JSON as callers write it: both spellings of names, nulls, places in messages.

Protobuf JSON accepts `inline_data` for `inlineData`, null for absent, a number in quotes and one
element for a list; so do callers.
Source: protobuf.dev/programming-guides/json
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from headgate.dialects.strict_json import invalid
from headgate.ir.request import Json

NAME = "gemini"


@lru_cache(maxsize=1024)
def camel(name: str) -> str:
    """Spell a field's name as the API does: `inline_data` is `inlineData`."""
    head, *others = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in others)


def all_camel(value: Any) -> Any:
    """Spell the names of an object and of the objects inside of it as the API does."""
    if isinstance(value, dict):
        return {camel(name): all_camel(inner) for name, inner in value.items()}
    return value


def fields(value: object, place: str) -> Json:
    """Read an object: names in camel case, nulls left out. A name in both spellings is refused."""
    if not isinstance(value, dict):
        raise invalid("Expected an object", place)
    found = {camel(name): inner for name, inner in value.items() if inner is not None}
    if len(found) < len(value):
        given = [camel(name) for name, inner in value.items() if inner is not None]
        twice = next((name for name in found if given.count(name) > 1), None)
        if twice is not None:
            raise invalid(f"`{twice}` is given in both spellings", place)
    return found


def objects(value: object, place: str) -> list[tuple[Json, str]]:
    """Read a list of objects, or one object for a list of one; each with its place."""
    if isinstance(value, dict):
        return [(fields(value, place), place)]
    return [(fields(inner, at), at) for inner, at in elements(value, place)]


def elements(value: object, place: str) -> list[tuple[Any, str]]:
    """Read a list: each element with its place."""
    if not isinstance(value, list):
        raise invalid("Expected a list", place)
    return [(inner, f"{place}[{index}]") for index, inner in enumerate(value)]


def texts(value: object, place: str) -> tuple[str, ...]:
    """Read a list of texts."""
    return tuple(text(inner, at) for inner, at in elements(value, place))


def text(value: object, place: str) -> str:
    """Read a text."""
    if not isinstance(value, str):
        raise invalid("Expected a text", place)
    return value


def flag(value: object, place: str) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise invalid("Expected true or false", place)
    return value


def number(value: object, place: str) -> float:
    """Read a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid("Expected a number", place)
    return value


def whole(value: object, place: str) -> int:
    """Read a whole number; `40.0` and `"40"` count."""
    if isinstance(value, str) and value.removeprefix("-").isdecimal():
        return int(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and value % 1 == 0:
        return int(value)
    raise invalid("Expected a whole number", place)


def merged(base: Json, over: Json) -> Json:
    """Lay one object over another, objects inside of them likewise."""
    both = dict(base)
    for name, value in over.items():
        inner = both.get(name)
        if isinstance(inner, dict) and isinstance(value, dict):
            both[name] = merged(inner, value)
        else:
            both[name] = value
    return both
