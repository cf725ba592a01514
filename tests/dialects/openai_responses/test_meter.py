from __future__ import annotations

from headgate.base.failure import FailureKind
from headgate.base.frames import Frame
from headgate.dialects.openai_responses.meter import ResponsesMeter, notable
from headgate.ir.usage import Usage

DELTA = b'{"type":"response.output_text.delta","delta":"hello","logprobs":[]}'
END = (
    b'{"type":"response.completed","response":{"status":"completed","output":[],'
    b'"usage":{"input_tokens":3,"output_tokens":2}}}'
)


def test_only_the_end_and_errors_are_notable() -> None:
    assert not notable(DELTA)
    assert notable(END)
    assert notable(b'{"type":"response.incomplete"}')
    assert notable(b'{"type":"response.failed"}')
    assert notable(b"event: error")


def test_usage_is_in_the_last_event() -> None:
    meter = ResponsesMeter(False)
    assert meter.feed(Frame(DELTA))
    assert not meter.finished
    assert meter.usage is None
    assert meter.feed(Frame(END))
    assert meter.finished
    assert meter.usage == Usage(input=3, output=2)


def test_the_first_error_counts() -> None:
    meter = ResponsesMeter(False)
    meter.feed(Frame(b'{"type":"error","error":{"code":"insufficient_quota"}}', "error"))
    meter.feed(Frame(b'{"type":"response.failed","response":{"error":{"code":"server_error"}}}'))
    assert meter.failure is not None
    assert meter.failure.kind == FailureKind.UPSTREAM_QUOTA
    assert not meter.finished


def test_a_text_about_errors_is_none() -> None:
    meter = ResponsesMeter(False)
    meter.feed(Frame(b'{"type":"response.output_text.delta","delta":"error: response.completed"}'))
    meter.feed(Frame(b"error"))
    assert meter.failure is None
    assert not meter.finished
