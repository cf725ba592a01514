from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.failure import FailureKind, RelayError
from headgate.dialects.dialect import Target
from headgate.dialects.gemini.request import decode_request, encode_request, patch_request
from headgate.ir.loss import Losses
from headgate.ir.request import (
    AudioOutput,
    CacheMark,
    ChatRequest,
    Image,
    Inline,
    Json,
    NativeTool,
    Opaque,
    Reasoning,
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

HELLO = Turn(role="user", parts=(Text(text="hello"),))
MODEL = "gemini-3-flash-preview"


def decoded(body: Json) -> ChatRequest:
    return decode_request(msgspec.json.encode(body))


def encoded(request: ChatRequest, model: str = MODEL) -> tuple[Json, list[str]]:
    losses = Losses("gemini")
    body = encode_request(request, Target(model=model, alias=model, provider="gemini"), losses)
    return body, [loss.field for loss in losses]


def asked(**more: Any) -> ChatRequest:
    return ChatRequest(model="", turns=(HELLO,), **more)


def refusal(body: bytes) -> tuple[FailureKind, str | None]:
    with pytest.raises(RelayError) as caught:
        decode_request(body)
    return caught.value.failure.kind, caught.value.failure.param


def test_a_request_in_snake_case_reads_as_in_camel_case() -> None:
    camel = {
        "contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": "a/b", "data": ""}}]}],
        "systemInstruction": {"parts": [{"text": "s"}]},
        "generationConfig": {"maxOutputTokens": 5},
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        "safetySettings": [],
    }
    snake = {
        "contents": [
            {"role": "user", "parts": [{"inline_data": {"mime_type": "a/b", "data": ""}}]}
        ],
        "system_instruction": {"parts": [{"text": "s"}]},
        "generation_config": {"max_output_tokens": 5},
        "tool_config": {"function_calling_config": {"mode": "ANY"}},
        "safety_settings": [],
    }
    assert decoded(camel) == decoded(snake)


def test_fields_that_only_gemini_knows_come_back() -> None:
    body = {
        "contents": [{"role": "user", "parts": [{"text": "hello"}]}],
        "cachedContent": "cachedContents/x",
        "labels": {"team": "a"},
        "safetySettings": [{"category": "C", "threshold": "OFF"}],
        "generationConfig": {"maxOutputTokens": 5, "mediaResolution": "LOW"},
        "tools": [{"functionDeclarations": [{"name": "f", "response": {"type": "STRING"}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "VALIDATED"}, "retrievalConfig": {}},
    }
    assert encoded(decoded(body)) == (body, [])


def test_nothing_is_blocked_unless_the_caller_says_so() -> None:
    settings = encoded(asked())[0]["safetySettings"]
    assert [setting["threshold"] for setting in settings] == ["OFF"] * 4 + ["BLOCK_NONE"]
    old = encoded(asked(), "gemini-1.5-pro")[0]["safetySettings"]
    assert {setting["threshold"] for setting in old} == {"BLOCK_NONE"}
    assert len({setting["category"] for setting in settings}) == 5


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"min_p": 0.1}, "min_p"),
        ({"logit_bias": {"1": 1.0}}, "logit_bias"),
        ({"verbosity": "low"}, "verbosity"),
        ({"user": "u"}, "user"),
        ({"metadata": {"a": "b"}}, "metadata"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"prompt_cache_key": "k"}, "prompt_cache_key"),
        ({"cache": CacheMark()}, "cache_control"),
        ({"parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"extras": {"openai_chat": {"prediction": {}}}}, "prediction"),
    ],
)
def test_what_gemini_has_no_word_for_is_named(more: Json, field: str) -> None:
    assert encoded(asked(**more))[1] == [field]


