"""One attempt: the body goes out in the upstream's dialect, the answer comes back in the caller's.

An answer is returned only when it is known to be one: whole replies have been read and looked
at, streams have shown their first frames. Until then any failure may fail over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache, partial

import msgspec

from headgate import __version__
from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.base.frames import Frame
from headgate.dialects.bridge import DIALECTS, WIRES, error_reader
from headgate.dialects.dialect import Dialect, FrameDecoder, ReplyContext, Wire
from headgate.dialects.framing.sse import frame_bytes
from headgate.ir.custom_tools import custom_names, with_custom_calls
from headgate.ir.loss import Loss
from headgate.ir.reply import Reply
from headgate.ir.usage import Usage
from headgate.providers.provider import Operation
from headgate.relay.call import Call
from headgate.relay.counting import ESTIMATED, count_answer, count_question, estimated_count
from headgate.relay.lane import (
    PassThrough,
    StreamLane,
    Translated,
    collected,
    written,
)
from headgate.relay.media import MEDIA, MediaReading, media_body
from headgate.relay.operations import PLAIN, answer_of, body_of
from headgate.relay.remembering import RESPONSES, Memory, refuse_state
from headgate.relay.renaming import Renaming
from headgate.relay.upstream_body import (
    Translation,
    UpstreamBody,
    same_dialect_body,
    translated_body,
)
from headgate.routing.failover import Attempt
from headgate.snapshot.facts import (
    Channel,
    Credential,
    Endpoint,
    Headers,
    LossPolicy,
    Offer,
    Settings,
    Timeouts,
)
from headgate.upstream.client_pool import ClientPool
from headgate.upstream.open import Ask, open_upstream
from headgate.upstream.response import UpstreamResponse, find_header

MOST_REPLY_BYTES = 64 * 1024 * 1024
_COMMIT_FRAMES = 4  # how far into a stream the operator's error_triggers are looked for
_OURS = {
    "content-type": "application/json",
    "accept": "*/*",
    "user-agent": f"headgate/{__version__}",
}

# Headers of callers that mean something to an upstream of the same dialect; Codex's and Claude
# Code's own among them (`ecosystem.md` 4.1).
_OPENAI = frozenset({b"openai-beta", b"openai-organization", b"openai-project"})
_FORWARDED = {
    "openai_chat": _OPENAI,
    "openai_completions": _OPENAI,
    "openai_responses": _OPENAI
    | {b"originator", b"session-id", b"session_id", b"thread-id", b"conversation_id"}
    | {b"x-client-request-id", b"x-codex-turn-metadata", b"x-codex-beta-features", b"version"},
    "anthropic": frozenset({b"anthropic-beta", b"anthropic-version", b"x-app"})
    | {b"x-claude-code-session-id", b"anthropic-dangerous-direct-browser-access"},
    "gemini": frozenset({b"x-goog-api-client"}),
}


class Answer(msgspec.Struct, kw_only=True):
    """An upstream's answer, ready for the caller: either `whole`, or a stream.

    `answered_s` is monotonic: when it was known to be an answer.
    """

    attempt: Attempt
    dialect: str
    answered_s: float = 0.0
    losses: tuple[Loss, ...] = ()  # of the request
    reply_losses: Iterable[Loss] = ()  # of the reply; they grow while a stream is written
    whole: bytes | None = None
    usage: Usage | None = None
    lane: StreamLane | None = None
    response: UpstreamResponse | None = None
    first: bytes = b""
    content_type: bytes = b""  # of images and audio, whatever they turn out to be

    @property
    def all_losses(self) -> tuple[Loss, ...]:
        """What did not arrive as it was sent, on both ways, as far as it is known."""
        return (*self.losses, *self.reply_losses)


class Questioner(msgspec.Struct, frozen=True, kw_only=True):
    """What every attempt of a request shares. `asked` is the call as the caller made it."""

    call: Call
    asked: Call
    translation: Translation
    pool: ClientPool
    settings: Settings
    context: ReplyContext
    policy: LossPolicy | None = None
    memory: Memory | None = None

    async def ask(self, attempt: Attempt, timeouts: Timeouts, now_s: float) -> Answer:
        """Make one attempt.

        Errors: RelayError with the failure; the connection is closed then.
        """
        offer = attempt.offer
        if self.call.operation is Operation.COUNT_TOKENS:
            return await self._counted(attempt, timeouts, now_s)
        endpoint = chosen_endpoint(offer, self.call)
        if self.call.operation in PLAIN:
            return await self._plain(attempt, endpoint, timeouts, now_s)
        if self.call.operation in MEDIA:
            return await self._media(attempt, endpoint, timeouts, now_s)
        stream = self.call.stream if offer.stream_override is None else offer.stream_override
        body = self._body(offer, endpoint, stream)
        response = await self._open(attempt, endpoint, body, stream, timeouts, now_s)
        try:
            return await self._answer(attempt, endpoint, body.losses, response, timeouts)
        except BaseException:
            response.abort()
            raise

    def _body(self, offer: Offer, endpoint: Endpoint, stream: bool) -> UpstreamBody:
        if endpoint.dialect != self.call.dialect:
            refuse_state(self.call)
        elif not self._holds_seals(DIALECTS[endpoint.dialect]):
            return same_dialect_body(self.call, offer, endpoint.dialect, stream)
        policy = self.policy or offer.channel.on_loss
        request = self.translation.request
        upstream = WIRES[endpoint.dialect]
        if self.memory is not None and upstream.signs:
            request = self.memory.with_proofs(upstream.proofs_of or upstream.name, request)
        return translated_body(request, offer, endpoint.dialect, stream, policy)

    def _holds_seals(self, dialect: Dialect) -> bool:
        """Whether the body holds proofs of another vendor, which its encoder must leave out."""
        return any(seal in self.call.body for seal in dialect.seals)

    async def _open(
        self,
        attempt: Attempt,
        endpoint: Endpoint,
        body: UpstreamBody,
        stream: bool,
        timeouts: Timeouts,
        now_s: float,
    ) -> UpstreamResponse:
        channel = attempt.offer.channel
        headers = headers_for(attempt, endpoint.dialect, self.call)
        if body.form is not None:
            headers = with_content_type(headers, body.form.content_type)
        ask = Ask(
            url=endpoint.stream_url if stream and endpoint.stream_url else endpoint.url,
            model=attempt.offer.model,
            query=attempt.credential.query,
            headers=headers,
            request_id=self.call.request_id,
            body=body.data if body.form is None else body.form,
            timeouts=timeouts,
            proxy=channel.proxy,
            decode_error=error_reader(endpoint.dialect),
            sign=attempt.credential.sign,
            retry_client_errors=channel.retry_client_errors,
        )
        try:
            return await open_upstream(self.pool, ask, now_s)
        except RelayError as error:
            if endpoint.dialect == self.call.dialect:
                raise
            # Another dialect's error object would mean nothing to this caller.
            raise RelayError(msgspec.structs.replace(error.failure, upstream_body=None)) from None

    async def _plain(
        self, attempt: Attempt, endpoint: Endpoint, timeouts: Timeouts, now_s: float
    ) -> Answer:
        """Operations with a single reply and no chat in it: embeddings, moderations..."""
        body = body_of(self.call, attempt.offer, endpoint.dialect)
        data = await self._read(attempt, endpoint, body, timeouts, now_s)
        whole, usage = answer_of(self.call, attempt.offer, endpoint.dialect, data)
        return Answer(
            attempt=attempt,
            dialect=endpoint.dialect,
            losses=body.losses,
            whole=whole,
            usage=usage,
        )

    async def _media(
        self, attempt: Attempt, endpoint: Endpoint, timeouts: Timeouts, now_s: float
    ) -> Answer:
        """Images and audio, whose answers may be sound as well as JSON."""
        body = media_body(self.call, attempt.offer)
        response = await self._open(attempt, endpoint, body, False, timeouts, now_s)
        reading = MediaReading(
            call=self.call,
            shown_model=shown_model(attempt.offer),
            check=self._check_triggers,
            bound_s=timeouts.first_byte_s,
        )
        try:
            found = await reading.answer(response)
        except BaseException:
            response.abort()
            raise
        return Answer(
            attempt=attempt,
            dialect=endpoint.dialect,
            whole=found.whole,
            usage=found.usage,
            lane=found.lane,
            response=response if found.lane is not None else None,
            first=found.first,
            content_type=found.content_type,
        )

    async def _counted(self, attempt: Attempt, timeouts: Timeouts, now_s: float) -> Answer:
        """Count a prompt's tokens; nothing is charged for that."""
        call, offer = self.call, attempt.offer
        endpoint = next(iter(offer.channel.endpoints.get(Operation.COUNT_TOKENS, ())), None)
        losses: tuple[Loss, ...] = (ESTIMATED,)
        if endpoint is None:
            dialect, whole = call.dialect, estimated_count(call)
        else:
            dialect = endpoint.dialect
            body = count_question(call, offer, dialect)
            data = await self._read(attempt, endpoint, body, timeouts, now_s)
            whole, losses = count_answer(call, dialect, data), body.losses
        return Answer(attempt=attempt, dialect=dialect, losses=losses, whole=whole, usage=Usage())

    async def _read(
        self,
        attempt: Attempt,
        endpoint: Endpoint,
        body: UpstreamBody,
        timeouts: Timeouts,
        now_s: float,
    ) -> bytes:
        """Ask, and read the whole answer."""
        response = await self._open(attempt, endpoint, body, False, timeouts, now_s)
        try:
            return await response.read_all(MOST_REPLY_BYTES)
        except BaseException:
            response.abort()
            raise

    async def _answer(
        self,
        attempt: Attempt,
        endpoint: Endpoint,
        losses: tuple[Loss, ...],
        response: UpstreamResponse,
        timeouts: Timeouts,
    ) -> Answer:
        answer = Answer(
            attempt=attempt,
            dialect=endpoint.dialect,
            losses=losses,
            reply_losses=self.context.losses,
        )
        upstream = WIRES[endpoint.dialect]
        kind = response.header(b"content-type") or b""
        if kind.startswith(b"text/html"):
            raise RelayError(_bad_reply("The upstream answered with an HTML page."))
        if kind.startswith(upstream.stream_type):
            await self._streamed(answer, upstream, response, timeouts.first_byte_s)
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
        self._check_triggers(body)
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
            self._check_triggers(frame.data)
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
        wanted = _COMMIT_FRAMES if self.settings.error_triggers else 1
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
                        raise RelayError(_bad_reply("The upstream's stream does not begin."))
                    seen += self._looked_at(upstream, decoder, data, seen, wanted)
                    if not data:
                        break
        except TimeoutError:
            raise RelayError(_silent(bound_s)) from None
        if seen == 0:
            raise RelayError(_bad_reply("Upstream server returned an empty response."))
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
            self._check_triggers(frame.data)
            found += 1
            if seen + found == wanted:
                break
        return found

    def _check_triggers(self, data: bytes) -> None:
        """Treat an answer that holds one of the operator's error_triggers as a failure."""
        triggers = self.settings.error_triggers
        if not triggers:
            return
        text = _unescaped(data)
        if any(trigger in text for trigger in triggers):
            raise RelayError(_bad_reply("Upstream server returned an empty response."))


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


