"""The question for a count, and its answer, in each dialect."""

import msgspec
import pytest

from headgate.base.failure import RelayError
from headgate.dialects.token_counts import COUNTS


@pytest.mark.parametrize(
    ("dialect", "body", "question"),
    [
        (
            "anthropic",
            {"model": "x", "messages": [1], "max_tokens": 5, "temperature": 1, "tools": [2]},
            {"model": "up", "messages": [1], "tools": [2]},
        ),
        (
            "gemini",
            {"contents": [1], "systemInstruction": {}, "store": True},
            {
                "generateContentRequest": {
                    "contents": [1],
                    "systemInstruction": {},
                    "model": "models/up",
                }
            },
        ),
        (
            "openai_responses",
            {"model": "x", "input": "hi", "max_output_tokens": 5, "store": False},
            {"model": "up", "input": "hi"},
        ),
    ],
)
def test_question_holds_what_is_counted_and_nothing_else(
    dialect: str, body: dict[str, object], question: dict[str, object]
) -> None:
    assert COUNTS[dialect].question(body, "up") == question


@pytest.mark.parametrize("dialect", sorted(COUNTS))
def test_answer_that_was_written_can_be_read(dialect: str) -> None:
    form = COUNTS[dialect]
    assert form.read(form.write(42)) == 42
    assert form.read({}) is None
    assert form.read({"input_tokens": "7", "totalTokens": True}) is None


def test_gemini_asks_about_a_whole_request_or_bare_contents() -> None:
    bare = {"contents": msgspec.Raw(b"[]")}
    assert COUNTS["gemini"].chat_body(bare) is bare
    inner = {"generateContentRequest": msgspec.Raw(b'{"contents":[],"tools":[]}')}
    assert set(COUNTS["gemini"].chat_body(inner)) == {"contents", "tools"}


def test_gemini_request_that_is_no_object_is_refused() -> None:
    with pytest.raises(RelayError) as caught:
        COUNTS["gemini"].chat_body({"generateContentRequest": msgspec.Raw(b"[]")})
    assert caught.value.failure.param == "generateContentRequest"
