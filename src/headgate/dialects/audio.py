"""Speech, transcriptions and translations: OpenAI's form for callers and upstreams alike.

Sources: platform.openai.com/docs/api-reference/audio, .../audio/speech-audio-delta-event,
.../audio/transcript-text-done-event.
"""

from __future__ import annotations

import base64

import msgspec

from headgate.dialects.dialect import Fields
from headgate.dialects.framing.sse import frame_bytes
from headgate.dialects.openai_chat.tasks import TaskWire, clamped_up, has, task_usage, value_of
from headgate.ir.usage import Usage

_SPOKEN = "speech.audio.done"
_WRITTEN = "transcript.text.done"
_TRANSCRIPT_PARTS = ("text", "segments", "words")


def _transcript_usage(fields: Fields) -> Usage | None:
    """Read the tokens or the seconds; without `usage`, the duration that a verbose reply tells."""
    told = task_usage(fields)
    if told is not None or "duration" not in fields:
        return told
    seconds = clamped_up(value_of(fields, "duration"))
    return Usage(audio_seconds=seconds) if seconds else None


def _is_transcript(fields: Fields) -> bool:
    return any(has(fields, name) for name in _TRANSCRIPT_PARTS)


def _transcript_events(fields: Fields) -> bytes:
    kind = msgspec.Raw(msgspec.json.encode(_WRITTEN))
    return _ended(msgspec.json.encode({"type": kind, **fields}))


def _wrapped_text(body: bytes) -> bytes:
    text = body.decode("utf-8", "replace")
    return _ended(msgspec.json.encode({"type": _WRITTEN, "text": text}))


def _ended(done: bytes) -> bytes:
    return frame_bytes(done) + frame_bytes(b"[DONE]")


def _is_speech(fields: Fields) -> bool:
    """Some vendors answer with an address, or with the audio as text: whatever is no error."""
    return bool(fields) and not any(
        name in fields for name in ("error", "detail", "errors", "base_resp", "error_code")
    )


def _speech_events(fields: Fields) -> bytes:
    kind = msgspec.Raw(msgspec.json.encode(_SPOKEN))
    return frame_bytes(msgspec.json.encode({"type": kind, **fields}))


def _wrapped_audio(body: bytes) -> bytes:
    audio = {"type": "speech.audio.delta", "audio": base64.b64encode(body).decode()}
    done = {"type": _SPOKEN}
    return frame_bytes(msgspec.json.encode(audio)) + frame_bytes(msgspec.json.encode(done))


SPEECH = TaskWire(
    endings=frozenset({_SPOKEN}),
    families=("speech.audio.",),
    is_answer=_is_speech,
    usage=task_usage,
    events=_speech_events,
    wrapped=_wrapped_audio,
)
TRANSCRIPTS = TaskWire(
    endings=frozenset({_WRITTEN}),
    families=("transcript.text.",),
    is_answer=_is_transcript,
    usage=_transcript_usage,
    events=_transcript_events,
    wrapped=_wrapped_text,
)
