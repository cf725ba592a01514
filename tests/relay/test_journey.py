"""What is known of a request, and so what its record says (`relay()` is tested beside)."""

import pytest

from headgate.base.clock import ManualClock
from headgate.base.failure import RelayError
from headgate.relay.call import Call
from headgate.relay.journey import Journey
from headgate.settlement.usage_record import UsageRecord
from headgate.snapshot.facts import Key
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
