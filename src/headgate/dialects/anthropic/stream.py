"""Streams of the Messages API that come from an upstream: to events, or only metered.

Source: platform.claude.com/docs/en/build-with-claude/streaming; what really comes is in
`recordings.md` 5.4 (padded JSON, `ping` anywhere, finished blocks in `message_start`, usage told
twice, a `[DONE]` where there should be none).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from headgate.base.failure import Failure, RelayError, bad_reply, broke_off
from headgate.base.frames import Frame
from headgate.dialects.anthropic.blocks import decode_block, decode_citation, decode_signature
from headgate.dialects.anthropic.errors import decode_error, failure_of
from headgate.dialects.anthropic.models import NAME
from headgate.dialects.anthropic.reply import call_input, decode_finish, decode_tier, decode_usage
from headgate.dialects.dialect import UpstreamError
from headgate.dialects.leftovers import Leftovers
from headgate.dialects.lenient_json import compact
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
from headgate.ir.request import File, Image, Json, Opaque, Part, Text, Thinking, ToolCall
from headgate.ir.usage import Usage

_DONE = b"[DONE]"
_MESSAGE_FIELDS = frozenset(
    {"id", "type", "role", "model", "content", "usage", "stop_reason", "stop_sequence"}
)
_MOST_LEFTOVERS = 64  # a stream without an end must not fill the memory


class _Delta(msgspec.Struct, gc=False):
    """The `delta` of content_block_delta and of message_delta."""

    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    signature: str | None = None
    citation: dict[str, Any] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _Message(msgspec.Struct):
    """The `message` of message_start."""

    id: str | None = None
    model: str | None = None
    content: list[dict[str, Any]] | None = None
    usage: dict[str, Any] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _Event(msgspec.Struct):
    """Any event; one shape for all, so that one pass both tells the kind and reads it."""

    type: str | None = None
    index: int | None = None
    delta: _Delta | None = None
    content_block: dict[str, Any] | None = None
    message: _Message | str | None = None
    usage: dict[str, Any] | None = None
    error: Any = None


_DECODER = msgspec.json.Decoder(_Event)


def merged_usage(known: Json, more: Json | None) -> Json:
    """Take newer counts over older ones, field by field.

    Counts are cumulative, so the last one holds; null says nothing, and neither does a zero:
    compatibles send zeros in whichever of the two events they do not care for.
    """
    return known | {key: value for key, value in (more or {}).items() if value}


class _Growing:
    """A block that is not complete yet, and the part that it is for us."""

    def __init__(self, index: int, part: Part) -> None:
        self.index = index
        self.part = part
        self.arguments_came = False
        self.whole_input: Json = {}  # given at the start; used if no pieces follow


class _Held:
    """A block that only this dialect knows; passed on as one part when it is whole."""

    def __init__(self, block: Json) -> None:
        self.block = dict(block)
        self.json_pieces: list[str] = []

    def add(self, delta: Json) -> None:
        """Take a delta: texts grow, anything else is set."""
        for key, value in delta.items():
            if key == "partial_json":
                self.json_pieces.append(str(value))
            elif key != "type" and value is not None:
                before = self.block.get(key)
                grows = isinstance(before, str) and isinstance(value, str)
                self.block[key] = before + value if grows else value

    def whole(self) -> Opaque:
        """Give the block with the input that came in pieces."""
        if self.json_pieces:
            self.block["input"] = call_input("".join(self.json_pieces), custom=False)
        return Opaque(dialect=NAME, block=self.block)


class AnthropicStreamDecoder:
    """Reads an upstream's stream. See `StreamDecoder`."""

    def __init__(self) -> None:
        self._started = False
        self._over = False
        self._open: dict[int, _Growing | _Held] = {}
        self._parts: list[Part] = []  # as they started; the next part's index is their number
        self._usage: Json = {}
        self._stop_reason: str | None = None
        self._stop_sequence: str | None = None
        self._left = Leftovers()

    def feed(self, frame: Frame) -> list[Event]:
        """Take a frame, give its events."""
        if self._over or frame.data == _DONE:
            return []
        try:
            event = _DECODER.decode(frame.data)
            # The hot one first: almost every frame of a stream is a delta.
            if event.type == "content_block_delta" and event.delta is not None:
                return self._block_delta(event.index or 0, event.delta, frame.data)
            return self._feed(event, event.type or frame.event, frame)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._failed(bad_reply("the upstream sent an event that is not its own JSON"))
        except RelayError as error:  # a block without what its kind needs
            return self._failed(bad_reply(error.failure.message))

    def _feed(self, event: _Event, kind: str, frame: Frame) -> list[Event]:
        if event.error is not None or kind == "error" or frame.event == "error":
            error = decode_error(msgspec.json.decode(frame.data)) or UpstreamError()
            return self._failed(failure_of(error))
        match kind:
            case "content_block_delta" if event.delta is not None:
                return self._block_delta(event.index or 0, event.delta, frame.data)
            case "content_block_start" if event.content_block is not None:
                return self._begin() + self._block_start(event.index or 0, event.content_block)
            case "content_block_stop":
                return self._block_stop(event.index or 0)
            case "message_start" if isinstance(event.message, _Message):
                self._keep(msgspec.json.decode(frame.data)["message"], _MESSAGE_FIELDS)
                return self._message_start(event.message)
            case "message_delta":
                self._usage = merged_usage(self._usage, event.usage)
                whole = msgspec.json.decode(frame.data)
                self._keep(whole, ("type", "delta", "usage"))
                if event.delta is not None:
                    self._keep(whole["delta"], ("stop_reason", "stop_sequence"))
                    self._stop_reason = event.delta.stop_reason or self._stop_reason
                    self._stop_sequence = event.delta.stop_sequence or self._stop_sequence
                return []
            case "message_stop":
                return self._finish()
            case _:  # `ping`, and whatever Anthropic adds next
                return []

    def end(self) -> list[Event]:
        """The body is over. A stop reason is the end, even if message_stop got lost."""
        if self._over:
            return []
        if self._stop_reason is not None:
            return self._finish()
        return self._failed(broke_off())

    def _keep(self, fields: Json, known: Iterable[str]) -> None:
        """Keep what nobody reads, as a whole reply would have it."""
        self._left.add(
            "",
            {key: value for key, value in fields.items() if key not in known and value is not None},
        )

    def _message_start(self, message: _Message) -> list[Event]:
        if self._started:
            return []
        self._started = True
        self._usage = merged_usage({}, message.usage)
        self._stop_reason = message.stop_reason
        self._stop_sequence = message.stop_sequence
        started = Started(
            reply_id=message.id or "",
            model=message.model or "",
            usage=decode_usage(self._usage) if self._usage else None,
            service_tier=decode_tier(self._usage),
        )
        events: list[Event] = [started]
        # Blocks that are complete already: the answer to a programmatic tool call goes on so.
        for block in message.content or []:
            events += self._block_start(-1, block)
            events += self._block_stop(-1)
        return events

    def _begin(self) -> list[Event]:
        """A vendor that forgets message_start still begins."""
        if self._started:
            return []
        self._started = True
        return [Started()]

    def _block_start(self, wire_index: int, block: Json) -> list[Event]:
        events = self._block_stop(wire_index)  # a vendor that forgets to close the last one
        part = _whole_part(block, f"content[{len(self._parts)}]", self._left)
        if isinstance(part, Opaque):
            self._open[wire_index] = _Held(block)
            return events
        head, deltas = _taken_apart(part, len(self._parts))
        growing = _Growing(len(self._parts), head)
        if isinstance(part, ToolCall):
            given = block.get("input")
            growing.whole_input = given if isinstance(given, dict) else {}
        self._open[wire_index] = growing
        self._parts.append(head)
        return [*events, PartStarted(growing.index, head), *deltas]

    def _block_delta(self, wire_index: int, delta: _Delta, data: bytes) -> list[Event]:
        growing = self._open.get(wire_index)
        if isinstance(growing, _Held):
            growing.add(msgspec.json.decode(data)["delta"])
            return []
        before: list[Event] = []
        if growing is None:
            begun = self._begin_for(wire_index, delta)
            if begun is None:
                return []
            growing, before = begun
        index = growing.index
        if delta.text:
            return [*before, PartDelta(index, delta.text)]
        if delta.partial_json:
            growing.arguments_came = True
            return [*before, PartDelta(index, delta.partial_json)]
        if delta.thinking:
            return [*before, PartDelta(index, delta.thinking)]
        if delta.signature:
            return [*before, PartDelta(index, signature=decode_signature(delta.signature))]
        if delta.citation is not None:
            return [*before, PartDelta(index, citations=(decode_citation(delta.citation),))]
        return before

    def _begin_for(self, wire_index: int, delta: _Delta) -> tuple[_Growing, list[Event]] | None:
        """Open the block of a delta that came without content_block_start."""
        part: Part
        if delta.text:
            part = Text(text="")
        elif delta.thinking:
            part = Thinking()
        else:
            return None
        growing = _Growing(len(self._parts), part)
        self._open[wire_index] = growing
        self._parts.append(part)
        return growing, [*self._begin(), PartStarted(growing.index, part)]

    def _block_stop(self, wire_index: int) -> list[Event]:
        growing = self._open.pop(wire_index, None)
        if growing is None:
            return []
        if isinstance(growing, _Held):
            index = len(self._parts)
            self._parts.append(growing.whole())
            return [PartStarted(index, self._parts[index]), PartEnded(index)]
        if isinstance(growing.part, ToolCall) and not growing.arguments_came:
            return [
                PartDelta(growing.index, compact(growing.whole_input)),
                PartEnded(growing.index),
            ]
        return [PartEnded(growing.index)]

    def _finish(self) -> list[Event]:
        events = self._begin()
        for wire_index in list(self._open):
            events += self._block_stop(wire_index)
        self._over = True
        finish = decode_finish(self._stop_reason, self._stop_sequence, self._parts)
        usage = decode_usage(self._usage) if self._usage else None
        ended = Ended(usage, decode_tier(self._usage), self._left.extras(NAME))
        return [*events, Finished(finish), ended]

    def _failed(self, failure: Failure) -> list[Event]:
        self._over = True
        return [Failed(failure)]


