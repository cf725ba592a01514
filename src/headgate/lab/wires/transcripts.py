"""OpenAI's transcriptions and translations: the text says what bytes have arrived.

Source: platform.openai.com/docs/api-reference/audio/createTranscription,
.../audio/createTranslation, .../audio/transcript-text-delta-event
"""

from __future__ import annotations

from msgspec import json

from headgate.lab.forms import Part
from headgate.lab.plan import Plan, stream, whole
from headgate.lab.wires.openai import DONE
from headgate.lab.wires.openai_other import event, missing, refusal, text
from headgate.lab.wires.question import Json, Question, words

BYTES_PER_SECOND = 16_000
TOKENS_PER_SECOND = 10
TEXT_TYPE = "text/plain; charset=utf-8"
FORMATS = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")


def transcriptions(question: Question) -> Plan:
    """Write down what was said."""
    return _answer(question, "transcribe")


def translations(question: Question) -> Plan:
    """The same in English, and never as a stream."""
    return _answer(question, "translate")


def heard(place: str, part: Part) -> str:
    """The text by which a test sees who listened, and that the bytes are the caller's."""
    return f"{place}: I heard {part.filename}, {part.size} bytes, sha256 {part.sha256}."


def _answer(question: Question, task: str) -> Plan:
    form = question.prompt.form
    if form is None or not form.files():
        return missing("file")
    if form.problem:
        return refusal(form.problem)
    if not question.prompt.model:
        return missing("model")
    kind = text(question, "response_format") or "json"
    if kind not in FORMATS:
        return refusal(f"Invalid value for 'response_format': {kind!r}.")
    part = form.files()[0]
    said = heard(question.place, part)
    # Whisper takes the flag and answers whole.
    whisper = question.model.startswith("whisper")
    if question.stream and task == "transcribe" and not whisper:
        return _stream(said, _usage(part, said, by_time=False), diarized=kind == "diarized_json")
    seconds = _seconds(part)
    match kind:
        case "text":
            return whole(f"{said}\n".encode(), content_type=TEXT_TYPE)
        case "srt" | "vtt":
            return whole(_subtitles(said, seconds, kind), content_type=TEXT_TYPE)
        case "verbose_json":
            return whole(json.encode(_verbose(said, seconds, task)))
        case "diarized_json":
            shared: Json = {"text": said, "task": task, "duration": seconds}
            shared |= {"segments": [_speaker(said, seconds)]}
            return whole(json.encode(shared | {"usage": _usage(part, said, by_time=False)}))
        case _:
            return whole(json.encode({"text": said, "usage": _usage(part, said, by_time=whisper)}))


def _seconds(part: Part) -> int:
    return max(1, part.size // BYTES_PER_SECOND)


def _usage(part: Part, said: str, *, by_time: bool) -> Json:
    """What is billed: seconds for Whisper, tokens for the newer models."""
    if by_time:
        return {"type": "duration", "seconds": _seconds(part)}
    entered, written = _seconds(part) * TOKENS_PER_SECOND, len(words(said))
    return {
        "type": "tokens",
        "input_tokens": entered,
        "input_token_details": {"text_tokens": 0, "audio_tokens": entered},
        "output_tokens": written,
        "total_tokens": entered + written,
    }


def _subtitles(said: str, seconds: int, kind: str) -> bytes:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    mark = "," if kind == "srt" else "."
    until = f"{hours:02}:{minutes:02}:{rest:02}{mark}000"
    head = "1\n" if kind == "srt" else "WEBVTT\n\n"
    return f"{head}00:00:00{mark}000 --> {until}\n{said}\n\n".encode()


def _verbose(said: str, seconds: int, task: str) -> Json:
    segment: Json = {
        "id": 0, "seek": 0, "start": 0.0, "end": float(seconds), "text": said, "tokens": [50364],
        "temperature": 0.0, "avg_logprob": -0.25, "compression_ratio": 1.0, "no_speech_prob": 0.01,
    }  # fmt: skip
    return {
        "task": task,
        "language": "english",
        "duration": float(seconds),
        "text": said,
        "segments": [segment],
        "usage": {"type": "duration", "seconds": seconds},
    }


def _speaker(said: str, seconds: int) -> Json:
    kind = "transcript.text.segment"
    return {"type": kind, "id": "seg_0", "start": 0.0, "end": float(seconds), "speaker": "A"} | {
        "text": said
    }


def _stream(said: str, usage: Json, *, diarized: bool) -> Plan:
    """A delta per word, or one segment per speaker; the whole text and the usage at the end."""
    pieces: list[Json]
    if diarized:
        pieces = [_speaker(said, usage["input_tokens"] // TOKENS_PER_SECOND)]
    else:
        pieces = [{"type": "transcript.text.delta", "delta": piece} for piece in words(said)]
    done: Json = {"type": "transcript.text.done", "text": said, "usage": usage}
    return stream([*(event(piece) for piece in pieces), event(done), DONE])
