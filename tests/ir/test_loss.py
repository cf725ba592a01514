from __future__ import annotations

from headgate.ir.loss import Loss, Losses


def test_losses_keep_their_order_and_name_each_field_once() -> None:
    losses = Losses("anthropic")
    losses.dropped("seed")
    losses.changed("messages[0].content[1]", "as text")
    losses.dropped("seed", "said twice")
    assert list(losses) == [
        Loss("anthropic", "seed", "dropped"),
        Loss("anthropic", "messages[0].content[1]", "changed", "as text"),
    ]
    assert len(losses) == 2


def test_no_losses_are_falsy() -> None:
    assert not Losses("gemini")
