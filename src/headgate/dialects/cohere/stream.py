"""Streams of the v2 chat API.

A part begins with its first words and ends with the next one, not with `content-end`: citations of
a text may follow it.

Source: docs.cohere.com/docs/streaming; `providers.md` 4.6, `recordings.md` 5.7.
"""

from __future__ import annotations

from headgate.base.failure import Failure, bad_reply, broke_off
from headgate.base.frames import Frame
from headgate.dialects.cohere.citations import PLAN, THOUGHTS, decode_citation, unplaced
from headgate.dialects.cohere.errors import broken_off, decode_error, failure_of
from headgate.dialects.cohere.models import NAME
from headgate.dialects.cohere.reply import (
    decode_extras,
    decode_finish,
    decode_logprobs,
    decode_usage,
)
from headgate.dialects.dialect import UpstreamError
from headgate.dialects.lenient_json import (
    arguments_text,
    object_of,
    one_or_more,
    parsed_object,
    text_of,
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
from headgate.ir.request import Citation, Json, Opaque, Part, Text, Thinking, ToolCall

_DONE = b"[DONE]"
_PLAN_KEY = "plan"


class CohereStreamDecoder:
    """Reads an upstream's stream. See `StreamDecoder`."""

    def __init__(self) -> None:
        self._started = False
        self._over = False
        self._parts: list[Part] = []  # as they started; the next part's index is their number
        self._open = ""  # the key of the part that is open: what it is, and the wire's index
        self._says_arguments = True  # whether the open call has said any
        self._pending: tuple[Citation, ...] = ()  # of words without a text part, so far

    def feed(self, frame: Frame) -> list[Event]:
        """Take a frame, give its events."""
        if self._over:
            return []
        if frame.data == _DONE:
            return self._finish("", {}, {}) if self._parts else []
        event = parsed_object(frame.data)
        if event is None:
            return self._failed(bad_reply("the upstream sent an event that is not its own JSON"))
        kind = text_of(event.get("type")) or frame.event
        if not kind or kind == "error":
            error = decode_error(event) or UpstreamError()
            return self._failed(failure_of(error))
        return [*self._begin(event, kind), *self._event(kind, event)]

    def end(self) -> list[Event]:
        """The body is over; without `message-end` it broke off."""
        if self._over:
            return []
        return self._failed(broke_off())

    def _event(self, kind: str, event: Json) -> list[Event]:
        delta = object_of(event.get("delta"))
        message = object_of(delta.get("message"))
        match kind:
            case "content-delta" | "content-start":
                return self._content(event, message)
            case "tool-plan-delta":
                plan = text_of(message.get("tool_plan"))
                return self._words(_PLAN_KEY, Thinking(), plan, event) if plan else []
            case "tool-call-start":
                calls = one_or_more(message.get("tool_calls"))
                return [each for call in calls for each in self._call(call)]
            case "tool-call-delta":
                calls = one_or_more(message.get("tool_calls"))
                return [each for call in calls for each in self._arguments(call)]
            case "citation-start":
                wires = one_or_more(message.get("citations"))
                return [each for wire in wires for each in self._citation(wire)]
            case "message-end":
                return self._finish(text_of(delta.get("finish_reason")), delta, event)
            case _:  # the ends of parts, and whatever Cohere adds next
                return []

    def _begin(self, event: Json, kind: str) -> list[Event]:
        """A host that forgets message-start still begins."""
        if self._started:
            return []
        self._started = True
        is_start = kind == "message-start"
        return [Started(reply_id=text_of(event.get("id")) if is_start else "")]

    def _content(self, event: Json, message: Json) -> list[Event]:
        events: list[Event] = []
        for block in one_or_more(message.get("content")):
            key = f"content {event.get('index')}"
            if thought := text_of(block.get("thinking")):
                events += self._words(key, Thinking(), thought, event)
            elif text := text_of(block.get("text")):
                events += self._words(key, Text(text=""), text, event)
            elif block.get("type") not in ("text", "thinking", None):
                whole = Opaque(dialect=NAME, block=block)
                events += [*self._start(key, whole), *self._close()]
        return events

    def _words(self, key: str, part: Part, text: str, event: Json) -> list[Event]:
        """More words of a part, which begins here if it is not the open one."""
        events: list[Event] = []
        if key != self._open or type(self._parts[-1]) is not type(part):
            events = self._start(key, part)
        index = len(self._parts) - 1
        logprobs = (
            decode_logprobs(one_or_more(event.get("logprobs"))) if "logprobs" in event else None
        )
        return [*events, PartDelta(index, text, logprobs=logprobs)]

    def _call(self, call: Json) -> list[Event]:
        function = object_of(call.get("function"))
        part = ToolCall(call_id=text_of(call.get("id")), name=text_of(function.get("name")))
        started = self._start("call", part)
        self._says_arguments = False
        return [*started, *self._arguments(call)]

    def _arguments(self, call: Json) -> list[Event]:
        given = object_of(call.get("function")).get("arguments")
        arguments = arguments_text(given) if given else ""
        if not arguments or self._open != "call":
            return []
        self._says_arguments = True
        return [PartDelta(len(self._parts) - 1, arguments)]

    def _citation(self, wire: Json) -> list[Event]:
        """Give a citation to the text that it is about; if that is over, to the next one."""
        found = decode_citation(wire)
        is_text = bool(self._open) and isinstance(self._parts[-1], Text)
        if is_text and wire.get("type") not in (PLAN, THOUGHTS):
            return [PartDelta(len(self._parts) - 1, citations=found)]
        self._pending += unplaced(found)
        return self._release() if is_text else []

    def _release(self) -> list[Event]:
        pending, self._pending = self._pending, ()
        return [PartDelta(len(self._parts) - 1, citations=pending)] if pending else []

    def _start(self, key: str, part: Part) -> list[Event]:
        events = self._close()
        self._open = key
        self._parts.append(part)
        events.append(PartStarted(len(self._parts) - 1, part))
        return [*events, *self._release()] if isinstance(part, Text) else events

    def _close(self) -> list[Event]:
        if not self._open:
            return []
        index = len(self._parts) - 1
        bare = self._open == "call" and not self._says_arguments
        self._open = ""
        # Several callers' SDKs parse the arguments, and no text is no JSON.
        return [*([PartDelta(index, "{}")] if bare else []), PartEnded(index)]

    def _finish(self, reason: str, delta: Json, event: Json) -> list[Event]:
        failure = broken_off(reason, delta, event)
        if failure is not None:
            return self._failed(failure)
        events = self._start("citations", Text(text="")) if self._pending else []
        events += self._close()
        self._over = True
        error_type = text_of(delta.get("error_type")) or text_of(event.get("error_type"))
        finish = decode_finish(reason, error_type, self._parts)
        usage = decode_usage(object_of(delta.get("usage")) or object_of(event.get("usage")))
        return [*events, Finished(finish), Ended(usage, extras=decode_extras({**event, **delta}))]

    def _failed(self, failure: Failure) -> list[Event]:
        self._over = True
        return [Failed(failure)]
