"""A request's body on its way in: collected without copies, unpacked without surprises.

Source: reliability.md F-C10 (too large) and F-C11 (compression bombs).
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Protocol

import zstandard

from headgate.base.failure import Failure, FailureKind, RelayError

_STEP = 512  # packed bytes at a time: zstd makes at most 16 MiB of them, deflate 0.5 MiB
_TURN = 1 << 20  # after so many bytes other requests have their turn
_ZSTD_WINDOW = 8 << 20  # RFC 9659: what every HTTP decoder must offer, and need not exceed
_GZIP, _ZLIB, _RAW_DEFLATE = 31, 15, -15  # zlib's wbits


class _Decoder(Protocol):
    """What zlib's and zstandard's decompressors have in common."""

    @property
    def eof(self) -> bool:
        """Whether the packed data has come to its own end."""

    @property
    def unused_data(self) -> bytes:
        """What was given beyond that end."""

    def decompress(self, data: bytes) -> bytes:
        """Unpack the next piece."""


class Budget:
    """Memory that all large bodies of the process share."""

    def __init__(self, total_bytes: int) -> None:
        self.free_bytes = total_bytes

    def claim(self, size: int) -> None:
        """Take a part.

        Errors: `RelayError` (503) when not enough is left.
        """
        if size > self.free_bytes:
            raise RelayError(
                Failure(
                    kind=FailureKind.INTERNAL,
                    status=503,
                    code="server_busy",
                    message="Too many large requests are open; try again shortly.",
                    retry_after_s=1.0,
                )
            )
        self.free_bytes -= size

    def give_back(self, size: int) -> None:
        """Return what was claimed."""
        self.free_bytes += size


class Collector:
    """Collects one body at a time, for one connection.

    A body that came in one piece is handed on as it is. More pieces are written into a `BytesIO`,
    whose `getvalue` gives its own buffer away, so that even 64 MiB exist only once.
    """

    __slots__ = ("_budget", "_claimed", "_first", "_rest", "limit", "size")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._claimed = 0
        self._first = b""
        self._rest: BytesIO | None = None
        self.limit = 0
        self.size = 0

    def begin(self, limit: int) -> None:
        """Start on the next body."""
        self._first = b""
        self._rest = None
        self.limit = limit
        self.size = 0

    def add(self, piece: bytes, *, keep: bool = True) -> None:
        """Append a piece; only count it when somebody else keeps it.

        Errors: `RelayError` (413) beyond the limit, (503) beyond the common budget.
        """
        self.size += len(piece)
        if self.size > self.limit:
            raise too_large(self.limit)
        if not keep:
            return
        if self.size == len(piece):
            self._first = piece
            return
        self.claim(len(piece))
        if self._rest is None:
            self._rest = BytesIO()
            self._rest.write(self._first)
            self._first = b""
        self._rest.write(piece)

    def take(self) -> bytes:
        """The complete body."""
        if self._rest is None:
            body, self._first = self._first, b""
            return body
        body, self._rest = self._rest.getvalue(), None
        return body

    def claim(self, size: int) -> None:
        """Charge the common budget until `release`."""
        self._budget.claim(size)
        self._claimed += size

    def release(self) -> None:
        """Give the budget back: no body of this connection is in use any more."""
        if self._claimed:
            self._budget.give_back(self._claimed)
            self._claimed = 0


def too_large(limit: int) -> RelayError:
    """The body is larger than it may be."""
    message = f"The request body is larger than the limit of {limit:,} bytes."
    return RelayError(Failure(kind=FailureKind.REQUEST_TOO_LARGE, message=message))


async def unpacked(body: bytes, coding: bytes, limit: int, claim: Callable[[int], None]) -> bytes:
    """Undo a `Content-Encoding`; `claim` is told of every piece of memory taken.

    Errors: `RelayError` 415 for a coding that is unknown or nested, 413 when the body is larger
    than the limit once unpacked, 400 when it is broken, cut, or followed by something else.
    """
    name = coding.decode("latin-1").strip().lower()
    if name == "identity":
        return body
    decoder = _decoder(name, body)
    out = BytesIO()
    turn = _TURN
    for start in range(0, len(body), _STEP):
        if decoder.eof:
            raise _broken(name, "something follows its end")
        try:
            piece = decoder.decompress(body[start : start + _STEP])
        except (zlib.error, zstandard.ZstdError) as error:
            raise _broken(name, str(error)) from None
        if out.tell() + len(piece) > limit:
            raise too_large(limit)
        claim(len(piece))
        out.write(piece)
        if start + out.tell() > turn:
            turn = start + out.tell() + _TURN
            await asyncio.sleep(0)
    if not decoder.eof:
        raise _broken(name, "it ends too early")
    if decoder.unused_data:
        raise _broken(name, "something follows its end")
    return out.getvalue()


def _decoder(name: str, body: bytes) -> _Decoder:
    if name in ("gzip", "x-gzip"):
        return zlib.decompressobj(_GZIP)
    if name == "deflate":  # RFC 9110 8.4.1.2 means zlib's format, but some send it without
        is_zlib = bool(body) and body[0] & 0x0F == zlib.DEFLATED
        has_header = is_zlib and int.from_bytes(body[:2], "big") % 31 == 0
        return zlib.decompressobj(_ZLIB if has_header else _RAW_DEFLATE)
    if name == "zstd":
        return zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
    message = (
        f"The content encoding {name[:40]!r} is not understood. Use one of gzip, deflate, zstd."
    )
    raise RelayError(Failure(kind=FailureKind.UNSUPPORTED_MEDIA, message=message))


def _broken(name: str, reason: str) -> RelayError:
    message = f"The {name} body cannot be unpacked: {reason}."
    return RelayError(Failure(kind=FailureKind.INVALID_REQUEST, message=message))
