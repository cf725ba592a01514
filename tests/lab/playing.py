"""Play the client of a tool loop, in the words of each wire, and the client that spoils it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import json

from headgate.lab.plan import Plan
from headgate.lab.wires import WIRES
from headgate.lab.wires.question import Json, Question
from tests.lab.asking import BODIES, HI, OFFERS, sent

HISTORIES = {"gemini": "contents", "responses": "input"}
Turn = tuple[list[Json], list[Json]]


def opening(wire: str, **more: Any) -> Json:
    """The first request of a loop."""
    body = BODIES.get(wire, HI) | OFFERS[wire] | more
    if wire == "responses":
        body["input"] = [{"role": "user", "content": "hi there"}]
        body["include"] = ["reasoning.encrypted_content"]
    return body


def asked(wire: str, body: Json, number: int = 1, place: str = "ok1") -> Question:
    """A body as a question."""
    prompt = WIRES[wire].read(body)
    return Question(wire=wire, operation="chat", place=place, number=number, prompt=prompt)


def continued(wire: str, body: Json, plan: Plan, result: str = "fine") -> Json | None:
    """The next request: the reply as it came, and a result for each call; None without calls."""
    reply: Json = json.decode(sent(plan))
    said, results = TURNS[wire](reply, result)
    if not results:
        return None
    field = HISTORIES.get(wire, "messages")
    return body | {field: [*body[field], *said, *results]}


def _openai(reply: Json, result: str) -> Turn:
    message = reply["choices"][0]["message"]
    return _chat(message, result)


def _cohere(reply: Json, result: str) -> Turn:
    return _chat(reply["message"], result)


def _chat(message: Json, result: str) -> Turn:
    calls = message.get("tool_calls", ())
    return [message], [
        {"role": "tool", "tool_call_id": call["id"], "content": result} for call in calls
    ]


def _responses(reply: Json, result: str) -> Turn:
    calls = [item for item in reply["output"] if item["type"] == "function_call"]
    return reply["output"], [
        {"type": "function_call_output", "call_id": call["call_id"], "output": result}
        for call in calls
    ]


def _anthropic(reply: Json, result: str) -> Turn:
    calls = [block for block in reply["content"] if block["type"] == "tool_use"]
    results = [
        {"type": "tool_result", "tool_use_id": call["id"], "content": result} for call in calls
    ]
    said = {"role": "assistant", "content": reply["content"]}
    return [said], [{"role": "user", "content": results}] if results else []


def _bedrock(reply: Json, result: str) -> Turn:
    message = reply["output"]["message"]
    calls = [block["toolUse"] for block in message["content"] if "toolUse" in block]
    results = [
        {"toolResult": {"toolUseId": call["toolUseId"], "content": [{"text": result}]}}
        for call in calls
    ]
    return [message], [{"role": "user", "content": results}] if results else []


def _gemini(reply: Json, result: str) -> Turn:
    content = reply["candidates"][0]["content"]
    calls = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
    parts = [
        {"functionResponse": {"name": call["name"], "response": {"result": result}}}
        for call in calls
    ]
    return [content], [{"role": "user", "parts": parts}] if parts else []


def _ollama(reply: Json, result: str) -> Turn:
    message = reply["message"]
    names = [call["function"]["name"] for call in message.get("tool_calls", ())]
    return [message], [{"role": "tool", "tool_name": name, "content": result} for name in names]


TURNS: dict[str, Callable[[Json, str], Turn]] = {
    "openai": _openai,
    "responses": _responses,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "bedrock": _bedrock,
    "cohere": _cohere,
    "ollama": _ollama,
}
