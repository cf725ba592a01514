from __future__ import annotations

from typing import Any

import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.dialects.openai_responses.wire import (
    Leftovers,
    Reader,
    by_place,
    parsed,
    put,
    restore,
)
from headgate.ir.loss import Losses


def test_a_wrong_type_is_refused_with_its_place() -> None:
    with pytest.raises(RelayError) as refusal:
        Reader({"a": 1}, "tools[0]").text("a")
    assert refusal.value.failure.kind == FailureKind.INVALID_REQUEST
    assert refusal.value.failure.param == "tools[0].a"
    assert refusal.value.failure.message == "Expected `str`, got `int` - at `$.tools[0].a`"


def test_a_truth_is_no_number() -> None:
    with pytest.raises(RelayError):
        Reader({"a": True}).integer("a")


def test_null_counts_as_absent() -> None:
    reader = Reader({"a": None})
    assert reader.text("a") is None
    assert reader.rest == {}
    left = Leftovers()
    left.add("x", {"a": None, "b": 1})
    assert left.found == {"x.b": 1}


def test_no_json_is_said_so() -> None:
    with pytest.raises(RelayError) as refusal:
        parsed(b"{")
    assert refusal.value.failure.kind == FailureKind.INVALID_JSON


def test_leftovers_are_put_back_where_they_were() -> None:
    body: dict[str, Any] = {"tools": [{"name": "f"}]}
    losses = Losses("openai_responses")
    found = {"truncation": "auto", "reasoning.context": "x", "tools[0].defer_loading": True}
    restore(body, {"openai_responses": found, "gemini": {"labels": {}}}, losses)
    assert body == {
        "truncation": "auto",
        "reasoning": {"context": "x"},
        "tools": [{"name": "f", "defer_loading": True}],
    }
    assert [loss.field for loss in losses] == ["labels"]


def test_what_has_no_place_any_more_is_told() -> None:
    assert not put({"tools": []}, "tools[3].defer_loading", True)


def test_leftovers_are_found_by_their_object() -> None:
    assert by_place({"id": "m", "content[0].x": 1}) == {"": {"id": "m"}, "content[0]": {"x": 1}}
