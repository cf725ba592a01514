"""Places in a request: saying what is wrong where, and keeping by its path what nobody knows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.dialects.openai_chat.provenance import NAME
from headgate.ir.loss import Losses
from headgate.ir.request import Json

_PLACE = re.compile(r" - at `\$\.?(.*)`$")


def misshapen(error: msgspec.ValidationError) -> RelayError:
    """Give msgspec's refusal of a type as ours: its text tells the place already."""
    message = str(error)
    found = _PLACE.search(message)
    missing = re.search(r"missing required field `(\w+)`", message)
    param = found[1] if found else ""
    if missing:
        param = f"{param}.{missing[1]}".removeprefix(".")
    failure = Failure(kind=FailureKind.INVALID_REQUEST, message=message, param=param or None)
    return RelayError(failure)


def refuse(message: str, place: str) -> NoReturn:
    """Refuse a request, naming the place."""
    at = f"$.{place}" if place else "$"
    failure = Failure(
        kind=FailureKind.INVALID_REQUEST, message=f"{message} - at `{at}`", param=place or None
    )
    raise RelayError(failure)


class Leftovers:
    """Fields that the IR has no word for, by their path."""

    def __init__(self) -> None:
        self.found: Json = {}

    def keep(self, place: str, given: Mapping[str, Any], known: Iterable[str]) -> None:
        """Keep what is not known; null means absent."""
        for name, value in given.items():
            if name not in known and value is not None:
                self.found[f"{place}.{name}" if place else name] = value


_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def restore(body: Json, extras: Mapping[str, Json], place: str, losses: Losses) -> None:
    """Put back what `decode_request` kept by path, and name what other dialects kept."""
    for dialect, fields in extras.items():
        for path, value in fields.items():
            if dialect != NAME or not _put(body, path, value):
                losses.dropped(f"{place}{path}")


def _put(body: Json, path: str, value: Any) -> bool:
    """Write a value at a path such as `tools[0].function.x`. False if there is nothing to hold it.

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
