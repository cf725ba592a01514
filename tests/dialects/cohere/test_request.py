from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.dialects.cohere import COHERE
from headgate.dialects.dialect import Target
from headgate.ir.loss import Losses
from headgate.ir.request import (
    ChatRequest,
    CustomTool,
    File,
    Inline,
    Reasoning,
    ResponseFormat,
    Text,
    Tool,
    ToolCall,
    Turn,
)
from tests.dialects.wishes import Wish, lost_in_silence, requests

HELLO = Turn(role="user", parts=(Text(text="hello"),))
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
THINKER, PLAIN = "command-a-reasoning-08-2025", "command-r-08-2024"


def asked(model: str = "command-a-03-2025", **options: Any) -> tuple[dict[str, Any], list[str]]:
    """Write a request; give the body and the names of the losses."""
    losses = Losses("cohere")
    options = {"turns": (HELLO,), **options}
    request = ChatRequest(model="alias", **options)
    target = Target(model=model, stream=bool(options.get("stream")))
    body = COHERE.encode_request(request, target, losses)
    return body, [loss.field for loss in losses]


@given(requests(), st.sampled_from([THINKER, PLAIN]))
def test_no_wish_is_lost_in_silence(drawn: tuple[ChatRequest, list[Wish]], model: str) -> None:
    request, wishes = drawn
    assert lost_in_silence(COHERE, model, request, wishes) == []


def test_a_plain_question_is_written_as_it_is() -> None:
    assert asked() == (
        {
            "model": "command-a-03-2025",
            "messages": [{"role": "user", "content": "hello"}],
            "stream": False,
        },
        [],
    )


def test_sampling_is_written_in_coheres_words() -> None:
    body, lost = asked(
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        seed=7,
        stop=("a", "b"),
        presence_penalty=0.25,
        frequency_penalty=0.5,
        max_tokens=99,
        logprobs=True,
        stream=True,
    )
    assert lost == []
    assert body == {
        "model": "command-a-03-2025",
        "messages": [{"role": "user", "content": "hello"}],
        "stream": True,
        "temperature": 0.5,
        "p": 0.9,
        "k": 40,
        "seed": 7,
        "stop_sequences": ["a", "b"],
        "presence_penalty": 0.25,
        "frequency_penalty": 0.5,
        "max_tokens": 99,
        "logprobs": True,
    }


@pytest.mark.parametrize(
    ("options", "name", "value", "lost"),
    [
        ({"top_p": 1.0}, "p", 0.99, ["top_p"]),
        ({"top_p": 0.0}, "p", 0.01, ["top_p"]),
        ({"top_k": 900}, "k", 500, ["top_k"]),
        ({"presence_penalty": -1.0}, "presence_penalty", 0, ["presence_penalty"]),
        ({"frequency_penalty": 2.0}, "frequency_penalty", 1, ["frequency_penalty"]),
        ({"frequency_penalty": 0.0}, "frequency_penalty", None, []),
        ({"seed": -1}, "seed", None, ["seed"]),
        ({"stop": tuple("abcdef")}, "stop_sequences", list("abcde"), ["stop"]),
    ],
)
def test_values_beyond_the_bounds_are_brought_to_them_and_named(
    options: dict[str, Any], name: str, value: Any, lost: list[str]
) -> None:
    body, found = asked(**options)
    assert (body.get(name), found) == (value, lost)


@pytest.mark.parametrize(
    ("form", "written"),
    [
        (ResponseFormat(kind="text"), None),
        (ResponseFormat(kind="json"), {"type": "json_object"}),
        (
            ResponseFormat(kind="json_schema", schema=SCHEMA),
            {"type": "json_object", "json_schema": SCHEMA},
        ),
        (
            ResponseFormat(kind="json_schema", description="d", schema=SCHEMA),
            {"type": "json_object", "json_schema": {**SCHEMA, "description": "d"}},
        ),
    ],
)
def test_the_answers_form_is_written(form: ResponseFormat, written: Any) -> None:
    body, lost = asked(response_format=form)
    assert (body.get("response_format"), lost) == (written, [])


