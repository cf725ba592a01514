"""How much the model is to think: Claude's budget or effort, Nova's and the open models' effort.

Of Claude the rules of Anthropic's API hold here as well.

Source: docs.aws.amazon.com/bedrock/latest/userguide (claude-messages-extended-thinking,
claude-messages-adaptive-thinking); docs.aws.amazon.com/nova/latest/nova2-userguide
(extended-thinking); `uni-api.md` 1.11; `recordings.md` 5.6.
"""

from __future__ import annotations

import msgspec

from headgate.dialects import claude_thinking
from headgate.dialects.bedrock_converse.models import ModelRules
from headgate.dialects.claude_thinking import Limits
from headgate.ir.efforts import effort_of, nearest_effort
from headgate.ir.loss import Losses
from headgate.ir.request import Json, Reasoning

_ROOM = 8192  # for the answer beside a budget, if the caller set no limit


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


def encode_reasoning(
    reasoning: Reasoning | None, rules: ModelRules, limits: Limits, losses: Losses
) -> Thoughts:
    """Write the wish in the form that the model takes, with an output limit that leaves room."""
    without = Thoughts(max_tokens=limits.max_tokens)
    if reasoning is None:
        return without
    if not rules.claude:
        return _in_a_word(reasoning, rules, without, losses)
    claudes = claude_thinking.encode_reasoning(reasoning, rules, limits, losses)
    return Thoughts(
        max_tokens=claudes.max_tokens,
        fields={} if claudes.thinking is None else {"thinking": claudes.thinking},
        effort=claudes.effort,
        on=claudes.on,
    )


def limit_with(budget: int) -> int:
    """Give the limit of the output beside a budget of thoughts."""
    return budget + _ROOM


def _in_a_word(
    reasoning: Reasoning, rules: ModelRules, without: Thoughts, losses: Losses
) -> Thoughts:
    """The other families: one word for the effort, if they have one at all."""
    wish = "reasoning_effort" if reasoning.budget_tokens is None else "thinking.budget_tokens"
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
