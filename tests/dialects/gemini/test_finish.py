from __future__ import annotations

from typing import get_args

import pytest

from headgate.dialects.gemini.finish import decode_finish, encode_finish, reason_word
from headgate.ir.reply import Finish, FinishReason


@pytest.mark.parametrize(
    ("word", "called", "reason"),
    [
        ("STOP", False, "stop"),
        ("STOP", True, "tool_calls"),
        ("MAX_TOKENS", True, "length"),
        ("SAFETY", False, "content_filter"),
        ("MODEL_ARMOR", False, "content_filter"),
        ("UNEXPECTED_TOOL_CALL", True, "malformed_tool_call"),
        ("OTHER", False, "error"),
        ("FAKE_NEW_FINISH_REASON", False, "stop"),
        ("", False, "stop"),
    ],
)
def test_reasons_are_read(word: str, called: bool, reason: FinishReason) -> None:
    assert decode_finish(word, called) == Finish(reason=reason, raw_reason=word)


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (1, "STOP"),
        (2, "MAX_TOKENS"),
        (10, "MALFORMED_FUNCTION_CALL"),
        (99, "FINISH_REASON_99"),
        ("STOP", "STOP"),
        (0, ""),
        ("FINISH_REASON_UNSPECIFIED", ""),
        (None, ""),
    ],
)
def test_numbers_stand_for_words(value: str | int | None, word: str) -> None:
    assert reason_word(value) == word


@pytest.mark.parametrize("reason", get_args(FinishReason))
def test_every_reason_has_a_word(reason: FinishReason) -> None:
    assert encode_finish(Finish(reason=reason, raw_reason="end_turn")).isupper()


def test_geminis_own_word_is_given_back() -> None:
    assert encode_finish(Finish(reason="content_filter", raw_reason="RECITATION")) == "RECITATION"
