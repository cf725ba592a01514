"""Streams from an upstream: events, usage, and what goes wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headgate.base.failure import FailureKind
from headgate.base.frames import Frame
from headgate.dialects.anthropic import ANTHROPIC
from headgate.dialects.anthropic.stream import merged_usage
from headgate.ir.collect import collect
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
from headgate.ir.reply import Finish
from headgate.ir.request import Citation, Opaque, Signature, Text, Thinking, ToolCall
from headgate.ir.usage import Usage

Json = dict[str, Any]
STOP: Json = {"type": "message_stop"}


def start(**message: Any) -> Json:
    return {"type": "message_start", "message": {"id": "m1", "model": "c", "content": []} | message}


def block(index: int, **fields: Any) -> Json:
    return {"type": "content_block_start", "index": index, "content_block": fields}


def delta(index: int, **fields: Any) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": fields}


def stop(index: int) -> Json:
    return {"type": "content_block_stop", "index": index}


def finish(reason: str | None, **usage: Any) -> Json:
    return {
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": None},
        "usage": usage,
    }


def frames(*events: Json, named: bool = True) -> list[Frame]:
    return [
        Frame(json.dumps(event).encode() + b"    ", event["type"] if named else "")
        for event in events
    ]


def decoded(*events: Json | Frame, end: bool = True, named: bool = True) -> list[Event]:
    decoder = ANTHROPIC.stream_decoder()
    found: list[Event] = []
    for event in events:
        frame = event if isinstance(event, Frame) else frames(event, named=named)[0]
        found += decoder.feed(frame)
    return found + (decoder.end() if end else [])


TEXT = (
    start(usage={"input_tokens": 12, "cache_read_input_tokens": 3, "output_tokens": 1}),
    block(0, type="text", text=""),
    {"type": "ping"},
    delta(0, type="text_delta", text="Hel"),
    delta(0, type="text_delta", text=""),
    delta(0, type="text_delta", text="lo"),
    stop(0),
    finish("end_turn", output_tokens=7),
    STOP,
)
HELLO: list[Event] = [
    Started(reply_id="m1", model="c", usage=Usage(input=12, cache_read=3, output=1)),
    PartStarted(0, Text(text="")),
    PartDelta(0, "Hel"),
    PartDelta(0, "lo"),
    PartEnded(0),
    Finished(Finish(reason="stop", raw_reason="end_turn")),
    Ended(Usage(input=12, cache_read=3, output=7)),
]


def test_a_text_is_decoded() -> None:
    assert decoded(*TEXT) == HELLO


def test_events_without_names_mean_the_same() -> None:
    assert decoded(*TEXT, named=False) == HELLO


def test_data_without_a_type_is_told_by_the_events_name() -> None:
    untyped = [
        Frame(json.dumps({k: v for k, v in event.items() if k != "type"}).encode(), event["type"])
        for event in TEXT
    ]
    assert decoded(*untyped) == HELLO


def test_whatever_follows_the_end_is_ignored() -> None:
    assert decoded(*TEXT, Frame(b"[DONE]"), *TEXT) == HELLO


def test_calls_thinking_signatures_and_citations_are_decoded() -> None:
    citation = {"type": "web_search_result_location", "url": "https://a", "title": "A"}
    found = decoded(
        start(),
        block(0, type="thinking", thinking="", signature=""),
        delta(0, type="thinking_delta", thinking="hm"),
        delta(0, type="signature_delta", signature="EqQ"),
        stop(0),
        block(1, type="redacted_thinking", data="EmI"),
        stop(1),
        block(2, type="text", text=""),
        delta(2, type="text_delta", text="a"),
        delta(2, type="citations_delta", citation=citation),
        stop(2),
        block(3, type="tool_use", id="t1", name="f", input={}),
        delta(3, type="input_json_delta", partial_json=""),
        delta(3, type="input_json_delta", partial_json='{"a":'),
        delta(3, type="input_json_delta", partial_json="1}"),
        stop(3),
        finish("tool_use", output_tokens=1),
        STOP,
    )
    cited = Citation(url="https://a", title="A", origin="anthropic", native=citation)
    assert collect(found).choices[0].parts == (
        Thinking(text="hm", signature=Signature("anthropic", "EqQ")),
        Thinking(redacted=True, signature=Signature("anthropic", "EmI")),
        Text(text="a", citations=(cited,)),
        ToolCall(call_id="t1", name="f", arguments='{"a":1}'),
    )


@pytest.mark.parametrize(
    ("given", "pieces", "arguments"),
    [({}, [], "{}"), ({}, [""], "{}"), ({"a": 1}, [], '{"a":1}'), ({"a": 1}, ["{}"], "{}")],
)
def test_a_call_always_has_arguments(given: Json, pieces: list[str], arguments: str) -> None:
    found = decoded(
        start(),
        block(0, type="tool_use", id="t", name="f", input=given),
        *(delta(0, type="input_json_delta", partial_json=piece) for piece in pieces),
        stop(0),
        STOP,
    )
    reply = collect(found)
    assert reply.choices[0].parts == (ToolCall(call_id="t", name="f", arguments=arguments),)
    assert reply.choices[0].finish.reason == "tool_calls"


def test_blocks_that_are_complete_in_message_start_are_not_lost() -> None:
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}
    text = {"type": "text", "text": "hi"}
    found = decoded(start(content=[text, call], stop_reason="tool_use"), STOP)
    assert collect(found).choices[0].parts == (
        Text(text="hi"),
        ToolCall(call_id="t", name="f", arguments='{"a":1}'),
    )
    assert Finished(Finish(reason="tool_calls", raw_reason="tool_use")) in found


def test_blocks_of_the_vendors_own_are_given_whole_and_in_order() -> None:
    found = decoded(
        start(),
        block(0, type="server_tool_use", id="s", name="web_search", input={}),
        delta(0, type="input_json_delta", partial_json='{"q":'),
        delta(0, type="input_json_delta", partial_json='"x"}'),
        stop(0),
        block(1, type="compaction", content=None),
        delta(1, type="compaction_delta", content="so "),
        delta(1, type="compaction_delta", content="far"),
        stop(1),
        block(2, type="text", text="a"),
        stop(2),
        finish("end_turn"),
        STOP,
    )
    assert [event.index for event in found if isinstance(event, PartStarted)] == [0, 1, 2]
    assert collect(found).choices[0].parts == (
        Opaque(
            dialect="anthropic",
            block={
                "type": "server_tool_use",
                "id": "s",
                "name": "web_search",
                "input": {"q": "x"},
            },
        ),
        Opaque(dialect="anthropic", block={"type": "compaction", "content": "so far"}),
        Text(text="a"),
    )


def test_a_vendor_that_forgets_half_of_the_events_is_understood() -> None:
    found = decoded(
        delta(0, type="thinking_delta", thinking="hm"),
        delta(1, type="text_delta", text="a"),
        finish("end_turn", input_tokens=4, output_tokens=2),
    )
    reply = collect(found)
    assert reply.choices[0].parts == (Thinking(text="hm"), Text(text="a"))
    assert reply.usage == Usage(input=4, output=2)


def test_usage_may_come_late_or_twice() -> None:
    zeros = {"input_tokens": 0, "output_tokens": 0, "cache_read_input_tokens": None}
    late = decoded(start(usage=zeros), finish("end_turn", input_tokens=9, output_tokens=3), STOP)
    assert late[0] == Started(reply_id="m1", model="c")
    assert late[-1] == Ended(Usage(input=9, output=3))
    again = decoded(
        start(usage={"input_tokens": 9, "service_tier": "standard"}),
        finish("end_turn", input_tokens=11, output_tokens=3),
        finish(None, input_tokens=None, output_tokens=4),
        STOP,
    )
    assert again[-1] == Ended(Usage(input=11, output=4), "default")


def test_counts_are_replaced_and_never_by_nothing() -> None:
    known = {"input_tokens": 5, "output_tokens": 1}
    more = {"input_tokens": 0, "output_tokens": 3, "cache_creation": None}
    assert merged_usage(known, more) == {"input_tokens": 5, "output_tokens": 3}
    assert merged_usage(known, None) == known


def test_a_stop_sequence_is_told() -> None:
    event = finish("stop_sequence")
    event["delta"]["stop_sequence"] = "END"
    found = decoded(start(), event, STOP)
    expected = Finish(reason="stop_sequence", raw_reason="stop_sequence", stop_sequence="END")
    assert Finished(expected) in found


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"type": "overloaded_error", "message": "Overloaded"}, FailureKind.UPSTREAM_OVERLOADED),
        ({"type": "rate_limit_error", "message": "m"}, FailureKind.UPSTREAM_RATE_LIMITED),
        ({"type": "api_error", "message": "m"}, FailureKind.UPSTREAM_ERROR),
    ],
)
def test_an_error_event_ends_the_stream(error: Json, kind: FailureKind) -> None:
    found = decoded(*TEXT[:4], {"type": "error", "error": error}, *TEXT[4:])
    assert isinstance(found[-1], Failed)
    assert found[-1].failure.kind is kind
    assert found[:-1] == HELLO[:3]


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"\xff",
        b"[]",
        b'{"type":"content_block_delta","index":"x"}',
        b'{"type":"content_block_start","index":0,"content_block":{"type":"tool_use"}}',
    ],
)
def test_a_frame_that_is_not_understood_fails(data: bytes) -> None:
    found = decoded(start(), Frame(data))
    assert isinstance(found[-1], Failed)
    assert found[-1].failure.kind is FailureKind.UPSTREAM_BAD_REPLY


@pytest.mark.parametrize("count", [0, 1, 3, 6])
def test_a_stream_that_is_cut_says_so(count: int) -> None:
    last = decoded(*TEXT[:count])[-1]
    assert isinstance(last, Failed)
    assert last.failure.kind is FailureKind.UPSTREAM_INTERRUPTED


def test_a_stop_reason_is_an_end_without_message_stop() -> None:
    assert decoded(*TEXT[:-1]) == HELLO


def test_broken_input_of_the_vendors_own_tool_is_kept_as_text() -> None:
    found = decoded(
        start(),
        block(0, type="server_tool_use", id="s", name="n", input={}),
        delta(0, type="input_json_delta", partial_json='{"q'),
        finish("end_turn"),
    )
    part = collect(found).choices[0].parts[0]
    assert isinstance(part, Opaque)
    assert part.block["input"] == {"arguments": '{"q'}


def test_the_meter_reads_usage_and_the_end() -> None:
    meter = ANTHROPIC.meter(False)
    for frame in frames(*TEXT[:-2]):
        assert meter.feed(frame)
    assert not meter.finished
    assert meter.usage == Usage(input=12, cache_read=3, output=1)
    assert meter.feed(frames(TEXT[-2])[0])
    assert not meter.finished  # K94: a success only after message_stop
    assert meter.feed(frames(TEXT[-1])[0])
    assert meter.finished
    assert meter.usage == Usage(input=12, cache_read=3, output=7)
    assert meter.failure is None


@pytest.mark.parametrize(
    "error",
    [{"type": "error", "error": {"type": "overloaded_error"}}, {"error": {"code": 529}}],
)
def test_the_meter_sees_errors(error: Json) -> None:
    meter = ANTHROPIC.meter(True)
    assert meter.feed(Frame(json.dumps(error).encode()))
    assert meter.failure is not None
    assert meter.failure.kind is FailureKind.UPSTREAM_OVERLOADED
    assert not meter.finished
    assert meter.usage is None


def test_the_meter_passes_on_what_it_cannot_read() -> None:
    meter = ANTHROPIC.meter(True)
    assert meter.feed(Frame(b'{"error"'))
    assert meter.failure is None


def test_only_frames_that_matter_are_notable() -> None:
    seen = [ANTHROPIC.notable(frame.data) for frame in frames(*TEXT)]
    assert seen == [True, *[False] * 6, True, True]
    assert ANTHROPIC.notable(b'event: error\ndata: {"x":1}\n\n')


def test_what_nobody_reads_of_a_stream_is_kept_as_a_whole_reply_would_have_it() -> None:
    start = {"id": "msg_1", "model": "m", "content": [], "usage": {}, "container": {"id": "c"}}
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {}, "caller": {"type": "direct"}}
    delta = {"stop_reason": "refusal", "stop_details": {"category": "x"}}
    frames = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": delta, "usage": {}, "context_management": {"a": 1}},
        {"type": "message_stop"},
    ]
    decoder = ANTHROPIC.stream_decoder()
    data = [json.dumps(frame).encode() for frame in frames]
    events = [event for each in data for event in decoder.feed(Frame(each))]
    assert collect(events).extras == {
        "anthropic": {
            "container": {"id": "c"},
            "content[0].caller": {"type": "direct"},
            "context_management": {"a": 1},
            "stop_details": {"category": "x"},
        }
    }
