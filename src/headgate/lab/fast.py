"""The fast responder: answers made in advance, for the benchmark.

`/fast/` answers in as few writes as a quick provider would, `/each/` gives every chunk of a
stream its own write, and `/paced/` its own moment too: written at once, chunks that a busy
gateway has not read yet meet again in its socket. None of them reads more of the body than
whether it asks for a stream.
"""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from headgate.lab.answering import LAST_CHUNK, chunk, head_of
from headgate.lab.plan import Plan, stream, whole
from headgate.lab.wires import WIRES
from headgate.lab.wires.question import Answer, Prompt, Question, Usage

SEGMENTS = (b"/fast/", b"/each/", b"/paced/")
PACE_S = 0.002
STREAM_CHUNKS = 100
BURST_WRITES = 4
TEXT = "The lab answers from memory, at no cost worth a name. " * 12
WORDS = tuple(f" word{index:02}" for index in range(STREAM_CHUNKS))
WANTS_STREAM = (b'"stream":true', b'"stream": true')
STREAM_VERBS = (b":streamGenerateContent", b"/converse-stream")
WIRE_MARKS = (
    (b"/messages", "anthropic"),
    (b"/responses", "responses"),
    (b"/converse", "bedrock"),
    (b"/v2/chat", "cohere"),
    (b"/api/chat", "ollama"),
    (b"GenerateContent", "gemini"),
    (b"generateContent", "gemini"),
)


class FastAnswer(Struct, frozen=True):
    """The writes of the two kinds of answer, head and framing included; a pause between them."""

    whole: tuple[bytes, ...]
    stream: tuple[bytes, ...]
    pause_s: float = 0.0


def _answers(wire: str) -> tuple[FastAnswer, ...]:
    """Build the answers of each segment for one wire."""
    question = Question(
        wire=wire, operation="chat", model="lab-fast", prompt=Prompt(include_usage=True)
    )
    said = Answer(pieces=(TEXT,), usage=Usage(12, 120))
    full = whole(WIRES[wire].whole(question, said))
    once = (head_of(full, keep_alive=True) + WIRES[wire].whole(question, said),)
    frames = _frames(question)
    each = FastAnswer(once, _writes(wire, frames, 1))
    burst = FastAnswer(once, _writes(wire, frames, -(-len(frames) // BURST_WRITES)))
    return burst, each, replace(each, pause_s=PACE_S)


def _frames(question: Question) -> list[bytes]:
    """A stream of exactly as many JSON events as the benchmark counts."""
    wire = WIRES[question.wire]
    question = replace(question, stream=True)
    said = Answer(pieces=WORDS, usage=Usage(12, STREAM_CHUNKS))
    extra = (
        len(wire.frames(question, said)) - STREAM_CHUNKS - (wire.last_frame == b"data: [DONE]\n\n")
    )
    return wire.frames(question, replace(said, pieces=WORDS[: STREAM_CHUNKS - extra]))


def _writes(wire: str, frames: list[bytes], per_write: int) -> tuple[bytes, ...]:
    """Frame each event as an HTTP chunk, so many to a write; the head goes with the first."""
    plan: Plan = stream((), WIRES[wire].stream_type)
    chunks = [chunk(frame) for frame in frames]
    writes = [
        b"".join(chunks[start : start + per_write]) for start in range(0, len(chunks), per_write)
    ]
    writes[0] = head_of(plan, keep_alive=True) + writes[0]
    writes[-1] += LAST_CHUNK
    return tuple(writes)


CHATS = ("openai", *dict.fromkeys(wire for _, wire in WIRE_MARKS))
ANSWERS = {wire: _answers(wire) for wire in CHATS}


@lru_cache(256)
def fast_answer(url: bytes) -> FastAnswer | None:
    """The prepared answers for a path, None if it does not ask for the fast responder."""
    wire = next((name for mark, name in WIRE_MARKS if mark in url), "openai")
    answers = zip(SEGMENTS, ANSWERS[wire], strict=True)
    answer = next((one for segment, one in answers if url.startswith(segment)), None)
    if answer is None:
        return None
    streams = any(verb in url for verb in STREAM_VERBS)
    return replace(answer, whole=answer.stream) if streams else answer


def writes_for(answer: FastAnswer, body: bytes) -> tuple[bytes, ...]:
    """Choose between whole and stream by a look for the flag, without decoding the body."""
    return answer.stream if any(flag in body for flag in WANTS_STREAM) else answer.whole
