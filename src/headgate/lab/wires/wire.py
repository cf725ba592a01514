"""A wire is a record of functions: it reads a body, spells an answer, and spells an error."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from headgate.lab.plan import SSE_TYPE, Headers
from headgate.lab.wires.question import Answer, Fault, Json, Prompt, Question


def no_headers(_fault: Fault) -> Headers:
    """What most wires add to the headers of an error."""
    return ()


class Wire(Struct, frozen=True):
    """One provider format. `last_frame` is what ends a stream; empty where nothing does.

    `broken_frame` is a frame that no reader can read, where streams are no SSE. `kept` is what a
    provider remembers of an answer, where it remembers any.
    """

    name: str
    read: Callable[[Json], Prompt]
    whole: Callable[[Question, Answer], bytes]
    frames: Callable[[Question, Answer], list[bytes]]
    error: Callable[[Fault], bytes]
    error_frame: Callable[[Question, Fault], bytes]
    last_frame: bytes
    stream_type: str = SSE_TYPE
    error_headers: Callable[[Fault], Headers] = no_headers
    broken_frame: bytes = b'data: {"choices": [{"delta": \n\n'
    kept: Callable[[Question, Answer], Json | None] | None = None
