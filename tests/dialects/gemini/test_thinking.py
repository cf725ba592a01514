from __future__ import annotations

import pytest

from headgate.base.failure import RelayError
from headgate.dialects.dialect import Target
from headgate.dialects.gemini.thinking import decode_thinking, encode_thinking
from headgate.ir.loss import Losses
from headgate.ir.request import Effort, Json, Reasoning

PRO, FLASH, LITE = "gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-flash-lite"
PRO_3, FLASH_3 = "gemini-3-pro-preview", "gemini-3-flash-preview"


def written(
    model: str, reasoning: Reasoning | None, alias: str = "", losses: Losses | None = None
) -> Json:
    losses = Losses("gemini") if losses is None else losses
    return encode_thinking(reasoning, Target(model=model, alias=alias or model), losses)


def lost(model: str, reasoning: Reasoning) -> list[str]:
    losses = Losses("gemini")
    written(model, reasoning, losses=losses)
    return [loss.field for loss in losses]


def test_nothing_asked_is_nothing_said() -> None:
    assert written(FLASH, None) == {}


@pytest.mark.parametrize(
    ("model", "effort", "budget"),
    [
        (FLASH, "none", 0),
        (PRO, "none", 128),
        (FLASH, "minimal", 6144),
        (FLASH, "low", 6144),
        (FLASH, "medium", 12_288),
        (PRO, "high", 24_576),
        (PRO, "xhigh", 32_768),
        (LITE, "max", 24_576),
    ],
)
def test_an_effort_is_a_share_of_the_highest_budget(
    model: str, effort: Effort, budget: int
) -> None:
    assert written(model, Reasoning(effort=effort))["thinkingBudget"] == budget


@pytest.mark.parametrize(
    ("model", "asked", "budget"),
    [
        (FLASH, 0, 0),
        (FLASH, 100, 100),
        (FLASH, 99_999, 24_576),
        (LITE, 100, 512),
        (PRO, 0, 128),
        (PRO, 64, 128),
    ],
)
def test_a_budget_is_kept_within_what_the_model_takes(model: str, asked: int, budget: int) -> None:
    reasoning = Reasoning(budget_tokens=asked)
    assert written(model, reasoning)["thinkingBudget"] == budget
    assert lost(model, reasoning) == ([] if asked == budget else ["thinking.budget_tokens"])


@pytest.mark.parametrize(
    ("model", "effort", "level"),
    [
        (FLASH_3, "none", "minimal"),
        (FLASH_3, "medium", "medium"),
        (FLASH_3, "max", "high"),
        (PRO_3, "none", "low"),
        (PRO_3, "low", "low"),
        (PRO_3, "medium", "high"),
        ("gemini-3.1-pro", "medium", "medium"),
    ],
)
def test_an_effort_is_a_level_that_the_model_has(model: str, effort: Effort, level: str) -> None:
    reasoning = Reasoning(effort=effort)
    assert written(model, reasoning)["thinkingLevel"] == level
    assert lost(model, reasoning) == ([] if effort == level else ["reasoning_effort"])


def test_the_third_generation_gets_a_level_for_a_budget() -> None:
    levels = [
        written(FLASH_3, Reasoning(budget_tokens=budget))["thinkingLevel"]
        for budget in (0, 1024, 8192, 8193, 16_384, 16_385)
    ]
    assert levels == ["minimal", "low", "low", "medium", "medium", "high"]


def test_adaptive_is_the_dynamic_budget() -> None:
    assert written(FLASH, Reasoning(adaptive=True)) == {
        "thinkingBudget": -1,
        "includeThoughts": True,
    }


def test_thoughts_are_shown_where_thinking_was_asked_for() -> None:
    assert written(FLASH, Reasoning(effort="low"))["includeThoughts"] is True
    assert written(FLASH, Reasoning(effort="low", visible=False))["includeThoughts"] is False
    assert written(FLASH, Reasoning(visible=True)) == {"includeThoughts": True}
    assert "includeThoughts" not in written(PRO, Reasoning(effort="none"))


