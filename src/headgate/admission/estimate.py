"""An upper bound of what a request will use, before it is made."""

from __future__ import annotations

from typing import Any

from headgate.ir.usage import Usage

_CHARACTERS_PER_TOKEN = 4
_DEFAULT_OUTPUT_TOKENS = 4096
_TEXT_FIELDS = ("content", "parts", "text")


def prompt_tokens(messages: Any) -> int:
    """Estimate a prompt: its characters divided by four, texts inside content lists included.

    Shape: the `messages` (or `input`, `prompt`, `contents`) value of a request body. Numbers are
    ready-made tokens, as embeddings and completions take them.
    """
    return _characters(messages) // _CHARACTERS_PER_TOKEN


def estimated_usage(prompt: int, max_tokens: int | None, answers: int = 1) -> Usage:
    """Bound the usage of a request; without a caller's maximum a common one is assumed."""
    return Usage(input=prompt, output=(max_tokens or _DEFAULT_OUTPUT_TOKENS) * answers)


def _characters(value: Any) -> int:
    match value:
        case str():
            return len(value)
        case list():
            return sum(_characters(item) for item in value)
        case dict():
            return sum(_characters(value[name]) for name in _TEXT_FIELDS if name in value)
        case int():
            return _CHARACTERS_PER_TOKEN
        case _:
            return 0
