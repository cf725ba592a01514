"""What is known of a request, and so what its record says (`relay()` is tested beside)."""

import pytest

from headgate.base.clock import ManualClock
from headgate.base.failure import FailureKind, RelayError
from headgate.base.money import NanoUsd
from headgate.relay.call import Call
from headgate.relay.journey import Journey
from headgate.relay.relay import relay
from headgate.relay.stages import Stages
from headgate.settlement.ledger import MemoryLedger
from headgate.settlement.usage_record import UsageRecord
from headgate.snapshot.facts import Key, Settings, Strategy
from tests.calls import HELLO, call
from tests.facts import key, offer
from tests.relay.upstreams import Caller, FakePool, Records, refused, reply, stages, stream

STREAM = {"model": "gpt", "messages": HELLO, "stream": True}
KEY = key([offer("a"), offer("b", "gpt-up", alias="gpt")], role="team")


async def recorded(pool: FakePool, asked: Call, of: Key = KEY) -> UsageRecord:
    """Walk a request to its end; each call upstream takes a quarter of a second."""
    clock, records = ManualClock(100.0), Records()
    pool._each = lambda: clock.advance(0.25)
    asked.received_s = 99.5
    journey = Journey(asked, stages(pool, of, clock=clock, records=records))
    try:
        await journey.admit("sk-1")
        await journey.hold()
        exchange = await journey.open()
        if asked.stream:
            await exchange.write_to(Caller())
            clock.advance(0.3)
    except RelayError as error:
        journey.failure = error.failure
    await journey.settle()
    await journey.settle()
    assert len(records.kept) == 1
    return records.kept[0]


async def test_record_tells_who_asked_what_and_who_answered() -> None:
    record = await recorded(FakePool(refused(500, "down"), reply()), call(client_ip="10.0.0.1"))
    assert (record.request_id, record.key_id, record.role) == ("r1", "key1", "team")
    assert (record.operation, record.dialect, record.model) == ("chat", "openai_chat", "gpt")
    assert (record.channel, record.upstream_model) == ("b", "gpt-up")
    assert [attempt.status for attempt in record.attempts] == [500, 200]
    assert record.client_ip == "10.0.0.1"
    assert record.error == ""


async def test_record_tells_how_long_it_took() -> None:
    record = await recorded(FakePool(stream()), call(STREAM, stream=True))
    assert record.stream
    assert record.first_byte_ms == 750
    assert record.latency_ms > record.first_byte_ms


async def test_record_of_a_failure_tells_the_reason() -> None:
    record = await recorded(FakePool(refused(400, "bad")), call())
    assert (record.outcome, record.status, record.error) == ("failed", 400, "bad")
    assert (record.channel, record.usage, record.usage_source) == ("", None, "none")


async def test_record_names_the_model_that_was_meant() -> None:
    record = await recorded(FakePool(reply()), call({"model": "g*", "messages": HELLO}, model="g*"))
    assert record.model == "gpt"


async def test_nobody_opens_what_was_not_admitted() -> None:
    journey = Journey(call(), stages(FakePool(), KEY))
    with pytest.raises(RuntimeError, match="admitted first"):
        await journey.open()


SPREAD = key([offer("a"), offer("b"), offer("c")], strategy=Strategy.ROUND_ROBIN)


async def asked_in_turn(
    pool: FakePool, sessions: str, of: Key = SPREAD, settings: Settings | None = None
) -> Stages:
    """Walk one request for each letter, of the session of that letter; "-" has none."""
    joined = stages(pool, of, settings=settings)
    for session in sessions:
        headers = [(b"session-id", session.encode())] if session != "-" else []
        async with relay("sk-1", call(headers=headers), joined):
            pass
    return joined


async def test_session_goes_on_where_it_was_answered() -> None:
    pool = FakePool(*[reply() for _ in "s-ts-st"])
    joined = await asked_in_turn(pool, "s-ts-st")
    assert pool.channels == "abcaaac"
    assert len(joined.stores.sessions) == 2


async def test_session_moves_with_a_failure_and_stays_there() -> None:
    pool = FakePool(reply(), refused(503), reply(), reply(), reply())
    await asked_in_turn(pool, "ssss")
    assert pool.channels[:2] == "aa"
    assert pool.channels[2] in "bc"
    assert set(pool.channels[2:]) == {pool.channels[2]}


async def test_failed_request_moves_nobody() -> None:
    pool = FakePool(reply(), refused(400), reply(), reply())
    joined = stages(pool, SPREAD)
    asked = call(headers=[(b"session-id", b"s")])
    async with relay("sk-1", asked, joined):
        pass
    with pytest.raises(RelayError):
        async with relay("sk-1", asked, joined):
            pass
    for _ in range(2):
        async with relay("sk-1", asked, joined):
            pass
    assert pool.channels == "aaaa"


async def test_sessions_mean_nothing_where_that_is_wanted() -> None:
    pool = FakePool(*[reply() for _ in "ssss"])
    joined = await asked_in_turn(pool, "ssss", settings=Settings(session_affinity=False))
    assert pool.channels == "abca"
    assert len(joined.stores.sessions) == 0


async def test_nothing_is_kept_where_there_is_nothing_to_choose() -> None:
    pool = FakePool(reply())
    joined = await asked_in_turn(pool, "s", key([offer("a")]))
    assert len(joined.stores.sessions) == 0


async def test_counted_key_asks_for_nothing_in_the_background() -> None:
    body = {"model": "gpt", "input": "hi", "background": True}
    asked = call(body, dialect="openai_responses")
    ledger = MemoryLedger()
    counted = key([offer("a")], credits=NanoUsd(1_000))
    with pytest.raises(RelayError) as caught:
        async with relay("sk-1", asked, stages(FakePool(), counted, ledger=ledger)):
            pass
    assert caught.value.failure.kind is FailureKind.FORBIDDEN
    hold = await ledger.reserve(counted, "h", NanoUsd(1_000))
    assert hold is not None
    assert hold.amount == 1_000
