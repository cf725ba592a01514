from __future__ import annotations

from typing import Any

import pytest
from msgspec import json
from msgspec.structs import replace

from headgate.lab.wires.gemini import GEMINI, read
from headgate.lab.wires.question import Answer, Call, Fault, Json, Usage
from tests.lab.asking import GEMINI_HI, OFFERS, events, question

ANSWER = Answer(pieces=("Hello", " you."), thinking=("mull", " it"), usage=Usage(3, 2, reasoning=2))
ARRAY = replace(question("gemini", stream=True), as_array=True)


def test_a_reply_joins_its_pieces_and_counts_thoughts_apart() -> None:
    reply: Any = json.decode(GEMINI.whole(question("gemini"), ANSWER))
    parts = reply["candidates"][0]["content"]["parts"]
    assert parts == [{"text": "mull it", "thought": True}, {"text": "Hello you."}]
    assert reply["usageMetadata"] == {
        "promptTokenCount": 3, "candidatesTokenCount": 2, "thoughtsTokenCount": 2,
        "totalTokenCount": 7,
    }  # fmt: skip


def test_a_stream_is_one_reply_per_piece_in_crlf_frames() -> None:
    frames = GEMINI.frames(question("gemini", stream=True), ANSWER)
    assert all(frame.endswith(b"\r\n\r\n") for frame in frames)
    replies = events(b"".join(frames))
    assert len(replies) == 4
    assert [reply["candidates"][0].get("finishReason") for reply in replies] == [None] * 3 + [
        "STOP"
    ]


def test_without_sse_a_stream_is_one_json_array() -> None:
    assert len(json.decode(b"".join(GEMINI.frames(ARRAY, ANSWER)))) == 4
    assert len(json.decode(b"".join(GEMINI.frames(ARRAY, Answer())))) == 1


def test_an_error_is_the_next_element_of_the_array() -> None:
    frames = [*GEMINI.frames(ARRAY, ANSWER)[:2], GEMINI.error_frame(ARRAY, Fault(503, "no")), b"]"]
    assert json.decode(b"".join(frames))[-1]["error"]["status"] == "UNAVAILABLE"


def test_a_call_comes_whole_with_a_signature() -> None:
    answer = Answer(calls=(Call("look", {"city": "Oslo"}),), finish="tool")
    reply: Any = json.decode(GEMINI.whole(question("gemini"), answer))
    part = reply["candidates"][0]["content"]["parts"][0]
    assert part["functionCall"] == {"name": "look", "args": {"city": "Oslo"}}
    assert part["thoughtSignature"]
    assert reply["candidates"][0]["finishReason"] == "STOP"


def test_cached_tokens_are_named_only_if_there_are_any() -> None:
    cached = Answer(pieces=("a",), usage=Usage(3, 1, cached=2))
    assert b'"cachedContentTokenCount":2' in GEMINI.whole(question("gemini"), cached)
    assert b"cachedContent" not in GEMINI.whole(question("gemini"), ANSWER)


def test_the_reader_sees_system_media_and_tool_results() -> None:
    parts: list[Json] = [
        {"text": "hi"},
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
        {"fileData": {"fileUri": "gs://b/c"}},
        {"functionResponse": {"name": "look", "response": {"result": "-2 C"}}},
    ]
    config = {"candidateCount": 2, "maxOutputTokens": 7}
    prompt = read(
        {
            "systemInstruction": {"parts": [{"text": "Be short."}]},
            "contents": [{"role": "user", "parts": parts}],
            "generationConfig": config,
        }
    )
    assert prompt.texts == ("Be short.", "hi")
    assert prompt.media == ("image/png 3 bytes", "file gs://b/c")
    assert prompt.tool_result == '{"result":"-2 C"}'
    assert (prompt.choices, prompt.max_tokens) == (2, 7)


@pytest.mark.parametrize(
    ("config", "count"),
    [
        ({"mode": "ANY"}, 1),
        ({"mode": "NONE"}, 0),
        ({"mode": "ANY", "allowedFunctionNames": ["x"]}, 0),
    ],
)
def test_the_mode_decides_what_may_be_called(config: Json, count: int) -> None:
    body = OFFERS["gemini"] | {"toolConfig": {"functionCallingConfig": config}}
    assert len(read(body).tools) == count


def test_what_the_real_one_refuses_is_a_problem() -> None:
    assert "contents" in read({}).problem
    assert "role" in read({"contents": [{"role": "assistant", "parts": []}]}).problem
    assert read(GEMINI_HI).problem == ""


@pytest.mark.parametrize("name", ["parameters", "parametersJsonSchema", "parameters_json_schema"])
def test_a_functions_schema_has_three_names(name: str) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    tools = [{"functionDeclarations": [{"name": "look", name: schema}]}]
    assert read(GEMINI_HI | {"tools": tools}).tools[0].schema == schema
