from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.failure import FailureKind, RelayError
from headgate.base.frames import Frame
from headgate.dialects.framing.json_array import JsonArrayDecoder, JsonArrayEncoder

values = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text('a"\\{}[],é\n'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('k"\\{'), inner),
    max_leaves=8,
)
elements = st.lists(st.dictionaries(st.text('k"\\]'), values, max_size=3), max_size=4)


def frames(*chunks: bytes) -> list[bytes]:
    decoder = JsonArrayDecoder()
    found = [frame for chunk in chunks for frame in decoder.feed(chunk)]
    return [frame.data for frame in found + decoder.end()]


def refusal(*chunks: bytes) -> FailureKind:
    decoder = JsonArrayDecoder(max_frame_bytes=16)
    with pytest.raises(RelayError) as caught:
        for chunk in chunks:
            decoder.feed(chunk)
    return caught.value.failure.kind


def test_each_element_is_a_frame() -> None:
    assert frames(b'[{"a": 1}\n,\r\n{"b": [2, {}]}\n]\n') == [b'{"a": 1}', b'{"b": [2, {}]}']


def test_brackets_and_quotes_inside_strings_do_not_count() -> None:
    assert frames(b'[{"a":"}]{\\"["},{"b\\\\":1}]') == [b'{"a":"}]{\\"["}', b'{"b\\\\":1}']


def test_frames_come_as_soon_as_their_element_is_complete() -> None:
    decoder = JsonArrayDecoder()
    assert decoder.feed(b'[{"a":') == []
    assert decoder.feed(b'"x"},{"b"') == [Frame(b'{"a":"x"}')]


def test_an_object_without_the_array_is_a_frame() -> None:
    assert frames(b'{"error":{"code":400}}') == [b'{"error":{"code":400}}']


def test_an_empty_array_has_no_frames() -> None:
    assert frames(b"[", b"]\n") == []


def test_an_unfinished_element_is_not_a_frame() -> None:
    assert frames(b'[{"a":1},{"b":"2') == [b'{"a":1}']


def test_something_else_than_objects_is_a_bad_reply() -> None:
    assert refusal(b"<html>") is FailureKind.UPSTREAM_BAD_REPLY
    assert refusal(b"[{}, 1]") is FailureKind.UPSTREAM_BAD_REPLY


def test_an_element_that_is_too_long_is_a_bad_reply() -> None:
    assert refusal(b'[{"a":"', b"0123456789ab") is FailureKind.UPSTREAM_BAD_REPLY


@given(elements, st.lists(st.integers(1, 300)), st.booleans())
def test_any_split_of_the_bytes_gives_the_same_elements(
    given_elements: list[object], cuts: list[int], pretty: bool
) -> None:
    body = msgspec.json.encode(given_elements)
    if pretty:
        body = msgspec.json.format(body, indent=2)
    borders = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    pieces = [body[a:b] for a, b in pairwise(borders)]
    assert [msgspec.json.decode(data) for data in frames(*pieces)] == given_elements


@given(elements)
def test_single_bytes_give_the_same_elements(given_elements: list[object]) -> None:
    body = msgspec.json.encode(given_elements)
    pieces = [body[at : at + 1] for at in range(len(body))]
    assert [msgspec.json.decode(data) for data in frames(*pieces)] == given_elements


@given(elements)
def test_what_is_written_as_an_array_is_read_back(given_elements: list[object]) -> None:
    encoder = JsonArrayEncoder()
    body = b"".join(encoder.feed(msgspec.json.encode(element)) for element in given_elements)
    body += encoder.end()
    assert msgspec.json.decode(body) == given_elements
    assert [msgspec.json.decode(data) for data in frames(body)] == given_elements
