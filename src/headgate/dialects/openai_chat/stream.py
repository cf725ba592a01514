"""Streams of an upstream of the OpenAI family: chunks to events.

Source: platform.openai.com/docs/api-reference/chat-streaming; what vendors really send, and what
each rule here is for, is in `recordings.md` 5.2.
"""

from __future__ import annotations

from zlib import crc32

import msgspec

from headgate.base.failure import Failure, RelayError, bad_reply, broke_off
from headgate.base.frames import Frame
from headgate.base.ids import new_id
from headgate.dialects.lenient_json import parsed_object
from headgate.dialects.openai_chat.errors import decode_error, failure_of
from headgate.dialects.openai_chat.finish import finish_of
from headgate.dialects.openai_chat.leftovers import leftovers_in
from headgate.dialects.openai_chat.provenance import (
    NAME,
    extra_content_signature,
    thinking_of_detail,
)
from headgate.dialects.openai_chat.reply import (
    audio_of,
    citation_of,
    content_parts,
    image_of,
)
from headgate.dialects.openai_chat.sources import sources_of, without_sources
from headgate.dialects.openai_chat.usage import usage_in
from headgate.dialects.openai_chat.wire import (
    CallPiece,
    Chunk,
    ChunkChoice,
    CustomPiece,
    Delta,
    FunctionPiece,
    decode_chunk,
)
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
from headgate.ir.request import (
    Audio,
    Inline,
    Json,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
from headgate.ir.usage import Usage

_NULL = b"null"
_EMPTY: dict[type[Text | Thinking | Refusal], Part] = {
    Text: Text(text=""),
    Thinking: Thinking(),
    Refusal: Refusal(),
}


class ChatStreamDecoder:
    """Reads a chat stream. One per reply."""

    def __init__(self) -> None:
        self._choices: dict[int, _ChoiceReader] = {}
        self._has_started = False
        self._is_over = False
        self._usage: Usage | None = None
        self._service_tier: str | None = None
        self._left: Json = {}

    def feed(self, frame: Frame) -> list[Event]:
        """Take a frame, give its events."""
        if self._is_over:
            return []
        if frame.data.startswith(b"[DONE]"):
            return self._end_well()
        try:
            chunk = decode_chunk(frame.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._fail(bad_reply("the upstream's stream holds a frame that is no chunk"))
        if frame.event == "error" or not chunk.choices or bytes(chunk.error) != _NULL:
            failure = _failure_in(frame)
            if failure is not None:
                return self._fail(failure)
        events: list[Event] = []
        if not self._has_started and (chunk.choices or chunk.id):
            self._has_started = True
            self._left = leftovers_in(frame.data)
            events.append(_started(chunk))
        elif not chunk.choices or chunk.choices[0].finish_reason:
            self._left |= leftovers_in(frame.data)
        for choice in chunk.choices or ():
            reader = self._choices.get(choice.index)
            if reader is None:
                reader = self._choices[choice.index] = _ChoiceReader(choice.index)
            try:
                reader.read(choice, events)
            except RelayError as error:
                return events + self._fail(error.failure)
        self._note_usage(chunk, frame)
        if chunk.service_tier:
            self._service_tier = chunk.service_tier
        return events

    def end(self) -> list[Event]:
        """The body is over; many vendors send no [DONE]."""
        if self._is_over:
            return []
        readers = self._choices.values()
        if readers and all(reader.raw_reason for reader in readers):
            return self._end_well()
        return self._fail(broke_off())

    def _end_well(self) -> list[Event]:
        """End the reply; a vendor that names no reason but says [DONE] has ended naturally."""
        if not self._choices:
            return self._fail(bad_reply("the upstream's stream holds no answer"))
        self._is_over = True
        events: list[Event] = []
        first = next(iter(self._choices.values()))
        if first.cite(self._left, events):
            self._left = without_sources(self._left)
        for reader in self._choices.values():
            reader.finish(events)
        extras = {NAME: self._left} if self._left else {}
        events.append(Ended(self._usage, self._service_tier, extras))
        return events

    def _fail(self, failure: Failure) -> list[Event]:
        self._is_over = True
        return [Failed(failure)]

    def _note_usage(self, chunk: Chunk, frame: Frame) -> None:
        """Keep the latest usage: some vendors repeat it, counting up, in every chunk."""
        if (
            bytes(chunk.usage) == _NULL
            and bytes(chunk.x_groq) == _NULL
            and all(bytes(choice.usage) == _NULL for choice in chunk.choices or ())
        ):
            return
        usage = usage_in(frame.data)
        if usage is not None:
            self._usage = usage


def _started(chunk: Chunk) -> Started:
    return Started(
        reply_id=chunk.id or "",
        model=chunk.model or "",
        created=chunk.created or 0,
        service_tier=chunk.service_tier or None,
        system_fingerprint=chunk.system_fingerprint or None,
    )


def _failure_in(frame: Frame) -> Failure | None:
    body = parsed_object(frame.data) or {}
    error = decode_error(body)
    if error is not None:
        return failure_of(error)
    if frame.event == "error":
        return bad_reply("the upstream sent an error event without an error")
    return None


class _Call:
    """A tool call that may still grow."""

    def __init__(self, part: int, index: int | None, call_id: str, name: str) -> None:
        self.part = part
        self.index = index
        self.call_id = call_id
        self.name = name
        self.is_open = True


def _extended(sum_of_text: tuple[int, int], text: str) -> tuple[int, int]:
    """Add text to a length and checksum: enough to know a repeated text without keeping it."""
    raw = text.encode("utf-8", "surrogatepass")
    return sum_of_text[0] + len(raw), crc32(raw, sum_of_text[1])


class _ChoiceReader:
    """Reads the deltas of one choice."""

    def __init__(self, choice: int) -> None:
        self.choice = choice
        self.raw_reason = ""  # known before the end: OpenRouter has sent text after it
        self._next_part = 0
        self._kind: type[Part] | None = None  # of the open part that is not a tool call
        self._part = -1
        self._open_calls: list[_Call] = []
        # The last call of each index, and the first of each id; the index None stands for any.
        self._last_calls: dict[int | None, _Call] = {}
        self._calls_by_id: dict[tuple[int | None, str], _Call] = {}
        self._legacy_call: _Call | None = None
        self._thought = (0, 0)  # length and checksum of the open thinking part's text
        self._is_signed = False  # the open thinking part has its signature: it is complete
        self._cited: set[str] = set()

    # ------------------------------------------------------------------ one chunk

    def read(self, choice: ChunkChoice, events: list[Event]) -> None:
        """Add the events of this choice's share of a chunk."""
        delta = choice.delta
        if delta is None and self._next_part == 0:
            delta = choice.message
        count = len(events)
        if delta is not None:
            self._read_delta(delta, events)
        if choice.logprobs is not None and any(choice.logprobs.values()):
            self._read_logprobs(choice.logprobs, events, count)
        reason = choice.finish_reason
        if reason and reason != "null":
            self.raw_reason = reason

    def finish(self, events: list[Event]) -> None:
        """End the choice."""
        self._close(events)
        self._close_calls(events)
        events.append(Finished(finish_of(self.raw_reason, bool(self._last_calls)), self.choice))

    def cite(self, left: Json, events: list[Event]) -> bool:
        """Give the sources that stand beside the choices to the text, if it is still open."""
        sources = sources_of(left, self._cited) if self._kind is Text else ()
        if sources:
            events.append(PartDelta(self._part, choice=self.choice, citations=sources))
        return bool(sources)

    def _read_delta(self, delta: Delta, events: list[Event]) -> None:
        if delta.reasoning_details or delta.reasoning_content or delta.reasoning:
            self._read_thinking(delta, events)
        content = delta.content
        if content:
            if isinstance(content, str):
                self._say(Text, content, events)
            else:
                self._read_blocks(content, events)
        if delta.refusal:
            self._say(Refusal, delta.refusal, events)
        if delta.annotations:
            citations = tuple(citation_of(note) for note in delta.annotations)
            self._cited.update(citation.url for citation in citations)
            self._open(Text, events)
            events.append(PartDelta(self._part, choice=self.choice, citations=citations))
        if delta.audio:
            self._read_audio(delta.audio, events)
        for block in delta.images or ():
            if (image := image_of(block)) is not None:
                self._whole(image, events)
        for piece in delta.tool_calls or ():
            self._read_call(piece, events)
        if delta.function_call is not None:
            self._read_function_call(delta.function_call, events)

    def _read_logprobs(self, logprobs: Json, events: list[Event], count: int) -> None:
        """Hang the logprobs on this chunk's delta, or else on the part that is open."""
        for index in range(count, len(events)):
            event = events[index]
            if isinstance(event, PartDelta):
                events[index] = msgspec.structs.replace(event, logprobs=logprobs)
                return
        if self._kind is not None:
            events.append(PartDelta(self._part, choice=self.choice, logprobs=logprobs))

    # ------------------------------------------------------------ parts one by one

    def _start(self, part: Part, events: list[Event]) -> int:
        index = self._next_part
        self._next_part += 1
        events.append(PartStarted(index, part, self.choice))
        return index

    def _open(self, kind: type[Text | Thinking | Refusal], events: list[Event]) -> None:
        """Make sure that the open part is of this kind."""
        if self._kind is kind:
            return
        self._close(events)
        self._close_calls(events)
        self._kind = kind
        self._part = self._start(_EMPTY[kind], events)

    def _say(self, kind: type[Text | Thinking | Refusal], text: str, events: list[Event]) -> None:
        if self._kind is not kind:
            self._open(kind, events)
        events.append(PartDelta(self._part, text, self.choice))

    def _close(self, events: list[Event]) -> None:
        if self._kind is not None:
            events.append(PartEnded(self._part, self.choice))
            self._kind = None
            self._thought = (0, 0)
            self._is_signed = False

    def _close_calls(self, events: list[Event]) -> None:
        for call in self._open_calls:
            call.is_open = False
            events.append(PartEnded(call.part, self.choice))
        self._open_calls.clear()

    def _whole(self, part: Part, events: list[Event]) -> None:
        """Give a part that comes in one piece."""
        self._close(events)
        self._close_calls(events)
        events.append(PartEnded(self._start(part, events), self.choice))

    def _read_thinking(self, delta: Delta, events: list[Event]) -> None:
        text = delta.reasoning_content or delta.reasoning or ""
        if text:
            self._think(text, events)
        for detail in delta.reasoning_details or ():
            part = thinking_of_detail(detail)
            if part is None:
                continue
            if part.redacted:
                self._whole(part, events)
                continue
            # The details repeat the text of this chunk, or (a signed one) of the whole part.
            if not text and part.text and _extended((0, 0), part.text) != self._thought:
                self._think(part.text, events)
            if part.signature is not None:
                self._open(Thinking, events)
                signature = part.signature
                events.append(PartDelta(self._part, choice=self.choice, signature=signature))
                self._is_signed = True

    def _think(self, text: str, events: list[Event]) -> None:
        if self._is_signed:
            self._close(events)
        self._say(Thinking, text, events)
        self._thought = _extended(self._thought, text)

    def _read_blocks(self, blocks: list[object], events: list[Event]) -> None:
        """Read content that is a list (Mistral's thinking)."""
        for part in content_parts(blocks):
            if isinstance(part, Text):
                self._say(Text, part.text, events)
            elif isinstance(part, Thinking):
                self._think(part.text, events)
            else:
                self._whole(part, events)

    def _read_audio(self, wire: Json, events: list[Event]) -> None:
        audio = audio_of(wire)
        data = audio.source.data if isinstance(audio.source, Inline) else ""
        if self._kind is not Audio:
            if not (data or audio.audio_id or audio.transcript):
                return
            self._close(events)
            self._close_calls(events)
            self._kind = Audio
            head = Audio(
                source=Inline("", ""), audio_id=audio.audio_id, expires_at=audio.expires_at
            )
            self._part = self._start(head, events)
        if data or audio.transcript:
            delta = PartDelta(self._part, data, self.choice, transcript=audio.transcript)
            events.append(delta)

    # ------------------------------------------------------------------ tool calls

    def _read_call(self, piece: CallPiece, events: list[Event]) -> None:
        custom, function = piece.custom, piece.function or FunctionPiece()
        is_custom = custom is not None and bool(custom.name or custom.input) and not function.name
        name, text = _custom_piece(custom) if is_custom else (function.name, function.arguments)
        call = self._call_meant(piece, name or "")
        if call is None:
            self._close(events)
            part = ToolCall(
                call_id=piece.id or new_id("call_"),
                name=name or "",
                custom=is_custom,
                signature=extra_content_signature(piece.extra_content),
            )
            call = _Call(self._start(part, events), piece.index, piece.id or "", part.name)
            self._note_call(call)
        self._argue(call, text or "", events)

    def _note_call(self, call: _Call) -> None:
        self._open_calls.append(call)
        for index in {call.index, None}:
            self._last_calls[index] = call
            self._calls_by_id.setdefault((index, call.call_id), call)

    def _argue(self, call: _Call, text: str, events: list[Event]) -> None:
        if not text:
            return
        if not call.is_open:
            raise RelayError(bad_reply("the upstream went on with a tool call that had ended"))
        events.append(PartDelta(call.part, text, self.choice))

    def _call_meant(self, piece: CallPiece, name: str) -> _Call | None:
        """Find the call that a piece continues; None if it begins a new one.

        The index alone cannot be trusted: some vendors leave it out, or send 0 for every call.
        An id may be "" or missing on continuations, a name may be repeated.
        """
        last = self._last_calls.get(piece.index)
        if last is None:
            return None
        if piece.id:
            same = self._calls_by_id.get((piece.index, piece.id))
            return same if same is not None or name else last
        # Gemini's OpenAI path has no ids and no index: every name is another call.
        is_new = bool(name) and (piece.index is None or name != last.name)
        return None if is_new else last

    def _read_function_call(self, piece: FunctionPiece, events: list[Event]) -> None:
        """Read the legacy form: a single call without an id."""
        call = self._legacy_call
        if call is None:
            if not piece.name:
                return  # Snowflake writes an empty one into every delta
            self._close(events)
            part = ToolCall(call_id=new_id("call_"), name=piece.name)
            call = _Call(self._start(part, events), None, part.call_id, part.name)
            self._note_call(call)
            self._legacy_call = call
        self._argue(call, piece.arguments or "", events)


def _custom_piece(custom: CustomPiece | None) -> tuple[str | None, str | None]:
    return (custom.name, custom.input) if custom is not None else (None, None)
