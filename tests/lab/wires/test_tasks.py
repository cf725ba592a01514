from __future__ import annotations

from typing import Any

import pytest
from msgspec import json

from headgate.lab.wires.question import Prompt, Question
from headgate.lab.wires.tasks import anthropic_count, gemini_count, moderations, prompt_tokens
from tests.lab.asking import question


@pytest.mark.parametrize(
    ("asked", "verdicts"),
    [
        ("all good", [False]),
        (["good", "a FLAGME b"], [False, True]),
        ([{"type": "text", "text": "FLAGME"}, {"type": "image_url"}], [True]),
        (None, [False]),
    ],
)
def test_a_text_is_bad_if_it_says_so(asked: object, verdicts: list[bool]) -> None:
    prompt = Prompt(body={"input": asked})
    reply: Any = json.decode(
        moderations(Question(wire="openai", operation="moderations", prompt=prompt))
    )
    assert [result["flagged"] for result in reply["results"]] == verdicts
    assert [result["categories"]["violence"] for result in reply["results"]] == verdicts


def test_a_token_is_a_word() -> None:
    assert prompt_tokens(question()) == 2
    assert prompt_tokens(Question(wire="openai", operation="chat")) == 1
    assert json.decode(anthropic_count(question("anthropic"))) == {"input_tokens": 2}
    assert json.decode(gemini_count(question("gemini"))) == {"totalTokens": 2}
