"""Reading fields: types, places, leftovers."""

from __future__ import annotations

import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.dialects.anthropic.wire import Leftovers, Reader, by_place, joined, parsed


def test_a_wrong_type_names_its_place() -> None:
    reader = Reader({"role": 3}, "messages[2]")
    with pytest.raises(RelayError) as caught:
        reader.required_text("role")
    failure = caught.value.failure
    assert failure.kind is FailureKind.INVALID_REQUEST
    assert failure.message == "Expected `str`, got `int` - at `$.messages[2].role`"
    assert failure.param == "messages[2].role"


def test_a_missing_field_names_the_object_that_lacks_it() -> None:
    with pytest.raises(RelayError) as caught:
        Reader({}).required_text("model")
    assert caught.value.failure.message == "Object missing required field `model` - at `$`"
    assert caught.value.failure.param is None


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


def test_what_nobody_read_is_kept_by_path() -> None:
    left = Leftovers("messages[3]")
    left.add("messages[3].content[1]", {"caller": {"type": "direct"}})
    left.add("messages[3]", {"id": "x"})
    assert left.extras() == {"anthropic": {"content[1].caller": {"type": "direct"}, "id": "x"}}
    assert by_place(left.found) == {"content[1]": {"caller": {"type": "direct"}}, "": {"id": "x"}}


def test_the_root_of_leftovers_may_have_another_name() -> None:
    left = Leftovers("system", "content")
    left.add("system[1]", {"x": 1})
    assert left.found == {"content[1].x": 1}


def test_nothing_left_makes_no_extras() -> None:
    assert Leftovers().extras() == {}


def test_paths_join_with_dots() -> None:
    assert joined("", "model") == "model"
    assert joined("thinking", "type") == "thinking.type"


@pytest.mark.parametrize("body", [b"{", b'"\xff"', b"[" * 100_000, b""])
def test_broken_json_is_the_callers_mistake(body: bytes) -> None:
    with pytest.raises(RelayError) as caught:
        parsed(body)
    assert caught.value.failure.kind is FailureKind.INVALID_JSON