def test_a_schema_has_no_name_and_one_description() -> None:
    schema = {**SCHEMA, "description": "its own"}
    form = ResponseFormat(kind="json_schema", name="n", description="d", schema=schema)
    body, lost = asked(response_format=form)
    assert body["response_format"]["json_schema"] == schema
    assert lost == [
        "response_format.json_schema.name",
        "response_format.json_schema.description",
    ]


def test_beside_tools_the_answers_form_is_asked_for_in_words() -> None:
    form = ResponseFormat(kind="json_schema", schema=SCHEMA)
    body, lost = asked(response_format=form, tools=(Tool(name="t"),))
    assert "response_format" not in body
    assert lost == ["response_format"]
    assert body["messages"][0]["role"] == "system"
    assert '"required":["a"]' in body["messages"][0]["content"]


@pytest.mark.parametrize(
    ("model", "reasoning", "max_tokens", "thinking", "lost"),
    [
        (THINKER, None, None, None, []),
        (THINKER, Reasoning(effort="none"), None, {"type": "disabled"}, []),
        (THINKER, Reasoning(adaptive=True), None, {"type": "enabled"}, []),
        (
            THINKER,
            Reasoning(budget_tokens=500),
            None,
            {"type": "enabled", "token_budget": 500},
            [],
        ),
        (THINKER, Reasoning(effort="low"), None, {"type": "enabled", "token_budget": 2048}, []),
        (
            THINKER,
            Reasoning(effort="high"),
            1000,
            {"type": "enabled", "token_budget": 500},
            ["reasoning_effort"],
        ),
        (
            THINKER,
            Reasoning(adaptive=True, visible=False),
            None,
            {"type": "enabled"},
            ["reasoning.visible"],
        ),
        (PLAIN, Reasoning(effort="none"), None, None, []),
        (PLAIN, Reasoning(effort="low"), None, None, ["reasoning_effort"]),
        (PLAIN, Reasoning(budget_tokens=9), None, None, ["thinking.budget_tokens"]),
    ],
)
def test_thinking_is_asked_for_where_the_model_can(
    model: str, reasoning: Any, max_tokens: Any, thinking: Any, lost: list[str]
) -> None:
    body, found = asked(model, reasoning=reasoning, max_tokens=max_tokens)
    assert (body.get("thinking"), found) == (thinking, lost)


def test_a_free_text_tool_and_its_calls_are_functions_with_one_text() -> None:
    call = ToolCall(call_id="c", name="sh", arguments="ls", custom=True)
    made = Turn(role="assistant", parts=(call,))
    body, lost = asked(turns=(HELLO, made), tools=(CustomTool(name="sh"),))
    assert body["tools"][0]["function"]["parameters"]["required"] == ["input"]
    assert body["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"input":"ls"}'
    assert lost == ["tools[0]"]


def test_coheres_own_fields_are_taken_from_callers_of_any_dialect() -> None:
    documents = [{"id": "d", "data": {"text": "The sky is green."}}]
    extras = {
        "openai_chat": {"documents": documents, "safety_mode": "STRICT", "odd": 1},
        "cohere": {"anything": 2},
    }
    body, lost = asked(extras=extras)
    assert body["documents"] == documents
    assert (body["safety_mode"], body["anything"]) == ("STRICT", 2)
    assert lost == ["odd"]


def test_plain_files_become_documents_after_those_of_the_caller() -> None:
    note = File(source=Inline("text/plain", "bm90ZQ=="), name="n.txt")
    given = {"openai_chat": {"documents": ["first"]}}
    turn = Turn(role="user", parts=(Text(text="hello"), note))
    body, lost = asked(turns=(turn,), extras=given)
    written = {"id": "doc:0", "data": {"title": "n.txt", "text": "note"}}
    assert body["documents"] == ["first", written]
    assert lost == ["messages[0].content[1]"]
