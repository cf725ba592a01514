from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.failure import FailureKind
from headgate.base.frames import Frame
from headgate.dialects.cohere import COHERE
from headgate.dialects.cohere.stream import CohereStreamDecoder
from headgate.ir.collect import collect
from headgate.ir.events import Ended, Event, Failed, Finished, PartDelta, PartStarted, Started
from headgate.ir.request import Json, Opaque, Text, Thinking, ToolCall
from headgate.ir.usage import Usage

END = {
    "type": "message-end",
    "delta": {
        "finish_reason": "COMPLETE",
        "usage": {"billed_units": {"input_tokens": 5, "output_tokens": 7}},
    },
}
START = {"type": "message-start", "id": "r1", "delta": {"message": {"role": "assistant"}}}


def words(kind: str, text: str, index: int = 0, **more: Any) -> Json:
    message = {"content": {kind: text}}
    return {"type": "content-delta", "index": index, "delta": {"message": message}, **more}


def plan(text: str) -> Json:
    return {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": text}}}


def call(kind: str, index: int = 0, **function: Any) -> Json:
    wire: Json = {"function": function}
    if kind == "start":
        wire |= {"id": f"c{index}", "type": "function"}
    message = {"tool_calls": wire}
    return {"type": f"tool-call-{kind}", "index": index, "delta": {"message": message}}


def citation(name: str, **more: Any) -> Json:
    wire = {"start": 0, "end": 2, "sources": [{"type": "document", "id": name}], **more}
    return {"type": "citation-start", "index": 0, "delta": {"message": {"citations": wire}}}


def read(*events: Json, done: bool = True) -> list[Event]:
    decoder = CohereStreamDecoder()
    frames = [Frame(msgspec.json.encode(event), event.get("type", "")) for event in events]
    frames += [Frame(b"[DONE]")] if done else []
    found = [event for frame in frames for event in decoder.feed(frame)]
    return found + decoder.end()


def test_a_text_is_read() -> None:
    events = read(START, words("text", "He"), words("text", "y"), {"type": "content-end"}, END)
    assert events[0] == Started(reply_id="r1")
    assert events[1:4] == [PartStarted(0, Text(text="")), PartDelta(0, "He"), PartDelta(0, "y")]
    assert events[-1] == Ended(Usage(input=5, output=7))
    assert collect(events).choices[0].parts == (Text(text="Hey"),)


def test_fields_of_the_end_without_a_word_are_kept() -> None:
    end = {**END, "delta": {"finish_reason": "COMPLETE", "odd": 1}}
    assert collect(read(START, words("text", "x"), end)).extras == {"cohere": {"odd": 1}}


def test_thoughts_text_plan_and_calls_are_parts_of_their_own() -> None:
    events = read(
        START,
        words("thinking", "hm", 0),
        words("text", "so", 1),
        plan("I "),
        plan("look"),
        call("start", 0, name="f", arguments=""),
        call("delta", 0, arguments='{"a"'),
        call("delta", 0, arguments=":1}"),
        {"type": "tool-call-end", "index": 0},
        call("start", 1, name="g", arguments=""),
        {"type": "tool-call-end", "index": 1},
        END,
    )
    assert collect(events).choices[0].parts == (
        Thinking(text="hm"),
        Text(text="so"),
        Thinking(text="I look"),
        ToolCall(call_id="c0", name="f", arguments='{"a":1}'),
        ToolCall(call_id="c1", name="g", arguments="{}"),
    )
    assert collect(events).choices[0].finish.reason == "tool_calls"


def test_words_at_the_start_of_a_block_are_read() -> None:
    start = {**words("text", "Hi"), "type": "content-start"}
    start["delta"]["message"]["content"]["type"] = "text"
    assert collect(read(START, start, END)).choices[0].parts == (Text(text="Hi"),)


def test_a_block_yet_unknown_is_kept_whole() -> None:
    block = {"type": "video", "x": 1}
    start = {"type": "content-start", "index": 0, "delta": {"message": {"content": block}}}
    parts = collect(read(START, start, words("text", "t", 1), END)).choices[0].parts
    assert parts == (Opaque(dialect="cohere", block=block), Text(text="t"))


def test_a_citation_belongs_to_the_text_before_it_even_after_its_end() -> None:
    events = read(
        START, words("text", "Hey"), citation("a"), {"type": "content-end"}, citation("b"), END
    )
    (part,) = collect(events).choices[0].parts
    assert isinstance(part, Text)
    assert [(c.title, c.start) for c in part.citations] == [("a", 0), ("b", 0)]


def test_a_citation_of_other_words_waits_for_the_next_text() -> None:
    events = read(
        START, plan("x"), citation("a", type="PLAN"), words("text", "Hey"), END, done=False
    )
    part = collect(events).choices[0].parts[1]
    assert isinstance(part, Text)
    assert [(c.title, c.start) for c in part.citations] == [("a", None)]


def test_a_citation_without_any_text_is_not_lost() -> None:
    events = read(START, plan("x"), citation("a", type="PLAN"), call("start", name="f"), END)
    *_, part = collect(events).choices[0].parts
    assert isinstance(part, Text)
    assert [c.title for c in part.citations] == ["a"]


def test_log_probabilities_come_with_their_words() -> None:
    logprobs = {"text": "Hi", "token_ids": [1], "logprobs": [-0.5]}
    reply = collect(read(START, words("text", "Hi", logprobs=logprobs), END))
    found = reply.choices[0].logprobs
    assert found is not None
    assert [entry["logprob"] for entry in found["content"]] == [-0.5]


def test_a_stream_that_breaks_off_fails() -> None:
    events = read(START, words("text", "He"), done=False)
    assert isinstance(events[-1], Failed)
    assert events[-1].failure.kind is FailureKind.UPSTREAM_INTERRUPTED


def test_a_clean_end_without_a_reason_is_a_stop() -> None:
    assert collect(read(START, words("text", "He"))).choices[0].finish.reason == "stop"


def test_an_end_of_nothing_is_no_answer() -> None:
    assert isinstance(read(START)[-1], Failed)


def test_a_vendor_that_gives_up_fails() -> None:
    end = {"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "oh", "usage": {}}}
    (*_, last) = read(START, words("text", "He"), end)
    assert isinstance(last, Failed)
    assert last.failure.message == "oh"


@pytest.mark.parametrize("inside", [True, False])
def test_a_call_spelled_wrong_ends_the_answer(inside: bool) -> None:
    words_of = {"error": "bad call", "error_type": "INVALID_TOOL_GENERATION"}
    delta = {"finish_reason": "ERROR", "usage": {}, **(words_of if inside else {})}
    end = {"type": "message-end", "delta": delta, **({} if inside else words_of)}
    events = read(START, plan("p"), end)
    (finished,) = [event for event in events if isinstance(event, Finished)]
    assert finished.finish.reason == "malformed_tool_call"
    assert events[-1] == Ended(None)


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"message":"invalid api token"}', b"{}"])
def test_a_frame_that_cannot_be_understood_fails_once(data: bytes) -> None:
    decoder = CohereStreamDecoder()
    (failed,) = decoder.feed(Frame(data))
    assert isinstance(failed, Failed)
    assert decoder.feed(Frame(data)) + decoder.end() == []


def test_events_yet_unknown_and_a_missing_start_do_no_harm() -> None:
    events = read({"type": "debug"}, words("text", "x"), {"type": "later"}, END)
    assert collect(events).choices[0].parts == (Text(text="x"),)
    assert isinstance(events[0], Started)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode), st.text(max_size=12))
