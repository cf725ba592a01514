"""Reading a form with files while it comes in: contents to the spool, names and places to a `Form`.

Source: RFC 7578 (multipart/form-data), RFC 2046 5.1 (multipart); reliability.md F-C24, F-C25.
"""

from __future__ import annotations

import logging
import re
from typing import NoReturn

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.edge.spool import Spool
from headgate.relay.form import Form, Part

MAX_PARTS = 256
MAX_MARKS = MAX_PARTS + 64  # a file never holds the boundary; one full of it costs much to read
MAX_PART_HEADERS = 16
MAX_PART_HEADER_BYTES = 8 * 1024  # each
MAX_FIELD_BYTES = 1024 * 1024  # of a part that is no file ...
MAX_FIELDS_BYTES = 4 * MAX_FIELD_BYTES  # ... and of all of them
MAX_BOUNDARY = 70

_FORM = b"multipart/form-data"
_BOUNDARY = re.compile(
    rb";[ \t]*boundary=(?:\"([0-9a-z'()+_,./:=? -]+)\"|([0-9a-z'()+_,./:=?-]+))[ \t]*(?:;|\Z)",
    re.IGNORECASE,
)
_HEADER_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_PARAMETER = re.compile(
    r";[ \t]*([!#$%&'+.^_`|~0-9A-Za-z-]+\*?)[ \t]*=[ \t]*(\"(?:[^\"\\]|\\.)*\"|[^\s;\"]*)[ \t]*"
)
_ESCAPED = re.compile(r"\\([\"\\])")
_STRANGE_ESCAPE = re.compile(r"\\(?!\")")  # "mo\del" is `model` for some (RFC 9110 5.6.4)
_PLAIN_ENCODINGS = frozenset({b"7bit", b"8bit", b"binary"})
_PLACE = re.compile(r"\s*(?:\(\d+\)|at(?: index)? \d+)$")

# The library warns of every broken body: callers could fill the log with them.
_SILENCE = logging.getLogger(__name__)
_SILENCE.disabled = True


def is_form(content_type: bytes | None) -> bool:
    """Whether a body is a form with files."""
    return content_type is not None and content_type.lstrip()[: len(_FORM)].lower() == _FORM


def boundary_of(content_type: bytes) -> bytes:
    """Read the boundary out of a content type. Errors: RelayError INVALID_REQUEST."""
    found = _BOUNDARY.search(content_type)
    boundary = (found[1] or found[2]).rstrip() if found is not None else b""
    if not boundary:
        raise _refused("The content type multipart/form-data names no valid boundary.")
    if len(boundary) > MAX_BOUNDARY:
        raise _refused(f"The boundary is longer than {MAX_BOUNDARY} characters.")
    return boundary


