"""Reading a stream: frames in, events out. A whole reply is a stream of one frame.

Source: ai.google.dev/api/generate-content; `providers.md` 2.4; `recordings.md` 5.5
"""

from __future__ import annotations

import base64
import binascii
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from headgate.base.failure import Failure, bad_reply, broke_off
from headgate.base.frames import Frame
from headgate.base.ids import new_id
from headgate.dialects.gemini.citations import decode_citations, decode_grounding
from headgate.dialects.gemini.errors import decode_error, failure_of
from headgate.dialects.gemini.finish import decode_finish, reason_word
from headgate.dialects.gemini.frames import (
    NO_USAGE,
    WireCandidate,
    WirePart,
    WireReply,
    decode_reply_frame,
)
from headgate.dialects.gemini.leftovers import leftovers_in
from headgate.dialects.gemini.logprobs import decode_logprobs
from headgate.dialects.gemini.partial_args import PartialArgs
from headgate.dialects.gemini.parts import made_id, media_part
from headgate.dialects.gemini.usage import decode_usage
from headgate.dialects.gemini.wire import NAME
from headgate.dialects.lenient_json import compact, parsed_object
from headgate.ir.events import (
    Ended,
    Event,
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    Started,
)
from headgate.ir.reply import Finish
from headgate.ir.request import (
    Audio,
    Citation,
    Image,
    Inline,
    Json,
    Opaque,
    Part,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
)

# How much is kept for citations: a stream without an end must not fill the memory.
_MOST_CITED_BYTES = 1_000_000
_MOST_SOURCES = 1_000  # frames that name some
_RAW_SOUND = ("audio/l16", "audio/pcm")  # samples without a head: pieces follow each other


class GeminiStreamDecoder:
    """Reads the frames of one reply.

    `Finished` is held back until the stream ends: some upstreams give a finish reason in every
    frame, others send usage or citations after it.
    A blocked prompt is an answer: a refusal that says why, finished by `content_filter`. It is not
    a failure, since no other upstream would be asked about it.
    A `whole` reply has ended even if no finish reason says so.
    """

    def __init__(self, whole: bool = False) -> None:
        self._whole = whole
        self._started = False
        self._over = False
        self._reply_id = ""
        self._calls = 0
        self._usage = NO_USAGE
        self._block: Json | None = None  # promptFeedback, where there are no candidates
        self._candidates: dict[int, _Candidate] = {}
        self._last = b""  # the frame that came last: what nobody reads is repeated there
        self._left: Json = {}

    def feed(self, frame: Frame) -> list[Event]:
        """Take a frame, give the events that it means."""
        if self._over:
            return []
        events: list[Event] = []
        try:
            self._read(frame, events)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            events += self._failed(bad_reply(f"a stream frame cannot be read: {error}"))
        return events

    def _read(self, frame: Frame, events: list[Event]) -> None:
        reply = decode_reply_frame(frame.data)
        if reply.error is not None:
            events += self._failed(_reported(frame.data))
            return
        self._last = frame.data
        if not self._started:
            self._left = leftovers_in(frame.data)
            events.append(self._start(reply))
        if reply.usage_metadata is not NO_USAGE:
            self._usage = reply.usage_metadata
        for position, candidate in enumerate(reply.candidates or ()):
            self._candidate(candidate, position, frame.data, events)
            if self._over:
                return
        if not reply.candidates and reply.prompt_feedback is not None:
            self._block = reply.prompt_feedback

    def end(self) -> list[Event]:
        """The body is over: finish what the frames have finished."""
        if self._over:
            return []
        self._over = True
        events: list[Event] = []
        if self._block is not None and not self._candidates:
            events += _refusal(self._block)
        elif not self._has_ended():
            return [Failed(self._interruption())]
        for choice, candidate in sorted(self._candidates.items()):
            candidate.close(events)
            finish = decode_finish(candidate.reason, candidate.called)
            events.append(Finished(finish, choice))
        usage = parsed_object(self._usage) or {}
        tier = usage.get("serviceTier")
        counts = decode_usage(usage) if usage else None
        left = self._left | leftovers_in(self._last)
        extras = {NAME: left} if left else {}
        events.append(Ended(counts, tier if isinstance(tier, str) else None, extras))
        return events

    def _has_ended(self) -> bool:
        candidates = self._candidates.values()
        return bool(candidates) and (self._whole or all(each.reason for each in candidates))

    def _interruption(self) -> Failure:
        if self._whole:
            return bad_reply("the upstream's reply has no candidates")
        return broke_off("the stream broke off before a finish reason")

    def _failed(self, failure: Failure) -> list[Event]:
        self._over = True
        return [Failed(failure)]

    def _start(self, reply: WireReply) -> Started:
        self._started = True
        self._reply_id = reply.response_id or ""  # ids that we make are made from it
        return Started(
            reply_id=self._reply_id,
            model=(reply.model_version or "").removeprefix("models/"),
            created=_epoch_s(reply.create_time),
        )

    def _candidate(
        self, wire: WireCandidate, position: int, data: bytes, events: list[Event]
    ) -> None:
        choice = wire.index or 0
        candidate = self._candidates.get(choice)
        if candidate is None:
            candidate = self._candidates[choice] = _Candidate(choice)
        parts = wire.content.parts if wire.content is not None else None
        for number, part in enumerate(parts or ()):
            if part.function_call is not None:
                if not self._call(candidate, part.function_call, part.thought_signature, events):
                    return
            elif part.text is not None:
                candidate.say(part.text, part.thought or False, part.thought_signature, events)
            else:
                candidate.show(part, _raw_part(data, position, number), events)
        if wire.logprobs_result is not None:
            candidate.attach(events, logprobs=decode_logprobs(wire.logprobs_result))
        if wire.grounding_metadata is not None:
            candidate.grounded.append(wire.grounding_metadata)
        if wire.citation_metadata is not None:
            candidate.cited.append(wire.citation_metadata)
        if wire.finish_reason is not None:
            candidate.reason = reason_word(wire.finish_reason) or candidate.reason

    def _call(
        self, candidate: _Candidate, wire: Json, signature: str | None, events: list[Event]
    ) -> bool:
        """Take a function call, whole or a piece of one. False if the stream has failed over it."""
        name = wire.get("name")
        if isinstance(name, str) and name:
            candidate.end_call(events)
            self._calls += 1
            call_id = wire.get("id")
            if not isinstance(call_id, str) or not call_id:
                self._reply_id = self._reply_id or new_id()
                call_id = made_id(self._reply_id, self._calls)
            head = ToolCall(call_id=call_id, name=name, signature=_signature(signature))
            candidate.start_call(head, wire.get("args"), events)
        understood = candidate.add_args(wire.get("partialArgs"))
        if not understood:
            events += self._failed(bad_reply("pieces of a function call do not fit together"))
            return False
        if not wire.get("willContinue"):
            candidate.end_call(events)
        return True


