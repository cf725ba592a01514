"""PNG images that say in a text chunk where they come from. Small, whatever their size."""

from __future__ import annotations

import re
import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SIDE_DEFAULT = 1024
SIDE_MAX = 4096
SIZE = re.compile(r"(?P<width>\d{1,4})x(?P<height>\d{1,4})")
GREYSCALE = 0


def sides(size: str) -> tuple[int, int]:
    """The width and height that a caller asks for as `1024x1536`; `auto` and nonsense: a square."""
    said = SIZE.fullmatch(size)
    if said is None:
        return SIDE_DEFAULT, SIDE_DEFAULT
    width, height = (max(1, min(int(side), SIDE_MAX)) for side in said.groups())
    return width, height


def picture(width: int, height: int, about: str) -> bytes:
    """A white image of one bit per pixel, with a text about it."""
    header = struct.pack(">IIBBBBB", width, height, 1, GREYSCALE, 0, 0, 0)
    row = b"\x00" + b"\xff" * (-(-width // 8))
    comment = b"Comment\x00" + about.encode("latin-1", "replace")
    return b"".join(
        (
            SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"tEXt", comment),
            _chunk(b"IDAT", zlib.compress(row * height, 9)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
