from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from headgate.base.failure import Failure, FailureKind
from headgate.base.frames import Frame
from headgate.dialects.dialect import ReplyContext
from headgate.dialects.framing.sse import SseDecoder
from headgate.dialects.openai_responses.stream import ResponsesStreamDecoder
from headgate.dialects.openai_responses.stream_encoder import ResponsesStreamEncoder, encode_reply
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
from headgate.ir.reply import Choice, Finish, FinishReason, Reply
from headgate.ir.request import (
    Audio,
    Citation,
    File,
    Image,
    Inline,
    Opaque,
    Part,
    Refusal,
    Remote,
    Signature,
    Text,
    Thinking,
    ToolCall,
    Uploaded,
)
from headgate.ir.usage import Usage

STOP = Finished(Finish(reason="stop"))
USAGE = Usage(input=3, output=2)


def context(**asked: Any) -> ReplyContext:
    fields = {name: msgspec.Raw(json.dumps(value).encode()) for name, value in asked.items()}
    return ReplyContext(model="m", reply_id="r", created=7, fields=fields)


def frames_of(asked: ReplyContext, *events: Event) -> list[Frame]:
    encoder = ResponsesStreamEncoder(asked)
    return SseDecoder().feed(b"".join(encoder.feed(event) for event in events))


def shown(asked: ReplyContext, *events: Event) -> list[Any]:
    return [json.loads(frame.data) for frame in frames_of(asked, *events)]


def whole(index: int, part: Part, text: str = "") -> list[Event]:
    piece: list[Event] = [PartDelta(index, text)] if text else []
    return [PartStarted(index, part), *piece, PartEnded(index)]


def kinds(events: list[Any]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def said(*parts: Part, **asked: Any) -> tuple[list[Any], list[str]]:
    """Write a whole reply of these parts; give its output, and what was lost."""
    about = context(**asked)
    choice = Choice(parts=parts, finish=Finish(reason="stop"))
    reply = Reply(reply_id="", model="", choices=(choice,))
    output: list[Any] = json.loads(encode_reply(reply, about))["output"]
    return output, [loss.field for loss in about.losses]


def test_a_text_is_written_with_all_its_events() -> None:
    frames = frames_of(
        context(),
        Started(reply_id="chatcmpl-1", model="claude", created=9),
        PartStarted(0, Text(text="")),
        PartDelta(0, "Hel"),
        PartDelta(0, "lo"),
        PartEnded(0),
        STOP,
        Ended(USAGE),
    )
    events = [json.loads(frame.data) for frame in frames]
    assert [frame.event for frame in frames] == [event["type"] for event in events]
    assert kinds(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event["sequence_number"] for event in events] == list(range(10))
    assert events[4] == {
        "type": "response.output_text.delta",
        "sequence_number": 4,
        "item_id": "msg_r_0",
        "output_index": 0,
        "content_index": 0,
        "delta": "Hel",
        "logprobs": [],
    }
    message = {
        "id": "msg_r_0",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}],
    }
    assert events[8]["item"] == message
    response = events[9]["response"]
    assert (response["id"], response["model"], response["created_at"]) == ("resp_r", "claude", 9)
    assert response["status"] == "completed"
    assert response["output"] == [message]
    assert response["usage"]["total_tokens"] == 5


def test_items_come_one_after_the_other() -> None:
    events = shown(
        context(),
        Started(),
        *whole(0, Thinking(), "Hm."),
        *whole(1, Text(text=""), "a"),
        *whole(2, Refusal(), "no"),
        *whole(3, ToolCall(call_id="c", name="f", arguments="{}")),
        Finished(Finish(reason="tool_calls")),
        Ended(),
    )
    items = [event["item"] for event in events if event["type"].endswith("item.done")]
    assert [(item["type"], item["id"]) for item in items] == [
        ("reasoning", "rs_r_0"),
        ("message", "msg_r_1"),
        ("function_call", "fc_r_2"),
    ]
    assert [part["type"] for part in items[1]["content"]] == ["output_text", "refusal"]
    assert events[-1]["response"]["output"] == items


def test_interleaved_calls_are_put_in_order() -> None:
    events = shown(
        context(),
        PartStarted(0, ToolCall(call_id="c0", name="f")),
        PartStarted(1, ToolCall(call_id="c1", name="g")),
        PartDelta(1, '{"b"'),
        PartDelta(0, '{"a"'),
        PartEnded(0),
        PartDelta(1, ":1}"),
        PartEnded(1),
        Finished(Finish(reason="tool_calls")),
        Ended(),
    )
    assert [
        (event["type"].rpartition("response.")[2], event.get("output_index")) for event in events
    ][2:-1] == [
        ("output_item.added", 0),
        ("function_call_arguments.delta", 0),
        ("function_call_arguments.done", 0),
        ("output_item.done", 0),
        ("output_item.added", 1),
        ("function_call_arguments.delta", 1),
        ("function_call_arguments.delta", 1),
        ("function_call_arguments.done", 1),
        ("output_item.done", 1),
    ]
    assert [item["call_id"] for item in events[-1]["response"]["output"]] == ["c0", "c1"]


