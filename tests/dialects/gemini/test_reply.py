from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.failure import FailureKind, RelayError
from headgate.base.frames import Frame
from headgate.dialects.dialect import ReplyContext
from headgate.dialects.gemini.reply import (
    decode_reply,
    encode_part,
    encode_reply,
    inspect_first,
    inspect_reply,
    read_usage,
)
from headgate.ir.loss import Losses
from headgate.ir.reply import Choice, Finish, Reply
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
    ToolResult,
    Uploaded,
)
from headgate.ir.usage import Usage
from tests.dialects.gemini.test_usage import usages

CONTEXT = ReplyContext(model="shown", reply_id="made", created=1)
STOP = Finish(reason="stop", raw_reason="STOP")

words = st.text('aé\n"{', min_size=1, max_size=9)
proofs = st.none() | st.just(Signature("gemini", "c2ln"))
logprobs = st.none() | st.just(
    {"content": [{"token": "a", "logprob": -1.0, "bytes": [97], "top_logprobs": []}]}
)
call_names = st.sampled_from(["f", "g"])
arguments = st.sampled_from(["{}", '{"a":1}'])
media: st.SearchStrategy[Part] = st.one_of(
    st.builds(Image, source=st.just(Inline("image/png", "AAAA")), signature=proofs),
    st.builds(Audio, source=st.just(Inline("audio/wav", "AAAA"))),
    st.just(Opaque(dialect="gemini", block={"executableCode": {"code": "1"}})),
)
calls = st.builds(
    ToolCall, call_id=st.uuids().map(str), name=call_names, arguments=arguments, signature=proofs
)


@st.composite
def gemini_choices(draw: st.DrawFn, index: int = 0) -> Choice:
    """An answer as Gemini can tell it: thoughts; then a text and sources, or media and calls."""
    thoughts = draw(st.lists(st.builds(Thinking, text=words, signature=proofs), max_size=1))
    if draw(st.booleans()):
        citations = draw(st.sampled_from([(), (Citation(url="u", start=0, end=1),)]))
        text = Text(text=draw(words), signature=draw(proofs), citations=citations)
        finish = draw(st.sampled_from([STOP, Finish(reason="length", raw_reason="MAX_TOKENS")]))
        return Choice(index=index, parts=(*thoughts, text), finish=finish, logprobs=draw(logprobs))
    shown = draw(st.lists(media, max_size=2))
    made = draw(st.lists(calls, max_size=2))
    finish = Finish(reason="tool_calls", raw_reason="STOP") if made else STOP
    return Choice(index=index, parts=(*thoughts, *shown, *made), finish=finish)


@st.composite
def gemini_replies(draw: st.DrawFn) -> Reply:
    """A reply of one or two choices."""
    return Reply(
        reply_id="r1",
        model="gemini-x",
        choices=tuple(draw(gemini_choices(index)) for index in range(draw(st.integers(1, 2)))),
        usage=draw(st.none() | usages()),
    )


@given(gemini_replies())
def test_a_reply_goes_and_comes_back(reply: Reply) -> None:
    body = encode_reply(reply, CONTEXT)
    assert decode_reply(body) == reply
    assert read_usage(body) == reply.usage


