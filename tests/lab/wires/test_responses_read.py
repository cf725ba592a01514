from __future__ import annotations

from typing import Any

import pytest

from headgate.lab.wires.question import Json, Tool
from headgate.lab.wires.responses_read import items, output_texts, read
from tests.lab.asking import OFFERS, WEATHER

TEXT: Json = {"role": "user", "content": "hi there"}


def test_a_text_is_one_user_message() -> None:
    (item,) = items("hi there")
    assert (item["role"], item["content"][0]["text"]) == ("user", "hi there")
    assert items([TEXT, 7]) == [TEXT]
    assert items(None) == []


def test_the_reader_sees_instructions_outputs_and_media() -> None:
    content = [
        {"type": "input_text", "text": "what?"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
        {"type": "input_image", "image_url": "http://x"},
        {"type": "input_audio", "input_audio": {"format": "wav", "data": "AAAA"}},
        {"type": "input_file", "filename": "a.pdf", "file_data": "AAAA"},
        {"type": "input_file", "file_url": "http://y"},
    ]
    outputs: list[Json] = [
        {"type": "function_call_output", "call_id": "c", "output": "one"},
        {
            "type": "custom_tool_call_output",
            "call_id": "d",
            "output": [{"type": "input_text", "text": "two"}],
        },
    ]
    reasoning = {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "hm"}]}
    body = {
        "instructions": "Be short.",
        "input": [{"role": "user", "content": content}, reasoning, *outputs],
        "max_output_tokens": 16,
    }
    prompt = read(body)
    assert prompt.texts == ("Be short.", "what?", "one", "two")
    assert prompt.last_text == "what?"
    assert prompt.tool_result == "one two"
    assert prompt.max_tokens == 16
    assert prompt.media == (
        "image/png 3 bytes", "image http://x", "audio/wav 3 bytes", "file a.pdf", "file http://y",
    )  # fmt: skip
    assert [list(output_texts(item)) for item in (*outputs, TEXT)] == [["one"], ["two"], []]


def test_results_count_only_at_the_end() -> None:
    output = {"type": "function_call_output", "call_id": "c", "output": "one"}
    assert read({"input": [output, TEXT]}).tool_result is None


def test_functions_custom_tools_and_namespaces_are_offered() -> None:
    space = {"type": "namespace", "name": "s", "tools": OFFERS["responses"]["tools"]}
    tools = [space, {"type": "custom", "name": "patch"}, {"type": "web_search"}]
    prompt = read({"input": "hi", "tools": tools})
    assert prompt.tools == (Tool("patch", {}, custom=True), Tool("look", WEATHER))


@pytest.mark.parametrize(
    ("choice", "count"),
    [("required", 1), ("none", 0), ({"type": "function", "name": "other"}, 0)],
)
def test_the_tool_choice_decides_what_may_be_called(choice: object, count: int) -> None:
    assert len(read(OFFERS["responses"] | {"tool_choice": choice}).tools) == count


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "Missing required parameter: 'input'."),
        ({"input": "hi", "max_output_tokens": 15}, "Expected a value >= 16, but got 15"),
        ({"input": "hi", "tools": [{"type": "function"}]}, "'tools[0].name'"),
        ({"input": "hi"}, ""),
    ],
)
def test_what_the_real_one_refuses_is_a_problem(body: Any, problem: str) -> None:
    found = read(body).problem
    assert problem in found
    assert bool(problem) == bool(found)
