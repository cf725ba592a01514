from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.dialects.dialect import Target
from headgate.dialects.openai_chat.request import decode_request
from headgate.dialects.openai_chat.request_encoder import encode_request
from headgate.ir.loss import Losses
from headgate.ir.request import (
    Audio,
    AudioOutput,
    CacheMark,
    ChatRequest,
    CustomTool,
    Image,
    Inline,
    NativeTool,
    Reasoning,
    Refusal,
    ResponseFormat,
    Signature,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    Uploaded,
)

Json = dict[str, Any]
HELLO = {"role": "user", "content": "hello"}
MARK = {"type": "ephemeral", "ttl": "1h"}


def asked(*messages: Json, **options: Any) -> ChatRequest:
    """Decode a request of these messages and options."""
    body = {"model": "m", "messages": list(messages) or [HELLO], **options}
    return decode_request(msgspec.json.encode(body))


def refused(body: bytes) -> Failure:
    """Decode a body that must be refused; give the failure."""
    with pytest.raises(RelayError) as raised:
        decode_request(body)
    return raised.value.failure


def called(call_id: str = "c", arguments: Any = "{}", **more: Any) -> Json:
    """Write an assistant's message with one call."""
    call = {"id": call_id, "type": "function", "function": {"name": "f", "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call], **more}


def answered(call_id: str = "c", content: Any = "5") -> Json:
    """Write a tool's message."""
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def test_a_plain_request() -> None:
    request = asked({"role": "developer", "content": "Be short."}, {**HELLO, "name": "Ann"})
    assert request == ChatRequest(
        model="m",
        turns=(
            Turn(role="developer", parts=(Text(text="Be short."),)),
            Turn(role="user", parts=(Text(text="hello"),), name="Ann"),
        ),
    )


def test_every_option_of_the_same_name_is_carried() -> None:
    options = {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "min_p": 0.1,
        "seed": 7,
        "n": 2,
        "presence_penalty": 1,
        "frequency_penalty": -1,
        "logit_bias": {"50256": -100},
        "logprobs": True,
        "top_logprobs": 3,
        "parallel_tool_calls": False,
        "user": "u",
        "verbosity": "low",
        "metadata": {"a": "b"},
        "service_tier": "flex",
        "prompt_cache_key": "k",
    }
    request = asked(**options)
    assert {name: getattr(request, name) for name in options} == options


@pytest.mark.parametrize(
    ("options", "field", "value"),
    [
        ({"max_tokens": 5}, "max_tokens", 5),
        ({"max_completion_tokens": 6}, "max_tokens", 6),
        ({"max_tokens": 6, "max_completion_tokens": 6}, "max_tokens", 6),
        ({"stop": "x"}, "stop", ("x",)),
        ({"stop": ["x", "y"]}, "stop", ("x", "y")),
        ({"stop": None}, "stop", ()),
        ({"stream": True}, "stream", True),
        ({"stream_options": {"include_usage": True}}, "include_usage", True),
        ({"modalities": ["text", "audio"]}, "modalities", ("text", "audio")),
        (
            {"audio": {"voice": "alloy", "format": "wav"}},
            "audio",
            AudioOutput(voice="alloy", format="wav"),
        ),
        ({"tool_choice": "auto"}, "tool_choice", ToolChoice(mode="auto")),
        ({"tool_choice": "any"}, "tool_choice", ToolChoice(mode="required")),
        ({"function_call": {"name": "f"}}, "tool_choice", ToolChoice(mode="tool", name="f")),
        (
            {"tool_choice": {"type": "tool", "name": "f"}},
            "tool_choice",
            ToolChoice(mode="tool", name="f"),
        ),
        (
            {"tool_choice": {"type": "function", "function": {"name": "f"}}},
            "tool_choice",
            ToolChoice(mode="tool", name="f"),
        ),
        (
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {
                        "mode": "required",
                        "tools": [{"type": "function", "function": {"name": "f"}}, {"name": "g"}],
                    },
                }
            },
            "tool_choice",
            ToolChoice(mode="required", allowed=("f", "g")),
        ),
        ({"response_format": {"type": "text"}}, "response_format", ResponseFormat(kind="text")),
        (
            {"response_format": {"type": "json_object"}},
            "response_format",
            ResponseFormat(kind="json"),
        ),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True},
                }
            },
            "response_format",
            ResponseFormat(kind="json_schema", name="n", schema={"type": "object"}, strict=True),
        ),
        ({"reasoning_effort": "high"}, "reasoning", Reasoning(effort="high")),
        ({"reasoning": {"effort": "low"}}, "reasoning", Reasoning(effort="low")),
        ({"reasoning": {"max_tokens": 9}}, "reasoning", Reasoning(budget_tokens=9)),
        ({"reasoning": {"enabled": True}}, "reasoning", Reasoning(adaptive=True)),
        ({"reasoning": {"exclude": True}}, "reasoning", Reasoning(visible=False)),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 9}},
            "reasoning",
            Reasoning(budget_tokens=9),
        ),
        ({"thinking": {"type": "enabled"}}, "reasoning", Reasoning(adaptive=True)),
        ({"thinking": {"type": "disabled"}}, "reasoning", Reasoning(effort="none")),
        ({"enable_thinking": False}, "reasoning", Reasoning(effort="none")),
        ({"enable_thinking": True, "thinking_budget": 9}, "reasoning", Reasoning(budget_tokens=9)),
        ({}, "reasoning", None),
    ],
)
def test_an_option_is_understood_in_every_spelling(
    options: Json, field: str, value: object
) -> None:
    request = asked(**options)
    assert getattr(request, field) == value
    assert request.extras == {}