def test_what_did_not_end_is_ended() -> None:
    events = shown(context(), PartStarted(0, Text(text="a")), STOP, Ended())
    assert kinds(events)[-2:] == ["output_item.done", "completed"]
    assert kinds(shown(context(), STOP, Ended())) == ["created", "in_progress", "completed"]


@pytest.mark.parametrize(
    ("reason", "status", "details"),
    [
        ("stop", "completed", None),
        ("tool_calls", "completed", None),
        ("stop_sequence", "completed", None),
        ("pause", "completed", None),
        ("refusal", "incomplete", {"reason": "content_filter"}),
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("context_full", "incomplete", {"reason": "max_output_tokens"}),
        ("content_filter", "incomplete", {"reason": "content_filter"}),
        ("malformed_tool_call", "failed", None),
        ("error", "failed", None),
    ],
)
def test_ends_have_their_own_event(reason: FinishReason, status: str, details: Any) -> None:
    (*_, last) = shown(context(), Started(), Finished(Finish(reason=reason)), Ended())
    assert last["type"] == f"response.{status}"
    assert last["response"]["status"] == status
    assert last["response"]["incomplete_details"] == details
    assert (last["response"]["error"] is not None) == (status == "failed")


def test_a_failure_ends_the_stream_with_the_output_so_far() -> None:
    encoder = ResponsesStreamEncoder(context())
    data = b"".join(
        map(encoder.feed, [Started(), *whole(0, Text(text="a")), *whole(1, Thinking())])
    )
    failure = Failure(kind=FailureKind.UPSTREAM_INTERRUPTED, message="cut")
    data += encoder.feed(Failed(failure))
    *_, error, failed = (json.loads(frame.data) for frame in SseDecoder().feed(data))
    assert (error["type"], error["code"]) == ("error", "upstream_interrupted")
    assert failed["type"] == "response.failed"
    assert failed["response"]["error"] == {"code": "server_error", "message": "cut"}
    assert [item["type"] for item in failed["response"]["output"]] == ["message", "reasoning"]
    assert encoder.feed(Ended()) == b""


# ------------------------------------------------------------------------- proofs


def test_proofs_of_other_vendors_travel_in_reasoning_items() -> None:
    anthropic, gemini = Signature("anthropic", "EqQB=="), Signature("gemini", "AbC")
    parts = (
        Thinking(text="Hm.", signature=anthropic),
        Thinking(redacted=True, signature=anthropic),
        Text(text="a", signature=gemini),
        Text(text="", signature=gemini),
        Image(source=Inline("image/png", "AA=="), signature=gemini),
        ToolCall(call_id="c", name="f", arguments="{}", signature=gemini),
    )
    output, lost = said(*parts)
    assert [item["type"] for item in output] == [
        *("reasoning", "reasoning", "message", "reasoning", "reasoning", "reasoning"),
        *("image_generation_call", "reasoning", "function_call"),
    ]
    assert lost == []
    decoder = ResponsesStreamDecoder()
    end = {"type": "response.completed", "response": {"output": output}}
    assert collect(decoder.feed(Frame(json.dumps(end).encode()))).choices[0].parts == parts


def test_a_proof_that_comes_late_is_not_lost() -> None:
    signature = Signature("gemini", "s")
    events = shown(
        context(),
        PartStarted(0, ToolCall(call_id="c", name="f")),
        PartDelta(0, "{}", signature=signature),
        PartEnded(0),
        STOP,
        Ended(),
    )
    assert [item["type"] for item in events[-1]["response"]["output"]] == [
        "function_call",
        "reasoning",
    ]


# -------------------------------------------------------------------------- others


def test_free_text_calls_are_items_of_their_own() -> None:
    (item,), _ = said(ToolCall(call_id="c", name="patch", arguments="***", custom=True))
    assert (item["type"], item["id"], item["input"]) == ("custom_tool_call", "ctc_r_0", "***")


def test_namespaced_tools_are_called_by_their_own_names() -> None:
    space = {"type": "namespace", "name": "mcp__x", "tools": [{"type": "function", "name": "f"}]}
    (item,), _ = said(ToolCall(call_id="c", name="mcp__x__f", arguments="{}"), tools=[space])
    assert (item["name"], item["namespace"]) == ("f", "mcp__x")


