"""How much the model is to think: Claude's budget or effort, Nova's and the open models' effort.

Of Claude the rules of Anthropic's API hold here as well: a budget is at least 1024 and below the
output limit, and thinking excludes a forced tool choice. Aliases such as `sonnet-think-2048` ask
for a budget, as in uni-api.

Source: docs.aws.amazon.com/bedrock/latest/userguide (claude-messages-extended-thinking,
claude-messages-adaptive-thinking); docs.aws.amazon.com/nova/latest/nova2-userguide
(extended-thinking); `uni-api.md` 1.11; `recordings.md` 5.6.
"""

from __future__ import annotations

import re

import msgspec

from headgate.dialects.bedrock_converse.models import ModelRules
from headgate.ir.efforts import BUDGETS, effort_of, nearest_effort
from headgate.ir.loss import Losses
from headgate.ir.request import Json, Reasoning

SMALLEST_BUDGET = 1024
_ROOM = 8192  # for the answer beside a budget, if the caller set no limit
_SUFFIX_BUDGET = 4096
_NAMED_BUDGET = re.compile(r"think(?:ing)?-(\d{1,9})$")


class Thoughts(msgspec.Struct, frozen=True, kw_only=True):
    """What is written about thinking.

    `fields` go below `additionalModelRequestFields`, `effort` into `outputConfig`. `on`: the model
    thinks, so that Claude's other parameters are restricted. `bare`: no inference parameter at all
    may stand beside it (Nova at high effort).
    """

    max_tokens: int | None = None
    fields: Json = {}
    effort: str | None = None
    on: bool = False
    bare: bool = False


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What else of the request thinking must get along with."""

    max_tokens: int | None
    forced_tool: bool
    unsigned_tool_turn: bool  # the open tool call came without the thoughts that led to it


def suffix_reasoning(alias: str) -> Reasoning | None:
    """Read what an alias such as `sonnet-think-2048` asks for. None without "think" in it."""
    if "think" not in alias:
        return None
    named = _NAMED_BUDGET.search(alias)
    return Reasoning(budget_tokens=max(int(named[1]), SMALLEST_BUDGET) if named else _SUFFIX_BUDGET)


def encode_reasoning(
    reasoning: Reasoning | None, rules: ModelRules, limits: Limits, losses: Losses
) -> Thoughts:
    """Write the wish in the form that the model takes, with an output limit that leaves room."""
    without = Thoughts(max_tokens=limits.max_tokens)
    if reasoning is None:
        return without
    wish = "reasoning_effort" if reasoning.budget_tokens is None else "thinking.budget_tokens"
    if not rules.claude:
        return _in_a_word(reasoning, rules, without, wish, losses)
    if reasoning.effort == "none":
        return _switched_off(without, rules, losses)
    if rules.thinking == "none":
        losses.dropped(wish, "this model does not think")
        return without
    if limits.forced_tool and rules.thinking != "always":
        losses.dropped(wish, "a forced tool choice excludes thinking")
        return without
    if not _takes_budget(reasoning, rules):
        return _adaptive(reasoning, rules, without, losses)
    if limits.unsigned_tool_turn:
        losses.dropped(wish, "the open tool call has no signed thinking before it")
        return without
    return _with_budget(reasoning, rules, limits.max_tokens, losses)


def _in_a_word(
    reasoning: Reasoning, rules: ModelRules, without: Thoughts, wish: str, losses: Losses
) -> Thoughts:
    """The other families: one word for the effort, if they have one at all."""
    if reasoning.visible is not None:
        losses.dropped("thinking.display")
    wanted = reasoning.effort
    if wanted == "none":
        if rules.thinking == "effort":
            losses.dropped(wish, "this model always thinks")
        return without
    if rules.thinking == "none":
        losses.dropped(wish, "this model takes no wish about thinking")
        return without
    asked = wanted or ("medium" if reasoning.budget_tokens is None else None)
    effort = nearest_effort(asked or effort_of(reasoning.budget_tokens or 0), rules.efforts)
    if reasoning.budget_tokens is not None:
        losses.changed("thinking.budget_tokens", f"sent as effort {effort}")
    elif effort != wanted:
        losses.changed("reasoning_effort", f"sent as {effort}")
    match rules.thinking:
        case "nova":
            config = {"type": "enabled", "maxReasoningEffort": effort}
            fields: Json = {"reasoningConfig": config}
        case "config":
            fields = {"reasoning_config": effort}
        case _:
            fields = {"reasoning_effort": effort}
    bare = rules.thinking == "nova" and effort == "high"
    return msgspec.structs.replace(without, fields=fields, bare=bare)


def _switched_off(without: Thoughts, rules: ModelRules, losses: Losses) -> Thoughts:
    if rules.thinking == "always":
        losses.changed("reasoning_effort", "this model always thinks; sent as low")
        return msgspec.structs.replace(without, effort="low")
    if rules.thinking == "none" or not rules.disabled_allowed:
        return without
    return msgspec.structs.replace(without, fields={"thinking": {"type": "disabled"}})


def _takes_budget(reasoning: Reasoning, rules: ModelRules) -> bool:
    if rules.thinking == "budget":
        return True
    return reasoning.budget_tokens is not None and rules.budget_allowed


def _with_budget(
    reasoning: Reasoning, rules: ModelRules, max_tokens: int | None, losses: Losses
) -> Thoughts:
    wanted = reasoning.budget_tokens
    if wanted is None:
        wanted = BUDGETS[reasoning.effort or "medium"]
    budget, limit = _fitted(max(wanted, SMALLEST_BUDGET), max_tokens, losses)
    known = reasoning.budget_tokens is not None and reasoning.effort in rules.efforts
    if reasoning.budget_tokens is not None and reasoning.effort is not None and not known:
        losses.dropped("reasoning_effort", "the budget counts")
    return Thoughts(
        max_tokens=limit,
        fields={"thinking": _shown({"type": "enabled", "budget_tokens": budget}, reasoning)},
        effort=reasoning.effort if known else None,
        on=True,
    )


def _fitted(budget: int, max_tokens: int | None, losses: Losses) -> tuple[int, int]:
    """Bring the budget below the output limit.

    The caller's limit is kept where half of it is enough to think with; only one that leaves no
    room for any thinking is raised.
    """
    if max_tokens is None:
        return budget, budget + _ROOM
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
    reasoning: Reasoning, rules: ModelRules, without: Thoughts, losses: Losses
) -> Thoughts:
    wanted = reasoning.effort
    if wanted is None and reasoning.budget_tokens is not None:
        wanted = effort_of(reasoning.budget_tokens)
        losses.changed("thinking.budget_tokens", f"sent as effort {wanted}")
        # A budget has always shown the thoughts; these models keep them back unless asked.
        if reasoning.visible is None:
            reasoning = msgspec.structs.replace(reasoning, visible=True)
    elif reasoning.budget_tokens:
        losses.dropped("thinking.budget_tokens", "this model takes the effort")
    effort = None if wanted is None else nearest_effort(wanted, rules.efforts)
    if effort != wanted:
        losses.changed("reasoning_effort", f"sent as {effort}")
    fields = {"thinking": _shown({"type": "adaptive"}, reasoning)}
    return msgspec.structs.replace(without, fields=fields, effort=effort, on=True)


def _shown(thinking: Json, reasoning: Reasoning) -> Json:
    if reasoning.visible is None:
        return thinking
    return {**thinking, "display": "summarized" if reasoning.visible else "omitted"}
