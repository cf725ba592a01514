"""Streams of the Converse API to events.

Only calls, results and images begin with contentBlockStart; texts and reasoning with their first
delta. The usage follows after the end, in `metadata`.

Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html;
`providers.md` 4.1; `recordings.md` 5.6.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from headgate.base.failure import Failure, bad_reply, broke_off
from headgate.base.frames import Frame
from headgate.dialects.bedrock_converse.errors import failure_in, is_error
from headgate.dialects.bedrock_converse.reply import (
    decode_block,
    decode_citation,
    decode_extras,
    decode_finish,
    decode_tier,
    decode_usage,
    is_server_tool,
)
from headgate.dialects.bedrock_converse.wire import decode_signature
from headgate.dialects.lenient_json import arguments_object
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
from headgate.ir.request import Json, Part, Text, Thinking, ToolCall
from headgate.ir.usage import Usage


class _Reasoning(msgspec.Struct, gc=False):
    text: str | None = None
    signature: str | None = None
    redactedContent: str | None = None  # noqa: N815 - as the wire spells it


class _Input(msgspec.Struct, gc=False):
    input: str | None = None


class _Delta(msgspec.Struct):
    """What the usual deltas hold; of all others only that they are something else."""

    text: str | None = None
    toolUse: _Input | None = None  # noqa: N815
    reasoningContent: _Reasoning | None = None  # noqa: N815
    citation: dict[str, Any] | None = None


class _DeltaEvent(msgspec.Struct):
    contentBlockIndex: int | None = None  # noqa: N815
    delta: _Delta | None = None


class _AnyEvent(msgspec.Struct):
    """Any other event, and a delta of a rarer kind."""

    contentBlockIndex: int | None = None  # noqa: N815
    start: dict[str, Any] | None = None
    delta: dict[str, Any] | None = None
    stopReason: str | None = None  # noqa: N815
    additionalModelResponseFields: Any = None  # noqa: N815


_DELTA_DECODER = msgspec.json.Decoder(_DeltaEvent)
_ANY_DECODER = msgspec.json.Decoder(_AnyEvent)
_OBJECT_DECODER = msgspec.json.Decoder(dict[str, Any])


class _Growing:
    """A block that is passed on while it grows, and the part that it is for us."""

    def __init__(self, index: int, part: Part) -> None:
        self.index = index
        self.part = part
        self.arguments_came = False


class _Held:
    """A block that can be passed on only when it is whole: media, redacted reasoning, unknowns."""

    def __init__(self, block: Json) -> None:
        self.block = block
        self.json_pieces: list[str] = []  # of a server tool's input
        self.results: list[Any] = []
        self.texts: dict[str, list[str]] = {}  # more of the block's texts
        self.data: list[str] = []  # of media and redacted reasoning; each piece is base64

    def add(self, delta: Json) -> None:
        """Take a delta: texts grow, lists are appended to, anything else is set."""
        for key, value in delta.items():
            match key, value:
                case "toolUse", {"input": str(piece)}:
                    self.json_pieces.append(piece)
                case "reasoningContent", {"redactedContent": str(piece)}:
                    self.data.append(piece)
                case "image", {"source": {"bytes": str(piece)}}:
                    self.data.append(piece)
                case "toolResult", list():
                    self.results += value
                case _, dict() if isinstance(self.block.get(key), dict):
                    self.block[key].update(value)
                case _, str() if isinstance(self.block.get(key), str):
                    self.texts.setdefault(key, []).append(value)
                case _:
                    self.block[key] = value

    def whole(self) -> Part:
        """Give the part."""
        for key, pieces in self.texts.items():
            self.block[key] = "".join([self.block[key], *pieces])
        if self.json_pieces:
            text = "".join(self.json_pieces)
            given = arguments_object(text)
            use = {**self._object("toolUse"), "input": text if given is None else given}
            self.block["toolUse"] = use
        if self.results:
            self.block["toolResult"] = {**self._object("toolResult"), "content": self.results}
        data = _joined(self.data)
        if data and "image" in self.block:
            self.block["image"] = {**self._object("image"), "source": {"bytes": data}}
        elif data:
            self.block = {"reasoningContent": {"redactedContent": data}}
        return decode_block(self.block)

    def _object(self, key: str) -> Json:
        value = self.block.get(key)
        return value if isinstance(value, dict) else {}


class BedrockStreamDecoder:
    """Reads an upstream's stream. See `StreamDecoder`."""

    def __init__(self) -> None:
        self._started = False
        self._over = False
        self._finished = False
        self._open: dict[int, _Growing | _Held] = {}
        self._parts: list[Part] = []  # as they started; the next part's index is their number
        self._told: Json | None = None  # what `metadata` said

    def feed(self, frame: Frame) -> list[Event]:
        """Take a frame, give its events."""
        if self._over:
            return []
        if is_error(frame):
            return self._failed(failure_in(frame))
        if self._finished and frame.event != "metadata":
            return []  # nothing can be said after the stop reason
        try:
            # The hot one first: almost every frame of a stream is a delta.
            if frame.event == "contentBlockDelta":
                return self._block_delta(frame.data)
            return self._feed(frame)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._failed(bad_reply("the upstream sent an event that is not its own JSON"))

    def _feed(self, frame: Frame) -> list[Event]:
        match frame.event:
            case "messageStart":
                return self._begin()
            case "contentBlockStart":
                event = _ANY_DECODER.decode(frame.data)
                return self._begin() + self._block_start(
                    event.contentBlockIndex or 0, event.start or {}
                )
            case "contentBlockStop":
                return self._block_stop(_ANY_DECODER.decode(frame.data).contentBlockIndex or 0)
            case "messageStop":
                return self._message_stop(_ANY_DECODER.decode(frame.data))
            case "metadata":
                self._told = {**_OBJECT_DECODER.decode(frame.data), **(self._told or {})}
                return self._end() if self._finished else []
            case _:  # whatever AWS adds next
                return []

    def end(self) -> list[Event]:
        """The body is over. A stop reason is the end, even if the metadata got lost."""
        if self._over:
            return []
        if self._finished:
            return self._end()
        return self._failed(broke_off())

    def _begin(self) -> list[Event]:
        if self._started:
            return []
        self._started = True
        return [Started()]

    def _block_start(self, wire_index: int, start: Json) -> list[Event]:
        events = self._block_stop(wire_index)  # one that was never closed
        use = start.get("toolUse")
        if isinstance(use, dict) and isinstance(use.get("name"), str) and not is_server_tool(use):
            call = ToolCall(call_id=str(use.get("toolUseId") or ""), name=use["name"])
            return events + self._grow(wire_index, call)
        self._open[wire_index] = _Held(dict(start))
        return events

    def _grow(self, wire_index: int, part: Part) -> list[Event]:
        growing = _Growing(len(self._parts), part)
        self._open[wire_index] = growing
        self._parts.append(part)
        return [PartStarted(growing.index, part)]

    def _block_delta(self, data: bytes) -> list[Event]:
        event = _DELTA_DECODER.decode(data)
        delta, wire_index = event.delta, event.contentBlockIndex or 0
        growing = self._open.get(wire_index)
        if delta is None:
            return []
        reasoning = delta.reasoningContent
        if isinstance(growing, _Held) or _is_rare(delta):
            return self._hold(wire_index, growing, data)
        before: list[Event] = []
        if growing is None:
            part = _opening(delta)
            if part is None:
                return []  # empty, as of a block that never says anything
            before = self._begin() + self._grow(wire_index, part)
            growing = self._open[wire_index]
        index = growing.index if isinstance(growing, _Growing) else 0
        if delta.text:
            return [*before, PartDelta(index, delta.text)]
        if reasoning is not None:
            signature = decode_signature(reasoning.signature or "")
            if reasoning.text or signature is not None:
                return [*before, PartDelta(index, reasoning.text or "", signature=signature)]
        if delta.toolUse is not None and delta.toolUse.input:
            if isinstance(growing, _Growing):
                growing.arguments_came = True
            return [*before, PartDelta(index, delta.toolUse.input)]
        if delta.citation is not None:
            return [*before, PartDelta(index, citations=(decode_citation(delta.citation),))]
        return before

    def _hold(self, wire_index: int, growing: _Growing | _Held | None, data: bytes) -> list[Event]:
        """Keep a delta of a block that is passed on as a whole."""
        delta = _ANY_DECODER.decode(data).delta
        if not delta:
            return []
        events: list[Event] = []
        if not isinstance(growing, _Held):
            events = self._begin() + self._block_stop(wire_index)
            growing = self._open[wire_index] = _Held({})
        growing.add(delta)
        return events

    def _block_stop(self, wire_index: int) -> list[Event]:
        growing = self._open.pop(wire_index, None)
        if growing is None:
            return []
        if isinstance(growing, _Held):
            index = len(self._parts)
            self._parts.append(growing.whole())
            return [PartStarted(index, self._parts[index]), PartEnded(index)]
        if isinstance(growing.part, ToolCall) and not growing.arguments_came:
            return [PartDelta(growing.index, "{}"), PartEnded(growing.index)]
        return [PartEnded(growing.index)]

    def _message_stop(self, event: _AnyEvent) -> list[Event]:
        if self._finished:
            return []
        events = self._begin()
        for wire_index in list(self._open):
            events += self._block_stop(wire_index)
        more = event.additionalModelResponseFields
        finish = decode_finish(event.stopReason, more, self._parts)
        events.append(Finished(finish))
        self._finished = True
        told, self._told = self._told, None
        if more is not None:
            self._told = {"additionalModelResponseFields": more}
        if told is None:
            return events
        self._told = {**told, **(self._told or {})}
        return events + self._end()

    def _end(self) -> list[Event]:
        self._over = True
        told = self._told or {}
        told.pop("p", None)  # padding, against guesses by length
        usage = told.get("usage")
        counts: Usage | None = decode_usage(usage) if isinstance(usage, dict) else None
        return [Ended(counts, decode_tier(told), decode_extras(told))]

    def _failed(self, failure: Failure) -> list[Event]:
        self._over = True
        return [Failed(failure)]


def _is_rare(delta: _Delta) -> bool:
    """Tell whether a delta is of a kind that is held until its block is whole."""
    if delta.reasoningContent is not None:
        return delta.reasoningContent.redactedContent is not None
    return delta.text is None and delta.toolUse is None and delta.citation is None


def _opening(delta: _Delta) -> Part | None:
    """The part that a delta without a contentBlockStart begins. None if it says nothing."""
    if delta.text or delta.citation is not None:
        return Text(text="")
    reasoning = delta.reasoningContent
    if reasoning is not None and (reasoning.text or reasoning.signature):
        return Thinking()
    return None


def _joined(pieces: list[str]) -> str:
    """Join data whose pieces were written in base64 one by one."""
    if len(pieces) < 2:
        return "".join(pieces)
    try:
        return base64.b64encode(b"".join(map(base64.b64decode, pieces))).decode()
    except (binascii.Error, ValueError):
        return "".join(pieces)  # not what it should be, but not ours to judge
