"""The binary framing: cut anywhere, damaged anywhere, too long, or something else altogether."""

from __future__ import annotations

import struct
from itertools import pairwise
from zlib import crc32

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headgate.base.failure import FailureKind, RelayError
from headgate.base.frames import Frame
from headgate.dialects.framing.aws_event_stream import (
    ERROR_EVENT,
    AwsEventStreamDecoder,
    message_bytes,
)


def event(payload: bytes, kind: str = "contentBlockDelta") -> bytes:
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return message_bytes(payload, headers)


def frames(*chunks: bytes) -> list[Frame]:
    decoder = AwsEventStreamDecoder()
    found = [frame for chunk in chunks for frame in decoder.feed(chunk)]
    return found + decoder.end()


def refused(*chunks: bytes, max_frame_bytes: int = 1000) -> str:
    decoder = AwsEventStreamDecoder(max_frame_bytes)
    with pytest.raises(RelayError) as caught:
        for chunk in chunks:
            decoder.feed(chunk)
    assert caught.value.failure.kind is FailureKind.UPSTREAM_BAD_REPLY
    return caught.value.failure.message


def sealed(headers: bytes, payload: bytes = b"") -> bytes:
    """A message with headers made by hand."""
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    whole = prelude + struct.pack(">I", crc32(prelude)) + headers + payload
    return whole + struct.pack(">I", crc32(whole))


def test_a_message_of_the_published_kind_is_read_and_written_alike() -> None:
    # Taken apart by hand from the description of the encoding, with the CRCs of zlib.
    headers = b"\x0b:event-type\x07\x00\x04ping" + b"\x0d:message-type\x07\x00\x05event"
    assert frames(sealed(headers, b"{}")) == [Frame(b"{}", "ping")]
    written = message_bytes(b"{}", {":event-type": "ping", ":message-type": "event"})
    assert written == sealed(headers, b"{}")


def test_each_message_is_a_frame_named_by_its_event() -> None:
    stream = event(b'{"role":"assistant"}', "messageStart") + event(b'{"a":1}')
    assert frames(stream) == [
        Frame(b'{"role":"assistant"}', "messageStart"),
        Frame(b'{"a":1}', "contentBlockDelta"),
    ]


def test_frames_come_as_soon_as_their_message_is_complete() -> None:
    decoder = AwsEventStreamDecoder()
    whole = event(b"{}")
    assert decoder.feed(whole[:-1]) == []
    assert decoder.feed(whole[-1:] + whole[:5]) == [Frame(b"{}", "contentBlockDelta")]
    assert decoder.feed(whole[5:]) == [Frame(b"{}", "contentBlockDelta")]


def test_an_exception_is_named_by_its_type() -> None:
    headers = {":message-type": "exception", ":exception-type": "throttlingException"}
    found = frames(message_bytes(b'{"message":"slow down"}', headers))
    assert found == [Frame(b'{"message":"slow down"}', "throttlingException")]


@pytest.mark.parametrize(
    ("headers", "data"),
    [
        (
            {":message-type": "error", ":error-code": "500", ":error-message": "oh"},
            b'{"code":"500","message":"oh"}',
        ),
        ({":message-type": "error"}, b'{"code":"","message":"payload"}'),
        (
            {":message-type": "exception", ":exception-type": "odd"},
            b'{"code":"odd","message":"payload"}',
        ),
        ({":message-type": "new"}, b'{"code":"","message":"payload"}'),
    ],
)
def test_any_other_error_is_an_error_frame(headers: dict[str, str], data: bytes) -> None:
    assert frames(message_bytes(b"payload", headers)) == [Frame(data, ERROR_EVENT)]


def test_headers_of_other_types_are_passed_over() -> None:
    others = b"".join(
        bytes([1]) + b"x" + bytes([kind]) + bytes(size)
        for kind, size in [(0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (8, 8), (9, 16)]
    )
    others += b"\x01y\x06\x00\x03abc"
    assert frames(sealed(others + b"\x0b:event-type\x07\x00\x01e", b"1")) == [Frame(b"1", "e")]


@pytest.mark.parametrize(
    "headers",
    [
        b"\x01x\x2a",  # no such type
        b"\x09x",  # the name is cut off
        b"\x01x",  # no type
        b"\x01x\x07\x00",  # no length
        b"\x01x\x07\x00\x09abc",  # the value is cut off
        b"\x01x\x04\x00",
    ],
)
def test_headers_that_cannot_be_read_are_a_bad_reply(headers: bytes) -> None:
    assert "header" in refused(sealed(headers))


@pytest.mark.parametrize("at", range(len(event(b'{"a":1}'))))
def test_a_damaged_byte_anywhere_is_a_bad_reply(at: int) -> None:
    damaged = bytearray(event(b'{"a":1}'))
    damaged[at] ^= 0x55
    refused(bytes(damaged))


@pytest.mark.parametrize(
    "garbage", [b"<html><body>502", b"data: {}\n\ndata: {}\n\n", bytes(12), b"\xff" * 12]
)
def test_garbage_is_refused_before_it_is_buffered(garbage: bytes) -> None:
    assert "AWS event stream" in refused(garbage[:12])


def test_a_message_that_is_too_long_is_refused_by_its_prelude() -> None:
    prelude = struct.pack(">II", 2**31, 0)
    assert "longer than 1000" in refused(prelude + struct.pack(">I", crc32(prelude)))


@pytest.mark.parametrize(("total", "headers"), [(15, 0), (0, 0), (20, 5)])
def test_lengths_that_cannot_be_are_a_bad_reply(total: int, headers: int) -> None:
    prelude = struct.pack(">II", total, headers)
    assert "shorter" in refused(prelude + struct.pack(">I", crc32(prelude)))


def test_a_message_that_lacks_its_end_is_none() -> None:
    assert frames(event(b"{}")[:-1]) == []


@given(
    st.lists(st.tuples(st.binary(max_size=40), st.text(max_size=8)), max_size=5),
    st.lists(st.integers(0, 600)),
)
@example([(b"a\n\nb\n\n", "x"), (b"\n\n", "y")], [60, 61, 62, 63])
def test_any_split_of_the_bytes_gives_the_same_frames(
    messages: list[tuple[bytes, str]], cuts: list[int]
) -> None:
    body = b"".join(event(payload, kind) for payload, kind in messages)
    borders = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    pieces = [body[a:b] for a, b in pairwise(borders)]
    assert frames(*pieces) == [Frame(payload, kind) for payload, kind in messages]
    assert frames(*[body[i : i + 1] for i in range(len(body))]) == frames(body)


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_decoder_or_fill_it(data: bytes) -> None:
    decoder = AwsEventStreamDecoder(max_frame_bytes=64)
    try:
        for at in range(len(data)):
            decoder.feed(data[at : at + 1])
            assert len(decoder._held) <= 64
    except RelayError as error:
        assert error.failure.kind is FailureKind.UPSTREAM_BAD_REPLY
