"""Streams of images and audio on their way back: frame by frame, or as they come."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.failure import FailureKind
from headgate.dialects.audio import SPEECH, TRANSCRIPTS
from headgate.dialects.bridge import DIALECTS
from headgate.dialects.framing.sse import frame_bytes
from headgate.dialects.images import IMAGES
from headgate.dialects.openai_chat.tasks import TaskWire
from headgate.ir.usage import Usage
from headgate.relay.media_lanes import MAX_EVENT_BYTES, BytesLane, EventLane
from headgate.relay.renaming import Renaming
from tests.relay.upstreams import CUT

USAGE = {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30}
PARTIAL = "image_generation.partial_image"
COMPLETED = "image_generation.completed"


def event(kind: str, **more: Any) -> bytes:
    return frame_bytes(msgspec.json.encode({"type": kind} | more), kind)


def lane(wire: TaskWire = IMAGES, model: str | None = None) -> EventLane:
    renaming = None if model is None else Renaming(DIALECTS["openai_chat"], model)
    return EventLane(wire, "r1", renaming)


def told(out: bytes) -> str:
    """The message of the error event at the end."""
    data = out.rpartition(b"data: ")[2]
    return str(msgspec.json.decode(data)["error"]["message"])


def test_events_pass_as_they_came_and_the_last_tells_the_usage() -> None:
    stream = event(PARTIAL, b64_json="AAAA", partial_image_index=0)
    stream += b": keepalive\n\n" + event(COMPLETED, b64_json="BBBB", usage=USAGE)
    one = lane()
    assert one.feed(stream[:20]) == b""
    assert one.feed(stream[20:]) == stream
    assert one.finished
    assert one.usage == Usage(input=10, output=20, images=1)
    assert one.end() == b""
    assert one.failure is None


@given(cuts=st.lists(st.integers(0, 10_000), max_size=10), crlf=st.booleans())
def test_any_split_gives_the_same_bytes_and_the_same_usage(cuts: list[int], crlf: bool) -> None:
    stream = event(PARTIAL, b64_json="A" * 50) + event(COMPLETED, b64_json="B" * 9, usage=USAGE)
    if crlf:
        stream = stream.replace(b"\n", b"\r\n")
    edges = sorted({0, len(stream), *(cut % len(stream) for cut in cuts)})
    one = lane()
    out = b"".join(one.feed(stream[a:b]) for a, b in pairwise(edges))
    assert out + one.end() == stream
    assert (one.failure, one.usage) == (None, Usage(input=10, output=20, images=1))


def test_image_of_megabytes_costs_no_more_than_its_bytes() -> None:
    stream = event(PARTIAL, b64_json="A" * (20 << 20)) + event(COMPLETED, usage=USAGE)
    one = lane()
    out = [one.feed(stream[at : at + 65536]) for at in range(0, len(stream), 65536)]
    assert b"".join(out) == stream
    assert one.finished


def test_event_without_end_is_bounded() -> None:
    one = lane()
    piece = bytes(1 << 20)
    for _ in range(MAX_EVENT_BYTES >> 20):
        assert one.feed(piece) == b""
    assert "longer than" in told(one.feed(piece))
    assert one.failure is not None
    assert one.feed(piece) == b""


def test_several_images_are_counted() -> None:
    one = lane()
    for usage in (None, USAGE):
        one.feed(event(COMPLETED, b64_json="A", usage=usage))
    assert one.usage == Usage(input=10, output=20, images=2)


def test_stream_that_stops_before_its_end_says_so() -> None:
    one = lane()
    one.feed(event(PARTIAL, b64_json="A"))
    assert "before the reply was complete" in told(one.end())
    assert one.failure is not None
    assert one.failure.kind is FailureKind.UPSTREAM_INTERRUPTED


def test_stream_that_is_cut_in_a_frame_ends_with_an_error_event() -> None:
    one = lane()
    whole = event(PARTIAL, b64_json="A")
    assert one.feed(whole + b"event: x\ndata: {") == whole
    assert told(one.fail(CUT)) == CUT.message
    assert one.failure is CUT


def test_last_event_may_lack_its_blank_line() -> None:
    one = lane(TRANSCRIPTS)
    stream = frame_bytes(b'{"type":"transcript.text.delta","delta":"a"}')
    done = b'data: {"type":"transcript.text.done","text":"a"}'
    assert one.feed(stream + done) + one.end() == stream + done + b"\n\n"
    assert one.failure is None


def test_done_ends_a_stream_too() -> None:
    one = lane(TRANSCRIPTS)
    stream = frame_bytes(b'{"type":"transcript.text.segment","text":"a"}') + b"data: [DONE]\n\n"
    assert one.feed(stream) == stream
    assert one.end() == b""


def test_events_of_a_vendors_own_have_no_end_that_we_know() -> None:
    one = lane(SPEECH)
    stream = frame_bytes(b'{"audio":"AAAA"}') + frame_bytes(b"not json")
    assert one.feed(stream) + one.end() == stream
    assert one.failure is None


def test_error_event_in_mid_stream_is_passed_on_and_noted() -> None:
    one = lane()
    stream = event(PARTIAL, b64_json="A") + event("error", error={"message": "boom"})
    assert one.feed(stream) == stream
    assert one.failure is not None
    assert one.failure.message == "boom"


def test_models_are_renamed_in_events() -> None:
    one = lane(model="alias")
    assert b'"model":"alias"' in one.feed(event(COMPLETED, model="upstream", b64_json="A"))


def test_sound_passes_as_it_comes() -> None:
    one = BytesLane()
    assert [one.feed(piece) for piece in (b"\x00\n\ndata:", b"x")] == [b"\x00\n\ndata:", b"x"]
    assert (one.size, one.end(), one.finished, one.usage) == (9, b"", True, None)


def test_sound_that_breaks_off_can_say_nothing() -> None:
    one = BytesLane()
    one.feed(b"x")
    assert one.fail(CUT) == b""
    assert one.failure is CUT


@pytest.mark.parametrize("wire", [IMAGES, SPEECH, TRANSCRIPTS])
def test_empty_stream_of_bytes_is_no_answer_and_no_failure(wire: TaskWire) -> None:
    assert (lane(wire).feed(b""), lane(wire).end()) == (b"", b"")
