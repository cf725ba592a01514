from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.failure import FailureKind, RelayError
from headgate.dialects.openai_chat.places import Leftovers, misshapen, refuse, restore
from headgate.ir.loss import Losses

names = st.text("abcdefgh_", min_size=1, max_size=6)


class Inner(msgspec.Struct):
    role: str


class Outer(msgspec.Struct):
    messages: list[Inner]


@pytest.mark.parametrize(
    ("wire", "place"),
    [
        ({"messages": [{"role": 7}]}, "messages[0].role"),
        ({"messages": [{"role": "a"}, {}]}, "messages[1].role"),
        ({"messages": 7}, "messages"),
        ({}, "messages"),
    ],
)
def test_a_wrong_type_is_told_with_its_place(wire: Any, place: str) -> None:
    with pytest.raises(msgspec.ValidationError) as raised:
        msgspec.convert(wire, Outer)
    failure = misshapen(raised.value).failure
    assert failure.kind is FailureKind.INVALID_REQUEST
    assert failure.param == place


@pytest.mark.parametrize(
    ("place", "message", "param"),
    [("a[0].b", "no - at `$.a[0].b`", "a[0].b"), ("", "no - at `$`", None)],
)
def test_a_refusal_names_its_place(place: str, message: str, param: str | None) -> None:
    with pytest.raises(RelayError) as raised:
        refuse("no", place)
    assert raised.value.failure.message == message
    assert raised.value.failure.param == param


@given(st.dictionaries(names, st.integers() | st.dictionaries(names, st.integers())))
def test_what_was_kept_returns_to_its_place(given_fields: dict[str, Any]) -> None:
    left, losses, body = Leftovers(), Losses("openai_chat"), dict[str, Any]()
    left.keep("", given_fields, ())
    left.keep("list[0].inner", given_fields, ())
    body["list"] = [{}]
    restore(body, {"openai_chat": left.found}, "", losses)
    returned = {} if given_fields == {} else {"inner": given_fields}
    assert body == {"list": [returned]} | given_fields
    assert len(losses) == 0


def test_null_means_absent_and_the_known_is_not_kept() -> None:
    left = Leftovers()
    left.keep("", {"a": 1, "b": None, "c": 0}, ("a",))
    assert left.found == {"c": 0}


def test_what_finds_no_place_is_named() -> None:
    losses = Losses("openai_chat")
    body: dict[str, Any] = {"list": [1], "text": "a"}
    kept = {"list[3].x": 1, "list[0].x": 2, "text.x": 3}
    restore(body, {"openai_chat": kept, "gemini": {"y": 4}}, "messages[0].", losses)
    assert body == {"list": [1], "text": "a"}
    assert [loss.field for loss in losses] == [
        "messages[0].list[3].x",
        "messages[0].list[0].x",
        "messages[0].text.x",
        "messages[0].y",
    ]
