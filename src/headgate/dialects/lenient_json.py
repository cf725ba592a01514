"""JSON of upstreams: read as far as it goes, since every vendor bends it, and written compactly."""

from __future__ import annotations

from typing import Any

import msgspec

from headgate.ir.request import Json

_object = msgspec.json.Decoder(dict[str, Any])


def parsed_object(data: bytes | msgspec.Raw) -> Json | None:
    """Parse a JSON object. None for anything else."""
    try:
        return _object.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def text_of(value: object) -> str:
    """Give a text; anything else counts as an empty one."""
    return value if isinstance(value, str) else ""


def object_of(value: object) -> Json:
    """Give an object; anything else counts as an empty one."""
    return value if isinstance(value, dict) else {}


def objects_of(value: object) -> list[Json]:
    """Give the objects in a list, whatever else is in it."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def one_or_more(value: object) -> list[Json]:
    """Give the objects in a list; some vendors send a single one without the list."""
    return [value] if isinstance(value, dict) else objects_of(value)


def compact(value: Any) -> str:
    """Write JSON text without blanks."""
    return msgspec.json.encode(value).decode()


def canonical(value: Any) -> str:
    """Write JSON text without blanks, its keys in order: equal values, equal texts."""
    return msgspec.json.encode(value, order="sorted").decode()


def arguments_text(arguments: object) -> str:
    """Give a call's arguments as JSON text; some vendors send the value itself."""
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else compact(arguments)


def arguments_object(arguments: str) -> Json | None:
    """Read a call's arguments; blanks mean none. None if they are not the text of an object."""
    return parsed_object(arguments.encode(errors="replace")) if arguments.strip() else {}
