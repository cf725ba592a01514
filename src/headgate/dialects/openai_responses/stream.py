"""Streams of the Responses API that come from an upstream: to events.

Items are told apart by `output_index`, not by their ids: Copilot's change from event to event.

Source: developers.openai.com/api/reference (streaming events); what really comes is in
`recordings.md` 5.3 (events that are missing, `[DONE]` at the end, whole items without deltas).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw, Struct

from headgate.base.failure import Failure, bad_reply, broke_off
from headgate.base.frames import Frame
from headgate.dialects.dialect import UpstreamError
from headgate.dialects.leftovers import Leftovers
from headgate.dialects.lenient_json import objects_of, parsed_object, text_of
from headgate.dialects.openai_responses.content import citation_of
from headgate.dialects.openai_responses.errors import decode_error, failure_of
from headgate.dialects.openai_responses.models import NAME
from headgate.dialects.openai_responses.provenance import PARAGRAPH, proof_in, read_reasoning
from headgate.dialects.openai_responses.reply import (
    add_leftovers,
    call_of,
    content_part,
    created_of,
    finish_of,
    is_servers,
    item_parts,
    proven,
    response_leftovers,
)
from headgate.dialects.openai_responses.stream_parts import Item, Key, Parts
from headgate.dialects.openai_responses.usage import usage_in
from headgate.dialects.seals import Seal
from headgate.ir.events import (
    Ended,
    Event,
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    Started,
)
from headgate.ir.request import Json, Refusal, Signature, Text, Thinking

_NULL = Raw(b"null")
_TEXT_DELTA = "response.output_text.delta"


class _Event(Struct):
    """Any event; one shape for all, so that one pass both tells the kind and reads it."""

    type: str | None = None
    output_index: int | None = None
    item_id: str | None = None
    content_index: int | None = None
    summary_index: int | None = None
    delta: Any = None
    logprobs: Any = None
    text: Any = None
    refusal: Any = None
    arguments: Any = None
    input: Any = None
    annotation: Any = None
    item: Raw = _NULL
    part: Raw = _NULL
    response: Raw = _NULL


_decode = msgspec.json.Decoder(_Event).decode


class ResponsesStreamDecoder:
    """Reads an upstream's stream. See `StreamDecoder`."""

    def __init__(self) -> None:
        self._has_started = False
        self._is_over = False
        self._items: dict[Key, Item] = {}
        self._parts = Parts()
        self._proofs: dict[str, Signature] = {}  # of calls by id; "": of the next picture
        self._left = Leftovers()

    def feed(self, frame: Frame) -> list[Event]:
        """Take a frame, give its events."""
        if self._is_over:
            return []
        data = frame.data
        try:
            event = _decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._strange(frame)
        # The hot one first: almost every frame of a stream is a piece of a text.
        if event.type == _TEXT_DELTA and event.logprobs in (None, []):
            growing = self._parts.open_at(event.output_index, event.content_index)
            if growing is not None and type(event.delta) is str and event.delta:
                growing.has_text = True
                return [PartDelta(growing.index, event.delta)]
        kind = event.type or frame.event
        if kind == "error" or frame.event == "error":
            return self._fail(failure_of(decode_error(_object(data)) or UpstreamError()))
        read = _READERS.get(kind)
        if read is None:
            return []  # `keepalive`, steps of a server's tool, and whatever comes next
        events = self._begin(event)
        read(self, event, events)
        return events

    def end(self) -> list[Event]:
        """The body is over; without a last event the reply is not whole."""
        return [] if self._is_over else self._fail(broke_off())

    def _strange(self, frame: Frame) -> list[Event]:
        if frame.data.strip() == b"[DONE]":
            return self._fail(broke_off())
        body = parsed_object(frame.data)
        if body is None:
            return self._fail(bad_reply("the upstream's stream holds a frame that is no event"))
        error = decode_error(body)
        if error is not None:
            return self._fail(failure_of(error))
        return []  # an event whose fields are not what they should be

    def _fail(self, failure: Failure) -> list[Event]:
        self._is_over = True
        return [Failed(failure)]

    def _begin(self, event: _Event) -> list[Event]:
        """Start the reply with whatever comes first."""
        if self._has_started:
            return []
        self._has_started = True
        response = _object(event.response)
        return [
            Started(
                reply_id=text_of(response.get("id")),
                model=text_of(response.get("model")),
                created=created_of(response),
                system_fingerprint=text_of(response.get("system_fingerprint")) or None,
            )
        ]

    # ------------------------------------------------------------------ items

    def _item(self, event: _Event) -> tuple[Key, Item]:
        key: Key = event.output_index if event.output_index is not None else event.item_id or 0
        item = self._items.get(key)
        if item is None:
            item = self._items[key] = Item()
        return key, item

    def item_added(self, event: _Event, events: list[Event]) -> None:
        """An item begins: calls are shown at once, the others when they say something."""
        body = _object(event.item)
        _, item = self._item(event)
        if item.call >= 0 or item.is_done:
            return  # it has begun already
        kind = body.get("type")
        if kind == "function_call" or (kind == "custom_tool_call" and not is_servers(body)):
            self._parts.close(events)
            call = msgspec.structs.replace(call_of(body), arguments="")
            item.call = self._parts.start(proven(call, self._proofs), events)

    def item_done(self, event: _Event, events: list[Event]) -> None:
        """An item is complete: give what its deltas have not given."""
        key, item = self._item(event)
        self._finish_item(key, item, _object(event.item), events)

    def _finish_item(self, key: Key, item: Item, body: Json, events: list[Event]) -> None:
        if item.is_done:
            return
        item.is_done = True
        add_leftovers(self._left, body)
        match body.get("type"):
            case _ if item.call >= 0:
                self._finish_call(item, call_of(body).arguments, events)
            case "message" if body.get("role", "assistant") == "assistant":
                self._finish_message(key, item, body, events)
            case "reasoning":
                self._finish_reasoning(item, body, events)
            case _:
                for part in item_parts(body):
                    self._parts.whole(proven(part, self._proofs), events)

    def _finish_call(self, item: Item, arguments: str, events: list[Event]) -> None:
        if not item.has_arguments and arguments:
            events.append(PartDelta(item.call, arguments))
        events.append(PartEnded(item.call))

    def _finish_message(self, key: Key, item: Item, body: Json, events: list[Event]) -> None:
        for number, block in enumerate(objects_of(body.get("content"))):
            self._finish_block(key, item, number, block, events)

    def _finish_block(
        self, key: Key, item: Item, number: int, block: Json, events: list[Event]
    ) -> None:
        """Give what a content part says beyond its deltas."""
        growing = item.texts.get(number)
        part = content_part(block)
        if growing is None:
            if isinstance(part, Text | Refusal):
                growing = self._parts.opened(key, item, number, type(part), events)
            elif part is not None:
                self._parts.whole(part, events)
        if growing is None or not growing.is_open or growing.is_whole:
            return
        growing.is_whole = True  # and still open: a proof on it may follow as an item of its own
        text = part.text if isinstance(part, Text | Refusal) and not growing.has_text else ""
        notes = part.citations[growing.citations :] if isinstance(part, Text) else ()
        logprobs = objects_of(block.get("logprobs")) if text else []
        if text or notes:
            told = {"content": logprobs} if logprobs else None
            events.append(PartDelta(growing.index, text, citations=notes, logprobs=told))

    def _finish_reasoning(self, item: Item, body: Json, events: list[Event]) -> None:
        seal = proof_in(body)
        if seal is not None:
            self._prove(seal, events)
            return
        thinking, growing = read_reasoning(body), item.texts.get(0)
        if growing is None:
            if thinking is not None:
                self._parts.whole(thinking, events)
            return
        if thinking is None or thinking.signature is None:
            return
        if growing.is_open:
            events.append(PartDelta(growing.index, signature=thinking.signature))
        elif body.get("encrypted_content"):  # its end came after the next item had begun
            late = Thinking(redacted=True, signature=thinking.signature)
            self._parts.whole(late, events)

    def _prove(self, seal: Seal, events: list[Event]) -> None:
        """Give a proof to the text just before, or keep it for the call or picture to come."""
        if seal.signature is None:
            return
        if seal.kind != "text":
            self._proofs[seal.call_id] = seal.signature
        elif (growing := self._parts.open) is not None and not growing.is_signed:
            growing.is_signed = True
            events.append(PartDelta(growing.index, signature=seal.signature))
        else:  # an empty text was signed
            self._parts.whole(Text(text="", signature=seal.signature), events)

    # ------------------------------------------------------------------ texts

    def text_delta(self, event: _Event, events: list[Event]) -> None:
        """More of a text."""
        self._say(event, Text, event.delta, events)

    def refusal_delta(self, event: _Event, events: list[Event]) -> None:
        """More of a refusal."""
        self._say(event, Refusal, event.delta, events)

    def _say(
        self,
        event: _Event,
        kind: type[Text | Refusal],
        text: object,
        events: list[Event],
    ) -> None:
        logprobs = objects_of(event.logprobs)
        if not isinstance(text, str) or not (text or logprobs):
            return
        key, item = self._item(event)
        growing = self._parts.opened(key, item, event.content_index or 0, kind, events)
        growing.has_text = True
        told = {"content": logprobs} if logprobs else None
        events.append(PartDelta(growing.index, text, logprobs=told))

    def text_done(self, event: _Event, events: list[Event]) -> None:
        """A text is complete; some give it only here."""
        _, item = self._item(event)
        growing = item.texts.get(event.content_index or 0)
        if growing is None or not growing.has_text:
            self._say(event, Text, event.text, events)

    def refusal_done(self, event: _Event, events: list[Event]) -> None:
        """A refusal is complete."""
        _, item = self._item(event)
        if (event.content_index or 0) not in item.texts:
            self._say(event, Refusal, event.refusal, events)

    def thinking_delta(self, event: _Event, events: list[Event]) -> None:
        """More of a summary, or of an open model's own thoughts: one part for each item."""
        key, item = self._item(event)
        if not isinstance(event.delta, str) or not event.delta:
            return
        growing = self._parts.opened(key, item, 0, Thinking, events)
        paragraph = event.summary_index or event.content_index or 0
        text = event.delta
        if paragraph > growing.paragraph and growing.has_text:
            text = PARAGRAPH + text
        growing.paragraph = max(paragraph, growing.paragraph)
        growing.has_text = True
        events.append(PartDelta(growing.index, text))

    def thinking_done(self, event: _Event, events: list[Event]) -> None:
        """A part of a summary is complete; some give it only here."""
        _, item = self._item(event)
        growing = item.texts.get(0)
        paragraph = event.summary_index or event.content_index or 0
        if growing is None or paragraph > growing.paragraph:
            event.delta = event.text
            self.thinking_delta(event, events)

    def annotation(self, event: _Event, events: list[Event]) -> None:
        """A text gets a citation."""
        if not isinstance(event.annotation, dict):
            return
        key, item = self._item(event)
        growing = self._parts.opened(key, item, event.content_index or 0, Text, events)
        growing.citations += 1
        events.append(PartDelta(growing.index, citations=(citation_of(event.annotation),)))

    def content_done(self, event: _Event, events: list[Event]) -> None:
        """A content part of a message is complete; a piece of thinking ends with its item."""
        key, item = self._item(event)
        block = _object(event.part)
        if block.get("type") in ("output_text", "refusal"):
            self._finish_block(key, item, event.content_index or 0, block, events)

    def arguments_delta(self, event: _Event, events: list[Event]) -> None:
        """More of a call's arguments."""
        _, item = self._item(event)
        if item.is_open_call and isinstance(event.delta, str) and event.delta:
            item.has_arguments = True
            events.append(PartDelta(item.call, event.delta))

    def arguments_done(self, event: _Event, events: list[Event]) -> None:
        """A call's arguments are complete; some give them only here."""
        _, item = self._item(event)
        whole = event.arguments if isinstance(event.arguments, str) else event.input
        if item.is_open_call and not item.has_arguments and isinstance(whole, str) and whole:
            item.has_arguments = True
            events.append(PartDelta(item.call, whole))

    # ------------------------------------------------------------------ the end

    def started(self, event: _Event, events: list[Event]) -> None:
        """The response is there; `_begin` has said so."""

    def finished(self, event: _Event, events: list[Event]) -> None:
        """The response is complete, or as complete as it gets."""
        response = _object(event.response)
        output = objects_of(response.get("output"))
        if not self._items:  # no deltas at all: everything is here
            self._items = {index: Item() for index in range(len(output))}
        for key, item in list(self._items.items()):
            if not item.is_done:
                body = output[key] if isinstance(key, int) and 0 <= key < len(output) else {}
                self._finish_unfinished(key, item, body, events)
        self._parts.close(events)
        self._is_over = True
        self._left.add("", response_leftovers(response))
        usage = None if bytes(event.response) == b"null" else usage_in(event.response)
        if event.type == "response.incomplete":
            response.setdefault("status", "incomplete")
        finish = finish_of({"status": "completed", **response}, has_calls=self._parts.has_call)
        tier = text_of(response.get("service_tier")) or None
        events += [Finished(finish), Ended(usage, tier, self._left.extras(NAME))]

    def _finish_unfinished(self, key: Key, item: Item, body: Json, events: list[Event]) -> None:
        """End an item whose own end got lost."""
        if body:
            self._finish_item(key, item, body, events)
        elif item.call >= 0:
            events.append(PartEnded(item.call))

    def failed(self, event: _Event, events: list[Event]) -> None:
        """The response broke off."""
        error = decode_error({"response": _object(event.response)}) or UpstreamError()
        events += self._fail(failure_of(error))


