"""Putting the name that the caller asked for where the upstream wrote its own.

Only the reply's own field is renamed, wherever the dialect has it; a tool's arguments may hold a
`model` too.
"""

from __future__ import annotations

import re

import msgspec

from headgate.dialects.dialect import Dialect
from headgate.dialects.framing.sse import parse_block

_BORDER = re.compile(rb"(?<=\n\n)|(?<=\n\r\n)|(?<=\r\r)")

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Renaming:
    """Renames in the answers of one upstream. One per reply."""

    def __init__(self, dialect: Dialect, model: str) -> None:
        self._path = dialect.model_in_frame
        self._whole = dialect.model_in_reply
        self._written = msgspec.json.encode(model)
        self._mark = b'"%b"' % self._path[0].encode()
        self._field = re.compile(rb'(%b\s*:\s*)"(?:[^"\\]|\\.)*"' % self._mark)
        # In texts the quotes are escaped, and OpenAI's tool arguments are texts: there the first
        # field of the name is the reply's own.
        self._is_plain = self._path == ("model",)
        self._old = self._new = b""  # the field as this upstream writes it, and as it shall be

    def whole(self, body: bytes) -> bytes:
        """Rename in a whole reply."""
        return self._renamed(body, (self._whole,))

    def frames(self, data: bytes) -> bytes:
        """Rename in any number of whole frames."""
        count = data.count(self._mark)
        if count == 0:
            return data
        is_known = self._old and data.count(self._old) == count
        if not is_known and self._is_plain:
            self._replaced(data)  # notes how this upstream writes it
            is_known = self._old and data.count(self._old) == count
        # Of the others, a tool's arguments may hold the same: then some frame has it twice.
        if is_known and (self._is_plain or count == data.count(b"data:")):
            return data.replace(self._old, self._new)
        renamed = self._replaced if self._is_plain else self._frame
        return b"".join(map(renamed, _blocks(data)))

    def _replaced(self, data: bytes) -> bytes:
        """Replace the same bytes that an upstream writes in every frame; Azure's first differs."""
        found = self._field.search(data)
        if found is None:
            return data
        self._old = found[0]
        self._new = found[1] + self._written
        return data.replace(self._old, self._new)

    def _frame(self, block: bytes) -> bytes:
        frame = parse_block(block) if self._mark in block else None
        if frame is None:
            return block
        renamed = self._renamed(frame.data, self._path)
        if renamed == frame.data:
            return block
        if len(self._path) == 1 and block.count(self._mark) == 1:
            return self._replaced(block)
        event = b"event: %b\n" % frame.event.encode() if frame.event else b""
        return b"%bdata: %b\n\n" % (event, renamed)

    def _renamed(self, data: bytes, path: tuple[str, ...]) -> bytes:
        try:
            fields = _object.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return data  # not an object: whoever reads it will say so
        name, *rest = path
        value = fields.get(name)
        if value is None:
            return data
        old = bytes(value)
        new = self._renamed(old, tuple(rest)) if rest else self._written
        return data if new == old else msgspec.json.encode(fields | {name: msgspec.Raw(new)})


def _blocks(data: bytes) -> list[bytes]:
    """Cut at the frames' ends; looking behind each byte is slow, and CR LF is rare."""
    if b"\r" in data:
        return _BORDER.split(data)
    *whole, rest = data.split(b"\n\n")
    return [*(block + b"\n\n" for block in whole), rest]
