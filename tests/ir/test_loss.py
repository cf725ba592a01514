from __future__ import annotations

from headgate.ir.loss import Loss, Losses, change_citations, drop_block, drop_counts, drop_extras
from headgate.ir.request import Citation, Json, Opaque
from headgate.ir.usage import Usage


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


def fields(losses: Losses) -> list[str]:
    return [loss.field for loss in losses]


def test_blocks_of_a_reply_are_named_by_their_kind() -> None:
    losses = Losses("gemini")
    blocks: list[Json] = [
        {"type": "mcp_tool_use"},
        {"thought": True, "executableCode": {}},
        {"type": "x y"},
        {},
    ]
    for block in blocks:
        drop_block(losses, Opaque(dialect="anthropic", block=block))
    assert fields(losses) == ["reply.mcp_tool_use", "reply.executableCode", "reply.block"]


def test_an_upstream_cannot_fill_the_memory_with_kinds_of_blocks() -> None:
    losses = Losses("gemini")
    for number in range(1000):
        kind = "".join(chr(97 + int(digit)) for digit in str(number))
        drop_block(losses, Opaque(dialect="anthropic", block={"type": kind}))
        drop_extras(losses, {"anthropic": {kind: 1}}, "gemini")
    assert len(losses) < 70


def test_counts_are_named_where_there_are_any() -> None:
    losses = Losses("anthropic")
    drop_counts(losses, Usage(audio_input=3), ("audio_input", "image_input"))
    drop_counts(losses, None, ("audio_input",))
    assert fields(losses) == ["reply.usage.audio_input"]


def test_fields_and_citations_of_the_callers_own_vendor_are_no_losses() -> None:
    losses = Losses("gemini")
    drop_extras(losses, {"gemini": {"a": 1}}, "gemini")
    change_citations(losses, [Citation(origin="gemini", native={}), Citation(url="u")], "gemini")
    assert len(losses) == 0
    drop_extras(losses, {"anthropic": {"a": 1}}, "gemini")
    change_citations(losses, [Citation(origin="anthropic", native={})], "gemini")
    assert fields(losses) == ["reply.a", "reply.citations"]
