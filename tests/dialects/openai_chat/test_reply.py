from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.dialects.dialect import ReplyContext
from headgate.dialects.openai_chat.reply import decode_reply, encode_reply
from headgate.ir.reply import Choice, Finish, FinishReason, Reply
from headgate.ir.request import (
    Audio,
    Citation,
    Image,
    Inline,
    Opaque,
    Part,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
)

CONTEXT = ReplyContext(model="asked", reply_id="r1", created=7)
STOP = Finish(reason="stop", raw_reason="stop")


def decoded(message: dict[str, Any], reason: str | None = "stop", **choice: Any) -> Choice:
    """Decode a reply with one message."""
    body = {"choices": [{"index": 0, "message": message, "finish_reason": reason} | choice]}
    return decode_reply(msgspec.json.encode(body)).choices[0]


def encoded(*parts: Part, finish: Finish = STOP) -> dict[str, Any]:
    """Encode a reply with one choice, and give the choice."""
    reply = Reply(reply_id="chatcmpl-1", model="m", choices=(Choice(parts=parts, finish=finish),))
    choice: dict[str, Any] = msgspec.json.decode(encode_reply(reply, CONTEXT))["choices"][0]
    return choice


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ({"content": "a"}, [Text(text="a")]),
        ({"content": None}, []),
        ({"content": {"a": 1}}, [Text(text='{"a":1}')]),
        ({"content": "a", "reasoning_content": "t"}, [Thinking(text="t"), Text(text="a")]),
        ({"content": "a", "reasoning": "t"}, [Thinking(text="t"), Text(text="a")]),
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "t"}]},
                    {"type": "text", "text": "a"},
                    {"type": "reference", "reference_ids": [1]},
                ]
            },
            [
                Thinking(text="t"),
                Text(text="a"),
                Opaque(dialect="openai_chat", block={"type": "reference", "reference_ids": [1]}),
            ],
        ),
        (
            {
                "content": [
                    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "t"}]}
                ]
            },
            [Thinking(text="t")],
        ),
        ({"content": None, "refusal": "no"}, [Refusal(text="no")]),
        (
            {"content": "a", "images": [{"image_url": {"url": "data:image/png;base64,AA"}}]},
            [Text(text="a"), Image(source=Inline("image/png", "AA"))],
        ),
        (
            {"audio": {"id": "au", "data": "AA", "transcript": "hi", "expires_at": 9}},
            [Audio(source=Inline("", "AA"), transcript="hi", audio_id="au", expires_at=9)],
        ),
        (
            {"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}]},
            [ToolCall(call_id="c", name="f", arguments="x", custom=True)],
        ),
        (
            {"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": {"a": 1}}}]},
            [ToolCall(call_id="c", name="f", arguments='{"a":1}')],
        ),
        (
            {
                "tool_calls": [
                    {
                        "id": "c",
                        "function": {"name": "f", "arguments": "{}"},
                        "extra_content": {"google": {"thought_signature": "s"}},
                    }
                ]
            },
            [ToolCall(call_id="c", name="f", arguments="{}", signature=Signature("gemini", "s"))],
        ),
        (  # Snowflake writes every field, empty
            {
                "content": "4",
                "refusal": "",
                "annotations": None,
                "audio": {"data": "", "expires_at": 0, "id": "", "transcript": ""},
                "function_call": {"arguments": "", "name": ""},
                "tool_calls": None,
            },
            [Text(text="4")],
        ),
    ],
)
def test_every_vendors_message_is_read(message: dict[str, Any], parts: list[Part]) -> None:
    assert list(decoded(message).parts) == parts


def test_calls_without_an_id_get_one() -> None:
    legacy, nameless = (
        decoded({"function_call": {"name": "f", "arguments": "{}"}}, "function_call"),
        decoded({"tool_calls": [{"id": "", "function": {"name": "g", "arguments": "{}"}}]}),
    )
    for choice in (legacy, nameless):
        (call,) = choice.parts
        assert isinstance(call, ToolCall)
        assert call.call_id.startswith("call_")
        assert choice.finish.reason == "tool_calls"


