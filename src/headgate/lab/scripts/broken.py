"""Answers that break: cut connections, malformed streams, false counts, floods."""

from __future__ import annotations

import gzip

from msgspec import Raw
from msgspec.structs import replace

from headgate.lab.plan import (
    CONTENT_TYPE,
    JSON_TYPE,
    SSE_TYPE,
    Close,
    Goodbye,
    Ping,
    Plan,
    Repeat,
    Reset,
    Send,
    Step,
    Wait,
    stream,
)
from headgate.lab.scripts.answers import empty, greeting, hello, plain, plan_for, say
from headgate.lab.scripts.timing import body
from headgate.lab.wires import WIRES
from headgate.lab.wires.question import Count, Question

# Long enough that the caller has read what came before the connection breaks.
BEFORE_A_CUT = Wait(0.05)
MIB = 1 << 20
BOMB_BYTES = 64 * MIB


def cut(question: Question, number: float) -> Plan:
    """Reset the connection after some bytes, in the middle if none are given."""
    return _cut(hello(question, number), int(number), Reset())


def cut_fin(question: Question, number: float) -> Plan:
    """Close the connection politely after some bytes, with the rest still owed."""
    return _cut(hello(question, number), int(number), Close())


def goodbye(question: Question, number: float) -> Plan:
    """Say goodbye in the middle of an answer, as only a WebSocket can; else like `cut_fin`."""
    return _cut(hello(question, number), 0, Goodbye(int(number)))


def pings(question: Question, number: float) -> Plan:
    """Ping before every message."""
    plan = hello(question, number)
    return replace(plan, steps=tuple(part for step in plan.steps for part in (Ping(), step)))


def _cut(plan: Plan, bytes_sent: int, end: Step) -> Plan:
    """Keep whole pieces as long as they fit, then a part of one."""
    left = bytes_sent or len(body(plan)) // 2
    steps: list[Step] = []
    for step in plan.steps:
        if isinstance(step, Send) and left > 0:
            steps.append(Send(step.data[:left]))
            left -= len(step.data)
    return replace(plan, steps=(*steps, BEFORE_A_CUT, end))


def done_first(question: Question, number: float) -> Plan:
    """A stream that ends before it begins; an empty text where no stream was asked for."""
    if not question.stream or question.operation != "chat":
        return empty(question, number)
    if question.as_array:
        return stream([b"[", b"]"], JSON_TYPE)
    wire = WIRES[question.wire]
    return stream([wire.last_frame] if wire.last_frame else [], wire.stream_type)


def json_for_stream(question: Question, number: float) -> Plan:
    """Answer whole even where a stream was asked for."""
    return hello(replace(question, stream=False), number)


def stream_for_json(question: Question, number: float) -> Plan:
    """Answer as a stream even where none was asked for."""
    return hello(replace(question, stream=True), number)


def no_usage(question: Question, number: float) -> Plan:
    """Answer without a usage block."""
    if question.operation != "chat":
        return hello(question, number)
    return plan_for(question, replace(say(question, greeting(question)), usage=None))


def _lie(question: Question, count: Count) -> Plan:
    if question.operation != "chat":
        return hello(question, 0)
    return plan_for(question, replace(say(question, greeting(question)), lie=count))


def lie_negative(question: Question, _number: float) -> Plan:
    """Every count of the usage is -9."""
    return _lie(question, -9)


def lie_float(question: Question, _number: float) -> Plan:
    """Every count is 12.5."""
    return _lie(question, 12.5)


def lie_huge(question: Question, _number: float) -> Plan:
    """Every count is an integer of 31 digits."""
    return _lie(question, Raw(b"1" + b"0" * 30))


def lie_text(question: Question, _number: float) -> Plan:
    """Every count is a string."""
    return _lie(question, "many")


def lie_zero(question: Question, _number: float) -> Plan:
    """Every count is zero, though there is text."""
    return _lie(question, 0)


