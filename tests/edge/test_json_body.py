"""The top level of JSON: read as every other parser reads it, or refused with the place."""

from __future__ import annotations

import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.failure import FailureKind, RelayError
from headgate.edge.json_body import MAX_DEPTH, MAX_KEYS, MAX_NODES, decode_fields, place

MIB = 1 << 20


def refusal(body: bytes) -> tuple[FailureKind, str]:
    with pytest.raises(RelayError) as refused:
        decode_fields(body)
    return refused.value.failure.kind, refused.value.failure.message


def depth(levels: int) -> bytes:
    """An object with arrays in it, so many levels in all."""
    return b'{"a":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


def test_values_stay_as_they_were_written() -> None:
    fields = decode_fields(b'{"model": "a",  "n":1.50, "x":{ "y" : [1 ,2]}}')
    assert {name: bytes(value) for name, value in fields.items()} == {
        "model": b'"a"',
        "n": b"1.50",
        "x": b'{ "y" : [1 ,2]}',
    }


BROKEN = {
    b"": "The body is empty; a JSON object is expected.",
    b" \r\n\t ": "The body is empty; a JSON object is expected.",
    b"{": "Broken JSON: it ends too early, at line 1 column 2 (byte 1).",
    b'{"a":1': "Broken JSON: it ends too early, at line 1 column 7 (byte 6).",
    b'{"a":"b': "Broken JSON: it ends too early, at line 1 column 8 (byte 7).",
    b'{"a":1}\n x': "Broken JSON: trailing characters at line 2 column 2 (byte 9).",
    b'{"a":\n1,}': "Broken JSON: trailing comma in object at line 2 column 3 (byte 8).",
    b'{"a":NaN}': "Broken JSON: invalid character at line 1 column 6 (byte 5).",
    b'{"a":[Infinity]}': "Broken JSON: invalid character at line 1 column 7 (byte 6).",
    b'{"a":1/*x*/}': "Broken JSON: expected ',' or '}' at line 1 column 7 (byte 6).",
    b"{'a':1}": "Broken JSON: object keys must be strings at line 1 column 2 (byte 1).",
    b'{"a":01}': "Broken JSON: invalid number at line 1 column 7 (byte 6).",
    b'{"a":"\x01"}': "Broken JSON: invalid character at line 1 column 7 (byte 6).",
    b'{"a":"\xff"}': "The body is not UTF-8: invalid start byte at line 1 column 7 (byte 6).",
    b'{"a":["\xc3("]}': (
        "The body is not UTF-8: invalid continuation byte at line 1 column 8 (byte 7)."
    ),
    b'{"\xff":1}': "The body is not UTF-8: invalid start byte at line 1 column 3 (byte 2).",
    b'{"a":"\xed\xa0\x80"}': (
        "The body is not UTF-8: invalid continuation byte at line 1 column 7 (byte 6)."
    ),
    b"\xef\xbb\xbf{}": "The body starts with a byte order mark, which JSON does not allow.",
}


@pytest.mark.parametrize(("body", "message"), BROKEN.items())
def test_what_is_no_json_is_refused_with_the_place(body: bytes, message: str) -> None:
    """F-C12, F-C13."""
    kind, told = refusal(body)
    assert kind is FailureKind.INVALID_JSON
    assert told == message


@pytest.mark.parametrize("text", ["\\ud800", "\\udc00", "\\ud800\\u0041", "\\ud800x"])
def test_lone_surrogate_is_refused_at_every_level(text: str) -> None:
    assert refusal(f'{{"a":"{text}"}}'.encode())[0] is FailureKind.INVALID_JSON
    assert refusal(f'{{"a":[{{"b":"{text}"}}]}}'.encode())[0] is FailureKind.INVALID_JSON
    assert refusal(f'{{"{text}":1}}'.encode())[0] is FailureKind.INVALID_JSON


def test_pair_of_surrogates_is_a_character() -> None:
    assert bytes(decode_fields(b'{"a":"\\ud83d\\ude00"}')["a"]) == b'"\\ud83d\\ude00"'


def test_invalid_utf8_far_in_is_told_by_its_byte() -> None:
    body = b'{"a":"' + "é".encode() * MIB + b'\n\xff"}'
    where = f"line 2 column 1 (byte {7 + 2 * MIB})"
    assert refusal(body) == (
        FailureKind.INVALID_JSON,
        f"The body is not UTF-8: invalid start byte at {where}.",
    )


