from __future__ import annotations

import msgspec
import pytest

from headgate.ir.reply import Choice, Finish, Reply
from headgate.ir.request import Text
from headgate.ir.usage import Usage


def test_a_reply_survives_being_written_down() -> None:
    reply = Reply(
        reply_id="r",
        model="m",
        choices=(
            Choice(
                parts=(Text(text="hello"),), finish=Finish(reason="stop", raw_reason="end_turn")
            ),
        ),
        usage=Usage(input=3, output=1),
    )
    assert msgspec.json.decode(msgspec.json.encode(reply), type=Reply) == reply


def test_only_our_own_words_are_finish_reasons() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"reason":"end_turn"}', type=Finish)
