"""Tools, and the choice among them, which knows no `none`."""

from __future__ import annotations

import pytest

from headgate.base.failure import RelayError
from headgate.dialects.bedrock_converse.tools import is_forced
from headgate.ir.request import (
    CacheMark,
    CustomTool,
    Json,
    NativeTool,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from tests.dialects.bedrock_converse.asked import (
    CLAUDE_37,
    NOVA,
    assistant,
    carried,
    user,
    written,
)

F = Tool(name="f", description="does f", schema={"type": "object", "properties": {}})
SPEC = {
    "toolSpec": {
        "name": "f",
        "description": "does f",
        "inputSchema": {"json": {"type": "object", "properties": {}}},
    }
}
HISTORY = (
    user("Hi"),
    assistant(ToolCall(call_id="t", name="g", arguments="{}")),
    user(ToolResult(call_id="t", content=(Text(text="x"),))),
)


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        (None, None),
        (ToolChoice(mode="auto"), {"auto": {}}),
        (ToolChoice(mode="required"), {"any": {}}),
        (ToolChoice(mode="tool", name="f"), {"tool": {"name": "f"}}),
    ],
)
def test_choices_have_their_words(choice: ToolChoice | None, wire: Json | None) -> None:
    config = carried(tools=(F,), tool_choice=choice)["toolConfig"]
    assert config == {"tools": [SPEC]} | ({} if wire is None else {"toolChoice": wire})
    assert is_forced(config) == (wire not in (None, {"auto": {}}))


def test_without_tools_nothing_is_said() -> None:
    assert "toolConfig" not in carried()
    assert set(written(tool_choice=ToolChoice(mode="required"))[1]) == {"tool_choice"}


def test_none_leaves_the_tools_out_and_says_so() -> None:
    body, lost = written(tools=(F,), tool_choice=ToolChoice(mode="none"))
    assert "toolConfig" not in body
    assert lost == {
        "tool_choice": "the tools are left out instead",
        "tools[0]": "not to be called",
    }


def test_none_cannot_be_said_with_calls_in_the_history() -> None:
    body, lost = written(*HISTORY, tools=(F,), tool_choice=ToolChoice(mode="none"))
    assert body["toolConfig"] == {"tools": [SPEC], "toolChoice": {"auto": {}}}
    assert set(lost) == {"tool_choice"}


def test_tools_of_the_history_are_declared_again() -> None:
    body, lost = written(*HISTORY)
    schema = {"type": "object", "properties": {}}
    assert body["toolConfig"]["tools"] == [
        {"toolSpec": {"name": "g", "inputSchema": {"json": schema}}}
    ]
    assert set(lost) == {"tools"}


def test_a_list_of_allowed_tools_offers_no_others() -> None:
    other = Tool(name="g", schema={"type": "object"})
    choice = ToolChoice(mode="auto", allowed=("f",))
    body, lost = written(tools=(F, other), tool_choice=choice)
    assert body["toolConfig"]["tools"] == [SPEC]
    assert set(lost) == {"tools[1]"}


def test_strict_tools_are_closed_where_the_model_can() -> None:
    strict = Tool(name="f", schema={"type": "object", "properties": {}}, strict=True)
    body, lost = written(tools=(strict,))
    spec = body["toolConfig"]["tools"][0]["toolSpec"]
    assert spec["strict"] is True
    assert spec["inputSchema"]["json"]["additionalProperties"] is False
    assert set(lost) == {"tools[0].function.parameters"}
    body, lost = written(tools=(strict,), model=CLAUDE_37)
    assert "strict" not in body["toolConfig"]["tools"][0]["toolSpec"]
    assert set(lost) == {"tools[0].function.strict"}


def test_a_cache_mark_follows_its_tool() -> None:
    marked = Tool(name="f", description="does f", schema=F.schema, cache=CacheMark())
    config = carried(tools=(marked, F))["toolConfig"]
    assert config["tools"] == [SPEC, {"cachePoint": {"type": "default"}}, SPEC]
    assert set(written(tools=(marked,), model=NOVA)[1]) == {"tools[0].cache_control"}


def test_bedrocks_own_tools_pass_and_others_are_named() -> None:
    own = NativeTool(dialect="bedrock_converse", block={"systemTool": {"name": "nova_grounding"}})
    foreign = NativeTool(dialect="anthropic", block={"type": "web_search_20250305"})
    body, lost = written(tools=(own, foreign))
    assert body["toolConfig"]["tools"] == [{"systemTool": {"name": "nova_grounding"}}]
    assert lost == {"tools[1]": "a tool that only anthropic knows"}


def test_a_free_text_tool_is_a_function_with_the_text_in_input() -> None:
    body, lost = written(tools=(CustomTool(name="sql", description="runs SQL"),))
    spec = body["toolConfig"]["tools"][0]["toolSpec"]
    assert spec["inputSchema"]["json"]["required"] == ["input"]
    assert set(lost) == {"tools[0]"}


def test_a_schema_that_is_no_object_is_named() -> None:
    _, lost = written(tools=(Tool(name="f", schema={"anyOf": [{"type": "object"}]}),))
    assert set(lost) == {"tools[0].function.parameters"}


@pytest.mark.parametrize("name", ["a.b", "x" * 65])
def test_a_name_that_could_not_be_turned_back_is_refused(name: str) -> None:
    with pytest.raises(RelayError) as refused:
        written(tools=(F, Tool(name=name)))
    assert refused.value.failure.param == "tools[1].name"


def test_single_calls_cannot_be_asked_for() -> None:
    assert set(written(tools=(F,), parallel_tool_calls=False)[1]) == {"parallel_tool_calls"}
    assert carried(tools=(F,), parallel_tool_calls=True)["toolConfig"] == {"tools": [SPEC]}