def test_no_frame_makes_the_decoder_raise(data: bytes, name: str) -> None:
    decoder = CohereStreamDecoder()
    decoder.feed(Frame(data, name))
    decoder.feed(Frame(b'{"type":"content-delta","delta":{"message":{"content":[1,{}]}}}'))
    decoder.end()
    COHERE.inspect_first(Frame(data, name))


WIRE_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("type", "index", "delta", "message", "content", "text", "thinking", "id"),
                    *("tool_calls", "function", "arguments", "name", "citations", "sources"),
                    *(
                        "usage",
                        "billed_units",
                        "tokens",
                        "input_tokens",
                        "finish_reason",
                        "logprobs",
                    ),
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
KINDS = st.sampled_from(
    [
        *("message-start", "content-start", "content-delta", "tool-plan-delta", "tool-call-start"),
        *("tool-call-delta", "tool-call-end", "citation-start", "message-end", "error", "x"),
    ]
)


@given(st.lists(st.tuples(KINDS, WIRE_JSON), max_size=6))
def test_no_json_makes_the_decoder_raise(drawn: list[tuple[str, Any]]) -> None:
    decoder = CohereStreamDecoder()
    for kind, delta in drawn:
        decoder.feed(Frame(msgspec.json.encode({"type": kind, "delta": delta, "index": 0})))
    decoder.end()
