"""A wire is a record of functions: it reads a body, spells an answer, and spells an error."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from headgate.lab.wires.question import Answer, Fault, Json, Prompt, Question


class Wire(Struct, frozen=True):
    """One provider format. `last_frame` is what ends a stream; empty where nothing does."""

    name: str
    read: Callable[[Json], Prompt]
    whole: Callable[[Question, Answer], bytes]
    frames: Callable[[Question, Answer], list[bytes]]
    error: Callable[[Fault], bytes]
    error_frame: Callable[[Question, Fault], bytes]
    last_frame: bytes
