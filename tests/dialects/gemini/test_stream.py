from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.base.frames import Frame
from headgate.dialects.gemini.stream import GeminiStreamDecoder
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
from headgate.ir.reply import Choice, Finish, Reply
from headgate.ir.request import (
    Audio,
    Citation,
    File,
    Image,
    Inline,
    Json,
    Opaque,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
)
from headgate.ir.usage import Usage

PROOF = Signature("gemini", "c2ln")


def frame(*parts: Json, finish: Any = None, index: int | None = None, **more: Any) -> Json:
    """Make a frame of one candidate; what is not of the candidate goes beside it."""
    candidate: Json = {"content": {"role": "model", "parts": list(parts)}}
    beside = {name: more.pop(name) for name in list(more) if name in BESIDE}
    candidate |= more
    if finish is not None:
        candidate["finishReason"] = finish
    if index is not None:
        candidate["index"] = index
    return {"candidates": [candidate]} | beside


BESIDE = {"usageMetadata", "modelVersion", "responseId", "createTime", "promptFeedback"}


def events(*wires: object) -> list[Event]:
    decoder = GeminiStreamDecoder()
    frames = [
        Frame(wire if isinstance(wire, bytes) else msgspec.json.encode(wire)) for wire in wires
    ]
    found = [event for made in frames for event in decoder.feed(made)]
    return found + decoder.end()


def reply(*wires: object) -> Reply:
    return collect(events(*wires))


def choice(*wires: object) -> Choice:
    return reply(*wires).choices[0]


def failure(*wires: object) -> FailureKind:
    with pytest.raises(RelayError) as caught:
        reply(*wires)
    return caught.value.failure.kind


def test_a_stream_is_told_in_order() -> None:
    told = events(
        frame(
            {"text": "hm", "thought": True},
            responseId="r1",
            modelVersion="models/gemini-x",
            createTime="2026-05-19T14:59:42.780296Z",
        ),
        frame({"text": "Hel"}, usageMetadata={"promptTokenCount": 4, "candidatesTokenCount": 1}),
        frame(
            {"text": "lo"},
            finish="STOP",
            usageMetadata={
                "promptTokenCount": 4,
                "candidatesTokenCount": 2,
                "serviceTier": "standard",
            },
        ),
    )
    assert told == [
        Started(reply_id="r1", model="gemini-x", created=1_779_202_782),
        PartStarted(0, Thinking()),
        PartDelta(0, "hm"),
        PartEnded(0),
        PartStarted(1, Text(text="")),
        PartDelta(1, "Hel"),
        PartDelta(1, "lo"),
        PartEnded(1),
        Finished(Finish(reason="stop", raw_reason="STOP")),
        Ended(Usage(input=4, output=2), "standard"),
    ]


def test_each_event_comes_with_its_frame() -> None:
    decoder = GeminiStreamDecoder()
    assert PartDelta(0, "a") in decoder.feed(Frame(msgspec.json.encode(frame({"text": "a"}))))


def test_the_last_usage_counts_and_a_frame_without_does_not_forget_it() -> None:
    found = reply(
        frame({"text": "a"}, usageMetadata={"promptTokenCount": 1}),
        frame({"text": "b"}, usageMetadata={"promptTokenCount": 2}),
        frame({"text": "c"}, finish="STOP"),
    )
    assert found.usage == Usage(input=2)
    assert reply(frame({"text": "c"}, finish="STOP")).usage is None


def test_usage_may_come_after_the_finish() -> None:
    found = reply(frame({"text": "a"}, finish="STOP"), {"usageMetadata": {"promptTokenCount": 7}})
    assert found.usage == Usage(input=7)


def test_a_finish_in_every_frame_is_no_end() -> None:
    found = choice(frame({"text": "a"}, finish="STOP"), frame({"text": "b"}, finish="STOP"))
    assert found.parts == (Text(text="ab"),)


