"""Whole answers, usage and stop reasons."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.failure import FailureKind, RelayError
from headgate.dialects.anthropic import ANTHROPIC
from headgate.dialects.anthropic.reply import (
    STOP_REASONS,
    decode_finish,
    decode_usage,
    encode_stop_reason,
    encode_usage,
)
from headgate.dialects.dialect import ReplyContext
from headgate.ir.reply import Choice, Finish, FinishReason, Reply
from headgate.ir.request import (
    Audio,
    Citation,
    Image,
    Inline,
    Opaque,
    Part,
    Refusal,
    Remote,
    Signature,
    Text,
    Thinking,
    ToolCall,
)
from headgate.ir.usage import Usage
from tests.ir.replies import replies

CONTEXT = ReplyContext(model="alias", reply_id="msg_ours", created=5)
BODY: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [
        {"type": "thinking", "thinking": "hm", "signature": "EqQ"},
        {"type": "text", "text": "hi"},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 12,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
        "cache_read_input_tokens": 7,
        "output_tokens": 9,
        "output_tokens_details": {"thinking_tokens": 4},
        "server_tool_use": {"web_search_requests": 2},
        "service_tier": "standard",
    },
}
READ = Reply(
    reply_id="msg_1",
    model="claude-x",
    choices=(
        Choice(
            parts=(
                Thinking(text="hm", signature=Signature("anthropic", "EqQ")),
                Text(text="hi"),
                ToolCall(call_id="t1", name="f", arguments='{"a":1}'),
            ),
            finish=Finish(reason="tool_calls", raw_reason="tool_use"),
        ),
    ),
    usage=Usage(
        input=12,
        cache_read=7,
        cache_write=30,
        output=9,
        cache_write_1h=20,
        reasoning=4,
        web_searches=2,
    ),
    service_tier="default",
)


def encoded(*parts: Part, **fields: Any) -> Any:
    """Write a reply of these parts; give the JSON."""
    finish = Finish(reason="stop")
    reply = Reply(
        **{
            "reply_id": "",
            "model": "",
            "choices": (Choice(parts=parts, finish=finish),),
            **fields,
        }
    )
    return json.loads(ANTHROPIC.encode_reply(reply, CONTEXT))


def test_an_answer_is_read() -> None:
    assert ANTHROPIC.decode_reply(json.dumps(BODY).encode()) == READ


def test_an_answer_is_written_as_it_was() -> None:
    assert json.loads(ANTHROPIC.encode_reply(READ, CONTEXT)) == BODY


def test_what_only_the_vendor_knows_survives() -> None:
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {}, "caller": {"type": "direct"}}
    body = BODY | {"content": [block], "container": {"id": "c"}}
    reply = ANTHROPIC.decode_reply(json.dumps(body).encode())
    assert reply.extras["anthropic"].keys() == {"content[0].caller", "container"}
    assert json.loads(ANTHROPIC.encode_reply(reply, CONTEXT)) == body


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>", FailureKind.UPSTREAM_BAD_REPLY),
        (b'{"content":[{"type":"text","text":1}]}', FailureKind.UPSTREAM_BAD_REPLY),
        (b'{"content":["a"]}', FailureKind.UPSTREAM_BAD_REPLY),
        (b'{"error":{"type":"overloaded_error"}}', FailureKind.UPSTREAM_OVERLOADED),
    ],
)
def test_an_answer_that_is_none_raises(body: bytes, kind: FailureKind) -> None:
    with pytest.raises(RelayError) as caught:
        ANTHROPIC.decode_reply(body)
    assert caught.value.failure.kind is kind


def test_names_that_the_upstream_did_not_tell_are_ours() -> None:
    body = encoded(Text(text="a"))
    assert (body["id"], body["model"]) == ("msg_ours", "alias")
    assert body["usage"] == {
        "input_tokens": 0,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": 0,
    }


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (Refusal(text="no"), {"type": "text", "text": "no"}),
        (
            Thinking(text="hm", signature=Signature("gemini", "CiQ")),
            {"type": "thinking", "thinking": "hm", "signature": "hg1.thinking.gemini..CiQ"},
        ),
        (
            ToolCall(call_id="t", name="f", arguments="ls", custom=True),
            {"type": "tool_use", "id": "t", "name": "f", "input": {"input": "ls"}},
        ),
        (
            ToolCall(call_id="t", name="f", arguments="{bad"),
            {"type": "tool_use", "id": "t", "name": "f", "input": {"arguments": "{bad"}},
        ),
        (
            Image(source=Remote("https://a/b")),
            {"type": "image", "source": {"type": "url", "url": "https://a/b"}},
        ),
        (Audio(source=Inline("audio/wav", ""), transcript="hi"), {"type": "text", "text": "hi"}),
        (
            Text(text="a", citations=(Citation(url="https://a", origin="gemini"),)),
            {
                "type": "text",
                "text": "a",
                "citations": [
                    {
                        "type": "web_search_result_location",
                        "url": "https://a",
                        "title": "",
                        "cited_text": "",
                        "encrypted_index": "",
                    }
                ],
            },
        ),
    ],
)
def test_parts_of_other_vendors_get_the_nearest_block(part: Part, block: dict[str, Any]) -> None:
    assert encoded(part)["content"] == [block]


def test_blocks_that_only_others_know_are_left_out() -> None:
    foreign = Opaque(dialect="gemini", block={"executableCode": {}})
    silent = Audio(source=Inline("audio/wav", ""))
    assert encoded(foreign, silent, Image(source=Remote("gs://a")))["content"] == []


def test_a_reply_without_a_choice_is_still_a_message() -> None:
    assert encoded(choices=())["content"] == []


@pytest.mark.parametrize("stop_reason", STOP_REASONS)
def test_every_stop_reason_comes_back(stop_reason: str) -> None:
    assert encode_stop_reason(decode_finish(stop_reason, None, ())) == stop_reason


@pytest.mark.parametrize(
    ("reason", "stop_reason"),
    [
        ("stop", "end_turn"),
        ("stop_sequence", "stop_sequence"),
        ("length", "max_tokens"),
        ("context_full", "model_context_window_exceeded"),
        ("tool_calls", "tool_use"),
        ("content_filter", "refusal"),
        ("refusal", "refusal"),
        ("pause", "pause_turn"),
        ("malformed_tool_call", "end_turn"),
    ],
)
def test_reasons_of_other_vendors_get_the_vendors_word(
    reason: FinishReason, stop_reason: str
) -> None:
    assert encode_stop_reason(Finish(reason=reason, raw_reason="STOP")) == stop_reason


def test_an_answer_that_broke_off_is_an_error() -> None:
    finish = Finish(reason="error", raw_reason="OTHER")
    reply = Reply(reply_id="r", model="m", choices=(Choice(parts=(), finish=finish),))
    with pytest.raises(RelayError) as raised:
        ANTHROPIC.encode_reply(reply, ReplyContext(model="m", reply_id="r", created=0))
    assert raised.value.failure.kind is FailureKind.UPSTREAM_BAD_REPLY
    assert "OTHER" in raised.value.failure.message


def test_calls_are_a_reason_even_if_the_vendor_forgets() -> None:
    calls = [ToolCall(call_id="t", name="f")]
    assert decode_finish("end_turn", None, calls).reason == "tool_calls"
    assert decode_finish(None, None, calls).reason == "tool_calls"
    assert decode_finish("max_tokens", None, calls).reason == "length"
    assert decode_finish("brand_new", None, ()) == Finish(reason="stop", raw_reason="brand_new")


@pytest.mark.parametrize(
    ("wire", "usage"),
    [
        ({}, Usage()),
        ({"input_tokens": -3, "output_tokens": None}, Usage()),
        ({"input_tokens": "7", "output_tokens": 2.0}, Usage(output=2)),
        (
            {"output_tokens": 3, "output_tokens_details": {"thinking_tokens": 9}},
            Usage(output=3, reasoning=3),
        ),
        (
            {"cache_creation": {"ephemeral_1h_input_tokens": 4, "ephemeral_5m_input_tokens": 1}},
            Usage(cache_write=5, cache_write_1h=4),
        ),
        ({"cache_creation": None, "server_tool_use": None, "iterations": None}, Usage()),
    ],
)
def test_usage_is_read_with_care(wire: dict[str, Any], usage: Usage) -> None:
    assert decode_usage(wire) == usage


def test_inner_calls_that_the_top_does_not_contain_are_counted_apart() -> None:
    # Recorded: a compaction of 60,385 tokens beside a message of 682.
    compaction = {"type": "compaction", "input_tokens": 60_385, "output_tokens": 592}
    message = {"type": "message", "input_tokens": 682, "output_tokens": 1320}
    wire = {"input_tokens": 682, "output_tokens": 1320, "iterations": [compaction, message]}
    assert decode_usage(wire) == Usage(input=682, output=1320, inner_input=60_385, inner_output=592)


@given(
    st.builds(
        Usage,
        input=st.integers(0, 99),
        cache_read=st.integers(0, 99),
        cache_write=st.integers(50, 99),
        cache_write_1h=st.integers(0, 50),
        output=st.integers(50, 99),
        reasoning=st.integers(0, 50),
        web_searches=st.integers(0, 9),
    )
)
def test_usage_comes_back(usage: Usage) -> None:
    assert decode_usage(encode_usage(usage)) == usage


@pytest.mark.parametrize("body", [b"{}", b"<html>", b'{"usage":null}', b'{"usage":3}', b""])
def test_a_body_without_usage_tells_none(body: bytes) -> None:
    assert ANTHROPIC.read_usage(body) is None


@given(replies())
def test_any_reply_can_be_written_and_read(reply: Reply) -> None:
    data = ANTHROPIC.encode_reply(reply, CONTEXT)
    again = ANTHROPIC.decode_reply(data)
    assert ANTHROPIC.inspect_reply(data) is None
    # What was read once stays the same from then on.
    once_more = ANTHROPIC.decode_reply(ANTHROPIC.encode_reply(again, CONTEXT))
    assert once_more.choices[0].parts == again.choices[0].parts
    assert once_more.choices[0].finish.reason == again.choices[0].finish.reason
    assert once_more.usage == again.usage
