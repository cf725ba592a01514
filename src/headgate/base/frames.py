"""One message of a stream, whatever its framing (SSE, JSON lines, AWS event stream)."""

from __future__ import annotations

from typing import NamedTuple


class Frame(NamedTuple):
    """One event as it arrived.

    Shape: `event` is the SSE event name ("" when there was none); `data` the payload bytes,
    lines joined by LF, no framing around it.
    """

    data: bytes
    event: str = ""
