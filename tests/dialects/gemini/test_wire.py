from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.dialects.gemini import wire


def refusal(read: Callable[[], object]) -> str:
    with pytest.raises(RelayError) as caught:
        read()
    failure = caught.value.failure
    assert failure.kind is FailureKind.INVALID_REQUEST
    assert failure.param is not None
    assert f"`$.{failure.param}`" in failure.message
    return failure.param


@pytest.mark.parametrize(
    ("name", "ours"),
    [("inline_data", "inlineData"), ("inlineData", "inlineData"), ("text", "text")],
)
def test_both_spellings_of_a_name_are_one(name: str, ours: str) -> None:
    assert wire.camel(name) == ours


def test_a_name_in_both_spellings_is_refused() -> None:
    both: dict[str, Any] = {"inline_data": {}, "inlineData": {}}
    assert refusal(lambda: wire.fields(both, "contents[0].parts[0]")) == "contents[0].parts[0]"
    assert wire.fields({"a_b": None, "aB": 1}, "") == {"aB": 1}


def test_names_inside_of_objects_can_be_spelled_anew() -> None:
    assert wire.all_camel({"a_b": {"c_d": 1}, "e": "f_g"}) == {"aB": {"cD": 1}, "e": "f_g"}
    assert wire.all_camel(None) is None


def test_null_is_absent() -> None:
    assert wire.fields({"top_p": 1, "top_k": None}, "x") == {"topP": 1}


def test_one_object_counts_as_a_list_of_one() -> None:
    assert wire.objects({"a_b": 1}, "x") == [({"aB": 1}, "x")]
    assert wire.objects([{}, {"a": 1}], "x") == [({}, "x[0]"), ({"a": 1}, "x[1]")]


@pytest.mark.parametrize("value", [40, 40.0, "40"])
def test_whole_numbers_come_in_three_forms(value: object) -> None:
    assert wire.whole(value, "x") == 40


@pytest.mark.parametrize("value", [1.5, True, "x", None, [], float("inf")])
def test_what_is_no_whole_number_is_refused_with_its_place(value: object) -> None:
    assert refusal(lambda: wire.whole(value, "a.b[0]")) == "a.b[0]"


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (wire.text, 1),
        (wire.flag, 1),
        (wire.number, "1"),
        (wire.number, True),
        (wire.fields, []),
        (wire.objects, 1),
        (wire.texts, "ab"),
    ],
)
def test_a_wrong_type_is_refused_with_its_place(
    read: Callable[[Any, str], object], value: object
) -> None:
    assert refusal(lambda: read(value, "here")) == "here"


def test_a_fault_inside_of_a_list_is_named_with_its_index() -> None:
    assert refusal(lambda: wire.texts(["a", 2], "stop")) == "stop[1]"
    assert refusal(lambda: wire.objects([{}, 2], "parts")) == "parts[1]"


def test_laying_over_merges_objects_and_replaces_the_rest() -> None:
    base = {"a": {"x": 1, "y": 2}, "b": [1]}
    assert wire.merged(base, {"a": {"y": 3}, "b": [2], "c": 0}) == {
        "a": {"x": 1, "y": 3},
        "b": [2],
        "c": 0,
    }
    assert base == {"a": {"x": 1, "y": 2}, "b": [1]}
