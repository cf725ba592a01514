from __future__ import annotations

import pytest

from headgate.ir.tool_messages import answers_first


def order(text: str) -> str:
    """Order messages that are named by their role's first letter and a number."""
    roles = {"t": "tool", "u": "user", "a": "assistant"}
    messages = [{"role": roles[name[0]], "name": name} for name in text.split()]
    return " ".join(message["name"] for message in answers_first(messages))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a1 t1 u1 t2", "a1 t1 t2 u1"),
        ("a1 t1 u1 t2 u2 t3 u3", "a1 t1 t2 t3 u1 u2 u3"),
        ("a1 t1 t2 u1 a2 t3", "a1 t1 t2 u1 a2 t3"),
        ("u1 t1", "u1 t1"),
        ("a1 u1 t1", "a1 u1 t1"),
        ("t1 u1 a1 t2", "t1 u1 a1 t2"),
        ("", ""),
    ],
)
def test_answers_to_the_same_calls_stand_together(given: str, expected: str) -> None:
    assert order(given) == expected
