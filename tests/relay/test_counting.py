"""Counts: asked of those who can count, in whichever dialect, and estimated for the others."""

from typing import Any

import msgspec
import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.providers.provider import Operation
from headgate.relay.call import Call
from headgate.relay.counting import count_answer, count_question, estimated_count
from tests.calls import call
from tests.facts import channel, offer

MESSAGES = {"model": "gpt", "messages": [{"role": "user", "content": "hello there"}]}
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "hello there"}]}]}
OFFER = offer(channel("a"), model="up")


def counting(dialect: str, body: dict[str, Any]) -> Call:
    return call(body, dialect=dialect, operation=Operation.COUNT_TOKENS)


def question(dialect: str, body: dict[str, Any], upstream: str) -> Any:
    return msgspec.json.decode(count_question(counting(dialect, body), OFFER, upstream).data)


def test_question_in_the_same_dialect_goes_on_with_the_models_name() -> None:
    assert question("anthropic", MESSAGES, "anthropic") == MESSAGES | {"model": "up"}
    assert question("gemini", CONTENTS, "gemini") == CONTENTS


def test_question_is_translated_to_the_upstreams_dialect() -> None:
    asked = question("anthropic", MESSAGES, "gemini")["generateContentRequest"]
    assert asked["model"] == "models/up"
    assert asked["contents"] == CONTENTS["contents"]
    asked = question("gemini", {"generateContentRequest": CONTENTS}, "anthropic")
    assert asked == MESSAGES | {"model": "up"}


def test_answer_is_told_in_the_callers_words() -> None:
    told = count_answer(counting("anthropic", MESSAGES), "gemini", b'{"totalTokens":7}')
    assert msgspec.json.decode(told) == {"input_tokens": 7}
    body = b'{"totalTokens":7,"promptTokensDetails":[]}'
    assert count_answer(counting("gemini", CONTENTS), "gemini", body) == body


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"totalTokens":"many"}'])
def test_answer_without_a_number_is_none(body: bytes) -> None:
    with pytest.raises(RelayError) as caught:
        count_answer(counting("gemini", CONTENTS), "gemini", body)
    assert caught.value.failure.kind is FailureKind.UPSTREAM_BAD_REPLY


def test_estimate_counts_the_system_prompt_and_the_tools() -> None:
    few = msgspec.json.decode(estimated_count(counting("anthropic", MESSAGES)))["input_tokens"]
    more = MESSAGES | {"system": "x" * 400, "tools": [{"name": "y" * 400}]}
    many = msgspec.json.decode(estimated_count(counting("anthropic", more)))["input_tokens"]
    assert few == 2
    assert many - few > 200
    told = estimated_count(counting("gemini", {"generateContentRequest": CONTENTS}))
    assert msgspec.json.decode(told) == {"totalTokens": 2}
