"""Wherever the network cuts a stream, its frames and what they mean are the same.

The short form takes made-up streams and some recordings; `make soak` takes every recording.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from headgate.base.frames import Frame
from headgate.dialects.bridge import WIRES
from headgate.dialects.dialect import FrameDecoder
from headgate.dialects.framing.aws_event_stream import AwsEventStreamDecoder
from headgate.dialects.framing.json_array import JsonArrayDecoder
from headgate.dialects.framing.json_lines import JsonLinesDecoder
from headgate.dialects.framing.sse import SseDecoder
from headgate.dialects.gemini.frames import StreamFrameDecoder
from tests.dialects.streams import (
    Stream,
    cut_at,
    frames_of,
    in_pieces,
    made,
    recorded,
    settled,
    some_recorded,
)

SIZES = (1, 2, 3, 7)
MADE = made()
OF_LINES = [name for name, wire in WIRES.items() if wire.stream_type == b"text/event-stream"]
LONG = 3000  # bytes; beyond that only every so many places are cut in the short form
PLACES = 400


def decoder_of(stream: Stream) -> FrameDecoder:
    return WIRES[stream.wire].frame_decoder()


def events_of(stream: Stream, frames: Iterable[Frame]) -> bytes:
    """Give the events, written down."""
    decoder = WIRES[stream.wire].stream_decoder()
    events = [event for frame in frames for event in decoder.feed(frame)] + decoder.end()
    return settled(repr(events).encode())


def check_pieces(stream: Stream, data: bytes) -> None:
    """In pieces of every size the frames are the same, and so are the events."""
    whole = frames_of(decoder_of(stream), data)
    events = events_of(stream, whole)
    for size in SIZES:
        pieces = frames_of(decoder_of(stream), *in_pieces(data, size))
        assert pieces == whole, (stream.name, size)
        assert events_of(stream, pieces) == events, (stream.name, size)


def check_cuts(stream: Stream, data: bytes, step: int = 1) -> None:
    """Cut in two at every so many bytes, the frames are the same."""
    whole = frames_of(decoder_of(stream), data)
    for place in range(1, len(data), step):
        assert frames_of(decoder_of(stream), *cut_at(data, place)) == whole, (stream.name, place)


def otherwise_ended(stream: Stream) -> list[bytes]:
    """Write a stream with the other ends of lines, with comments, and without its last end."""
    data = stream.data.replace(b"\r\n", b"\n")
    blocks = data.split(b"\n\n")
    return [
        data.replace(b"\n", b"\r\n"),
        data.replace(b"\n", b"\r"),
        data.rstrip(b"\n"),
        data.rstrip(b"\n") + b"\n",
        data.replace(b"\n", b"\r\n").rstrip(b"\r\n") + b"\r",
        b"\xef\xbb\xbf" + data,
        b"\xef\xbb\xbf" + data.rstrip(b"\n"),
        b"\n\n: ping\n\n".join(blocks),
        b"\r\n\r\n".join(blocks[::2]) + b"\n\n" + b"\r\r".join(blocks[1::2]),
        b"\n\r\n".join(blocks),
        b"\r\n\n".join(blocks),
    ]


@pytest.mark.parametrize("stream", MADE, ids=lambda stream: f"{stream.wire}-{stream.name}")
def test_made_streams_may_be_cut_anywhere(stream: Stream) -> None:
    check_pieces(stream, stream.data)
    check_cuts(stream, stream.data)


@pytest.mark.parametrize("wire", OF_LINES)
def test_ends_of_lines_marks_and_comments_may_be_cut_anywhere(wire: str) -> None:
    stream = min((one for one in MADE if one.wire == wire), key=lambda one: len(one.data))
    for data in otherwise_ended(stream):
        check_pieces(stream, data)
        check_cuts(stream, data)


@pytest.mark.parametrize(
    "stream",
    [stream for stream in MADE if stream.wire in OF_LINES],
    ids=lambda stream: f"{stream.wire}-{stream.name}",
)
def test_ends_of_lines_marks_and_comments_mean_nothing(stream: Stream) -> None:
    expected = events_of(stream, frames_of(decoder_of(stream), stream.data))
    for number, data in enumerate(otherwise_ended(stream)[:8]):
        assert events_of(stream, frames_of(decoder_of(stream), data)) == expected, number


def test_some_recorded_streams_may_be_cut_anywhere() -> None:
    for stream in some_recorded(20_000, 6):
        check_pieces(stream, stream.data)
        check_cuts(stream, stream.data, max(1, len(stream.data) // PLACES))


@pytest.mark.soak
def test_every_recorded_stream_may_be_cut_anywhere() -> None:
    """Each place of each stream, by windows: between whole frames a decoder holds nothing."""
    count = 0
    for stream in recorded():
        check_pieces(stream, stream.data)
        for window in windows(stream):
            check_cuts(stream, window)
        count += 1
    print(f"{count} recorded streams, cut at each of their bytes")


def windows(stream: Stream) -> Iterable[bytes]:
    """Give the stream in overlapping runs of some whole blocks; small ones as they are."""
    data = stream.data
    separator = next((mark for mark in (b"\r\n\r\n", b"\n\n", b"\n") if mark in data), b"")
    if len(data) <= LONG or WIRES[stream.wire].stream_type == b"application/vnd.amazon.eventstream":
        yield data[:LONG]
        return
    blocks = data.split(separator)
    for start in range(0, len(blocks), 4):
        yield separator.join(blocks[start : start + 5])


# ------------------------------------------------------------------ the framings themselves

SSE = (
    b"\xef\xbb\xbf: hello\n\ndata: a\r\ndata: b\r\n\r\nevent: x\rdata:c\r\rid: 1\n\ndata\n\n"
    b"data: d\n\r\ndata: e\r\n\ndata: f\n\n\n\nretry: 1\ndata: \n\ndata: g"
)
ARRAY = b' [ {"a": "]}\\"\\\\"},\r\n{"b": [1, {"c": "\\u00e9"}]} , {} ]\n'
LINES = b'{"a":1}\r\n\n  \n{"b":"\\n"}\n{"c":3}'


@pytest.mark.parametrize(
    ("framing", "data"),
    [
        (SseDecoder, SSE),
        (SseDecoder, SSE.rstrip(b"g") + b"g\r"),
        (JsonArrayDecoder, ARRAY),
        (JsonLinesDecoder, LINES),
        (AwsEventStreamDecoder, next(one.data for one in MADE if one.wire == "bedrock_converse")),
        (StreamFrameDecoder, ARRAY),
        (StreamFrameDecoder, SSE),
        (StreamFrameDecoder, b'data: {"a":1}\n\n{"error": {\n "code": 1}}\n'),
        (StreamFrameDecoder, b'data: {"a":1}\r\n\r\n  {"error": {"code": 1}}'),
        (StreamFrameDecoder, b'data: {"a":1}\n\n[{"error": {"code": 1}}]'),
        (StreamFrameDecoder, b'\r\n \n  {"error": {"code": 1}}'),
        (StreamFrameDecoder, b'\xef\xbb\xbf[{"a":1}]'),
        (StreamFrameDecoder, b'data: {"a":1}\r\r{"error": 1}'),
    ],
)
def test_every_framing_may_be_cut_in_three_anywhere(
    framing: type[FrameDecoder], data: bytes
) -> None:
    whole = frames_of(framing(), data)
    assert whole
    for size in SIZES:
        assert frames_of(framing(), *in_pieces(data, size)) == whole, size
    short = data[:150]
    whole = frames_of(framing(), short)
    for first in range(len(short)):
        for second in range(first, len(short)):
            assert frames_of(framing(), *cut_at(short, first, second)) == whole, (first, second)
