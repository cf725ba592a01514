"""What a reply loses on callers who can be told nothing but a text: completions and edits."""

from __future__ import annotations

from collections.abc import Mapping

from headgate.ir.loss import Losses, drop_block
from headgate.ir.request import (
    Audio,
    File,
    Image,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)

_FIELDS: Mapping[type[Part], str] = {
    Thinking: "thinking",
    ToolCall: "tool_calls",
    ToolResult: "tool_result",
    Image: "image",
    Audio: "audio",
    File: "file",
}


def name_part_losses(part: Part, losses: Losses) -> None:
    """Name what of a chat's answer is more than text."""
    match part:
        case Text(citations=citations, signature=signature):
            if citations:
                losses.dropped("reply.citations")
            if signature is not None:
                losses.dropped("reply.signature", f"a proof of {signature.origin}")
        case Refusal():
            losses.changed("reply.refusal", "sent as text")
        case Opaque():
            drop_block(losses, part)
        case _:
            losses.dropped(f"reply.{_FIELDS[type(part)]}")
