"""Attempt after attempt (`uni-api.md` 3.3, 3.7; 6.2, cases 29 to 56)."""

import asyncio

import pytest

from headgate.base.clock import ManualClock
from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.providers.provider import Operation
from headgate.relay.answer import Answer
from headgate.relay.stages import Stages
from headgate.snapshot.facts import Endpoint, Key, LossPolicy, RateLimit, Settings, Timeouts, Window
from tests.calls import HELLO, call
from tests.facts import channel, key, offer
from tests.relay.upstreams import (
    DOWN,
    SILENCE,
    FakePool,
    FakeResponse,
    Silence,
    attempts,
    refused,
    reply,
    stages,
)

A, B, C = offer("a"), offer("b"), offer("c")
MANY = offer(channel("m", ["secret-one", "secret-two", "secret-three"], cooldown_s=0.0))
CLAUDE = offer(
    channel(
        "claude",
        endpoints={
            Operation.CHAT: (
                Endpoint(dialect="anthropic", url="http://127.0.0.1:9/claude/v1/messages"),
            )
        },
    )
)


async def answered(of: Key, pool: FakePool, joined: Stages | None = None) -> Answer:
    return await attempts(of, joined or stages(pool, of)).first_answer()


async def failed(of: Key, pool: FakePool, joined: Stages | None = None) -> Failure:
    with pytest.raises(RelayError) as error:
        await answered(of, pool, joined)
    return error.value.failure


@pytest.mark.parametrize("status", [401, 403, 404, 422, 429, 500, 502, 503, 504])
async def test_next_channel_answers_for_the_one_that_fails(status: int) -> None:
    pool = FakePool(refused(status), reply())
    answer = await answered(key([A, B]), pool)
    assert pool.channels == "ab"
    assert answer.attempt.offer is B


async def test_next_channel_answers_for_the_one_that_is_not_there() -> None:
    pool = FakePool(DOWN, reply())
    await answered(key([A, B]), pool)
    assert pool.channels == "ab"


@pytest.mark.parametrize("status", [400, 413])
async def test_callers_mistake_goes_back_unchanged_and_at_once(status: int) -> None:
    pool, answer = FakePool(refused(status, "your mistake")), refused(status, "your mistake")
    failure = await failed(key([A, B]), pool)
    assert pool.channels == "a"
    assert failure.http_status == status
    assert failure.upstream_body == await answer.read()


async def test_error_object_of_another_dialect_is_not_shown() -> None:
    pool = FakePool(refused(400, "prompt is odd"))
    failure = await failed(key([CLAUDE]), pool)
    assert (failure.upstream_body, failure.message) == (None, "prompt is odd")


async def test_single_key_is_tried_once_and_the_reason_told() -> None:
    pool = FakePool(refused(500, "broken"))
    failure = await failed(key([A]), pool)
    assert pool.channels == "a"
    assert failure.http_status == 500
    assert failure.message == "All gpt error: broken"
    assert failure.attempts == ("a: 500 broken",)
    assert failure.upstream_body is None


async def test_every_key_is_tried_and_every_attempt_told() -> None:
    pool = FakePool(refused(500, "one"), refused(502, "two"), refused(503, "three"))
    failure = await failed(key([MANY]), pool)
    assert failure.http_status == 503
    assert failure.message == "All gpt error: three"
    assert failure.attempts == ("m: 500 one", "m: 502 two", "m: 503 three")


async def test_retry_switched_off_means_one_call_and_the_upstreams_own_words() -> None:
    pool = FakePool(refused(500, "broken"))
    failure = await failed(key([A, B], max_attempts=1), pool)
    assert pool.channels == "a"
    assert (failure.http_status, failure.message) == (500, "broken")
    assert failure.upstream_body is not None


async def test_no_key_is_in_a_message_a_body_or_a_record() -> None:
    # Whatever it looks like: this vendor repeats it, and it has none of the known prefixes.
    of = key([offer(channel("a", ["plain-word"]))])
    pool = FakePool(refused(500, "the key plain-word is bad"))
    trying = attempts(of, stages(pool, of))
    with pytest.raises(RelayError) as error:
        await trying.first_answer()
    assert "plain-word" not in str(error.value.failure)
    assert trying.records[0].reason == "the key *** is bad"
    failure = await failed(of, FakePool(refused(400, "the key plain-word is bad")))
    assert b"the key *** is bad" in (failure.upstream_body or b"")


async def test_failing_channel_rests_and_is_back_later() -> None:
    clock = ManualClock()
    short = offer(channel("a", cooldown_s=2.0))
    of = key([short, B])
    pool = FakePool(refused(500), reply(), reply(), refused(500), reply())
    joined = stages(pool, of, clock=clock)
    await answered(of, pool, joined)
    await answered(of, pool, joined)
    clock.advance(2.2)
    await answered(of, pool, joined)
    assert pool.channels == "abbab"


async def test_when_all_rest_the_least_bad_is_tried_and_the_answer_says_so() -> None:
    of = key([A, B])
    pool = FakePool(refused(500), refused(500, "again"), refused(500, "still"), reply())
    clock = ManualClock()
    joined = stages(pool, of, clock=clock)
    await failed(of, pool, joined)
    clock.advance(1.0)
    failure = await failed(of, pool, joined)
    assert failure.http_status == 500
    assert "Every channel rests after failures" in failure.message
    assert failure.message.endswith("Last upstream error: still")
    assert failure.attempts == ("a: 500 still (tried although it rests after 500 upstream_error)",)
    answer = await answered(of, pool, joined)
    assert answer.attempt.rest is not None


