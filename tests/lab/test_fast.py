from __future__ import annotations

import pytest

from headgate.lab.fast import ANSWERS, PACE_S, FastAnswer, fast_answer, writes_for
from tests.lab.asking import events, parse

STREAM = b'{"model":"m","stream":true}'
WIRE_PATHS = {
    "openai": b"/v1/chat/completions",
    "anthropic": b"/v1/messages",
    "gemini": b"/v1beta/models/m:streamGenerateContent?alt=sse",
    "responses": b"/v1/responses",
    "bedrock": b"/model/m/converse-stream",
    "cohere": b"/v2/chat",
    "ollama": b"/api/chat",
}


def fast(path: bytes) -> FastAnswer:
    answer = fast_answer(path)
    assert answer is not None
    return answer


def test_only_three_first_segments_are_fast() -> None:
    assert fast_answer(b"/fast/v1/messages") == ANSWERS["anthropic"][0]
    assert fast_answer(b"/each/v1/chat/completions") == ANSWERS["openai"][1]
    assert fast_answer(b"/paced/v1/messages") == ANSWERS["anthropic"][2]
    assert fast_answer(b"/faster/v1/messages") is None


@pytest.mark.parametrize("wire", WIRE_PATHS)
def test_a_stream_has_a_hundred_events_in_few_writes_or_one_each(wire: str) -> None:
    bodies = []
    for segment, counts in ((b"/fast", {4}), (b"/each", {100, 101})):
        writes = writes_for(fast(segment + WIRE_PATHS[wire]), STREAM)
        assert len(writes) in counts
        answer = parse(b"".join(writes))
        assert answer.complete
        assert len([event for event in events(answer.body) if event != "[DONE]"]) == 100
        bodies.append(answer.body)
    assert bodies[0] == bodies[1]


def test_a_paced_stream_is_the_one_with_a_write_each_and_pauses() -> None:
    each, paced = fast(b"/each/v1/messages"), fast(b"/paced/v1/messages")
    assert (each.stream, each.whole) == (paced.stream, paced.whole)
    assert (each.pause_s, paced.pause_s) == (0, PACE_S)


@pytest.mark.parametrize("path", [b"/fast/v1/chat/completions", b"/each/v1/messages"])
def test_a_whole_answer_is_one_write_of_about_a_kilobyte(path: bytes) -> None:
    (write,) = writes_for(fast(path), b'{"model":"m","stream":false}')
    assert parse(write).complete
    assert 800 < len(write) < 1300


@pytest.mark.parametrize("body", [STREAM, b'{"stream": true, "model": "m"}'])
def test_the_flag_is_seen_in_both_usual_spellings(body: bytes) -> None:
    answer = fast(b"/fast/v1/messages")
    assert writes_for(answer, body) == answer.stream
