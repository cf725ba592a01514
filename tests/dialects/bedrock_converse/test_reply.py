"""Whole answers: what they say, why they end, what they used."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headgate.base.failure import RelayError
from headgate.dialects.bedrock_converse.reply import decode_block, decode_reply, decode_usage
from headgate.ir.reply import Finish, Reply
from headgate.ir.request import (
    Citation,
    Image,
    Inline,
    Json,
    Opaque,
    Part,
    Signature,
    Text,
    Thinking,
    ToolCall,
)
from headgate.ir.usage import Usage
from tests.dialects.bedrock_converse.asked import PROOF

USAGE = {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}


def reply(*content: Json, **fields: Any) -> Reply:
    message = {"role": "assistant", "content": list(content)}
    body = {"output": {"message": message}, "stopReason": "end_turn", "usage": USAGE} | fields
    return decode_reply(json.dumps(body).encode())


CITATION = {
    "title": "t",
    "sourceContent": [{"text": "a"}, {"text": "b"}],
    "location": {"web": {"url": "https://x", "domain": "x"}},
}


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"text": "Hi"}, Text(text="Hi")),
        ({"text": "Hi", "type": "text"}, Text(text="Hi")),
        (
            {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": PROOF}}},
            Thinking(text="Hm", signature=Signature("anthropic", PROOF)),
        ),
        ({"reasoningContent": {"reasoningText": {"text": "Hm"}}}, Thinking(text="Hm")),
        (
            {"reasoningContent": {"redactedContent": "AAEC"}},
            Thinking(redacted=True, signature=Signature("bedrock_converse", "AAEC")),
        ),
        (
            {"toolUse": {"toolUseId": "t1", "name": "f", "input": {"a": 1}}},
            ToolCall(call_id="t1", name="f", arguments='{"a":1}'),
        ),
        (
            {"toolUse": {"toolUseId": "t1", "name": "f"}},
            ToolCall(call_id="t1", name="f", arguments="{}"),
        ),
        (
            {
                "citationsContent": {
                    "content": [{"text": "x"}, {"text": "y"}],
                    "citations": [CITATION],
                }
            },
            Text(
                text="xy",
                citations=(
                    Citation(
                        url="https://x",
                        title="t",
                        cited_text="ab",
                        origin="bedrock_converse",
                        native=CITATION,
                    ),
                ),
            ),
        ),
        (
            {"image": {"format": "png", "source": {"bytes": "AA=="}}},
            Image(source=Inline("image/png", "AA==")),
        ),
    ],
)
def test_blocks_are_read(block: Json, part: Part) -> None:
    assert decode_block(block) == part


@pytest.mark.parametrize(
    "block",
    [
        {"new": {"x": 1}},
        {"reasoningContent": {}},
        {"toolUse": {"toolUseId": "t", "name": "nova_grounding", "type": "server_tool_use"}},
        {"toolUse": {"toolUseId": "t"}},
        {"toolResult": {"toolUseId": "t", "content": [{"json": {}}]}},
        {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/k"}}}},
        {"citationsContent": {"content": [{"odd": 1}]}},
        {"citationsContent": {"content": 1}},
    ],
)
def test_what_we_have_no_word_for_is_kept_whole(block: Json) -> None:
    assert decode_block(block) == Opaque(dialect="bedrock_converse", block=block)


def test_even_no_object_is_kept() -> None:
    assert decode_block(7) == Opaque(dialect="bedrock_converse", block={"unknown": 7})


@pytest.mark.parametrize(
    ("stop_reason", "reason"),
    [
        ("end_turn", "stop"),
        ("tool_use", "tool_calls"),
        ("max_tokens", "length"),
        ("stop_sequence", "stop_sequence"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("model_context_window_exceeded", "context_full"),
        ("malformed_tool_use", "malformed_tool_call"),
        ("malformed_model_output", "malformed_tool_call"),
        ("brand_new", "stop"),
        (None, "stop"),
    ],
)
def test_why_it_ends(stop_reason: str | None, reason: str) -> None:
    finish = reply({"text": "x"}, stopReason=stop_reason).choices[0].finish
    assert (finish.reason, finish.raw_reason) == (reason, stop_reason or "")


def test_a_call_is_a_reason_even_where_the_model_forgets_it() -> None:
    call = {"toolUse": {"toolUseId": "t", "name": "f", "input": {}}}
    assert reply(call).choices[0].finish.reason == "tool_calls"
    server = {"toolUse": {"toolUseId": "t", "name": "f", "type": "server_tool_use"}}
    assert reply(server).choices[0].finish.reason == "stop"


def test_the_stop_sequence_is_found_among_the_fields_that_were_asked_for() -> None:
    found = reply(
        {"text": "x"},
        stopReason="stop_sequence",
        additionalModelResponseFields={"stop_sequence": "END"},
    )
    expected = Finish(reason="stop_sequence", raw_reason="stop_sequence", stop_sequence="END")
    assert found.choices[0].finish == expected
    assert found.extras == {}


@pytest.mark.parametrize(
    ("wire", "usage"),
    [
        (USAGE, Usage(input=3, output=2)),
        (
            {**USAGE, "cacheReadInputTokens": 7, "cacheReadInputTokenCount": 7},
            Usage(input=3, output=2, cache_read=7),
        ),
        (
            {**USAGE, "cacheReadInputTokenCount": 7, "cacheWriteInputTokenCount": 9},
            Usage(input=3, output=2, cache_read=7, cache_write=9),
        ),
        (
            {
                **USAGE,
                "cacheWriteInputTokens": 9,
                "cacheDetails": [{"ttl": "1h", "inputTokens": 4}, {"ttl": "5m", "inputTokens": 5}],
            },
            Usage(input=3, output=2, cache_write=9, cache_write_1h=4),
        ),
        ({"inputTokens": -1, "outputTokens": None, "cacheDetails": [7]}, Usage()),
        ({}, Usage()),
    ],
)
def test_counts_add_up_and_lies_are_clamped(wire: Json, usage: Usage) -> None:
    assert decode_usage(wire) == usage


def test_what_only_converse_tells_is_kept_apart() -> None:
    found = reply(
        {"text": "x"},
        metrics={"latencyMs": 1},
        serviceTier={"type": "flex"},
        trace={"guardrail": {}},
        performanceConfig={"latency": "optimized"},
        additionalModelResponseFields={"odd": 1},
    )
    assert found.service_tier == "flex"
    assert found.extras == {
        "bedrock_converse": {
            "trace": {"guardrail": {}},
            "performanceConfig": {"latency": "optimized"},
            "additionalModelResponseFields": {"odd": 1},
        }
    }


def test_an_answer_without_usage_tells_none() -> None:
    assert reply({"text": "x"}, usage=None).usage is None


def test_what_is_no_answer_is_refused() -> None:
    with pytest.raises(RelayError):
        decode_reply(b"{}")
