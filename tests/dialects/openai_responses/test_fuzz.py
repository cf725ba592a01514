"""Whatever an upstream or a caller sends: no crash, and events in the order that is promised."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.base.failure import RelayError
from headgate.base.frames import Frame
from headgate.dialects.bridge import DIALECTS
from headgate.dialects.dialect import ReplyContext, Target
from headgate.dialects.openai_responses import OPENAI_RESPONSES
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
from headgate.ir.loss import Losses
from headgate.ir.request import ToolCall

KINDS = [
    *("created", "in_progress", "output_item.added", "output_item.done", "content_part.added"),
    *("content_part.done", "output_text.delta", "output_text.done", "refusal.delta"),
    *("output_text.annotation.added", "refusal.done", "reasoning_summary_text.delta"),
    *("reasoning_summary_text.done", "reasoning_text.delta", "function_call_arguments.delta"),
    *("function_call_arguments.done", "custom_tool_call_input.delta", "completed", "incomplete"),
    "failed",
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["type", "text", "id"]), inner, max_size=2)
    ),
    max_leaves=4,
)
blocks = st.one_of(
    st.fixed_dictionaries({"type": st.just("output_text"), "text": st.sampled_from(["", "ab"])}),
    st.just({"type": "refusal", "refusal": "no"}),
    st.just({"type": "output_scent"}),
    anything,
)
seals = st.sampled_from(["hg1.text.gemini..s", "hg1.image.gemini..s", "hg1.call.gemini.Yw.s", "gA"])
items = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("message"), "content": st.lists(blocks, max_size=2) | anything}
    ),
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["function_call", "custom_tool_call"]),
            "call_id": st.sampled_from(["c", "d", "xs_call_1"]),
            "name": st.just("f"),
        },
        optional={"arguments": st.just("{}") | anything, "input": st.just("x")},
    ),
    st.fixed_dictionaries(
        {"type": st.just("reasoning")},
        optional={
            "encrypted_content": seals,
            "summary": st.just([{"type": "summary_text", "text": "a"}]) | anything,
        },
    ),
    st.just({"type": "image_generation_call", "result": "AA=="}),
    st.just({"type": "web_search_call"}),
    anything,
)
events = st.fixed_dictionaries(
    {"type": st.sampled_from([f"response.{kind}" for kind in KINDS])},
    optional={
        "output_index": st.integers(0, 2) | anything,
        "content_index": st.integers(0, 1),
        "summary_index": st.integers(0, 1),
        "item_id": st.text(max_size=2),
        "delta": st.sampled_from(["", "a"]) | anything,
        "text": st.just("a") | anything,
        "arguments": st.just("{}") | anything,
        "annotation": st.just({"type": "url_citation", "url": "u"}) | anything,
        "logprobs": st.just([]) | st.just([{"token": "a"}]) | anything,
        "item": items,
        "part": blocks,
        "response": st.fixed_dictionaries({"output": st.lists(items, max_size=2)}) | anything,
    },
)


def in_order(found: list[Event]) -> bool:
    """Check what `headgate.ir.events` promises, but for calls that are open beside a text."""
    started, open_parts, calls = 0, set[int](), set[int]()
    for number, event in enumerate(found):
        match event:
            case Started():
                assert number == 0
            case PartStarted(index=index, part=part):
                assert index == started
                assert open_parts <= calls
                started += 1
                open_parts.add(index)
                if isinstance(part, ToolCall):
                    calls.add(index)
            case PartDelta(index=index):
                assert index in open_parts
            case PartEnded(index=index):
                open_parts.remove(index)
            case Finished():
                assert not open_parts
            case Ended() | Failed():
                assert number == len(found) - 1
    return isinstance(found[-1], Ended | Failed)


@given(st.lists(events, max_size=8))
@settings(max_examples=150, deadline=None)
def test_any_stream_gives_events_in_order_that_every_caller_can_be_told(sent: list[Any]) -> None:
    decoder = OPENAI_RESPONSES.stream_decoder()
    found: list[Event] = []
    for event in sent:
        found += decoder.feed(Frame(json.dumps(event).encode()))
    found += decoder.end()
    assert in_order(found)
    for dialect in DIALECTS.values():
        encoder = dialect.stream_encoder(ReplyContext(model="m", reply_id="r", created=1))
        for event in found:
            encoder.feed(event)


@given(st.binary(max_size=60) | anything.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_an_answer_or_a_failure(body: bytes) -> None:
    OPENAI_RESPONSES.inspect_first(Frame(body))
    OPENAI_RESPONSES.read_usage(body)
    OPENAI_RESPONSES.meter(True).feed(Frame(body, "error"))
    try:
        OPENAI_RESPONSES.decode_reply(body)
    except RelayError:
        assert OPENAI_RESPONSES.inspect_reply(body) is not None or b"output" not in body


asked_items = st.one_of(
    items,
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant"]), "content": st.text(max_size=3) | anything}
    ),
    st.just({"type": "function_call_output", "call_id": "c", "output": "x"}),
)
bodies = st.fixed_dictionaries(
    {"model": st.just("m"), "input": st.lists(asked_items, max_size=4)},
    optional={
        "tools": anything,
        "tool_choice": anything,
        "text": anything,
        "reasoning": anything,
        "include": anything,
        "metadata": anything,
        "instructions": anything,
    },
)


@given(bodies)
@settings(max_examples=150, deadline=None)
def test_any_request_is_read_or_refused(body: Any) -> None:
    try:
        request = OPENAI_RESPONSES.decode_request(json.dumps(body).encode())
    except RelayError as refusal:
        assert refusal.failure.message
        return
    losses = Losses("openai_responses")
    written = OPENAI_RESPONSES.encode_request(request, Target(model="gpt-5.4"), losses)
    assert '"hg1.' not in json.dumps(written["input"])
