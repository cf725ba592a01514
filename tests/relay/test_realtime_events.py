from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headgate.base.failure import Failure, FailureKind
from headgate.ir.usage import Usage
from headgate.relay.realtime_events import (
    RealtimeMeter,
    Turn,
    decode_usage,
    error_event,
    session_model,
    type_of,
    with_session_model,
)
from tests.relay.vendor import USAGE, done, event


def fed(meter: RealtimeMeter, *events: bytes, at_s: float = 1.0) -> list[Turn]:
    turns = [meter.feed(type_of(each), each, at_s + n) for n, each in enumerate(events)]
    return [turn for turn in turns if turn is not None]


BEGUN = event("response.created", response={"id": "r1"})
DELTA = event("response.output_audio.delta", delta="AAAA")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"kind": 1}', b'{"type": 1}', b"\xff"])
def test_what_is_no_event_has_no_type(data: bytes) -> None:
    assert type_of(data) == ""


def test_usage_is_read_in_parts_that_add_up() -> None:
    assert decode_usage(USAGE) == Usage(
        input=24, cache_read=16, output=20, audio_input=6, audio_output=15
    )


@pytest.mark.parametrize(
    "wire",
    [
        {},
        {"input_tokens": -9, "output_tokens": "many", "input_token_details": [1]},
        {"input_tokens": None, "input_token_details": {"cached_tokens": 10}},
    ],
)
def test_lies_about_usage_become_zero(wire: dict[str, Any]) -> None:
    assert decode_usage(wire) == Usage()


def test_usage_of_a_response_is_told_with_its_times() -> None:
    (turn,) = fed(RealtimeMeter(), BEGUN, DELTA, DELTA, done())
    assert turn == Turn(usage=decode_usage(USAGE), began_s=1.0, first_s=2.0)


def test_response_is_under_way_until_it_is_done() -> None:
    meter = RealtimeMeter()
    fed(meter, BEGUN)
    assert meter.is_busy
    fed(meter, done())
    assert not meter.is_busy
    assert meter.unfinished() is None


def test_response_that_is_cut_is_estimated_by_what_was_said_before() -> None:
    meter = RealtimeMeter()
    fed(meter, BEGUN, DELTA, done(), BEGUN, DELTA, DELTA, DELTA)
    turn = meter.unfinished()
    assert turn is not None
    assert turn.usage == Usage(input=60, output=3)
    assert (turn.is_estimated, turn.status) == (True, "cut")


def test_response_that_said_nothing_before_it_was_cut_costs_nothing() -> None:
    meter = RealtimeMeter()
    fed(meter, BEGUN)
    turn = meter.unfinished()
    assert turn is not None
    assert turn.usage is None


def test_response_without_usage_is_estimated() -> None:
    (turn,) = fed(RealtimeMeter(), BEGUN, DELTA, done(None, "cancelled"))
    assert turn.usage == Usage(output=1)
    assert (turn.is_estimated, turn.status) == (True, "cancelled")


def test_failed_response_says_why() -> None:
    details = {"type": "failed", "error": {"code": "x", "message": "no such luck"}}
    failed = event("response.done", response={"status": "failed", "status_details": details})
    (turn,) = fed(RealtimeMeter(), BEGUN, failed)
    assert (turn.status, turn.error, turn.usage) == ("failed", "no such luck", None)


def test_transcript_that_counts_tokens_is_a_turn_of_its_own() -> None:
    kind = "conversation.item.input_audio_transcription.completed"
    tokens = {"type": "tokens", "input_tokens": 14, "output_tokens": 3}
    tokens["input_token_details"] = {"text_tokens": 0, "audio_tokens": 14}
    (turn,) = fed(RealtimeMeter(), event(kind, usage=tokens))
    assert turn.usage == Usage(input=14, output=3, audio_input=14)
    assert fed(RealtimeMeter(), event(kind, usage={"type": "duration", "seconds": 2.0})) == []
    assert fed(RealtimeMeter(), event(kind)) == []


def test_limit_that_is_used_up_is_noted() -> None:
    meter = RealtimeMeter()
    limits = [
        {"name": "requests", "limit": 10, "remaining": 5, "reset_seconds": 9},
        {"name": "tokens", "limit": 10, "remaining": 0, "reset_seconds": 2.5},
        "nonsense",
    ]
    fed(meter, event("rate_limits.updated", rate_limits=limits))
    assert meter.wait_s == 2.5
    fed(meter, event("rate_limits.updated", rate_limits=limits[:1]))
    assert meter.wait_s is None


def test_only_the_models_name_is_changed() -> None:
    data = b'{"type":"session.update","n":1.50,"session":{"a":"\\u00e4","model":"x","b":[1, 2]}}'
    assert session_model(data) == "x"
    changed = with_session_model(data, 'y"')
    assert changed == (
        b'{"type":"session.update","n":1.50,"session":{"a":"\\u00e4","model":"y\\"","b":[1, 2]}}'
    )


@pytest.mark.parametrize("data", [b"{}", b'{"session":1}', b'{"session":{"model":1}}', b"x"])
def test_event_without_a_model_names_none(data: bytes) -> None:
    assert session_model(data) is None


def test_failure_is_spelled_as_an_event() -> None:
    failure = Failure(kind=FailureKind.BALANCE_EXHAUSTED, message="Nothing left.")
    told = msgspec.json.decode(error_event(failure, "r1"))
    assert told["type"] == "error"
    assert told["event_id"].startswith("event_")
    assert told["error"]["message"] == "Nothing left."
    assert told["error"]["code"] == "insufficient_user_quota"
    assert told["error"]["event_id"] is None
