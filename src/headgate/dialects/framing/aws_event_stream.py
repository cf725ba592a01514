"""AWS event streams (`application/vnd.amazon.eventstream`): binary messages to frames and back.

A message is its total length, the length of its headers and a CRC of both; the headers; the
payload; and a CRC of all of it. Nothing in it is cut at line ends, so it does not matter where the
bytes that are fed to the decoder were cut.

Source: docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html; `providers.md` 2.5 and 4.1.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import lru_cache
from zlib import crc32

import msgspec

from headgate.base.failure import RelayError, bad_reply
from headgate.base.frames import Frame
from headgate.dialects.framing.sse import MAX_FRAME_BYTES

ERROR_EVENT = "error"  # the event of a message that tells of an error without naming an exception
_EXCEPTION = "Exception"

_PRELUDE = struct.Struct(">III")  # total length, length of the headers, CRC of these eight bytes
_CRC = struct.Struct(">I")
_SHORT = struct.Struct(">H")
_LEAST_BYTES = _PRELUDE.size + _CRC.size
_USUAL_BYTES = 256
_STRING, _BYTES = 7, 6
# Bytes that a header's value takes, by its type; strings and byte arrays say their length.
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


class AwsEventStreamDecoder:
    """Cuts bytes into one frame per message; both checksums are verified.

    A frame's event is the message's `:event-type`. Of an exception it is the `:exception-type`,
    which always ends in "Exception"; of any other error it is `ERROR_EVENT`, with `code` and
    `message` as JSON.
    Errors: RelayError UPSTREAM_BAD_REPLY when a message is longer than `max_frame_bytes`, when a
    checksum is wrong, and when the bytes are no such messages at all.
    """

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._held = bytearray()
        self._needed = _PRELUDE.size  # so many bytes must be there before it is worth a look

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes, give the frames that they complete."""
        held = self._held
        held += data
        if len(held) < self._needed:
            return []
        frames: list[Frame] = []
        start = 0
        while len(held) - start >= _PRELUDE.size:
            end = start + self._length(held, start)
            if end > len(held):
                self._needed = end - start
                break
            frames.append(_frame(bytes(memoryview(held)[start:end])))
            start = end
            self._needed = _PRELUDE.size
        if start:
            del held[:start]
        return frames

    def end(self) -> list[Frame]:
        """Give nothing: a message that lacks its end is none, and its reply has not finished."""
        self._held.clear()
        self._needed = _PRELUDE.size
        return []

    def _length(self, held: bytearray, start: int) -> int:
        """Read how long the message is, as soon as its prelude is there."""
        total, headers, checksum = _PRELUDE.unpack_from(held, start)
        if crc32(memoryview(held)[start : start + 8]) != checksum:
            raise _bad("the stream is not an AWS event stream, or it was damaged on the way")
        if total > self._max_frame_bytes:
            raise _bad(f"one stream message is longer than {self._max_frame_bytes} bytes")
        if total < _LEAST_BYTES or headers > total - _LEAST_BYTES:
            raise _bad("a stream message is shorter than its own headers")
        return int(total)


def _frame(message: bytes) -> Frame:
    """Read one whole message."""
    _, headers_length, _ = _PRELUDE.unpack_from(message)
    body_end = len(message) - _CRC.size
    if crc32(memoryview(message)[:body_end]) != _CRC.unpack_from(message, body_end)[0]:
        raise _bad("a stream message was damaged on the way")
    payload_start = _PRELUDE.size + headers_length
    written = message[_PRELUDE.size : payload_start]
    headers = _kept_headers(written) if len(written) < _USUAL_BYTES else _headers(written)
    payload = message[payload_start:body_end]
    match headers.get(":message-type", "event"):
        case "event":
            return Frame(payload, headers.get(":event-type", ""))
        case "exception" if headers.get(":exception-type", "").endswith(_EXCEPTION):
            return Frame(payload, headers[":exception-type"])
    told = {
        "code": headers.get(":error-code") or headers.get(":exception-type", ""),
        "message": headers.get(":error-message") or payload.decode("utf-8", "replace"),
    }
    return Frame(msgspec.json.encode(told), ERROR_EVENT)


def _headers(data: bytes) -> Mapping[str, str]:
    """Read the headers that are strings; the others are passed over."""
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(data):
            name_end = at + 1 + data[at]
            name = data[at + 1 : name_end].decode("utf-8", "replace")
            kind = data[name_end]
            value_start = name_end + 1
            if kind in (_STRING, _BYTES):
                length = _SHORT.unpack_from(data, value_start)[0]
                value_start += _SHORT.size
            else:
                length = _SIZES[kind]
            at = value_start + length
            if at > len(data):
                raise _bad("a stream message has a header that is cut off")
            if kind == _STRING:
                found[name] = data[value_start:at].decode("utf-8", "replace")
    except (IndexError, KeyError, struct.error):
        raise _bad("a stream message has headers that cannot be read") from None
    return found


# Nearly all messages of a stream have the same headers, byte for byte.
_kept_headers = lru_cache(maxsize=256)(_headers)


def message_bytes(payload: bytes, headers: Mapping[str, str]) -> bytes:
    """Write one message, all headers as strings."""
    written = b"".join(
        bytes([len(name.encode())])
        + name.encode()
        + bytes([_STRING])
        + _SHORT.pack(len(value.encode()))
        + value.encode()
        for name, value in headers.items()
    )
    lengths = _PRELUDE.pack(_LEAST_BYTES + len(written) + len(payload), len(written), 0)[:8]
    whole = lengths + _CRC.pack(crc32(lengths)) + written + payload
    return whole + _CRC.pack(crc32(whole))


def _bad(message: str) -> RelayError:
    return RelayError(bad_reply(message))
