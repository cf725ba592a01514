from __future__ import annotations

from itertools import pairwise

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.dialects.dialect import REASONING_DETAILS, ReplyContext, Target
from headgate.dialects.openai_chat import OPENAI_CHAT
from headgate.ir.collect import collect, replay
from headgate.ir.events import Event
from headgate.ir.loss import Losses
from headgate.ir.reply import Reply
from headgate.ir.request import ChatRequest
from tests.dialects.openai_chat.made import replies, requests

CONTEXT = ReplyContext(model="m", reply_id="chatcmpl-r", created=7, include_usage=True)


def streamed(reply: Reply) -> bytes:
    """Write a reply as a stream."""
    encoder = OPENAI_CHAT.stream_encoder(CONTEXT)
    return b"".join(encoder.feed(event) for event in replay(reply))


def read(*chunks: bytes) -> Reply:
    """Read a stream that comes in these chunks."""
    frames, decoder = OPENAI_CHAT.frame_decoder(), OPENAI_CHAT.stream_decoder()
    events: list[Event] = []
    for chunk in chunks:
        for frame in frames.feed(chunk):
            events += decoder.feed(frame)
    for frame in frames.end():
        events += decoder.feed(frame)
    return collect([*events, *decoder.end()])


@given(requests())
@settings(max_examples=60)
def test_a_request_survives_being_written_and_read(request: ChatRequest) -> None:
    losses = Losses("openai_chat")
    target = Target(
        model=request.model,
        stream=request.stream,
        traits=frozenset({REASONING_DETAILS}),
    )
    body = msgspec.json.encode(OPENAI_CHAT.encode_request(request, target, losses))
    assert OPENAI_CHAT.decode_request(body) == request
    assert list(losses) == []


@given(replies())
@settings(max_examples=60)
def test_a_reply_survives_being_written_and_read(reply: Reply) -> None:
    assert OPENAI_CHAT.decode_reply(OPENAI_CHAT.encode_reply(reply, CONTEXT)) == reply


@given(replies())
@settings(max_examples=60)
def test_a_streamed_reply_survives_being_written_and_read(reply: Reply) -> None:
    assert read(streamed(reply)) == reply


@given(replies(), st.lists(st.integers(0, 4000), max_size=6))
def test_the_borders_of_network_chunks_do_not_matter(reply: Reply, cuts: list[int]) -> None:
    stream = streamed(reply)
    borders = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    chunks = [stream[a:b] for a, b in pairwise(borders)]
    assert read(*chunks) == reply


@given(replies())
def test_a_stream_and_a_whole_reply_tell_the_same_usage(reply: Reply) -> None:
    meter, frames = OPENAI_CHAT.meter(True), OPENAI_CHAT.frame_decoder()
    for frame in frames.feed(streamed(reply)):
        meter.feed(frame)
    assert meter.finished
    assert meter.usage == reply.usage
    assert OPENAI_CHAT.read_usage(OPENAI_CHAT.encode_reply(reply, CONTEXT)) == reply.usage
