from __future__ import annotations

import pytest

from headgate.base.failure import FailureKind
from headgate.base.frames import Frame
from headgate.dialects.openai_chat.meter import ChatMeter, notable
from headgate.ir.usage import Usage

TEXT = b'{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}],"usage":null}'
FINISH = b'{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}'
USAGE = b'{"choices": [], "usage": {"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}'
DONE = b"[DONE]"


@pytest.mark.parametrize(
    "data",
    [
        FINISH,
        USAGE,
        b"data: [DONE]\r\n\r\n",
        b'{"error":{"message":"busy"}}',
        b'event: error\ndata: {"message":"busy"}',
        b'{"choices":[{"finish_reason" : "length"}]}',
        b'{"x_groq":{"usage":{"prompt_tokens":1}}}',
    ],
)
def test_what_may_matter_is_notable(data: bytes) -> None:
    assert notable(data)


@pytest.mark.parametrize(
    "data",
    [
        TEXT,
        b'{"choices":[{"delta":{"content":"\\"usage\\":{}, \\"finish_reason\\":\\"x\\""}}]}',
        b'{"choices":[{"delta":{"content":"[DONE] is the end of every stream"}}],"id":"c"}',
        b'{"choices":[{"finish_reason":""}]}',
        b": OPENROUTER PROCESSING",
    ],
)
def test_what_a_model_says_is_not_notable(data: bytes) -> None:
    assert not notable(data)


def test_the_usage_chunk_is_hidden_from_who_did_not_ask() -> None:
    meter = ChatMeter(False)
    shown = [meter.feed(Frame(data)) for data in (TEXT, FINISH, USAGE, DONE)]
    assert shown == [True, True, False, True]
    assert meter.usage == Usage(input=3, output=4)
    assert meter.finished


def test_the_usage_chunk_is_shown_to_who_asked() -> None:
    meter = ChatMeter(True)
    assert all(meter.feed(Frame(data)) for data in (TEXT, FINISH, USAGE, DONE))
    assert meter.usage == Usage(input=3, output=4)


def test_usage_beside_an_answer_never_hides_the_answer() -> None:
    meter = ChatMeter(False)
    data = b'{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":3}}'
    assert meter.feed(Frame(data))
    assert meter.usage == Usage(input=3)


def test_azures_prelude_is_shown() -> None:
    assert ChatMeter(False).feed(Frame(b'{"choices":[],"prompt_filter_results":[]}'))


def test_of_several_usages_the_last_counts() -> None:
    meter = ChatMeter(True)
    for output in (1, 2, 3):
        data = b'{"choices":[{}],"usage":{"prompt_tokens":5,"completion_tokens":%d}}' % output
        meter.feed(Frame(data))
    assert meter.usage == Usage(input=5, output=3)


def test_a_usage_without_counts_does_not_hide_an_earlier_one() -> None:
    meter = ChatMeter(True)
    meter.feed(Frame(USAGE))
    assert meter.usage == Usage(input=3, output=4)
    meter.feed(Frame(b'{"choices":[],"usage":{"queue_time":0.5}}'))
    assert meter.usage == Usage(input=3, output=4)


def test_without_an_end_nothing_is_finished() -> None:
    meter = ChatMeter(True)
    meter.feed(Frame(TEXT))
    assert not meter.finished
    assert meter.usage is None
    assert meter.failure is None


def test_an_error_in_mid_stream_is_a_failure() -> None:
    meter = ChatMeter(True)
    meter.feed(Frame(b'{"error":{"message":"Rate limit reached","code":429}}'))
    assert meter.failure is not None
    assert meter.failure.kind is FailureKind.UPSTREAM_RATE_LIMITED


def test_an_error_event_needs_no_error_object() -> None:
    meter = ChatMeter(True)
    meter.feed(Frame(b"{}", "error"))
    assert meter.failure is not None
    assert meter.failure.kind is FailureKind.UPSTREAM_BAD_REPLY


def test_the_word_error_inside_an_answer_is_no_failure() -> None:
    meter = ChatMeter(True)
    meter.feed(Frame(b'{"choices":[{"content_filter_result":{"error":{"code":"x"}}}]}'))
    assert meter.failure is None
