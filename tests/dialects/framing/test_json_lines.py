from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.failure import FailureKind, RelayError
from headgate.base.frames import Frame
from headgate.dialects.framing.json_lines import JsonLinesDecoder


def frames(*chunks: bytes) -> list[bytes]:
    decoder = JsonLinesDecoder()
    found = [frame for chunk in chunks for frame in decoder.feed(chunk)]
    return [frame.data for frame in found + decoder.end()]


def test_each_line_is_a_frame() -> None:
    assert frames(b'{"a":1}\n{"b":2}\n') == [b'{"a":1}', b'{"b":2}']


def test_last_line_may_lack_its_end() -> None:
    assert frames(b'{"a":1}\n{"b":2}') == [b'{"a":1}', b'{"b":2}']


def test_blank_lines_and_carriage_returns_are_no_frames() -> None:
    assert frames(b'\r\n{"a":1}\r\n\r\n \n') == [b'{"a":1}']


def test_frames_come_as_soon_as_their_line_is_complete() -> None:
    decoder = JsonLinesDecoder()
    assert decoder.feed(b'{"a"') == []
    assert decoder.feed(b":1}\n{") == [Frame(b'{"a":1}')]


def test_a_line_that_is_too_long_is_a_bad_reply() -> None:
    decoder = JsonLinesDecoder(max_frame_bytes=8)
    decoder.feed(b'{"a":1}\n{"b"')
    with pytest.raises(RelayError) as caught:
        decoder.feed(b":22222}")
    assert caught.value.failure.kind is FailureKind.UPSTREAM_BAD_REPLY


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"))),
    st.lists(st.integers(0, 200)),
)
def test_any_split_of_the_bytes_gives_the_same_frames(texts: list[str], cuts: list[int]) -> None:
    body = "\n".join(texts).encode()
    borders = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    pieces = [body[a:b] for a, b in pairwise(borders)]
    assert frames(*pieces) == frames(body)
