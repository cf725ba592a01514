"""The table of models."""

from __future__ import annotations

import pytest

from headgate.dialects.anthropic.models import rules_of


@pytest.mark.parametrize(
    ("model", "max_tokens"),
    [
        ("claude-3-7-sonnet-20250219", 128_000),
        ("claude-3-5-sonnet-20241022", 8192),
        ("claude-sonnet-4-20250514", 64_000),
        ("claude-sonnet-4-5-20250929", 64_000),
        ("claude-opus-4-1-20250805", 32_000),
        ("claude-haiku-4-5", 64_000),
        ("claude-3-haiku-20240307", 4096),
        ("claude-sonnet-5", 64_000),
        ("deepseek-chat", 4096),
    ],
)
def test_defaults_of_max_tokens_are_those_of_uni_api(model: str, max_tokens: int) -> None:
    assert rules_of(model).max_tokens == max_tokens


@pytest.mark.parametrize(
    ("model", "thinking"),
    [
        ("claude-2.1", "none"),
        ("claude-instant-1.2", "none"),
        ("claude-3-5-haiku-latest", "none"),
        ("claude-3-7-sonnet-latest", "budget"),
        ("claude-opus-4-20250514", "budget"),
        ("anthropic/claude-haiku-4.5", "budget"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "budget"),
        ("claude-opus-4-6", "adaptive"),
        ("claude-sonnet-4-6", "adaptive"),
        ("CLAUDE-OPUS-4-8", "adaptive"),
        ("claude-haiku-5-5", "adaptive"),
        ("claude-fable-5", "always"),
        ("claude-mythos-preview", "always"),
    ],
)
def test_each_generation_thinks_in_its_own_way(model: str, thinking: str) -> None:
    assert rules_of(model).thinking == thinking


def test_a_date_is_no_version() -> None:
    assert rules_of("claude-opus-4-20250514") == rules_of("claude-opus-4-0")
    assert rules_of("claude-sonnet-4-20250514").structured is False


@pytest.mark.parametrize("model", ["claude-opus-4-7", "claude-opus-4-8", "claude-sonnet-5"])
def test_the_newest_take_no_sampling_and_no_budget(model: str) -> None:
    rules = rules_of(model)
    assert rules.sampling == "none"
    assert not rules.budget_allowed
