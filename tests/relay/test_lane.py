"""How a stream travels back, and what is said when it breaks off."""

from collections.abc import Sequence
from itertools import pairwise
from time import process_time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.failure import FailureKind, RelayError
from headgate.base.frames import Frame
from headgate.dialects.anthropic import ANTHROPIC
from headgate.dialects.dialect import ReplyContext
from headgate.dialects.framing.sse import MAX_FRAME_BYTES
from headgate.dialects.openai_chat import OPENAI_CHAT
from headgate.ir.usage import Usage
from headgate.relay.lane import (
    MAX_STREAM_BYTES,
    PassThrough,
    StreamLane,
    Translated,
    collected,
    interrupted,
    written,
)
from headgate.relay.renaming import Renaming
from tests.relay.upstreams import CUT, DONE, USAGE, WHOLE_STREAM, chunk

STREAM = b"".join(WHOLE_STREAM)
CONTEXT = ReplyContext(model="gpt", reply_id="r1", created=1)


def passing(*, show_usage: bool = True, shown: str | None = None) -> PassThrough:
    renaming = None if shown is None else Renaming(OPENAI_CHAT, shown)
    return PassThrough(OPENAI_CHAT, "r1", show_usage=show_usage, renaming=renaming)


def translating(shown: str | None = None) -> Translated:
    return Translated(ANTHROPIC, OPENAI_CHAT, CONTEXT, shown)


def _frames(pieces: Sequence[bytes]) -> list[Frame]:
    decoder = ANTHROPIC.frame_decoder()
    return [*decoder.feed(b"".join(pieces)), *decoder.end()]


def event(name: str, **data: object) -> bytes:
    data = {"type": name, **data}
    return b"event: %b\ndata: %b\n\n" % (name.encode(), msgspec.json.encode(data))


CLAUDE = [
    event(
        "message_start",
        message={
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude",
            "content": [],
            "usage": {"input_tokens": 7, "output_tokens": 1},
        },
    ),
    event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    event("content_block_delta", index=0, delta={"type": "text_delta", "text": "hello"}),
    event("content_block_stop", index=0),
    event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 3}),
    event("message_stop"),
]


def run(lane: StreamLane, *pieces: bytes) -> bytes:
    """Feed all, then end."""
    return b"".join(map(lane.feed, pieces)) + lane.end()


def text_of(out: bytes) -> str:
    """The text of an OpenAI stream."""
    frames = [line[6:] for line in out.splitlines() if line.startswith(b"data: {")]
    choices = [c for frame in frames for c in msgspec.json.decode(frame).get("choices", [])]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


# ---------------------------------------------------------------- passed through


