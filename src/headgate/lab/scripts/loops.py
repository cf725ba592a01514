"""Tool loops of many turns, with a look at what comes back.

A loop calls the first tool again and again, with a counter among the arguments, and tells all
results at the end. A parallel one makes two calls at once, of the first two tools if there are
two. It refuses a history that the real provider would refuse; a signed one thinks, and wants its
thinking back as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from headgate.lab.checks import examine
from headgate.lab.checks.claude import FOLLOWING, PRIVATELY, thinks
from headgate.lab.checks.finding import Finding
from headgate.lab.plan import Plan
from headgate.lab.scripts.answers import arguments, greeting, plain, plan_for, refuse, say
from headgate.lab.scripts.refusals import MESSAGES
from headgate.lab.wires.question import Call, Fault, Json, Question, Tool, mapping

FLAKY_TURN = 3


# The calls of one turn: of these tools, after so many results.
Calling = Callable[[tuple[Tool, ...], int], tuple[Call, ...]]


def _one(tools: tuple[Tool, ...], done: int) -> tuple[Call, ...]:
    return tuple(_call(tool, done + 1) for tool in tools[:1])


def _two(tools: tuple[Tool, ...], done: int) -> tuple[Call, ...]:
    return tuple(_call(tool, done + place) for place, tool in enumerate((tools * 2)[:2], start=1))


def run(
    question: Question,
    number: float,
    *,
    sealed: bool = False,
    flaky: bool = False,
    calling: Calling = _one,
) -> Plan:
    """Say one turn of a loop of so many calls."""
    if question.operation != "chat" or question.prompt.problem:
        return plain(question, "")
    finding = examine(question, sealed=sealed)
    if finding.fault is not None:
        plan = refuse(question, finding.fault)
        return replace(plan, displeasure=finding.fault.message)
    done = len(finding.results)
    if flaky and done % FLAKY_TURN == FLAKY_TURN - 1:
        return refuse(question, Fault(503, MESSAGES[503]))
    calls = calling(question.prompt.tools, done) if done < number else ()
    return _spoken(question, finding, sealed=sealed, calls=calls)


loop = partial(run)
flaky_loop = partial(run, flaky=True)
signed_loop = partial(run, sealed=True)
flaky_signed_loop = partial(run, sealed=True, flaky=True)
parallel_loop = partial(run, calling=_two)
parallel_signed_loop = partial(run, calling=_two, sealed=True)
flaky_parallel_signed_loop = partial(run, calling=_two, sealed=True, flaky=True)


def signed(question: Question, _number: float) -> Plan:
    """Think, then call the first tool; think again, then tell its result."""
    return signed_loop(question, float("inf") if question.prompt.tool_result is None else 0)


def _spoken(question: Question, finding: Finding, *, sealed: bool, calls: tuple[Call, ...]) -> Plan:
    """Say the turn, with thinking before it where the loop is signed."""
    turn = len(finding.results) + 1
    private = sealed and turn % FLAKY_TURN == 2
    thinking = f"Let me mull over turn {turn}{f', {PRIVATELY}' if private else ''}."
    if not sealed or not _thinks(question):
        thinking, private = "", False
    text = "" if calls else _told(question, finding.results)
    answer = say(question, text, thinking=thinking, calls=calls)
    redacted = f"{FOLLOWING} turn {turn}." if private else ""
    plan = plan_for(question, replace(answer, sealed=sealed, redacted=redacted))
    return replace(plan, bypassed=finding.bypassed)


def _thinks(question: Question) -> bool:
    body = question.prompt.body
    fields = mapping(body.get("additionalModelRequestFields"))
    return thinks(body.get("thinking")) and thinks(fields.get("thinking"))


def _told(question: Question, results: tuple[str, ...]) -> str:
    if not results:
        return greeting(question)
    return f"{question.place}: The tool said {' | '.join(results)}"


def _call(tool: Tool, turn: int) -> Call:
    """Call a tool with the turn's number where its schema has room for it."""
    if tool.custom:
        return Call(tool.name, {"input": f"turn {turn}"}, custom=True)
    return Call(tool.name, counted(tool.schema, turn))


def counted(schema: Json, turn: int) -> Json:
    """Arguments that fit a schema, with a counter in the first number or else the first text."""
    values = arguments(schema)
    free = {name: value for name, value in values.items() if not _is_bound(schema, name)}
    for kind, spelled in ((int, turn), (str, f"turn {turn}")):
        for name, value in free.items():
            if isinstance(value, kind) and not isinstance(value, bool):
                return values | {name: spelled}
    return values if values else {"turn": turn}


def _is_bound(schema: Json, name: str) -> bool:
    return "enum" in mapping(mapping(schema.get("properties")).get(name))
