from __future__ import annotations

import pytest

from tests.lab.checks.spoiling import Spoil, delete, displeasure, found, history, put, swap


def test_a_good_history_tells_its_results() -> None:
    assert found("ollama", history("ollama")).results == ("result 1", "result 2")


def test_a_result_without_a_name_answers_the_first_call() -> None:
    assert displeasure("ollama", delete(2, "tool_name")) == ""


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (delete(1), "messages[1]: a tool answered that nobody called"),
        (delete(2), "no tool message answers the calls of: look"),
        (delete(4), "no tool message answers the calls of: look"),
        (swap(1, 2), "a tool answered that nobody called"),
        (put("other", 2, "tool_name"), "a tool answered that nobody called"),
        (put("{}", 1, "tool_calls", 0, "function", "arguments"), "cannot unmarshal string"),
        (delete(1, "tool_calls", 0, "function", "name"), "a call needs a name"),
        (put("user", 1, "role"), "a call needs a name"),
    ],
)
def test_a_broken_history_is_refused(spoil: Spoil, message: str) -> None:
    assert message in displeasure("ollama", spoil)
