from __future__ import annotations

from typing import Any

import pytest

from tests.lab.checks.spoiling import Spoil, delete, displeasure, found, history, put, swap

ENABLED: dict[str, Any] = {
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "max_tokens": 2048,
}
TEXT = {"role": "user", "content": "well?"}


def test_a_good_history_tells_its_results() -> None:
    assert found("anthropic", history("anthropic")).results == ("result 1", "result 2")


def test_neighbours_of_one_role_are_one_turn() -> None:
    assert displeasure("anthropic", lambda messages: messages.append(TEXT)) == ""
    assert displeasure("anthropic", lambda messages: messages.insert(0, TEXT)) == ""


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (delete(0), 'first message must use the "user" role'),
        (delete(2), "messages.3: `tool_use` ids were found without `tool_result`"),
        (delete(4), "`tool_use` ids were found without `tool_result`"),
        (delete(3), "messages.2.content.1: unexpected `tool_use_id`"),
        (swap(1, 2), "unexpected `tool_use_id` found"),
        (swap(2, 4), "messages.2.content.0: unexpected `tool_use_id`"),
        (put("toolu_other", 4, "content", 0, "tool_use_id"), "unexpected `tool_use_id`"),
        (put("a b", 3, "content", 0, "id"), "String should match pattern"),
        (delete(3, "content", 0, "id"), "String should match pattern"),
        (put("{}", 3, "content", 0, "input"), "Input should be a valid dictionary"),
        (put([], 4, "content"), "must have non-empty content"),
        (put("", 0, "content"), "text content blocks must be non-empty"),
        (put("user", 1, "role"), "unexpected `tool_use_id`"),
        (lambda m: m[0].update(content=m[1]["content"]), "can only be in `assistant` messages"),
        (lambda m: m[2]["content"].insert(0, {"type": "text", "text": "so"}), "without"),
        (lambda m: m[2]["content"].append(m[2]["content"][0]), "must have a single result"),
        (lambda m: m[1]["content"].append(m[1]["content"][0]), "ids must be unique"),
    ],
)
def test_a_broken_history_is_refused(spoil: Spoil, message: str) -> None:
    assert message in displeasure("anthropic", spoil)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (delete(3, "content", 0), "`thinking` or `redacted_thinking` blocks in the latest"),
        (delete(3, "content", slice(0, 2)), "Expected `thinking` or `redacted_thinking`"),
        (delete(3, "content", 1), "cannot be modified"),
        (put("Mine.", 1, "content", 0, "thinking"), "messages.1.content.0: Invalid `signature`"),
        (put("AAAA", 3, "content", 1, "data"), "messages.3.content.1: Invalid `data`"),
    ],
)
def test_signatures_are_checked_where_they_are_given(spoil: Spoil, message: str) -> None:
    assert message in displeasure("anthropic", spoil, sealed=True, **ENABLED)
