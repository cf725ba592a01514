"""What every file of this dialect reads and writes with.

Source: docs.ollama.com/api/chat; `providers.md` 4.12, `recordings.md` 5.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from headgate.ir.request import Json

NAME = "ollama"


def parsed_object(data: bytes) -> Json | None:
    """Parse an upstream's JSON object. None for anything else."""
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def text_in(wire: Mapping[str, Any], key: str) -> str:
    """Read a text; "" for anything else."""
    value = wire.get(key)
    return value if isinstance(value, str) else ""


def object_in(wire: Mapping[str, Any], key: str) -> Json:
    """Read an object; an empty one for anything else."""
    value = wire.get(key)
    return value if isinstance(value, dict) else {}


def objects_in(wire: Mapping[str, Any], key: str) -> list[Json]:
    """Read a list of objects; what is none is left out."""
    value = wire.get(key)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def compact(value: Any) -> str:
    """Write JSON text without blanks."""
    return msgspec.json.encode(value).decode()