def _whole_part(block: Json, place: str, left: Leftovers) -> Part:
    kept = Leftovers()
    part = decode_block(block, place, kept)
    if not isinstance(part, Text | Thinking | ToolCall | Image | File):
        return Opaque(dialect=NAME, block=block)
    for path, value in kept.found.items():
        if value is not None and len(left.found) < _MOST_LEFTOVERS:
            left.found[path] = value
    return part


def _taken_apart(part: Part, index: int) -> tuple[Part, list[Event]]:
    """Split what a block begins with into how its part starts and what it already says."""
    match part:
        case Text(text=text, citations=citations):
            says = bool(text or citations)
            delta = PartDelta(index, text, citations=citations)
            return Text(text=""), [delta] if says else []
        case Thinking(text=text, signature=signature, redacted=False):
            says = bool(text or signature)
            return Thinking(), [PartDelta(index, text, signature=signature)] if says else []
        case ToolCall():
            return msgspec.structs.replace(part, arguments="", cache=None), []
    return part, []


class AnthropicMeter:
    """Watches a stream that is passed through. See `Meter`."""

    def __init__(self, _usage_wanted: bool) -> None:
        # Usage is part of every stream here, so no frame is ever kept from the caller.
        self.finished = False
        self.failure: Failure | None = None
        self._usage: Json = {}

    def feed(self, frame: Frame) -> bool:
        """Look at a frame; it always goes on to the caller."""
        if not notable(frame.data):
            return True
        try:
            event = _DECODER.decode(frame.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return True  # not ours to judge: the caller gets what the upstream said
        kind = "error" if event.error is not None else event.type or frame.event
        match kind:
            case "message_start" if isinstance(event.message, _Message):
                self._usage = merged_usage(self._usage, event.message.usage)
            case "message_delta":
                self._usage = merged_usage(self._usage, event.usage)
            case "message_stop":  # and nothing less: the caller's SDK waits for it too (K94)
                self.finished = True
            case "error":
                error = decode_error(msgspec.json.decode(frame.data)) or UpstreamError()
                self.failure = failure_of(error)
        return True

    @property
    def usage(self) -> Usage | None:
        """What the stream has told so far."""
        return decode_usage(self._usage) if self._usage else None


def notable(data: bytes) -> bool:
    """Tell whether these bytes could carry usage, an error or the end."""
    return b"message_" in data or b"error" in data
