from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from headgate.dialects.leftovers import Leftovers, by_place, keep_unread, put, restore
from headgate.ir.loss import Losses

names = st.text("abcdefgh_", min_size=1, max_size=6)


def test_what_nobody_read_is_kept_by_path() -> None:
    left = Leftovers("messages[3]")
    left.add("messages[3].content[1]", {"caller": {"type": "direct"}})
    left.add("messages[3]", {"id": "x"})
    assert left.extras("gemini") == {"gemini": {"content[1].caller": {"type": "direct"}, "id": "x"}}
    assert by_place(left.found) == {"content[1]": {"caller": {"type": "direct"}}, "": {"id": "x"}}


def test_the_root_of_leftovers_may_have_another_name() -> None:
    left = Leftovers("system", "content")
    left.add("system[1]", {"x": 1})
    assert left.found == {"content[1].x": 1}


def test_nothing_left_makes_no_extras() -> None:
    assert Leftovers().extras("gemini") == {}


def test_null_means_absent_and_the_known_is_not_kept() -> None:
    left = Leftovers()
    left.add("x", {"a": 1, "b": None, "c": 0}, ("a",))
    assert left.found == {"x.c": 0}


@given(st.dictionaries(names, st.integers() | st.dictionaries(names, st.integers())))
def test_what_was_kept_returns_to_its_place(given_fields: dict[str, Any]) -> None:
    left, losses, body = Leftovers(), Losses("openai_chat"), dict[str, Any]()
    left.add("", given_fields)
    left.add("list[0].inner", given_fields)
    body["list"] = [{}]
    restore(body, left.extras("openai_chat"), "openai_chat", losses)
    returned = {} if given_fields == {} else {"inner": given_fields}
    assert body == {"list": [returned]} | given_fields
    assert len(losses) == 0


def test_leftovers_are_put_back_where_they_were() -> None:
    body: dict[str, Any] = {"tools": [{"name": "f"}]}
    found = {"truncation": "auto", "reasoning.context": "x", "tools[0].defer_loading": True}
    assert all(put(body, path, value) for path, value in found.items())
    assert body == {
        "truncation": "auto",
        "reasoning": {"context": "x"},
        "tools": [{"name": "f", "defer_loading": True}],
    }


def test_what_finds_no_place_is_named() -> None:
    losses = Losses("openai_chat")
    body: dict[str, Any] = {"list": [1], "text": "a"}
    kept = {"list[3].x": 1, "list[0].x": 2, "text.x": 3}
    extras = {"openai_chat": kept, "gemini": {"y": 4}}
    restore(body, extras, "openai_chat", losses, "messages[0]")
    assert body == {"list": [1], "text": "a"}
    assert [loss.field for loss in losses] == [
        "messages[0].list[3].x",
        "messages[0].list[0].x",
        "messages[0].text.x",
        "messages[0].y",
    ]


def test_what_says_nothing_in_a_reply_is_not_kept() -> None:
    found: dict[str, Any] = {}
    keep_unread(found, "choices[0]", {"a": None, "b": [], "c": 0, "d": 1}, ("d",))
    keep_unread(found, "", {"e": "x"}, ())
    assert found == {"choices[0].c": 0, "e": "x"}


def test_a_reply_cannot_fill_memory_with_fields() -> None:
    found: dict[str, Any] = {}
    keep_unread(found, "", {str(number): 1 for number in range(1_000)}, ())
    assert len(found) == 64
