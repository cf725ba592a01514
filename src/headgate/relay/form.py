"""A form with files (multipart/form-data): its parts as they were sent, and a body made of them.

The upstream's body is put together anew around the same bytes, with a boundary of our own: so it
has exactly the parts that were seen here, however leniently the upstream reads (RFC 7578, 2046).
The boundary is random, and not one of our ids: who could guess it could hide a part in a file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.dialects.dialect import Fields

# What is read here decides over routing: given twice, the upstream might read the other one.
_SINGLE = frozenset({"model", "stream", "n", "response_format", "stream_format"})
_FLAGS = {"true": b"true", "1": b"true", "false": b"false", "0": b"false"}
_JOINED_BYTES = 64 * 1024  # small pieces are sent together


class Store(Protocol):
    """Where the parts' contents lie, one behind the other."""

    def read(self, start: int, stop: int) -> bytes:
        """Read a range. Errors: RelayError when it cannot be read back."""

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """Read a range piece by piece. Errors: as `read`."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part. `head` are its header lines, each with its end; `is_text`: no file, not encoded."""

    name: str
    head: bytes
    start: int
    stop: int
    is_text: bool


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """A form. `size` is that of all contents in bytes."""

    parts: tuple[Part, ...]
    store: Store
    size: int

    def fields(self) -> Fields:
        """Give the plain fields as a JSON body would have them; repeated ones are left out.

        Errors: RelayError INVALID_REQUEST for what must be there once, and as text.
        """
        found: Fields = {}
        repeated: set[str] = set()
        for part in self.parts:
            name = part.name
            if name in found or name in repeated:
                if name in _SINGLE:
                    raise _refused(name, "is given twice")
                repeated.add(name)
                found.pop(name, None)
            elif part.is_text:
                found[name] = _json_value(name, self._text(part))
            elif name in _SINGLE:
                raise _refused(name, "must be a plain field, not a file")
        return found

    def _text(self, part: Part) -> str:
        try:
            return self.store.read(part.start, part.stop).decode()
        except UnicodeDecodeError:
            raise _refused(part.name, "is not UTF-8") from None


class FormBody:
    """A form's parts on their way to an upstream, with some fields changed.

    `changes` maps a field to the texts that stand for it, none of them to leave it out.
    """

    def __init__(self, form: Form, changes: Mapping[str, Sequence[str]]) -> None:
        boundary = f"headgate-{os.urandom(16).hex()}".encode()
        self.content_type = f"multipart/form-data; boundary={boundary.decode()}"
        self._store = form.store
        self._segments = tuple(_segments(form, changes, boundary))
        self._size = sum(
            len(each) if isinstance(each, bytes) else each.stop - each.start
            for each in self._segments
        )

    def __len__(self) -> int:
        return self._size

    def pieces(self) -> Iterator[bytes]:
        """Give the body from the start. Errors: RelayError when it cannot be read back."""
        small = bytearray()
        for piece in self._raw_pieces():
            if len(small) + len(piece) <= _JOINED_BYTES:
                small += piece
                continue
            if small:
                yield bytes(small)
                small.clear()
            yield piece
        if small:
            yield bytes(small)

    def _raw_pieces(self) -> Iterator[bytes]:
        for segment in self._segments:
            if isinstance(segment, bytes):
                yield segment
            else:
                yield from self._store.pieces(segment.start, segment.stop)


def _segments(
    form: Form, changes: Mapping[str, Sequence[str]], boundary: bytes
) -> Iterator[bytes | Part]:
    written: set[str] = set()
    for part in form.parts:
        if part.name not in changes:
            yield b"--%b\r\n%b\r\n" % (boundary, part.head)
            yield part
            yield b"\r\n"
        elif part.name not in written:
            written.add(part.name)
            yield from _fields(part.name, changes[part.name], boundary)
    for name, texts in changes.items():
        if name not in written:
            yield from _fields(name, texts, boundary)
    yield b"--%b--\r\n" % boundary


def _fields(name: str, texts: Sequence[str], boundary: bytes) -> Iterator[bytes]:
    """Write fields of one name. The head is new: an old one may tell the old value's length."""
    for text in texts:
        lines = f'Content-Disposition: form-data; name="{_escaped(name)}"\r\n\r\n{text}\r\n'
        yield b"--%b\r\n%b" % (boundary, lines.encode())


def _escaped(name: str) -> str:
    """Write a name as browsers do (WHATWG's form submission)."""
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")


def _json_value(name: str, text: str) -> msgspec.Raw:
    """Give a field's text the JSON type that the same field has in a JSON body."""
    if name == "stream" and text.lower() in _FLAGS:
        return msgspec.Raw(_FLAGS[text.lower()])
    if name == "n" and text.isascii() and text.isdecimal() and len(text) < 10:
        return msgspec.Raw(b"%d" % int(text))
    return msgspec.Raw(msgspec.json.encode(text))


def _refused(name: str, problem: str) -> RelayError:
    failure = Failure(
        kind=FailureKind.INVALID_REQUEST, message=f"`{name[:64]}` {problem}", param=name[:64]
    )
    return RelayError(failure)
