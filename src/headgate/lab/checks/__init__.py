"""Providers that look closely: is this conversation whole, and is its thinking ours?

One module for each wire; each refuses what the real one refuses, in its words.
"""

from __future__ import annotations

from typing import Protocol

from headgate.lab.checks import anthropic, bedrock, gemini, ollama, openai, responses
from headgate.lab.checks.finding import DispleasedError, Finding
from headgate.lab.wires.question import Question


class Check(Protocol):
    """Looks at a conversation; raises `DispleasedError`."""

    def __call__(self, question: Question, *, sealed: bool) -> Finding: ...


CHECKS: dict[str, Check] = {
    "openai": openai.examine,
    "responses": responses.examine,
    "anthropic": anthropic.examine,
    "gemini": gemini.examine,
    "bedrock": bedrock.examine,
    "cohere": openai.examine,
    "ollama": ollama.examine,
}


def examine(question: Question, *, sealed: bool) -> Finding:
    """Look at a conversation, `sealed` at its signatures too; what is wrong is in the finding."""
    check = CHECKS.get(question.wire)
    if check is None:
        return Finding()
    try:
        return check(question, sealed=sealed)
    except DispleasedError as displeased:
        return Finding(fault=displeased.fault)
