from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.ir.collect import Collector, LogprobPieces, collect, replay
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
    Image,
    Inline,
    Opaque,
    Signature,
    Text,
    Thinking,
    ToolCall,
)
from headgate.ir.usage import Usage
from tests.ir.replies import replies

STOP = Finish(reason="stop", raw_reason="stop")


def whole(*events: Event) -> Choice:
    """Collect the only choice of a stream that ends well."""
    reply = collect([Started(), *events, Finished(STOP), Ended()])
    return reply.choices[0]


@given(replies())
def test_collecting_a_replay_gives_the_reply_back(reply: Reply) -> None:
    assert collect(replay(reply)) == reply


@given(replies())
def test_a_replay_keeps_the_order_of_events(reply: Reply) -> None:
    events = list(replay(reply))
    kinds = [type(event) for event in events]
    assert kinds[0] is Started
    assert kinds[-1] is Ended
    assert kinds.count(PartStarted) == kinds.count(PartEnded)
    assert kinds.count(Finished) == len(reply.choices)


def test_deltas_join_in_order() -> None:
    choice = whole(
        PartStarted(0, Text(text="a")), PartDelta(0, "b"), PartDelta(0, "c"), PartEnded(0)
    )
    assert choice.parts == (Text(text="abc"),)


def test_interleaved_tool_calls_are_told_apart_by_index() -> None:
    choice = whole(
        PartStarted(0, ToolCall(call_id="x", name="f")),
        PartStarted(1, ToolCall(call_id="y", name="g")),
        PartDelta(0, '{"a"'),
        PartDelta(1, "{}"),
        PartDelta(0, ":1}"),
    )
    assert choice.parts == (
        ToolCall(call_id="x", name="f", arguments='{"a":1}'),
        ToolCall(call_id="y", name="g", arguments="{}"),
    )


def test_citations_and_a_late_signature_reach_their_part() -> None:
    choice = whole(
        PartStarted(0, Thinking()),
        PartDelta(0, "hm"),
        PartDelta(0, signature=Signature("anthropic", "sig")),
        PartStarted(1, Text(text="see")),
        PartDelta(1, citations=(Citation(url="u"),)),
    )
    assert choice.parts == (
        Thinking(text="hm", signature=Signature("anthropic", "sig")),
        Text(text="see", citations=(Citation(url="u"),)),
    )


def test_media_data_and_transcripts_join() -> None:
    choice = whole(
        PartStarted(0, Audio(source=Inline("audio/wav", ""), audio_id="a")),
        PartDelta(0, "AAAA", transcript="hel"),
        PartDelta(0, "BBBB", transcript="lo"),
        PartStarted(1, Image(source=Inline("image/png", "CC"))),
        PartDelta(1, "DD"),
    )
    assert choice.parts == (
        Audio(source=Inline("audio/wav", "AAAABBBB"), audio_id="a", transcript="hello"),
        Image(source=Inline("image/png", "CCDD")),
    )


def test_logprobs_join_by_list_and_keep_null() -> None:
    choice = whole(
        PartStarted(0, Text(text="")),
        PartDelta(0, "a", logprobs={"content": [{"token": "a"}], "refusal": None}),
        PartDelta(0, "b", logprobs={"content": [{"token": "b"}], "refusal": None}),
    )
    assert choice.logprobs == {"content": [{"token": "a"}, {"token": "b"}], "refusal": None}


def test_opaque_parts_stay_as_they_started() -> None:
    block = Opaque(dialect="d", block={"type": "x"})
    assert whole(PartStarted(0, block), PartEnded(0)).parts == (block,)


def test_the_last_usage_wins() -> None:
    early, final = Usage(input=3), Usage(input=3, output=5)
    began = Started(usage=early)
    assert collect([began, Finished(STOP), Ended(usage=final)]).usage == final
    assert collect([began, Finished(STOP), Ended()]).usage == early


def test_choices_come_in_the_order_of_their_index() -> None:
    reply = collect(
        [
            Started(),
            PartStarted(0, Text(text="second"), choice=1),
            PartStarted(0, Text(text="first"), choice=0),
            Finished(STOP, choice=1),
            Finished(STOP, choice=0),
            Ended(),
        ]
    )
    assert [choice.parts for choice in reply.choices] == [
        (Text(text="first"),),
        (Text(text="second"),),
    ]


def test_a_failed_stream_raises_its_failure() -> None:
    failure = Failure(kind=FailureKind.UPSTREAM_OVERLOADED, message="busy")
    with pytest.raises(RelayError) as raised:
        collect([Started(), Failed(failure)])
    assert raised.value.failure is failure


def test_a_stream_without_an_end_is_not_a_reply() -> None:
    with pytest.raises(RelayError) as raised:
        collect([Started(), PartStarted(0, Text(text="half"))])
    assert raised.value.failure.kind is FailureKind.UPSTREAM_INTERRUPTED


def test_fields_that_only_one_dialect_knows_go_along() -> None:
    extras = {"anthropic": {"container": {"id": "c"}}}
    choice = Choice(parts=(Text(text="a"),), finish=Finish(reason="stop"))
    reply = Reply(reply_id="r", model="m", choices=(choice,), extras=extras)
    assert collect(replay(reply)) == reply


def test_log_probabilities_of_many_deltas_are_joined_without_touching_them() -> None:
    first = {"content": [{"token": "a"}], "refusal": None}
    pieces = LogprobPieces()
    for more in (first, {"content": [{"token": "b"}]}, {"content": None}):
        pieces.add(more)
    assert pieces.joined() == {"content": [{"token": "a"}, {"token": "b"}], "refusal": None}
    assert first["content"] == [{"token": "a"}]


def test_reply_of_many_small_pieces_is_kept_in_little_memory() -> None:
    collector = Collector()
    collector.feed(Started())
    collector.feed(PartStarted(0, Text(text="")))
    tracemalloc.start()
    for number in range(20_000):
        collector.feed(PartDelta(0, f"{number:04}"[-4:]))
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    for event in (PartEnded(0), Finished(Finish(reason="stop")), Ended()):
        collector.feed(event)
    (text,) = collector.reply().choices[0].parts
    assert isinstance(text, Text)
    assert len(text.text) == 80_000
    assert held_bytes < 3 * len(text.text)