def test_same_dialect_goes_on_byte_for_byte() -> None:
    lane = passing()
    assert run(lane, STREAM) == STREAM
    assert (lane.usage, lane.failure) == (Usage(input=7, output=3), None)


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_wherever_the_network_cuts_whole_frames_go_on(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    lane = passing()
    outs = [lane.feed(STREAM[a:b]) for a, b in pairwise(places)]
    assert all(out == b"" or out.endswith(b"\n\n") for out in outs)
    assert b"".join(outs) + lane.end() == STREAM
    assert lane.usage == Usage(input=7, output=3)


def test_usage_that_only_we_asked_for_is_kept_from_the_caller() -> None:
    lane = passing(show_usage=False)
    assert run(lane, STREAM) == STREAM.replace(USAGE, b"")
    assert lane.usage == Usage(input=7, output=3)


@pytest.mark.parametrize("end", [b"\r\n\r\n", b"\r\r"])
def test_every_line_end_is_understood(end: bytes) -> None:
    lane = passing(show_usage=False)
    sent = STREAM.replace(b"\n\n", end)
    assert run(lane, sent) == sent.replace(USAGE.replace(b"\n\n", end), b"")
    assert lane.usage == Usage(input=7, output=3)
    assert lane.failure is None


def test_heart_beats_of_a_proxy_may_end_otherwise_than_the_stream() -> None:
    lane = passing(show_usage=False)
    sent = b": ping\n\n".join(frame.replace(b"\n\n", b"\r\n\r\n") for frame in WHOLE_STREAM)
    out = run(lane, sent)
    assert lane.usage == Usage(input=7, output=3)
    assert out == sent.replace(USAGE.replace(b"\n\n", b"\r\n\r\n"), b"")


def test_last_frame_may_lack_its_blank_line() -> None:
    lane = passing()
    assert run(lane, STREAM[:-2]) == STREAM
    assert lane.failure is None


def test_renamed_model_answers_by_the_name_that_was_asked_for() -> None:
    out = run(passing(shown='al"ias\\1'), STREAM[:-2])
    models = [
        msgspec.json.decode(line[6:])["model"]
        for line in out.splitlines()
        if line.startswith(b"data: {")
    ]
    assert set(models) == {'al"ias\\1'}


def test_model_in_a_text_is_left_alone() -> None:
    text = 'say "model": "gpt"'
    assert text_of(run(passing(shown="alias"), chunk(text), DONE)) == text


def test_last_frame_is_renamed_too() -> None:
    out = run(passing(shown="alias"), chunk("hello", "stop")[:-2])
    assert b'"model":"alias"' in out


def test_reply_that_does_not_finish_ends_with_an_error_event() -> None:
    lane = passing()
    out = run(lane, chunk("hel"))
    assert out.startswith(chunk("hel"))
    assert b"before the reply was complete" in out
    assert DONE not in out
    assert lane.failure == interrupted()


def test_cut_is_told_after_whole_frames_only() -> None:
    lane = passing()
    out = lane.feed(chunk("hel") + b'data: {"cho') + lane.fail(CUT)
    assert out.removeprefix(chunk("hel")).startswith(b'data: {"error":')
    assert lane.failure is CUT


def test_error_event_of_the_upstream_goes_on_and_counts_as_a_failure() -> None:
    lane = passing()
    error = b'data: {"error":{"message":"The server is overloaded","type":"server_error"}}\n\n'
    assert run(lane, chunk("hel"), error) == chunk("hel") + error
    assert lane.failure is not None


def test_endless_frame_is_cut() -> None:
    lane = passing()
    piece = b"x" * (1024 * 1024)
    out = lane.feed(b"data: ")
    for _ in range(MAX_FRAME_BYTES // len(piece) + 1):
        out += lane.feed(piece)
    assert lane.failure is not None
    assert lane.failure.kind is FailureKind.UPSTREAM_INTERRUPTED
    assert b"longer than" in out


def test_a_frame_of_megabytes_costs_no_more_for_coming_in_many_pieces() -> None:
    frame = b"data: " + b"x" * (6 * 1024 * 1024) + b"\n\n"
    began_s = process_time()
    lane = passing()
    out = b"".join(lane.feed(frame[at : at + 1400]) for at in range(0, len(frame), 1400))
    assert out == frame
    assert process_time() - began_s < 1.0  # copying it for every piece took several seconds


# ---------------------------------------------------------------- translated


def test_other_dialect_is_translated() -> None:
    lane = translating()
    out = run(lane, *CLAUDE)
    assert text_of(out) == "hello"
    assert out.endswith(DONE)
    assert (lane.usage, lane.failure) == (Usage(input=7, output=3), None)


@given(st.lists(st.integers(0, len(b"".join(CLAUDE))), max_size=8))
def test_wherever_the_network_cuts_the_translation_is_the_same(cuts: list[int]) -> None:
    sent = b"".join(CLAUDE)
    places = [0, *sorted(cuts), len(sent)]
    pieces = [sent[a:b] for a, b in pairwise(places)]
    assert run(translating(), *pieces) == run(translating(), sent)


def test_translation_shows_the_name_that_was_asked_for() -> None:
    out = run(translating("alias"), *CLAUDE)
    assert b'"model":"alias"' in out
    assert b"claude" not in out


def test_upstreams_error_becomes_the_callers_and_the_last_word() -> None:
    lane = translating()
    error = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    out = run(lane, *CLAUDE[:3], error, *CLAUDE[3:])
    assert lane.failure is not None
    assert lane.failure.kind is FailureKind.UPSTREAM_OVERLOADED
    assert out.rstrip().splitlines()[-1].startswith(b'data: {"error"')
    assert DONE not in out
    assert lane.fail(CUT) == b""


def test_translated_reply_that_does_not_finish_ends_with_an_error_event() -> None:
    lane = translating()
    out = run(lane, *CLAUDE[:3])
    assert lane.failure is not None
    assert b'"error"' in out
    assert DONE not in out


def test_cut_of_a_translated_stream_is_told() -> None:
    lane = translating()
    out = b"".join(map(lane.feed, CLAUDE[:3])) + lane.fail(CUT)
    assert lane.failure is CUT
    assert b"Connection closed unexpectedly" in out


@pytest.mark.parametrize(("lane", "frames"), [(passing(), WHOLE_STREAM), (translating(), CLAUDE)])
def test_reply_is_finished_when_the_dialect_says_so(
    lane: StreamLane, frames: Sequence[bytes]
) -> None:
    lane.feed(frames[0])
    assert not lane.finished
    for frame in frames[1:]:
        lane.feed(frame)
    assert lane.finished


# ---------------------------------------------------------------- whole for stream, and back


def test_stream_is_collected_and_written_as_asked() -> None:
    reply = collected(_frames(CLAUDE), ANTHROPIC)
    whole = msgspec.json.decode(written(reply, OPENAI_CHAT, CONTEXT, stream=False))
    assert whole["choices"][0]["message"]["content"] == "hello"
    streamed = written(reply, OPENAI_CHAT, CONTEXT, stream=True)
    assert text_of(streamed) == "hello"
    assert streamed.endswith(DONE)


def test_unfinished_stream_is_no_reply() -> None:
    with pytest.raises(RelayError) as failed:
        collected(_frames(CLAUDE[:3]), ANTHROPIC)
    assert failed.value.failure.kind is FailureKind.UPSTREAM_INTERRUPTED


def test_stream_without_an_end_is_cut() -> None:
    lane = translating()
    lane.feed(b"".join(CLAUDE[:2]))
    comment = b": %b\n\n" % (b"x" * (1 << 20))
    out = b"".join(lane.feed(comment) for _ in range(MAX_STREAM_BYTES // len(comment) + 1))
    assert lane.failure is not None
    assert b"longer than" in out
    assert lane.feed(comment) == b""
