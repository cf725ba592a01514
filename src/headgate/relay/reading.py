"""Reading a chat answer: passed through or translated, whole or as a stream.

Whole replies are read and looked at, streams have shown their first frames, before anything is
handed over: until then any failure may fail over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial

import msgspec

from headgate.base.failure import (
    EMPTY_REPLY,
    RelayError,
    bad_reply,
    out_of_time,
)
from headgate.base.frames import Frame
from headgate.dialects.bridge import DIALECTS, WIRES
from headgate.dialects.dialect import FrameDecoder, ReplyContext, Wire
from headgate.dialects.framing.sse import frame_bytes
from headgate.ir.custom_tools import custom_names, with_custom_calls
from headgate.ir.loss import Loss
from headgate.ir.reply import Reply
from headgate.relay.answer import MOST_REPLY_BYTES, Answer, shown_model
from headgate.relay.call import Call
from headgate.relay.lane import PassThrough, StreamLane, Translated, collected, written
from headgate.relay.remembering import RESPONSES, Memory
from headgate.relay.renaming import Renaming
from headgate.relay.upstream_body import Translation
from headgate.routing.failover import Attempt
from headgate.snapshot.facts import Offer
from headgate.upstream.response import UpstreamResponse

_COMMIT_FRAMES = 4  # how far into a stream the operator's error_triggers are looked for


class ChatReading(msgspec.Struct, frozen=True, kw_only=True):
    """How to read the answer to a call. `asked` is the call as the caller made it."""

    call: Call
    asked: Call
    translation: Translation
    context: ReplyContext
    triggers: Sequence[str] = ()
    memory: Memory | None = None

    def check(self, data: bytes) -> None:
        """Treat an answer that holds one of the operator's error_triggers as a failure."""
        check_triggers(self.triggers, data)

    async def read(
        self,
        attempt: Attempt,
        dialect: str,
        losses: tuple[Loss, ...],
        response: UpstreamResponse,
        bound_s: float,
    ) -> Answer:
        """Wait until the answer is known to be one, `bound_s` at most for a stream's beginning.

        Errors: RelayError for a failure inside a 200, and the response's.
        """
        answer = Answer(
            attempt=attempt,
            dialect=dialect,
            losses=losses,
            reply_losses=self.context.losses,
        )
        upstream = WIRES[dialect]
        kind = response.header(b"content-type") or b""
        if kind.startswith(b"text/html"):
            raise RelayError(bad_reply("The upstream answered with an HTML page."))
        if kind.startswith(upstream.stream_type):
            await self._streamed(answer, upstream, response, bound_s)
        else:
            await self._whole(answer, upstream, response)
        return answer

    async def _streamed(
        self, answer: Answer, upstream: Wire, response: UpstreamResponse, bound_s: float
    ) -> None:
        """Hold the stream until its first frames have shown that it is an answer."""
        if not self.call.stream:
            self._collect(answer, upstream, await response.read_all(MOST_REPLY_BYTES))
            return
        answer.first = await self._first(upstream, response, bound_s)
        self._note_native(answer, answer.first)
        answer.response = response
        answer.lane = self._lane(answer.attempt.offer, upstream)

    async def _whole(self, answer: Answer, upstream: Wire, response: UpstreamResponse) -> None:
        body = await response.read_all(MOST_REPLY_BYTES)
        if body.lstrip()[:1] == b"[":  # Gemini's other form of a stream: one array
            self._collect(answer, upstream, body)
            return
        failure = upstream.inspect_reply(body)
        if failure is not None:
            raise RelayError(failure)
        self.check(body)
        caller = DIALECTS[self.call.dialect]
        if upstream is caller and not self.call.stream:
            model = shown_model(answer.attempt.offer)
            answer.usage = caller.read_usage(body)
            self._note_native(answer, body)
            answer.whole = body if model is None else Renaming(caller, model).whole(body)
        else:
            self._write(answer, upstream, upstream.decode_reply(body))

    def _collect(self, answer: Answer, upstream: Wire, body: bytes) -> None:
        """Make a whole reply of a stream that nobody asked to see as one."""
        decoder = upstream.frame_decoder()
        frames = [*decoder.feed(body), *decoder.end()]
        failure = upstream.inspect_first(frames[0]) if frames else None
        if failure is not None:
            raise RelayError(failure)
        for frame in frames:
            self.check(frame.data)
        if self.call.stream and answer.dialect == self.call.dialect:
            self._reframe(answer, upstream, frames)
        else:
            self._write(answer, upstream, collected(frames, upstream))

    def _reframe(self, answer: Answer, upstream: Wire, frames: Sequence[Frame]) -> None:
        """Give a caller of the same dialect the frames of an array as events."""
        lane = self._lane(answer.attempt.offer, upstream)
        # An array's elements may spread over lines, which an event's data must not.
        lines = (msgspec.json.format(frame.data, indent=-1) for frame in frames)
        events = b"".join(map(frame_bytes, lines))
        answer.whole = lane.feed(events) + lane.end()
        answer.usage = lane.usage
        if lane.failure is not None:
            raise RelayError(lane.failure)

    def _note_native(self, answer: Answer, data: bytes) -> None:
        if self.memory is not None and answer.dialect == self.call.dialect:
            self.memory.note_native(self.call, answer.attempt, data)

    def _remembers(self, upstream: Wire) -> bool:
        return self.memory is not None and (upstream.signs or self.call.dialect == RESPONSES)

    def _remember(self, upstream: Wire, reply: Reply) -> None:
        """Keep what later requests need of a translated reply."""
        if self.memory is None:
            return
        if upstream.signs and reply.choices:
            self.memory.note_proofs(upstream.proofs_of or upstream.name, reply.choices[0].parts)
        self.memory.note_translated(self.asked, reply, self.context)

    def _write(self, answer: Answer, upstream: Wire, reply: Reply) -> None:
        model = shown_model(answer.attempt.offer)
        if model is not None:
            reply = msgspec.structs.replace(reply, model=model)
        if answer.dialect != self.call.dialect:
            reply = with_custom_calls(reply, custom_names(self.translation.request))
            if self._remembers(upstream):
                self._remember(upstream, reply)
        answer.usage = reply.usage
        caller = DIALECTS[self.call.dialect]
        answer.whole = written(reply, caller, self.context, stream=self.call.stream)

    def _lane(self, offer: Offer, upstream: Wire) -> StreamLane:
        caller = DIALECTS[self.call.dialect]
        model = shown_model(offer)
        if upstream is not caller:
            return Translated(
                upstream,
                caller,
                self.context,
                model,
                custom_tools=custom_names(self.translation.request),
                remember=partial(self._remember, upstream) if self._remembers(upstream) else None,
            )
        return PassThrough(
            caller,
            self.call.request_id,
            show_usage=self.call.include_usage,
            renaming=None if model is None else Renaming(caller, model),
        )

    async def _first(self, upstream: Wire, response: UpstreamResponse, bound_s: float) -> bytes:
        """Read until the first frame is there (with triggers configured: the first few).

        Comments keep a connection alive, but an upstream that sends nothing else is silent too.
        """
        wanted = _COMMIT_FRAMES if self.triggers else 1
        decoder = upstream.frame_decoder()
        pieces: list[bytes] = []
        held = seen = 0
        try:
            async with asyncio.timeout(bound_s):
                while seen < wanted:
                    data = await response.read()
                    pieces.append(data)
                    held += len(data)
                    if held > MOST_REPLY_BYTES:
                        raise RelayError(bad_reply("The upstream's stream does not begin."))
                    seen += self._looked_at(upstream, decoder, data, seen, wanted)
                    if not data:
                        break
        except TimeoutError:
            raise RelayError(out_of_time(bound_s)) from None
        if seen == 0:
            raise RelayError(bad_reply(EMPTY_REPLY))
        return b"".join(pieces)

    def _looked_at(
        self, upstream: Wire, decoder: FrameDecoder, data: bytes, seen: int, wanted: int
    ) -> int:
        """Look at frames until enough have been seen; how many these bytes brought."""
        found = 0
        for frame in _frames_of(decoder, data):
            failure = upstream.inspect_first(frame) if seen + found == 0 else None
            if failure is not None:
                raise RelayError(failure)
            self.check(frame.data)
            found += 1
            if seen + found == wanted:
                break
        return found


def check_triggers(triggers: Sequence[str], data: bytes) -> None:
    """Refuse an answer that holds one of the operator's error_triggers.

    Errors: RelayError UPSTREAM_BAD_REPLY.
    """
    if not triggers:
        return
    text = _unescaped(data)
    if any(trigger in text for trigger in triggers):
        raise RelayError(bad_reply(EMPTY_REPLY))


def _frames_of(decoder: FrameDecoder, data: bytes) -> Iterator[Frame]:
    """The frames that some bytes complete, one block at a time: a burst is not decoded twice."""
    start = 0
    while (border := data.find(b"\n\n", start)) >= 0:
        yield from decoder.feed(data[start : border + 2])
        start = border + 2
    if start < len(data):
        yield from decoder.feed(data[start:])
    if not data:
        yield from decoder.end()


def _unescaped(data: bytes) -> str:
    """JSON text without its escapes, so that a trigger in any script is found."""
    if b"\\u" in data:
        with suppress(msgspec.DecodeError, RecursionError):  # not JSON: searched as it is
            data = msgspec.json.encode(msgspec.json.decode(data))
    return data.decode("utf-8", "replace")
