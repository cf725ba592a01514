"""Requests, from a caller and to an upstream."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given

from headgate.base.failure import FailureKind, RelayError
from headgate.dialects.anthropic import ANTHROPIC, api_version
from headgate.dialects.dialect import Target
from headgate.ir.loss import Losses
from headgate.ir.request import (
    AudioOutput,
    CacheMark,
    ChatRequest,
    Opaque,
    Reasoning,
    ResponseFormat,
    Text,
    Tool,
    ToolChoice,
    Turn,
)
from tests.dialects.anthropic.requests import requests

ASKED = (Turn(role="user", parts=(Text(text="hi"),)),)
STRUCTURED, PLAIN = "claude-sonnet-4-5", "claude-3-haiku"
MINIMAL: dict[str, Any] = {
    "model": "claude-x",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "hi"}],
}


def decoded(**fields: Any) -> ChatRequest:
    return ANTHROPIC.decode_request(json.dumps(MINIMAL | fields).encode())


def encoded(
    model: str = STRUCTURED, alias: str = "", stream: bool = False, **fields: Any
) -> tuple[dict[str, Any], dict[str, str]]:
    """Encode a request with these fields; give the body and the losses: field -> action."""
    losses = Losses("anthropic")
    request = ChatRequest(**{"model": alias or model, "turns": ASKED, **fields})
    body = ANTHROPIC.encode_request(
        request, Target(model=model, alias=alias, stream=stream), losses
    )
    return body, {loss.field: loss.action for loss in losses}


# ---------------------------------------------------------------- the caller's side


def test_a_plain_request_is_read() -> None:
    assert decoded() == ChatRequest(model="claude-x", max_tokens=9, turns=ASKED)


def test_everything_with_a_word_in_the_ir_is_read() -> None:
    request = decoded(
        system="Be short.",
        stream=True,
        temperature=1,
        top_p=0.5,
        top_k=3,
        stop_sequences=["x"],
        metadata={"user_id": "u1"},
        service_tier="standard_only",
        cache_control={"type": "ephemeral", "ttl": "1h"},
        tools=[{"name": "f", "input_schema": {"type": "object"}}],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
    )
    assert request == ChatRequest(
        model="claude-x",
        max_tokens=9,
        turns=(Turn(role="system", parts=(Text(text="Be short."),)), *ASKED),
        stream=True,
        temperature=1.0,
        top_p=0.5,
        top_k=3,
        stop=("x",),
        user="u1",
        service_tier="default",
        cache=CacheMark("1h"),
        tools=(Tool(name="f", schema={"type": "object"}),),
        tool_choice=ToolChoice(mode="required"),
        parallel_tool_calls=False,
    )


@pytest.mark.parametrize(
    ("thinking", "config", "reasoning"),
    [
        ({"type": "enabled", "budget_tokens": 2048}, None, Reasoning(budget_tokens=2048)),
        (
            {"type": "adaptive", "display": "omitted"},
            {"effort": "xhigh"},
            Reasoning(effort="xhigh", adaptive=True, visible=False),
        ),
        ({"type": "disabled"}, None, Reasoning(effort="none")),
        (None, {"effort": "low"}, Reasoning(effort="low")),
    ],
)
def test_thinking_and_effort_are_one_wish(
    thinking: dict[str, Any] | None, config: dict[str, Any] | None, reasoning: Reasoning
) -> None:
    request = decoded(thinking=thinking, output_config=config)
    assert request.reasoning == reasoning
    assert request.extras == {}


def test_an_effort_beside_disabled_thinking_is_not_lost() -> None:
    request = decoded(thinking={"type": "disabled"}, output_config={"effort": "low"})
    assert request.reasoning == Reasoning(effort="none")
    assert request.extras == {"anthropic": {"output_config.effort": "low"}}


def test_an_effort_yet_unknown_is_not_lost() -> None:
    request = decoded(thinking={"type": "adaptive"}, output_config={"effort": "ultra"})
    assert request.reasoning == Reasoning(adaptive=True)
    assert request.extras == {"anthropic": {"output_config.effort": "ultra"}}


def test_a_schema_is_asked_for_by_output_config() -> None:
    schema = {"type": "object"}
    request = decoded(output_config={"format": {"type": "json_schema", "schema": schema}})
    assert request.response_format == ResponseFormat(kind="json_schema", schema=schema)
    assert request.extras == {}


def test_a_system_turn_inside_the_messages_keeps_its_place() -> None:
    request = decoded(
        messages=[
            {"role": "user", "content": "a"},
            {"role": "system", "content": [{"type": "tool_addition", "tool": {}}]},
        ]
    )
    assert [turn.role for turn in request.turns] == ["user", "system"]
    assert isinstance(request.turns[1].parts[0], Opaque)


def test_the_billing_line_of_claude_code_goes_to_anthropic_only() -> None:
    billing = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1"}
    request = decoded(system=[billing, {"type": "text", "text": "Be short."}])
    assert request.turns[0].parts == (
        Opaque(dialect="anthropic", block=billing),
        Text(text="Be short."),
    )


def test_unknown_fields_are_kept_by_path() -> None:
    request = decoded(
        container="c1",
        metadata={"x": 1},
        system=[{"type": "text", "text": "a", "z": 0}],
        messages=[{"role": "user", "content": [{"type": "text", "text": "hi", "y": 2}], "id": "m"}],
    )
    assert request.extras == {"anthropic": {"container": "c1", "metadata.x": 1}}
    assert request.turns[0].extras == {"anthropic": {"content[0].z": 0}}
    assert request.turns[1].extras == {"anthropic": {"content[0].y": 2, "id": "m"}}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": [{"role": 3, "content": "a"}]}, "messages[0].role"),
        ({"messages": [{"role": "robot", "content": "a"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ["a"]}]}, "messages[0].content[0]"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]},
            "messages[0].content[0].text",
        ),
        ({"messages": "a"}, "messages"),
        ({"messages": None}, None),
        ({"model": None}, None),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"stream": 1}, "stream"),
        ({"system": 1}, "system"),
        ({"stop_sequences": [1]}, "stop_sequences[0]"),
        ({"tools": [{"name": 1}]}, "tools[0].name"),
        ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"thinking": {"type": "deep"}}, "thinking.type"),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": 1}}},
            "output_config.format.schema",
        ),
    ],
)
def test_a_wrong_field_is_named_by_its_place(fields: dict[str, Any], param: str | None) -> None:
    with pytest.raises(RelayError) as caught:
        decoded(**fields)
    failure = caught.value.failure
    assert failure.kind is FailureKind.INVALID_REQUEST
    if param is not None:
        assert failure.param == param
        assert f"at `$.{param}`" in failure.message


# ---------------------------------------------------------------- the upstream's side


def test_a_plain_request_is_written_with_the_models_max_tokens() -> None:
    body, losses = encoded(stream=True)
    assert body == {
        "model": STRUCTURED,
        "max_tokens": 64_000,
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
    }
    assert losses == {}


def test_a_thinking_alias_is_kept_from_uni_api() -> None:
    # K83
    body, _ = encoded(
        "claude-3-7-sonnet-20250219", "claude-3-7-sonnet-think-2048", temperature=0.3, top_p=0.9
    )
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 2048}
    assert body["temperature"] == 1
    assert "top_p" not in body
    assert body["max_tokens"] == 128_000


def test_stops_become_stop_sequences_without_blank_ones() -> None:
    body, losses = encoded(stop=("END", "\n"))
    assert body["stop_sequences"] == ["END"]
    assert losses == {"stop": "dropped"}


def test_a_schema_is_sent_closed() -> None:
    form = ResponseFormat(kind="json_schema", name="n", description="d", schema={"type": "object"})
    body, losses = encoded(response_format=form)
    assert body["output_config"]["format"] == {
        "type": "json_schema",
        "schema": {"type": "object", "description": "d", "additionalProperties": False},
    }
    assert losses == {
        "response_format.json_schema.name": "dropped",
        "response_format.json_schema.schema": "changed",
    }


def test_a_schema_keeps_its_own_description() -> None:
    schema = {"type": "object", "description": "own", "additionalProperties": False}
    form = ResponseFormat(kind="json_schema", description="d", schema=schema)
    body, losses = encoded(response_format=form)
    assert body["output_config"]["format"]["schema"] == schema
    assert losses == {"response_format.json_schema.description": "dropped"}


def test_a_block_without_a_type_is_left_to_the_upstream() -> None:
    request = ANTHROPIC.decode_request(
        b'{"model":"m","messages":[{"role":"user","content":[{"no":"type"}]}]}'
    )
    written = ANTHROPIC.encode_request(request, Target(model="m"), Losses("anthropic"))
    assert written["messages"][0]["content"] == [{"no": "type"}]


@pytest.mark.parametrize(
    ("model", "form"),
    [
        (STRUCTURED, ResponseFormat(kind="json")),
        (PLAIN, ResponseFormat(kind="json_schema", schema={"type": "object"})),
    ],
)
def test_json_is_asked_for_in_words_where_there_is_no_field(
    model: str, form: ResponseFormat
) -> None:
    body, losses = encoded(model, response_format=form)
    assert "JSON" in body["system"]
    assert "output_config" not in body
    assert losses == {"response_format": "changed"}


@pytest.mark.parametrize(
    ("fields", "lost"),
    [
        ({"n": 2}, "n"),
        ({"seed": 0}, "seed"),
        ({"min_p": 0.1}, "min_p"),
        ({"presence_penalty": 1}, "presence_penalty"),
        ({"frequency_penalty": -1}, "frequency_penalty"),
        ({"logit_bias": {"1": 1}}, "logit_bias"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"verbosity": "low"}, "verbosity"),
        ({"modalities": ("text", "audio")}, "modalities"),
        ({"audio": AudioOutput()}, "audio"),
        ({"metadata": {"a": "b"}}, "metadata"),
        ({"prompt_cache_key": "k"}, "prompt_cache_key"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"user": "me@example.org"}, "user"),
        ({"user": "u" * 300}, "user"),
        ({"extras": {"openai_chat": {"prediction": {}}}}, "prediction"),
        ({"extras": {"anthropic": {"thinking.x": 1}}}, "thinking.x"),
    ],
)
def test_what_cannot_be_said_is_named(fields: dict[str, Any], lost: str) -> None:
    body, losses = encoded(**fields)
    assert losses == {lost: "dropped"}
    assert body.keys() == {"model", "max_tokens", "messages"}


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 1},
        {"presence_penalty": 0},
        {"logit_bias": {}},
        {"logprobs": False},
        {"modalities": ("text",)},
        {"response_format": ResponseFormat(kind="text")},
        {"include_usage": True},
    ],
)
def test_a_value_that_changes_nothing_is_no_loss(fields: dict[str, Any]) -> None:
    assert encoded(**fields)[1] == {}


def test_tiers_have_other_names() -> None:
    assert encoded(service_tier="default")[0]["service_tier"] == "standard_only"
    assert encoded(service_tier="auto")[0]["service_tier"] == "auto"


def test_sampling_parameters_need_the_older_version() -> None:
    assert api_version(encoded(temperature=0.5)[0]) == "2023-06-01"
    assert api_version(encoded(top_k=5)[0]) == "2023-06-01"
    assert api_version(encoded()[0]) == "2026-10-21"


def test_patching_replaces_the_model_and_no_other_byte() -> None:
    body = b'{"messages": [ {"role":"user","content":"\\u00e4"} ],"model":"alias","x":1.50}'
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    patched = ANTHROPIC.patch_request(fields, Target(model="claude-x"))
    assert msgspec.json.encode(patched) == (
        b'{"messages":[ {"role":"user","content":"\\u00e4"} ],"model":"claude-x","x":1.50}'
    )
    assert bytes(fields["model"]) == b'"alias"'


@given(requests())
def test_a_request_of_this_dialect_comes_back_whole(request: ChatRequest) -> None:
    losses = Losses("anthropic")
    body = ANTHROPIC.encode_request(
        request, Target(model=request.model, stream=request.stream), losses
    )
    assert list(losses) == []
    assert ANTHROPIC.decode_request(msgspec.json.encode(body)) == request
