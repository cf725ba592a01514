from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.failure import FailureKind, RelayError
from headgate.base.frames import Frame
from headgate.dialects.ollama import OLLAMA
from headgate.dialects.ollama.stream import OllamaStreamDecoder, decode_reply
from headgate.ir.collect import collect
from headgate.ir.events import Ended, Event, Failed, PartDelta, PartStarted, Started
from headgate.ir.request import Json, Text, Thinking, ToolCall
from headgate.ir.usage import Usage


def line(content: str = "", done: bool = False, **message: Any) -> Json:
    found: Json = {"model": "m", "created_at": "2026-01-01T00:00:00Z", "done": done}
    found["message"] = {"role": "assistant", "content": content, **message}
    return found


def last(**more: Any) -> Json:
    counts = {"done_reason": "stop", "prompt_eval_count": 31, "eval_count": 51}
    return {**line(done=True), **counts, **more}


def call(name: str, **more: Any) -> Json:
    return {"function": {"name": name, "arguments": {"a": 1}}, **more}


def read(*lines: Json) -> list[Event]:
    decoder = OllamaStreamDecoder()
    found = [event for each in lines for event in decoder.feed(Frame(msgspec.json.encode(each)))]
    return found + decoder.end()


def whole(*lines: Json) -> bytes:
    return b"\n".join(msgspec.json.encode(each) for each in lines)


def test_a_text_is_read() -> None:
    events = read(line("He"), line("y"), last())
    assert events[0] == Started(model="m", created=1767225600)
    assert events[1:4] == [PartStarted(0, Text(text="")), PartDelta(0, "He"), PartDelta(0, "y")]
    assert events[-1] == Ended(Usage(input=31, output=51))
    reply = collect(events)
    assert reply.choices[0].parts == (Text(text="Hey"),)
    assert reply.choices[0].finish.reason == "stop"


def test_thoughts_words_and_calls_are_parts_of_their_own() -> None:
    events = read(
        line(thinking="h"),
        line(thinking="m"),
        line("so"),
        line(tool_calls=[call("f", id="c1"), call("g", id="c2")]),
        line(tool_calls=[call("h", id="c3")]),
        last(),
    )
    reply = collect(events)
    assert reply.choices[0].parts == (
        Thinking(text="hm"),
        Text(text="so"),
        *(
            ToolCall(call_id=f"c{number}", name=name, arguments='{"a":1}')
            for number, name in enumerate("fgh", start=1)
        ),
    )
    assert reply.choices[0].finish.reason == "tool_calls"


def test_like_calls_in_one_answer_have_ids_of_their_own() -> None:
    parts = collect(read(line(tool_calls=[call("f"), call("f")]), last())).choices[0].parts
    assert len({part.call_id for part in parts if isinstance(part, ToolCall)}) == 2


def test_words_on_the_last_line_count() -> None:
    assert collect(read(last(message={"content": "all"}))).choices[0].parts == (Text(text="all"),)


def test_log_probabilities_come_with_their_words() -> None:
    entry = {"token": "x", "logprob": -0.5, "bytes": [120], "top_logprobs": []}
    events = read({**line("x"), "logprobs": [entry]}, {**line(), "logprobs": [entry]}, last())
    found = collect(events).choices[0].logprobs
    assert found is not None
    assert found["content"] == [entry, entry]


def test_what_has_no_word_is_kept() -> None:
    assert collect(read({**line("x"), "remote_model": "r"}, last())).extras == {
        "ollama": {"remote_model": "r"}
    }


def test_an_answer_of_nothing_is_whole() -> None:
    reply = collect(read(last(done_reason="length")))
    assert (reply.choices[0].parts, reply.choices[0].finish.reason) == ((), "length")


def test_an_error_inside_a_stream_fails_it() -> None:
    events = read(line("He"), {"error": "server busy"}, line("y"), last())
    assert isinstance(events[-1], Failed)
    assert events[-1].failure.kind is FailureKind.UPSTREAM_OVERLOADED
    assert len(events) == 4


def test_a_stream_that_breaks_off_fails() -> None:
    (*_, failed) = read(line("He"))
    assert isinstance(failed, Failed)
    assert failed.failure.kind is FailureKind.UPSTREAM_INTERRUPTED


def test_nothing_follows_the_end() -> None:
    assert read(line("x"), last(), line("y")) == read(line("x"), last())


def test_a_whole_answer_is_a_stream_of_one_line() -> None:
    found = decode_reply(whole(last(message={"content": "Hey", "thinking": "hm"})))
    assert found.choices[0].parts == (Thinking(text="hm"), Text(text="Hey"))
    assert found.usage == Usage(input=31, output=51)


def test_a_stream_that_does_not_call_itself_one_is_read_whole() -> None:
    found = decode_reply(whole(line("He"), line("y"), last()) + b"\n")
    assert found.choices[0].parts == (Text(text="Hey"),)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"error":"unauthorized"}', FailureKind.UPSTREAM_KEY_REFUSED),
        (b"{}", FailureKind.UPSTREAM_BAD_REPLY),
        (whole(line("He")), FailureKind.UPSTREAM_INTERRUPTED),
        (whole(line("He")) + b"\n{", FailureKind.UPSTREAM_BAD_REPLY),
    ],
)
def test_what_is_no_whole_answer_is_a_failure(body: bytes, kind: FailureKind) -> None:
    with pytest.raises(RelayError) as raised:
        decode_reply(body)
    assert raised.value.failure.kind is kind


TEXTS = st.text(max_size=6)
LINES = st.lists(
    st.one_of(
        TEXTS.map(line),
        TEXTS.map(lambda text: line(thinking=text)),
        TEXTS.map(lambda name: line(tool_calls=[call(name)])),
    ),
    max_size=5,
)


@given(LINES, st.integers(1, 40))
def test_any_cut_of_the_bytes_gives_the_same_events(lines: list[Json], step: int) -> None:
    data = whole(*lines, last())
    frames, decoder = OLLAMA.frame_decoder(), OLLAMA.stream_decoder()
    chunks = [data[i : i + step] for i in range(0, len(data), step)]
    found = [frame for chunk in chunks for frame in frames.feed(chunk)] + frames.end()
    events = [event for frame in found for event in decoder.feed(frame)] + decoder.end()
    assert events == read(*lines, last())
    assert collect(events) == decode_reply(data)


WIRE_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("message", "content", "thinking", "tool_calls", "function", "name"),
                    *("arguments", "done", "done_reason", "error", "logprobs", "created_at"),
                    *("eval_count", "prompt_eval_count", "id", "model"),
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=14,
)


@given(st.lists(WIRE_JSON.map(msgspec.json.encode) | st.binary(max_size=20), max_size=4))
def test_no_line_makes_the_decoder_raise(lines: list[bytes]) -> None:
    decoder = OllamaStreamDecoder()
    for data in lines:
        decoder.feed(Frame(data))
        OLLAMA.inspect_first(Frame(data))
    decoder.end()
