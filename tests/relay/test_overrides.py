"""The operator's changes to a body (`uni-api.md` 1.10; 6.2, cases 70 and 71)."""

from copy import deepcopy
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.relay.overrides import merged, overridden, removed
from headgate.snapshot.facts import Override, Removal

# 07-overrides-headers-proxy-suffixes.yaml, provider `ov`.
GLOBAL = Override(
    values={"temperature": 0.5, "metadata": {"src": "gw"}}, removals=(Removal(path=("user",)),)
)
ALIAS = Override(values={"top_p": 0.1}, removals=(Removal(path=("metadata",)),))
BODY = {"model": "m", "user": "u", "temperature": 1, "metadata": {"team": "x"}}


def test_dicts_are_merged_scalars_replaced_and_removals_removed() -> None:
    assert overridden(BODY, [GLOBAL]) == {
        "model": "m",
        "temperature": 0.5,
        "metadata": {"team": "x", "src": "gw"},
    }


def test_models_own_block_comes_after_the_one_for_all() -> None:
    assert overridden(BODY, [GLOBAL, ALIAS]) == {"model": "m", "temperature": 0.5, "top_p": 0.1}


def test_lists_are_replaced() -> None:
    assert merged({"stop": ["a", "b"]}, {"stop": ["c"]}) == {"stop": ["c"]}


def test_scalar_gives_way_to_a_dict_and_back() -> None:
    assert merged({"a": 1, "b": {"c": 2}}, {"a": {"d": 3}, "b": 4}) == {"a": {"d": 3}, "b": 4}


WEB_SEARCH = Removal(path=("tools",), conditions=({"type": "web_search"},), drop_empty=True)


@pytest.mark.parametrize(
    ("tools", "left"),
    [
        ([{"type": "web_search"}, {"type": "function"}], {"tools": [{"type": "function"}]}),
        ([{"type": "web_search"}], {}),
        ([{"type": "function"}], {"tools": [{"type": "function"}]}),
        ([], {}),
    ],
)
def test_list_items_are_removed_one_by_one(tools: list[Any], left: dict[str, Any]) -> None:
    assert removed({"tools": tools}, WEB_SEARCH) == left


def test_empty_list_stays_unless_it_is_to_be_dropped() -> None:
    removal = Removal(path=("tools",), conditions=({"type": "web_search"},))
    assert removed({"tools": [{"type": "web_search"}]}, removal) == {"tools": []}


def test_condition_may_look_deeper_and_every_part_of_it_must_hold() -> None:
    removal = Removal(path=("tools",), conditions=({"function.name": "f", "type": "function"},))
    tools = [
        {"type": "function", "function": {"name": "f"}},
        {"type": "function", "function": {"name": "g"}},
        {"type": "function", "function": "f"},
        {"type": "other", "function": {"name": "f"}},
    ]
    assert removed({"tools": tools}, removal) == {"tools": tools[1:]}


def test_any_of_several_conditions_suffices() -> None:
    removal = Removal(path=("include",), conditions=("a", "b"))
    assert removed({"include": ["a", "b", "c"]}, removal) == {"include": ["c"]}


def test_plain_value_is_removed_if_it_meets_the_condition() -> None:
    removal = Removal(path=("service_tier",), conditions=("flex",))
    assert removed({"service_tier": "flex"}, removal) == {}
    assert removed({"service_tier": "auto"}, removal) == {"service_tier": "auto"}


def test_path_goes_through_dicts_and_lists() -> None:
    removal = Removal(path=("messages", "cache", "ttl"))
    body = {"messages": [{"cache": {"ttl": 1, "type": "x"}}, {"role": "user"}, "text"]}
    assert removed(body, removal) == {
        "messages": [{"cache": {"type": "x"}}, {"role": "user"}, "text"]
    }


@pytest.mark.parametrize("path", [("absent",), ("model", "deeper"), ("absent", "deeper")])
def test_path_that_leads_nowhere_changes_nothing(path: tuple[str, ...]) -> None:
    assert removed({"model": "m"}, Removal(path=path)) == {"model": "m"}


def test_what_no_override_touches_goes_on_byte_for_byte() -> None:
    untouched = msgspec.Raw(b'{"a" :  1.00}')
    body = {"messages": untouched, "metadata": msgspec.Raw(b'{"team":"x"}')}
    result = overridden(body, [GLOBAL])
    assert result["messages"] is untouched
    assert result["metadata"] == {"team": "x", "src": "gw"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)
BODIES = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)
REMOVALS = st.builds(
    Removal,
    path=st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(tuple),
    conditions=st.lists(JSON, max_size=2).map(tuple),
    drop_empty=st.booleans(),
)
OVERRIDES = st.builds(Override, values=BODIES, removals=st.lists(REMOVALS, max_size=2).map(tuple))


@given(BODIES, st.lists(OVERRIDES, max_size=3))
def test_neither_the_body_nor_the_snapshot_is_edited_in_place(
    body: dict[str, Any], overrides: list[Override]
) -> None:
    before = deepcopy((body, overrides))
    overridden(body, overrides)
    assert (body, overrides) == before
