"""A chat reply while it is being written.

Order: `Started`, then for each part `PartStarted`, `PartDelta`*, `PartEnded`, then one `Finished`
per choice, then `Ended`. `Failed` may come at any point and is the last. Parts of one choice do not
overlap, except that tool calls may (OpenAI sends parallel calls interleaved); `index` tells them
apart and counts from 0 within a choice without gaps.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headgate.base.failure import Failure
from headgate.ir.reply import Finish
from headgate.ir.request import Citation, Json, Part, Signature
from headgate.ir.usage import Usage


class Started(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The reply begins. `usage` holds what is known already (Anthropic tells the input first)."""

    reply_id: str = ""
    model: str = ""
    created: int = 0
    usage: Usage | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None


class PartStarted(msgspec.Struct, frozen=True):
    """A part begins; `part` holds what is known of it (kind, call id, name), usually no text."""

    index: int
    part: Part
    choice: int = 0


class PartDelta(msgspec.Struct, frozen=True, omit_defaults=True):
    """More of a part.

    `text` is text for text, thinking and refusal; JSON text for a tool call's arguments; base64
    for image and audio data, where `transcript` is what the audio says.
    """

    index: int
    text: str = ""
    choice: int = 0
    signature: Signature | None = None
    citations: tuple[Citation, ...] = ()
    logprobs: Json | None = None
    transcript: str = ""


class PartEnded(msgspec.Struct, frozen=True, gc=False):
    """A part is complete."""

    index: int
    choice: int = 0


class Finished(msgspec.Struct, frozen=True):
    """A choice is complete."""

    finish: Finish
    choice: int = 0


class Ended(msgspec.Struct, frozen=True, omit_defaults=True):
    """The reply is complete. `usage` is final; None when the upstream never told.

    `extras` are a reply's: dialect -> fields that only its own callers know.
    """

    usage: Usage | None = None
    service_tier: str | None = None
    extras: dict[str, dict[str, Any]] = {}


class Failed(msgspec.Struct, frozen=True):
    """The reply broke off."""

    failure: Failure


Event = Started | PartStarted | PartDelta | PartEnded | Finished | Ended | Failed
