from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headgate.base.failure import RelayError
from headgate.dialects.leftovers import Leftovers
from headgate.dialects.openai_responses.tools import (
    Offered,
    decode_tool_choice,
    decode_tools,
    encode_tool_choice,
    encode_tools,
    offered_by,
)
from headgate.dialects.strict_json import Reader
from headgate.ir.loss import Losses
from headgate.ir.request import CacheMark, CustomTool, NativeTool, Tool, ToolChoice

SPACE = {
    "type": "namespace",
    "name": "mcp__files",
    "description": "Files.",
    "tools": [
        {"type": "function", "name": "read", "description": "Reads.", "parameters": {}},
        {"type": "custom", "name": "patch"},
    ],
}


def decoded(tools: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    left = Leftovers()
    return decode_tools(Reader({"tools": tools}), Offered(tools), left), left.found


def chosen(choice: Any, tools: Any = ()) -> tuple[ToolChoice | None, dict[str, Any]]:
    left = Leftovers()
    found = decode_tool_choice(Reader({"tool_choice": choice}), Offered(tools), left)
    return found, left.found


def test_functions_free_text_and_the_vendors_own_tools_are_read() -> None:
    tools = [
        {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True},
        {"type": "custom", "name": "c", "format": {"type": "text"}},
        {"type": "web_search"},
    ]
    assert decoded(tools) == (
        (
            Tool(name="f", schema={"type": "object"}, strict=True),
            CustomTool(name="c", format={"type": "text"}),
            NativeTool(dialect="openai_responses", block={"type": "web_search"}),
        ),
        {},
    )


def test_unknown_fields_of_a_tool_are_kept() -> None:
    _, left = decoded([{"type": "function", "name": "f", "defer_loading": True}])
    assert left == {"tools[0].defer_loading": True}


def test_a_tool_without_a_name_is_refused() -> None:
    with pytest.raises(RelayError) as refusal:
        decoded([{"type": "function"}])
    assert refusal.value.failure.param == "tools[0].name"


# ---------------------------------------------------------------------- namespaces


def test_a_namespace_becomes_tools_of_one_name() -> None:
    tools, left = decoded([{"type": "function", "name": "f"}, SPACE])
    assert [tool.name for tool in tools] == ["f", "mcp__files__read", "mcp__files__patch"]
    assert tools[1].description == "Files.\n\nReads."
    assert left == {}


def test_names_are_found_again_in_both_directions() -> None:
    offered = Offered([SPACE])
    assert offered.flat("mcp__files", "read") == "mcp__files__read"
    assert offered.own("mcp__files__read") == ("mcp__files", "read")
    assert offered.own("other") == (None, "other")
    assert offered.flat("mcp__files", "other") is None


def test_names_are_short_plain_and_never_the_same() -> None:
    long = "x" * 60
    spaces = [
        {"type": "namespace", "name": name, "tools": [{"type": "function", "name": tool}]}
        for name, tool in [
            (long, "read"),
            (long, "ready"),
            ("a.b", "c"),
            ("a", "b__c"),
            ("a__b", "c"),
        ]
    ]
    offered = Offered([{"type": "function", "name": "a_b__c"}, *spaces])
    own = [(long, "read"), (long, "ready"), ("a.b", "c"), ("a", "b__c"), ("a__b", "c")]
    flat = [offered.flat(*pair) or "" for pair in own]
    assert len({*flat, "a_b__c"}) == 6
    assert all(0 < len(name) <= 64 for name in flat)
    assert all(name.replace("_", "").replace("-", "").isalnum() for name in flat)
    assert [offered.own(name) for name in flat] == own
    again = Offered([{"type": "function", "name": "a_b__c"}, *spaces])
    assert [again.flat(*pair) for pair in own] == flat


def test_what_a_caller_offers_is_read_from_its_request() -> None:
    fields = {"tools": msgspec.Raw(msgspec.json.encode([SPACE]))}
    assert offered_by(fields).own("mcp__files__read") == ("mcp__files", "read")
    assert offered_by({}).own("a") == (None, "a")
    assert offered_by({"tools": msgspec.Raw(b"?")}).own("a") == (None, "a")


# ------------------------------------------------------------------------- choices


@pytest.mark.parametrize(
    ("wire", "choice"),
    [
        ("auto", ToolChoice(mode="auto")),
        ("none", ToolChoice(mode="none")),
        ("required", ToolChoice(mode="required")),
        ({"type": "function", "name": "f"}, ToolChoice(mode="tool", name="f")),
        (
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "f"}],
            },
            ToolChoice(mode="required", allowed=("f",)),
        ),
    ],
)
def test_choices_are_read_and_written(wire: Any, choice: ToolChoice) -> None:
    assert chosen(wire) == (choice, {})
    assert encode_tool_choice(choice, [Tool(name="f")]) == wire


def test_a_free_text_tool_is_chosen_as_such() -> None:
    choice = ToolChoice(mode="tool", name="c")
    assert encode_tool_choice(choice, [CustomTool(name="c")]) == {"type": "custom", "name": "c"}


def test_a_namespaced_tool_is_chosen_by_its_one_name() -> None:
    wire = {"type": "function", "namespace": "mcp__files", "name": "read"}
    assert chosen(wire, [SPACE])[0] == ToolChoice(mode="tool", name="mcp__files__read")


def test_chats_spelling_of_a_choice_is_read() -> None:
    wire = {"type": "function", "function": {"name": "f"}}
    assert chosen(wire)[0] == ToolChoice(mode="tool", name="f")


@pytest.mark.parametrize(
    "wire",
    [
        {"type": "web_search"},
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "web_search"}]},
    ],
)
def test_a_choice_of_the_vendors_own_tools_is_kept(wire: Any) -> None:
    assert chosen(wire) == (None, {"tool_choice": wire})


@pytest.mark.parametrize("wire", ["maybe", 5])
def test_a_strange_choice_is_refused(wire: Any) -> None:
    with pytest.raises(RelayError) as refusal:
        chosen(wire)
    assert refusal.value.failure.param == "tool_choice"


# ------------------------------------------------------------------------- writing


def test_a_tool_that_is_not_strict_says_so() -> None:
    losses = Losses("openai_responses")
    tools: list[Tool | CustomTool | NativeTool] = [
        Tool(name="f", cache=CacheMark()),
        NativeTool(dialect="anthropic", block={"type": "bash"}),
    ]
    assert encode_tools(tools, losses) == [
        {
            "type": "function",
            "name": "f",
            "parameters": {"type": "object", "properties": {}},
            "strict": False,
        }
    ]
    assert [loss.field for loss in losses] == ["tools[0].cache_control", "tools[1]"]
