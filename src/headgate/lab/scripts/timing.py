"""Answers that take their time, or all of it."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.lab.plan import Hang, Head, Plan, Send, Step, Wait
from headgate.lab.scripts.answers import hello
from headgate.lab.wires.question import Question


def slow(question: Question, number: float) -> Plan:
    """Wait before the head, then answer as usual."""
    plan = hello(question, number)
    return replace(plan, steps=(Wait(number), *plan.steps))


def hang(question: Question, number: float) -> Plan:
    """Never answer."""
    return replace(hello(question, number), steps=(Hang(),))


def hang_after_headers(question: Question, number: float) -> Plan:
    """Send the head, and nothing else."""
    return replace(hello(question, number), steps=(Head(), Hang()))


def stall(question: Question, number: float) -> Plan:
    """Fall silent after some pieces of a stream, or after half of a body."""
    plan = in_halves(hello(question, number))
    kept = min(int(number), len(plan.steps) - 1)
    return replace(plan, steps=(*plan.steps[:kept], Hang()))


def drip(question: Question, number: float) -> Plan:
    """Pause that many milliseconds between the pieces."""
    pause = Wait(number / 1000)
    plan = in_halves(hello(question, number))
    return replace(plan, steps=tuple(part for step in plan.steps for part in (step, pause)))


def drip_bytes(question: Question, number: float) -> Plan:
    """One byte at a time, that many milliseconds apart."""
    pause = Wait(number / 1000)
    plan = hello(question, number)
    data = body(plan)
    steps: tuple[Step, ...] = tuple(
        step for index in range(len(data)) for step in (Send(data[index : index + 1]), pause)
    )
    return replace(plan, steps=steps)


def body(plan: Plan) -> bytes:
    """All bytes that a plan sends."""
    return b"".join(step.data for step in plan.steps if isinstance(step, Send))


def in_halves(plan: Plan) -> Plan:
    """Send a body in two pieces where it would go out in one."""
    if len(plan.steps) > 1:
        return plan
    data = body(plan)
    middle = len(data) // 2
    return replace(plan, steps=(Send(data[:middle]), Send(data[middle:])))
