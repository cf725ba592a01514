"""What the lab does with one request, as data: a head, a framing and steps to perform.

Scripts and recordings make plans without touching a socket; `lab.answering` performs them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

JSON_TYPE = "application/json"
SSE_TYPE = "text/event-stream; charset=utf-8"

CONTENT_TYPE = "content-type"


class Send(Struct, frozen=True):
    """Write these bytes of the body, in a write of their own."""

    data: bytes


class Wait(Struct, frozen=True):
    """Stay silent for a while."""

    seconds: float


class Head(Struct, frozen=True):
    """Write the head alone, before there is any body."""


class Repeat(Struct, frozen=True):
    """Write these bytes again and again, as fast as the caller reads, until it leaves."""

    data: bytes


class Hang(Struct, frozen=True):
    """Stay silent until the caller leaves."""


class Reset(Struct, frozen=True):
    """Tear the connection down with RST."""


class Close(Struct, frozen=True):
    """Close the connection with FIN, whatever is still owed."""


class Goodbye(Struct, frozen=True):
    """Close a WebSocket with this code; over plain HTTP, the same as `Close`."""

    code: int


class Ping(Struct, frozen=True):
    """Ping the other side of a WebSocket; over plain HTTP, nothing."""


Step = Send | Wait | Head | Repeat | Hang | Reset | Close | Goodbye | Ping
Headers = tuple[tuple[str, str], ...]


class Plan(Struct, frozen=True):
    """One answer. The head goes out with the first `Send`, or with `Head`.

    `length` is the Content-Length as declared, which may be a lie; None means chunked.
    `close_after` closes the connection behind its n-th answer without announcing it;
    `drop_after` closes it, unanswered, on the request that follows the n-th answer.
    `kept` is what the lab shall remember of it. `displeasure` says what a check found wrong with
    the caller's history; `bypassed` counts the marks by which a caller asked not to be checked.
    """

    steps: tuple[Step, ...]
    status: int = 200
    headers: Headers = ((CONTENT_TYPE, JSON_TYPE),)
    length: int | None = None
    close_after: int | None = None
    drop_after: int | None = None
    kept: dict[str, Any] | None = None
    displeasure: str = ""
    bypassed: int = 0


def whole(
    body: bytes, *, status: int = 200, content_type: str = JSON_TYPE, extra: Headers = ()
) -> Plan:
    """A complete answer in one write."""
    headers = ((CONTENT_TYPE, content_type), *extra)
    return Plan((Send(body),), status=status, headers=headers, length=len(body))


def stream(pieces: Iterable[bytes], content_type: str = SSE_TYPE) -> Plan:
    """A chunked answer, each piece in a write of its own."""
    return Plan(tuple(Send(piece) for piece in pieces), headers=((CONTENT_TYPE, content_type),))
