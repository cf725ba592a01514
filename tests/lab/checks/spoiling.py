"""Spoil a good conversation in one place, and see what is said about it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from headgate.lab.checks import examine
from headgate.lab.checks.finding import Finding
from headgate.lab.scripts.loops import loop, signed_loop
from headgate.lab.wires.question import Json
from tests.lab.playing import asked, continued, opening

Spoil = Callable[[list[Any]], Any]


def history(wire: str, calls: int = 2, *, sealed: bool = False, **more: Any) -> Json:
    """A conversation after some calls and their results."""
    body = opening(wire, **more)
    script = signed_loop if sealed else loop
    for number in range(1, calls + 1):
        followed = continued(wire, body, script(asked(wire, body, number), 20), f"result {number}")
        assert followed is not None
        body = followed
    return body


def found(wire: str, body: Json, *, sealed: bool = False) -> Finding:
    return examine(asked(wire, body), sealed=sealed)


def displeasure(
    wire: str, spoil: Spoil, *, sealed: bool = False, calls: int = 2, **more: Any
) -> str:
    """What is said about a history that `spoil` has changed."""
    body = copy.deepcopy(history(wire, calls, sealed=sealed, **more))
    assert found(wire, body, sealed=sealed).fault is None
    field = next(name for name in ("contents", "input", "messages") if name in body)
    spoil(body[field])
    fault = found(wire, body, sealed=sealed).fault
    return "" if fault is None else fault.message


def delete(*path: int | str | slice) -> Spoil:
    """Leave out what stands at a path."""

    def spoil(value: Any) -> None:
        for step in path[:-1]:
            value = value[step]
        del value[path[-1]]

    return spoil


def put(new: object, *path: int | str) -> Spoil:
    """Put something else at a path."""

    def spoil(value: Any) -> None:
        for step in path[:-1]:
            value = value[step]
        value[path[-1]] = new

    return spoil


def swap(first: int, second: int) -> Spoil:
    """Exchange two messages."""

    def spoil(value: list[Any]) -> None:
        value[first], value[second] = value[second], value[first]

    return spoil
