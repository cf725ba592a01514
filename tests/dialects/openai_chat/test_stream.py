from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headgate.base.failure import FailureKind
from headgate.base.frames import Frame
from headgate.dialects.openai_chat.stream import ChatStreamDecoder
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
from headgate.ir.reply import Choice, Finish
from headgate.ir.request import (
    Audio,
    Image,
    Inline,
    Part,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
)
from headgate.ir.usage import Usage

Json = dict[str, Any]
DONE = Frame(b"[DONE]")


def chunk(delta: Json | None = None, reason: str | None = None, **more: Any) -> Frame:
    """Write a chunk with one choice."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": reason}
    body = {"id": "c", "model": "m", "created": 7, "choices": [choice]}
    return Frame(msgspec.json.encode(body | more))


def call(name: str | None = None, arguments: str = "", **more: Any) -> Json:
    """Write a delta with a piece of a tool call."""
    return {"tool_calls": [{"function": {"name": name, "arguments": arguments}, **more}]}


def events(*frames: Frame) -> list[Event]:
    """Feed the frames, then end the body."""
    decoder = ChatStreamDecoder()
    return [*(event for frame in frames for event in decoder.feed(frame)), *decoder.end()]


def joined(*deltas: Json, reason: str | None = "stop") -> Choice:
    """Collect the only choice of a stream of these deltas."""
    frames = [chunk(delta) for delta in deltas]
    return collect(events(*frames, chunk(reason=reason), DONE)).choices[0]


def parts(*deltas: Json) -> list[Part]:
    """Collect the parts of a stream of these deltas."""
    return list(joined(*deltas).parts)


def failure(*frames: Frame) -> FailureKind:
    """The kind of the failure that ends the stream."""
    last = events(*frames)[-1]
    assert isinstance(last, Failed)
    return last.failure.kind


def test_a_plain_stream_gives_each_event_in_its_time() -> None:
    decoder = ChatStreamDecoder()
    assert decoder.feed(chunk({"role": "assistant", "content": ""})) == [
        Started(reply_id="c", model="m", created=7)
    ]
    assert decoder.feed(chunk({"content": "a"})) == [
        PartStarted(0, Text(text="")),
        PartDelta(0, "a"),
    ]
    assert decoder.feed(chunk({"content": "b"})) == [PartDelta(0, "b")]
    assert decoder.feed(chunk(reason="stop")) == []
    assert decoder.feed(DONE) == [
        PartEnded(0),
        Finished(Finish(reason="stop", raw_reason="stop")),
        Ended(),
    ]
    assert decoder.end() == []


def test_azures_prelude_does_not_start_the_reply() -> None:
    prelude = Frame(b'{"id":"","model":"","choices":[],"prompt_filter_results":[]}')
    first, *_ = events(prelude, chunk({"content": "a"}), DONE)
    assert first == Started(reply_id="c", model="m", created=7)


def test_only_the_first_id_counts() -> None:
    found = events(chunk({"content": "a"}), chunk({"content": "b"}, id="other"), DONE)
    assert [event.reply_id for event in found if isinstance(event, Started)] == ["c"]


@pytest.mark.parametrize(
    ("delta", "part"),
    [
        ({"content": "a"}, Text(text="a")),
        ({"content": [{"type": "text", "text": "a"}]}, Text(text="a")),
        ({"content": {"a": 1}}, Text(text='{"a":1}')),
        ({"reasoning_content": "t"}, Thinking(text="t")),
        ({"reasoning": "t"}, Thinking(text="t")),
        ({"content": [{"type": "thinking", "thinking": "t"}]}, Thinking(text="t")),
        ({"reasoning_details": [{"type": "reasoning.text", "text": "t"}]}, Thinking(text="t")),
        (
            {"reasoning": "t", "reasoning_details": [{"type": "reasoning.text", "text": "t"}]},
            Thinking(text="t"),
        ),
        ({"refusal": "no"}, Refusal(text="no")),
        (
            {"images": [{"image_url": {"url": "data:image/png;base64,AA"}}]},
            Image(source=Inline("image/png", "AA")),
        ),
    ],
)
def test_every_vendors_delta_is_read(delta: Json, part: Part) -> None:
    assert parts(delta) == [part]


def test_empty_values_start_nothing() -> None:
    empty = {
        "content": "",
        "refusal": "",
        "reasoning_content": "",
        "function_call": {"name": "", "arguments": ""},
        "tool_calls": None,
        "audio": {"id": "", "data": "", "transcript": "", "expires_at": 0},
    }
    assert parts(empty, {"content": "a"}) == [Text(text="a")]


def test_thinking_ends_where_text_begins() -> None:
    found = parts({"reasoning": "t"}, {"reasoning": "u"}, {"content": "a"}, {"content": "b"})
    assert found == [Thinking(text="tu"), Text(text="ab")]


def test_a_late_signature_signs_the_thought_and_the_next_text_is_another() -> None:
    detail = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
    found = parts(
        {"reasoning": "t", "reasoning_details": [{**detail, "text": "t"}]},
        {"reasoning_details": [{**detail, "signature": "s"}]},
        {"reasoning": "u", "reasoning_details": [{**detail, "text": "u"}]},
    )
    assert found == [
        Thinking(text="t", signature=Signature("anthropic", "s")),
        Thinking(text="u"),
    ]


def test_encrypted_reasoning_is_a_part_of_its_own() -> None:
    detail = {"type": "reasoning.encrypted", "format": "anthropic-claude-v1", "data": "d"}
    assert parts({"reasoning_details": [detail]}, {"content": "a"}) == [
        Thinking(redacted=True, signature=Signature("anthropic", "d")),
        Text(text="a"),
    ]


def test_audio_grows_and_keeps_its_id() -> None:
    found = parts(
        {"audio": {"id": "au"}},
        {"audio": {"transcript": "h"}},
        {"audio": {"transcript": "i", "data": "AA"}},
        {"audio": {"expires_at": 9}},
    )
    assert found == [Audio(source=Inline("", "AA"), transcript="hi", audio_id="au")]


def test_citations_come_to_the_text() -> None:
    note = {"type": "url_citation", "url_citation": {"url": "u"}}
    (text,) = parts({"content": "a"}, {"annotations": [note]})
    assert isinstance(text, Text)
    assert [citation.url for citation in text.citations] == ["u"]


# ---------------------------------------------------------------------- tool calls

F, G = ToolCall(call_id="1", name="f", arguments="{}"), ToolCall(call_id="2", name="g")


@pytest.mark.parametrize(
    ("vendor", "deltas", "calls"),
    [
        (
            "openai: pieces by index",
            [
                call("f", "", index=0, id="1"),
                call(None, "{", index=0),
                call(None, "}", index=0),
                call("g", "", index=1, id="2"),
            ],
            [F, G],
        ),
        (
            "interleaved",
            [
                call("f", "{", index=0, id="1"),
                call("g", "", index=1, id="2"),
                call(None, "}", index=0),
            ],
            [F, G],
        ),
        (
            "whole calls, all of index 0",
            [call("f", "{}", index=0, id="1"), call("g", "", index=0, id="2")],
            [F, G],
        ),
        ("mistral: no index", [call("f", "{}", id="1"), call("g", "", id="2")], [F, G]),
        (
            "venice: id '' on continuations",
            [call("f", "{", index=0, id="1"), call("", "}", index=0, id="")],
            [F],
        ),
        (
            "id and name repeated",
            [call("f", "{", index=0, id="1"), call("f", "}", index=0, id="1")],
            [F],
        ),
        (
            "another id on a continuation",
            [call("f", "{", index=0, id="1"), call(None, "}", index=0, id="x")],
            [F],
        ),
        (
            "name repeated without an id",
            [call("f", "{", index=0, id="1"), call("f", "}", index=0)],
            [F],
        ),
    ],
)
def test_pieces_find_their_call(vendor: str, deltas: list[Json], calls: list[ToolCall]) -> None:
    choice = joined(*deltas, reason="tool_calls")
    assert list(choice.parts) == calls, vendor
    assert choice.finish.reason == "tool_calls"


def test_without_ids_and_indexes_every_name_is_another_call() -> None:
    found = parts(call("f", "{}", id=""), call("f", "{}", id=""), call("g", "", id=""))
    assert [part.name for part in found if isinstance(part, ToolCall)] == ["f", "f", "g"]
    assert len({part.call_id for part in found if isinstance(part, ToolCall)}) == 3


def test_arguments_may_be_an_object() -> None:
    delta = {"tool_calls": {"id": "1", "function": {"name": "f", "arguments": {"a": 1}}}}
    assert parts(delta) == [ToolCall(call_id="1", name="f", arguments='{"a":1}')]


def test_a_custom_tools_input_grows() -> None:
    first = {"tool_calls": [{"index": 0, "id": "1", "custom": {"name": "f", "input": "a"}}]}
    more = {"tool_calls": [{"index": 0, "custom": {"input": "b"}}]}
    assert parts(first, more) == [ToolCall(call_id="1", name="f", arguments="ab", custom=True)]


def test_an_empty_custom_beside_a_function_says_nothing() -> None:
    delta = call("f", "{}", index=0, id="1", custom={"name": "", "input": ""})
    assert parts(delta) == [F]


def test_the_legacy_function_call_is_a_tool_call() -> None:
    choice = joined(
        {"function_call": {"name": "f", "arguments": "{"}},
        {"function_call": {"arguments": "}"}},
        reason="function_call",
    )
    (made,) = choice.parts
    assert isinstance(made, ToolCall)
    assert (made.name, made.arguments) == ("f", "{}")
    assert choice.finish.reason == "tool_calls"


def test_geminis_signature_comes_with_the_call() -> None:
    extra = {"google": {"thought_signature": "s"}}
    (made,) = parts(call("f", "{}", id="1", extra_content=extra))
    assert isinstance(made, ToolCall)
    assert made.signature == Signature("gemini", "s")


def test_arguments_for_a_call_that_has_ended_break_the_reply_off() -> None:
    frames = (
        chunk(call("f", "{", index=0, id="1")),
        chunk({"content": "a"}),
        chunk(call(None, "}", index=0)),
        DONE,
    )
    assert failure(*frames) is FailureKind.UPSTREAM_BAD_REPLY


def test_nothing_follows_a_failure() -> None:
    more = [call(None, "}", index=0), call("g", "{}", index=1, id="2")]
    again = {"tool_calls": [piece for delta in more for piece in delta["tool_calls"]]}
    found = events(
        chunk(call("f", "{", index=0, id="1")), chunk({"content": "a"}), chunk(again), DONE
    )
    assert isinstance(found[-1], Failed)
    assert sum(isinstance(event, Failed) for event in found) == 1


# -------------------------------------------------------------------- several choices


def test_choices_are_told_apart_by_their_index() -> None:
    def of(index: int, text: str, reason: str | None = None) -> Frame:
        choice = {"index": index, "delta": {"content": text}, "finish_reason": reason}
        return Frame(msgspec.json.encode({"id": "c", "choices": [choice]}))

    reply = collect(events(of(0, "a"), of(1, "x"), of(1, "y", "length"), of(0, "b", "stop"), DONE))
    assert [choice.parts for choice in reply.choices] == [(Text(text="ab"),), (Text(text="xy"),)]
    assert [choice.finish.reason for choice in reply.choices] == ["stop", "length"]


def test_logprobs_come_with_their_delta() -> None:
    def of(content: str, logprobs: Json | None) -> Frame:
        choice = {"index": 0, "delta": {"content": content}, "logprobs": logprobs}
        return Frame(msgspec.json.encode({"id": "c", "choices": [choice]}))

    frames = (of("a", {"content": [1]}), of("", {"content": [2]}), of("b", {"content": None}))
    reply = collect(events(*frames, DONE))
    assert reply.choices[0].logprobs == {"content": [1, 2]}


# -------------------------------------------------------------------- usage and the end


@pytest.mark.parametrize(
    "frames",
    [
        [chunk(reason="stop"), Frame(b'{"choices":[],"usage":{"prompt_tokens":3}}')],
        [chunk(reason="stop", usage={"prompt_tokens": 3})],
        [chunk(usage={"prompt_tokens": 1}), chunk(reason="stop", usage={"prompt_tokens": 3})],
        [chunk(reason="stop"), chunk(usage={"prompt_tokens": 3})],
        [chunk(reason="stop", x_groq={"usage": {"prompt_tokens": 3}})],
        [
            chunk(reason="stop", x_groq={"usage": {"prompt_tokens": 1}}),
            Frame(b'{"choices":[],"usage":{"prompt_tokens":3}}'),
        ],
    ],
    ids=["own chunk", "finish chunk", "many chunks", "after the finish", "x_groq", "twice"],
)
def test_usage_is_found_wherever_it_comes(frames: list[Frame]) -> None:
    assert events(chunk({"content": "a"}), *frames, DONE)[-1] == Ended(Usage(input=3))


def test_a_chunk_that_repeats_the_finish_is_no_second_end() -> None:
    found = events(chunk({"content": "a"}), chunk(reason="stop"), chunk({}, "stop"), DONE)
    assert [type(event) for event in found].count(Finished) == 1


def test_text_after_the_finish_reason_is_not_lost() -> None:
    frames = (chunk({"content": "a"}, "stop"), chunk({"content": "b"}, "stop"), DONE)
    assert collect(events(*frames)).choices[0].parts == (Text(text="ab"),)


def test_null_in_quotes_is_no_finish_reason() -> None:
    assert failure(chunk({"content": "a"}, "null")) is FailureKind.UPSTREAM_INTERRUPTED


def test_a_finish_reason_ends_the_stream_without_done() -> None:
    assert events(chunk({"content": "a"}, "stop"))[-1] == Ended()


def test_done_ends_the_stream_without_a_finish_reason() -> None:
    *_, finished, ended = events(chunk({"content": "a"}), DONE)
    assert finished == Finished(Finish(reason="stop"))
    assert ended == Ended()


def test_a_stream_that_is_cut_was_interrupted() -> None:
    assert failure(chunk({"content": "a"})) is FailureKind.UPSTREAM_INTERRUPTED
    assert failure() is FailureKind.UPSTREAM_INTERRUPTED


def test_perplexitys_cumulative_message_is_not_said_twice() -> None:
    def of(text: str, so_far: str) -> Frame:
        choice = {"delta": {"content": text}, "message": {"content": so_far}}
        return Frame(msgspec.json.encode({"id": "c", "choices": [choice]}))

    reply = collect(events(of("a", "a"), of("b", "ab"), DONE))
    assert reply.choices[0].parts == (Text(text="ab"),)


def test_a_message_instead_of_a_delta_is_the_answer_if_there_was_none() -> None:
    whole = Frame(b'{"id":"c","choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}')
    assert collect(events(whole)).choices[0].parts == (Text(text="a"),)
    reply = collect(events(chunk({"content": "a"}), whole))
    assert reply.choices[0].parts == (Text(text="a"),)


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (Frame(b"not json"), FailureKind.UPSTREAM_BAD_REPLY),
        (Frame(b"[]"), FailureKind.UPSTREAM_BAD_REPLY),
        (Frame(b'{"error":{"message":"m","code":429}}'), FailureKind.UPSTREAM_RATE_LIMITED),
        (Frame(b'{"message":"overloaded"}', "error"), FailureKind.UPSTREAM_OVERLOADED),
        (Frame(b"{}", "error"), FailureKind.UPSTREAM_BAD_REPLY),
        (chunk(reason="stop", error={"message": "m", "code": 502}), FailureKind.UPSTREAM_ERROR),
        (DONE, FailureKind.UPSTREAM_BAD_REPLY),
    ],
)
def test_what_is_no_answer_fails_at_once_and_only_once(frame: Frame, kind: FailureKind) -> None:
    decoder = ChatStreamDecoder()
    (failed,) = decoder.feed(frame)
    assert isinstance(failed, Failed)
    assert failed.failure.kind is kind
    assert decoder.feed(chunk({"content": "a"})) == []
    assert decoder.end() == []
