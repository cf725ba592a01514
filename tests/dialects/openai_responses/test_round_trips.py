"""What is written and read again is the same, and so is a stream however it is cut."""

from __future__ import annotations

from itertools import pairwise

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.dialects.dialect import ReplyContext, Target
from headgate.dialects.openai_responses import OPENAI_RESPONSES
from headgate.ir.collect import collect, replay
from headgate.ir.events import Event
from headgate.ir.loss import Losses
from headgate.ir.reply import Reply
from headgate.ir.request import ChatRequest
from tests.dialects.openai_responses.made import replies, requests

CONTEXT = ReplyContext(model="m", reply_id="r", created=7)


def streamed(reply: Reply) -> bytes:
    """Write a reply as a stream."""
    encoder = OPENAI_RESPONSES.stream_encoder(CONTEXT)
    return b"".join(encoder.feed(event) for event in replay(reply))


def read(*chunks: bytes) -> Reply:
    """Read a stream that comes in these chunks."""
    frames, decoder = OPENAI_RESPONSES.frame_decoder(), OPENAI_RESPONSES.stream_decoder()
    events: list[Event] = []
    for chunk in chunks:
        for frame in frames.feed(chunk):
            events += decoder.feed(frame)
    for frame in frames.end():
        events += decoder.feed(frame)
    return collect([*events, *decoder.end()])


@given(requests())
@settings(max_examples=100, deadline=None)
def test_a_request_survives_being_written_and_read(request: ChatRequest) -> None:
    losses = Losses("openai_responses")
    target = Target(model=request.model, stream=request.stream)
    body = msgspec.json.encode(OPENAI_RESPONSES.encode_request(request, target, losses))
    assert OPENAI_RESPONSES.decode_request(body) == request
    assert list(losses) == []


@given(replies().filter(lambda reply: bool(reply.choices[0].parts)))
@settings(max_examples=100, deadline=None)
def test_a_reply_survives_being_written_and_read(reply: Reply) -> None:
    assert OPENAI_RESPONSES.decode_reply(OPENAI_RESPONSES.encode_reply(reply, CONTEXT)) == reply


@given(replies())
@settings(max_examples=100, deadline=None)
def test_a_streamed_reply_survives_being_written_and_read(reply: Reply) -> None:
    assert read(streamed(reply)) == reply


@given(replies(), st.data())
@settings(max_examples=30, deadline=None)
def test_a_stream_may_be_cut_anywhere(reply: Reply, data: st.DataObject) -> None:
    whole = streamed(reply)
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=5))
    borders = [0, *sorted(cuts), len(whole)]
    assert read(*(whole[start:end] for start, end in pairwise(borders))) == reply
