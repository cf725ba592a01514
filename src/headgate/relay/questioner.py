"""One attempt: a body in the upstream's words goes out, an answer in the caller's comes back."""

from __future__ import annotations

from functools import partial

import msgspec

from headgate.base.failure import RelayError
from headgate.dialects.bridge import DIALECTS, WIRES, error_reader
from headgate.dialects.dialect import Dialect, ReplyContext
from headgate.dialects.fields import legible
from headgate.ir.loss import Loss
from headgate.ir.usage import Usage
from headgate.providers.provider import Operation
from headgate.relay.answer import MOST_REPLY_BYTES, Answer, shown_model
from headgate.relay.call import Call
from headgate.relay.counting import ESTIMATED, count_answer, count_question, estimated_count
from headgate.relay.media import MEDIA, MediaReading, media_body
from headgate.relay.operations import PLAIN, answer_of, body_of
from headgate.relay.reading import ChatReading, check_triggers
from headgate.relay.remembering import Memory, refuse_state
from headgate.relay.upstream_body import (
    Translation,
    UpstreamBody,
    allowed,
    same_dialect_body,
    translated_body,
)
from headgate.relay.upstream_headers import headers_for, with_content_type
from headgate.routing.failover import Attempt
from headgate.snapshot.facts import Endpoint, LossPolicy, Offer, Settings, Timeouts
from headgate.upstream.client_pool import ClientPool
from headgate.upstream.open import Ask, open_upstream
from headgate.upstream.response import UpstreamResponse


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
            return await self._reading().read(
                attempt, endpoint.dialect, body.losses, response, timeouts.first_byte_s
            )
        except BaseException:
            response.abort()
            raise

    def _reading(self) -> ChatReading:
        return ChatReading(
            call=self.call,
            asked=self.asked,
            translation=self.translation,
            context=self.context,
            triggers=self.settings.error_triggers,
            memory=self.memory,
        )

    def _body(self, offer: Offer, endpoint: Endpoint, stream: bool) -> UpstreamBody:
        policy = self._policy_for(offer)
        if endpoint.dialect != self.call.dialect:
            refuse_state(self.call)
        elif not self._holds_seals(DIALECTS[endpoint.dialect]):
            return same_dialect_body(self.call, offer, endpoint.dialect, stream, policy)
        request = self.translation.request
        upstream = WIRES[endpoint.dialect]
        if self.memory is not None and upstream.signs:
            request = self.memory.with_proofs(upstream.proofs_of or upstream.name, request)
        return translated_body(request, offer, endpoint.dialect, stream, policy)

    def _policy_for(self, offer: Offer) -> LossPolicy:
        return self.policy or offer.channel.on_loss

    def _holds_seals(self, dialect: Dialect) -> bool:
        """Whether the body holds proofs of another vendor, which its encoder must leave out."""
        if not dialect.seals:
            return False
        body = legible(self.call.body)
        return any(seal in body for seal in dialect.seals)

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
        allowed(body.losses, attempt.offer, self._policy_for(attempt.offer))
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
            check=partial(check_triggers, self.settings.error_triggers),
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


def chosen_endpoint(offer: Offer, call: Call) -> Endpoint:
    """The endpoint in the caller's own dialect if the channel has one, else its first."""
    known = offer.channel.endpoints
    endpoints = known.get(call.operation) or known[Operation.CHAT]
    for endpoint in endpoints:
        if endpoint.dialect == call.dialect:
            return endpoint
    return endpoints[0]
