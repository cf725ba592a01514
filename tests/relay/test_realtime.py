from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

import msgspec
import pytest

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.base.money import NanoUsd
from headgate.relay.realtime import RealtimeSession, realtime
from headgate.settlement.usage_record import UsageRecord
from headgate.snapshot.facts import Key, LimitTable, PriceEntry, RateLimit, Settings, Window
from headgate.upstream.websocket import Message, SocketBounds
from tests.facts import key
from tests.relay.vendor import (
    USAGE,
    Desk,
    Vendor,
    desk,
    done,
    event,
    offer_of,
    realtime_call,
    silent,
    vendors,
)

BOUNDS = SocketBounds(close_s=0.3)
# Five dollars for a million tokens in, ten out: USAGE costs 40 * 5 + 20 * 10 = 400 millionths.
PRICED = Settings(
    default_price=PriceEntry(
        prefix="", input_nano_usd=5_000_000_000, output_nano_usd=10_000_000_000
    )
)
COST = NanoUsd(400_000)
ASK = Message(event("response.create"))


async def until_done(session: RealtimeSession) -> list[str]:
    """Hear the upstream out; the types of its events up to the next response.done."""
    kinds: list[str] = []
    while not kinds or kinds[-1] != "response.done":
        message = await session.upstream.receive()
        assert message is not None
        kinds.append(msgspec.json.decode(await session.incoming(message))["type"])
    return kinds


async def asked_once(at: Desk) -> list[UsageRecord]:
    async with realtime("sk-1", realtime_call(), at.stages, BOUNDS) as session:
        session.upstream.send(ASK.data)
        await until_done(session)
        session.outcome = "done"
    return at.records.kept


async def failure_of(of: Key, at: Desk | None = None, secret: str = "sk-1") -> Failure:
    async def opened(at: Desk) -> Failure:
        with pytest.raises(RelayError) as failed:
            async with realtime(secret, realtime_call(), at.stages, BOUNDS):
                raise AssertionError("it opened")
        return failed.value.failure

    if at is not None:
        return await opened(at)
    async with desk(of) as made:
        return await opened(made)


def poor(vendor: Vendor, left: NanoUsd) -> AbstractAsyncContextManager[Desk]:
    """A desk for a key with so much left."""
    return desk(key([offer_of(vendor, "a")], credits=left), PRICED)


async def test_response_is_recorded_with_its_usage_and_cost() -> None:
    vendor = Vendor()
    async with vendors(vendor), desk(key([offer_of(vendor, "a")]), PRICED) as at:
        (record,) = await asked_once(at)
    assert record.usage is not None
    assert (record.usage.prompt, record.usage.output) == (40, 20)
    assert (record.usage_source, record.cost) == ("reported", COST)
    assert (record.operation, record.channel, record.outcome) == ("realtime", "a", "done")
    assert (record.status, record.stream, record.request_id) == (200, True, "r1")
    assert [attempt.status for attempt in record.attempts] == [200]


async def test_each_response_has_a_record_of_its_own() -> None:
    vendor = Vendor()
    async with vendors(vendor), desk(key([offer_of(vendor, "a")])) as at:
        async with realtime("sk-1", realtime_call(), at.stages, BOUNDS) as session:
            for _ in range(3):
                session.upstream.send(ASK.data)
                await until_done(session)
        ids = [record.request_id for record in at.records.kept]
    assert ids == ["r1", "r1.2", "r1.3"]


async def test_session_without_a_response_leaves_a_record() -> None:
    vendor = Vendor()
    async with vendors(vendor), desk(key([offer_of(vendor, "a")])) as at:
        async with realtime("sk-1", realtime_call(), at.stages, BOUNDS) as session:
            session.outcome = "done"
        (record,) = at.records.kept
    assert (record.outcome, record.usage, record.usage_source) == ("done", None, "none")


@pytest.mark.parametrize(
    "first",
    [
        Vendor(refuses=401),
        Vendor(refuses=404),
        Vendor(refuses=503),
        Vendor(closes=1013),
        Vendor(closes=3000),
        Vendor(opening=event("error", error={"type": "server_error", "message": "broken"})),
        Vendor(opening=event("error", error={"type": "insufficient_quota", "message": "no"})),
    ],
    ids=["401", "404", "503", "1013", "3000", "error", "quota"],
)
async def test_next_channel_is_dialed_until_one_speaks(first: Vendor) -> None:
    second = Vendor()
    async with vendors(first, second):
        async with desk(key([offer_of(first, "a"), offer_of(second, "b")])) as at:
            (record,) = await asked_once(at)
        assert record.channel == "b"
        assert [attempt.channel for attempt in record.attempts] == ["a", "b"]
        assert first.open == second.open == 0


