from __future__ import annotations

import json
from typing import Any

import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.dialects.openai_responses.reply import (
    decode_reply,
    finish_of,
    incomplete_reason,
    parts_of,
)
from headgate.dialects.seals import sealed
from headgate.ir.reply import Choice, Finish, Reply
from headgate.ir.request import Opaque, Refusal, Signature, Text, Thinking, ToolCall
from headgate.ir.usage import Usage

OWN = "openai_responses"
ENTRY = {"token": "5", "logprob": -0.1, "bytes": [53], "top_logprobs": []}


def body(**fields: Any) -> bytes:
    whole = {"id": "resp_1", "object": "response", "status": "completed", "model": "m", **fields}
    return json.dumps(whole).encode()


def test_a_whole_response_is_read() -> None:
    output = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAB"},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "phase": "final_answer",
            "content": [
                {"type": "output_text", "text": "5", "annotations": [], "logprobs": [ENTRY]},
                {"type": "refusal", "refusal": "no more"},
            ],
        },
        {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"},
    ]
    reply = decode_reply(
        body(
            created_at=7.0,
            output=output,
            usage={"input_tokens": 3, "output_tokens": 2},
            service_tier="default",
            temperature=1.0,
            content_filters=[{"blocked": False}],
            error=None,
        )
    )
    proof = Signature(OWN, '{"encrypted_content":"gAAAAB","id":"rs_1"}')
    assert reply == Reply(
        reply_id="resp_1",
        model="m",
        choices=(
            Choice(
                parts=(
                    Thinking(redacted=True, signature=proof),
                    Text(text="5"),
                    Refusal(text="no more"),
                    ToolCall(call_id="c", name="f", arguments="{}"),
                ),
                finish=Finish(reason="tool_calls", raw_reason="completed"),
                logprobs={"content": [ENTRY]},
            ),
        ),
        usage=Usage(input=3, output=2),
        created=7,
        service_tier="default",
        extras={OWN: {"output.phase": ["final_answer"], "content_filters": [{"blocked": False}]}},
    )


@pytest.mark.parametrize(
    ("wire", "kind"),
    [
        (body(output=[]), FailureKind.UPSTREAM_BAD_REPLY),
        (
            body(status="failed", error={"code": "rate_limit_exceeded"}),
            FailureKind.UPSTREAM_RATE_LIMITED,
        ),
        (b'{"object":"response.input_tokens","input_tokens":3}', FailureKind.UPSTREAM_BAD_REPLY),
        (b"<html>", FailureKind.UPSTREAM_BAD_REPLY),
    ],
)
def test_what_is_no_response_is_said(wire: bytes, kind: FailureKind) -> None:
    with pytest.raises(RelayError) as refusal:
        decode_reply(wire)
    assert refusal.value.failure.kind == kind


def test_a_promise_of_a_response_is_one() -> None:
    reply = decode_reply(body(status="queued", output=[]))
    assert reply.choices[0].finish == Finish(reason="pause", raw_reason="queued")


@pytest.mark.parametrize(
    "item",
    [
        {"type": "web_search_call", "id": "ws"},
        {"type": "some_future_type", "content": []},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]},
        {"type": "image_generation_call", "id": "ig", "status": "failed", "result": None},
        {"type": "custom_tool_call", "call_id": "xs_call_1", "name": "x", "input": ""},
    ],
)
def test_what_only_this_dialect_knows_stays_as_it_is(item: Any) -> None:
    assert parts_of([item]) == [Opaque(dialect=OWN, block=item)]


def test_unknown_content_is_kept_in_a_message_of_its_own() -> None:
    block = {"type": "output_scent", "x": 1}
    (part,) = parts_of([{"type": "message", "content": [block]}])
    assert isinstance(part, Opaque)
    assert part.block["content"] == [block]


def test_empty_texts_say_nothing() -> None:
    item = {"type": "message", "content": [{"type": "output_text", "text": ""}]}
    assert parts_of([item]) == []


def test_arguments_may_be_an_object() -> None:
    item = {"type": "function_call", "id": "fc_1", "name": "f", "arguments": {"a": 1}}
    assert parts_of([item]) == [ToolCall(call_id="fc_1", name="f", arguments='{"a":1}')]


def test_sealed_proofs_go_to_what_they_prove() -> None:
    signature = Signature("gemini", "s")
    proof = {"type": "reasoning", "encrypted_content": sealed("call", signature, "c1")}
    calls = [{"type": "function_call", "call_id": each, "name": "f"} for each in ("c0", "c1")]
    first, second = parts_of([proof, *calls])
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert (first.signature, second.signature) == (None, signature)


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        ({"status": "completed"}, "stop"),
        ({"status": "incomplete"}, "length"),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            "content_filter",
        ),
        ({"status": "cancelled"}, "error"),
        ({}, "stop"),
    ],
)
def test_ends_are_read(wire: dict[str, Any], reason: str) -> None:
    assert finish_of(wire, has_calls=False).reason == reason


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        (Finish(reason="stop"), None),
        (Finish(reason="tool_calls"), None),
        (Finish(reason="length"), "max_output_tokens"),
        (Finish(reason="context_full"), "max_output_tokens"),
        (Finish(reason="content_filter"), "content_filter"),
        (Finish(reason="length", raw_reason="max_messages"), "max_messages"),
        (Finish(reason="length", raw_reason="incomplete"), "max_output_tokens"),
        (Finish(reason="length", raw_reason="MAX_TOKENS"), "max_output_tokens"),
    ],
)
def test_ends_are_written(finish: Finish, reason: str | None) -> None:
    assert incomplete_reason(finish) == reason
