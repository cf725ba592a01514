from __future__ import annotations

import pytest

from headgate.base.failure import FailureKind
from headgate.base.frames import Frame
from headgate.dialects.gemini.meter import GeminiMeter, notable
from headgate.ir.usage import Usage


def metered(*frames: bytes) -> GeminiMeter:
    meter = GeminiMeter()
    assert all(meter.feed(Frame(data)) for data in frames)
    return meter


def test_the_last_usage_counts() -> None:
    meter = metered(
        b'{"candidates":[],"usageMetadata":{"promptTokenCount":1}}',
        b'{"candidates":[],"usageMetadata":{"promptTokenCount":2}}',
        b'{"candidates":[]}',
    )
    assert meter.usage == Usage(input=2)
    meter.feed(Frame(b'{"usageMetadata":{"promptTokenCount":3}}'))
    assert meter.usage == Usage(input=3)


def test_usage_that_cannot_be_read_does_not_forget_the_one_before() -> None:
    meter = metered(b'{"usageMetadata":{"promptTokenCount":1}}')
    assert meter.usage == Usage(input=1)
    meter.feed(Frame(b'{"usageMetadata":7'))
    assert meter.usage == Usage(input=1)
    assert metered(b"{}").usage is None


@pytest.mark.parametrize(
    ("data", "finished"),
    [
        (b'{"candidates":[{"finishReason":"STOP"}]}', True),
        (b'{"candidates":[{"finishReason" : 1}]}', True),
        (b'{"promptFeedback":{"blockReason":"SAFETY"}}', True),
        (b'{"candidates":[{"finishReason":null}]}', False),
        (b'{"candidates":[{"finishReason":0}]}', False),
        (b'{"candidates":[{"finishReason":"FINISH_REASON_UNSPECIFIED"}]}', False),
        (
            b'{"candidates":[{"content":{"parts":[{"text":"\\"finishReason\\":\\"STOP\\""}]}}]}',
            False,
        ),
    ],
)
def test_the_end_is_seen(data: bytes, finished: bool) -> None:
    meter = metered(data)
    assert meter.finished is finished
    assert meter.failure is None


@pytest.mark.parametrize(
    "data",
    [
        b'{"error":{"code":503,"status":"UNAVAILABLE"}}',
        b'{\n  "error": {\n    "code": 503,\n    "status": "UNAVAILABLE"}}',
        b'[{"error":{"code":503,"status":"UNAVAILABLE"}}]',
    ],
)
def test_an_error_in_the_middle_is_seen(data: bytes) -> None:
    failure = metered(b'{"candidates":[]}', data).failure
    assert failure is not None
    assert failure.kind is FailureKind.UPSTREAM_OVERLOADED


def test_the_word_error_in_an_answer_is_none() -> None:
    said = b'{"candidates":[{"content":{"parts":[{"functionCall":{"args":{"error":1}}}]}}]}'
    assert metered(said).failure is None


def test_every_frame_is_worth_a_look() -> None:
    assert notable(b"data: {}")
    assert not notable(b"")