def test_what_the_ir_has_no_word_for_is_kept_by_its_path() -> None:
    request = asked(
        {**HELLO, "weight": 1},
        {"role": "assistant", "content": "a", "prefix": True},
        store=True,
        reasoning_effort="extreme",
        tool_choice={"type": "mcp"},
        response_format={"type": "grammar"},
        stream_options={"include_obfuscation": False, "include_usage": True},
        tools=[
            {
                "type": "function",
                "function": {"name": "f", "rank": 2},
                "eager_input_streaming": True,
            }
        ],
        provider={"order": ["a"]},
        nothing=None,
    )
    assert request.extras["openai_chat"] == {
        "provider": {"order": ["a"]},
        "stream_options.include_obfuscation": False,
        "tools[0].eager_input_streaming": True,
        "tools[0].function.rank": 2,
        "reasoning_effort": "extreme",
        "tool_choice": {"type": "mcp"},
        "response_format": {"type": "grammar"},
    }
    assert [turn.extras["openai_chat"] for turn in request.turns] == [
        {"weight": 1},
        {"prefix": True},
    ]


def test_tools_of_every_kind() -> None:
    schema = {"type": "object"}
    function = {"name": "f", "description": "d", "parameters": schema, "strict": True}
    request = asked(
        tools=[
            {"type": "function", "function": function, "cache_control": MARK},
            {"function": {"name": "g"}},
            {"type": "custom", "custom": {"name": "h", "format": {"type": "text"}}},
            {"type": "web_search", "max_uses": 1},
        ],
        functions=[{"name": "old"}],
    )
    assert request.tools == (
        Tool(name="f", description="d", schema=schema, strict=True, cache=CacheMark(ttl="1h")),
        Tool(name="g"),
        CustomTool(name="h", format={"type": "text"}),
        NativeTool(dialect="openai_chat", block={"type": "web_search", "max_uses": 1}),
        Tool(name="old"),
    )


def test_a_parts_unknown_field_is_kept() -> None:
    block = {"type": "text", "text": "a", "prompt_cache_breakpoint": True}
    (turn,) = asked({"role": "user", "content": [block]}).turns
    assert turn.extras == {"openai_chat": {"content[0].prompt_cache_breakpoint": True}}


def test_a_mark_on_the_message_is_a_mark_on_its_last_part() -> None:
    (turn,) = asked({**HELLO, "cache_control": MARK}).turns
    assert turn.parts == (Text(text="hello", cache=CacheMark("1h")),)


def test_an_assistants_turn_holds_all_that_it_did() -> None:
    _, turn = asked(
        HELLO,
        called(
            content="a",
            reasoning_content="t",
            refusal="no",
            audio={"id": "au"},
            images=[{"image_url": {"url": "data:image/png;base64,AA"}}],
        ),
    ).turns
    assert turn.parts == (
        Thinking(text="t"),
        Text(text="a"),
        Refusal(text="no"),
        Audio(source=Uploaded("au", "openai_chat"), audio_id="au"),
        Image(source=Inline("image/png", "AA")),
        ToolCall(call_id="c", name="f", arguments="{}"),
    )


def test_reasoning_that_was_signed_comes_back_signed() -> None:
    detail = {"type": "reasoning.text", "text": "t", "format": "google-gemini-v1", "signature": "s"}
    for name in ("reasoning", "reasoning_content"):
        message = {"role": "assistant", "content": "a", name: "t", "reasoning_details": [detail]}
        _, turn = asked(HELLO, message).turns
        assert turn.parts[0] == Thinking(text="t", signature=Signature("gemini", "s"))


def test_a_call_id_with_geminis_signature_stays_the_id_and_gives_the_signature() -> None:
    signature = base64.urlsafe_b64encode(b"c2lnbmF0dXJlLXNpZ25hdHVyZQ==").rstrip(b"=").decode()
    call_id = f"call_{signature}.abc"
    _, turn, result = asked(HELLO, called(call_id), answered(call_id)).turns
    assert turn.parts == (
        ToolCall(
            call_id=call_id,
            name="f",
            arguments="{}",
            signature=Signature("gemini", "c2lnbmF0dXJlLXNpZ25hdHVyZQ=="),
        ),
    )
    assert isinstance(result.parts[0], ToolResult)
    assert result.parts[0].call_id == call_id


def test_tool_messages_know_the_name_of_their_call() -> None:
    *_, turn = asked(HELLO, called(), answered(content=[{"type": "text", "text": "5"}])).turns
    result = ToolResult(call_id="c", content=(Text(text="5"),), name="f")
    assert turn == Turn(role="tool", parts=(result,))


