"""Temperature, top_p and top_k."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.dialects.anthropic.models import rules_of
from headgate.dialects.anthropic.sampling import encode_sampling
from headgate.dialects.claude_thinking import Thoughts
from headgate.ir.loss import Losses
from headgate.ir.request import ChatRequest

OFF = Thoughts(max_tokens=1)
ON = Thoughts(max_tokens=1, thinking={"type": "enabled", "budget_tokens": 1024})
OLD, ONE, NONE = "claude-3-haiku", "claude-sonnet-4-5", "claude-opus-4-8"


@pytest.mark.parametrize(
    ("model", "thoughts", "asked", "sent", "lost"),
    [
        (OLD, OFF, {"temperature": 0.5, "top_p": 0.5, "top_k": 3}, None, []),
        (OLD, OFF, {"temperature": 1.5}, {"temperature": 1}, ["temperature"]),
        (ONE, OFF, {"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5}, ["top_p"]),
        (ONE, OFF, {"temperature": 0.5, "top_p": 1}, {"temperature": 0.5}, []),
        (ONE, OFF, {"top_p": 0.9}, None, []),
        (NONE, OFF, {"temperature": 1, "top_p": 1}, {}, []),
        (
            NONE,
            OFF,
            {"temperature": 0, "top_p": 0.5, "top_k": 1},
            {},
            ["temperature", "top_p", "top_k"],
        ),
        (OLD, ON, {"temperature": 0.5, "top_p": 0.5, "top_k": 1}, {}, None),
        (OLD, ON, {"temperature": 1, "top_p": 0.95}, None, []),
    ],
)
def test_only_what_the_model_takes_is_sent(
    model: str,
    thoughts: Thoughts,
    asked: dict[str, Any],
    sent: dict[str, Any] | None,
    lost: list[str] | None,
) -> None:
    losses = Losses("anthropic")
    request = ChatRequest(model="m", turns=(), **asked)
    found = encode_sampling(request, rules_of(model), thoughts, False, losses)
    assert found == (asked if sent is None else sent)
    assert [loss.field for loss in losses] == (list(asked) if lost is None else lost)


def test_a_thinking_suffix_sets_temperature_and_clears_the_rest() -> None:
    request = ChatRequest(model="m", turns=(), temperature=0.2, top_p=0.99, top_k=4)
    losses = Losses("anthropic")
    found = encode_sampling(request, rules_of("claude-3-7-sonnet"), ON, True, losses)
    assert found == {"temperature": 1}
    assert {loss.field for loss in losses} == {"temperature", "top_p", "top_k"}