def test_annotations_belong_to_the_text() -> None:
    link = {"url": "u", "title": "t", "content": "c", "start_index": 1, "end_index": 2}
    note = {"type": "url_citation", "url_citation": link}
    (text,) = decoded({"content": "a", "annotations": [note]}).parts
    citation = Citation(
        url="u", title="t", cited_text="c", start=1, end=2, origin="openai_chat", native=note
    )
    assert text == Text(text="a", citations=(citation,))
    assert encoded(text)["message"]["annotations"] == [note]


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("stop", "stop"),
        ("eos", "stop"),
        ("eos_token", "stop"),
        ("", "stop"),
        (None, "stop"),
        ("length", "length"),
        ("model_length", "length"),
        ("tool_call", "tool_calls"),
        ("function_call", "tool_calls"),
        ("sensitive", "content_filter"),
        ("network_error", "error"),
        ("model_context_window_exceeded", "context_full"),
    ],
)
def test_every_vendors_finish_reason_is_understood(word: str | None, reason: FinishReason) -> None:
    assert decoded({"content": "a"}, word).finish == Finish(reason=reason, raw_reason=word or "")


def test_a_natural_end_with_tool_calls_means_the_calls() -> None:
    calls = {"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]}
    for word in ("stop", "", "tool_call"):
        assert decoded(calls, word).finish.reason == "tool_calls"
    assert decoded(calls, "length").finish.reason == "length"


def test_empty_logprobs_are_none() -> None:
    assert decoded({"content": "a"}, logprobs={"content": None, "refusal": None}).logprobs is None
    kept = {"content": [{"token": "a"}], "refusal": None}
    assert decoded({"content": "a"}, logprobs=kept).logprobs == kept


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>", FailureKind.UPSTREAM_BAD_REPLY),
        (b"[]", FailureKind.UPSTREAM_BAD_REPLY),
        (b'{"choices":[]}', FailureKind.UPSTREAM_BAD_REPLY),
        (b'{"error":{"message":"m","code":429}}', FailureKind.UPSTREAM_RATE_LIMITED),
    ],
)
def test_what_is_no_reply_is_refused(body: bytes, kind: FailureKind) -> None:
    with pytest.raises(RelayError) as raised:
        decode_reply(body)
    assert raised.value.failure.kind is kind


def test_what_the_upstream_did_not_tell_comes_from_the_context() -> None:
    reply = Reply(reply_id="", model="", choices=(Choice(parts=(), finish=STOP),))
    wire = msgspec.json.decode(encode_reply(reply, CONTEXT))
    assert (wire["id"], wire["model"], wire["created"]) == ("chatcmpl-r1", "asked", 7)
    assert "usage" not in wire


def test_another_vendors_reply_id_stays_traceable() -> None:
    reply = Reply(reply_id="msg_01", model="m", choices=())
    assert msgspec.json.decode(encode_reply(reply, CONTEXT))["id"] == "chatcmpl-msg_01"


def test_parallel_calls_and_a_text_make_one_message() -> None:
    choice = encoded(
        Text(text="a"),
        Text(text="b"),
        ToolCall(call_id="c1", name="f", arguments="{}"),
        ToolCall(call_id="c2", name="g", arguments="{}"),
        finish=Finish(reason="tool_calls"),
    )
    assert choice["message"]["content"] == "ab"
    assert [call["id"] for call in choice["message"]["tool_calls"]] == ["c1", "c2"]
    assert choice["finish_reason"] == "tool_calls"


def test_signed_thinking_can_be_given_back() -> None:
    signed = Thinking(text="hm", signature=Signature("anthropic", "s"))
    message = encoded(signed, Text(text="a"))["message"]
    assert message["reasoning_content"] == "hm"
    assert message["reasoning_details"] == [
        {
            "type": "reasoning.text",
            "text": "hm",
            "signature": "s",
            "format": "anthropic-claude-v1",
            "index": 0,
        }
    ]


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("stop_sequence", "stop"),
        ("context_full", "length"),
        ("refusal", "content_filter"),
        ("pause", "stop"),
        ("malformed_tool_call", "stop"),
        ("error", "error"),
    ],
)
def test_our_finish_reasons_have_a_word_in_chat(reason: FinishReason, word: str) -> None:
    assert encoded(finish=Finish(reason=reason))["finish_reason"] == word


def test_citations_without_a_link_are_left_out() -> None:
    text = Text(text="a", citations=(Citation(title="a book"), Citation(url="u", title="t")))
    assert encoded(text)["message"]["annotations"] == [
        {
            "type": "url_citation",
            "url_citation": {"url": "u", "title": "t", "start_index": 0, "end_index": 0},
        }
    ]