def test_pictures_are_written_with_their_steps() -> None:
    events = shown(context(), *whole(0, Image(source=Inline("image/png", "AA=="))), STOP, Ended())
    assert kinds(events)[2:-1] == [
        "output_item.added",
        "image_generation_call.in_progress",
        "image_generation_call.generating",
        "image_generation_call.completed",
        "output_item.done",
    ]
    assert events[-2]["item"]["result"] == "AA=="


def test_a_picture_may_grow() -> None:
    events = shown(
        context(),
        PartStarted(0, Image(source=Inline("image/png", ""))),
        PartDelta(0, "AA"),
        PartDelta(0, "=="),
        PartEnded(0),
        STOP,
        Ended(),
    )
    assert events[-1]["response"]["output"][0]["result"] == "AA=="


def test_the_vendors_own_items_are_given_back() -> None:
    item = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    assert said(Opaque(dialect="openai_responses", block=item)) == ([item], [])


@pytest.mark.parametrize(
    ("part", "output", "lost"),
    [
        (
            Image(source=Remote("https://a/b.png")),
            "![image](https://a/b.png)",
            ["reply.image"],
        ),
        (Audio(source=Inline("", "AA=="), transcript="hello"), "hello", ["reply.audio"]),
        (Audio(source=Inline("", "AA==")), None, ["reply.audio"]),
        (Image(source=Uploaded("f", "gemini")), None, ["reply.image"]),
        (File(source=Remote("u")), None, ["reply.file"]),
        (Opaque(dialect="gemini", block={"executableCode": {}}), None, ["reply.executableCode"]),
        (Text(text="a", citations=(Citation(title="t"),)), "a", ["reply.citations"]),
    ],
)
def test_what_has_no_form_here_is_named(part: Part, output: str | None, lost: list[str]) -> None:
    items, found = said(part)
    texts = [item["content"][0]["text"] for item in items]
    assert texts == ([] if output is None else [output])
    assert found == lost


def test_there_is_one_answer_and_the_others_are_named() -> None:
    about = context()
    choice = Choice(parts=(Text(text="a"),), finish=Finish(reason="stop", stop_sequence="x"))
    other = Choice(parts=(Text(text="b"),), finish=Finish(reason="stop"), index=1)
    reply = Reply(
        reply_id="",
        model="",
        choices=(choice, other),
        usage=Usage(input=9, audio_input=4),
        system_fingerprint="fp",
        extras={"anthropic": {"container": {"id": "c"}}},
    )
    output = json.loads(encode_reply(reply, about))["output"]
    assert len(output) == 1
    assert {loss.field for loss in about.losses} == {
        *("reply.choices", "reply.stop_sequence", "reply.system_fingerprint"),
        *("reply.usage.audio_input", "reply.container"),
    }


def test_logprobs_of_no_text_are_named() -> None:
    about = context()
    delta = PartDelta(0, "{}", logprobs={"content": []})
    call = PartStarted(0, ToolCall(call_id="c", name="f"))
    shown(about, call, delta, PartEnded(0), STOP, Ended())
    assert [loss.field for loss in about.losses] == ["reply.logprobs"]


def test_usage_known_from_the_start_is_told_if_no_other_comes() -> None:
    (*_, last) = shown(context(), Started(usage=USAGE, service_tier="flex"), STOP, Ended())
    assert last["response"]["usage"]["input_tokens"] == 3
    assert last["response"]["service_tier"] == "flex"


def test_a_promise_stays_a_promise() -> None:
    choice = Choice(parts=(), finish=Finish(reason="pause", raw_reason="queued"))
    reply = Reply(reply_id="resp_9", model="m", choices=(choice,))
    written = json.loads(encode_reply(reply, context(background=True)))
    assert (written["id"], written["status"], written["background"]) == ("resp_9", "queued", True)


@pytest.mark.parametrize(
    ("parts", "status"), [((), "incomplete"), ((Refusal(text="No."),), "completed")]
)
def test_refusal_without_words_is_not_a_complete_answer(
    parts: tuple[Part, ...], status: str
) -> None:
    choice = Choice(parts=parts, finish=Finish(reason="refusal"))
    reply = Reply(reply_id="r", model="m", choices=(choice,))
    told = msgspec.json.decode(
        encode_reply(reply, ReplyContext(model="m", reply_id="r", created=1))
    )
    assert told["status"] == status
    wanted = {"reason": "content_filter"} if status == "incomplete" else None
    assert told["incomplete_details"] == wanted
