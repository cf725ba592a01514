"""From the writes of a stream to the messages of a socket."""

from __future__ import annotations

LAST = b"[DONE]"


class EventCutter:
    """Joins writes and cuts them into the data of server-sent events, however they were split."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The data of the events that are complete now."""
        self._rest += data
        # A lone CR at the end may be half of a line end.
        held = b"\r" if self._rest.endswith(b"\r") else b""
        text = self._rest.removesuffix(held).replace(b"\r\n", b"\n")
        *events, rest = text.split(b"\n\n")
        self._rest = rest + held
        return [found for event in events if (found := _data(event)) is not None]

    def close(self) -> list[bytes]:
        """What stands behind the last blank line: an event without its end, or no event at all."""
        rest, self._rest = self._rest.strip(), b""
        found = _data(rest)
        return [found] if found is not None else []


def _data(event: bytes) -> bytes | None:
    """The data lines of an event, None if there are none or they end a stream."""
    lines = [
        line.removeprefix(b"data:").removeprefix(b" ")
        for line in event.split(b"\n")
        if line.startswith(b"data:")
    ]
    data = b"\n".join(lines)
    return data if lines and data != LAST else None