def test_a_reply_shows_what_the_upstream_did_not_tell() -> None:
    choice = Choice(parts=(Text(text="a"),), finish=Finish(reason="stop"))
    body = encode_reply(Reply(reply_id="", model="", choices=(choice,)), CONTEXT)
    assert msgspec.json.decode(body) == {
        "candidates": [
            {
                "content": {"parts": [{"text": "a"}], "role": "model"},
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "modelVersion": "shown",
        "responseId": "made",
    }


def test_the_tier_is_told_with_the_usage() -> None:
    reply = Reply(reply_id="r", model="m", choices=(), usage=Usage(input=1), service_tier="flex")
    assert (
        msgspec.json.decode(encode_reply(reply, CONTEXT))["usageMetadata"]["serviceTier"] == "flex"
    )


def test_citations_count_from_the_first_text() -> None:
    cited = (Citation(url="u", start=0, end=1),)
    texts = (Text(text="ab"), Text(text="cd", citations=cited))
    reply = Reply(reply_id="r", model="m", choices=(Choice(parts=texts, finish=STOP),))
    wire = msgspec.json.decode(encode_reply(reply, CONTEXT))
    support = wire["candidates"][0]["groundingMetadata"]["groundingSupports"][0]
    assert support["segment"] == {"startIndex": 2, "endIndex": 3, "text": "c"}


@pytest.mark.parametrize(
    ("part", "lost"),
    [
        (Opaque(dialect="anthropic", block={}), "reply.block"),
        (Opaque(dialect="anthropic", block={"type": "compaction"}), "reply.compaction"),
        (Thinking(redacted=True), "reply.thinking"),
        (Image(source=Uploaded("u", "openai_chat")), "reply.image"),
        (ToolResult(call_id="c"), "reply.tool_result"),
    ],
)
def test_what_a_gemini_caller_cannot_read_is_left_out_and_named(part: Part, lost: str) -> None:
    losses = Losses("gemini")
    assert encode_part(part, losses) is None
    assert [loss.field for loss in losses] == [lost]


def test_a_refusal_is_text() -> None:
    losses = Losses("gemini")
    assert encode_part(Refusal(text="no"), losses) == {"text": "no"}
    assert [(loss.field, loss.action) for loss in losses] == [("reply.refusal", "changed")]


def test_a_call_may_lose_its_proof_and_its_form_at_once() -> None:
    losses = Losses("gemini")
    call = ToolCall(call_id="c", name="f", arguments="x", signature=Signature("anthropic", "s"))
    encode_part(call, losses)
    assert [loss.field for loss in losses] == ["reply.signature", "reply.tool_calls"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"name":"batches/x"}', b"\xff", b'{"error":{"code":500}}']
)
def test_what_is_no_reply_is_refused(body: bytes) -> None:
    with pytest.raises(RelayError):
        decode_reply(body)
    assert inspect_reply(body) is not None


def test_a_whole_reply_needs_no_finish_reason() -> None:
    body = b'{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}'
    assert decode_reply(body).choices[0].finish.reason == "stop"
    assert inspect_reply(body) is None


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (
            b'{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}',
            FailureKind.UPSTREAM_RATE_LIMITED,
        ),
        (b'[{"error":{"code":503,"status":"UNAVAILABLE"}}]', FailureKind.UPSTREAM_OVERLOADED),
        (b'{"error":"odd"}', FailureKind.UPSTREAM_BAD_REPLY),
        (b"<html>", FailureKind.UPSTREAM_BAD_REPLY),
        (b"{}", FailureKind.UPSTREAM_BAD_REPLY),
        (b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", FailureKind.UPSTREAM_BAD_REPLY),
        (b'{"candidates":[{"finishReason":"STOP"}]}', FailureKind.UPSTREAM_BAD_REPLY),
        (b'{"candidates":[{"finishReason":"OTHER","content":{}}]}', FailureKind.UPSTREAM_BAD_REPLY),
    ],
)
def test_what_is_no_answer_is_found_before_it_is_passed_on(body: bytes, kind: FailureKind) -> None:
    whole, first = inspect_reply(body), inspect_first(Frame(body))
    assert whole is not None and whole.kind is kind
    assert first is not None and first.kind is kind


@pytest.mark.parametrize(
    "body",
    [
        b'{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}]}',
        b'{"candidates":[{"finishReason":"MAX_TOKENS"}]}',
        b'{"candidates":[{"finishReason":"SAFETY"}]}',
        b'{"promptFeedback":{"blockReason":"SAFETY"}}',
        b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}}]},"finishReason":1}]}',
    ],
)
def test_an_answer_is_let_through(body: bytes) -> None:
    assert inspect_reply(body) is None
    assert inspect_first(Frame(body)) is None


def test_the_first_frame_need_not_have_words() -> None:
    assert inspect_first(Frame(b'{"usageMetadata":{},"modelVersion":"m"}')) is None
    assert inspect_first(Frame(b'{"candidates":[{"content":{"role":"model"}}]}')) is None


@pytest.mark.parametrize("body", [b"", b"{}", b'{"usageMetadata":{}}', b'{"usageMetadata":[]}'])
def test_usage_that_is_not_told_is_none(body: bytes) -> None:
    assert read_usage(body) is None
