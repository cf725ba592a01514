from __future__ import annotations

import pytest

from headgate.dialects.openai_chat.text_only import name_part_losses
from headgate.ir.loss import Losses
from headgate.ir.request import (
    Citation,
    Image,
    Inline,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)


@pytest.mark.parametrize(
    ("part", "lost"),
    [
        (Text(text="plain"), []),
        (Text(text="cited", citations=(Citation(origin="x", url="u"),)), ["reply.citations"]),
        (Refusal(text="no"), ["reply.refusal"]),
        (Thinking(text="hm"), ["reply.thinking"]),
        (ToolCall(call_id="c", name="f", arguments="{}"), ["reply.tool_calls"]),
        (Image(source=Inline(media_type="image/png", data="AA==")), ["reply.image"]),
        (Opaque(dialect="x", block={"type": "web_search"}), ["reply.web_search"]),
    ],
)
def test_what_is_more_than_text_is_named(part: Part, lost: list[str]) -> None:
    losses = Losses("a text")
    name_part_losses(part, losses)
    assert [loss.field for loss in losses] == lost
