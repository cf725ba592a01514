from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.dialects.cohere.reply import (
    decode_finish,
    decode_logprobs,
    decode_message,
    decode_reply,
    decode_usage,
)
from headgate.ir.reply import Finish
from headgate.ir.request import Opaque, Text, Thinking, ToolCall
from headgate.ir.usage import Usage

CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
MADE = ToolCall(call_id="c1", name="f", arguments='{"a":1}')


def read(message: Any, **more: Any) -> Any:
    body = {"id": "r1", "message": message, "finish_reason": "COMPLETE", **more}
    return decode_reply(msgspec.json.encode(body))


def test_a_plain_answer_is_read() -> None:
    usage = {"billed_units": {"input_tokens": 5, "output_tokens": 12}}
    reply = read({"role": "assistant", "content": [{"type": "text", "text": "hi"}]}, usage=usage)
    assert reply.reply_id == "r1"
    assert reply.choices[0].parts == (Text(text="hi"),)
    assert reply.choices[0].finish == Finish(reason="stop", raw_reason="COMPLETE")
    assert reply.usage == Usage(input=5, output=12)


def test_fields_without_a_word_are_kept() -> None:
    reply = read({"content": [{"type": "text", "text": "hi"}]}, search_queries=["q"], odd=None)
    assert reply.extras == {"cohere": {"search_queries": ["q"]}}


def test_plan_thoughts_text_and_calls_keep_their_order() -> None:
    content = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "so"}]
    parts = decode_message({"tool_plan": "look", "content": content, "tool_calls": [CALL, CALL]})
    assert parts == (Thinking(text="look"), Thinking(text="hm"), Text(text="so"), MADE, MADE)


def test_odd_messages_are_read_leniently() -> None:
    call = {"id": "c", "function": {"name": "f", "arguments": {"a": [1]}}}
    bare = {"id": "d", "function": {"name": "g"}}
    assert decode_message({"content": "plain", "tool_calls": [call, bare]}) == (
        Text(text="plain"),
        ToolCall(call_id="c", name="f", arguments='{"a":[1]}'),
        ToolCall(call_id="d", name="g", arguments="{}"),
    )
    block = {"type": "video", "x": 1}
    assert decode_message({"content": [block, {"type": "text", "text": ""}]}) == (
        Opaque(dialect="cohere", block=block),
    )


def cited(citations: list[Any], *content: Any) -> list[tuple[str, list[tuple[Any, Any]]]]:
    parts = decode_message({"content": list(content), "citations": citations})
    return [(p.text, [(c.start, c.title) for c in p.citations]) for p in parts if type(p) is Text]


def source(name: str) -> dict[str, Any]:
    return {"sources": [{"type": "document", "id": name}]}


def test_citations_go_to_the_text_that_they_are_about() -> None:
    thought, first, second = (
        {"type": "thinking", "thinking": "t"},
        {"type": "text", "text": "one"},
        {"type": "text", "text": "two"},
    )
    citations = [
        {"start": 0, "end": 3, "content_index": 2, **source("a")},
        {"start": 1, "end": 2, **source("b")},
        {"start": 5, "end": 9, "type": "THINKING_CONTENT", "content_index": 0, **source("c")},
        {"start": 0, "end": 1, "content_index": 7, **source("d")},
    ]
    assert cited(citations, thought, first, second) == [
        ("one", [(1, "b"), (None, "c"), (0, "d")]),
        ("two", [(0, "a")]),
    ]


def test_citations_of_a_plan_alone_are_not_lost() -> None:
    assert cited([{"start": 4, "type": "PLAN", **source("p")}]) == [("", [(None, "p")])]


@pytest.mark.parametrize(
    ("reason", "error_type", "parts", "found"),
    [
        ("COMPLETE", "", (), "stop"),
        ("STOP_SEQUENCE", "", (), "stop_sequence"),
        ("MAX_TOKENS", "", (), "length"),
        ("TOOL_CALL", "", (), "tool_calls"),
        ("COMPLETE", "", (MADE,), "tool_calls"),
        ("ERROR_TOXIC", "", (), "content_filter"),
        ("ERROR_LIMIT", "", (), "context_full"),
        ("ERROR", "INVALID_TOOL_GENERATION", (), "malformed_tool_call"),
        ("", "", (), "stop"),
        ("LATER", "", (), "stop"),
    ],
)
def test_finish_reasons_are_read(reason: str, error_type: str, parts: Any, found: str) -> None:
    finish = decode_finish(reason, error_type, parts)
    assert (finish.reason, finish.raw_reason) == (found, reason)


@pytest.mark.parametrize(
    ("wire", "usage"),
    [
        ({}, None),
        (
            {
                "billed_units": {"input_tokens": 68, "output_tokens": 24},
                "tokens": {"input_tokens": 1493, "output_tokens": 38},
                "cached_tokens": 992,
            },
            Usage(input=68, output=24),
        ),
        (
            {"tokens": {"input_tokens": 100, "output_tokens": 8}, "cached_tokens": 60},
            Usage(input=40, cache_read=60, output=8),
        ),
        (
            {"tokens": {"input_tokens": 5, "output_tokens": 8}, "cached_tokens": 60},
            Usage(cache_read=5, output=8),
        ),
        (
            {
                "billed_units": {"input_tokens": 9.0, "output_tokens": 10},
                "tokens": {"reasoning_tokens": 54, "image_tokens": 259},
            },
            Usage(input=9, output=10, reasoning=10, image_input=9),
        ),
        ({"billed_units": {"input_tokens": -3, "output_tokens": None}}, Usage()),
    ],
)
def test_what_is_billed_counts(wire: Any, usage: Usage | None) -> None:
    assert decode_usage(wire) == usage


def test_log_probabilities_are_those_of_openai() -> None:
    items = [
        {"text": "Hi", "token_ids": [1], "logprobs": [-0.5]},
        {"text": " there", "token_ids": [2, 3], "logprobs": [-0.25, -0.125]},
        {"text": "?", "token_ids": [4]},
    ]
    assert decode_logprobs(items) == {
        "content": [
            {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []},
            {
                "token": " there",
                "logprob": -0.375,
                "bytes": list(b" there"),
                "top_logprobs": [],
            },
        ],
        "refusal": None,
    }
    assert decode_logprobs([]) is None


def test_an_error_in_a_200_is_raised() -> None:
    with pytest.raises(RelayError) as raised:
        decode_reply(b'{"message":"invalid api token"}')
    assert raised.value.failure.kind is FailureKind.UPSTREAM_KEY_REFUSED
