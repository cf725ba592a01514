"""Events toward a caller, each with the next number.

What surrounds a delta is written once per part: only its number and its text change.

Source: developers.openai.com/api/reference (streaming events).
"""

from __future__ import annotations

import msgspec

from headgate.ir.request import Json

_json = msgspec.json.Encoder().encode


class EventWriter:
    """Writes events, and counts them without gaps. One per reply."""

    def __init__(self) -> None:
        self.count = 0

    def next(self) -> int:
        """Give the number of an event that is written elsewhere."""
        number = self.count
        self.count = number + 1
        return number

    def write(self, kind: str, fields: Json) -> bytes:
        """Write an event."""
        return self.raw(kind, _json(fields)[1:])

    def raw(self, kind: str, rest: bytes) -> bytes:
        """Write an event whose fields are written already: all but the first brace."""
        name = kind.encode()
        return b'event: %b\ndata: {"type":"%b","sequence_number":%d,%b\n\n' % (
            name,
            name,
            self.next(),
            rest,
        )

    def item(self, stage: str, output_index: int, item: bytes) -> bytes:
        """Write that an output item was added, or is done."""
        rest = b'"output_index":%d,"item":%b}' % (output_index, item)
        return self.raw(f"response.output_item.{stage}", rest)

    def response(self, kind: str, response: bytes) -> bytes:
        """Write an event about the whole response."""
        return self.raw(f"response.{kind}", b'"response":%b}' % response)

    def delta(self, kind: str, where: Json, tail: bytes = b"}") -> DeltaWriter:
        """Prepare for the deltas of one text."""
        name = kind.encode()
        head = b'event: %b\ndata: {"type":"%b","sequence_number":' % (name, name)
        middle = b"," + _json(where)[1:-1] + b',"delta":'
        return DeltaWriter(self, head, middle, tail + b"\n\n")


class DeltaWriter:
    """Writes the deltas of one text."""

    def __init__(self, events: EventWriter, head: bytes, middle: bytes, tail: bytes) -> None:
        self._events = events
        self._head = head
        self._middle = middle
        self._tail = tail

    def write(self, text: str) -> bytes:
        """Write a piece. The hot path of every stream."""
        events = self._events
        number = events.count
        events.count = number + 1
        return b"%b%d%b%b%b" % (self._head, number, self._middle, _json(text), self._tail)
