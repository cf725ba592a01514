"""OpenAI's speech: bytes drawn from the text's hash, in several writes, or as SSE events.

Source: platform.openai.com/docs/api-reference/audio/createSpeech,
.../audio/speech-audio-delta-event
"""

from __future__ import annotations

import base64
import hashlib

from headgate.lab.plan import CONTENT_TYPE, Plan, Send, stream
from headgate.lab.wires.openai_other import event, missing, refusal, text
from headgate.lab.wires.question import Json, Question, words

PIECE_BYTES = 4096
PIECES_MIN = 8
PIECES_MAX = 4096
KINDS = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}


def audio(place: str, spoken: str) -> list[bytes]:
    """The sound of a text at a place: a piece per word, eight at least, no two alike."""
    count = max(PIECES_MIN, min(len(words(spoken)), PIECES_MAX))
    seed = hashlib.sha256(f"{place}: {spoken}".encode()).digest()
    return [
        hashlib.shake_128(seed + index.to_bytes(4)).digest(PIECE_BYTES) for index in range(count)
    ]


def speech(question: Question) -> Plan:
    """Speak the input."""
    spoken = text(question, "input")
    kind = KINDS.get(text(question, "response_format") or "mp3")
    if not spoken:
        return missing("input")
    if not question.prompt.body.get("voice"):
        return missing("voice")
    if kind is None:
        return refusal("Invalid value for 'response_format'.")
    pieces = audio(question.place, spoken)
    if text(question, "stream_format") != "sse":
        return Plan(tuple(map(Send, pieces)), headers=((CONTENT_TYPE, kind),))
    counts = {"input_tokens": len(words(spoken)), "output_tokens": len(pieces)}
    usage: Json = counts | {"total_tokens": sum(counts.values())}
    deltas: list[Json] = [
        {"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()}
        for piece in pieces
    ]
    done: Json = {"type": "speech.audio.done", "usage": usage}
    return stream(event(data) for data in (*deltas, done))
