from __future__ import annotations

import pytest

from headgate.dialects.bedrock_converse.models import rules_of


@pytest.mark.parametrize(
    ("model", "thinking", "sampling"),
    [
        ("anthropic.claude-v2", "none", "free"),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", "none", "free"),
        ("us.anthropic.claude-3-7-sonnet-20250219-v1:0", "budget", "free"),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", "budget", "free"),
        ("us.anthropic.claude-opus-4-1-20250805-v1:0", "budget", "one"),
        ("global.anthropic.claude-haiku-4-5-20251001-v1:0", "budget", "one"),
        ("us.anthropic.claude-sonnet-4-6", "adaptive", "one"),
        ("us.anthropic.claude-opus-4-7", "adaptive", "none"),
        ("us.anthropic.claude-sonnet-5", "adaptive", "none"),
        ("anthropic.claude-mythos-1", "always", "none"),
        ("us.amazon.nova-2-lite-v1:0", "nova", "free"),
        ("amazon.nova-micro-v1:0", "none", "free"),
        ("openai.gpt-oss-20b-1:0", "effort", "free"),
        ("qwen.qwen3-32b-v1:0", "config", "free"),
        ("meta.llama3-8b-instruct-v1:0", "none", "free"),
    ],
)
def test_each_generation_is_known_by_its_name(model: str, thinking: str, sampling: str) -> None:
    rules = rules_of(model)
    assert (rules.thinking, rules.sampling) == (thinking, sampling)


@pytest.mark.parametrize(
    ("model", "structured", "cache", "cache_tools", "system"),
    [
        ("anthropic.claude-3-haiku-20240307-v1:0", False, False, False, True),
        ("anthropic.claude-3-5-haiku-20241022-v1:0", False, True, True, True),
        ("anthropic.claude-opus-4-5-20251101-v1:0", True, True, True, True),
        ("amazon.nova-pro-v1:0", False, True, False, True),
        ("mistral.mistral-7b-instruct-v0:2", False, False, False, False),
        ("mistral.mistral-large-3-675b-instruct", True, False, False, True),
        ("amazon.titan-text-lite-v1", False, False, False, False),
        ("minimax.minimax-m2", True, False, False, True),
        ("who.knows-1", False, False, False, True),
    ],
)
def test_what_a_model_takes(
    model: str, structured: bool, cache: bool, cache_tools: bool, system: bool
) -> None:
    rules = rules_of(model)
    assert (rules.structured, rules.cache, rules.cache_tools, rules.system) == (
        structured,
        cache,
        cache_tools,
        system,
    )


def test_a_profile_that_names_no_model_is_known_by_its_alias() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123def456"
    assert not rules_of(arn).claude
    assert rules_of(arn).claudes_proofs
    assert rules_of(arn, "Claude-Sonnet-4-5").claude
