from __future__ import annotations

import pytest

from headgate.dialects.openai_chat.finish import finish_of, finish_word, name_finish_losses
from headgate.ir.loss import Losses
from headgate.ir.reply import Finish, FinishReason


@pytest.mark.parametrize("reason", ["stop", "length", "tool_calls", "content_filter", "error"])
def test_the_familys_own_words_come_back(reason: FinishReason) -> None:
    finish = finish_of(reason, has_calls=False)
    assert finish.reason == reason
    assert finish_word(finish) == reason


@pytest.mark.parametrize(
    ("finish", "lost"),
    [
        (Finish(reason="stop"), []),
        (Finish(reason="stop_sequence"), []),
        (Finish(reason="stop_sequence", stop_sequence="END"), ["reply.stop_sequence"]),
        (Finish(reason="pause"), ["reply.finish_reason"]),
        (Finish(reason="malformed_tool_call"), ["reply.finish_reason"]),
    ],
)
def test_what_a_finish_reason_does_not_say_is_named(finish: Finish, lost: list[str]) -> None:
    losses = Losses("openai_chat")
    name_finish_losses(finish, losses)
    assert [loss.field for loss in losses] == lost
