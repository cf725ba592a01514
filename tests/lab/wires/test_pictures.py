from __future__ import annotations

import struct
import zlib

import pytest

from headgate.lab.wires.pictures import SIGNATURE, picture, sides


def chunks(data: bytes) -> dict[bytes, bytes]:
    """The chunks of a PNG, their checksums verified."""
    assert data.startswith(SIGNATURE)
    found, data = {}, data[len(SIGNATURE) :]
    while data:
        (length,), kind = struct.unpack(">I", data[:4]), data[4:8]
        content, checksum = data[8 : 8 + length], data[8 + length : 12 + length]
        assert struct.unpack(">I", checksum) == (zlib.crc32(kind + content),)
        found[kind], data = content, data[12 + length :]
    return found


@pytest.mark.parametrize(("width", "height"), [(1, 1), (17, 3), (1024, 1536)])
def test_a_picture_is_a_png_of_its_size(width: int, height: int) -> None:
    found = chunks(picture(width, height, "ok1: a cat"))
    assert struct.unpack(">II", found[b"IHDR"][:8]) == (width, height)
    assert len(zlib.decompress(found[b"IDAT"])) == (1 + -(-width // 8)) * height
    assert found[b"tEXt"] == b"Comment\x00ok1: a cat"


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("256x512", (256, 512)),
        ("auto", (1024, 1024)),
        ("", (1024, 1024)),
        ("9999x0", (4096, 1)),
        ("1024x", (1024, 1024)),
    ],
)
def test_a_size_is_read_and_bounded(size: str, expected: tuple[int, int]) -> None:
    assert sides(size) == expected
