"""Values that were passed over at the door, and are looked at later."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.failure import FailureKind, RelayError
from headgate.dialects.fields import decoded_fields, field, legible, runs


def fields(body: bytes) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(body, type=dict[str, msgspec.Raw])


def test_a_field_is_decoded_when_it_is_asked_for() -> None:
    sent = fields(b'{"n":[1],"none":null}')
    assert field(sent, "n") == [1]
    assert field(sent, "none") is None
    assert field(sent, "absent") is None
    assert decoded_fields(sent) == {"n": [1], "none": None}


@pytest.mark.parametrize("value", [b"1e999", b'{"a":[-1e999]}', b"9" * 5000])
def test_a_number_without_end_is_the_callers_mistake(value: bytes) -> None:
    for read in (lambda sent: field(sent, "n"), decoded_fields):
        with pytest.raises(RelayError) as caught:
            read(fields(b'{"n":%b}' % value))
        assert caught.value.failure.kind is FailureKind.INVALID_REQUEST
        assert caught.value.failure.param == "n"


IMAGE = b"QUJD" * 50_000


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":"%b","b":"__mark__"}' % IMAGE,
        b'{"a":"__mark__%b"}' % IMAGE,
        b'{"a":"call_%b.__mark__xyz"}' % IMAGE,
        b'{"a":"%b","b":["__mark__","%b"]}' % (IMAGE, IMAGE),
    ],
)
def test_what_stands_near_a_quote_is_found_beside_images(body: bytes) -> None:
    short = legible(body)
    assert b"__mark__" in short
    assert len(short) < 20_000


def test_texts_and_small_requests_are_searched_as_they_are() -> None:
    for body in (b"x" * 60_000, b'{"a":"some \\"words\\" of a text"},' * 5000):
        assert legible(body) is body


@given(st.lists(st.sampled_from([b'"', b"\\", b"\\" * 3000, b"a" * 9000, IMAGE[:4096], b"[{"])))
def test_what_is_left_out_holds_no_quote_and_cuts_no_escape(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    end_before = 0
    for start, end in runs(data):
        assert end_before <= start < end <= len(data)
        assert b'"' not in data[start - 1024 : end + 1024].strip(b'"')
        assert data[start - 1 : start] != b"\\"
        assert data[end - 1 : end] != b"\\"
        end_before = end
