"""The way of a request: what it costs, what is recorded, and that nothing stays held."""

import asyncio
from typing import Any

import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.base.money import NanoUsd
from headgate.ir.usage import Usage
from headgate.providers.provider import Operation
from headgate.relay.call import Call
from headgate.relay.relay import relay
from headgate.settlement.ledger import MemoryLedger
from headgate.settlement.usage_record import UsageRecord
from headgate.snapshot.facts import Endpoint, Key, PriceEntry, Settings
from tests.calls import HELLO, call
from tests.facts import channel, key, offer
from tests.relay.upstreams import (
    CUT,
    SILENCE,
    Caller,
    FakePool,
    FakeResponse,
    Records,
    chunk,
    refused,
    reply,
    stages,
    stream,
)

# A token costs one nano-dollar, in or out.
PRICED = Settings(
    default_price=PriceEntry(prefix="", input_nano_usd=1_000_000, output_nano_usd=1_000_000)
)
CREDITS = NanoUsd(100_000)
PAYING = key([offer("a"), offer("b")], credits=CREDITS)
STREAM = {"model": "gpt", "messages": HELLO, "stream": True}


class Till:
    """A gateway with one paying key: what is left, and what was recorded."""

    def __init__(self, pool: FakePool, of: Key = PAYING) -> None:
        self.pool = pool
        self.key = of
        self.ledger = MemoryLedger()
        self.records = Records()
        self.stages = stages(pool, of, settings=PRICED, ledger=self.ledger, records=self.records)

    async def left(self) -> int:
        """Everything that could be set aside now: no hold may have stayed behind."""
        hold = await self.ledger.reserve(self.key, "asks for all", NanoUsd(10**18))
        assert hold is not None
        await self.ledger.release(hold)
        return hold.amount

    @property
    def record(self) -> UsageRecord:
        assert len(self.records.kept) == 1
        return self.records.kept[0]

    async def ask(self, asked: Call | None = None, pieces: int | None = None) -> bytes:
        """Relay a request as the edge does; leave after so many pieces."""
        caller = Caller()
        asked = asked or call()
        async with relay("sk-1", asked, self.stages) as exchange:
            if not asked.stream:
                await exchange.settle()
                return exchange.whole or b""
            writing = asyncio.ensure_future(exchange.write_to(caller))
            if pieces is not None:
                await caller.has(pieces)
                writing.cancel()
                await asyncio.wait([writing])
                return caller.text
            await writing
            await exchange.settle()
        return caller.text


def streaming() -> Call:
    return call(STREAM, stream=True, include_usage=True)


async def test_reply_is_charged_at_its_price_and_recorded() -> None:
    till = Till(FakePool(reply()))
    assert b"hello" in await till.ask()
    assert await till.left() == CREDITS - 10
    record = till.record
    assert (record.outcome, record.status, record.cost) == ("done", 200, 10)
    assert (record.usage, record.usage_source) == (Usage(input=7, output=3), "reported")
    assert (record.channel, record.upstream_model, record.upstream_dialect) == (
        "a",
        "gpt",
        "openai_chat",
    )
    assert [attempt.status for attempt in record.attempts] == [200]


async def test_stream_is_charged_like_a_reply() -> None:
    till = Till(FakePool(stream()))
    await till.ask(streaming())
    assert await till.left() == CREDITS - 10
    assert (till.record.outcome, till.record.usage_source) == ("done", "reported")


@pytest.mark.parametrize("answers", [[refused(400)], [refused(500), refused(500)]])
async def test_failure_costs_nothing_and_is_recorded(answers: list[FakeResponse]) -> None:
    till = Till(FakePool(*answers))
    with pytest.raises(RelayError):
        await till.ask()
    assert await till.left() == CREDITS
    assert (till.record.outcome, till.record.cost) == ("failed", 0)
    assert till.record.error


async def test_model_that_nobody_offers_leaves_nothing_held() -> None:
    till = Till(FakePool())
    with pytest.raises(RelayError, match="No available providers at the moment: other"):
        await till.ask(call({"model": "other", "messages": HELLO}, model="other"))
    assert await till.left() == CREDITS
    assert till.record.status == 404


async def test_unknown_key_leaves_no_record() -> None:
    till = Till(FakePool())
    with pytest.raises(RelayError):
        async with relay("sk-2", call(), till.stages):
            raise AssertionError("admitted")
    assert till.records.kept == []


async def test_empty_account_is_refused_before_anybody_is_asked() -> None:
    till = Till(FakePool(), key([offer("a")], credits=NanoUsd(0)))
    with pytest.raises(RelayError) as refusal:
        await till.ask()
    assert refusal.value.failure.kind is FailureKind.BALANCE_EXHAUSTED
    assert till.pool.asked == []
    assert till.record.status == 429


async def test_defect_of_ours_leaves_nothing_held() -> None:
    def break_down() -> None:
        raise ZeroDivisionError

    till = Till(FakePool(reply(), each=break_down))
    with pytest.raises(ZeroDivisionError):
        await till.ask()
    assert await till.left() == CREDITS
    assert len(till.records.kept) == 1


async def test_callers_that_repeat_one_request_id_pay_for_each_request() -> None:
    till = Till(FakePool(stream(), stream()))
    first, second = (relay("sk-1", streaming(), till.stages) for _ in range(2))
    async with first as one, second as two:
        for exchange in (one, two):
            await exchange.write_to(Caller())
            await exchange.settle()
    assert await till.left() == CREDITS - 20