def _object(data: bytes | Raw) -> Json:
    return parsed_object(data) or {}


_READERS: dict[str, Callable[[ResponsesStreamDecoder, _Event, list[Event]], None]] = {
    "response.created": ResponsesStreamDecoder.started,
    "response.queued": ResponsesStreamDecoder.started,
    "response.in_progress": ResponsesStreamDecoder.started,
    "response.output_item.added": ResponsesStreamDecoder.item_added,
    "response.output_item.done": ResponsesStreamDecoder.item_done,
    "response.content_part.done": ResponsesStreamDecoder.content_done,
    _TEXT_DELTA: ResponsesStreamDecoder.text_delta,
    "response.output_text.done": ResponsesStreamDecoder.text_done,
    "response.output_text.annotation.added": ResponsesStreamDecoder.annotation,
    "response.refusal.delta": ResponsesStreamDecoder.refusal_delta,
    "response.refusal.done": ResponsesStreamDecoder.refusal_done,
    "response.reasoning_summary_text.delta": ResponsesStreamDecoder.thinking_delta,
    "response.reasoning_summary_text.done": ResponsesStreamDecoder.thinking_done,
    "response.reasoning_text.delta": ResponsesStreamDecoder.thinking_delta,
    "response.reasoning_text.done": ResponsesStreamDecoder.thinking_done,
    "response.function_call_arguments.delta": ResponsesStreamDecoder.arguments_delta,
    "response.function_call_arguments.done": ResponsesStreamDecoder.arguments_done,
    "response.custom_tool_call_input.delta": ResponsesStreamDecoder.arguments_delta,
    "response.custom_tool_call_input.done": ResponsesStreamDecoder.arguments_done,
    "response.completed": ResponsesStreamDecoder.finished,
    "response.incomplete": ResponsesStreamDecoder.finished,
    "response.failed": ResponsesStreamDecoder.failed,
}
