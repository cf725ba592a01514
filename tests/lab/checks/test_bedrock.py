from __future__ import annotations

from typing import Any

import pytest

from tests.lab.checks.spoiling import Spoil, delete, displeasure, found, history, put, swap

ENABLED: dict[str, Any] = {
    "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
    "inferenceConfig": {"maxTokens": 2048},
}
TEXT: Any = {"role": "user", "content": [{"text": "well?"}]}


def test_a_good_history_tells_its_results() -> None:
    assert found("bedrock", history("bedrock")).results == ("result 1", "result 2")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (delete(0), "must start with a user message"),
        (delete(2), "must alternate"),
        (lambda m: m.append(TEXT), "must alternate"),
        (delete(4), "Expected toolResult blocks at messages.4.content for the following Ids"),
        (swap(2, 4), "Expected toolResult blocks at messages.2.content"),
        (put("other", 4, "content", 0, "toolResult", "toolUseId"), "Expected toolResult blocks"),
        (put("a.b", 3, "content", 0, "toolUse", "toolUseId"), "regular expression"),
        (put("x" * 65, 3, "content", 0, "toolUse", "toolUseId"), "regular expression"),
        (put("{}", 3, "content", 0, "toolUse", "input"), "Provide a json object"),
        (put([], 0, "content"), "is empty"),
        (put(" ", 0, "content", 0, "text"), "messages.0.content.0 is blank"),
        (lambda m: m[2]["content"].append(m[2]["content"][0]), "exceeds the number"),
        (lambda m: m[1]["content"].append(m[1]["content"][0]), "ids of their own"),
    ],
)
def test_a_broken_history_is_refused(spoil: Spoil, message: str) -> None:
    assert message in displeasure("bedrock", spoil)


def test_results_need_tools() -> None:
    fault = found("bedrock", history("bedrock") | {"toolConfig": {}}).fault
    assert fault is not None
    assert "toolConfig field must be defined" in fault.message


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (delete(3, "content", slice(0, 2)), "messages.3.content.0.type: Expected `thinking`"),
        (delete(3, "content", 1), "cannot be modified"),
        (
            put("Mine.", 1, "content", 0, "reasoningContent", "reasoningText", "text"),
            "messages.1.content.0: Invalid `signature`",
        ),
        (
            delete(1, "content", 0, "reasoningContent", "reasoningText", "signature"),
            "Invalid `signature`",
        ),
        (
            put("AAAA", 3, "content", 1, "reasoningContent", "redactedContent"),
            "messages.3.content.1: Invalid `data`",
        ),
    ],
)
def test_claude_checks_its_signatures(spoil: Spoil, message: str) -> None:
    said = displeasure("bedrock", spoil, sealed=True, **ENABLED)
    assert said.startswith("The model returned the following errors: ")
    assert message in said