async def test_upstream_that_is_not_there_fails_over() -> None:
    gone, there = Vendor(), Vendor()
    gone.url = "http://127.0.0.1:9"
    async with vendors(there), desk(key([offer_of(gone, "a"), offer_of(there, "b")])) as at:
        (record,) = await asked_once(at)
    assert record.channel == "b"


async def test_callers_mistake_is_not_tried_elsewhere() -> None:
    wrong = event("error", error={"type": "invalid_request_error", "message": "voice?"})
    first, second = Vendor(opening=wrong), Vendor()
    async with vendors(first, second):
        failure = await failure_of(key([offer_of(first, "a"), offer_of(second, "b")]))
    assert (failure.kind, failure.message) == (FailureKind.INVALID_REQUEST, "voice?")
    assert second.asked == []


async def test_every_failure_is_told_and_recorded() -> None:
    vendor = Vendor(refuses=503)
    async with vendors(vendor), desk(key([offer_of(vendor, "a")])) as at:
        failure = await failure_of(at.key, at)
        (record,) = at.records.kept
    assert (failure.http_status, failure.attempts) == (503, ("a: 503 go away",))
    assert (record.outcome, record.status) == ("failed", 503)


async def test_nobody_gets_in_without_a_key_or_with_an_unknown_model() -> None:
    vendor = Vendor()
    async with vendors(vendor):
        refused = await failure_of(key([offer_of(vendor, "a")]), secret="sk-2")
        assert refused.kind is FailureKind.UNAUTHENTICATED
        unknown = await failure_of(key([offer_of(vendor, "a")], "other"))
        assert unknown.kind is FailureKind.MODEL_NOT_FOUND
    assert vendor.asked == []


async def test_key_whose_words_must_be_checked_cannot_speak() -> None:
    vendor = Vendor()
    async with vendors(vendor):
        refused = await failure_of(key([offer_of(vendor, "a")], moderation=True))
    assert (refused.kind, vendor.asked) == (FailureKind.FORBIDDEN, [])


async def test_model_is_renamed_both_ways_and_nothing_else_changes() -> None:
    vendor = Vendor()
    async with (
        vendors(vendor),
        desk(key([offer_of(vendor, "a", "gpt-up")])) as at,
        realtime("sk-1", realtime_call(), at.stages, BOUNDS) as session,
    ):
        assert vendor.asked[0].path == "/v1/realtime?model=gpt-up"
        opening = msgspec.json.decode(await session.incoming(session.opening))
        assert opening["session"] == {"id": "s1", "model": "gpt", "voice": "a"}
        update = event("session.update", session={"model": "gpt", "voice": "b"})
        sent = await session.outgoing(Message(update))
        assert sent == update.replace(b'"gpt"', b'"gpt-up"')
        other = event("conversation.item.create", item={"model": "gpt"})
        assert await session.outgoing(Message(other)) is other


async def test_session_cannot_become_another_models() -> None:
    vendor = Vendor()
    async with (
        vendors(vendor),
        desk(key([offer_of(vendor, "a")])) as at,
        realtime("sk-1", realtime_call(), at.stages, BOUNDS) as session,
    ):
        update = event("session.update", session={"model": "gpt-dear"})
        with pytest.raises(RelayError) as refused:
            await session.outgoing(Message(update))
    assert refused.value.failure.param == "session.model"


async def test_credits_are_spent_response_by_response() -> None:
    vendor = Vendor()
    async with vendors(vendor), poor(vendor, NanoUsd(2 * COST)) as at:
        of = at.key
        async with realtime("sk-1", realtime_call(), at.stages, BOUNDS) as session:
            session.upstream.send(ASK.data)
            await until_done(session)
            assert session.exhausted is None
            assert at.ledger.spent(of) == COST
            session.upstream.send(ASK.data)
            await until_done(session)
            assert session.exhausted is not None
            assert session.exhausted.kind is FailureKind.BALANCE_EXHAUSTED
        assert at.ledger.spent(of) == 2 * COST
        assert at.ledger._open == {}
        assert (await failure_of(of, at)).kind is FailureKind.BALANCE_EXHAUSTED


