"""Every value of an upstream's reply reaches the caller, or is named as a loss.

Replies in the IR, with every kind of part from every origin, whole and as streams, to each caller;
the golden matrix begins with the upstreams' own words.
"""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.dialects.bridge import DIALECTS, WIRES
from headgate.dialects.dialect import ReplyContext
from headgate.ir.collect import replay
from headgate.ir.reply import FinishReason, Reply
from headgate.ir.request import Part
from headgate.ir.usage import Usage
from tests.dialects.bodies.marks import Leaf, Marks, haystack, leaves
from tests.dialects.bodies.replies import others, texts, whole, wholes

CALLERS = tuple(DIALECTS)
ORIGINS = (*WIRES, "another")
WAYS = [(caller, stream) for caller in CALLERS for stream in (False, True)]


def told(reply: Reply, caller: str, stream: bool) -> tuple[str, set[str]]:
    """Write a reply for a caller; give all that is said, and the names of the losses."""
    context = ReplyContext(model="m", reply_id="r", created=1, include_usage=True)
    dialect = DIALECTS[caller]
    if stream:
        encoder = dialect.stream_encoder(context)
        data = b"".join(encoder.feed(event) for event in replay(reply))
    else:
        data = dialect.encode_reply(reply, context)
    return haystack(data.decode()), {loss.field for loss in context.losses}


def missing(value: object, said: str) -> list[Leaf]:
    """List the marked values that are not said."""
    found = leaves(msgspec.to_builtins(value))
    return [leaf for leaf in found if any(mark not in said for mark in leaf.marks)]


@pytest.mark.parametrize(("caller", "stream"), WAYS)
@pytest.mark.parametrize("origin", ORIGINS)
def test_no_part_of_a_reply_is_lost_in_silence(caller: str, stream: bool, origin: str) -> None:
    marks = Marks()
    for part, names in [*texts(marks, origin), *others(marks, origin)]:
        said, lost = told(whole([part]), caller, stream)
        if missing(part, said):
            assert lost & set(names), (part, missing(part, said), lost)


@pytest.mark.parametrize(("caller", "stream"), WAYS)
@pytest.mark.parametrize("origin", ORIGINS)
def test_nothing_around_the_parts_is_lost_in_silence(
    caller: str, stream: bool, origin: str
) -> None:
    for field, (reply, names) in wholes(Marks(), origin).items():
        said, lost = told(reply, caller, stream)
        gone = missing(reply, said)
        assert not gone or lost & set(names), (field, gone, lost)


@pytest.mark.parametrize(("caller", "stream"), WAYS)
def test_no_count_is_lost_in_silence(caller: str, stream: bool) -> None:
    counts = Usage(
        input=10,
        cache_read=200,
        cache_write=3_000,
        cache_write_1h=2_000,
        output=40_000,
        reasoning=7_000,
        audio_input=5,
        audio_output=6_000,
        image_input=4,
        image_output=2_500,
        web_searches=77,
    )
    reply = msgspec.structs.replace(whole([]), usage=counts)
    full = told(reply, caller, stream)
    for name in Usage.__struct_fields__:
        if name.startswith("inner_") or getattr(counts, name) == 0:
            continue  # for the bill, and not for callers
        other = msgspec.structs.replace(counts, **{name: 0})
        assert told(msgspec.structs.replace(reply, usage=other), caller, stream) != full, name


@pytest.mark.parametrize(("caller", "stream"), WAYS)
def test_an_end_that_has_no_word_is_named(caller: str, stream: bool) -> None:
    plain = told(whole([]), caller, stream)
    reasons: tuple[FinishReason, ...] = ("length", "context_full", "pause", "malformed_tool_call")
    for reason in reasons:
        said, lost = told(whole([], reason), caller, stream)
        assert said != plain[0] or "reply.finish_reason" in lost, reason


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_nothing_is_lost_in_silence_among_other_parts(data: st.DataObject) -> None:
    caller, stream = data.draw(st.sampled_from(WAYS))
    origin = data.draw(st.sampled_from(ORIGINS))
    marks = Marks()
    known = [*texts(marks, origin), *others(marks, origin)]
    drawn = data.draw(st.lists(st.sampled_from(range(len(known))), max_size=6, unique=True))
    parts: list[Part] = [known[index].part for index in drawn]
    said, lost = told(whole(parts), caller, stream)
    for index in drawn:
        part, names = known[index]
        gone = missing(part, said)
        assert not gone or lost & set(names), (part, gone, lost)
