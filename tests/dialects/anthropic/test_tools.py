"""Tools and the choice among them."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.base.failure import RelayError
from headgate.dialects.anthropic.models import rules_of
from headgate.dialects.anthropic.tools import (
    decode_tool_choice,
    decode_tools,
    encode_tool_choice,
    encode_tools,
    unforced,
)
from headgate.dialects.claude_thinking import Thoughts
from headgate.dialects.leftovers import Leftovers
from headgate.dialects.strict_json import Reader
from headgate.ir.loss import Losses
from headgate.ir.request import (
    CacheMark,
    ChatRequest,
    CustomTool,
    NativeTool,
    Tool,
    ToolChoice,
)

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
STRUCTURED, PLAIN = "claude-sonnet-4-5", "claude-3-haiku"


def encoded(
    *tools: Tool | CustomTool | NativeTool,
    choice: ToolChoice | None = None,
    model: str = STRUCTURED,
) -> tuple[list[Any], list[str]]:
    losses = Losses("anthropic")
    request = ChatRequest(model="m", turns=(), tools=tools, tool_choice=choice)
    found = encode_tools(request, rules_of(model), {}, losses)
    return found, [loss.field for loss in losses]


def test_custom_tools_are_read_and_the_vendors_own_stay_whole() -> None:
    left = Leftovers()
    own = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    custom = {
        "type": "custom",
        "name": "f",
        "description": "d",
        "input_schema": SCHEMA,
        "strict": True,
        "cache_control": {"type": "ephemeral"},
        "defer_loading": True,
    }
    tools = decode_tools(Reader({"tools": [own, custom]}), left)
    assert tools == (
        NativeTool(dialect="anthropic", block=own),
        Tool(name="f", description="d", schema=SCHEMA, strict=True, cache=CacheMark()),
    )
    assert left.found == {"tools[1].defer_loading": True}


@pytest.mark.parametrize(
    ("wire", "choice", "parallel"),
    [
        ({"type": "auto"}, ToolChoice(mode="auto"), None),
        ({"type": "any"}, ToolChoice(mode="required"), None),
        ({"type": "none"}, ToolChoice(mode="none"), None),
        ({"type": "tool", "name": "f"}, ToolChoice(mode="tool", name="f"), None),
        ({"type": "auto", "disable_parallel_tool_use": True}, ToolChoice(mode="auto"), False),
        ({"type": "any", "disable_parallel_tool_use": False}, ToolChoice(mode="required"), True),
    ],
)
def test_the_choice_is_read_and_written_back(
    wire: dict[str, Any], choice: ToolChoice, parallel: bool | None
) -> None:
    assert decode_tool_choice(Reader({"tool_choice": wire}), Leftovers()) == (choice, parallel)
    request = ChatRequest(model="m", turns=(), tool_choice=choice, parallel_tool_calls=parallel)
    assert encode_tool_choice(request, [{}], Losses("anthropic")) == wire


def test_a_choice_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(RelayError, match=r"at `\$\.tool_choice\.type`"):
        decode_tool_choice(Reader({"tool_choice": {"type": "maybe"}}), Leftovers())


def test_single_calls_alone_are_asked_for_by_an_automatic_choice() -> None:
    request = ChatRequest(model="m", turns=(), parallel_tool_calls=False)
    choice = encode_tool_choice(request, [{}], Losses("anthropic"))
    assert choice == {"type": "auto", "disable_parallel_tool_use": True}


def test_a_choice_without_tools_is_not_sent() -> None:
    losses = Losses("anthropic")
    for mode in ("required", "auto"):
        request = ChatRequest(model="m", turns=(), tool_choice=ToolChoice(mode=mode))
        assert encode_tool_choice(request, [], losses) is None
    assert [loss.field for loss in losses] == ["tool_choice"]


def test_a_tool_without_a_schema_takes_an_empty_object() -> None:
    found, losses = encoded(Tool(name="f"))
    assert found == [{"name": "f", "input_schema": {"type": "object", "properties": {}}}]
    assert losses == []


def test_a_strict_tool_gets_a_strict_schema() -> None:
    found, losses = encoded(Tool(name="f", schema=SCHEMA, strict=True))
    assert found[0]["strict"] is True
    assert found[0]["input_schema"]["additionalProperties"] is False
    assert losses == ["tools[0].function.parameters"]


def test_strictness_is_dropped_where_the_model_does_not_know_it() -> None:
    found, losses = encoded(Tool(name="f", schema=SCHEMA, strict=True), model=PLAIN)
    assert "strict" not in found[0]
    assert losses == ["tools[0].function.strict"]


def test_a_name_that_is_refused_cannot_be_sent_at_all() -> None:
    # The model would call it by another name, and nothing could turn that back.
    with pytest.raises(RelayError) as caught:
        encoded(Tool(name="files.read"))
    assert caught.value.failure.param == "tools[0].name"


def test_another_vendors_tool_is_dropped_by_name() -> None:
    found, losses = encoded(NativeTool(dialect="gemini", block={"googleSearch": {}}))
    assert (found, losses) == ([], ["tools[0]"])


def test_a_free_text_tool_becomes_a_function_of_one_text() -> None:
    found, losses = encoded(CustomTool(name="sh", description="Run.", format={"type": "text"}))
    assert found[0]["input_schema"]["required"] == ["input"]
    assert found[0]["description"] == 'Run.\n\nFormat of `input`: {"type":"text"}'
    assert losses == ["tools[0]"]


def test_allowed_tools_are_the_only_ones_offered() -> None:
    choice = ToolChoice(mode="auto", allowed=("b",))
    found, _ = encoded(Tool(name="a"), Tool(name="b"), choice=choice)
    assert [tool["name"] for tool in found] == ["b"]


def test_a_model_that_always_thinks_is_not_forced() -> None:
    losses = Losses("anthropic")
    forced = {"type": "tool", "name": "f", "disable_parallel_tool_use": True}
    found = unforced(forced, rules_of("claude-fable-5"), Thoughts(max_tokens=1), losses)
    assert found == {"type": "auto", "disable_parallel_tool_use": True}
    assert [loss.field for loss in losses] == ["tool_choice"]
    assert unforced(forced, rules_of(STRUCTURED), Thoughts(max_tokens=1), losses) == forced
