from __future__ import annotations

from typing import Any

import pytest
from msgspec import json

from headgate.lab.wires import seals
from headgate.lab.wires.question import Prompt, Question
from headgate.lab.wires.tasks import (
    anthropic_count,
    bedrock_count,
    compaction,
    gemini_count,
    moderations,
    prompt_tokens,
    responses_count,
)
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


def test_bedrock_and_responses_count_too() -> None:
    assert json.decode(bedrock_count(question("bedrock"))) == {"inputTokens": 2}
    counted: Any = json.decode(responses_count(question("responses")))
    assert counted == {"object": "response.input_tokens", "input_tokens": 2}


def test_a_compaction_keeps_what_users_said_and_packs_the_rest() -> None:
    said = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]
    reply: Any = json.decode(compaction(question("responses", input=said)))
    assert reply["object"] == "response.compaction"
    assert reply["output"][0] == said[0]
    packed = reply["output"][1]
    assert (len(reply["output"]), packed["type"]) == (2, "compaction")
    assert seals.opened(seals.OPENAI, packed["encrypted_content"]) == "hi ho"
