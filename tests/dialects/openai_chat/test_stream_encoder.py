from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headgate.base.failure import Failure, FailureKind
from headgate.dialects.dialect import ReplyContext
from headgate.dialects.openai_chat.stream_encoder import ChatStreamEncoder
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
from headgate.ir.usage import Usage

Json = dict[str, Any]
STOP = Finished(Finish(reason="stop"))
ROLE = {"role": "assistant", "content": ""}


def written(*events: Event, include_usage: bool = False) -> list[Any]:
    """Encode the events; give each chunk's JSON, and "[DONE]" as itself."""
    context = ReplyContext(model="asked", reply_id="r", created=7, include_usage=include_usage)
    encoder = ChatStreamEncoder(context)
    data = b"".join(encoder.feed(event) for event in events)
    frames = data.decode().split("\n\n")
    assert frames.pop() == ""
    assert all(frame.startswith("data: ") for frame in frames)
    texts = [frame.removeprefix("data: ") for frame in frames]
    return [text if text == "[DONE]" else msgspec.json.decode(text) for text in texts]


def deltas(*events: Event) -> list[Json]:
    """Encode what happens between start and finish; give the deltas."""
    found = written(Started(reply_id="chatcmpl-1", model="m"), *events)
    assert found[0]["choices"][0]["delta"] == ROLE
    return [chunk["choices"][0]["delta"] for chunk in found[1:]]


def test_a_stream_has_openais_order() -> None:
    chunks = written(
        Started(reply_id="chatcmpl-1", model="m", created=9, system_fingerprint="fp"),
        PartStarted(0, Text(text="")),
        PartDelta(0, "a"),
        PartEnded(0),
        STOP,
        Ended(Usage(input=3, output=1)),
    )
    head = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 9,
        "model": "m",
        "system_fingerprint": "fp",
    }
    role, text, finish, done = chunks
    assert role == {**head, "choices": [{"index": 0, "delta": ROLE, "finish_reason": None}]}
    assert text["choices"] == [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}]
    assert finish["choices"] == [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    assert done == "[DONE]"


def test_who_asked_gets_the_usage_in_a_chunk_without_choices() -> None:
    *earlier, usage, done = written(
        Started(), STOP, Ended(Usage(input=3, output=1)), include_usage=True
    )
    assert all(chunk["usage"] is None for chunk in earlier)
    assert usage["choices"] == []
    assert usage["usage"]["total_tokens"] == 4
    assert done == "[DONE]"


def test_without_a_count_there_is_no_usage_chunk() -> None:
    assert len(written(Started(), STOP, Ended(), include_usage=True)) == 3


def test_what_the_upstream_did_not_tell_comes_from_the_context() -> None:
    (role,) = written(Started())
    assert (role["id"], role["model"], role["created"]) == ("chatcmpl-r", "asked", 7)


@pytest.mark.parametrize(
    ("part", "key"),
    [
        (Text(text=""), "content"),
        (Thinking(), "reasoning_content"),
        (Refusal(), "refusal"),
    ],
)
def test_texts_go_piece_by_piece(part: Part, key: str) -> None:
    assert deltas(PartStarted(0, part), PartDelta(0, 'a"\n'), PartDelta(0, "é"), PartEnded(0)) == [
        {key: 'a"\n'},
        {key: "é"},
    ]


def test_a_part_may_start_with_text() -> None:
    assert deltas(PartStarted(0, Text(text="a")), PartEnded(0)) == [{"content": "a"}]


def test_parallel_calls_are_numbered_apart_from_other_parts() -> None:
    found = deltas(
        PartStarted(0, Text(text="a")),
        PartEnded(0),
        PartStarted(1, ToolCall(call_id="x", name="f")),
        PartStarted(2, ToolCall(call_id="y", name="g", custom=True)),
        PartDelta(1, "{}"),
        PartDelta(2, "in"),
    )
    assert found[1:] == [
        {
            "tool_calls": [
                {
                    "index": 0,
                    "id": "x",
                    "type": "function",
                    "function": {"name": "f", "arguments": ""},
                }
            ]
        },
        {
            "tool_calls": [
                {"index": 1, "id": "y", "type": "custom", "custom": {"name": "g", "input": ""}}
            ]
        },
        {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]},
        {"tool_calls": [{"index": 1, "custom": {"input": "in"}}]},
    ]


def test_a_gemini_signature_is_in_the_calls_id() -> None:
    signed = ToolCall(call_id="x", name="f", signature=Signature("gemini", "s" * 20))
    (delta,) = deltas(PartStarted(0, signed))
    assert delta["tool_calls"][0]["id"].startswith("call_")
    assert delta["tool_calls"][0]["id"].endswith(".hg-x")


def test_a_signed_thought_is_told_whole_at_its_end() -> None:
    found = deltas(
        PartStarted(0, Thinking()),
        PartDelta(0, "h"),
        PartDelta(0, "m"),
        PartDelta(0, signature=Signature("anthropic", "s")),
        PartEnded(0),
        PartStarted(1, Thinking(redacted=True, signature=Signature("anthropic", "d"))),
        PartEnded(1),
    )
    details = [delta["reasoning_details"][0] for delta in found[2:]]
    assert details == [
        {
            "type": "reasoning.text",
            "text": "hm",
            "signature": "s",
            "format": "anthropic-claude-v1",
            "index": 0,
        },
        {
            "type": "reasoning.encrypted",
            "data": "d",
            "format": "anthropic-claude-v1",
            "index": 1,
        },
    ]