async def test_stream_that_is_cut_is_charged_for_what_was_forwarded() -> None:
    till = Till(FakePool(stream(chunk("hel"), chunk("lo"), CUT)))
    await till.ask(streaming())
    record = till.record
    assert (record.outcome, record.usage_source) == ("interrupted", "estimated")
    assert record.usage == Usage(input=1, output=2)
    assert await till.left() == CREDITS - 3


async def test_what_was_forwarded_counts_however_its_lines_end() -> None:
    crlf = [piece.replace(b"\n", b"\r\n") for piece in (chunk("hel"), b": ping\n\n", chunk("lo"))]
    till = Till(FakePool(stream(*crlf, CUT)))
    await till.ask(streaming())
    assert till.record.usage == Usage(input=1, output=2)


async def test_verdicts_are_not_charged_as_written_text() -> None:
    endpoint = Endpoint(dialect="openai_chat", url="http://127.0.0.1:9/a/moderations")
    of = channel("a", endpoints={Operation.MODERATIONS: (endpoint,)})
    till = Till(FakePool(verdict("false")), key([offer(of)], credits=CREDITS))
    await till.ask(call({"model": "gpt", "input": "hello"}, operation=Operation.MODERATIONS))
    assert till.record.usage == Usage(input=1)


async def test_caller_that_leaves_pays_for_what_was_forwarded() -> None:
    till = Till(FakePool(stream(chunk("hel"), chunk("lo"), SILENCE)))
    await till.ask(streaming(), pieces=2)
    assert (till.record.outcome, till.record.status) == ("client_gone", 499)
    assert till.record.usage == Usage(input=1, output=2)
    assert await till.left() == CREDITS - 3


async def test_beginning_of_a_usage_is_not_taken_for_all_of_it() -> None:
    # Anthropic tells one output token when it starts; whoever leaves after a hundred chunks
    # must not pay for one.
    start = (
        b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","type":"message",'
        b'"role":"assistant","model":"claude","content":[],"usage":{"input_tokens":7,'
        b'"output_tokens":1}}}\n\n'
        b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
        b'"content_block":{"type":"text","text":""}}\n\n'
    )
    delta = (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"text_delta","text":"x"}}\n\n'
    )
    endpoint = Endpoint(dialect="anthropic", url="http://127.0.0.1:9/a/v1/messages")
    of = key([offer(channel("a", endpoints={Operation.CHAT: (endpoint,)}))], credits=CREDITS)
    till = Till(FakePool(stream(start, *[delta] * 100, SILENCE)), of)
    await till.ask(streaming(), pieces=90)
    usage = till.record.usage
    assert usage is not None
    assert usage.input == 7
    assert usage.output >= 80
    assert till.record.usage_source == "estimated"


async def test_caller_that_leaves_before_the_first_byte_pays_nothing_and_cools_nobody() -> None:
    till = Till(FakePool(SILENCE, reply()))
    waiting = asyncio.ensure_future(till.ask())
    for _ in range(5):
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (till.record.outcome, till.record.cost) == ("client_gone", 0)
    assert await till.left() == CREDITS
    await till.ask()
    assert till.pool.channels == "aa"


class SlowSink(Records):
    """A sink that is as slow as a database the first time."""

    def __init__(self) -> None:
        super().__init__()
        self.is_slow = True

    async def record(self, record: UsageRecord) -> None:
        if self.is_slow:
            self.is_slow = False
            await asyncio.Event().wait()
        await super().record(record)


async def test_caller_that_leaves_while_its_request_is_put_on_the_books_is_on_them() -> None:
    till = Till(FakePool(reply()))
    sink = SlowSink()
    joined = stages(till.pool, PAYING, settings=PRICED, ledger=till.ledger, records=sink)

    async def ask() -> None:
        async with relay("sk-1", call(), joined) as exchange:
            await exchange.settle()

    waiting = asyncio.ensure_future(ask())
    for _ in range(5):
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(sink.kept) == 1
    assert await till.left() == CREDITS - 10


# ---------------------------------------------------------------- moderation


def moderated(*answers: FakeResponse) -> Till:
    chat = {"gpt": (), "omni-moderation-latest": ()}
    both = channel(
        "a",
        endpoints={
            operation: (Endpoint(dialect="openai_chat", url=f"http://127.0.0.1:9/a/{path}"),)
            for operation, path in (
                (Operation.CHAT, "chat/completions"),
                (Operation.MODERATIONS, "moderations"),
            )
        },
    )
    routes: dict[str, Any] = {
        model: key([offer(both, model)], model).routes[model] for model in chat
    }
    of = Key(
        key_id="k", role="user", is_admin=False, routes=routes, moderation=True, credits=CREDITS
    )
    return Till(FakePool(*answers), of)


def verdict(flagged: str) -> FakeResponse:
    return FakeResponse(b'{"results":[{"flagged":%b,"categories":{}}]}' % flagged.encode())


async def test_clean_words_are_passed_on() -> None:
    till = moderated(verdict("false"), reply())
    assert b"hello" in await till.ask()
    assert [body["model"] for body in till.pool.bodies] == ["omni-moderation-latest", "gpt"]


async def test_flagged_words_stop_the_request_and_cost_nothing() -> None:
    till = moderated(verdict("true"))
    with pytest.raises(RelayError, match="Content did not pass the moral check"):
        await till.ask()
    assert len(till.pool.asked) == 1
    assert await till.left() == CREDITS
    assert till.record.status == 400


async def test_what_cannot_be_checked_does_not_pass() -> None:
    till = moderated(refused(500))
    with pytest.raises(RelayError):
        await till.ask()
    assert len(till.pool.asked) == 1
