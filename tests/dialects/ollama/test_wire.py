from __future__ import annotations

from typing import Any

import pytest

from headgate.dialects.ollama.wire import compact, object_in, objects_in, parsed_object, text_in


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'"text"', b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_none(data: bytes) -> None:
    assert parsed_object(data) is None


def test_an_object_is_parsed() -> None:
    assert parsed_object(b' {"a": 1} ') == {"a": 1}


@pytest.mark.parametrize("value", [None, 1, [], "text", {"b": 1}])
def test_readers_take_any_json(value: Any) -> None:
    wire = {"a": value}
    assert text_in(wire, "a") == (value if isinstance(value, str) else "")
    assert object_in(wire, "a") == (value if isinstance(value, dict) else {})


def test_what_is_no_object_is_left_out_of_a_list() -> None:
    assert objects_in({"a": [{"b": 1}, 2, None]}, "a") == [{"b": 1}]
    assert objects_in({"a": {"b": 1}}, "a") == []


def test_json_text_has_no_blanks() -> None:
    assert compact({"a": [1, "ä"]}) == '{"a":[1,"ä"]}'
