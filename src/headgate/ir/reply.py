"""A finished chat reply in no vendor's words."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from headgate.ir.request import Json, Part
from headgate.ir.usage import Usage

FinishReason = Literal[
    "stop",  # natural end
    "stop_sequence",
    "length",
    "context_full",
    "tool_calls",
    "content_filter",
    "refusal",
    "pause",  # server tools paused; the caller must go on
    "malformed_tool_call",
    "error",
]


class Finish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a choice ended: our word, the vendor's own, and the matched stop sequence if told."""

    reason: FinishReason
    raw_reason: str = ""
    stop_sequence: str | None = None


class Choice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One answer. `logprobs` is OpenAI's object, the only wire form in use."""

    parts: tuple[Part, ...]
    finish: Finish
    index: int = 0
    logprobs: Json | None = None


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A whole answer. `created` is seconds since the epoch; 0 when the vendor does not say."""

    reply_id: str
    model: str
    choices: tuple[Choice, ...]
    usage: Usage | None = None
    created: int = 0
    service_tier: str | None = None
    system_fingerprint: str | None = None
    extras: dict[str, dict[str, Any]] = {}
