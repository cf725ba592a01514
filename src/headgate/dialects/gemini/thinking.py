"""How much to think: between our words and `thinkingConfig`.

Source: ai.google.dev/gemini-api/docs/thinking; `uni-api.md` 1.11, 4.5 (suffixes, fractions).
"""

from __future__ import annotations

import re
from typing import get_args

from headgate.dialects.dialect import Target
from headgate.dialects.gemini.models import Family, Level, family_of
from headgate.dialects.gemini.wire import fields, flag, whole
from headgate.dialects.strict_json import invalid
from headgate.ir.loss import Losses
from headgate.ir.request import Effort, Json, Reasoning

_LEVELS_OF: dict[Effort, Level] = {
    "none": "minimal",
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}
_QUARTERS_OF: dict[Effort, int] = {
    "none": 0,
    "minimal": 1,
    "low": 1,
    "medium": 2,
    "high": 3,
    "xhigh": 4,
    "max": 4,
}
_EFFORTS: dict[object, Effort] = {word: word for word in get_args(Effort)}
_LEVEL_BUDGET = 32_768  # what a budget is measured by where only levels are known
_ENUM_LEVELS = ("", "low", "high", "medium", "minimal")  # ThinkingLevel as numbers

_THINK_SUFFIX = re.compile(r"-think-(\d{1,7})(?=-|$)")  # `-search` may follow
_LEVEL_SUFFIX = re.compile(r"-(minimal|low|medium|high)$")


def decode_thinking(value: object, place: str) -> tuple[Reasoning | None, Json]:
    """Read {"thinkingBudget": int, "thinkingLevel": str, "includeThoughts": bool}, all optional.

    Gives the wish, None if there is none, and the fields that only Gemini knows.
    """
    config = fields(value, place)
    visible, effort, budget = config.pop("includeThoughts", None), None, None
    if "thinkingLevel" in config:
        effort = _effort(config.pop("thinkingLevel"), f"{place}.thinkingLevel")
    if "thinkingBudget" in config:
        budget = whole(config.pop("thinkingBudget"), f"{place}.thinkingBudget")
    adaptive = budget is not None and budget < 0
    wish = Reasoning(
        effort="none" if budget == 0 else effort,
        budget_tokens=None if adaptive else budget,
        adaptive=adaptive,
        visible=None if visible is None else flag(visible, f"{place}.includeThoughts"),
    )
    return (None if wish == Reasoning() else wish), config


def _effort(value: object, place: str) -> Effort | None:
    if isinstance(value, int) and 0 <= value < len(_ENUM_LEVELS):
        value = _ENUM_LEVELS[value]
    word = value.lower() if isinstance(value, str) else None
    if word in {"", "thinking_level_unspecified"}:
        return None
    if word is None or word not in _EFFORTS:
        raise invalid("Expected one of minimal, low, medium, high", place)
    return _EFFORTS[word]


def encode_thinking(asked: Reasoning | None, target: Target, losses: Losses) -> Json:
    """Write `thinkingConfig`; empty when nothing is to be said.

    What the caller asked for counts before a suffix of the alias (`-think-2048`, `-high`).
    """
    family = family_of(target.model)
    reasoning = asked
    if asked is None:
        reasoning = _asked_by_alias(target, family)
        losses = Losses(losses.dialect)  # the caller loses nothing of an alias
    if reasoning is None:
        return {}
    if not family.thinks:
        if not _is_off(reasoning):
            losses.dropped(_field(reasoning), f"{target.model} does not think")
        return {}
    if reasoning.budget_tokens and reasoning.effort not in (None, "none"):
        losses.dropped("reasoning_effort", "the budget is said")
    config: Json = {}
    if family.budgets is not None:
        config |= _budget(reasoning, family.budgets, family.can_stop_thinking, losses)
    elif family.levels:
        config |= _level(reasoning, family, losses)
    elif reasoning.effort is not None or reasoning.budget_tokens is not None:
        losses.dropped(_field(reasoning), f"{target.model} thinks as it likes")
    if config.get("thinkingBudget") == 0:
        return config  # Vertex refuses to show thoughts where there are none
    if reasoning.visible is not None or not _is_off(reasoning):
        config["includeThoughts"] = reasoning.visible is not False
    return config


def _asked_by_alias(target: Target, family: Family) -> Reasoning | None:
    if target.alias == target.model:
        return None
    if found := _THINK_SUFFIX.search(target.alias):
        return Reasoning(budget_tokens=int(found[1]))
    if family.levels and (found := _LEVEL_SUFFIX.search(target.alias)):
        return Reasoning(effort=_EFFORTS[found[1]])
    return None


def _is_off(reasoning: Reasoning) -> bool:
    return reasoning.budget_tokens == 0 or (
        reasoning.budget_tokens is None and reasoning.effort == "none"
    )


def _field(reasoning: Reasoning) -> str:
    return "reasoning_effort" if reasoning.budget_tokens is None else "thinking.budget_tokens"


def _budget(reasoning: Reasoning, budgets: tuple[int, int], can_stop: bool, losses: Losses) -> Json:
    """Write a budget: the caller's, or the quarters of the highest that an effort stands for."""
    lowest, highest = budgets
    if reasoning.adaptive and reasoning.effort is None:
        return {"thinkingBudget": -1}
    if reasoning.budget_tokens is not None:
        wanted = reasoning.budget_tokens
    elif reasoning.effort is not None:
        wanted = highest * _QUARTERS_OF[reasoning.effort] // 4
    else:
        return {}
    if wanted == 0 and can_stop:
        return {"thinkingBudget": 0}
    budget = min(max(wanted, lowest), highest)
    if budget != wanted:
        losses.changed(_field(reasoning), f"{budget} tokens")
    return {"thinkingBudget": budget}


def _level(reasoning: Reasoning, family: Family, losses: Losses) -> Json:
    """Write the nearest level that the model has, rather more than less."""
    wanted: Level
    if reasoning.budget_tokens is not None:
        wanted = _level_of_budget(reasoning.budget_tokens)
    elif reasoning.effort is not None:
        wanted = _LEVELS_OF[reasoning.effort]
    else:
        return {}
    order = get_args(Level)
    above = (level for level in family.levels if order.index(level) >= order.index(wanted))
    level = next(above, family.levels[-1])
    exact = reasoning.budget_tokens is None and level == reasoning.effort
    if not exact:
        losses.changed(_field(reasoning), f"thinkingLevel {level}")
    return {"thinkingLevel": level}


def _level_of_budget(budget: int) -> Level:
    if budget == 0:
        return "minimal"
    if budget <= _LEVEL_BUDGET // 4:
        return "low"
    return "medium" if budget <= _LEVEL_BUDGET // 2 else "high"