class _Candidate:
    """One answer in the making: which part is open, and what is known of its end."""

    def __init__(self, choice: int) -> None:
        self.choice = choice
        self.reason = ""
        self.called = False
        self.grounded: deque[Json] = deque(maxlen=_MOST_SOURCES)
        self.cited: deque[Json] = deque(maxlen=_MOST_SOURCES)
        self._next = 0  # the index of the next part
        self._open: type[Part] | None = None
        self._said = bytearray()  # of the text part: citations count characters in it
        self._args: PartialArgs | None = None
        self._media_type = ""
        self._tail = b""  # bytes of sound that do not fill a group of three

    def say(self, text: str, thought: bool, signature: str | None, events: list[Event]) -> None:
        """Take more text or thoughts."""
        kind: type[Part] = Thinking if thought else Text
        if not text and not signature:
            return
        if self._open is not kind:
            self._start(Thinking() if thought else Text(text=""), events)
        if not thought and len(self._said) < _MOST_CITED_BYTES:
            self._said += text.encode()
        proof = Signature(NAME, signature) if signature else None
        events.append(PartDelta(self._next - 1, text, self.choice, proof))

    def show(self, part: WirePart, raw: Json, events: list[Event]) -> None:
        """Take media, or what is not understood and only kept."""
        media = part.inline_data or {}
        kind, data = media.get("mimeType"), media.get("data")
        if part.thought or not isinstance(kind, str) or not isinstance(data, str):
            if raw.keys() - {"thought", "thoughtSignature"}:
                self._whole(Opaque(dialect=NAME, block=raw), events)
            return
        if kind.lower().startswith(_RAW_SOUND):
            self._sound(kind, data, events)
            return
        made = media_part(Inline(kind, data))
        if isinstance(made, Image):
            made = Image(source=made.source, signature=_signature(part.thought_signature))
        self._whole(made, events)

    def start_call(self, head: ToolCall, args: object, events: list[Event]) -> None:
        """Begin a function call."""
        self.called = True
        self._start(head, events)
        self._args = PartialArgs()
        if isinstance(args, dict):
            self._args.arguments.update(args)

    def add_args(self, pieces: object) -> bool:
        """Take pieces of the arguments. False if they cannot be understood."""
        if self._args is None:
            return not pieces
        return all(map(self._args.add, pieces if isinstance(pieces, list) else ()))

    def end_call(self, events: list[Event]) -> None:
        """End the call that is open, if any; its arguments are told whole."""
        if self._args is None:
            return
        arguments = compact(self._args.arguments)
        self._args = None
        events.append(PartDelta(self._next - 1, arguments, self.choice))
        self._end(events)

    def attach(self, events: list[Event], **more: Any) -> None:
        """Hang something on the open text; on an empty one if none is open."""
        if self._open is not Text:
            self._start(Text(text=""), events)
        events.append(PartDelta(self._next - 1, choice=self.choice, **more))

    def close(self, events: list[Event]) -> None:
        """End the answer."""
        self.end_call(events)
        if citations := tuple(dict.fromkeys(self._citations())):
            self.attach(events, citations=citations)
        self._end(events)

    def _citations(self) -> Iterator[Citation]:
        text = self._said.decode()
        for grounding in self.grounded:
            yield from decode_grounding(grounding, text)
        for sources in self.cited:
            yield from decode_citations(sources, text)

    def _start(self, part: Part, events: list[Event]) -> None:
        self._end(events)
        self._open = type(part)
        if self._open is Text:
            self._said = bytearray()
        events.append(PartStarted(self._next, part, self.choice))
        self._next += 1

    def _end(self, events: list[Event]) -> None:
        if self._open is None:
            return
        self._flush(events)
        events.append(PartEnded(self._next - 1, self.choice))
        self._open = None

    def _whole(self, part: Part, events: list[Event]) -> None:
        self._start(part, events)
        self._end(events)

    def _sound(self, kind: str, data: str, events: list[Event]) -> None:
        """Take a piece of sound: pieces are cut anew, so that their base64 can be joined."""
        if self._open is not Audio or self._media_type != kind:
            self._start(Audio(source=Inline(kind, "")), events)
            self._media_type = kind
        try:
            sound = self._tail + base64.b64decode(data)
        except binascii.Error:  # not for us to judge: the caller gets it as it came
            self._flush(events)
            events.append(PartDelta(self._next - 1, data, self.choice))
            return
        whole = len(sound) // 3 * 3
        self._tail = sound[whole:]
        if whole:
            text = base64.b64encode(sound[:whole]).decode()
            events.append(PartDelta(self._next - 1, text, self.choice))

    def _flush(self, events: list[Event]) -> None:
        if self._tail:
            rest = base64.b64encode(self._tail).decode()
            events.append(PartDelta(self._next - 1, rest, self.choice))
            self._tail = b""


def _signature(value: str | None) -> Signature | None:
    return Signature(NAME, value) if value else None


def _raw_part(data: bytes, position: int, number: int) -> Json:
    """Read a part as it came: the Structs know only what is common."""
    part: Json = msgspec.json.decode(data)["candidates"][position]["content"]["parts"][number]
    return part


def _refusal(feedback: Json) -> list[Event]:
    """Tell a blocked prompt: a refusal, finished by the content filter."""
    reason = str(feedback.get("blockReason") or "")
    said = feedback.get("blockReasonMessage")
    text = f"The prompt was blocked ({reason})." if reason else "The prompt was blocked."
    text += f" {said}" if isinstance(said, str) else ""
    finish = Finish(reason="content_filter", raw_reason=reason)
    return [PartStarted(0, Refusal()), PartDelta(0, text), PartEnded(0), Finished(finish)]


def _epoch_s(created: str | None) -> int:
    """Read an RFC 3339 time; 0 if it is none."""
    try:
        return int(datetime.fromisoformat(created or "").timestamp())
    except ValueError:
        return 0


def _reported(data: bytes) -> Failure:
    error = decode_error(msgspec.json.decode(data))
    return failure_of(error) if error is not None else bad_reply("the upstream reported an error")
