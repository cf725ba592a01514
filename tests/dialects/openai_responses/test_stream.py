from __future__ import annotations

import json
from typing import Any

import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.base.frames import Frame
from headgate.dialects.openai_responses.stream import ResponsesStreamDecoder
from headgate.dialects.seals import sealed
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
from headgate.ir.request import (
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
from headgate.ir.usage import Usage

OWN = "openai_responses"


def event(kind: str, **fields: Any) -> Frame:
    return Frame(json.dumps({"type": kind, **fields}).encode(), kind)


def added(index: int, **item: Any) -> Frame:
    return event("response.output_item.added", output_index=index, item=item)


def done(index: int, **item: Any) -> Frame:
    return event("response.output_item.done", output_index=index, item=item)


def text_delta(index: int, text: str, content_index: int = 0, **more: Any) -> Frame:
    where = {"output_index": index, "content_index": content_index, "item_id": "i"}
    return event("response.output_text.delta", delta=text, **where, **more)


CREATED = event("response.created", response={"id": "resp_1", "model": "m", "created_at": 7})
COMPLETED = event(
    "response.completed",
    response={
        "status": "completed",
        "service_tier": "flex",
        "output": [],
        "usage": {"input_tokens": 3, "output_tokens": 2},
    },
)


def events_of(*frames: Frame) -> list[Event]:
    decoder = ResponsesStreamDecoder()
    return [*(found for frame in frames for found in decoder.feed(frame)), *decoder.end()]


def parts_of(*frames: Frame) -> tuple[Part, ...]:
    return collect(events_of(CREATED, *frames, COMPLETED)).choices[0].parts


def failure_of(*frames: Frame) -> FailureKind:
    (*_, last) = events_of(*frames)
    assert isinstance(last, Failed)
    return last.failure.kind


def test_a_text_is_read_piece_by_piece() -> None:
    message = {"type": "message", "role": "assistant", "id": "msg_1"}
    content = [{"type": "output_text", "text": "Hello", "annotations": []}]
    assert events_of(
        CREATED,
        event("response.in_progress", response={}),
        added(0, **message, content=[]),
        event("response.content_part.added", output_index=0, content_index=0, part={}),
        text_delta(0, "Hel"),
        text_delta(0, "lo"),
        event("response.output_text.done", output_index=0, content_index=0, text="Hello"),
        event("response.content_part.done", output_index=0, content_index=0, part=content[0]),
        done(0, **message, content=content),
        COMPLETED,
        Frame(b"[DONE]"),
    ) == [
        Started(reply_id="resp_1", model="m", created=7),
        PartStarted(0, Text(text="")),
        PartDelta(0, "Hel"),
        PartDelta(0, "lo"),
        PartEnded(0),
        Finished(Finish(reason="stop", raw_reason="completed")),
        Ended(Usage(input=3, output=2), "flex"),
    ]


@pytest.mark.parametrize(
    "frames",
    [
        [text_delta(0, "Hello")],
        [event("response.output_text.done", output_index=0, content_index=0, text="Hello")],
        [
            event(
                "response.content_part.done",
                output_index=0,
                content_index=0,
                part={"type": "output_text", "text": "Hello"},
            )
        ],
        [done(0, type="message", content=[{"type": "output_text", "text": "Hello"}])],
        [
            text_delta(0, "Hel"),
            event("response.output_text.delta", delta="lo", output_index=0, content_index=0),
        ],
    ],
)
def test_missing_events_are_made_up_for(frames: list[Frame]) -> None:
    assert parts_of(*frames) == (Text(text="Hello"),)


def test_a_response_may_come_whole_at_the_end() -> None:
    output = [
        {"type": "message", "content": [{"type": "output_text", "text": "a"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    ]
    end = event("response.completed", response={"id": "resp_1", "output": output})
    reply = collect(events_of(end))
    assert reply.choices[0].parts == (
        Text(text="a"),
        ToolCall(call_id="c", name="f", arguments="{}"),
    )
    assert reply.choices[0].finish.reason == "tool_calls"


def test_citations_and_logprobs_belong_to_their_text() -> None:
    note = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}
    late = {"type": "file_citation", "filename": "f"}
    entry = {"token": "a", "logprob": -1.0}
    block = {"type": "output_text", "text": "a", "annotations": [note, late]}
    reply = collect(
        events_of(
            CREATED,
            text_delta(0, "a", logprobs=[entry]),
            event(
                "response.output_text.annotation.added",
                output_index=0,
                content_index=0,
                annotation=note,
            ),
            done(0, type="message", content=[block]),
            COMPLETED,
        )
    )
    (part,) = reply.choices[0].parts
    assert isinstance(part, Text)
    assert [citation.native for citation in part.citations] == [note, late]
    assert part.citations[0] == Citation(
        url="u", title="t", start=0, end=1, origin=OWN, native=note
    )
    assert reply.choices[0].logprobs == {"content": [entry]}


def test_refusals_are_read() -> None:
    where = {"output_index": 0, "content_index": 0}
    assert parts_of(
        event("response.refusal.delta", delta="n", **where),
        event("response.refusal.delta", delta="o", **where),
        event("response.refusal.done", refusal="no", **where),
    ) == (Refusal(text="no"),)
    assert parts_of(event("response.refusal.done", refusal="no", **where)) == (Refusal(text="no"),)


def test_a_summary_is_one_thought_of_several_paragraphs() -> None:
    def delta(paragraph: int, text: str) -> Frame:
        kind = "response.reasoning_summary_text.delta"
        return event(kind, output_index=0, summary_index=paragraph, delta=text)

    summary = [{"type": "summary_text", "text": text} for text in ("One.", "Two.")]
    (thinking,) = parts_of(
        added(0, type="reasoning", id="rs_1", summary=[]),
        delta(0, "One"),
        delta(0, "."),
        delta(1, "Two."),
        done(0, type="reasoning", id="rs_1", summary=summary, encrypted_content="gAAAAB"),
    )
    assert isinstance(thinking, Thinking)
    assert thinking.text == "One.\n\nTwo."
    assert thinking.signature == Signature(
        OWN, '{"cuts":[4,4],"encrypted_content":"gAAAAB","id":"rs_1"}'
    )


def test_a_summary_may_come_whole() -> None:
    kind = "response.reasoning_summary_text.done"
    assert parts_of(event(kind, output_index=0, summary_index=0, text="One.")) == (
        Thinking(text="One."),
    )


def test_open_models_think_aloud() -> None:
    content = [{"type": "reasoning_text", "text": "Hm."}]
    (thinking,) = parts_of(
        event("response.reasoning_text.delta", output_index=0, content_index=0, delta="Hm."),
        done(0, type="reasoning", id="x", summary=[], content=content),
    )
    assert isinstance(thinking, Thinking)
    assert thinking.text == "Hm."


def test_hidden_thinking_comes_at_its_end() -> None:
    assert parts_of(
        added(0, type="reasoning", id="rs_1", summary=[]),
        done(0, type="reasoning", id="rs_1", summary=[], encrypted_content="gAAAAB"),
    ) == (
        Thinking(
            redacted=True, signature=Signature(OWN, '{"encrypted_content":"gAAAAB","id":"rs_1"}')
        ),
    )


def call(index: int, call_id: str, name: str = "f") -> Frame:
    item = {"type": "function_call", "id": f"fc_{index}", "call_id": call_id, "name": name}
    return added(index, **item, arguments="")


def arguments(index: int, text: str) -> Frame:
    return event("response.function_call_arguments.delta", output_index=index, delta=text)


def called(index: int, call_id: str, text: str) -> Frame:
    item = {"type": "function_call", "call_id": call_id, "name": "f", "arguments": text}
    return done(index, **item)


def test_parallel_calls_may_come_interleaved() -> None:
    assert parts_of(
        call(0, "c0"),
        call(1, "c1"),
        arguments(1, '{"b"'),
        arguments(0, '{"a"'),
        arguments(1, ":1}"),
        arguments(0, ":1}"),
        called(0, "c0", '{"a":1}'),
        called(1, "c1", '{"b":1}'),
    ) == (
        ToolCall(call_id="c0", name="f", arguments='{"a":1}'),
        ToolCall(call_id="c1", name="f", arguments='{"b":1}'),
    )


@pytest.mark.parametrize(
    "frames",
    [
        [event("response.function_call_arguments.done", output_index=0, arguments="{}")],
        [called(0, "c0", "{}")],
        [arguments(0, "{"), arguments(0, "}"), called(0, "c0", "{}")],
        [arguments(0, "{}")],  # its own end got lost
    ],
)
def test_arguments_are_never_told_twice(frames: list[Frame]) -> None:
    assert parts_of(call(0, "c0"), *frames) == (ToolCall(call_id="c0", name="f", arguments="{}"),)


def test_a_call_without_a_beginning_is_whole_at_its_end() -> None:
    assert parts_of(arguments(0, "{"), called(0, "c0", "{}")) == (
        ToolCall(call_id="c0", name="f", arguments="{}"),
    )


def test_free_text_calls_are_read() -> None:
    item = {"type": "custom_tool_call", "call_id": "c", "name": "patch"}
    assert parts_of(
        added(0, **item, input=""),
        event("response.custom_tool_call_input.delta", output_index=0, delta="*** "),
        event("response.custom_tool_call_input.done", output_index=0, input="*** "),
        done(0, **item, input="*** "),
    ) == (ToolCall(call_id="c", name="patch", arguments="*** ", custom=True),)


def test_calls_that_the_server_answers_itself_stay_as_they_are() -> None:
    item = {"type": "custom_tool_call", "call_id": "xs_call_1", "name": "x", "input": "a"}
    frames = (added(0, **item), event("response.custom_tool_call_input.delta", delta="a"))
    assert parts_of(*frames, done(0, **item)) == (Opaque(dialect=OWN, block=item),)


def test_the_servers_own_items_stay_as_they_are() -> None:
    item = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    assert parts_of(
        added(0, type="web_search_call", id="ws_1", status="in_progress"),
        event("response.web_search_call.searching", output_index=0),
        done(0, **item),
    ) == (Opaque(dialect=OWN, block=item),)


def test_pictures_are_read() -> None:
    item = {"type": "image_generation_call", "id": "ig", "result": "AA==", "output_format": "webp"}
    partial = event(
        "response.image_generation_call.partial_image", output_index=0, partial_image_b64="A"
    )
    assert parts_of(partial, done(0, **item)) == (Image(source=Inline("image/webp", "AA==")),)


def test_items_are_told_apart_by_their_index_even_if_their_ids_change() -> None:
    message = {"type": "message", "role": "assistant"}
    content = [{"type": "output_text", "text": "ab"}]
    assert parts_of(
        added(0, **message, id="x1", content=[]),
        event(
            "response.output_text.delta", output_index=0, content_index=0, item_id="x2", delta="a"
        ),
        event(
            "response.output_text.delta", output_index=0, content_index=0, item_id="x3", delta="b"
        ),
        done(0, **message, id="x4", content=content),
    ) == (Text(text="ab"),)


def proof(kind: Any, call_id: str = "") -> dict[str, Any]:
    content = sealed(kind, Signature("gemini", "s"), call_id)
    return {"type": "reasoning", "summary": [], "encrypted_content": content}


def test_sealed_proofs_go_to_what_they_prove() -> None:
    signature = Signature("gemini", "s")
    picture = {"type": "image_generation_call", "result": "AA=="}
    assert parts_of(
        text_delta(0, "a"),
        done(0, type="message", content=[{"type": "output_text", "text": "a"}]),
        done(1, **proof("text")),
        done(2, **proof("text")),
        done(3, **proof("image")),
        done(4, **picture),
        done(5, **proof("call", "c0")),
        call(6, "c0"),
        called(6, "c0", "{}"),
    ) == (
        Text(text="a", signature=signature),
        Text(text="", signature=signature),
        Image(source=Inline("image/png", "AA=="), signature=signature),
        ToolCall(call_id="c0", name="f", arguments="{}", signature=signature),
    )


# ---------------------------------------------------------------------------- ends


@pytest.mark.parametrize(
    ("kind", "response", "finish"),
    [
        (
            "incomplete",
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            Finish(reason="length", raw_reason="max_output_tokens"),
        ),
        (
            "incomplete",
            {"incomplete_details": {"reason": "content_filter"}},
            Finish(reason="content_filter", raw_reason="content_filter"),
        ),
        ("incomplete", {}, Finish(reason="length", raw_reason="incomplete")),
        ("completed", {}, Finish(reason="stop", raw_reason="completed")),
        ("completed", {"status": "complete"}, Finish(reason="stop", raw_reason="complete")),
    ],
)
def test_ends_are_told_apart(kind: str, response: dict[str, Any], finish: Finish) -> None:
    end = event(f"response.{kind}", response=response)
    assert collect(events_of(CREATED, text_delta(0, "a"), end)).choices[0].finish == finish


@pytest.mark.parametrize(
    ("frames", "kind"),
    [
        ([text_delta(0, "a")], FailureKind.UPSTREAM_INTERRUPTED),
        ([text_delta(0, "a"), Frame(b"[DONE]")], FailureKind.UPSTREAM_INTERRUPTED),
        ([Frame(b"<html>")], FailureKind.UPSTREAM_BAD_REPLY),
        ([Frame(b"[1]")], FailureKind.UPSTREAM_BAD_REPLY),
        (
            [event("error", code="rate_limit_exceeded", message="m")],
            FailureKind.UPSTREAM_RATE_LIMITED,
        ),
        (
            [event("error", error={"code": "insufficient_quota", "message": "m"})],
            FailureKind.UPSTREAM_QUOTA,
        ),
        (
            [event("response.failed", response={"error": {"code": "server_error"}})],
            FailureKind.UPSTREAM_ERROR,
        ),
        ([event("response.failed", response={"error": None})], FailureKind.UPSTREAM_ERROR),
        (
            [Frame(b'{"type":5,"error":{"message":"overloaded"}}')],
            FailureKind.UPSTREAM_OVERLOADED,
        ),
        ([], FailureKind.UPSTREAM_INTERRUPTED),
    ],
)
def test_what_breaks_a_reply_off_is_said(frames: list[Frame], kind: FailureKind) -> None:
    assert failure_of(CREATED, *frames) == kind


def test_nothing_is_read_after_the_end() -> None:
    decoder = ResponsesStreamDecoder()
    assert decoder.feed(CREATED)
    assert decoder.feed(COMPLETED)
    assert decoder.feed(text_delta(0, "late")) == []
    assert decoder.end() == []


@pytest.mark.parametrize(
    "frame",
    [
        event("keepalive", sequence_number=3),
        event("response.some_new_event", delta={"a": 1}, item=5),
        Frame(b'{"type":"response.output_text.delta","output_index":"first","delta":"a"}'),
        text_delta(0, ""),
        event("response.output_text.delta", output_index=0, content_index=0, delta={"a": 1}),
        event("response.output_text.annotation.added", output_index=0, annotation="?"),
    ],
)
def test_strange_events_are_passed_over(frame: Frame) -> None:
    assert parts_of(frame, text_delta(1, "a")) == (Text(text="a"),)


def test_fields_that_only_this_dialect_knows_are_told_at_the_end() -> None:
    message = {"type": "message", "phase": "final_answer"}
    content = [{"type": "output_text", "text": "a"}]
    end = event("response.completed", response={"output": [], "content_filters": [1], "user": "u"})
    (*_, last) = events_of(CREATED, done(0, **message, content=content), end)
    assert isinstance(last, Ended)
    assert last.extras == {OWN: {"output.phase": ["final_answer"], "content_filters": [1]}}


def test_a_failed_reply_is_no_reply() -> None:
    with pytest.raises(RelayError):
        collect(events_of(CREATED, event("error", message="m")))