def chosen_endpoint(offer: Offer, call: Call) -> Endpoint:
    """The endpoint in the caller's own dialect if the channel has one, else its first."""
    known = offer.channel.endpoints
    endpoints = known.get(call.operation) or known[Operation.CHAT]
    for endpoint in endpoints:
        if endpoint.dialect == call.dialect:
            return endpoint
    return endpoints[0]


def headers_for(attempt: Attempt, dialect: str, call: Call) -> Headers:
    """The upstream request's headers; later ones win over earlier ones of the same name.

    Order: ours, the provider's, the caller's meaningful ones (`anthropic-version` says how the body
    is to be read), the operator's, the callers' that the operator lets through, the credential.
    """
    channel = attempt.offer.channel
    theirs = _forwarded(call, dialect) if dialect == call.dialect else {}
    through = {
        name.lower(): value.decode("latin-1")
        for name in channel.passthrough_headers
        if (value := find_header(call.headers, name.lower().encode())) is not None
    }
    if theirs or through:
        headers = _OURS | _named(channel.provider.headers) | theirs | _named(channel.headers)
        return tuple((headers | through | _named(attempt.credential.headers)).items())
    return _fixed_headers(channel, attempt.credential)


def with_content_type(headers: Headers, content_type: str) -> Headers:
    """Say what the body is, whatever was to be said of it before."""
    others = [header for header in headers if header[0] != "content-type"]
    return (*others, ("content-type", content_type))