class FormReader:
    """Reads one form, in whatever pieces it comes."""

    def __init__(self, boundary: bytes, spool: Spool) -> None:
        self._spool = spool
        self._parts: list[Part] = []
        self._headers: list[tuple[bytes, bytes]] = []
        self._name = self._value = b""
        self._count = 0  # of parts that have begun
        self._text_bytes = 0  # of parts that are no files
        self._part: Part | None = None  # the one being read; its `stop` is not known yet
        self._fed_bytes = 0
        self._mark = b"\r\n--" + boundary
        self._head = b""  # of the first boundary, as long as it is not whole
        self._has_begun = False
        self._marks = 0  # how often it was seen
        self._tail = b""  # of the last piece: a mark may begin in it
        self._has_ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
            max_header_count=MAX_PART_HEADERS,
            max_header_size=MAX_PART_HEADER_BYTES,
        )
        self._parser.logger = _SILENCE

    def feed(self, data: bytes) -> None:
        """Take the next piece.

        Errors: RelayError INVALID_REQUEST with the place where the form is broken,
        REQUEST_TOO_LARGE beyond a bound, and the spool's.
        """
        if not self._has_begun:
            data = self._begun(data)
        self._count_marks(data)
        try:
            self._parser.write(data)
        except MultipartParseError as error:
            place = self._fed_bytes + max(error.offset, 0)
            self._broken(_PLACE.sub("", str(error)), place)
        self._fed_bytes += len(data)

    def form(self) -> Form:
        """Give the form. Errors: RelayError INVALID_REQUEST when its end is missing."""
        if not self._has_ended:
            self._broken("it ends without its closing boundary", self._fed_bytes)
        return Form(parts=tuple(self._parts), store=self._spool, size=self._spool.size)

    def _begun(self, data: bytes) -> bytes:
        """Give what follows from the first boundary on; only line ends may stand before it.

        The parser takes other words before it for a boundary or not, as the pieces are cut.
        """
        given = self._head + data
        self._head = given.lstrip(b"\r\n")
        self._fed_bytes += len(given) - len(self._head)
        start = self._mark[2:]
        if not self._head.startswith(start[: len(self._head)]):
            self._broken("it does not begin with its boundary", self._fed_bytes)
        self._has_begun = len(self._head) >= len(start)
        return self._head if self._has_begun else b""

    def _count_marks(self, data: bytes) -> None:
        mark, reach = self._mark, len(self._mark) - 1
        self._marks += data.count(mark) + (self._tail + data[:reach]).count(mark)
        self._tail = (self._tail + data[-reach:])[-reach:]
        if self._marks > MAX_MARKS:
            self._broken(f"its boundary stands in it more than {MAX_MARKS} times", self._fed_bytes)

    # ------------------------------------------------------------------ parser callbacks

    def _on_part_begin(self) -> None:
        self._count += 1
        self._headers = []
        if self._count > MAX_PARTS:
            raise _too_large(f"The form has more than {MAX_PARTS} parts.")

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers.append((self._name, self._value))
        self._name = self._value = b""

    def _on_headers_finished(self) -> None:
        name, is_file = self._disposition()
        self._part = Part(
            name=name,
            head=b"".join(b"%b: %b\r\n" % header for header in self._headers),
            start=self._spool.size,
            stop=self._spool.size,
            is_text=not is_file and self._is_plain(),
        )

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._spool.write(memoryview(data)[start:end])
        part = self._part
        if part is None or not part.is_text:
            return
        self._text_bytes += end - start
        if self._spool.size - part.start > MAX_FIELD_BYTES:
            name = part.name[:64]
            raise _too_large(f"`{name}` has more than {MAX_FIELD_BYTES:,} bytes.", name)
        if self._text_bytes > MAX_FIELDS_BYTES:
            raise _too_large(f"The form's fields have more than {MAX_FIELDS_BYTES:,} bytes.")

    def _on_part_end(self) -> None:
        part = self._part
        if part is None:
            return
        stop = self._spool.size
        self._parts.append(
            Part(name=part.name, head=part.head, start=part.start, stop=stop, is_text=part.is_text)
        )
        self._part = None

    def _on_end(self) -> None:
        self._has_ended = True

    # ------------------------------------------------------------------ a part's header

    def _disposition(self) -> tuple[str, bool]:
        """Read a part's name, and whether it is a file."""
        for name, value in self._headers:
            if not _HEADER_VALUE.fullmatch(value):
                self._bad_part(f"the header {name[:64].decode()!r} holds a control character")
        found = self._values(b"content-disposition")
        if len(found) != 1:
            self._bad_part("it must have one Content-Disposition")
        try:
            text = found[0].decode()
        except UnicodeDecodeError:
            self._bad_part("its Content-Disposition is not UTF-8")
        kind, mark, rest = text.partition(";")
        rest = mark + rest
        pairs = [(key.lower(), value) for key, value in _PARAMETER.findall(rest)]
        if kind.strip().lower() != "form-data" or _PARAMETER.sub("", rest).strip(" \t;"):
            self._bad_part('its Content-Disposition is not form-data; name="..."')
        parameters = dict(pairs)
        if "name" not in parameters or "name*" in parameters or len(parameters) < len(pairs):
            self._bad_part("its Content-Disposition must give one name")
        if _STRANGE_ESCAPE.search(parameters["name"]):
            self._bad_part("its name holds a backslash, which is read in two ways")
        is_file = "filename" in parameters or "filename*" in parameters
        return _unquoted(parameters["name"]), is_file

    def _is_plain(self) -> bool:
        encodings = self._values(b"content-transfer-encoding")
        return all(each.strip().lower() in _PLAIN_ENCODINGS for each in encodings)

    def _values(self, wanted: bytes) -> list[bytes]:
        return [value for name, value in self._headers if name.lower() == wanted]

    def _bad_part(self, reason: str) -> NoReturn:
        raise _refused(f"Part {self._count} of the multipart body cannot be read: {reason}.")

    def _broken(self, reason: str, place: int) -> NoReturn:
        where = f"byte {place:,}, part {self._count}" if self._count else f"byte {place:,}"
        raise _refused(f"Broken multipart body: {reason} ({where}).")


def _unquoted(value: str) -> str:
    return _ESCAPED.sub(r"\1", value[1:-1]) if value.startswith('"') else value


def _refused(message: str) -> RelayError:
    return RelayError(Failure(kind=FailureKind.INVALID_REQUEST, message=message))


def _too_large(message: str, param: str | None = None) -> RelayError:
    failure = Failure(kind=FailureKind.REQUEST_TOO_LARGE, message=message, param=param)
    return RelayError(failure)
