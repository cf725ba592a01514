from __future__ import annotations

from typing import Any

import pytest
from msgspec import json

from headgate.lab.scripts.agents import COMMAND, SAID, commanded, errand
from tests.lab.asking import CHAT_WIRES, said, sent
from tests.lab.playing import asked, continued, opening

LINE = {"type": "object", "properties": {"command": {"type": "string"}}}


def called(*tools: dict[str, Any]) -> Any:
    """The call that is made of these tools, in OpenAI's words."""
    offered = [{"type": "function", "function": tool} for tool in tools]
    reply: Any = json.decode(sent(errand(asked("openai", opening("openai", tools=offered)), 0)))
    (call,) = reply["choices"][0]["message"]["tool_calls"]
    return call["function"]["name"], json.decode(call["function"]["arguments"])


@pytest.mark.parametrize("name", ["Bash", "shell", "exec_command", "run_shell_command"])
def test_the_shell_is_found_among_the_tools(name: str) -> None:
    others = {"name": "Agent", "parameters": LINE}
    assert called(others, {"name": name, "parameters": LINE}) == (name, {"command": COMMAND})


def test_without_a_shell_the_first_tool_is_called() -> None:
    first = {"name": "llm_version", "parameters": {}}
    assert called(first, {"name": "b", "parameters": {}}) == ("llm_version", {})


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (LINE, {"command": COMMAND}),
        ({"properties": {"cmd": {"type": "string"}}}, {"cmd": COMMAND}),
        ({"properties": {"command": {"type": "array"}}}, {"command": ["bash", "-c", COMMAND]}),
        (
            {
                "properties": {"command": {}, "about": {"type": "string"}, "more": {}},
                "required": ["command", "about"],
            },
            {"command": COMMAND, "about": "lab"},
        ),
        ({}, {"command": COMMAND}),
    ],
)
def test_only_what_is_required_stands_beside_the_command(schema: Any, expected: Any) -> None:
    assert commanded(schema) == expected


@pytest.mark.parametrize("wire", CHAT_WIRES)
def test_what_the_tool_said_is_repeated(wire: str) -> None:
    first = errand(asked(wire, opening(wire)), 0)
    body = continued(wire, opening(wire), first, SAID)
    assert body is not None
    assert SAID in said(wire, errand(asked(wire, body, 2), 0))