def test_function_calls_come_whole_and_end_with_tool_calls() -> None:
    found = choice(
        frame(
            {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"},
            {"functionCall": {"name": "g"}},
            {"functionCall": {"name": "h", "id": "theirs", "args": {}}},
            responseId="r1",
            finish="STOP",
        )
    )
    assert found.finish == Finish(reason="tool_calls", raw_reason="STOP")
    assert found.parts == (
        ToolCall(call_id="call_gm_r1_1", name="f", arguments='{"a":1}', signature=PROOF),
        ToolCall(call_id="call_gm_r1_2", name="g", arguments="{}"),
        ToolCall(call_id="theirs", name="h", arguments="{}"),
    )


def test_calls_of_replies_without_an_id_have_ids_of_their_own() -> None:
    call = frame({"functionCall": {"name": "f"}}, {"functionCall": {"name": "f"}}, finish="STOP")
    parts = [*choice(call).parts, *choice(call).parts]
    ids = [part.call_id for part in parts if isinstance(part, ToolCall)]
    assert len(set(ids)) == 4
    assert max(map(len, ids)) <= 40


def test_the_signature_of_a_call_is_told_at_its_start() -> None:
    """OpenAI callers get it inside of the call's id (K85 of uni-api)."""
    call = {"functionCall": {"name": "f"}, "thoughtSignature": "c2ln"}
    heads = [
        event.part for event in events(frame(call, finish="STOP")) if isinstance(event, PartStarted)
    ]
    assert [head.signature for head in heads if isinstance(head, ToolCall)] == [PROOF]


def test_arguments_that_come_in_pieces_are_joined() -> None:
    found = choice(
        frame({"functionCall": {"name": "f", "willContinue": True}}, responseId="r"),
        frame(
            {
                "functionCall": {
                    "partialArgs": [{"jsonPath": "$.a", "stringValue": "x", "willContinue": True}],
                    "willContinue": True,
                }
            }
        ),
        frame({"functionCall": {"partialArgs": [{"jsonPath": "$.a", "stringValue": "y"}]}}),
        frame({"functionCall": {"name": "g", "willContinue": True}}),
        frame({"functionCall": {}}, finish="STOP"),
    )
    calls = [(part.name, part.arguments) for part in found.parts if isinstance(part, ToolCall)]
    assert calls == [("f", '{"a":"xy"}'), ("g", "{}")]


def test_a_call_that_the_stream_leaves_open_is_closed() -> None:
    found = choice(frame({"functionCall": {"name": "f", "willContinue": True}}, finish="STOP"))
    assert [type(part) for part in found.parts] == [ToolCall]


def test_pieces_that_do_not_fit_are_a_bad_reply() -> None:
    piece = {"partialArgs": [{"jsonPath": "$.a[9]", "stringValue": "x"}]}
    assert failure(frame({"functionCall": {"name": "f"} | piece})) is FailureKind.UPSTREAM_BAD_REPLY
    assert failure(frame({"functionCall": piece})) is FailureKind.UPSTREAM_BAD_REPLY


def test_signatures_stay_with_their_part() -> None:
    found = choice(
        frame({"text": "hm", "thought": True, "thoughtSignature": "c2ln"}),
        frame({"text": "a"}),
        frame({"text": "", "thoughtSignature": "c2ln"}, finish="STOP"),
    )
    assert found.parts == (Thinking(text="hm", signature=PROOF), Text(text="a", signature=PROOF))


def test_empty_texts_say_nothing() -> None:
    assert choice(frame({"text": ""}, {"text": "a"}, {"text": ""}, finish="STOP")).parts == (
        Text(text="a"),
    )


def test_media_are_parts() -> None:
    found = choice(
        frame(
            {"inlineData": {"mimeType": "image/png", "data": "AAAA"}, "thoughtSignature": "c2ln"},
            {"inlineData": {"mimeType": "application/pdf", "data": "AAAA"}},
            finish="STOP",
        )
    )
    assert found.parts == (
        Image(source=Inline("image/png", "AAAA"), signature=PROOF),
        File(source=Inline("application/pdf", "AAAA")),
    )


@pytest.mark.parametrize("sizes", [[3], [1, 1, 1], [2, 5, 4], [7]])
def test_pieces_of_sound_are_one_part_whose_base64_is_whole(sizes: list[int]) -> None:
    sound = bytes(range(sum(sizes)))
    pieces, at = [], 0
    for size in sizes:
        data = base64.b64encode(sound[at : at + size]).decode()
        pieces.append(frame({"inlineData": {"mimeType": "audio/L16;rate=24000", "data": data}}))
        at += size
    found = choice(*pieces, frame(finish="STOP"))
    whole = base64.b64encode(sound).decode()
    assert found.parts == (Audio(source=Inline("audio/L16;rate=24000", whole)),)


def test_sound_that_is_no_base64_is_passed_on_as_it_came() -> None:
    found = choice(frame({"inlineData": {"mimeType": "audio/wav", "data": "A"}}, finish="STOP"))
    assert found.parts == (Audio(source=Inline("audio/wav", "A")),)


def test_parts_without_a_word_of_ours_are_kept_as_they_are() -> None:
    code = {"executableCode": {"code": "1"}, "thoughtSignature": "c2ln"}
    draft = {"inlineData": {"mimeType": "image/png", "data": "AA"}, "thought": True}
    found = choice(frame({"text": "a"}, code, draft, {"thoughtSignature": "x"}, finish="STOP"))
    assert found.parts == (
        Text(text="a"),
        Opaque(dialect="gemini", block=code),
        Opaque(dialect="gemini", block=draft),
    )


def test_sources_become_citations_of_the_text() -> None:
    grounding = {
        "groundingChunks": [{"web": {"uri": "u", "title": "t"}}],
        "groundingSupports": [
            {"segment": {"endIndex": 3, "text": "üb"}, "groundingChunkIndices": [0]}
        ],
    }
    cited = {"citationSources": [{"uri": "v", "endIndex": 2}]}
    found = choice(
        frame({"text": "ü"}, groundingMetadata=grounding),
        frame({"text": "ber"}, finish="STOP", groundingMetadata=grounding, citationMetadata=cited),
    )
    assert found.parts == (
        Text(
            text="über",
            citations=(
                Citation(url="u", title="t", start=0, end=2),
                Citation(url="v", start=0, end=1),
            ),
        ),
    )


def test_a_text_without_end_is_not_kept_for_its_citations() -> None:
    cited = {"citationSources": [{"uri": "near", "endIndex": 2}, {"uri": "far", "endIndex": 2**21}]}
    frames = [frame({"text": "x" * 100_000}) for _ in range(15)]
    found = choice(*frames, frame(finish="STOP", citationMetadata=cited))
    (text,) = found.parts
    assert isinstance(text, Text)
    assert len(text.text) == 1_500_000
    assert text.citations == (
        Citation(url="near", start=0, end=2),
        Citation(url="far", start=0, end=1_000_000),
    )


def test_log_probabilities_are_joined() -> None:
    def told(token: str) -> Json:
        return {"chosenCandidates": [{"token": token, "logProbability": -1.0}]}

    found = choice(
        frame({"text": "a"}, logprobsResult=told("a")),
        frame({"text": "b"}, finish="STOP", logprobsResult=told("b")),
    )
    assert found.logprobs is not None
    assert [entry["token"] for entry in found.logprobs["content"]] == ["a", "b"]


def test_candidates_are_told_apart() -> None:
    found = reply(
        frame({"text": "a"}, index=0),
        frame({"text": "x"}, index=1, finish="MAX_TOKENS"),
        frame({"text": "b"}, index=0, finish="STOP"),
    )
    assert [(made.index, made.parts, made.finish.reason) for made in found.choices] == [
        (0, (Text(text="ab"),), "stop"),
        (1, (Text(text="x"),), "length"),
    ]


@pytest.mark.parametrize("finish", [1, "STOP"])
def test_finish_reasons_may_be_numbers(finish: object) -> None:
    assert choice(frame({"text": "a"}, finish=finish)).finish == Finish(
        reason="stop", raw_reason="STOP"
    )


def test_a_candidate_may_lack_content_parts_and_role() -> None:
    shapes: list[Json] = [{}, {"content": {}}, {"content": None}, {"content": {"parts": None}}]
    for candidate in shapes:
        found = choice({"candidates": [candidate | {"finishReason": "SAFETY"}]})
        assert (found.parts, found.finish.reason) == ((), "content_filter")


def test_a_blocked_prompt_is_a_refusal() -> None:
    feedback = {"blockReason": "SAFETY", "blockReasonMessage": "Reasons"}
    found = reply({"promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 9}})
    refused = Choice(
        parts=(Refusal(text="The prompt was blocked (SAFETY). Reasons"),),
        finish=Finish(reason="content_filter", raw_reason="SAFETY"),
    )
    assert found.choices == (refused,)
    assert found.usage == Usage(input=9)


def test_feedback_beside_an_answer_is_no_refusal() -> None:
    feedback: Json = {"safetyRatings": []}
    assert choice(frame({"text": "a"}, promptFeedback=feedback, finish="STOP")).parts == (
        Text(text="a"),
    )


def test_a_stream_that_breaks_off_is_interrupted() -> None:
    assert failure(frame({"text": "a"})) is FailureKind.UPSTREAM_INTERRUPTED
    assert failure() is FailureKind.UPSTREAM_INTERRUPTED


def test_an_end_of_one_candidate_is_none_of_the_other() -> None:
    cut = frame({"text": "b"}, index=1)
    assert failure(frame({"text": "a"}, finish="STOP", index=0), cut) is (
        FailureKind.UPSTREAM_INTERRUPTED
    )


@pytest.mark.parametrize(
    "data",
    [b"{", b"[1]", b"<html>", b'{"candidates":[{"content":7}]}', b"\xff", b'{"a":' + b"[" * 5000],
)
def test_a_frame_that_cannot_be_read_is_a_bad_reply(data: bytes) -> None:
    assert failure(frame({"text": "a"}), data) is FailureKind.UPSTREAM_BAD_REPLY


def test_an_error_frame_is_a_failure_of_its_kind_and_the_last_word() -> None:
    wire = {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}
    told = events(frame({"text": "a"}), wire, frame({"text": "b"}, finish="STOP"))
    assert isinstance(told[-1], Failed)
    assert told[-1].failure.kind is FailureKind.UPSTREAM_OVERLOADED
    assert failure({"error": "odd"}) is FailureKind.UPSTREAM_BAD_REPLY


def test_a_time_that_is_none_is_left_out() -> None:
    assert reply(frame({"text": "a"}, finish="STOP", createTime="soon")).created == 0