async def test_resting_key_is_passed_over_until_its_time() -> None:
    of = key([offer(channel("a", ["bad", "good"], credential_cooldown_s=60.0))])
    pool = FakePool(refused(401), reply(), reply(), reply())
    joined = stages(pool, of)
    for _ in range(3):
        await answered(of, pool, joined)
    shown = [dict(request.headers)["authorization"] for request in pool.asked]
    assert shown == ["Bearer bad", "Bearer good", "Bearer good", "Bearer good"]


async def test_limited_keys_are_the_reason_beside_the_upstreams_own() -> None:
    once = RateLimit(windows=(Window(1, 60.0),))
    of = key([offer(channel("a", ["k1", "k2"]), credential_limit=once)])
    pool = FakePool(reply(), refused(500, "broken"))
    joined = stages(pool, of)
    await answered(of, pool, joined)
    failure = await failed(of, pool, joined)
    assert failure.http_status == 500
    assert "All API keys are rate limited and stop auto retry!" in failure.message
    assert "broken" in failure.message
    nothing = await failed(of, pool, joined)
    assert (nothing.http_status, nothing.kind) == (429, FailureKind.NO_CREDENTIAL)
    assert nothing.retry_after_s == 60.0
    assert len(pool.asked) == 2


async def test_callers_mistake_is_taken_back_from_the_keys_limit() -> None:
    once = RateLimit(windows=(Window(1, 60.0),))
    of = key([offer("a", credential_limit=once)])
    pool = FakePool(refused(400), reply())
    joined = stages(pool, of)
    await failed(of, pool, joined)
    await answered(of, pool, joined)


async def test_attempts_end_with_the_time_of_the_request() -> None:
    clock = ManualClock()
    pool = FakePool(refused(500), refused(500), reply(), each=lambda: clock.advance(6.0))
    of = key([A, B, C])
    joined = stages(pool, of, clock=clock, settings=Settings(total_attempts_s=10.0))
    failure = await failed(of, pool, joined)
    assert pool.channels == "ab"
    assert len(failure.attempts) == 2


async def test_no_attempt_waits_longer_than_the_request_has_left() -> None:
    clock = ManualClock()
    pool = FakePool(refused(500), reply(), each=lambda: clock.advance(6.0))
    of = key([A, offer("b", timeouts=Timeouts(first_byte_s=5.0))])
    await answered(of, pool, stages(pool, of, clock=clock, settings=Settings(total_attempts_s=10)))
    assert [bounds.first_byte_s for bounds in pool.timeouts] == [10.0, 4.0]


TRICKLE = b'{"id":'


@pytest.mark.parametrize("slow", [SILENCE, TRICKLE])
async def test_an_attempt_is_given_up_when_the_time_of_the_request_is_over(
    slow: Silence | bytes,
) -> None:
    """Whether nobody answers the dial, or a body goes on and on below every other bound."""
    clock = ManualClock()
    response = FakeResponse(TRICKLE, SILENCE, b"}")
    first = response if isinstance(slow, bytes) else slow
    pool = FakePool(first, reply(), each=lambda: clock.advance(1.0))
    of = key([A, B])
    joined = stages(pool, of, clock=clock, settings=Settings(total_attempts_s=0.2))
    failure = await failed(of, pool, joined)
    assert (failure.kind, failure.http_status) == (FailureKind.UPSTREAM_TIMEOUT, 504)
    assert "Request timed out after 0.2 seconds" in failure.message
    assert pool.channels == "a"
    assert response.aborted is isinstance(slow, bytes)


async def test_a_callers_hang_up_is_no_timeout() -> None:
    asked, of = asyncio.Event(), key([A])
    asking = asyncio.create_task(answered(of, FakePool(SILENCE, each=asked.set)))
    await asked.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_records_tell_who_was_tried_and_how_long_it_took() -> None:
    clock = ManualClock()
    pool = FakePool(refused(500, "x" * 1000), reply(), each=lambda: clock.advance(0.25))
    of = key([A, B])
    trying = attempts(of, stages(pool, of, clock=clock))
    await trying.first_answer()
    first, second = trying.records
    assert (first.channel, first.credential, first.status, first.latency_ms) == (
        "a",
        "k1",
        500,
        250,
    )
    assert len(first.reason) == 300
    assert (second.channel, second.status, second.reason) == ("b", 200, "")


async def test_loss_that_is_refused_is_the_callers_to_mend() -> None:
    of = key([CLAUDE], on_loss=LossPolicy.REFUSE)
    asked = call({"model": "gpt", "messages": HELLO, "seed": 7})
    pool = FakePool()
    with pytest.raises(RelayError, match="cannot carry: seed") as caught:
        await attempts(of, stages(pool, of), asked).first_answer()
    assert caught.value.failure.http_status == 400
    assert caught.value.failure.param == "seed"
    assert pool.asked == []


async def test_channel_that_carries_everything_is_asked_instead() -> None:
    of = key([CLAUDE, B], on_loss=LossPolicy.REFUSE)
    asked = call({"model": "gpt", "messages": HELLO, "seed": 7})
    answer = await attempts(of, stages(FakePool(reply()), of), asked).first_answer()
    assert answer.attempt.offer is B
