"""Streams of Ollama's chat: JSON lines, each a piece of the message, the last with the counts.

Source: docs.ollama.com/api/streaming; `providers.md` 4.12, `recordings.md` 5.7.
"""

from __future__ import annotations

from headgate.base.failure import Failure, RelayError, bad_reply, broke_off
from headgate.base.frames import Frame
from headgate.dialects.framing.json_lines import JsonLinesDecoder
from headgate.dialects.lenient_json import object_of, objects_of, parsed_object, text_of
from headgate.dialects.ollama.errors import decode_error, failure_of, inspect_reply
from headgate.dialects.ollama.reply import (
    decode_call,
    decode_created,
    decode_finish,
    decode_logprobs,
    decode_usage,
    extras_of,
    leftovers,
)
from headgate.ir.collect import collect
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
from headgate.ir.reply import Reply
from headgate.ir.request import Json, Part, Text, Thinking


class OllamaStreamDecoder:
    """Reads an upstream's stream. See `StreamDecoder`."""

    def __init__(self) -> None:
        self._started = False
        self._over = False
        self._open: type[Text | Thinking] | None = None
        self._parts = 0  # how many have started; the next part's index
        self._calls = 0
        self._leftovers: Json = {}

    def feed(self, frame: Frame) -> list[Event]:
        """Take a frame, give its events."""
        if self._over:
            return []
        line = parsed_object(frame.data)
        if line is None:
            return self._failed(bad_reply("the upstream sent a line that is not its own JSON"))
        error = decode_error(line)
        if error is not None:
            return self._failed(failure_of(error))
        events = self._begin(line)
        events += self._message(object_of(line.get("message")), line)
        self._leftovers |= leftovers(line)
        if line.get("done") is True:
            events += self._finish(line)
        return events

    def end(self) -> list[Event]:
        """The body is over; without `done` it broke off."""
        if self._over:
            return []
        return self._failed(broke_off())

    def _begin(self, line: Json) -> list[Event]:
        if self._started:
            return []
        self._started = True
        return [Started(model=text_of(line.get("model")), created=decode_created(line))]

    def _message(self, message: Json, line: Json) -> list[Event]:
        """Read a piece of the message: thoughts come before words, words before calls."""
        logprobs = decode_logprobs(line) if "logprobs" in line else None
        events: list[Event] = []
        if thought := text_of(message.get("thinking")):
            events += self._words(Thinking(), thought, None)
        if text := text_of(message.get("content")):
            events += self._words(Text(text=""), text, logprobs)
            logprobs = None
        if logprobs is not None:
            events += self._unspoken(logprobs)
        for wire in objects_of(message.get("tool_calls")):
            call = decode_call(wire, f"{text_of(line.get('created_at'))}|{self._calls}")
            self._calls += 1
            events += [*self._start(call), PartEnded(self._parts - 1)]
        return events

    def _words(self, part: Text | Thinking, text: str, logprobs: Json | None) -> list[Event]:
        events = [] if self._open is type(part) else self._start(part)
        self._open = type(part)
        return [*events, PartDelta(self._parts - 1, text, logprobs=logprobs)]

    def _unspoken(self, logprobs: Json) -> list[Event]:
        """Log probabilities of what is no word of the answer (thoughts, a call's own marks)."""
        if self._open is not None:
            return [PartDelta(self._parts - 1, logprobs=logprobs)]
        return []

    def _start(self, part: Part) -> list[Event]:
        events = self._close()
        self._parts += 1
        return [*events, PartStarted(self._parts - 1, part)]

    def _close(self) -> list[Event]:
        if self._open is None:
            return []
        self._open = None
        return [PartEnded(self._parts - 1)]

    def _finish(self, line: Json) -> list[Event]:
        self._over = True
        finish = decode_finish(text_of(line.get("done_reason")), self._calls > 0)
        ended = Ended(decode_usage(line), extras=extras_of(self._leftovers))
        return [*self._close(), Finished(finish), ended]

    def _failed(self, failure: Failure) -> list[Event]:
        self._over = True
        return [Failed(failure)]


def decode_reply(body: bytes) -> Reply:
    """Read a whole answer: a single line, or all lines of a stream that nobody announced.

    Errors: RelayError, UPSTREAM_BAD_REPLY or what an error object says.
    """
    failure = inspect_reply(body)
    if failure is not None:
        raise RelayError(failure)
    decoder = OllamaStreamDecoder()
    if parsed_object(body) is not None:
        frames = [Frame(body)]
    else:
        lines = JsonLinesDecoder()
        frames = [*lines.feed(body), *lines.end()]
    events = [event for frame in frames for event in decoder.feed(frame)]
    return collect([*events, *decoder.end()])
