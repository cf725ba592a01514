from __future__ import annotations

from typing import Any

import pytest

from headgate.dialects.lenient_json import (
    arguments_object,
    arguments_text,
    canonical,
    compact,
    object_of,
    objects_of,
    one_or_more,
    parsed_object,
    text_of,
)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{", b'"text"', b"<html>", b"\xff", b"[" * 100_000, b'{"a":' * 100_000]
)
def test_what_is_no_object_is_none(data: bytes) -> None:
    assert parsed_object(data) is None


def test_an_object_is_parsed() -> None:
    assert parsed_object(b' {"a": 1} ') == {"a": 1}


@pytest.mark.parametrize("value", [None, 1, [], "text", {"b": 1}])
def test_readers_take_any_json(value: Any) -> None:
    assert text_of(value) == (value if isinstance(value, str) else "")
    assert object_of(value) == (value if isinstance(value, dict) else {})


def test_only_the_objects_of_a_list_are_read() -> None:
    assert objects_of([1, {"a": 1}, None]) == [{"a": 1}]
    assert objects_of("text") == []
    assert objects_of({"a": 1}) == []


def test_a_single_object_may_stand_for_a_list_of_one() -> None:
    assert one_or_more({"a": 1}) == [{"a": 1}]
    assert one_or_more([{"a": 1}, 2, None]) == [{"a": 1}]
    assert one_or_more("text") == []


def test_json_text_has_no_blanks() -> None:
    assert compact({"b": [1, "ä"], "a": 1}) == '{"b":[1,"ä"],"a":1}'


def test_equal_values_have_equal_texts() -> None:
    assert canonical({"b": 1, "a": 2}) == canonical({"a": 2, "b": 1}) == '{"a":2,"b":1}'


@pytest.mark.parametrize(
    ("given", "text"), [(None, ""), ("{}", "{}"), ({"a": 1}, '{"a":1}'), ({}, "{}"), ("", "")]
)
def test_arguments_may_come_as_a_value(given: object, text: str) -> None:
    assert arguments_text(given) == text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        *(("", {}), (" ", {}), ('{"a":1}', {"a": 1})),
        *(("[1]", None), ("{", None), ("\ud800", None), ("[" * 100_000, None)),
    ],
)
def test_arguments_are_an_object_or_none(text: str, found: object) -> None:
    assert arguments_object(text) == found
