from __future__ import annotations

from msgspec.structs import replace

from headgate.lab.plan import Hang, Head, Send, Wait
from headgate.lab.scripts.answers import hello
from headgate.lab.scripts.timing import (
    body,
    drip,
    drip_bytes,
    hang,
    hang_after_headers,
    in_halves,
    slow,
    stall,
)
from tests.lab.asking import question

WHOLE = question()
STREAM = question(stream=True)


def test_a_slow_one_waits_and_then_says_the_same() -> None:
    plan = slow(STREAM, 2)
    assert plan.steps[0] == Wait(2)
    assert plan.steps[1:] == hello(STREAM, 0).steps


def test_a_hanging_one_never_sends_content() -> None:
    assert hang(STREAM, 0).steps == (Hang(),)
    assert hang_after_headers(STREAM, 0).steps == (Head(), Hang())


def test_a_stalling_one_sends_some_and_never_all() -> None:
    assert stall(STREAM, 2).steps == (*hello(STREAM, 0).steps[:2], Hang())
    last = len(hello(STREAM, 0).steps) - 1
    assert stall(STREAM, 999).steps == (*hello(STREAM, 0).steps[:last], Hang())
    half, silence = stall(WHOLE, 2).steps
    assert isinstance(half, Send)
    assert half.data
    assert silence == Hang()
    assert stall(WHOLE, 2).length == len(body(hello(WHOLE, 0)))


def test_a_dripping_one_pauses_between_the_pieces() -> None:
    steps = drip(STREAM, 250).steps
    assert steps[1::2] == (Wait(0.25),) * len(hello(STREAM, 0).steps)
    assert steps[0::2] == hello(STREAM, 0).steps


def test_a_byte_by_byte_one_says_the_same() -> None:
    plan = drip_bytes(STREAM, 10)
    assert body(plan) == body(hello(STREAM, 0))
    assert {len(step.data) for step in plan.steps if isinstance(step, Send)} == {1}
    assert plan.steps[1] == Wait(0.01)


def test_halves_join_and_a_stream_stays_as_it_is() -> None:
    plan = in_halves(hello(WHOLE, 0))
    assert len(plan.steps) == 2
    assert body(plan) == body(hello(WHOLE, 0))
    assert in_halves(hello(STREAM, 0)) == hello(replace(STREAM), 0)
