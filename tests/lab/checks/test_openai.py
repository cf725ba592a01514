from __future__ import annotations

import pytest

from tests.lab.checks.spoiling import Spoil, delete, displeasure, found, history, put, swap

LONG = "call_" + "x" * 40


@pytest.mark.parametrize("wire", ["openai", "cohere"])
def test_a_good_history_tells_its_results(wire: str) -> None:
    assert found(wire, history(wire)).results == ("result 1", "result 2")


@pytest.mark.parametrize("wire", ["openai", "cohere"])
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (delete(1), "must be a response to a preceeding message"),
        (delete(2), "The following tool_call_ids did not have response messages: "),
        (delete(4), "The following tool_call_ids did not have response messages: "),
        (swap(2, 4), "must be a response to a preceeding message"),
        (lambda m: m.append(m[-1]), "must be a response to a preceeding message"),
        (put("other", 2, "tool_call_id"), "must be a response to a preceeding message"),
        (delete(1, "tool_calls", 0, "id"), "Missing required parameter"),
        (put({}, 1, "tool_calls", 0, "function", "arguments"), "expected a string"),
        (lambda m: m[1]["tool_calls"].append(m[1]["tool_calls"][0]), "Duplicate value"),
    ],
)
def test_a_broken_history_is_refused(wire: str, spoil: Spoil, message: str) -> None:
    assert message in displeasure(wire, spoil)


def test_only_openai_bounds_the_length_of_an_id() -> None:
    def spoil(messages: list[dict[str, object]]) -> None:
        put(LONG, 1, "tool_calls", 0, "id")(messages)
        put(LONG, 2, "tool_call_id")(messages)

    assert "length 40, but got a string with length 45" in displeasure("openai", spoil)
    assert displeasure("cohere", spoil) == ""
