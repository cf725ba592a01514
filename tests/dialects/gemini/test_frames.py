from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.dialects.gemini.frames import StreamFrameDecoder, decode_reply_frame

SSE = b'data: {"a": 1}\r\n\r\ndata: {"b":\t"x\\n{"}\r\n\r\n'
ARRAY = b'[{"a": 1}\n,\r\n{"b":\t"x\\n{"}\n]\n'
BROKEN = b'data: {"a": 1}\n\n{\n  "error": {"code": 499}\n}\n'


def frames(*chunks: bytes) -> list[bytes]:
    decoder = StreamFrameDecoder()
    found = [frame for chunk in chunks for frame in decoder.feed(chunk)]
    return [frame.data for frame in found + decoder.end()]


@pytest.mark.parametrize("body", [SSE, ARRAY, b"\n" + ARRAY])
def test_both_forms_of_a_stream_give_the_same_frames(body: bytes) -> None:
    assert frames(body) == [b'{"a": 1}', b'{"b":\t"x\\n{"}']


def test_an_error_between_frames_is_a_frame() -> None:
    assert frames(BROKEN) == [b'{"a": 1}', b'{\n  "error": {"code": 499}\n}']


def test_nothing_gives_nothing() -> None:
    assert frames(b"", b"\r\n") == []


@given(st.sampled_from([SSE, ARRAY, BROKEN]), st.lists(st.integers(1, 60)))
def test_any_split_of_the_bytes_gives_the_same_frames(body: bytes, cuts: list[int]) -> None:
    borders = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    assert frames(*(body[a:b] for a, b in pairwise(borders))) == frames(body)


def test_a_frame_is_read_whatever_else_stands_in_it() -> None:
    reply = decode_reply_frame(b'{"candidates":null,"new":[1],"usageMetadata":{"x": 1}}')
    assert reply.candidates is None
    assert msgspec.json.decode(reply.usage_metadata) == {"x": 1}
