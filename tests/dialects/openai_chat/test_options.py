from __future__ import annotations

from typing import Any

import pytest

from headgate.dialects.leftovers import Leftovers
from headgate.dialects.openai_chat import wire
from headgate.dialects.openai_chat.options import (
    read_audio_output,
    read_include_usage,
    read_reasoning,
    read_response_format,
    read_tool_choice,
    read_tools,
)
from headgate.ir.request import AudioOutput, Json, Reasoning, ResponseFormat, Tool, ToolChoice


def asked(**options: Any) -> wire.Request:
    return wire.Request(model="m", messages=[], **options)


@pytest.mark.parametrize(
    ("options", "wish", "kept"),
    [
        ({}, None, {}),
        ({"reasoning_effort": "high"}, Reasoning(effort="high"), {}),
        ({"reasoning_effort": "huge"}, None, {"reasoning_effort": "huge"}),
        (
            {"reasoning_effort": "high", "reasoning": {"effort": "low", "new": 1}},
            Reasoning(effort="high"),
            {"reasoning.effort": "low", "reasoning.new": 1},
        ),
        (
            {"reasoning_effort": "high", "enable_thinking": False},
            Reasoning(effort="none"),
            {"reasoning.effort": "high"},
        ),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 5}, "thinking_budget": 6},
            Reasoning(budget_tokens=5),
            {"thinking_budget": 6},
        ),
        (
            {"enable_thinking": False, "thinking_budget": 6, "reasoning": {"exclude": True}},
            Reasoning(effort="none"),
            {"thinking_budget": 6, "reasoning.exclude": True},
        ),
    ],
)
def test_wishes_that_contradict_each_other_are_kept(
    options: Json, wish: Reasoning | None, kept: Json
) -> None:
    left = Leftovers()
    assert read_reasoning(asked(**options), left) == wish
    assert left.found == kept


def test_what_is_not_understood_is_kept() -> None:
    left = Leftovers()
    assert read_response_format({"type": "grammar"}, left) is None
    assert read_tool_choice(asked(tool_choice={"type": "web_search"}), left) is None
    assert read_audio_output({"voice": {"id": "v"}, "format": "wav"}, left) == AudioOutput(
        format="wav"
    )
    assert read_include_usage({"include_usage": True, "new": 1}, left)
    assert left.found == {
        "response_format": {"type": "grammar"},
        "tool_choice": {"type": "web_search"},
        "audio.voice": {"id": "v"},
        "stream_options.new": 1,
    }


def test_what_is_understood_leaves_nothing() -> None:
    left = Leftovers()
    raw: Json = {"functions": [{"name": "f"}]}
    request = asked(functions=[wire.Function(name="f")], function_call={"name": "f"})
    assert read_tools(request, raw, left) == (Tool(name="f"),)
    assert read_tool_choice(request, left) == ToolChoice(mode="tool", name="f")
    assert read_response_format({"type": "json_object"}, left) == ResponseFormat(kind="json")
    assert left.found == {}
