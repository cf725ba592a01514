"""How long a prompt is, roughly, and what a request may use (`uni-api.md` 6.2, case 61)."""

from typing import Any

import pytest

from headgate.admission.estimate import estimated_usage, prompt_tokens
from headgate.ir.usage import Usage

FORTY = "x" * 40


@pytest.mark.parametrize(
    "messages",
    [
        FORTY,
        [FORTY[:20], FORTY[:20]],
        [{"role": "user", "content": FORTY}],
        [{"role": "user", "content": FORTY[:30]}, {"role": "assistant", "content": FORTY[:10]}],
        [{"role": "user", "content": [{"type": "text", "text": FORTY}]}],
        [{"role": "user", "content": [{"type": "text", "text": FORTY}, {"type": "image_url"}]}],
        [{"role": "user", "parts": [{"text": FORTY}]}],
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]],
    ],
)
def test_a_token_is_four_characters(messages: Any) -> None:
    assert prompt_tokens(messages) == 10


@pytest.mark.parametrize("messages", [None, 1.5, "", [], {}, [{"content": None}], [None]])
def test_nothing_to_read_is_nothing(messages: Any) -> None:
    assert prompt_tokens(messages) == 0


def test_callers_own_bound_counts() -> None:
    assert estimated_usage(10, 50) == Usage(input=10, output=50)


@pytest.mark.parametrize("bound", [None, 0])
def test_without_a_bound_a_common_one_is_assumed(bound: int | None) -> None:
    assert estimated_usage(10, bound) == Usage(input=10, output=4096)