def test_a_whole_conversation_of_an_openai_caller_is_written() -> None:
    """K84 of uni-api: system instruction, function response, limit, cleaned schema."""
    schema = {
        "type": "object",
        "properties": {"q": {"type": "string"}},
        "additionalProperties": False,
    }
    request = ChatRequest(
        model="m",
        turns=(
            Turn(role="system", parts=(Text(text="be short"),)),
            HELLO,
            Turn(
                role="assistant", parts=(ToolCall(call_id="c1", name="f", arguments='{"q":"x"}'),)
            ),
            Turn(role="tool", parts=(ToolResult(call_id="c1", content=(Text(text="r"),)),)),
        ),
        max_tokens=100_000,
        tools=(Tool(name="f", schema=schema),),
        stop=("END",),
    )
    body, lost = encoded(request, "gemini-2.5-flash")
    del body["safetySettings"]
    assert body == {
        "systemInstruction": {"parts": [{"text": "be short"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "hello"}]},
            {
                "role": "model",
                "parts": [{"functionCall": {"name": "f", "args": {"q": "x"}, "id": "c1"}}],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"name": "f", "response": {"result": "r"}, "id": "c1"}}
                ],
            },
        ],
        "tools": [
            {
                "functionDeclarations": [
                    {
                        "name": "f",
                        "parameters": {"type": "object", "properties": {"q": {"type": "string"}}},
                    }
                ]
            }
        ],
        "generationConfig": {"maxOutputTokens": 65_536, "stopSequences": ["END"]},
    }
    assert lost == ["max_tokens"]


@pytest.mark.parametrize(
    ("body", "kind", "place"),
    [
        (b"{", FailureKind.INVALID_JSON, None),
        (b'"\xff"', FailureKind.INVALID_JSON, None),
        (b"[]", FailureKind.INVALID_REQUEST, None),
        (b'{"contents":1}', FailureKind.INVALID_REQUEST, "contents"),
        (b'{"contents":[],"tools":1}', FailureKind.INVALID_REQUEST, "tools"),
        (
            b'{"contents":[{"parts":[{"text":5}]}]}',
            FailureKind.INVALID_REQUEST,
            "contents[0].parts[0].text",
        ),
    ],
)
def test_a_broken_body_is_refused(body: bytes, kind: FailureKind, place: str | None) -> None:
    assert refusal(body) == (kind, place)


def test_a_passing_body_keeps_its_fields_but_for_the_model() -> None:
    fields = {"contents": msgspec.Raw(b"[ ]"), "new": msgspec.Raw(b'{"x":1.0}')}
    assert patch_request(fields, Target(model="m")) == fields
    patched = patch_request(fields | {"model": msgspec.Raw(b'"alias"')}, Target(model="m"))
    assert msgspec.json.encode(patched) == b'{"contents":[ ],"new":{"x":1.0},"model":"m"}'


def test_a_passing_body_has_its_calls_signed_where_the_model_wants_that() -> None:
    contents = b'[{"role":"model","parts":[{"functionCall":{"name":"f"}}]}]'
    fields = {"contents": msgspec.Raw(contents)}
    assert patch_request(fields, Target(model="gemini-1.5-pro")) == fields
    patched = patch_request(fields, Target(model="gemini-3-pro"))
    assert b"skip_thought_signature_validator" in msgspec.json.encode(patched)


# ------------------------------------------------------------------ there and back

words = st.text("abcé \n{}", min_size=1, max_size=12)
proofs = st.none() | st.builds(Signature, st.just("gemini"), st.sampled_from(["c2ln", "c2lnMg=="]))
media = st.builds(
    Image,
    source=st.builds(Inline, st.sampled_from(["image/png", "image/webp"]), st.just("AAAA")),
    signature=proofs,
) | st.builds(
    Image,
    source=st.just(
        Uploaded("https://generativelanguage.googleapis.com/v1beta/files/f", "gemini", "image/png")
    ),
)
opaque = st.just(Opaque(dialect="gemini", block={"executableCode": {"code": "1"}}))
user_turns = st.builds(
    Turn,
    role=st.just("user"),
    parts=st.lists(st.builds(Text, text=words) | media | opaque, min_size=1, max_size=3).map(tuple),
)
spoken = st.builds(Text, text=words, signature=proofs) | st.builds(
    Thinking, text=words, signature=proofs
)


