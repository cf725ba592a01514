from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.dialects.dialect import Target
from headgate.dialects.ollama import OLLAMA
from headgate.ir.loss import Losses
from headgate.ir.request import (
    CacheMark,
    ChatRequest,
    CustomTool,
    NativeTool,
    Reasoning,
    ResponseFormat,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    Turn,
)
from tests.dialects.wishes import Wish, lost_in_silence, requests

HELLO = Turn(role="user", parts=(Text(text="hello"),))
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
BY_LEVEL, BY_SWITCH = "gpt-oss:20b", "qwen3:4b"


def asked(model: str = BY_SWITCH, **options: Any) -> tuple[dict[str, Any], list[str]]:
    """Write a request; give the body and the names of the losses."""
    losses = Losses("ollama")
    options = {"turns": (HELLO,), **options}
    request = ChatRequest(model="alias", **options)
    target = Target(model=model, stream=bool(options.get("stream")))
    body = OLLAMA.encode_request(request, target, losses)
    return body, [loss.field for loss in losses]


@given(requests(), st.sampled_from([BY_LEVEL, BY_SWITCH]))
def test_no_wish_is_lost_in_silence(drawn: tuple[ChatRequest, list[Wish]], model: str) -> None:
    request, wishes = drawn
    assert lost_in_silence(OLLAMA, model, request, wishes) == []


@pytest.mark.parametrize("stream", [True, False])
def test_a_plain_question_always_says_whether_to_stream(stream: bool) -> None:
    messages = [{"role": "user", "content": "hello"}]
    assert asked(stream=stream) == (
        {"model": BY_SWITCH, "messages": messages, "stream": stream},
        [],
    )


def test_sampling_is_written_as_options() -> None:
    body, lost = asked(
        max_tokens=9,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        min_p=0.1,
        seed=7,
        stop=("a", "b"),
        presence_penalty=0.25,
        frequency_penalty=-0.5,
        logprobs=True,
        top_logprobs=3,
    )
    assert lost == []
    assert body["options"] == {
        "num_predict": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "min_p": 0.1,
        "seed": 7,
        "stop": ["a", "b"],
        "presence_penalty": 0.25,
        "frequency_penalty": -0.5,
    }
    assert (body["logprobs"], body["top_logprobs"]) == (True, 3)


@pytest.mark.parametrize(
    ("form", "written"),
    [
        (ResponseFormat(kind="text"), None),
        (ResponseFormat(kind="json"), "json"),
        (ResponseFormat(kind="json_schema", schema=SCHEMA), SCHEMA),
        (
            ResponseFormat(kind="json_schema", description="d", schema=SCHEMA),
            {**SCHEMA, "description": "d"},
        ),
    ],
)
def test_the_answers_form_is_written(form: ResponseFormat, written: Any) -> None:
    body, lost = asked(response_format=form)
    assert (body.get("format"), lost) == (written, [])


def test_a_schema_has_no_name_and_one_description() -> None:
    schema = {**SCHEMA, "description": "its own"}
    form = ResponseFormat(kind="json_schema", name="n", description="d", schema=schema)
    body, lost = asked(response_format=form)
    assert body["format"] == schema
    assert lost == [
        "response_format.json_schema.name",
        "response_format.json_schema.description",
    ]


@pytest.mark.parametrize(
    ("model", "reasoning", "think", "lost"),
    [
        (BY_SWITCH, None, None, []),
        (BY_SWITCH, Reasoning(effort="none"), False, []),
        (BY_SWITCH, Reasoning(adaptive=True), True, []),
        (BY_SWITCH, Reasoning(effort="low"), True, ["reasoning_effort"]),
        (BY_SWITCH, Reasoning(budget_tokens=9), True, ["thinking.budget_tokens"]),
        (BY_SWITCH, Reasoning(adaptive=True, visible=False), True, ["reasoning.visible"]),
        (BY_LEVEL, Reasoning(effort="medium"), "medium", []),
        (BY_LEVEL, Reasoning(effort="xhigh"), "high", ["reasoning_effort"]),
        (BY_LEVEL, Reasoning(effort="none"), "low", ["reasoning_effort"]),
        (BY_LEVEL, Reasoning(budget_tokens=2000), "low", ["thinking.budget_tokens"]),
        (BY_LEVEL, Reasoning(budget_tokens=5000), "medium", ["thinking.budget_tokens"]),
        (BY_LEVEL, Reasoning(budget_tokens=9000), "high", ["thinking.budget_tokens"]),
        (BY_LEVEL, Reasoning(adaptive=True), True, []),
    ],
)
def test_thinking_is_a_switch_or_a_level(
    model: str, reasoning: Any, think: Any, lost: list[str]
) -> None:
    body, found = asked(model, reasoning=reasoning)
    assert (body.get("think"), found) == (think, lost)


F, G = Tool(name="f", description="does", schema=SCHEMA), Tool(name="g")


def test_functions_are_written_in_openais_form() -> None:
    body, lost = asked(tools=(F,))
    function = {"name": "f", "description": "does", "parameters": SCHEMA}
    assert body["tools"] == [{"type": "function", "function": function}]
    assert lost == []


@pytest.mark.parametrize(
    ("choice", "offered", "lost"),
    [
        (ToolChoice(mode="auto"), ["f", "g"], []),
        (ToolChoice(mode="none"), [], ["tools[0]", "tools[1]"]),
        (ToolChoice(mode="required"), ["f", "g"], ["tool_choice"]),
        (ToolChoice(mode="tool", name="g"), ["g"], ["tools[0]", "tool_choice"]),
        (ToolChoice(mode="auto", allowed=("f",)), ["f"], ["tools[1]"]),
    ],
)
def test_a_choice_is_made_by_what_is_offered(
    choice: ToolChoice, offered: list[str], lost: list[str]
) -> None:
    body, found = asked(tools=(F, G), tool_choice=choice)
    assert [tool["function"]["name"] for tool in body.get("tools", [])] == offered
    assert found == lost


def test_what_tools_cannot_be_here_is_named() -> None:
    native = NativeTool(dialect="anthropic", block={"type": "web_search"})
    strict = Tool(name="s", strict=True, cache=CacheMark())
    body, lost = asked(tools=(native, strict), parallel_tool_calls=False)
    assert len(body["tools"]) == 1
    assert lost == [
        "tools[0]",
        "tools[1].cache_control",
        "tools[1].function.strict",
        "parallel_tool_calls",
    ]


def test_a_free_text_tool_and_its_calls_are_functions_with_one_text() -> None:
    call = ToolCall(call_id="c", name="sh", arguments="ls", custom=True)
    made = Turn(role="assistant", parts=(call,))
    body, lost = asked(turns=(HELLO, made), tools=(CustomTool(name="sh"),))
    assert body["tools"][0]["function"]["parameters"]["required"] == ["input"]
    assert body["messages"][1]["tool_calls"][0]["function"]["arguments"] == {"input": "ls"}
    assert lost == ["tools[0]"]


def test_ollamas_own_fields_are_taken_from_callers_of_any_dialect() -> None:
    extras = {
        "openai_chat": {
            "keep_alive": "5m",
            "options": {"num_ctx": 8192, "temperature": 1},
            "repeat_penalty": 1.5,
            "odd": 1,
        },
        "ollama": {"anything": 2},
    }
    body, lost = asked(extras=extras, temperature=0.5)
    assert (body["keep_alive"], body["anything"]) == ("5m", 2)
    assert body["options"] == {"num_ctx": 8192, "temperature": 0.5, "repeat_penalty": 1.5}
    assert lost == ["odd"]
