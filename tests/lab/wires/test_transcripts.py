from __future__ import annotations

import hashlib
from typing import Any

import pytest
from msgspec.structs import replace

from headgate.lab.plan import CONTENT_TYPE, Plan
from headgate.lab.wires.transcripts import transcriptions, translations
from tests.lab.asking import decoded, events, other, sent

SOUND = bytes(range(256)) * 200
FILE = ("file", "a.mp3", "audio/mpeg", SOUND)
SAID = f"ok1: I heard a.mp3, 51200 bytes, sha256 {hashlib.sha256(SOUND).hexdigest()}."


def heard(*parts: Any, model: str = "whisper-1") -> Plan:
    return transcriptions(other("transcriptions", ("model", model), FILE, *parts))


def test_the_text_proves_what_bytes_arrived() -> None:
    assert decoded(heard()) == {"text": SAID, "usage": {"type": "duration", "seconds": 3}}
    reply = decoded(translations(other("translations", ("model", "whisper-1"), FILE)))
    assert reply["text"] == SAID


def test_newer_models_bill_tokens() -> None:
    usage = decoded(heard(model="gpt-4o-transcribe"))["usage"]
    assert (usage["type"], usage["input_tokens"], usage["total_tokens"]) == ("tokens", 30, 38)


@pytest.mark.parametrize(
    ("kind", "head"),
    [
        ("text", SAID),
        ("srt", "1\n00:00:00,000 --> 00:00:03,000\nok1"),
        ("vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:03.000\nok1"),
    ],
)
def test_texts_are_plain_text(kind: str, head: str) -> None:
    plan = heard(("response_format", kind))
    assert sent(plan).decode().startswith(head)
    assert dict(plan.headers)[CONTENT_TYPE].startswith("text/plain")


def test_the_long_forms_have_segments() -> None:
    verbose = decoded(heard(("response_format", "verbose_json")))
    assert (verbose["task"], verbose["duration"], len(verbose["segments"])) == ("transcribe", 3, 1)
    diarized = decoded(
        heard(("response_format", "diarized_json"), model="gpt-4o-transcribe-diarize")
    )
    assert diarized["segments"][0]["speaker"] == "A"


def test_a_stream_has_the_same_text_and_the_usage() -> None:
    *deltas, done, end = events(sent(heard(("stream", "true"), model="gpt-4o-transcribe")))
    assert "".join(delta["delta"] for delta in deltas) == done["text"] == SAID
    assert (done["usage"]["total_tokens"], end) == (38, "[DONE]")


def test_a_diarized_stream_has_segments() -> None:
    parts = ("stream", "true"), ("response_format", "diarized_json")
    first, *_ = events(sent(heard(*parts, model="gpt-4o-transcribe-diarize")))
    assert (first["type"], first["end"]) == ("transcript.text.segment", 3)


def test_whisper_never_streams() -> None:
    assert decoded(heard(("stream", "true")))["text"] == SAID


def test_what_cannot_be_heard_is_refused() -> None:
    cut = other("transcriptions", ("model", "m"), FILE)
    assert cut.prompt.form is not None
    broken = replace(cut.prompt, form=replace(cut.prompt.form, problem="cut"))
    for asked in (
        other("transcriptions", model="m"),
        other("transcriptions", ("model", "m")),
        other("transcriptions", FILE),
        other("transcriptions", ("model", "m"), FILE, ("response_format", "mp3")),
        replace(cut, prompt=broken),
    ):
        assert transcriptions(asked).status == 400
