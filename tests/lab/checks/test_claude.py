from __future__ import annotations

from typing import Any

import pytest

from headgate.lab.checks.claude import FOLLOWING, PRIVATELY, check_settings, check_thinking, thinks
from headgate.lab.checks.finding import DispleasedError, Turn
from headgate.lab.wires import seals

TEXT = f"I mull, {PRIVATELY}."
THOUGHT = {
    "type": "thinking",
    "thinking": TEXT,
    "signature": seals.seal(seals.CLAUDE, TEXT),
}
PLAIN = {
    "type": "thinking",
    "thinking": "I mull.",
    "signature": seals.seal(seals.CLAUDE, "I mull."),
}
REDACTED = {"type": "redacted_thinking", "data": seals.envelope(seals.CLAUDE, "hush")}
CALL = {"type": "tool_use", "id": "t", "name": "look", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t"}


def displeasure(*blocks: Any, enabled: bool = True, answered: bool = True) -> str:
    turns = [Turn(0, "user", [{"type": "text"}]), Turn(1, "assistant", list(blocks))]
    if answered:
        turns.append(Turn(2, "user", [RESULT]))
    try:
        check_thinking(turns, enabled=enabled)
    except DispleasedError as displeased:
        return displeased.fault.message
    return ""


def test_thinking_that_comes_back_as_it_was_is_welcome() -> None:
    assert displeasure(THOUGHT, REDACTED, CALL) == ""
    assert displeasure(PLAIN, CALL) == ""
    assert displeasure(REDACTED, CALL) == ""
    assert displeasure({"type": "text"}) == ""


def test_a_call_needs_its_thinking_first_while_thinking_is_on() -> None:
    expected = "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found"
    assert displeasure(CALL).startswith(f"{expected} `tool_use`.")
    assert displeasure({"type": "text"}, PLAIN, CALL).startswith(f"{expected} `text`.")
    assert displeasure(CALL, enabled=False) == ""
    assert displeasure(CALL, answered=False) == ""


@pytest.mark.parametrize(
    "changed",
    [
        {"thinking": "Somebody else's."},
        {"signature": ""},
        {"signature": None},
        {"signature": seals.seal(seals.GEMINI, TEXT)},
        {"signature": "EqQBCkYIARgCKkD"},
    ],
)
@pytest.mark.parametrize("enabled", [False, True])
def test_a_signature_belongs_to_one_text(changed: Any, *, enabled: bool) -> None:
    expected = "messages.1.content.0: Invalid `signature` in `thinking` block"
    assert displeasure(THOUGHT | changed, REDACTED, CALL, enabled=enabled) == expected


@pytest.mark.parametrize("data", ["", "AAAA", REDACTED["data"][:-4] + "AAAA", None])
def test_redacted_thinking_may_not_change(data: object) -> None:
    expected = "messages.1.content.1: Invalid `data` in `redacted_thinking` block"
    assert displeasure(THOUGHT, REDACTED | {"data": data}, CALL) == expected


def test_of_thinking_and_its_redacted_part_none_may_go_missing() -> None:
    expected = "messages.1.content.0: `thinking` or `redacted_thinking` blocks in the latest"
    assert displeasure(THOUGHT, CALL).startswith(expected)
    assert displeasure(THOUGHT, CALL, REDACTED).startswith(expected)
    follower = REDACTED | {"data": seals.envelope(seals.CLAUDE, f"{FOLLOWING} turn 1.")}
    assert displeasure(PLAIN, follower, CALL) == ""
    assert displeasure(follower, CALL).startswith(expected)


ENABLED = {"type": "enabled", "budget_tokens": 1024}


@pytest.mark.parametrize(
    ("thinking", "settings", "message"),
    [
        (ENABLED, {}, ""),
        (ENABLED, {"temperature": 1}, ""),
        ({"type": "adaptive"}, {"forced": True, "temperature": 0}, ""),
        ({}, {"forced": True}, ""),
        (ENABLED, {"temperature": 0.5}, "`temperature` may only be set to 1"),
        (ENABLED, {"max_tokens": 1024}, "`max_tokens` must be greater"),
        (ENABLED, {"forced": True}, "tool_choice forces"),
        (ENABLED | {"budget_tokens": 100}, {}, "budget_tokens"),
        ({"type": "enabled"}, {}, "budget_tokens"),
    ],
)
def test_settings_must_go_with_thinking(thinking: Any, settings: Any, message: str) -> None:
    given = {"max_tokens": 4096, "temperature": None, "forced": False} | settings
    said = ""
    try:
        check_settings(thinking, given["max_tokens"], given["temperature"], forced=given["forced"])
    except DispleasedError as displeased:
        said = displeased.fault.message
    assert message in said
    assert bool(message) == bool(said)


def test_claude_thinks_unless_told_not_to() -> None:
    assert [thinks(value) for value in (None, ENABLED, {"type": "disabled"})] == [True, True, False]
