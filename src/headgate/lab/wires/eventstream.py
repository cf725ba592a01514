"""AWS's binary event stream: frames with lengths, headers and two checksums.

Source: docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

from msgspec import json

from headgate.lab.wires.question import Json

EVENTSTREAM_TYPE = "application/vnd.amazon.eventstream"
STRING = 7
PRELUDE = struct.Struct(">II")
CHECKSUM = struct.Struct(">I")


def message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One frame.

    Shape:  u32 length of all, u32 length of the headers, u32 CRC32 of those 8 bytes, headers
            (u8 length, name, u8 type 7, u16 length, value), payload, u32 CRC32 of all before.
    """
    block = b"".join(
        struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", STRING, len(value))
        + value.encode()
        for name, value in headers.items()
    )  # fmt: skip
    prelude = PRELUDE.pack(len(block) + len(payload) + 16, len(block))
    data = prelude + CHECKSUM.pack(zlib.crc32(prelude)) + block + payload
    return data + CHECKSUM.pack(zlib.crc32(data))


def event(name: str, payload: Json) -> bytes:
    """An event with a JSON payload."""
    headers = {
        ":event-type": name,
        ":content-type": "application/json",
        ":message-type": "event",
    }
    return message(headers, json.encode(payload))


def exception(name: str, payload: Json) -> bytes:
    """An exception, which ends the stream."""
    headers = {
        ":exception-type": name,
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    return message(headers, json.encode(payload))
