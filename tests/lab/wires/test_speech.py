from __future__ import annotations

import base64
from typing import Any

import pytest

from headgate.lab.plan import CONTENT_TYPE, Plan
from headgate.lab.wires.speech import PIECE_BYTES, PIECES_MIN, audio, speech
from tests.lab.asking import decoded, events, other, sent


def spoken(**body: Any) -> Plan:
    return speech(other("speech", **{"input": "hi there", "voice": "alloy"} | body))


def test_sound_comes_in_pieces_that_a_test_can_expect() -> None:
    plan = spoken()
    assert (len(plan.steps), plan.length) == (PIECES_MIN, None)
    assert sent(plan) == b"".join(audio("ok1", "hi there"))
    assert len(sent(plan)) == PIECES_MIN * PIECE_BYTES


def test_no_two_places_and_no_two_pieces_sound_alike() -> None:
    assert audio("a", "hi") != audio("b", "hi")
    assert len(set(audio("a", "word " * 20))) == 20


@pytest.mark.parametrize(
    ("asked", "kind"), [(None, "audio/mpeg"), ("wav", "audio/wav"), ("opus", "audio/opus")]
)
def test_the_format_is_the_content_type(asked: str | None, kind: str) -> None:
    assert dict(spoken(response_format=asked).headers)[CONTENT_TYPE] == kind


def test_sound_may_come_as_events() -> None:
    *deltas, done = events(sent(spoken(stream_format="sse")))
    heard = b"".join(base64.b64decode(delta["audio"]) for delta in deltas)
    assert heard == b"".join(audio("ok1", "hi there"))
    assert done["usage"] == {"input_tokens": 2, "output_tokens": 8, "total_tokens": 10}


@pytest.mark.parametrize("body", [{"input": ""}, {"voice": None}, {"response_format": "mp4"}])
def test_what_cannot_be_spoken_is_refused(body: dict[str, object]) -> None:
    assert spoken(**body).status == 400
    assert decoded(spoken(**body))["error"]["message"]
