from __future__ import annotations

from typing import Any

import pytest
from msgspec import json
from msgspec.structs import replace

from headgate.lab.plan import Plan
from headgate.lab.scripts.loops import (
    counted,
    flaky_loop,
    flaky_parallel_signed_loop,
    flaky_signed_loop,
    loop,
    parallel_loop,
    parallel_signed_loop,
    signed,
    signed_loop,
)
from headgate.lab.scripts.table import Script
from tests.lab.asking import CHAT_WIRES, question, refusal, said, sent
from tests.lab.playing import asked, continued, opening

THINKING: dict[str, Any] = {
    "anthropic": {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 4096},
    "bedrock": {
        "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    },
}


def played(wire: str, script: Script, turns: int, **more: Any) -> list[Plan]:
    """Go on until there is a text or an error."""
    body: Any = opening(wire, **more)
    plans: list[Plan] = []
    while body is not None and len(plans) < 50:
        plan = script(asked(wire, body, len(plans) + 1), turns)
        plans.append(plan)
        if plan.status != 200:
            break
        body = continued(wire, body, plan, f"result {len(plans)}")
    return plans


@pytest.mark.parametrize("script", [loop, signed_loop])
@pytest.mark.parametrize("wire", CHAT_WIRES)
def test_a_loop_has_its_turns_and_tells_all_results(wire: str, script: Script) -> None:
    plans = played(wire, script, 20, **THINKING.get(wire, {}))
    assert [plan.displeasure for plan in plans] == [""] * 21
    text = said(wire, plans[-1])
    assert all(f"result {turn}" in text for turn in range(1, 21))


@pytest.mark.parametrize("wire", CHAT_WIRES)
def test_each_call_counts(wire: str) -> None:
    data = [sent(plan) for plan in played(wire, loop, 3)]
    assert [f"turn {turn}".encode() in data[turn - 1] for turn in (1, 2, 3)] == [True] * 3


@pytest.mark.parametrize("script", [flaky_loop, flaky_signed_loop])
@pytest.mark.parametrize("wire", CHAT_WIRES)
def test_a_flaky_loop_refuses_every_third_turn_however_often_it_is_asked(
    wire: str, script: Script
) -> None:
    plans = played(wire, script, 20)
    assert [plan.status for plan in plans] == [200, 200, 503]
    assert plans[-1].displeasure == ""


@pytest.mark.parametrize("script", [parallel_loop, parallel_signed_loop])
@pytest.mark.parametrize("wire", CHAT_WIRES)
def test_a_parallel_loop_makes_two_calls_at_once(wire: str, script: Script) -> None:
    plans = played(wire, script, 6, **THINKING.get(wire, {}))
    assert [plan.displeasure for plan in plans] == [""] * 4
    for turn, plan in enumerate(plans[:3]):
        data = sent(plan)
        assert [f"turn {count}".encode() in data for count in (2 * turn + 1, 2 * turn + 2)] == [
            True,
            True,
        ]
    assert said(wire, plans[-1]).count("result 2") == 2


def test_a_parallel_loop_takes_the_first_two_tools_and_may_be_flaky() -> None:
    tools = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in "abc"]
    plans = played("openai", flaky_parallel_signed_loop, 6, tools=tools)
    assert [plan.status for plan in plans] == [200, 503]
    made: Any = json.decode(sent(plans[0]))["choices"][0]["message"]["tool_calls"]
    assert [call["function"]["name"] for call in made] == ["a", "b"]


@pytest.mark.parametrize("wire", ["responses", "anthropic", "bedrock", "gemini"])
def test_a_signed_loop_thinks_before_each_call(wire: str) -> None:
    for plan in played(wire, signed_loop, 3):
        assert b"Let me mull over turn" in sent(plan)


@pytest.mark.parametrize("wire", ["anthropic", "bedrock"])
def test_now_and_then_a_thought_is_redacted_and_thinking_may_be_off(wire: str) -> None:
    plans = played(wire, signed_loop, 8, **THINKING[wire])
    redacted = [turn for turn, plan in enumerate(plans, 1) if b"edacted" in sent(plan)]
    assert redacted == [2, 5, 8]
    off = {"type": "disabled"}
    fields = {"thinking": off, "additionalModelRequestFields": {"thinking": off}}
    assert all(b"mull" not in sent(plan) for plan in played(wire, signed_loop, 3, **fields))


@pytest.mark.parametrize("wire", CHAT_WIRES)
def test_one_signed_call_follows_each_question(wire: str) -> None:
    first, second = played(wire, signed, 0, **THINKING.get(wire, {}))
    assert b"look" in sent(first)
    assert "The tool said" in said(wire, second)


@pytest.mark.parametrize("wire", CHAT_WIRES)
def test_displeasure_is_a_400_that_the_plan_repeats(wire: str) -> None:
    body: Any = continued(wire, opening(wire), loop(asked(wire, opening(wire)), 2))
    field = next(name for name in ("contents", "input", "messages") if name in body)
    without_call = body | {field: [body[field][0], body[field][-1]]}
    plan = loop(asked(wire, without_call), 2)
    assert plan.status == 400
    assert plan.displeasure == refusal(plan) != ""


def test_without_tools_or_with_a_bad_body_there_is_no_loop() -> None:
    assert said("openai", loop(question(), 3)) == "ok1: Hello from the lab."
    assert loop(question(messages=[]), 3).status == 400
    embeddings = replace(question(), operation="embeddings")
    assert json.decode(sent(loop(embeddings, 3)))["object"] == "list"


def test_a_custom_tool_counts_in_its_text() -> None:
    tools = [{"type": "custom", "name": "patch"}]
    reply: Any = json.decode(sent(loop(asked("responses", opening("responses", tools=tools)), 2)))
    assert reply["output"][0]["type"] == "custom_tool_call"
    assert reply["output"][0]["input"] == "turn 1"


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"city": {"type": "string"}, "n": {"type": "integer"}}, {"city": "lab", "n": 4}),
        ({"city": {"type": "string"}}, {"city": "turn 4"}),
        ({"mode": {"enum": ["a"]}}, {"mode": "a"}),
        ({"deep": {"type": "boolean"}}, {"deep": True}),
        ({}, {"turn": 4}),
    ],
)
def test_the_counter_stands_where_the_schema_has_room(properties: Any, expected: Any) -> None:
    assert counted({"properties": properties}, 4) == expected