@pytest.mark.parametrize("body", [b"[1]", b"null", b'"a"', b"1", b"true"])
def test_json_that_is_no_object_is_refused(body: bytes) -> None:
    kind, told = refusal(body)
    assert kind is FailureKind.INVALID_REQUEST
    assert told.startswith("The body must be a JSON object")


DUPLICATES = [
    b'{"a":1,"a":2}',
    b'{"a":1,"a":1}',
    b'{"a": 1, "a": 1}',
    b'{ "a" : 12 , "a":1}',
    b'{"a":1,"b":{"a":1},"\\u0061":2}',
    b'{"a":1,"b":2,"a":[1,2,{"a":"}"}]}',
    b'{"":1,"":2}',
    b'{"a":"x","b":1,  "a":"xy"}',
    b'{"a":12,"a":1}',
    '{"é":1,"\\u00e9":2}'.encode(),
]


@pytest.mark.parametrize("body", DUPLICATES)
def test_key_given_twice_is_refused(body: bytes) -> None:
    """F-C15: parsers differ on which one counts."""
    with pytest.raises(RelayError) as refused:
        decode_fields(body)
    assert refused.value.failure.code == "duplicate_key"
    assert refused.value.failure.param is not None


def test_duplicate_is_told_with_its_place() -> None:
    assert refusal(b'{"n":1,\n "model":"a",\n "n":1, "model":"b"}')[1] == (
        "Duplicate key `model` at line 2 column 2 (byte 9)."
    )


def test_keys_within_values_may_repeat_each_other() -> None:
    assert set(decode_fields(b'{ "a":{"a":1,"a":2}, "b":{"a":1}}')) == {"a", "b"}


@pytest.mark.parametrize("levels", [MAX_DEPTH - 1, MAX_DEPTH])
def test_deep_is_allowed_up_to_the_limit(levels: int) -> None:
    assert set(decode_fields(depth(levels))) == {"a"}
    assert set(decode_fields(b'{"b":{"c":"[[[["},' + depth(levels)[1:])) == {"a", "b"}


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 500, 5_000, 1_000_000])
def test_deeper_is_refused(levels: int) -> None:
    """F-C14."""
    assert refusal(depth(levels))[1] == "The body is nested more than 128 levels deep."
    unclosed = b'{"a":' + b"[" * levels
    assert refusal(unclosed)[0] in (FailureKind.INVALID_REQUEST, FailureKind.INVALID_JSON)


def test_deep_object_among_flat_ones_is_found() -> None:
    body = b'{"messages":[{},{"a":' + b'{"b":' * 127 + b"1" + b"}" * 127 + b"}]}"
    assert refusal(body)[1] == "The body is nested more than 128 levels deep."


def test_brackets_in_strings_are_no_levels() -> None:
    text = '[{"\\]}' * 500
    body = json.dumps({"messages": [{"content": text}, [text]], "prompt": text}).encode()
    assert set(decode_fields(body)) == {"messages", "prompt"}


def test_levels_are_counted_across_the_steps_of_a_large_body() -> None:
    """A string, an escape and a nesting that each lie on a boundary of the scan."""
    for shift in range(6):
        filler = b"x" * (MIB - 12 - shift) + b'\\\\\\"[[' + b"y" * MIB
        body = b'{"s":"' + filler + b'","a":' + b"[" * 100 + b"]" * 100 + b',"b":[[]]}'
        assert len(decode_fields(body)) == 3
        deeper = body.replace(b"[[]]", b"[" * 128 + b"]" * 128)
        assert refusal(deeper)[1] == "The body is nested more than 128 levels deep."