@lru_cache(maxsize=4096)
def _fixed_headers(channel: Channel, credential: Credential) -> Headers:
    """The headers of a channel and credential, when the caller adds none."""
    headers = _OURS | _named(channel.provider.headers) | _named(channel.headers)
    return tuple((headers | _named(credential.headers)).items())


def _named(headers: Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}


def _forwarded(call: Call, dialect: str) -> dict[str, str]:
    wanted = _FORWARDED.get(dialect, frozenset())
    return {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in call.headers
        if name in wanted
    }


def shown_model(offer: Offer) -> str | None:
    """The name to put in answers of a renamed model: the one that the caller knows.

    None: the upstream's own, because it was not renamed or the operator wants it seen.
    """
    if offer.alias == offer.model or offer.channel.answer_model != "requested":
        return None
    return offer.alias


def _unescaped(data: bytes) -> str:
    """JSON text without its escapes, so that a trigger in any script is found."""
    if b"\\u" in data:
        with suppress(msgspec.DecodeError, RecursionError):  # not JSON: searched as it is
            data = msgspec.json.encode(msgspec.json.decode(data))
    return data.decode("utf-8", "replace")


def _silent(bound_s: float) -> Failure:
    return Failure(
        kind=FailureKind.UPSTREAM_TIMEOUT, message=f"Request timed out after {bound_s:g} seconds"
    )


def _bad_reply(message: str) -> Failure:
    return Failure(kind=FailureKind.UPSTREAM_BAD_REPLY, message=message)
