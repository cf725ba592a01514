"""Multipart bodies, read as they arrive: each part is counted and hashed, its head is kept.

What a gateway must not change is thereby proved without holding half a gigabyte.

Source: RFC 7578, platform.openai.com/docs/api-reference/audio/createTranscription
"""

from __future__ import annotations

import hashlib
from typing import Any

from msgspec import Struct
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

FORM_MAX = 512 << 20
KEPT_MAX = 8 << 20
VALUE_MAX = 64 << 10
PARTS_MAX = 200
FORM_TYPE = b"multipart/form-data"


class Part(Struct, frozen=True):
    """One part. `data` is its head, the whole of it for what fits; files have a filename."""

    name: str
    filename: str | None
    content_type: str
    size: int
    sha256: str
    data: bytes

    @property
    def whole(self) -> bool:
        """Whether `data` is everything."""
        return len(self.data) == self.size

    @property
    def value(self) -> str:
        """The text of a field that is no file."""
        return self.data[:VALUE_MAX].decode(errors="replace")

    def note(self) -> dict[str, Any]:
        """Describe the part for the journal; the bytes of a file only by their hash."""
        about: dict[str, Any] = {
            "name": self.name,
            "filename": self.filename,
            "content_type": self.content_type,
            "size": self.size,
            "sha256": self.sha256,
        }
        return about if self.filename is not None else about | {"value": self.value}


class Form(Struct, frozen=True):
    """A multipart body. `problem` says why it could not be read to its end."""

    parts: tuple[Part, ...] = ()
    sha256: str = ""
    problem: str = ""

    def files(self) -> tuple[Part, ...]:
        """The parts that are files."""
        return tuple(part for part in self.parts if part.filename is not None)

    def fields(self) -> dict[str, Any]:
        """The other parts by name, as a JSON body would say them; `a[]` and repeats are lists."""
        fields: dict[str, Any] = {}
        for part in self.parts:
            if part.filename is not None:
                continue
            name = part.name.removesuffix("[]")
            if name != part.name or name in fields:
                earlier = fields.get(name, [])
                fields[name] = [*(earlier if isinstance(earlier, list) else [earlier]), part.value]
            else:
                fields[name] = part.value
        return fields


def boundary_of(content_type: bytes) -> bytes | None:
    """The boundary of a multipart form, None if the header says something else."""
    kind, options = parse_options_header(content_type)
    return options.get(b"boundary") or None if kind == FORM_TYPE else None


class FormReader:
    """Reads one multipart body, chunk by chunk. Raises nothing: a bad form has a `problem`."""

    def __init__(self, boundary: bytes) -> None:
        self._digest = hashlib.sha256()
        self._parts: list[Part] = []
        self._kept = 0
        self._problem = ""
        self._complete = False
        self._start_part()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._start_part,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )

    def feed(self, data: bytes) -> None:
        """Read the next bytes."""
        self._digest.update(data)
        if self._problem:
            return
        try:
            self._parser.write(data)
        except FormParserError as error:
            self._problem = f"The form is malformed: {error}"

    def close(self) -> Form:
        """Say what has arrived."""
        missing = "" if self._complete else "The form ends before its last boundary."
        problem = self._problem or missing
        return Form(tuple(self._parts), self._digest.hexdigest(), problem)

    # The parser calls these.

    def _start_part(self) -> None:
        self._headers: dict[bytes, bytes] = {}
        self._header_name = self._header_text = b""
        self._part_digest = hashlib.sha256()
        self._part_size = 0
        self._part_head = bytearray()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_text += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._header_name.lower()] = self._header_text
        self._header_name = self._header_text = b""

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        piece = memoryview(data)[start:end]
        self._part_digest.update(piece)
        self._part_size += len(piece)
        # The head only: a hole in the middle would not be a prefix any more.
        if len(self._part_head) + len(piece) == self._part_size:
            kept = piece[: KEPT_MAX - self._kept]
            self._part_head += kept
            self._kept += len(kept)

    def _on_part_end(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if len(self._parts) >= PARTS_MAX:
            self._problem = self._problem or f"The form has more than {PARTS_MAX} parts."
            return
        filename = options.get(b"filename")
        self._parts.append(
            Part(
                name=_text(options.get(b"name", b"")),
                filename=None if filename is None else _text(filename),
                content_type=_text(self._headers.get(b"content-type", b"")),
                size=self._part_size,
                sha256=self._part_digest.hexdigest(),
                data=bytes(self._part_head),
            )
        )

    def _on_end(self) -> None:
        self._complete = True


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