async def test_money_set_aside_is_given_back_when_nothing_was_said() -> None:
    vendor = Vendor()
    async with vendors(vendor), poor(vendor, NanoUsd(5)) as at:
        of = at.key
        async with realtime("sk-1", realtime_call(), at.stages, BOUNDS):
            pass
        assert (at.ledger.spent(of), at.ledger._open) == (0, {})


async def test_response_that_nobody_waited_for_is_estimated() -> None:
    vendor = Vendor(script=silent)
    async with vendors(vendor), desk(key([offer_of(vendor, "a")])) as at:
        async with realtime("sk-1", realtime_call(), at.stages, BOUNDS) as session:
            for said in ("response.created", "response.output_text.delta"):
                await session.incoming(Message(event(said)))
            assert not session.quiet.is_set()
        (record,) = at.records.kept
    assert record.usage is not None
    assert (record.usage.output, record.usage_source) == (1, "estimated")
    assert (record.outcome, record.status) == ("client_gone", 499)


async def test_usage_that_was_told_but_not_read_is_charged() -> None:
    vendor = Vendor()
    async with vendors(vendor), desk(key([offer_of(vendor, "a")])) as at:
        async with realtime("sk-1", realtime_call(), at.stages, BOUNDS) as session:
            session.upstream.send(ASK.data)
            await asyncio.sleep(0.1)
        (record,) = at.records.kept
    assert record.usage is not None
    assert (record.usage.total, record.usage_source) == (60, "reported")


async def test_cancelled_opening_leaves_nothing_open() -> None:
    vendor = Vendor(script=silent)

    async def stuck(at: Desk) -> None:
        async with realtime("sk-1", realtime_call(), at.stages, BOUNDS):
            await asyncio.Event().wait()

    async with vendors(vendor), poor(vendor, NanoUsd(5)) as at:
        task = asyncio.create_task(stuck(at))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert at.ledger._open == {}
        assert len(at.records.kept) == 1


async def test_key_that_has_used_up_its_limit_rests() -> None:
    vendor = Vendor(script=silent)
    async with (
        vendors(vendor),
        desk(key([offer_of(vendor, "a", keys=("k1", "k2"))])) as at,
        realtime("sk-1", realtime_call(), at.stages, BOUNDS) as session,
    ):
        limits = [{"name": "tokens", "remaining": 0, "reset_seconds": 30}]
        await session.incoming(Message(event("rate_limits.updated", rate_limits=limits)))
        attempt = session.answer.attempt
        now_s = at.stages.clock.monotonic_s()
        rest = at.stages.health.credential_rest(attempt.offer.channel, attempt.credential, now_s)
        assert rest is not None
        assert 25 < rest.until_s - now_s <= 31


async def test_session_is_not_used_before_it_is_open() -> None:
    async with desk(key([])) as at:
        session = RealtimeSession(realtime_call(), at.stages)
        with pytest.raises(RuntimeError, match="admitted"):
            _ = session.grant
        with pytest.raises(RuntimeError, match="opened"):
            _ = session.answer
        await session.settle()


def test_usage_of_the_vendor_is_what_the_price_was_worked_out_for() -> None:
    assert (USAGE["input_tokens"], USAGE["output_tokens"]) == (40, 20)
    assert b"response.done" in done()


async def test_keys_limit_counts_each_response() -> None:
    vendor = Vendor()
    twice = LimitTable(default=RateLimit((Window(2, 60.0),)))
    async with (
        vendors(vendor),
        desk(key([offer_of(vendor, "a")], limits=twice)) as at,
        realtime("sk-1", realtime_call(), at.stages, BOUNDS) as session,
    ):
        for _ in range(2):
            assert await session.outgoing(ASK) is ASK.data
        with pytest.raises(RelayError) as refused:
            await session.outgoing(ASK)
    assert refused.value.failure.kind is FailureKind.RATE_LIMITED


@pytest.mark.parametrize(
    "message",
    [
        Message(b'{"type":"session.update","session":{"model":"gpt-dear"},"x":NaN}'),
        Message(b'{"session":{"model":"gpt-dear"}}'),
        Message(b"[]"),
        Message(event("session.update", session={"model": "gpt-dear"}), is_text=False),
    ],
)
async def test_what_is_no_event_is_not_passed_on(message: Message) -> None:
    vendor = Vendor()
    async with (
        vendors(vendor),
        desk(key([offer_of(vendor, "a")])) as at,
        realtime("sk-1", realtime_call(), at.stages, BOUNDS) as session,
    ):
        with pytest.raises(RelayError) as refused:
            await session.outgoing(message)
    assert refused.value.failure.kind is FailureKind.INVALID_REQUEST
