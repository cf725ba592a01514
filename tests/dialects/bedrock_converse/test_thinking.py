"""How much to think, in each family's words."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.ir.request import (
    Json,
    Reasoning,
    Signature,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from tests.dialects.bedrock_converse.asked import (
    CLAUDE,
    CLAUDE_5,
    CLAUDE_37,
    LLAMA,
    NOVA_2,
    PROOF,
    TITAN,
    assistant,
    user,
    written,
)

CLAUDE_46 = "us.anthropic.claude-sonnet-4-6"
MYTHOS = "anthropic.claude-mythos-1"
GPT_OSS = "openai.gpt-oss-120b-1:0"
QWEN = "qwen.qwen3-32b-v1:0"
F = Tool(name="f", schema={"type": "object"})


def asked(model: str, reasoning: Reasoning, **fields: Any) -> tuple[Json, set[str]]:
    """What is written beside the messages, and what is lost."""
    body, lost = written(model=model, reasoning=reasoning, **fields)
    del body["messages"]
    return body, set(lost)


def enabled(budget: int, **more: Any) -> Json:
    return {"thinking": {"type": "enabled", "budget_tokens": budget, **more}}


@pytest.mark.parametrize(
    ("model", "reasoning", "fields", "more", "lost"),
    [
        (CLAUDE_37, Reasoning(budget_tokens=2000), enabled(2000), {}, set()),
        (CLAUDE_37, Reasoning(budget_tokens=5), enabled(1024), {}, set()),
        (CLAUDE, Reasoning(effort="high"), enabled(16384), {}, set()),
        (
            CLAUDE,
            Reasoning(budget_tokens=2000, visible=True),
            enabled(2000, display="summarized"),
            {},
            set(),
        ),
        (CLAUDE_46, Reasoning(budget_tokens=2000), enabled(2000), {}, set()),
        (
            CLAUDE_46,
            Reasoning(effort="high"),
            {"thinking": {"type": "adaptive"}},
            {"outputConfig": {"effort": "high"}},
            set(),
        ),
        (
            CLAUDE_46,
            Reasoning(effort="minimal", adaptive=True, visible=False),
            {"thinking": {"type": "adaptive", "display": "omitted"}},
            {"outputConfig": {"effort": "low"}},
            {"reasoning_effort"},
        ),
        (
            CLAUDE_5,
            Reasoning(budget_tokens=9000),
            {"thinking": {"type": "adaptive", "display": "summarized"}},
            {"outputConfig": {"effort": "medium"}},
            {"thinking.budget_tokens"},
        ),
        (CLAUDE, Reasoning(effort="none"), {"thinking": {"type": "disabled"}}, {}, set()),
        (
            MYTHOS,
            Reasoning(effort="none"),
            {},
            {"outputConfig": {"effort": "low"}},
            {"reasoning_effort"},
        ),
        (
            NOVA_2,
            Reasoning(effort="low"),
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}},
            {},
            set(),
        ),
        (
            NOVA_2,
            Reasoning(budget_tokens=10_000),
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}},
            {},
            {"thinking.budget_tokens"},
        ),
        (NOVA_2, Reasoning(effort="none"), {}, {}, set()),
        (
            GPT_OSS,
            Reasoning(effort="xhigh"),
            {"reasoning_effort": "high"},
            {},
            {"reasoning_effort"},
        ),
        (GPT_OSS, Reasoning(effort="none"), {}, {}, {"reasoning_effort"}),
        (QWEN, Reasoning(effort="high"), {"reasoning_config": "high"}, {}, set()),
        (
            LLAMA,
            Reasoning(effort="high", visible=True),
            {},
            {},
            {"reasoning_effort", "thinking.display"},
        ),
        (TITAN, Reasoning(effort="none"), {}, {}, set()),
        ("anthropic.claude-v2", Reasoning(effort="low"), {}, {}, {"reasoning_effort"}),
    ],
)
def test_a_wish_is_written_in_the_models_words(
    model: str, reasoning: Reasoning, fields: Json, more: Json, lost: set[str]
) -> None:
    body, named = asked(model, reasoning, max_tokens=30_000)
    expected = {"additionalModelRequestFields": fields} if fields else {}
    assert body == {"inferenceConfig": {"maxTokens": 30_000}} | expected | more
    assert named == lost


def test_a_budget_leaves_room_for_the_answer() -> None:
    body, named = asked(CLAUDE, Reasoning(budget_tokens=2000))
    assert body["additionalModelRequestFields"] == enabled(2000)
    assert body["inferenceConfig"] == {"maxTokens": 10_192}
    assert named == set()


def test_a_forced_call_and_thinking_exclude_each_other() -> None:
    choice = ToolChoice(mode="required")
    body, lost = asked(CLAUDE, Reasoning(effort="low"), tools=(F,), tool_choice=choice)
    assert "additionalModelRequestFields" not in body
    assert lost == {"reasoning_effort"}
    body, lost = asked(MYTHOS, Reasoning(effort="low"), tools=(F,), tool_choice=choice)
    assert body["toolConfig"]["toolChoice"] == {"auto": {}}
    assert lost == {"tool_choice"}


def test_an_open_tool_turn_needs_its_signed_thoughts() -> None:
    call = ToolCall(call_id="t", name="f", arguments="{}")
    result = user(ToolResult(call_id="t", content=(Text(text="x"),)))
    thought = Thinking(text="Hm", signature=Signature("anthropic", PROOF))
    wish = Reasoning(budget_tokens=2000)
    body, lost = written(user("Hi"), assistant(call), result, reasoning=wish, tools=(F,))
    assert "additionalModelRequestFields" not in body
    assert set(lost) == {"thinking.budget_tokens"}
    body, lost = written(user("Hi"), assistant(thought, call), result, reasoning=wish, tools=(F,))
    assert body["additionalModelRequestFields"] == enabled(2000)
    assert lost == {}


def test_nova_at_high_effort_takes_no_inference_parameters() -> None:
    body, lost = asked(
        NOVA_2, Reasoning(effort="high"), max_tokens=9, temperature=0.5, top_p=0.5, stop=("x",)
    )
    assert body["inferenceConfig"] == {"stopSequences": ["x"]}
    assert lost == {"max_tokens", "temperature", "top_p"}


def test_an_alias_can_ask_for_a_budget() -> None:
    body, _ = written(model=CLAUDE, alias="sonnet-think-2048")
    assert body["additionalModelRequestFields"] == enabled(2048)
