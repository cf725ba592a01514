"""A Realtime session: admitted and dialed like any request, then metered response by response.

Each response is settled and recorded when the upstream tells what it used. Money is set aside for
one response at a time, so that a key whose credits run out is found out after the one that took
the last of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import msgspec

from headgate.admission.admit import Grant
from headgate.admission.estimate import estimated_usage
from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.base.ids import new_id
from headgate.base.money import NanoUsd
from headgate.dialects.openai_chat import OPENAI_CHAT
from headgate.ir.usage import Usage
from headgate.providers.provider import Operation
from headgate.relay.answer import Answer, shown_model
from headgate.relay.attempts import Attempts
from headgate.relay.call import Call
from headgate.relay.need import estimated_prompt, need_of
from headgate.relay.realtime_events import (
    SESSION_EVENTS,
    RealtimeMeter,
    Turn,
    session_model,
    type_of,
    with_session_model,
)
from headgate.relay.stages import Stages
from headgate.relay.upstream_headers import headers_for
from headgate.routing.failover import Attempt
from headgate.settlement.ledger import Hold
from headgate.settlement.usage_record import Outcome, UsageRecord, UsageSource
from headgate.snapshot.facts import Settings, Timeouts
from headgate.snapshot.price import cost_of
from headgate.upstream.classify import classify
from headgate.upstream.client_pool import ClientPool
from headgate.upstream.handshake import SocketAsk, UpstreamSocket, open_websocket
from headgate.upstream.transport_failures import cut, timed_out
from headgate.upstream.websocket import GOING_AWAY, Message, SocketBounds

_NO_BODY = frozenset({"content-type", "accept"})
_TRY_LATER = 1013
_RESPONSE = "response.create"
# What an error event's type would have been as a status of HTTP.
_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "insufficient_quota": 429,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
}


class Connected(Answer, kw_only=True):
    """An upstream that speaks: its socket, and the first it said."""

    socket: UpstreamSocket
    opening: Message


class RealtimeAsker(msgspec.Struct, frozen=True, kw_only=True):
    """What every attempt of a session shares. `query` is the caller's, for the upstream's URL."""

    call: Call
    pool: ClientPool
    settings: Settings
    bounds: SocketBounds
    query: str = ""

    async def ask(self, attempt: Attempt, timeouts: Timeouts, now_s: float) -> Connected:
        """Dial, and wait for the upstream's first word. Errors: RelayError; nothing stays open."""
        channel = attempt.offer.channel
        (endpoint, *_) = channel.endpoints[Operation.REALTIME]
        headers = headers_for(attempt, endpoint.dialect, self.call)
        ask = SocketAsk(
            url=endpoint.url,
            model=attempt.offer.model,
            query="&".join(filter(None, (self.query, attempt.credential.query))),
            headers=tuple(header for header in headers if header[0] not in _NO_BODY),
            request_id=self.call.request_id,
            timeouts=timeouts,
            proxy=channel.proxy,
            decode_error=OPENAI_CHAT.decode_error,
            bounds=self.bounds,
            retry_client_errors=channel.retry_client_errors,
        )
        socket = await open_websocket(self.pool, ask, now_s)
        try:
            opening = await _opening(socket, timeouts.first_byte_s, now_s)
        except BaseException:
            socket.abort()
            raise
        return Connected(attempt=attempt, dialect=endpoint.dialect, socket=socket, opening=opening)


async def _opening(socket: UpstreamSocket, bound_s: float, now_s: float) -> Message:
    """Wait for the first message, and see that it is not an error."""
    try:
        async with asyncio.timeout(bound_s):
            message = await socket.receive()
    except TimeoutError:
        raise RelayError(timed_out(bound_s, has_begun=False)) from None
    if message is None:
        raise RelayError(_closed_at_once(socket))
    if type_of(message.data) == "error":
        said = OPENAI_CHAT.decode_error(msgspec.json.decode(message.data))
        status = _STATUS.get(said.kind, 500) if said is not None else 500
        failure = classify(status, {}, message.data, OPENAI_CHAT.decode_error, now_s=now_s)
        raise RelayError(failure)
    return message


def _closed_at_once(socket: UpstreamSocket) -> Failure:
    kind = FailureKind.UPSTREAM_ERROR
    if socket.close_code == _TRY_LATER:
        kind = FailureKind.UPSTREAM_OVERLOADED
    if not socket.close_reason:
        return msgspec.structs.replace(cut(has_begun=False), kind=kind)
    return Failure(kind=kind, message=f"The upstream closed at once: {socket.close_reason}")


def _no_event() -> Failure:
    message = "Send events as text messages: JSON objects with a `type`."
    return Failure(kind=FailureKind.INVALID_REQUEST, message=message, param="type")


