"""What the tests of this wire ask for: a request in the IR, written for a model."""

from __future__ import annotations

from typing import Any

from headgate.dialects.bedrock_converse import BEDROCK_CONVERSE
from headgate.dialects.dialect import Target
from headgate.ir.loss import Losses
from headgate.ir.request import ChatRequest, Json, Part, Text, Turn

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
CLAUDE_37 = "anthropic.claude-3-7-sonnet-20250219-v1:0"
CLAUDE_5 = "global.anthropic.claude-sonnet-5"
NOVA = "us.amazon.nova-lite-v1:0"
NOVA_2 = "us.amazon.nova-2-lite-v1:0"
LLAMA = "meta.llama3-8b-instruct-v1:0"
TITAN = "amazon.titan-text-express-v1"

PROOF = "EpUJCkgIDBABGAIqQO8yqu3hAS47"  # as Claude's begin


def user(*parts: Part | str) -> Turn:
    return Turn(role="user", parts=said(parts))


def assistant(*parts: Part | str) -> Turn:
    return Turn(role="assistant", parts=said(parts))


def said(parts: tuple[Part | str, ...]) -> tuple[Part, ...]:
    return tuple(Text(text=part) if isinstance(part, str) else part for part in parts)


def written(
    *turns: Turn, model: str = CLAUDE, alias: str = "", stream: bool = False, **fields: Any
) -> tuple[Json, dict[str, str]]:
    """The body, and the notes of its losses by field."""
    losses = Losses("bedrock_converse")
    request = ChatRequest(model="m", turns=turns or (user("Hi"),), **fields)
    target = Target(model=model, alias=alias, stream=stream)
    body = BEDROCK_CONVERSE.encode_request(request, target, losses)
    return body, {loss.field: loss.note for loss in losses}


def carried(*turns: Turn, model: str = CLAUDE, **fields: Any) -> Json:
    """The body of a request of which nothing may be lost."""
    body, lost = written(*turns, model=model, **fields)
    assert lost == {}
    return body
