"""Speech and transcripts: what is an answer, what it used, and the stream it would have been."""

from typing import Any

import msgspec
import pytest

from headgate.base.failure import FailureKind
from headgate.dialects.audio import SPEECH, TRANSCRIPTS
from headgate.dialects.framing.sse import SseDecoder
from headgate.dialects.openai_chat.tasks import fields_of
from headgate.ir.usage import Usage


def encoded(**body: Any) -> bytes:
    return msgspec.json.encode(body)


def events(stream: bytes) -> list[Any]:
    frames = SseDecoder().feed(stream)
    return [f.data if f.data == b"[DONE]" else msgspec.json.decode(f.data) for f in frames]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (encoded(text=""), None),
        (encoded(text="hi", usage={"type": "duration", "seconds": 1}), None),
        (encoded(words=[]), None),
        (encoded(error={"message": "bad key", "code": "invalid_api_key"}), "KEY_REFUSED"),
        (encoded(detail="no"), "ERROR"),
        (encoded(text=None), "BAD_REPLY"),
        (b"plain", "BAD_REPLY"),
    ],
)
def test_transcript_is_told_from_an_error(body: bytes, kind: str | None) -> None:
    failure = TRANSCRIPTS.inspect_reply(body)
    assert (failure is None) == (kind is None)
    if failure is not None and kind is not None:
        assert failure.kind is FailureKind[f"UPSTREAM_{kind}"]


def test_duration_stands_for_usage_where_there_is_none() -> None:
    tokens = {"input_tokens": 3, "output_tokens": 4}
    for body, usage in (
        ({"text": "", "duration": 5.49}, Usage(audio_seconds=6)),
        ({"text": "", "duration": "5"}, None),
        ({"text": "", "duration": 3.7, "usage": tokens}, Usage(input=3, output=4)),
        ({"text": ""}, None),
    ):
        assert TRANSCRIPTS.usage(fields_of(encoded(**body)) or {}) == usage


def test_whole_transcript_becomes_the_stream_that_was_asked_for() -> None:
    stream = TRANSCRIPTS.events(fields_of(encoded(text="hi", duration=1.5)) or {})
    done = {"type": "transcript.text.done", "text": "hi", "duration": 1.5}
    assert events(stream) == [done, b"[DONE]"]
    assert TRANSCRIPTS.wrapped is not None
    done = {"type": "transcript.text.done", "text": "hé\n"}
    assert events(TRANSCRIPTS.wrapped("hé\n".encode())) == [done, b"[DONE]"]


def test_whole_sound_becomes_the_stream_that_was_asked_for() -> None:
    assert SPEECH.wrapped is not None
    assert events(SPEECH.wrapped(b"\x00\x01")) == [
        {"type": "speech.audio.delta", "audio": "AAE="},
        {"type": "speech.audio.done"},
    ]
    stream = SPEECH.events({"url": msgspec.Raw(b'"https://x"')})
    assert events(stream) == [{"type": "speech.audio.done", "url": "https://x"}]


@pytest.mark.parametrize(
    ("body", "is_answer"),
    [
        (encoded(url="https://x"), True),
        (encoded(error="no"), False),
        (encoded(base_resp={"status_code": 1004}), False),
        (b"{}", False),
    ],
)
def test_speech_in_json_is_an_answer_unless_it_is_an_error(body: bytes, is_answer: bool) -> None:
    assert (SPEECH.inspect_reply(body) is None) == is_answer