def test_the_legacy_function_messages_find_each_other_by_name() -> None:
    _, made, result = asked(
        HELLO,
        {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "5"},
    ).turns
    (call,), (answer,) = made.parts, result.parts
    assert isinstance(call, ToolCall)
    assert isinstance(answer, ToolResult)
    assert call.call_id == answer.call_id


def test_arguments_and_custom_calls_in_every_form() -> None:
    custom = {"id": "d", "type": "custom", "custom": {"name": "g", "input": "x"}}
    message = called(arguments={"a": 1})
    message["tool_calls"].append(custom)
    _, turn = asked(HELLO, message).turns
    assert turn.parts == (
        ToolCall(call_id="c", name="f", arguments='{"a":1}'),
        ToolCall(call_id="d", name="g", arguments="x", custom=True),
    )


# ------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"model": None}, "model"),
        ({"messages": "hello"}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [HELLO, {"role": "king", "content": ""}]}, "messages[1].role"),
        ({"messages": [{"content": "a"}]}, "messages[0].role"),
        ({"messages": [{"role": 7}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages[0].content[0].text",
        ),
        ({"messages": [HELLO, answered()]}, "messages[1].tool_call_id"),
        ({"messages": [answered(), called()]}, "messages[0].tool_call_id"),
        ({"messages": [HELLO, called(), answered("other")]}, "messages[2].tool_call_id"),
        ({"messages": [{"role": "function", "name": "f", "content": ""}]}, "messages[0].name"),
        (
            {"messages": [called(), answered(content=[{"type": "refusal", "refusal": "no"}])]},
            "messages[1].content[0]",
        ),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}]},
            "messages[0].tool_calls[0].function",
        ),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"stop": [1]}, "stop[0]"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"stream": "yes"}, "stream"),
    ],
)
def test_a_mistake_is_refused_with_its_place(change: Json, place: str) -> None:
    body = msgspec.json.encode({"model": "m", "messages": [HELLO], **change})
    failure = refused(body)
    assert failure.kind is FailureKind.INVALID_REQUEST
    assert failure.param == place
    assert "`$" in failure.message


@pytest.mark.parametrize("missing", ["model", "messages"])
def test_what_is_missing_is_named(missing: str) -> None:
    body = {"model": "m", "messages": [HELLO]}
    del body[missing]
    failure = refused(msgspec.json.encode(body))
    assert failure.param == missing
    assert missing in failure.message


@pytest.mark.parametrize("body", [b"", b"{", b'{"model": "m",}', b'"\xff"', b"[" * 100_000])
def test_broken_json_is_called_so(body: bytes) -> None:
    assert refused(body).kind is FailureKind.INVALID_JSON


def test_broken_json_tells_where() -> None:
    assert "byte 14" in refused(b'{"model": "m",}').message


def test_a_body_that_is_no_object_is_refused() -> None:
    assert refused(b"[]").kind is FailureKind.INVALID_REQUEST


def test_what_nobody_reads_inside_of_parts_and_calls_is_kept_by_its_path() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://h/a.png", "x": 1}}
    file = {"type": "file", "file": {"file_id": "f", "file_data": "aGk=", "filename": "n"}}
    message = called("c1", audio={"id": "a", "w": 4})
    message["tool_calls"][0]["y"] = 2
    message["tool_calls"][0]["function"]["z"] = 3
    request = asked(
        {"role": "user", "content": [image, file]},
        message,
        answered("c1") | {"name": "another"},
    )
    assert [turn.extras.get("openai_chat") for turn in request.turns] == [
        {"content[0].image_url.x": 1, "content[1].file.file_data": "aGk="},
        {"tool_calls[0].y": 2, "tool_calls[0].function.z": 3, "audio.w": 4},
        {"name": "another"},
    ]


def test_what_nobody_reads_of_a_tool_is_kept_by_its_path() -> None:
    custom = {"type": "custom", "custom": {"name": "c", "x": 1}, "y": 2}
    function = {"name": "f", "z": 3}
    user = {"role": "user", "content": "a"}
    request = asked(user, tools=[custom], functions=[function])
    kept = {"tools[0].y": 2, "tools[0].custom.x": 1, "tools[1].function.z": 3}
    assert request.extras == {"openai_chat": kept}


def test_geminis_signature_beside_a_call_comes_back() -> None:
    message = called("c1")
    message["tool_calls"][0]["extra_content"] = {"google": {"thought_signature": "s"}}
    request = asked(message, answered("c1"))
    (call,) = request.turns[0].parts
    assert isinstance(call, ToolCall)
    assert call.signature == Signature("gemini", "s")


def test_of_two_limits_the_newer_counts_and_the_older_is_named() -> None:
    request = asked(max_tokens=5, max_completion_tokens=6)
    assert request.max_tokens == 6
    losses = Losses("openai_chat")
    assert encode_request(request, Target(model="m"), losses)["max_tokens"] == 6
    assert [loss.field for loss in losses] == ["max_tokens"]
