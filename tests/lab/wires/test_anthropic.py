from __future__ import annotations

from typing import Any

import pytest
from msgspec import json
from msgspec.structs import replace

from headgate.lab.wires.anthropic import ANTHROPIC, SIGNATURE, read
from headgate.lab.wires.question import Answer, Call, Fault, Json, Usage
from tests.lab.asking import OFFERS, events, question

ANSWER = Answer(pieces=("Hello", " you."), usage=Usage(prompt=5, output=2, cached=4))
MIXED = Answer(
    pieces=("Look:",), thinking=("mull",), calls=(Call("look", {"city": "Oslo"}),), finish="tool"
)


def asked(**more: Any) -> Any:
    return question("anthropic", **more)


def test_a_message_has_text_stop_reason_and_usage_without_the_cached_part() -> None:
    reply: Any = json.decode(ANTHROPIC.whole(asked(), ANSWER))
    assert reply["content"] == [{"type": "text", "text": "Hello you."}]
    assert reply["stop_reason"] == "end_turn"
    assert (reply["usage"]["input_tokens"], reply["usage"]["cache_read_input_tokens"]) == (1, 4)


def test_a_stream_opens_and_closes_its_blocks_in_order() -> None:
    frames = b"".join(ANTHROPIC.frames(asked(), ANSWER))
    names = [line[7:].decode() for line in frames.splitlines() if line.startswith(b"event: ")]
    assert names == [event["type"] for event in events(frames)]
    assert names == [
        "message_start", "ping", "content_block_start", "content_block_delta",
        "content_block_delta", "content_block_stop", "message_delta", "message_stop",
    ]  # fmt: skip
    assert events(frames)[-2]["usage"]["output_tokens"] == 2


def test_thinking_text_and_call_are_three_blocks() -> None:
    reply: Any = json.decode(ANTHROPIC.whole(asked(), MIXED))
    assert [block["type"] for block in reply["content"]] == ["thinking", "text", "tool_use"]
    assert reply["content"][0]["signature"] == SIGNATURE
    assert reply["content"][2]["input"] == {"city": "Oslo"}
    stream = events(b"".join(ANTHROPIC.frames(asked(), MIXED)))
    deltas = [event["delta"] for event in stream if event["type"] == "content_block_delta"]
    assert "".join(delta.get("partial_json", "") for delta in deltas) == '{"city":"Oslo"}'
    assert {"type": "signature_delta", "signature": SIGNATURE} in deltas


def test_no_usage_leaves_no_usage_anywhere() -> None:
    silent = replace(ANSWER, usage=None)
    assert b"usage" not in ANTHROPIC.whole(asked(), silent)
    assert b"usage" not in b"".join(ANTHROPIC.frames(asked(), silent))


def test_the_reader_sees_system_tool_results_and_media() -> None:
    result: Json = {"type": "tool_result", "content": [{"type": "text", "text": "-2 C"}]}
    image: Json = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"},
    }
    document: Json = {"type": "document", "source": {"type": "url", "url": "http://x"}}
    content = [result, image, document, {"type": "text", "text": "and?"}]
    prompt = read({"system": "Be short.", "messages": [{"role": "user", "content": content}]})
    assert prompt.texts == ("Be short.", "and?", "-2 C")
    assert prompt.tool_result == "-2 C"
    assert prompt.media == ("image/png 3 bytes", "document http://x")


@pytest.mark.parametrize(
    ("choice", "count"),
    [({"type": "any"}, 1), ({"type": "none"}, 0), ({"type": "tool", "name": "other"}, 0)],
)
def test_the_tool_choice_decides_what_may_be_called(choice: Json, count: int) -> None:
    assert len(read(OFFERS["anthropic"] | {"tool_choice": choice}).tools) == count


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"max_tokens": 1}, "messages"),
        ({"messages": [{"role": "user", "content": "hi"}]}, "max_tokens"),
        ({"max_tokens": 1, "messages": [{"role": "system", "content": "hi"}]}, "role"),
    ],
)
def test_what_the_real_one_refuses_is_a_problem(body: Json, problem: str) -> None:
    assert problem in read(body).problem


def test_overload_has_its_own_type() -> None:
    assert json.decode(ANTHROPIC.error(Fault(529, "no")))["error"]["type"] == "overloaded_error"