def flood(question: Question, number: float) -> Plan:
    """Repeat a content event for ever, as fast as the caller reads."""
    plan = hello(replace(question, stream=True, as_array=False), number)
    if question.operation != "chat" or len(plan.steps) < 3:
        return plan
    middle = body(replace(plan, steps=plan.steps[len(plan.steps) // 2 :][:1]))
    return replace(plan, steps=(*plan.steps[: len(plan.steps) // 2], Repeat(middle * 64)))


def big(question: Question, number: float) -> Plan:
    """One piece of text of that many MiB, 64 at most."""
    return plain(question, "x" * (min(max(int(number), 1), 64) * MIB))


def _frames(question: Question, text: str = "") -> list[bytes] | None:
    """The events of a healthy stream; None where there is none to break."""
    plan = plain(question, text or greeting(question))
    if question.as_array or dict(plan.headers)[CONTENT_TYPE] != WIRES[question.wire].stream_type:
        return None
    return [step.data for step in plan.steps if isinstance(step, Send)]


def _sse(question: Question) -> list[bytes] | None:
    """The same; None as well where streams are no SSE."""
    return _frames(question) if WIRES[question.wire].stream_type == SSE_TYPE else None


def sse_bad_json(question: Question, number: float) -> Plan:
    """An event with broken JSON in mid-stream."""
    frames = _frames(question)
    if frames is None:
        return hello(question, number)
    wire = WIRES[question.wire]
    half = len(frames) // 2
    return stream([*frames[:half], wire.broken_frame, *frames[half:]], wire.stream_type)


def sse_crlf(question: Question, number: float) -> Plan:
    """Lines end in CRLF, and in a bare LF every other event."""
    frames = _sse(question)
    if frames is None:
        return hello(question, number)
    plain_ends = [frame.replace(b"\r\n", b"\n") for frame in frames]
    return stream(
        frame if index % 2 else frame.replace(b"\n", b"\r\n")
        for index, frame in enumerate(plain_ends)
    )


def sse_comments(question: Question, number: float) -> Plan:
    """Blank lines, comments and unknown fields around every event."""
    frames = _sse(question)
    if frames is None:
        return hello(question, number)
    noise = b"\n\n: LAB PROCESSING\n\n:\nid: 7\nretry: 1000\n"
    return stream(noise + frame for frame in frames)


def sse_no_space(question: Question, number: float) -> Plan:
    """`data:` without the space."""
    frames = _sse(question)
    if frames is None:
        return hello(question, number)
    return stream(
        b"".join(_without_space(line) for line in frame.splitlines(keepends=True))
        for frame in frames
    )


def _without_space(line: bytes) -> bytes:
    for field in (b"data: ", b"event: "):
        if line.startswith(field):
            return field.rstrip() + line.removeprefix(field)
    return line


def sse_no_end(question: Question, number: float) -> Plan:
    """The last event lacks its blank line."""
    frames = _sse(question)
    if frames is None:
        return hello(question, number)
    return stream([*frames[:-1], frames[-1].rstrip()])


def sse_split(question: Question, number: float) -> Plan:
    """Text beyond ASCII, cut into writes of three bytes, through characters and line ends."""
    text = f"{question.place}: Grüße, 你好 🌊!"
    frames = _frames(question, text)
    if frames is None:
        return plain(question, text)
    data = b"".join(frames)
    pieces = (data[start : start + 3] for start in range(0, len(data), 3))
    return stream(pieces, WIRES[question.wire].stream_type)


def zipped(question: Question, number: float) -> Plan:
    """Compress the answer with gzip, asked or not."""
    plan = hello(question, number)
    return _encoded(plan, gzip.compress(body(plan)))


def zipped_not(question: Question, number: float) -> Plan:
    """Say gzip, and send plain text."""
    plan = hello(question, number)
    return _encoded(plan, body(plan))


def zipped_bomb(question: Question, number: float) -> Plan:
    """A few KiB of gzip that unpack to 64 MiB."""
    return _encoded(hello(question, number), gzip.compress(b" " * BOMB_BYTES))


def _encoded(plan: Plan, data: bytes) -> Plan:
    headers = (*plan.headers, ("content-encoding", "gzip"))
    return replace(plan, steps=(Send(data),), headers=headers, length=len(data))


def odd_headers(question: Question, number: float) -> Plan:
    """Headers that no gateway may pass on, beside some that it should."""
    plan = hello(question, number)
    odd = (
        ("set-cookie", "session=stolen; Path=/"),
        ("server", "lab"),
        ("x-oneapi-request-id", "forged"),
        ("keep-alive", "timeout=1"),
        ("access-control-allow-origin", "https://evil.example"),
        ("x-long", "a" * 4096),
        ("x-request-id", f"req-lab-{question.number}"),
        ("x-ratelimit-remaining-requests", "41"),
        ("openai-processing-ms", "12"),
    )
    return replace(plan, headers=(*plan.headers, *odd))


def close_after(question: Question, number: float) -> Plan:
    """Close the connection behind the n-th answer, without a word."""
    return replace(hello(question, number), close_after=int(number))


def drop_after(question: Question, number: float) -> Plan:
    """Take the request after the n-th answer, and close without answering it."""
    return replace(hello(question, number), drop_after=int(number))