def test_a_picture_goes_out_whole() -> None:
    found = deltas(
        PartStarted(0, Image(source=Inline("image/png", "AA"))), PartDelta(0, "BB"), PartEnded(0)
    )
    url = {"url": "data:image/png;base64,AABB"}
    assert found == [{"images": [{"type": "image_url", "image_url": url, "index": 0}]}]


def test_audio_goes_piece_by_piece() -> None:
    found = deltas(
        PartStarted(0, Audio(source=Inline("", ""), audio_id="au", expires_at=9)),
        PartDelta(0, "AA", transcript="hi"),
        PartEnded(0),
    )
    assert found == [
        {"audio": {"id": "au", "data": "", "transcript": "", "expires_at": 9}},
        {"audio": {"data": "AA", "transcript": "hi"}},
    ]


def test_citations_are_annotations() -> None:
    citations = (Citation(url="u", title="t", start=1, end=2), Citation(title="no link"))
    found = deltas(PartStarted(0, Text(text="")), PartDelta(0, "a", citations=citations))
    link = {"url": "u", "title": "t", "start_index": 1, "end_index": 2}
    assert found == [
        {"content": "a"},
        {"annotations": [{"type": "url_citation", "url_citation": link}]},
    ]


def test_logprobs_stand_beside_the_delta() -> None:
    *_, chunk = written(
        Started(),
        PartStarted(0, Text(text="")),
        PartDelta(0, "a", logprobs={"content": [{"token": "a"}]}),
    )
    (choice,) = chunk["choices"]
    assert choice["delta"] == {"content": "a"}
    assert choice["logprobs"] == {"content": [{"token": "a"}]}
    assert choice["finish_reason"] is None


def test_every_choice_opens_with_its_role() -> None:
    chunks = written(
        Started(),
        PartStarted(0, Text(text="a"), choice=1),
        Finished(Finish(reason="length"), choice=1),
        STOP,
    )
    seen = [(each["choices"][0]["index"], each["choices"][0]["delta"]) for each in chunks]
    assert seen == [(0, ROLE), (1, ROLE), (1, {"content": "a"}), (1, {}), (0, {})]


def test_foreign_blocks_are_left_out() -> None:
    block = Opaque(dialect="anthropic", block={"type": "x"})
    assert deltas(PartStarted(0, block), PartDelta(0, "?"), PartEnded(0)) == []


def test_after_a_failure_nothing_follows() -> None:
    failure = Failure(kind=FailureKind.UPSTREAM_INTERRUPTED, message="cut")
    chunks = written(Started(), Failed(failure), STOP, Ended())
    assert len(chunks) == 2
    assert chunks[1]["error"]["message"] == "cut"
    assert chunks[1]["error"]["code"] == "upstream_interrupted"
    assert chunks[1]["error"]["request_id"] == "r"


def test_a_failure_may_be_all_there_is() -> None:
    failure = Failure(kind=FailureKind.UPSTREAM_OVERLOADED, message="busy")
    (chunk,) = written(Failed(failure))
    assert chunk["error"]["type"] == "server_error"


def test_the_tier_that_is_told_at_the_end_is_in_the_usage_chunk() -> None:
    ended = Ended(Usage(output=1), "priority")
    *_, chunk, _ = written(Started(service_tier="auto"), STOP, ended, include_usage=True)
    assert chunk["service_tier"] == "priority"
    assert chunk["usage"]["completion_tokens"] == 1


def lost(*events: Event) -> list[str]:
    """Encode the events; give what they lose."""
    context = ReplyContext(model="asked", reply_id="r", created=7)
    encoder = ChatStreamEncoder(context)
    for event in events:
        encoder.feed(event)
    return [loss.field for loss in context.losses]


def test_what_a_stream_cannot_carry_is_named() -> None:
    assert lost(
        Started(),
        PartStarted(0, Text(text="")),
        PartDelta(0, "a", citations=(Citation(title="a book"),)),
        PartDelta(0, signature=Signature("gemini", "s")),
        PartEnded(0),
        PartStarted(1, Opaque(dialect="anthropic", block={"type": "web_search_tool_result"})),
        PartEnded(1),
        Finished(Finish(reason="pause", stop_sequence="x")),
        Ended(service_tier="flex", extras={"anthropic": {"container": {"id": "c"}}}),
    ) == [
        "reply.citations",
        "reply.signature",
        "reply.web_search_tool_result",
        "reply.stop_sequence",
        "reply.finish_reason",
        "reply.container",
        "reply.service_tier",
    ]


def test_a_plain_answer_loses_nothing() -> None:
    assert (
        lost(
            Started(),
            PartStarted(0, Thinking()),
            PartDelta(0, "hm", signature=Signature("anthropic", "s")),
            PartEnded(0),
            PartStarted(1, Text(text="")),
            PartDelta(1, "a", logprobs={"content": []}),
            PartEnded(1),
            STOP,
            Ended(Usage(output=1)),
        )
        == []
    )


def test_of_two_sounds_the_first_is_told_and_the_second_named() -> None:
    first, second = (Audio(source=Inline("audio/wav", data)) for data in ("AAAA", "BBBB"))
    events: list[Event] = []
    for index, sound in enumerate((first, second)):
        events += [PartStarted(index, sound), PartDelta(index, "CCCC"), PartEnded(index)]
    assert [piece["audio"]["data"] for piece in deltas(*events)] == ["AAAA", "CCCC"]
    assert lost(*events) == ["reply.audio"]
