"""Usage, errors and events of images and audio, in every vendor's arithmetic (`recordings.md`)."""

from typing import Any

import msgspec
import pytest

from headgate.base.failure import FailureKind
from headgate.base.frames import Frame
from headgate.dialects.dialect import Fields
from headgate.dialects.openai_chat.tasks import (
    clamped_up,
    event_failure,
    fields_of,
    has,
    task_usage,
    text_of,
)
from headgate.ir.usage import Usage


def fields(**body: Any) -> Fields:
    return fields_of(msgspec.json.encode(body)) or {}


@pytest.mark.parametrize(
    ("wire", "usage"),
    [
        (
            {  # OpenAI, gpt-image-1
                "input_tokens": 224,
                "input_tokens_details": {"image_tokens": 194, "text_tokens": 30},
                "output_tokens": 4160,
                "output_tokens_details": {"image_tokens": 4160, "text_tokens": 0},
                "total_tokens": 4384,
            },
            Usage(input=224, image_input=194, output=4160, image_output=4160),
        ),
        (
            {  # OpenAI, gpt-4o-transcribe
                "type": "tokens",
                "total_tokens": 31,
                "input_tokens": 26,
                "input_token_details": {"text_tokens": 5, "audio_tokens": 21},
                "output_tokens": 5,
            },
            Usage(input=26, audio_input=21, output=5),
        ),
        ({"type": "duration", "seconds": 6}, Usage(audio_seconds=6)),  # OpenAI, whisper-1
        (
            {  # Mistral: the audio is in the total alone
                "prompt_audio_seconds": 316,
                "prompt_tokens": 4,
                "total_tokens": 5201,
                "completion_tokens": 1072,
            },
            Usage(input=4129, audio_input=4125, output=1072, audio_seconds=316),
        ),
        (
            {
                "prompt_audio_seconds": 2.1,
                "prompt_tokens": 5,
                "total_tokens": 400,
                "completion_tokens": 20,
                "prompt_tokens_details": {"cached_tokens": 2, "audio_tokens": 375},
            },
            Usage(input=378, cache_read=2, audio_input=375, output=20, audio_seconds=3),
        ),
        (
            {"prompt_tokens": 1125, "completion_tokens": 1120, "total_tokens": 2245, "cost": 0.03},
            Usage(input=1125, output=1120),  # OpenRouter
        ),
        ({"total_tokens": 12, "prompt_tokens": 0, "completion_tokens": 12}, Usage(output=12)),
        ({"cost_in_usd_ticks": 200000000}, None),  # xAI
        ({"input_tokens": -5, "output_tokens": "9", "seconds": True}, None),
        ("none", None),
        (None, None),
    ],
)
def test_usage_is_read_as_the_vendor_counts(wire: Any, usage: Usage | None) -> None:
    assert task_usage(fields(usage=wire)) == usage


def test_answer_without_usage_tells_none() -> None:
    assert task_usage({}) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(5.49, 6), (6, 6), (0, 0), (-1, 0), (1e400, 0), ("6", 0), (True, 0), (None, 0)],
)
def test_every_begun_second_counts(value: object, seconds: int) -> None:
    assert clamped_up(value) == seconds


def test_fields_are_read_leniently() -> None:
    assert fields_of(b"[1]") is None
    assert fields_of(b"\xff") is None
    assert fields_of(b'{"a":') is None
    found = fields(a=None, b="x", c=1)
    assert (has(found, "a"), has(found, "b"), has(found, "d")) == (False, True, False)
    assert (text_of(found, "b"), text_of(found, "c"), text_of(found, "d")) == ("x", "", "")


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (Frame(b'{"type":"transcript.text.delta","delta":"an error"}'), None),
        (Frame(b'{"type":"x","error":null}'), None),
        (Frame(b'{"error":{"message":"slow down","code":"rate_limit_exceeded"}}'), "rate"),
        (Frame(b'{"type":"error","error":{"message":"boom"}}'), "bad"),
        (Frame(b'{"message":"boom"}', "error"), "bad"),
        (Frame(b'{"type":"error"}'), "bad"),
    ],
)
def test_error_events_are_told_from_others(frame: Frame, kind: str | None) -> None:
    failure = event_failure(frame, fields_of(frame.data) or {})
    kinds = {"rate": FailureKind.UPSTREAM_RATE_LIMITED}
    if kind is None:
        assert failure is None
    else:
        assert failure is not None
        assert failure.kind is kinds.get(kind, failure.kind)
        assert failure.rule.retry
