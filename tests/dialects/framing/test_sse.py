from __future__ import annotations

from itertools import pairwise
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.failure import FailureKind, RelayError
from headgate.base.frames import Frame
from headgate.dialects.framing.sse import SseDecoder, cut_at_frame_border, frame_bytes

STREAM = (
    b": OPENROUTER PROCESSING\n\n"
    b'data: {"text":"h\xc3\xa9"}\n\n'
    b"\n\n"
    b"event: message_stop\r\ndata:no space\r\n\r\n"
    b":HTTP_STATUS/200\nid: 7\nretry: 10\ndata: one\ndata: two\n\n"
    b"event: ping\n\n"
    b"data\r\rdata: [DONE]\r\r"
)
FRAMES = [
    Frame(b'{"text":"h\xc3\xa9"}'),
    Frame(b"no space", "message_stop"),
    Frame(b"one\ntwo"),
    Frame(b"[DONE]"),
]


def decoded(*chunks: bytes) -> list[Frame]:
    """Feed the chunks one by one, then end the stream."""
    decoder = SseDecoder()
    frames = [frame for chunk in chunks for frame in decoder.feed(chunk)]
    return [*frames, *decoder.end()]


def test_every_line_end_comment_and_field_is_read_as_the_standard_says() -> None:
    assert decoded(STREAM) == FRAMES


@pytest.mark.parametrize("cut", range(1, len(STREAM)))
def test_any_split_in_two_gives_the_same_frames(cut: int) -> None:
    assert decoded(STREAM[:cut], STREAM[cut:]) == FRAMES


def test_single_bytes_give_the_same_frames() -> None:
    assert decoded(*(STREAM[index : index + 1] for index in range(len(STREAM)))) == FRAMES


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_any_split_gives_the_same_frames(cuts: list[int]) -> None:
    borders = [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[a:b] for a, b in pairwise(borders)]
    assert decoded(*chunks) == FRAMES


def test_a_frame_is_given_as_soon_as_it_is_complete() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: a\n\ndata: b") == [Frame(b"a")]
    assert decoder.feed(b"c\n\n") == [Frame(b"bc")]


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    assert decoded(b"\xef\xbb\xbfdata: x\n\n") == [Frame(b"x")]
    assert decoded(b"\xef", b"\xbb\xbfda", b"ta: x\n\n") == [Frame(b"x")]


def test_the_last_frame_may_lack_its_blank_line() -> None:
    assert decoded(b"data: a\n\ndata: b") == [Frame(b"a"), Frame(b"b")]
    assert decoded(b"data: a\r\n\r\ndata: b\r\n") == [Frame(b"a"), Frame(b"b")]


def test_only_one_space_after_the_colon_is_framing() -> None:
    assert decoded(b"data:  x \n\n") == [Frame(b" x ")]


def test_a_stream_of_nothing_gives_nothing() -> None:
    assert decoded() == []
    assert decoded(b"\n\n\r\n: waiting\n\nevent: ping\n\n") == []


def test_an_empty_data_line_is_a_heartbeat_and_no_frame() -> None:
    assert decoded(b"data: \n\ndata:\n\nevent: x\ndata:\n\n") == []


def test_a_frame_that_never_ends_is_refused_at_the_bound() -> None:
    decoder = SseDecoder(max_frame_bytes=64)
    with pytest.raises(RelayError) as raised:
        for _ in range(20):
            decoder.feed(b"data: " + b"x" * 10)
    assert raised.value.failure.kind is FailureKind.UPSTREAM_BAD_REPLY


def test_many_small_frames_in_one_read_do_not_hit_the_bound() -> None:
    decoder = SseDecoder(max_frame_bytes=64)
    assert len(decoder.feed(b"data: x\n\n" * 100)) == 100
    assert len(decoder.feed(b"data: x\n\n" * 100)) == 100


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (b"", 0),
        (b"data: a", 0),
        (b"data: a\n", 0),
        (b"data: a\n\n", 9),
        (b"data: a\n\ndata: b", 9),
        (b"data: a\r\n\r\ndata", 11),
        (b"data: a\r\rdata", 9),
        (b"data: a\n\ndata: b\r\n\r\nd", 20),
    ],
)
def test_the_border_of_the_last_whole_frame_is_found(data: bytes, whole: int) -> None:
    assert cut_at_frame_border(data) == whole


single_lines = st.binary(min_size=1, max_size=40).filter(lambda data: not {10, 13} & set(data))


@given(single_lines, st.sampled_from(["", "x"]))
def test_what_is_written_is_read_back(data: bytes, event: str) -> None:
    assert decoded(frame_bytes(data, event)) == [Frame(data, event)]


def test_a_block_of_many_lines_is_not_looked_at_again_for_each_of_them() -> None:
    lines = 100_000
    began_s = process_time()
    frames = decoded(*[b"data: x\n"] * lines, b"\n")
    assert len(frames[0].data) == 2 * lines - 1
    assert process_time() - began_s < 2.0  # joining what is held for every line took minutes


def test_a_mark_before_a_stream_without_line_ends_is_left_out() -> None:
    assert decoded(b"\xef\xbb", b"\xbfdata: x") == [Frame(b"x")]


def test_an_event_that_ends_with_a_bare_cr_is_given_at_once() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: a\r\r") == [Frame(b"a")]
    assert decoder.feed(b"\ndata: b\r\n\r") == [Frame(b"b")]
    assert decoder.feed(b"\ndata: c\n\n") == [Frame(b"c")]
