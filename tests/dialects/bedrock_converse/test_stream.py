"""Streams, event by event: what begins a block, what ends it, what is held until it is whole."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.failure import FailureKind
from headgate.base.frames import Frame
from headgate.dialects.bedrock_converse.stream import BedrockStreamDecoder
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
    Image,
    Inline,
    Json,
    Opaque,
    Part,
    Signature,
    Text,
    Thinking,
    ToolCall,
)
from headgate.ir.usage import Usage
from tests.dialects.bedrock_converse.asked import PROOF

START = ("messageStart", {"role": "assistant"})
USAGE = {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}
METADATA = ("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}, "p": "abc"})


def stop(reason: str = "end_turn", **fields: Any) -> tuple[str, Json]:
    return "messageStop", {"stopReason": reason, "p": "a", **fields}


def delta(index: int, **fields: Any) -> tuple[str, Json]:
    return "contentBlockDelta", {"contentBlockIndex": index, "delta": fields, "p": "ab"}


def begin(index: int, **fields: Any) -> tuple[str, Json]:
    return "contentBlockStart", {"contentBlockIndex": index, "start": fields}


def end(index: int) -> tuple[str, Json]:
    return "contentBlockStop", {"contentBlockIndex": index}


def events(*told: tuple[str, Json], over: bool = True) -> list[Event]:
    decoder = BedrockStreamDecoder()
    found: list[Event] = []
    for name, payload in told:
        found += decoder.feed(Frame(json.dumps(payload).encode(), name))
    return found + decoder.end() if over else found


def parts(*told: tuple[str, Json]) -> tuple[Part, ...]:
    return collect(events(START, *told, stop(), METADATA)).choices[0].parts


def test_a_text_begins_with_its_first_delta() -> None:
    assert events(START, delta(0, text="He"), delta(0, text="y"), end(0), stop(), METADATA) == [
        Started(),
        PartStarted(0, Text(text="")),
        PartDelta(0, "He"),
        PartDelta(0, "y"),
        PartEnded(0),
        Finished(Finish(reason="stop", raw_reason="end_turn")),
        Ended(Usage(input=3, output=2)),
    ]


def test_usage_follows_after_the_end_and_may_get_lost() -> None:
    told = events(START, delta(0, text="x"), end(0), stop("max_tokens"), over=False)
    assert told[-1] == Finished(Finish(reason="length", raw_reason="max_tokens"))
    assert events(START, delta(0, text="x"), stop())[-1] == Ended(None)


def test_metadata_before_the_end_counts_as_well() -> None:
    found = events(START, delta(0, text="x"), METADATA, stop(), over=False)
    assert found[-1] == Ended(Usage(input=3, output=2))


def test_reasoning_has_text_then_its_proof() -> None:
    (thought, text) = parts(
        delta(0, reasoningContent={"text": "Hm"}),
        delta(0, reasoningContent={"text": "m"}),
        delta(0, reasoningContent={"signature": PROOF}),
        end(0),
        delta(1, text="x"),
        end(1),
    )
    assert thought == Thinking(text="Hmm", signature=Signature("anthropic", PROOF))
    assert text == Text(text="x")


def test_redacted_reasoning_is_held_until_it_is_whole() -> None:
    data = base64.b64encode(PROOF.encode())
    first = base64.b64encode(PROOF[:7].encode()).decode()
    second = base64.b64encode(PROOF[7:].encode()).decode()
    whole = Thinking(redacted=True, signature=Signature("anthropic", PROOF))
    assert parts(delta(0, reasoningContent={"redactedContent": data.decode()}), end(0)) == (whole,)
    assert parts(
        delta(0, reasoningContent={"redactedContent": first}),
        delta(0, reasoningContent={"redactedContent": second}),
    ) == (whole,)


def test_calls_begin_by_name_and_grow() -> None:
    start = begin(1, toolUse={"toolUseId": "t1", "name": "f"})
    assert parts(
        delta(0, text="x"),
        end(0),
        start,
        delta(1, toolUse={"input": ""}),
        delta(1, toolUse={"input": '{"a"'}),
        delta(1, toolUse={"input": ":1}"}),
        end(1),
    ) == (Text(text="x"), ToolCall(call_id="t1", name="f", arguments='{"a":1}'))
    assert parts(start, end(1)) == (ToolCall(call_id="t1", name="f", arguments="{}"),)


def test_a_call_is_a_reason_even_where_the_model_forgets_it() -> None:
    found = events(START, begin(0, toolUse={"toolUseId": "t", "name": "f"}), end(0), stop())
    assert Finished(Finish(reason="tool_calls", raw_reason="end_turn")) in found


def test_tools_of_bedrock_and_their_results_are_held_whole() -> None:
    use = {"toolUseId": "t", "name": "nova_grounding", "type": "server_tool_use"}
    assert parts(
        begin(0, toolUse=use),
        delta(0, toolUse={"input": '{"q":'}),
        delta(0, toolUse={"input": "1}"}),
        end(0),
        begin(1, toolResult={"toolUseId": "t", "status": "success"}),
        delta(1, toolResult=[{"text": "a"}]),
        delta(1, toolResult=[{"text": "b"}]),
        end(1),
    ) == (
        Opaque(dialect="bedrock_converse", block={"toolUse": {**use, "input": {"q": 1}}}),
        Opaque(
            dialect="bedrock_converse",
            block={
                "toolResult": {
                    "toolUseId": "t",
                    "status": "success",
                    "content": [{"text": "a"}, {"text": "b"}],
                }
            },
        ),
    )


def test_images_are_joined() -> None:
    assert parts(
        begin(0, image={"format": "png"}),
        delta(0, image={"source": {"bytes": base64.b64encode(b"a").decode()}}),
        delta(0, image={"source": {"bytes": base64.b64encode(b"bc").decode()}}),
        end(0),
    ) == (Image(source=Inline("image/png", base64.b64encode(b"abc").decode())),)


def test_citations_belong_to_their_text() -> None:
    citation = {"title": "t", "location": {"documentChar": {"documentIndex": 0}}}
    (text,) = parts(delta(0, text="x"), delta(0, citation=citation), end(0))
    assert isinstance(text, Text)
    assert [each.native for each in text.citations] == [citation]


def test_kinds_that_are_new_are_kept() -> None:
    assert parts(
        delta(0, novelty={"a": 1, "s": "x"}), delta(0, novelty={"b": 2}), delta(0, more="y")
    ) == (
        Opaque(
            dialect="bedrock_converse", block={"novelty": {"a": 1, "s": "x", "b": 2}, "more": "y"}
        ),
    )
    assert parts(begin(0, fresh={"a": 1}), end(0)) == (
        Opaque(dialect="bedrock_converse", block={"fresh": {"a": 1}}),
    )


def test_deltas_that_do_not_fit_their_block_break_nothing() -> None:
    assert parts(begin(0, toolResult=5), delta(0, toolUse={"input": "{}"})) == (
        Opaque(dialect="bedrock_converse", block={"toolResult": 5, "toolUse": {"input": {}}}),
    )
    assert parts(begin(0, image=5), delta(0, image={"source": {"bytes": "x"}}), end(0)) == (
        Opaque(dialect="bedrock_converse", block={"image": {"source": {"bytes": "x"}}}),
    )
    twice = delta(0, reasoningContent={"redactedContent": "é"})
    (thought,) = parts(twice, twice)
    assert thought == Thinking(redacted=True, signature=Signature("bedrock_converse", "éé"))


def test_deltas_and_events_that_say_nothing_give_nothing() -> None:
    assert parts(delta(0, text=""), delta(1), ("novelEvent", {}), end(0), end(9)) == ()
    assert parts(delta(0, text="x"), delta(0, reasoningContent={}), delta(0)) == (Text(text="x"),)


def test_a_stream_that_forgets_its_start_still_begins() -> None:
    assert events(delta(0, text="x"))[0] == Started()
    assert events(START, START, delta(0, text="x")).count(Started()) == 1


def test_a_block_that_is_not_closed_ends_with_the_message() -> None:
    found = events(START, delta(0, text="x"), stop(), stop(), METADATA)
    assert found[-3:] == [
        PartEnded(0),
        Finished(Finish(reason="stop", raw_reason="end_turn")),
        Ended(Usage(input=3, output=2)),
    ]


def test_the_stop_sequence_and_what_only_converse_tells() -> None:
    more = {"delta": {"stop_sequence": "END"}}
    found = events(
        START,
        delta(0, text="x"),
        stop("stop_sequence", additionalModelResponseFields=more),
        ("metadata", {"usage": USAGE, "trace": {"guardrail": {}}, "serviceTier": {"type": "flex"}}),
    )
    finish = Finish(reason="stop_sequence", raw_reason="stop_sequence", stop_sequence="END")
    assert found[-2] == Finished(finish)
    extras: dict[str, Json] = {"bedrock_converse": {"trace": {"guardrail": {}}}}
    assert found[-1] == Ended(Usage(input=3, output=2), "flex", extras)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("throttlingException", FailureKind.UPSTREAM_RATE_LIMITED),
        ("modelStreamErrorException", FailureKind.UPSTREAM_ERROR),
        ("error", FailureKind.UPSTREAM_ERROR),
    ],
)
def test_an_exception_ends_the_stream(name: str, kind: FailureKind) -> None:
    found = events(START, delta(0, text="x"), (name, {"message": "oh"}), delta(0, text="y"))
    assert isinstance(found[-1], Failed)
    assert (found[-1].failure.kind, found[-1].failure.message) == (kind, "oh")
    assert PartDelta(0, "y") not in found


def test_a_stream_that_stops_early_is_interrupted() -> None:
    found = events(START, delta(0, text="x"))
    assert isinstance(found[-1], Failed)
    assert found[-1].failure.kind is FailureKind.UPSTREAM_INTERRUPTED


@pytest.mark.parametrize("data", [b"x", b"[]", b'{"delta":7}', b'{"delta":{"text":7}}', b"\xff"])
def test_words_that_are_none_of_this_wire_are_a_bad_reply(data: bytes) -> None:
    (failed,) = BedrockStreamDecoder().feed(Frame(data, "contentBlockDelta"))
    assert isinstance(failed, Failed)
    assert failed.failure.kind is FailureKind.UPSTREAM_BAD_REPLY


names = st.sampled_from(
    [
        *("messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop"),
        *("messageStop", "metadata", "other", "error", "xException"),
    ]
)
scalars = st.none() | st.booleans() | st.integers(-1, 3) | st.text("ab=", max_size=3)
keys = st.sampled_from(
    [
        *("contentBlockIndex", "delta", "start", "text", "toolUse", "toolResult", "input", "name"),
        *("reasoningContent", "redactedContent", "signature", "image", "source", "bytes", "type"),
        *("citation", "location", "stopReason", "usage", "additionalModelResponseFields", "trace"),
        *("toolUseId", "format", "content", "serviceTier"),
    ]
)
payloads = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.tuples(names, payloads | st.dictionaries(keys, payloads)), max_size=8))
def test_no_stream_crashes_the_decoder_and_none_ends_in_silence(
    told: list[tuple[str, Any]],
) -> None:
    found = events(*told)
    assert isinstance(found[-1], Ended | Failed)
