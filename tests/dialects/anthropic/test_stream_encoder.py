"""Streams toward a caller: the vendor's order of events."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given

from headgate.base.failure import Failure, FailureKind
from headgate.dialects.anthropic import ANTHROPIC
from headgate.dialects.anthropic.reply import call_input
from headgate.dialects.dialect import ReplyContext
from headgate.ir.collect import collect, replay
from headgate.ir.events import (
    Ended,
    Event,
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    Started,
)
from headgate.ir.reply import Finish, Reply
from headgate.ir.request import (
    Audio,
    Citation,
    Image,
    Inline,
    Opaque,
    Part,
    Signature,
    Text,
    Thinking,
    ToolCall,
)
from headgate.ir.usage import Usage
from tests.ir.replies import replies

CONTEXT = ReplyContext(model="alias", reply_id="msg_ours", created=5)
STOPPED = Finished(Finish(reason="stop"))


def written(*events: Event) -> bytes:
    encoder = ANTHROPIC.stream_encoder(CONTEXT)
    return b"".join(encoder.feed(event) for event in events)


def wire(*events: Event) -> list[Any]:
    """Encode; give the JSON of each frame, whose event name must be its type."""
    frames = ANTHROPIC.frame_decoder().feed(written(*events))
    bodies = [json.loads(frame.data) for frame in frames]
    assert [frame.event for frame in frames] == [body["type"] for body in bodies]
    return bodies


def in_order(bodies: list[Any]) -> list[tuple[str, int]]:
    """List the events of blocks: kind and index."""
    return [(body["type"], body["index"]) for body in bodies if "index" in body]


def test_a_text_is_written_event_by_event() -> None:
    assert wire(
        Started(reply_id="m1", model="c", usage=Usage(input=5)),
        PartStarted(0, Text(text="")),
        PartDelta(0, 'say "ü"'),
        PartEnded(0),
        Finished(Finish(reason="length")),
        Ended(Usage(input=5, output=2)),
    ) == [
        {
            "type": "message_start",
            "message": {
                "id": "m1",
                "type": "message",
                "role": "assistant",
                "model": "c",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {
                    "input_tokens": 5,
                    "cache_creation_input_tokens": 0,
                    "cache_read_input_tokens": 0,
                    "output_tokens": 0,
                },
            },
        },
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "text", "text": ""},
        },
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": 'say "ü"'},
        },
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "max_tokens", "stop_sequence": None},
            "usage": {
                "input_tokens": 5,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "output_tokens": 2,
            },
        },
        {"type": "message_stop"},
    ]


def test_thinking_is_signed_before_it_ends() -> None:
    bodies = wire(
        Started(),
        PartStarted(0, Thinking()),
        PartDelta(0, "hm"),
        PartDelta(0, signature=Signature("anthropic", "EqQ")),
        PartEnded(0),
    )
    assert bodies[1]["content_block"] == {"type": "thinking", "thinking": "", "signature": ""}
    assert [body["delta"] for body in bodies[2:4]] == [
        {"type": "thinking_delta", "thinking": "hm"},
        {"type": "signature_delta", "signature": "EqQ"},
    ]


def test_a_calls_arguments_are_json_text_in_pieces() -> None:
    bodies = wire(
        Started(),
        PartStarted(0, ToolCall(call_id="t", name="f", arguments='{"a"')),
        PartDelta(0, ":1}"),
        PartEnded(0),
    )
    assert bodies[1]["content_block"] == {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    assert [body["delta"]["partial_json"] for body in bodies[2:4]] == ['{"a"', ":1}"]


def test_interleaved_calls_are_written_one_after_the_other() -> None:
    bodies = wire(
        Started(),
        PartStarted(0, ToolCall(call_id="a", name="f")),
        PartDelta(0, "{"),
        PartStarted(1, ToolCall(call_id="b", name="g")),
        PartDelta(1, "{}"),
        PartDelta(0, "}"),
        PartEnded(0),
        PartEnded(1),
    )
    assert in_order(bodies) == [
        ("content_block_start", 0),
        ("content_block_delta", 0),
        ("content_block_delta", 0),
        ("content_block_stop", 0),
        ("content_block_start", 1),
        ("content_block_delta", 1),
        ("content_block_stop", 1),
    ]


def test_indexes_have_no_gaps_where_a_part_is_left_out() -> None:
    bodies = wire(
        Started(),
        PartStarted(0, Opaque(dialect="gemini", block={})),
        PartEnded(0),
        PartStarted(1, Text(text="a")),
        PartEnded(1),
    )
    assert in_order(bodies) == [
        ("content_block_start", 0),
        ("content_block_delta", 0),
        ("content_block_stop", 0),
    ]


def test_blocks_of_the_vendors_own_take_its_form() -> None:
    search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": "x"}}
    compaction = {"type": "compaction", "content": "so far"}
    bodies = wire(
        Started(),
        PartStarted(0, Opaque(dialect="anthropic", block=search)),
        PartEnded(0),
        PartStarted(1, Opaque(dialect="anthropic", block=compaction)),
        PartEnded(1),
    )
    assert bodies[1]["content_block"] == search | {"input": {}}
    assert bodies[2]["delta"] == {"type": "input_json_delta", "partial_json": '{"q":"x"}'}
    assert bodies[4]["content_block"] == {"type": "compaction", "content": None}
    assert bodies[5]["delta"] == {"type": "compaction_delta", "content": "so far"}


def test_what_has_no_pieces_here_is_written_whole() -> None:
    bodies = wire(
        Started(),
        PartStarted(0, Image(source=Inline("image/png", "iV"))),
        PartDelta(0, "BO"),
        PartEnded(0),
        PartStarted(1, Audio(source=Inline("audio/wav", ""))),
        PartDelta(1, "AAAA", transcript="hel"),
        PartDelta(1, transcript="lo"),
        PartEnded(1),
        PartStarted(2, ToolCall(call_id="t", name="f", custom=True)),
        PartDelta(2, "ls"),
        PartEnded(2),
        PartStarted(3, Thinking(redacted=True, signature=Signature("anthropic", "EmI"))),
        PartEnded(3),
    )
    starts = [b["content_block"] for b in bodies if b["type"] == "content_block_start"]
    assert starts == [
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"},
        },
        {"type": "text", "text": "hello"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {}},
        {"type": "redacted_thinking", "data": "EmI"},
    ]
    deltas = [b["delta"] for b in bodies if b["type"] == "content_block_delta"]
    assert deltas == [{"type": "input_json_delta", "partial_json": '{"input":"ls"}'}]


def test_citations_come_as_their_own_deltas() -> None:
    bodies = wire(
        Started(),
        PartStarted(0, Text(text="")),
        PartDelta(0, "a", citations=(Citation(url="https://a"), Citation(title="lost"))),
    )
    assert [body["delta"]["type"] for body in bodies[2:]] == ["text_delta", "citations_delta"]


def test_a_stream_without_start_or_finish_is_still_whole() -> None:
    bodies = wire(PartStarted(0, Text(text="a")), Ended())
    assert [body["type"] for body in bodies] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert bodies[0]["message"]["id"] == "msg_ours"
    assert bodies[0]["message"]["model"] == "alias"
    assert bodies[4]["delta"]["stop_reason"] == "end_turn"


def test_other_choices_are_not_written() -> None:
    bodies = wire(
        Started(),
        PartStarted(0, Text(text="a"), 1),
        PartDelta(0, "b", 1),
        PartEnded(0, 1),
        Finished(Finish(reason="length"), 1),
        STOPPED,
        Ended(),
    )
    assert [body["type"] for body in bodies] == ["message_start", "message_delta", "message_stop"]
    assert bodies[1]["delta"]["stop_reason"] == "end_turn"


def test_a_failure_is_the_last_event() -> None:
    failure = Failure(kind=FailureKind.UPSTREAM_OVERLOADED, message="busy")
    bodies = wire(
        Started(),
        PartStarted(0, Text(text="")),
        PartDelta(0, "a"),
        Failed(failure),
        PartDelta(0, "b"),
        Ended(),
    )
    assert bodies[-1] == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "busy"},
        "request_id": "msg_ours",
    }
    assert len(bodies) == 4


def parts_of(reply: Reply) -> list[Part]:
    """List the parts; a whole answer wraps arguments that are no object, a stream cannot."""
    return [
        msgspec.structs.replace(part, arguments=str(call_input(part.arguments, custom=False)))
        if isinstance(part, ToolCall)
        else part
        for part in reply.choices[0].parts
    ]


@given(replies())
def test_any_reply_streamed_says_what_it_says_whole(reply: Reply) -> None:
    data = written(*replay(reply))
    frames = ANTHROPIC.frame_decoder().feed(data)
    decoder = ANTHROPIC.stream_decoder()
    streamed = collect([event for frame in frames for event in decoder.feed(frame)])
    whole = ANTHROPIC.decode_reply(ANTHROPIC.encode_reply(reply, CONTEXT))
    assert parts_of(streamed) == parts_of(whole)
    assert streamed.choices[0].finish == whole.choices[0].finish
    assert streamed.reply_id == whole.reply_id


def test_an_answer_that_broke_off_ends_with_an_error() -> None:
    broken = Finished(Finish(reason="error", raw_reason="OTHER"))
    part: list[Event] = [PartStarted(0, Text(text="")), PartDelta(0, "half"), PartEnded(0)]
    bodies = wire(Started(), *part, broken, Ended())
    assert [body["type"] for body in bodies[-2:]] == ["content_block_stop", "error"]
    assert "OTHER" in bodies[-1]["error"]["message"]


def test_the_tier_is_told_at_the_end() -> None:
    *_, end, _ = wire(Started(), STOPPED, Ended(Usage(output=1), "priority"))
    assert end["usage"]["service_tier"] == "priority"
    *_, end, _ = wire(Started(service_tier="default"), STOPPED, Ended(Usage(output=1)))
    assert end["usage"]["service_tier"] == "standard"


def test_what_a_stream_cannot_carry_is_named() -> None:
    context = ReplyContext(model="m", reply_id="r", created=0)
    encoder = ANTHROPIC.stream_encoder(context)
    events: list[Event] = [
        Started(),
        PartStarted(0, Text(text="")),
        PartDelta(0, "a", logprobs={"content": []}),
        PartDelta(0, citations=(Citation(title="a book"),)),
        PartDelta(0, signature=Signature("gemini", "s")),
        PartEnded(0),
        PartStarted(1, Opaque(dialect="gemini", block={"executableCode": {}})),
        PartEnded(1),
        PartStarted(0, Text(text=""), 1),
        STOPPED,
        Ended(Usage(audio_output=3), extras={"gemini": {"avgLogprobs": -1}}),
    ]
    for event in events:
        encoder.feed(event)
    assert [loss.field for loss in context.losses] == [
        "reply.logprobs",
        "reply.citations",
        "reply.signature",
        "reply.executableCode",
        "reply.choices",
        "reply.usage.audio_output",
        "reply.avgLogprobs",
    ]


def test_fields_of_the_vendors_own_reply_are_told_at_the_end() -> None:
    context = ReplyContext(model="m", reply_id="r", created=0)
    encoder = ANTHROPIC.stream_encoder(context)
    left = {"container": {"id": "c"}, "context_management": {"a": 1}, "content[0].caller": {"b": 2}}
    events: list[Event] = [Started(), STOPPED, Ended(extras={"anthropic": left})]
    data = b"".join(encoder.feed(event) for event in events)
    end = json.loads(ANTHROPIC.frame_decoder().feed(data)[-2].data)
    assert (end["delta"]["container"], end["context_management"]) == ({"id": "c"}, {"a": 1})
    assert [loss.field for loss in context.losses] == ["reply.content[0].caller"]