@st.composite
def tool_rounds(draw: st.DrawFn) -> list[Turn]:
    """An assistant's turn, with some calls, and the answers to them."""
    number = draw(st.integers(0, 3))
    prefix = draw(st.uuids().map(str))
    calls: list[Any] = [
        ToolCall(
            call_id=f"{prefix}-{index}",
            name=draw(st.sampled_from(["f", "g"])),
            arguments=draw(st.sampled_from(["{}", '{"a":1}', '{"b":[null,"x"]}'])),
            # The first call has Gemini's signature, as Gemini's own history does.
            signature=Signature("gemini", "c2ln") if index == 0 else None,
        )
        for index in range(number)
    ]
    said: list[Any] = draw(st.lists(spoken, min_size=0 if calls else 1, max_size=2))
    turns = [Turn(role="assistant", parts=(*said, *calls))]
    if calls:
        results = tuple(
            ToolResult(
                call_id=call.call_id,
                name=call.name,
                content=(Text(text=draw(words)),),
                is_error=draw(st.booleans()),
            )
            for call in calls
        )
        turns.append(Turn(role="user", parts=results))
    else:
        turns.append(draw(user_turns))
    return turns


SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}
requests = st.builds(
    ChatRequest,
    model=st.just(""),
    turns=st.tuples(
        st.lists(
            st.builds(Turn, role=st.just("system"), parts=st.tuples(st.builds(Text, text=words))),
            max_size=1,
        ),
        user_turns,
        st.lists(tool_rounds(), max_size=2),
    ).map(lambda made: (*made[0], made[1], *(turn for turns in made[2] for turn in turns))),
    max_tokens=st.integers(1, 60_000),
    temperature=st.none() | st.floats(0, 2),
    top_p=st.none() | st.floats(0, 1),
    top_k=st.none() | st.integers(1, 99),
    seed=st.none() | st.integers(-5, 5),
    n=st.none() | st.integers(1, 4),
    stop=st.lists(words, max_size=5).map(tuple),
    presence_penalty=st.none() | st.just(0.5),
    logprobs=st.none() | st.booleans(),
    top_logprobs=st.none() | st.integers(0, 5),
    tools=st.lists(
        st.sampled_from(
            [
                Tool(name="f", description="d", schema=SCHEMA),
                Tool(name="g"),
                NativeTool(dialect="gemini", block={"googleSearch": {}}),
            ]
        ),
        unique_by=str,
    ).map(lambda tools: tuple(sorted(tools, key=lambda tool: isinstance(tool, NativeTool)))),
    response_format=st.none()
    | st.just(ResponseFormat(kind="text"))
    | st.just(ResponseFormat(kind="json"))
    | st.just(ResponseFormat(kind="json_schema", schema=SCHEMA)),
    reasoning=st.none()
    | st.builds(
        Reasoning,
        effort=st.sampled_from(["minimal", "low", "medium", "high"]),
        visible=st.booleans(),
    ),
    modalities=st.sampled_from([(), ("text",), ("text", "image")]),
    extras=st.just({"gemini": {"safetySettings": [], "labels": {"a": "b"}}}),
)
choices = st.none() | st.sampled_from(
    [
        ToolChoice(mode="auto"),
        ToolChoice(mode="none"),
        ToolChoice(mode="required"),
        ToolChoice(mode="tool", name="f"),
        ToolChoice(mode="required", allowed=("f", "g")),
    ]
)


@given(requests, choices)
def test_a_request_goes_and_comes_back(request: ChatRequest, choice: ToolChoice | None) -> None:
    if any(isinstance(tool, Tool) for tool in request.tools):
        request = msgspec.structs.replace(request, tool_choice=choice)
    body, lost = encoded(request)
    assert lost == []
    assert decoded(body) == request


def test_a_spoken_answer_goes_and_comes_back() -> None:
    request = asked(max_tokens=5, modalities=("audio",), audio=AudioOutput(voice="Puck", format=""))
    body, lost = encoded(request, "gemini-2.5-flash-preview-tts")
    assert lost == []
    del body["safetySettings"]
    assert decoded(body) == request