def test_values_are_counted() -> None:
    few = b'{"a":[' + b"1," * (MAX_NODES // 2) + b"1]}"
    many = b'{"a":[' + b"1," * MAX_NODES + b"1]}"
    assert set(decode_fields(few)) == {"a"}
    assert refusal(many)[1] == "The body holds more than 200,000 values."
    assert refusal(b'{"a":[' + b"[]," * MAX_NODES + b"1]}")[1] == (
        "The body holds more than 200,000 values."
    )


def test_top_level_has_a_bound_of_its_own() -> None:
    body = msgspec.json.encode({f"k{number}": 1 for number in range(MAX_KEYS + 1)})
    assert refusal(body)[1] == "The body has more than 1,000 keys."


HEAVY = {
    "text": b'{"a":"' + b"x" * 16 * MIB + b'"}',
    "escapes": b'{"a":"' + b'\\"' * 8 * MIB + b'"}',
    "brackets in text": b'{"a":"' + b"[" * 16 * MIB + b'"}',
    "values": b'{"a":[' + b"[]," * 5 * MIB + b"1]}",
    "keys": b"{" + b'"":1,' * 3 * MIB + b'"a":1}',
    "spaces": b"{" + b" " * 16 * MIB + b'"a" : 1}',
    "multi-byte text": b'{"a":"' + "é".encode() * 8 * MIB + b'"}',
}


@pytest.mark.parametrize("body", HEAVY.values(), ids=HEAVY.keys())
def test_cost_is_linear_whatever_the_body(body: bytes) -> None:
    """16 MiB: a quadratic step would take hours."""
    before_s = time.perf_counter()
    try:
        decode_fields(body)
    except RelayError as error:
        assert error.failure.http_status == 400
    assert time.perf_counter() - before_s < 3


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        (0, "line 1 column 1"),
        (2, "line 1 column 3"),
        (3, "line 2 column 1"),
        (5, "line 3 column 1"),
    ],
)
def test_place_counts_lines_and_columns_from_one(offset: int, expected: str) -> None:
    assert place(b"ab\nc\nd", offset) == f"{expected} (byte {offset})"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)
LAYOUTS: list[dict[str, Any]] = [
    {"separators": (",", ":")},
    {},
    {"indent": 2},
    {"separators": (" ,\t", " :\n"), "ensure_ascii": False},
]


@given(st.dictionaries(st.text(), JSON, max_size=8), st.sampled_from(LAYOUTS))
def test_every_object_in_every_layout_is_read(
    value: dict[str, Any], layout: dict[str, Any]
) -> None:
    try:
        body = json.dumps(value, **layout).encode()
    except UnicodeEncodeError:  # a lone surrogate, which UTF-8 cannot hold
        return
    if b"\\ud" in body and layout.get("ensure_ascii", True):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return
    fields = decode_fields(body)
    assert {name: msgspec.json.decode(raw) for name, raw in fields.items()} == json.loads(body)


@given(
    st.lists(st.tuples(st.text('ab\\"é ', max_size=2), JSON), max_size=6),
    st.sampled_from([",", ", ", " ,\n"]),
    st.sampled_from([":", ": ", " : "]),
)
def test_object_is_refused_exactly_when_a_key_repeats(
    pairs: list[tuple[str, Any]], comma: str, colon: str
) -> None:
    text = comma.join(json.dumps(key) + colon + json.dumps(value) for key, value in pairs)
    body = ("{" + text + "}").encode()
    if b"\\ud" in body:
        return
    keys = [key for key, _ in pairs]
    if len(set(keys)) == len(keys):
        assert list(decode_fields(body)) == keys
    else:
        assert "Duplicate key" in refusal(body)[1]


@pytest.mark.parametrize("filler", [b"QUJD" * 100_000, b"\\\\" * 200_000, b"[" * 300_000])
def test_depth_is_seen_beside_images(filler: bytes) -> None:
    deep = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert refusal(b'{"i":"%b","a":%b}' % (filler, deep))[0] is FailureKind.INVALID_REQUEST
    assert refusal(b'{"a":%b,"i":"%b"}' % (deep, filler))[0] is FailureKind.INVALID_REQUEST
    flat = b"[" + b"[[]]," * MAX_DEPTH + b'"%b"]' % filler
    assert list(decode_fields(b'{"i":"%b","a":%b}' % (filler, flat))) == ["i", "a"]


def test_a_request_with_images_is_read_in_about_the_time_that_its_copy_takes() -> None:
    turns = b",".join(b'{"role":"user","parts":[{"text":"hi"}]}' for _ in range(100))
    image = b'{"parts":[{"data":"%b"}]}' % (b"QUJD" * (MIB // 4))
    body = b'{"contents":[%b,%b]}' % (turns, image)
    times = []
    for _ in range(10):
        began_s = time.process_time()
        decode_fields(body)
        times.append(time.process_time() - began_s)
    assert min(times) < 0.01  # a millisecond; looking at every byte again and again took ten
