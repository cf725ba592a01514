from __future__ import annotations

from typing import Any

import pytest

from headgate.dialects.cohere.tools import encode_tools
from headgate.ir.loss import Losses
from headgate.ir.request import (
    CacheMark,
    ChatRequest,
    Json,
    NativeTool,
    Text,
    Tool,
    ToolChoice,
    Turn,
)

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
F, G = Tool(name="f", description="does", schema=SCHEMA), Tool(name="g")


def written(*tools: Any, **options: Any) -> tuple[Json, list[str]]:
    losses = Losses("cohere")
    turns = (Turn(role="user", parts=(Text(text="hello"),)),)
    found = encode_tools(ChatRequest(model="m", turns=turns, tools=tools, **options), losses)
    return found, [loss.field for loss in losses]


def names(found: Json) -> list[str]:
    return [tool["function"]["name"] for tool in found.get("tools", [])]


def test_functions_are_written_in_openais_form() -> None:
    assert written(F, G) == (
        {
            "tools": [
                {
                    "type": "function",
                    "function": {"name": "f", "description": "does", "parameters": SCHEMA},
                },
                {
                    "type": "function",
                    "function": {"name": "g", "parameters": {"type": "object", "properties": {}}},
                },
            ]
        },
        [],
    )


@pytest.mark.parametrize(
    ("stricts", "strict_tools", "lost"),
    [
        ((None, False), None, []),
        ((True, True), True, []),
        ((True, None), True, ["tools"]),
    ],
)
def test_strictness_is_one_switch_for_all(stricts: Any, strict_tools: Any, lost: Any) -> None:
    found, losses = written(*[Tool(name=f"t{i}", strict=s) for i, s in enumerate(stricts)])
    assert (found.get("strict_tools"), losses) == (strict_tools, lost)


@pytest.mark.parametrize(
    ("choice", "tool_choice", "offered"),
    [
        (None, None, ["f", "g"]),
        (ToolChoice(mode="auto"), None, ["f", "g"]),
        (ToolChoice(mode="none"), "NONE", ["f", "g"]),
        (ToolChoice(mode="required"), "REQUIRED", ["f", "g"]),
        (ToolChoice(mode="tool", name="g"), "REQUIRED", ["g"]),
        (ToolChoice(mode="auto", allowed=("f",)), None, ["f"]),
    ],
)
def test_a_choice_is_made_by_word_or_by_what_is_offered(
    choice: Any, tool_choice: Any, offered: list[str]
) -> None:
    found, lost = written(F, G, tool_choice=choice)
    assert (found.get("tool_choice"), names(found)) == (tool_choice, offered)
    assert len(lost) == 2 - len(offered)


def test_a_forced_call_of_a_tool_that_is_not_there_is_named() -> None:
    assert written(F, tool_choice=ToolChoice(mode="tool", name="x")) == (
        {},
        ["tools[0]", "tool_choice"],
    )


def test_single_calls_cannot_be_asked_for() -> None:
    assert written(F, parallel_tool_calls=False)[1] == ["parallel_tool_calls"]
    assert written(F, parallel_tool_calls=True)[1] == []


def test_tools_of_other_vendors_and_cache_marks_are_named() -> None:
    native = NativeTool(dialect="anthropic", block={"type": "web_search"})
    own = NativeTool(dialect="cohere", block={"type": "x"})
    found, lost = written(native, own, Tool(name="f", cache=CacheMark()))
    assert found["tools"][0] == {"type": "x"}
    assert lost == ["tools[0]", "tools[2].cache_control"]
