from __future__ import annotations

from typing import Any

import pytest
from msgspec import json
from msgspec.structs import replace

from headgate.lab.plan import Plan
from headgate.lab.scripts.answers import (
    arguments,
    echo,
    empty,
    hello,
    long,
    received,
    say,
    think,
    tool,
    tools_parallel,
    trigger,
)
from headgate.lab.wires import WIRES
from headgate.lab.wires.question import Usage
from tests.lab.asking import CHAT_WIRES, GEMINI_HI, HI, OFFERS, events, question, said, sent


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("wire", WIRES)
def test_the_greeting_names_the_place_in_every_wire(wire: str, stream: bool) -> None:
    plan = hello(question(wire, stream=stream), 0)
    assert said(wire, plan) == "ok1: Hello from the lab."
    assert plan.status == 200


def own_words(plan: Plan) -> bytes:
    """What the lab answers, without the tools that a Responses reply repeats."""
    reply: Any = json.decode(sent(plan))
    reply.pop("tools", None)
    return json.encode(reply)


def test_other_texts() -> None:
    assert said("openai", echo(question(), 0)) == "ok1: hi there"
    assert said("openai", empty(question(), 0)) == ""
    assert "TRIGGERWORD" in said("openai", trigger(question(stream=True), 0))
    assert said("openai", long(question(), 40)).split() == ["ok1:", *["word"] * 40]


def test_an_answer_counts_its_words_and_honours_the_limit() -> None:
    answer = say(question(max_tokens=3), "a b c d", thinking="x y")
    assert (answer.text, answer.finish) == ("a b c", "length")
    assert answer.usage == Usage(prompt=2, output=3, reasoning=2)
    assert say(question(max_tokens=4), "a b c d").finish == "stop"


@pytest.mark.parametrize("wire", WIRES)
def test_a_request_that_a_provider_would_refuse_is_refused(wire: str) -> None:
    asked = question(wire)
    plan = hello(replace(asked, prompt=WIRES[wire].read({})), 0)
    assert plan.status == 400


@pytest.mark.parametrize("wire", CHAT_WIRES)
def test_thinking_comes_beside_the_text(wire: str) -> None:
    plan = think(question(wire), 0)
    assert b"Let me mull this over." in sent(plan)
    assert said(wire, plan) == "ok1: Hello from the lab."


@pytest.mark.parametrize("wire", CHAT_WIRES)
def test_a_tool_is_called_with_arguments_that_fit_its_schema(wire: str) -> None:
    data = own_words(tool(question(wire, **OFFERS[wire]), 0))
    assert data.count(b'"look"') == 1
    assert b'{"city":"lab"}' in data.replace(b"\\", b"")


@pytest.mark.parametrize("wire", CHAT_WIRES)
def test_two_tools_are_called_at_once(wire: str) -> None:
    data = own_words(tools_parallel(question(wire, **OFFERS[wire]), 0))
    assert data.count(b'"look"') == 2


@pytest.mark.parametrize("wire", CHAT_WIRES)
def test_without_tools_there_is_a_text(wire: str) -> None:
    assert said(wire, tool(question(wire), 0)) == "ok1: Hello from the lab."


RESULTS: dict[str, dict[str, Any]] = {
    "openai": {"messages": [*HI["messages"], {"role": "tool", "content": "-2 C"}]},
    "cohere": {
        "messages": [
            *HI["messages"],
            {"role": "tool", "content": [{"type": "document", "document": {"data": "-2 C"}}]},
        ]
    },
    "ollama": {"messages": [*HI["messages"], {"role": "tool", "content": "-2 C"}]},
    "responses": {"input": [{"type": "function_call_output", "output": "-2 C"}]},
    "bedrock": {
        "messages": [{"role": "user", "content": [{"toolResult": {"content": [{"text": "-2 C"}]}}]}]
    },
    "anthropic": {
        "messages": [{"role": "user", "content": [{"type": "tool_result", "content": "-2 C"}]}]
    },
    "gemini": {
        "contents": [
            *GEMINI_HI["contents"],
            {"role": "user", "parts": [{"functionResponse": {"response": {"t": "-2 C"}}}]},
        ]
    },
}


@pytest.mark.parametrize("wire", CHAT_WIRES)
def test_after_its_result_no_tool_is_called_again(wire: str) -> None:
    plan = tool(question(wire, **OFFERS[wire], **RESULTS[wire]), 0)
    text = said(wire, plan)
    assert text.startswith("ok1: The tool said")
    assert "-2 C" in text


def test_arguments_are_plain_values_of_the_right_types() -> None:
    schema = {
        "properties": {
            "s": {"type": "string"},
            "e": {"enum": ["x", "y"]},
            "n": {"type": "integer"},
            "b": {"type": "BOOLEAN"},
            "l": {"type": "array", "items": {"type": "number"}},
            "o": {"type": "object", "properties": {"s": {}}},
            "odd": True,
        }
    }
    assert arguments(schema) == {
        "s": "lab", "e": "x", "n": 7, "b": True, "l": [7], "o": {"s": "lab"}, "odd": "lab",
    }  # fmt: skip
    assert arguments({}) == {}


def test_the_lab_reports_what_it_received() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    content = [{"type": "text", "text": "what?"}, image]
    asked = question(messages=[{"role": "user", "content": content}])
    assert said("openai", received(asked, 0)) == (
        "ok1: I received 1 texts, 0 tools, image/png 3 bytes."
    )


def test_an_operation_that_is_no_chat_gets_its_own_answer() -> None:
    asked = replace(question(), operation="embeddings")
    for script in (hello, think, tool, empty):
        assert json.decode(sent(script(asked, 0)))["object"] == "list"


def test_a_stream_ends_as_its_wire_demands() -> None:
    assert events(sent(hello(question(stream=True), 0)))[-1] == "[DONE]"