def test_thoughts_are_never_shown_where_there_are_none() -> None:
    assert written(FLASH, Reasoning(budget_tokens=0, visible=True)) == {"thinkingBudget": 0}


def test_a_model_that_does_not_think_drops_the_wish() -> None:
    assert written("gemini-2.0-flash", Reasoning(effort="high")) == {}
    assert lost("gemini-2.0-flash", Reasoning(effort="high")) == ["reasoning_effort"]
    assert lost("gemini-2.0-flash", Reasoning(effort="none")) == []


def test_an_image_model_of_the_third_generation_only_shows_its_thoughts() -> None:
    assert written("gemini-3-pro-image", Reasoning(effort="low")) == {"includeThoughts": True}
    assert lost("gemini-3-pro-image", Reasoning(effort="low")) == ["reasoning_effort"]


@pytest.mark.parametrize(
    ("model", "alias", "config"),
    [
        (FLASH, "mine-think-2048", {"thinkingBudget": 2048, "includeThoughts": True}),
        (FLASH, "mine-think-0", {"thinkingBudget": 0}),
        (FLASH, "mine-think-512-search", {"thinkingBudget": 512, "includeThoughts": True}),
        (PRO, "mine-think-64", {"thinkingBudget": 128, "includeThoughts": True}),
        (FLASH_3, "mine-minimal", {"thinkingLevel": "minimal", "includeThoughts": True}),
        (PRO_3, "mine-medium", {"thinkingLevel": "high", "includeThoughts": True}),
        (FLASH_3, "mine-think-30000", {"thinkingLevel": "high", "includeThoughts": True}),
        (FLASH, "mine-high", {}),
        (FLASH, "mine-search", {}),
    ],
)
def test_the_alias_can_say_how_much_to_think(model: str, alias: str, config: Json) -> None:
    losses = Losses("gemini")
    assert written(model, None, alias, losses) == config
    assert len(losses) == 0


def test_what_the_caller_asks_counts_before_the_alias() -> None:
    assert written(FLASH_3, Reasoning(effort="low"), "mine-high")["thinkingLevel"] == "low"


@pytest.mark.parametrize(
    ("wire", "reasoning"),
    [
        ({}, None),
        ({"thinkingBudget": 512}, Reasoning(budget_tokens=512)),
        ({"thinking_budget": "512"}, Reasoning(budget_tokens=512)),
        ({"thinkingBudget": 0}, Reasoning(effort="none", budget_tokens=0)),
        ({"thinkingBudget": -1}, Reasoning(adaptive=True)),
        ({"thinkingLevel": "HIGH"}, Reasoning(effort="high")),
        ({"thinkingLevel": 4}, Reasoning(effort="minimal")),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, None),
        ({"includeThoughts": True}, Reasoning(visible=True)),
    ],
)
def test_a_thinking_config_is_read(wire: Json, reasoning: Reasoning | None) -> None:
    assert decode_thinking(wire, "x") == (reasoning, {})


def test_what_only_gemini_knows_of_thinking_is_kept() -> None:
    wish = Reasoning(budget_tokens=512)
    assert decode_thinking({"thinkingBudget": 512, "new": 1}, "x") == (wish, {"new": 1})


def test_an_effort_says_more_than_that_the_model_may_decide() -> None:
    wish = Reasoning(effort="high", adaptive=True)
    assert written("gemini-2.5-flash", wish)["thinkingBudget"] == 24_576 * 3 // 4


def test_an_unknown_level_is_refused_with_its_place() -> None:
    with pytest.raises(RelayError) as caught:
        decode_thinking({"thinkingLevel": "much"}, "generationConfig.thinkingConfig")
    assert caught.value.failure.param == "generationConfig.thinkingConfig.thinkingLevel"
