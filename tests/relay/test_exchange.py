"""What a caller gets piece by piece, and what it used (`uni-api.md` 6.2, cases 47, 52, 67)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from headgate.admission.admit import Grant
from headgate.base.failure import FailureKind, RelayError
from headgate.dialects.bridge import DIALECTS
from headgate.ir.usage import Usage
from headgate.relay.exchange import KEEPALIVE, Exchange, cut_short
from tests.calls import HELLO, call
from tests.facts import key, offer
from tests.relay.upstreams import (
    CUT,
    DONE,
    SILENCE,
    WHOLE_STREAM,
    Caller,
    FakePool,
    attempts,
    chunk,
    refused,
    reply,
    stages,
    stream,
)

KEY = key([offer("a"), offer("b")])
SOON_S = 0.01


def exchange_of(pool: FakePool, **asked: Any) -> Exchange:
    body = {"model": "gpt", "messages": HELLO, "stream": True}
    made = call(body, **({"stream": True, "include_usage": True} | asked))

    async def settle() -> None:
        """Nothing to settle here."""

    trying = attempts(KEY, stages(pool, KEY), made)
    return Exchange(made, Grant(KEY, "gpt"), trying, DIALECTS["openai_chat"], settle)


@asynccontextmanager
async def opened(
    pool: FakePool, keepalive_s: float | None = None, **asked: Any
) -> AsyncIterator[Exchange]:
    """Open an exchange as the relay does, and close it in the end."""
    exchange = exchange_of(pool, **asked)
    try:
        await exchange.open(keepalive_s)
        yield exchange
    finally:
        await exchange.close()


async def rest(exchange: Exchange) -> bytes:
    caller = Caller()
    await exchange.write_to(caller)
    return caller.text


@asynccontextmanager
async def watching(exchange: Exchange, pieces: int) -> AsyncIterator[Caller]:
    """Write to a caller who has taken so many pieces, and who leaves in the end."""
    caller = Caller()
    writing = asyncio.ensure_future(exchange.write_to(caller))
    try:
        async with asyncio.timeout(5.0):
            await caller.has(pieces)
        yield caller
    finally:
        writing.cancel()
        await asyncio.wait([writing])


async def test_whole_reply_is_there_at_once() -> None:
    async with opened(FakePool(reply()), stream=False) as exchange:
        assert exchange.whole is not None
        assert b"hello" in exchange.whole
        assert exchange.completed
        assert exchange.usage == Usage(input=7, output=3)


async def test_stream_comes_in_pieces() -> None:
    async with opened(FakePool(stream())) as exchange:
        assert exchange.whole is None
        assert not exchange.completed
        assert await rest(exchange) == b"".join(WHOLE_STREAM)
        assert exchange.completed
        assert exchange.usage == Usage(input=7, output=3)
        assert exchange.frames_out == len(WHOLE_STREAM)
        assert await rest(exchange) == b""


async def test_whole_reply_is_written_as_the_stream_that_was_asked_for() -> None:
    async with opened(FakePool(reply())) as exchange:
        assert (await rest(exchange)).endswith(DONE)
        assert exchange.completed


async def test_cut_after_the_first_byte_is_an_error_event_and_no_clean_end() -> None:
    answer = stream(chunk("hel"), CUT)
    async with opened(FakePool(answer)) as exchange:
        out = await rest(exchange)
        assert out.startswith(chunk("hel"))
        assert b"Connection closed unexpectedly" in out
        assert DONE not in out
        assert exchange.failure is CUT
        assert not exchange.completed


async def test_stream_that_ends_too_early_is_an_error_event() -> None:
    async with opened(FakePool(stream(chunk("hel")))) as exchange:
        out = await rest(exchange)
        assert b'"error"' in out
        assert DONE not in out
        assert exchange.failure is not None
        assert exchange.failure.kind is FailureKind.UPSTREAM_INTERRUPTED


async def test_failure_within_the_first_bytes_is_not_waited_upon() -> None:
    # An error frame has come with the first one, and then the upstream falls silent.
    error = b'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n'
    answer = stream(chunk("hel") + error + DONE)
    async with opened(FakePool(answer)) as exchange:
        assert error in await rest(exchange)
        assert exchange.failure is not None


async def test_nothing_is_open_after_a_caller_has_gone() -> None:
    answer = stream(chunk("hel"), SILENCE)
    async with opened(FakePool(answer)) as exchange, watching(exchange, 1):
        assert not exchange.completed
    assert not exchange.completed
    left = stream(chunk("hel"), SILENCE, chunk("lo"))
    async with opened(FakePool(left)) as exchange, watching(exchange, 1):
        pass
    assert left.aborted


async def test_reply_that_was_seen_to_its_own_end_is_complete() -> None:
    # SDKs close at [DONE], before the upstream's body has ended.
    answer = stream(b"".join(WHOLE_STREAM), SILENCE)
    async with opened(FakePool(answer)) as exchange, watching(exchange, 1) as caller:
        assert DONE in caller.text
        assert exchange.completed


async def test_failure_of_all_attempts_is_raised_before_anything_is_sent() -> None:
    with pytest.raises(RelayError, match="All gpt error: two"):
        async with opened(FakePool(refused(500, "one"), refused(500, "two"))):
            raise AssertionError("opened")


# ---------------------------------------------------------------- heart-beats


async def test_no_heartbeat_while_answers_come_in_time() -> None:
    async with opened(FakePool(stream()), keepalive_s=5.0) as exchange:
        assert await rest(exchange) == b"".join(WHOLE_STREAM)


async def test_failure_in_time_still_has_its_status() -> None:
    with pytest.raises(RelayError, match="two"):
        async with opened(FakePool(refused(500, "one"), refused(500, "two")), keepalive_s=5.0):
            raise AssertionError("opened")


async def test_heartbeats_come_each_interval_and_then_the_answer() -> None:
    gone_on = asyncio.Event()

    class Slow(FakePool):
        async def send(self, request: Any, timeouts: Any) -> Any:
            await gone_on.wait()
            return await super().send(request, timeouts)

    async with opened(Slow(stream()), keepalive_s=SOON_S) as exchange:
        async with watching(exchange, 3) as caller:
            gone_on.set()
            await caller.has(3 + len(WHOLE_STREAM))
        assert caller.pieces[:3] == [KEEPALIVE] * 3
        assert caller.text.replace(KEEPALIVE, b"") == b"".join(WHOLE_STREAM)


async def test_first_heartbeat_has_been_waited_for_already() -> None:
    async with opened(FakePool(SILENCE), keepalive_s=SOON_S) as exchange:
        caller = Caller()
        writing = exchange.write_to(caller)
        writing.send(None)  # one step, without waiting a second time
        assert caller.pieces == [KEEPALIVE]
        writing.close()


async def test_failure_after_a_heartbeat_is_an_error_event() -> None:
    failing = asyncio.Event()

    class Failing(FakePool):
        async def send(self, request: Any, timeouts: Any) -> Any:
            await failing.wait()
            raise RelayError(CUT)

    async with opened(Failing(), keepalive_s=SOON_S) as exchange:
        async with watching(exchange, 1) as caller:
            failing.set()
            while caller.pieces[-1] == KEEPALIVE:
                await caller.has(len(caller.pieces) + 1)
        assert caller.pieces[0] == KEEPALIVE
        assert b"Connection closed unexpectedly" in caller.text
        assert DONE not in caller.text
        assert exchange.failure is not None


async def test_caller_that_leaves_between_heartbeats_ends_the_attempt() -> None:
    async with opened(FakePool(SILENCE), keepalive_s=SOON_S) as exchange, watching(exchange, 1):
        pass
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    assert tasks == set()


async def test_answer_that_comes_while_the_caller_leaves_is_let_go() -> None:
    answer = stream(chunk("hel"), chunk("lo"))
    exchange = exchange_of(FakePool(answer))
    waiting = asyncio.ensure_future(exchange.open(5.0))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    await exchange.close()
    assert answer.aborted or exchange.answer is None
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_stopping_gateway_says_so() -> None:
    async with opened(FakePool(stream(chunk("hel"), SILENCE))) as exchange:
        async with watching(exchange, 1):
            pass
        out = exchange.broken_off(cut_short())
        assert b"The gateway is stopping" in out
        assert await rest(exchange) == b""
        assert not exchange.completed


async def test_stream_goes_no_faster_than_its_caller() -> None:
    class Slow(Caller):
        """Takes each piece only when it is waited for."""

        drains = 0

        def send(self, data: bytes) -> None:
            super().send(data)
            self.paused = True

        async def drain(self) -> None:
            self.drains += self.paused
            self.paused = False

    caller = Slow()
    async with opened(FakePool(stream())) as exchange:
        await exchange.write_to(caller)
    assert caller.text == b"".join(WHOLE_STREAM)
    assert caller.drains >= len(WHOLE_STREAM) - 1
