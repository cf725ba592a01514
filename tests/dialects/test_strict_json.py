from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.dialects.strict_json import Reader, invalid, joined, misshapen, parsed, shaped


class Inner(msgspec.Struct):
    role: str


class Outer(msgspec.Struct):
    messages: list[Inner]


def test_a_wrong_type_names_its_place() -> None:
    reader = Reader({"role": 3}, "messages[2]")
    with pytest.raises(RelayError) as caught:
        reader.required_text("role")
    failure = caught.value.failure
    assert failure.kind is FailureKind.INVALID_REQUEST
    assert failure.message == "Expected `str`, got `int` - at `$.messages[2].role`"
    assert failure.param == "messages[2].role"


def test_a_missing_field_is_told_with_the_object_that_lacks_it() -> None:
    with pytest.raises(RelayError) as caught:
        Reader({}).required_text("model")
    assert caught.value.failure.message == "Object missing required field `model` - at `$`"
    assert caught.value.failure.param == "model"


def test_an_object_that_is_none_is_refused() -> None:
    with pytest.raises(RelayError, match=r"Expected `object`, got `array` - at `\$\.tools\[0\]`"):
        Reader([], "tools[0]")


def test_null_counts_as_absent() -> None:
    reader = Reader({"system": None, "stream": None, "tools": None, "max_tokens": None})
    assert reader.text("system") is None
    assert reader.flag("stream") is None
    assert reader.items("tools") == []
    assert reader.integer("max_tokens") is None
    assert reader.rest == {}


def test_true_is_no_number() -> None:
    with pytest.raises(RelayError, match="Expected `int`, got `bool`"):
        Reader({"max_tokens": True}).integer("max_tokens")
    with pytest.raises(RelayError, match="Expected `int`, got `bool`"):
        Reader({"temperature": False}).number("temperature")


def test_a_whole_number_is_a_number() -> None:
    assert Reader({"temperature": 1}).number("temperature") == 1.0
    assert Reader({"temperature": 0.5}).number("temperature") == 0.5


def test_a_wrong_entry_of_a_list_is_named_by_its_index() -> None:
    with pytest.raises(RelayError, match=r"at `\$\.stop_sequences\[1\]`"):
        Reader({"stop_sequences": ["a", None]}).texts("stop_sequences")


def test_an_object_inside_is_read_on_at_its_place() -> None:
    inner = Reader({"a": {"b": {}, "c": 1}}, "tools[0]").reader("a")
    assert inner is not None
    assert (inner.place, inner.mapping("b"), inner.rest) == ("tools[0].a", {}, {"c": 1})
    assert inner.reader("d") is None
    assert inner.refuse("c", "str | array").failure.message == (
        "Expected `str | array`, got `int` - at `$.tools[0].a.c`"
    )


def test_paths_join_with_dots() -> None:
    assert joined("", "model") == "model"
    assert joined("thinking", "type") == "thinking.type"


@pytest.mark.parametrize("body", [b"{", b'"\xff"', b"[" * 100_000, b""])
def test_broken_json_is_the_callers_mistake(body: bytes) -> None:
    with pytest.raises(RelayError) as caught:
        parsed(body)
    assert caught.value.failure.kind is FailureKind.INVALID_JSON


def test_broken_json_has_no_shape_either() -> None:
    with pytest.raises(RelayError) as caught:
        shaped(b'{"messages": [', Outer)
    assert caught.value.failure.kind is FailureKind.INVALID_JSON


@pytest.mark.parametrize(
    ("wire", "place"),
    [
        ({"messages": [{"role": 7}]}, "messages[0].role"),
        ({"messages": [{"role": "a"}, {}]}, "messages[1].role"),
        ({"messages": 7}, "messages"),
        ({}, "messages"),
    ],
)
def test_a_wrong_shape_is_told_with_its_place(wire: Any, place: str) -> None:
    with pytest.raises(msgspec.ValidationError) as raised:
        msgspec.convert(wire, Outer)
    with pytest.raises(RelayError) as refused:
        shaped(msgspec.json.encode(wire), Outer)
    for failure in (misshapen(raised.value).failure, refused.value.failure):
        assert failure.kind is FailureKind.INVALID_REQUEST
        assert failure.param == place


@pytest.mark.parametrize(
    ("place", "message", "param"),
    [("a[0].b", "no - at `$.a[0].b`", "a[0].b"), ("", "no - at `$`", None)],
)
def test_a_refusal_names_its_place(place: str, message: str, param: str | None) -> None:
    failure = invalid("no", place).failure
    assert (failure.message, failure.param) == (message, param)
