"""Effort, budget and adaptive thinking."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.dialects.anthropic.models import rules_of
from headgate.dialects.claude_thinking import (
    Limits,
    Thoughts,
    encode_reasoning,
    suffix_reasoning,
)
from headgate.ir.loss import Losses
from headgate.ir.request import Effort, Reasoning


def encoded(
    reasoning: Reasoning | None,
    model: str,
    max_tokens: int | None = None,
    forced_tool: bool = False,
    unsigned_tool_turn: bool = False,
) -> tuple[Thoughts, list[str]]:
    """Encode, and list the fields of the losses."""
    losses = Losses("anthropic")
    rules = rules_of(model)
    limits = Limits(
        max_tokens=max_tokens,
        forced_tool=forced_tool,
        unsigned_tool_turn=unsigned_tool_turn,
        with_budget=rules.limit_with,
    )
    thoughts = encode_reasoning(reasoning, rules, limits, losses)
    return thoughts, [loss.field for loss in losses]


@pytest.mark.parametrize(
    ("alias", "budget"),
    [
        ("claude-3-7-sonnet", None),
        ("claude-3-7-sonnet-think", 4096),
        ("claude-3-7-sonnet-think-2048", 2048),
        ("claude-thinking-8000", 8000),
        ("claude-think-100", 1024),  # the API's least
        ("thinker-20250219", 4096),  # a date
        ("sonnet-thinker-4", 4096),  # a version
        ("my-think-model-3000", 3000),
    ],
)
def test_an_alias_may_ask_for_thinking(alias: str, budget: int | None) -> None:
    asked = suffix_reasoning(alias, 64_000)
    assert (asked and asked.budget_tokens) == budget


def test_an_effort_becomes_a_budget_for_models_that_take_one() -> None:
    thoughts, losses = encoded(Reasoning(effort="medium"), "claude-sonnet-4-5")
    assert thoughts.thinking == {"type": "enabled", "budget_tokens": 8192}
    assert thoughts.effort is None
    assert losses == []


def test_an_effort_becomes_adaptive_thinking_for_newer_models() -> None:
    thoughts, losses = encoded(Reasoning(effort="xhigh"), "claude-opus-4-8")
    assert thoughts.thinking == {"type": "adaptive"}
    assert thoughts.effort == "xhigh"
    assert losses == []


@pytest.mark.parametrize(
    ("effort", "model", "sent"),
    [("minimal", "claude-opus-4-8", "low"), ("xhigh", "claude-sonnet-4-6", "high")],
)
def test_an_effort_that_the_model_lacks_goes_to_the_next_below(
    effort: Effort, model: str, sent: str
) -> None:
    thoughts, losses = encoded(Reasoning(effort=effort), model)
    assert thoughts.effort == sent
    assert losses == ["reasoning_effort"]


def test_a_budget_becomes_an_effort_where_budgets_are_refused() -> None:
    thoughts, losses = encoded(Reasoning(budget_tokens=10_000), "claude-opus-4-7")
    assert thoughts.thinking == {"type": "adaptive", "display": "summarized"}
    assert thoughts.effort == "medium"
    assert losses == ["thinking.budget_tokens"]


def test_a_budget_stays_one_where_both_are_taken() -> None:
    thoughts, _ = encoded(Reasoning(budget_tokens=3000), "claude-sonnet-4-6")
    assert thoughts.thinking == {"type": "enabled", "budget_tokens": 3000}


@pytest.mark.parametrize("effort", ["low", "high"])
def test_a_model_that_cannot_think_is_not_asked_to(effort: Effort) -> None:
    thoughts, losses = encoded(Reasoning(effort=effort), "claude-3-5-haiku-latest")
    assert not thoughts.on
    assert losses == ["reasoning_effort"]


def test_thinking_is_switched_off_in_the_models_own_way() -> None:
    none = Reasoning(effort="none")
    assert encoded(none, "claude-sonnet-4-5")[0].thinking == {"type": "disabled"}
    assert encoded(none, "claude-opus-4-7")[0].thinking is None
    assert encoded(none, "claude-3-haiku")[0].thinking is None
    thoughts, losses = encoded(none, "claude-fable-5")
    assert (thoughts.thinking, thoughts.effort, losses) == (None, "low", ["reasoning_effort"])


def test_a_forced_call_excludes_thinking() -> None:
    thoughts, losses = encoded(Reasoning(effort="high"), "claude-opus-4-6", forced_tool=True)
    assert not thoughts.on
    assert losses == ["reasoning_effort"]


def test_a_budget_is_not_sent_after_a_call_without_signed_thinking() -> None:
    wish = Reasoning(budget_tokens=2048)
    thoughts, losses = encoded(wish, "claude-sonnet-4-5", unsigned_tool_turn=True)
    assert not thoughts.on
    assert losses == ["thinking.budget_tokens"]
    assert encoded(Reasoning(effort="low"), "claude-opus-4-8", unsigned_tool_turn=True)[0].on


def test_a_budget_is_halved_into_the_callers_bound() -> None:
    thoughts, losses = encoded(Reasoning(budget_tokens=4096), "claude-sonnet-4-5", 3000)
    assert thoughts.thinking == {"type": "enabled", "budget_tokens": 1500}
    assert thoughts.max_tokens == 3000
    assert losses == ["thinking.budget_tokens"]


def test_a_bound_without_room_for_thinking_is_raised() -> None:
    thoughts, losses = encoded(Reasoning(budget_tokens=4096), "claude-sonnet-4-5", 100)
    assert thoughts.thinking == {"type": "enabled", "budget_tokens": 1024}
    assert thoughts.max_tokens == 1124
    assert losses == ["max_tokens"]


def test_the_default_bound_grows_with_the_budget() -> None:
    thoughts, losses = encoded(Reasoning(effort="high"), "some-other-model")
    assert thoughts.max_tokens == 16384 + 4096
    assert losses == []


def test_visibility_is_asked_for_only_when_wished() -> None:
    wish = Reasoning(adaptive=True, visible=False)
    assert encoded(wish, "claude-opus-4-8")[0].thinking == {
        "type": "adaptive",
        "display": "omitted",
    }


@given(
    budget=st.none() | st.integers(0, 200_000),
    effort=st.none() | st.sampled_from(["minimal", "low", "medium", "high", "xhigh", "max"]),
    max_tokens=st.none() | st.integers(1, 300_000),
    model=st.sampled_from(
        ["claude-3-7-sonnet", "claude-opus-4-1", "claude-haiku-4-5", "claude-opus-4-6", "kimi"]
    ),
)
def test_a_budget_is_never_invalid(
    budget: int | None, effort: Effort | None, max_tokens: int | None, model: str
) -> None:
    wish = Reasoning(budget_tokens=budget, effort=effort, adaptive=True)
    thoughts, _ = encoded(wish, model, max_tokens)
    sent = thoughts.thinking or {}
    if sent.get("type") == "enabled":
        assert thoughts.max_tokens is not None
        assert 1024 <= sent["budget_tokens"] < thoughts.max_tokens
