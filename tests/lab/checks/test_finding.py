from __future__ import annotations

from typing import Any

from headgate.lab.checks import examine
from headgate.lab.checks.finding import DispleasedError, Finding, Turn, blocks_of, merged, named
from headgate.lab.wires.question import Fault, Question


def test_neighbours_of_one_role_are_one_turn_that_stands_where_the_first_stood() -> None:
    messages: list[Any] = [
        {"role": "user", "content": "a"},
        {"role": "user", "content": [{"type": "text", "text": "b"}]},
        {"role": "assistant", "content": []},
    ]
    a, b = ({"type": "text", "text": text} for text in "ab")
    assert merged(messages) == [Turn(0, "user", [a, b]), Turn(2, "assistant", [])]
    assert messages[1]["content"] == [b]


def test_a_content_is_a_text_or_blocks() -> None:
    assert blocks_of("a") == [{"type": "text", "text": "a"}]
    assert blocks_of(None) == []


def test_displeasure_is_a_fault() -> None:
    assert DispleasedError("no", status=404, code="c").fault == Fault(404, "no", code="c")
    assert named(["a", "b"]) == "a, b"


def test_a_wire_without_tools_pleases_always() -> None:
    question = Question(wire="openai_completions", operation="chat")
    assert examine(question, sealed=True) == Finding()