@asynccontextmanager
async def realtime(
    secret: str | None, call: Call, stages: Stages, bounds: SocketBounds, query: str = ""
) -> AsyncIterator[RealtimeSession]:
    """Hold a session open for as long as the edge relays it; settle on the way out.

    Raises `RelayError` before the session is handed over, never after.
    """
    session = RealtimeSession(call, stages)
    try:
        await session.admit(secret)
        await session.reserve()
        await session.open(bounds, query)
        yield session
    except RelayError as error:
        session.failure = error.failure
        raise
    finally:
        await session.settle()


class RealtimeSession:
    """One session on its way. The steps are called in order by `realtime()`.

    `exhausted` is set when the key has nothing left for another response; `quiet` while no
    response is under way. `outcome` and `goodbye` (close code and reason for the upstream) are for
    the edge to set when it knows how the session ended.
    """

    upstream: UpstreamSocket
    opening: Message

    def __init__(self, call: Call, stages: Stages) -> None:
        self.call = call
        self.failure: Failure | None = None
        self.exhausted: Failure | None = None
        self.outcome: Outcome = "client_gone"
        self.goodbye = (GOING_AWAY, "")
        self.quiet = asyncio.Event()
        self.quiet.set()
        self._stages = stages
        self._facts = stages.facts()
        self._asked = call.model
        self._asked_responses = 0
        self._secret: str | None = None
        self._grant: Grant | None = None
        self._hold: Hold | None = None
        self._attempts: Attempts | None = None
        self._answer: Connected | None = None
        self._meter = RealtimeMeter()
        self._unsettled: Turn | None = None
        self._turns = 0
        self._is_settled = False

    @property
    def grant(self) -> Grant:
        """The right to run."""
        if self._grant is None:
            raise RuntimeError("a session must be admitted first")
        return self._grant

    @property
    def answer(self) -> Connected:
        """The upstream that answered."""
        if self._answer is None:
            raise RuntimeError("a session must be opened first")
        return self._answer

    async def admit(self, secret: str | None) -> None:
        """Let the session in.

        Errors: RelayError UNAUTHENTICATED, RATE_LIMITED; FORBIDDEN for a key whose words must be
        checked first, which nobody could do with sound as it is spoken.
        """
        call, stages = self.call, self._stages
        now_s = stages.clock.monotonic_s()
        self._secret = secret
        prompt = partial(estimated_prompt, call)
        self._grant = await stages.gate.admit(secret, call.model, self._facts, now_s, prompt)
        call.model = self._grant.model
        if self._grant.key.moderation:
            raise RelayError(
                Failure(
                    kind=FailureKind.FORBIDDEN,
                    message="This key's requests are moderated, and a Realtime session cannot be.",
                )
            )

    async def reserve(self) -> None:
        """Set money aside for one response. Errors: RelayError BALANCE_EXHAUSTED."""
        key = self.grant.key
        if key.credits is not None:
            amount = self._cost(estimated_usage(0, None))
            self._hold = await self._stages.ledger.reserve(key, new_id("hold-"), amount)

    async def open(self, bounds: SocketBounds, query: str) -> None:
        """Plan, and try until an upstream speaks. Errors: RelayError."""
        call, key, stages = self.call, self.grant.key, self._stages
        outline = stages.router.outline(key.routes.get(call.model, ()))
        plan = stages.router.plan(key, need_of(call, outline), stages.clock.monotonic_s())
        asker = RealtimeAsker(
            call=call,
            pool=stages.client,
            settings=self._facts.settings,
            bounds=bounds,
            query=query,
        )
        self._attempts = Attempts(asker, key, plan, stages)
        answer = await self._attempts.first_answer()
        assert isinstance(answer, Connected)  # noqa: S101 - for the type checker: the asker's own
        self._answer = answer
        self.upstream, self.opening = answer.socket, answer.opening

    async def outgoing(self, message: Message) -> bytes:
        """Make a caller's message the upstream's: only the name of the model changes.

        Errors: RelayError INVALID_REQUEST when the session shall be another model's, or for what
        is no event: an upstream might read in it what was not seen here. For a response that is
        asked for those of `Gate.admit`, as for any request; the first came with the session.
        """
        data = message.data
        kind = type_of(data) if message.is_text else ""
        if not kind:
            raise RelayError(_no_event())
        if kind == _RESPONSE:
            await self._admit_response()
        if kind not in SESSION_EVENTS:
            return data
        named = session_model(data)
        model = self.answer.attempt.offer.model
        if named is None or named == model:
            return data
        if named not in (self._asked, self.call.model):
            raise RelayError(
                Failure(
                    kind=FailureKind.INVALID_REQUEST,
                    message="The model of a session cannot be changed; open another session.",
                    param="session.model",
                )
            )
        return with_session_model(data, model)

    async def _admit_response(self) -> None:
        self._asked_responses += 1
        if self._asked_responses > 1:
            stages = self._stages
            now_s = stages.clock.monotonic_s()
            await stages.gate.admit(self._secret, self._asked, stages.facts(), now_s, lambda: 0)

    async def incoming(self, message: Message) -> bytes:
        """Make an upstream's message the caller's, and settle the response that it ends."""
        data = message.data
        if not message.is_text:
            return data
        kind = type_of(data)
        await self._meter_event(kind, data)
        shown = shown_model(self.answer.attempt.offer)
        if shown is not None and kind in SESSION_EVENTS and session_model(data) is not None:
            return with_session_model(data, shown)
        return data

    async def settle(self) -> None:
        """Charge what was used and was not told yet, and let go of the upstream. Once."""
        if self._is_settled:
            return
        answer = self._answer
        try:
            if self._grant is not None:
                await self._settle_rest(self._grant)
            self._is_settled = True
        finally:
            if answer is not None:
                await answer.socket.close(*self.goodbye)

    async def _settle_rest(self, grant: Grant) -> None:
        if self._unsettled is not None:
            await self._settle_turn(self._unsettled)
        if self._answer is not None:
            for message in self._answer.socket.take_unread():
                with suppress(RelayError):
                    await self._meter_event(type_of(message.data), message.data)
        turn = self._meter.unfinished()
        if turn is not None:
            await self._settle_turn(turn)
        elif not self._turns:  # a session in which nobody said anything leaves a line as well
            await self._record(grant, None, NanoUsd(0))
        if self._hold is not None:
            await self._stages.ledger.release(self._hold)

    async def _meter_event(self, kind: str, data: bytes) -> None:
        meter = self._meter
        turn = meter.feed(kind, data, self._stages.clock.monotonic_s())
        if meter.is_busy:
            self.quiet.clear()
        if meter.wait_s is not None:
            self._rest(meter.wait_s)
        if turn is not None:
            await self._settle_turn(turn)
            await self._reserve_anew()
        if not meter.is_busy:
            self.quiet.set()

    def _rest(self, wait_s: float) -> None:
        """The credential has used up a limit: the next session had better use another."""
        self._meter.wait_s = None
        attempt, stages = self.answer.attempt, self._stages
        failure = Failure(
            kind=FailureKind.UPSTREAM_RATE_LIMITED,
            message="The session told that a limit is used up.",
            retry_after_s=wait_s,
        )
        stages.health.failed(
            attempt.offer,
            attempt.credential,
            failure,
            alternatives=1,
            now_s=stages.clock.monotonic_s(),
        )

    async def _settle_turn(self, turn: Turn) -> None:
        """Charge and record; what a cancellation cuts short here is done again by `settle`."""
        self._unsettled = turn
        cost = self._cost(turn.usage) if turn.usage is not None else NanoUsd(0)
        if self._hold is not None:
            await self._stages.ledger.settle(self._hold, cost)
            self._hold = None
        await self._record(self.grant, turn, cost)
        self._turns += 1
        self._unsettled = None

    async def _reserve_anew(self) -> None:
        try:
            await self.reserve()
        except RelayError as error:
            self.exhausted = error.failure

    def _cost(self, usage: Usage) -> NanoUsd:
        return cost_of(usage, self.call.model, self._facts.settings)

    async def _record(self, grant: Grant, turn: Turn | None, cost: NanoUsd) -> None:
        call, clock, answer = self.call, self._stages.clock, self._answer
        outcome, status = self._outcome(turn)
        began_s = turn.began_s if turn is not None else call.received_s
        offer = answer.attempt.offer if answer is not None else None
        usage = turn.usage if turn is not None else None
        first_s = turn.first_s if turn is not None else None
        is_first = self._turns == 0
        source: UsageSource = "none" if usage is None else "reported"
        if turn is not None and turn.is_estimated:
            source = "estimated"
        record = UsageRecord(
            request_id=call.request_id if is_first else f"{call.request_id}.{self._turns + 1}",
            at_s=clock.wall_s(),
            key_id=grant.key.key_id,
            role=grant.key.role,
            operation=call.operation,
            dialect=call.dialect,
            model=call.model,
            outcome=outcome,
            status=status,
            stream=True,
            channel=offer.channel.name if offer is not None else "",
            upstream_model=offer.model if offer is not None else "",
            upstream_dialect=answer.dialect if answer is not None else "",
            attempts=tuple(self._attempts.records) if self._attempts and is_first else (),
            usage=usage,
            usage_source=source,
            cost=cost,
            first_byte_ms=round((first_s - began_s) * 1000) if first_s is not None else 0,
            latency_ms=round((clock.monotonic_s() - began_s) * 1000),
            error=self._error(turn),
            client_ip=call.client_ip,
        )
        await self._stages.sink.record(record)

    def _outcome(self, turn: Turn | None) -> tuple[Outcome, int]:
        if self.failure is not None and self._answer is None:
            return "failed", self.failure.http_status
        if turn is not None and turn.status == "failed":
            return "interrupted", 502
        if turn is not None and turn.status != "cut":
            return "done", 200
        return self.outcome, {"done": 200, "client_gone": 499}.get(self.outcome, 502)

    def _error(self, turn: Turn | None) -> str:
        if turn is not None and turn.error:
            return turn.error
        return self.failure.message if self.failure is not None else ""
