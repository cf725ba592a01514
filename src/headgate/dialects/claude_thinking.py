"""How much Claude is to think: effort, budget, adaptive, and uni-api's `-think-N` aliases.

Older models take a token budget, newer ones decide themselves and take an effort; the tables of the
dialects that serve Claude say which. Rules kept here, the same on every platform: a budget is at
least 1024 and below the output limit, and thinking excludes a forced tool choice.

Source: platform.claude.com/docs/en/build-with-claude (extended-thinking, adaptive-thinking,
effort); docs.aws.amazon.com/bedrock/latest/userguide (claude-messages-extended-thinking,
claude-messages-adaptive-thinking); aliases: `uni-api.md` 1.11.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

import msgspec

from headgate.ir.efforts import BUDGETS, effort_of, nearest_effort
from headgate.ir.loss import Losses
from headgate.ir.request import Effort, Json, Reasoning

SMALLEST_BUDGET = 1024
_SUFFIX_BUDGET = 4096
_NAMED_BUDGET = re.compile(r"think(?:ing)?-(\d{1,9})$")
_LAST_NUMBER = re.compile(r"-(\d{1,9})$")


class Rules(Protocol):
    """What a model accepts, of that which matters here."""

    @property
    def thinking(self) -> str:
        """One of "none", "budget", "adaptive" and "always"; the last cannot be switched off."""

    @property
    def budget_allowed(self) -> bool:
        """May thinking.type still be "enabled"?"""

    @property
    def disabled_allowed(self) -> bool:
        """May it be "disabled"? If not, leaving it out means off."""

    @property
    def efforts(self) -> tuple[Effort, ...]:
        """The efforts that it knows."""


class Thoughts(msgspec.Struct, frozen=True, kw_only=True):
    """What is written about thinking. `thinking` and `effort` are the wire's values, or absent."""

    max_tokens: int | None = None
    thinking: Json | None = None
    effort: str | None = None

    @property
    def on(self) -> bool:
        """Does this ask the model to think?"""
        return self.thinking is not None and self.thinking["type"] != "disabled"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What else of the request thinking must get along with.

    `with_budget` gives the output limit beside a budget where the caller set none.
    """

    max_tokens: int | None
    forced_tool: bool
    unsigned_tool_turn: bool  # the open tool call came without the thoughts that led to it
    with_budget: Callable[[int], int]


def suffix_reasoning(alias: str, max_tokens: int = 0) -> Reasoning | None:
    """Read what an alias such as `sonnet-think-2048` asks for. None without "think" in it.

    A number right after `think-` is the budget; another number at the end counts if it can be a
    budget at all (it may be a version or a date).
    """
    if "think" not in alias:
        return None
    if named := _NAMED_BUDGET.search(alias):
        return Reasoning(budget_tokens=max(int(named[1]), SMALLEST_BUDGET))
    last = _LAST_NUMBER.search(alias)
    if last and SMALLEST_BUDGET <= int(last[1]) < max_tokens:
        return Reasoning(budget_tokens=int(last[1]))
    return Reasoning(budget_tokens=_SUFFIX_BUDGET)


def encode_reasoning(
    reasoning: Reasoning | None, rules: Rules, limits: Limits, losses: Losses
) -> Thoughts:
    """Write the wish in the form that the model takes, with an output limit that leaves room."""
    without = Thoughts(max_tokens=limits.max_tokens)
    if reasoning is None:
        return without
    if reasoning.effort == "none":
        return _switched_off(without, rules, losses)
    wish = "reasoning_effort" if reasoning.budget_tokens is None else "thinking.budget_tokens"
    if rules.thinking == "none":
        losses.dropped(wish, "this model does not think")
        return without
    if limits.forced_tool and rules.thinking != "always":
        losses.dropped(wish, "a forced tool choice excludes thinking")
        return without
    if _takes_budget(reasoning, rules):
        if limits.unsigned_tool_turn:
            losses.dropped(wish, "the open tool call has no signed thinking before it")
            return without
        return _with_budget(reasoning, rules, limits, losses)
    return _adaptive(reasoning, rules, limits.max_tokens, losses)


def _switched_off(without: Thoughts, rules: Rules, losses: Losses) -> Thoughts:
    if rules.thinking == "always":
        losses.changed("reasoning_effort", "this model always thinks; sent as low")
        return msgspec.structs.replace(without, effort="low")
    if rules.thinking == "none" or not rules.disabled_allowed:
        return without
    return msgspec.structs.replace(without, thinking={"type": "disabled"})


def _takes_budget(reasoning: Reasoning, rules: Rules) -> bool:
    if rules.thinking == "budget":
        return True
    return reasoning.budget_tokens is not None and rules.budget_allowed


def _with_budget(reasoning: Reasoning, rules: Rules, limits: Limits, losses: Losses) -> Thoughts:
    wanted = reasoning.budget_tokens
    if wanted is None:
        wanted = BUDGETS[reasoning.effort or "medium"]
    budget, max_tokens = _fitted(max(wanted, SMALLEST_BUDGET), limits, losses)
    known = reasoning.budget_tokens is not None and reasoning.effort in rules.efforts
    if reasoning.budget_tokens is not None and reasoning.effort is not None and not known:
        losses.dropped("reasoning_effort", "the budget counts")
    return Thoughts(
        max_tokens=max_tokens,
        thinking=_shown({"type": "enabled", "budget_tokens": budget}, reasoning.visible),
        effort=reasoning.effort if known else None,
    )


def _fitted(budget: int, limits: Limits, losses: Losses) -> tuple[int, int]:
    """Bring the budget below the output limit.

    The caller's bound on the whole output is kept where half of it is enough to think with; only
    a bound that leaves no room for any thinking is raised.
    """
    max_tokens = limits.max_tokens
    if max_tokens is None:
        return budget, limits.with_budget(budget)
    if budget < max_tokens:
        return budget, max_tokens
    if max_tokens > SMALLEST_BUDGET:
        smaller = max(SMALLEST_BUDGET, max_tokens // 2)
        losses.changed("thinking.budget_tokens", f"{smaller}, to stay below max_tokens")
        return smaller, max_tokens
    raised = SMALLEST_BUDGET + max_tokens
    losses.changed("max_tokens", f"{raised}, to leave room for thinking")
    return SMALLEST_BUDGET, raised


def _adaptive(
    reasoning: Reasoning, rules: Rules, max_tokens: int | None, losses: Losses
) -> Thoughts:
    wanted, visible = reasoning.effort, reasoning.visible
    if wanted is None and reasoning.budget_tokens is not None:
        wanted = effort_of(reasoning.budget_tokens)
        losses.changed("thinking.budget_tokens", f"sent as effort {wanted}")
        # A budget has always shown the thoughts; these models keep them back unless asked.
        visible = True if visible is None else visible
    elif reasoning.budget_tokens is not None:
        losses.dropped("thinking.budget_tokens", "this model takes the effort")
    effort = None if wanted is None else nearest_effort(wanted, rules.efforts)
    if effort != wanted:
        losses.changed("reasoning_effort", f"sent as {effort}")
    return Thoughts(
        max_tokens=max_tokens, thinking=_shown({"type": "adaptive"}, visible), effort=effort
    )


def _shown(thinking: Json, visible: bool | None) -> Json:
    if visible is None:
        return thinking
    return {**thinking, "display": "summarized" if visible else "omitted"}
