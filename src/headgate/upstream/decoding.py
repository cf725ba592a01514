"""Unpacking compressed answers, with bounds: an upstream is not trusted to send no bombs.

Source: RFC 9110 8.4.1 (content codings), RFC 8878 (zstd; 8 MiB of window for HTTP);
reliability.md F-U27.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Protocol

from headgate.base.failure import Failure, RelayError
from headgate.upstream.response import (
    Headers,
    UpstreamResponse,
    find_header,
    pump_by_reading,
    read_on,
)
from headgate.upstream.transport_failures import bad_reply, cut

if TYPE_CHECKING:
    from zstandard import ZstdDecompressionObj

    from headgate.upstream.connection import Sink

MOST_UNPACKED_BYTES = 64 * 1024 * 1024
_MOST_RATIO = 200
_RATIO_COUNTS_FROM_BYTES = 1024 * 1024
_ZLIB_STEP_BYTES = 64 * 1024  # unpacked between two looks at the bounds
_ZSTD_STEP_BYTES = 256  # packed; may unpack to 8 MiB at most
_SLICE_BYTES = 16 * 1024  # packed, for each piece handed out
_GZIP_MAGIC = b"\x1f\x8b"
_ZLIB_OR_GZIP = 32 + zlib.MAX_WBITS
_ZSTD_WINDOW_BYTES = 8 * 1024 * 1024

_MISLABELLED = "is not what its content-encoding says"


class DecodingError(ValueError):
    """Not what it says it is, or more than anyone sends in good faith."""


class Decoder(Protocol):
    """Unpacks a body as it comes."""

    @property
    def is_whole(self) -> bool:
        """The packed data has reached an end of its own."""

    def decode(self, data: bytes) -> bytes:
        """Unpack the next bytes.

        Errors: DecodingError.
        """


class _Bounds:
    """Counts both sides, and tells when it is a bomb."""

    __slots__ = ("_packed_bytes", "_unpacked_bytes")

    def __init__(self) -> None:
        self._packed_bytes = 0
        self._unpacked_bytes = 0

    def count(self, packed_bytes: int, unpacked_bytes: int) -> None:
        self._packed_bytes += packed_bytes
        self._unpacked_bytes += unpacked_bytes
        total = self._unpacked_bytes
        if total > MOST_UNPACKED_BYTES:
            raise DecodingError(f"unpacks to more than {MOST_UNPACKED_BYTES} bytes")
        if total > _RATIO_COUNTS_FROM_BYTES and total > _MOST_RATIO * self._packed_bytes:
            raise DecodingError(f"unpacks to more than {_MOST_RATIO} times its size")


class ZlibDecoder:
    """gzip (one or more members) and deflate, with or without the zlib wrapper."""

    __slots__ = ("_bounds", "_inflater")

    def __init__(self) -> None:
        self._bounds = _Bounds()
        self._inflater: zlib._Decompress | None = None

    @property
    def is_whole(self) -> bool:
        return self._inflater is not None and self._inflater.eof

    def decode(self, data: bytes) -> bytes:
        self._bounds.count(len(data), 0)
        pieces = []
        is_full = False  # a full step may have read all there is, and still hold output back
        while data or is_full:
            inflater = self._inflater_for(data)
            try:
                piece = inflater.decompress(data, _ZLIB_STEP_BYTES)
            except zlib.error as error:
                raise DecodingError(_MISLABELLED) from error
            self._bounds.count(0, len(piece))
            pieces.append(piece)
            is_full = len(piece) == _ZLIB_STEP_BYTES and not inflater.eof
            data = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
        return b"".join(pieces)

    def _inflater_for(self, data: bytes) -> zlib._Decompress:
        inflater = self._inflater
        if inflater is None or inflater.eof:
            starts_gzip = data[0] == _GZIP_MAGIC[0]
            if inflater is not None and not starts_gzip:
                raise DecodingError("goes on after its end")
            # Some send deflate without the wrapper whose first bits are these (RFC 9110 8.4.1.2).
            is_bare = not starts_gzip and data[0] & 0x0F != zlib.DEFLATED
            inflater = zlib.decompressobj(-zlib.MAX_WBITS if is_bare else _ZLIB_OR_GZIP)
            self._inflater = inflater
        return inflater


class ZstdDecoder:
    """zstd, of one or more frames. The library bounds no output, so the input goes in drops."""

    __slots__ = ("_bounds", "_frame")

    def __init__(self) -> None:
        self._bounds = _Bounds()
        self._frame: ZstdDecompressionObj | None = None

    @property
    def is_whole(self) -> bool:
        return self._frame is not None and self._frame.eof

    def decode(self, data: bytes) -> bytes:
        import zstandard  # noqa: PLC0415 - 2 MB that only this rare answer needs

        pieces = []
        for start in range(0, len(data), _ZSTD_STEP_BYTES):
            drop = data[start : start + _ZSTD_STEP_BYTES]
            size = len(drop)
            while drop:
                if self._frame is None or self._frame.eof:
                    unpacker = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
                    self._frame = unpacker.decompressobj()
                try:
                    piece = self._frame.decompress(drop)
                except zstandard.ZstdError as error:
                    raise DecodingError(_MISLABELLED) from error
                self._bounds.count(size, len(piece))
                pieces.append(piece)
                drop, size = self._frame.unused_data, 0
        return b"".join(pieces)


_DECODERS: dict[bytes, type[ZlibDecoder] | type[ZstdDecoder]] = {
    b"gzip": ZlibDecoder,
    b"x-gzip": ZlibDecoder,
    b"deflate": ZlibDecoder,
    b"zstd": ZstdDecoder,
}


def decoded(response: UpstreamResponse) -> UpstreamResponse:
    """Put a decoder before an answer that needs one.

    Errors: RelayError when it is packed in a way that we cannot undo; the answer is aborted.
    """
    coding = (find_header(response.headers, b"content-encoding") or b"").strip().lower()
    if coding in (b"", b"identity"):
        return response
    decoder = _DECODERS.get(coding)
    if decoder is None:
        response.abort()
        message = "The upstream's answer has an unknown content-encoding"
        raise RelayError(bad_reply(message, has_begun=False))
    return DecodedResponse(response, decoder())


class DecodedResponse:
    """An answer whose body is unpacked on the way. Its headers tell of the unpacked body."""

    __slots__ = (
        "_decoder",
        "_failure",
        "_has_begun",
        "_has_input",
        "_is_held_back",
        "_packed",
        "_response",
        "headers",
        "status",
    )

    def __init__(self, response: UpstreamResponse, decoder: Decoder) -> None:
        self._response = response
        self._decoder = decoder
        self._packed = b""
        self._failure: Failure | None = None
        self._has_begun = self._has_input = self._is_held_back = False
        self.status = response.status
        self.headers: Headers = [
            header
            for header in response.headers
            if header[0] not in (b"content-encoding", b"content-length")
        ]

    def header(self, name: bytes) -> bytes | None:
        return find_header(self.headers, name)

    async def read(self) -> bytes:
        while self._failure is None:
            if not self._packed:
                self._packed = await self._response.read()
                if not self._packed:
                    return self._end()
                self._has_input = True
            part, self._packed = self._packed[:_SLICE_BYTES], self._packed[_SLICE_BYTES:]
            try:
                data = self._decoder.decode(part)
            except DecodingError as error:
                self._response.abort()
                message = f"The upstream's answer {error}"
                self._failure = bad_reply(message, has_begun=self._is_committed)
                break
            if data:
                self._has_begun = True
                return data
        raise RelayError(self._failure)

    async def pump(self, sink: Sink) -> bool:
        return await pump_by_reading(self, sink)

    async def read_all(self, limit_bytes: int) -> bytes:
        self._is_held_back = True
        return await read_on(self, await self.read(), limit_bytes)

    def release(self) -> None:
        self._failure = self._failure or cut(has_begun=self._is_committed)
        self._response.release()

    def abort(self) -> None:
        self._failure = self._failure or cut(has_begun=self._is_committed)
        self._response.abort()

    @property
    def _is_committed(self) -> bool:
        return self._has_begun and not self._is_held_back

    def _end(self) -> bytes:
        """Tell the clean end from packed data that stops in the middle."""
        if self._has_input and not self._decoder.is_whole:
            self._failure = cut(has_begun=self._is_committed)
            raise RelayError(self._failure)
        return b""
