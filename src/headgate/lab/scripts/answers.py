"""What a healthy lab says: plain text, tool calls, thinking, a report of what it received."""

from __future__ import annotations

from msgspec import json
from msgspec.structs import replace

from headgate.lab.plan import JSON_TYPE, Plan, stream, whole
from headgate.lab.wires import WIRES
from headgate.lab.wires.question import Answer, Call, Fault, Json, Question, Tool, Usage, words
from headgate.lab.wires.tasks import OTHERS, TASKS, prompt_tokens

TRIGGER = "TRIGGERWORD"


def say(
    question: Question, text: str, *, thinking: str = "", calls: tuple[Call, ...] = ()
) -> Answer:
    """Make an answer that honours `max_tokens` and counts itself, one token per word."""
    pieces, thoughts = words(text), words(thinking)
    limit = question.prompt.max_tokens
    too_long = limit is not None and len(pieces) > max(1, limit)
    if too_long:
        pieces = pieces[: max(1, limit or 1)]
    called = sum(len(words(json.encode(call.arguments).decode())) + 1 for call in calls)
    return Answer(
        pieces=pieces,
        thinking=thoughts,
        calls=calls,
        finish="length" if too_long else "tool" if calls else "stop",
        usage=Usage(prompt_tokens(question), len(pieces) + called, len(thoughts)),
    )


def plan_for(question: Question, answer: Answer) -> Plan:
    """Spell an answer to a chat, streamed if the caller asked for that."""
    wire = WIRES[question.wire]
    kept = wire.kept(question, answer) if wire.kept is not None else None
    if not question.stream:
        return replace(whole(wire.whole(question, answer)), kept=kept)
    return replace(stream(wire.frames(question, answer), stream_type(question)), kept=kept)


def stream_type(question: Question) -> str:
    """What a stream calls itself in this wire."""
    return JSON_TYPE if question.as_array else WIRES[question.wire].stream_type


def refuse(question: Question, fault: Fault) -> Plan:
    """Spell an error answer."""
    wire = WIRES[question.wire]
    return whole(wire.error(fault), status=fault.status, extra=wire.error_headers(fault))


def plain(question: Question, text: str) -> Plan:
    """Answer a chat with a text, and any other operation as a healthy provider would."""
    if question.operation != "chat":
        return _task(question)
    if question.prompt.problem:
        return refuse(question, Fault(400, question.prompt.problem))
    return plan_for(question, say(question, text))


def _task(question: Question) -> Plan:
    """Do what is no chat."""
    if question.operation in OTHERS and question.prompt.problem:
        return refuse(question, Fault(400, question.prompt.problem))
    answer = TASKS[question.wire, question.operation](question)
    return answer if isinstance(answer, Plan) else whole(answer)


def greeting(question: Question) -> str:
    """The text by which a test sees which provider answered."""
    return f"{question.place}: Hello from the lab."


def hello(question: Question, _number: float) -> Plan:
    """Answer with the place's name."""
    return plain(question, greeting(question))


def echo(question: Question, _number: float) -> Plan:
    """Repeat the last user text."""
    return plain(question, f"{question.place}: {question.prompt.last_text}")


def empty(question: Question, _number: float) -> Plan:
    """Answer with an empty text."""
    return plain(question, "")


def trigger(question: Question, _number: float) -> Plan:
    """Say the word that error_triggers look for."""
    return plain(question, f"{question.place}: {TRIGGER} in the answer.")


def long(question: Question, number: float) -> Plan:
    """Answer with as many words as asked."""
    return plain(question, f"{question.place}:" + " word" * int(number))


def think(question: Question, _number: float) -> Plan:
    """Think first, then answer."""
    if question.operation != "chat" or question.prompt.problem:
        return plain(question, "")
    answer = say(question, greeting(question), thinking="Let me mull this over.")
    return plan_for(question, answer)


def received(question: Question, _number: float) -> Plan:
    """Report what the request contained, images and other media above all."""
    prompt = question.prompt
    seen = [f"{len(prompt.texts)} texts", f"{len(prompt.tools)} tools", *prompt.media]
    return plain(question, f"{question.place}: I received {', '.join(seen)}.")


def tool(question: Question, _number: float) -> Plan:
    """Call the first tool that is offered; after its result, tell the result."""
    return _call(question, question.prompt.tools[:1])


def tools_parallel(question: Question, _number: float) -> Plan:
    """Call two tools at once, the only one twice if there is but one."""
    tools = question.prompt.tools
    return _call(question, (tools * 2)[:2])


def _call(question: Question, tools: tuple[Tool, ...]) -> Plan:
    prompt = question.prompt
    if question.operation != "chat" or prompt.problem:
        return plain(question, "")
    if prompt.tool_result is not None:
        return plain(question, f"{question.place}: The tool said {prompt.tool_result}")
    if not tools:
        return plain(question, greeting(question))
    calls = tuple(Call(tool.name, arguments(tool.schema), tool.custom) for tool in tools)
    return plan_for(question, say(question, "", calls=calls))


def arguments(schema: object) -> Json:
    """Invent arguments that fit an object schema: one plain value per property."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict):
        return {}
    return {name: _value(property_) for name, property_ in properties.items()}


def _value(schema: object) -> object:
    if not isinstance(schema, dict):
        return "lab"
    match schema:
        case {"enum": [first, *_]}:
            return first
        case {"type": "integer" | "INTEGER" | "number" | "NUMBER"}:
            return 7
        case {"type": "boolean" | "BOOLEAN"}:
            return True
        case {"type": "array" | "ARRAY"}:
            return [_value(schema.get("items"))]
        case {"type": "object" | "OBJECT"}:
            return arguments(schema)
        case _:
            return "lab"
