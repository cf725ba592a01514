"""What is known of one request between its admission and its settlement."""

from __future__ import annotations

from functools import partial

import msgspec

from headgate.admission.admit import Grant
from headgate.admission.estimate import estimated_usage
from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.base.ids import new_id
from headgate.base.money import NanoUsd
from headgate.dialects.bridge import DIALECTS
from headgate.dialects.dialect import ReplyContext
from headgate.ir.usage import Usage
from headgate.providers.provider import Operation
from headgate.relay.attempts import Attempts
from headgate.relay.call import Call
from headgate.relay.exchange import Exchange
from headgate.relay.media import MEDIA, estimated
from headgate.relay.moderation import check_verdict, moderation_call
from headgate.relay.need import bounded_prompt, estimated_prompt, need_of
from headgate.relay.operations import PLAIN
from headgate.relay.pins import Pin, pinned_plan
from headgate.relay.questioner import Questioner
from headgate.relay.remembering import Memory
from headgate.relay.sessions import Session, session_of
from headgate.relay.stages import Stages
from headgate.relay.upstream_body import Translation
from headgate.routing.plan import Outline, Plan
from headgate.settlement.ledger import Hold
from headgate.settlement.usage_record import Outcome, UsageRecord, UsageSource
from headgate.snapshot.price import cost_of


class Journey:
    """One request on its way. The steps are called in order by `relay()`."""

    def __init__(self, call: Call, stages: Stages) -> None:
        self.call = call
        self.failure: Failure | None = None
        self._stages = stages
        self._facts = stages.facts()  # one version of the configuration, start to end
        self._grant: Grant | None = None
        self._hold: Hold | None = None
        self._attempts: Attempts | None = None
        self._exchange: Exchange | None = None
        self._settled = False

    async def admit(self, secret: str | None) -> None:
        """Let the request in.

        Errors: RelayError UNAUTHENTICATED, RATE_LIMITED, REQUEST_TOO_LARGE.
        """
        call, stages = self.call, self._stages
        now_s = stages.clock.monotonic_s()
        grant = await stages.gate.admit(
            secret, call.model, self._facts, now_s, partial(estimated_prompt, call)
        )
        call.model = grant.model
        self._grant = grant

    async def hold(self) -> None:
        """Set money aside if the key's is limited.

        Errors: RelayError BALANCE_EXHAUSTED; FORBIDDEN for what tells its usage only later, to
        whoever asks for the response then.
        """
        grant = self._granted()
        if grant.key.credits is None or self.call.operation is Operation.COUNT_TOKENS:
            return
        call, prompt = self.call, bounded_prompt(self.call)
        if call.operation in PLAIN:
            estimate = Usage(input=prompt)
        else:
            estimate = estimated_usage(prompt, call.max_tokens(), call.answers())
        amount = self._cost(estimate)
        # An id of our own: callers choose request ids, and may send one for many requests at once.
        self._hold = await self._stages.ledger.reserve(grant.key, new_id("hold-"), amount)
        if self._hold is not None and call.value("background"):
            message = "Not with this key: its credits are counted, so ask without `background`."
            failure = Failure(kind=FailureKind.FORBIDDEN, message=message, param="background")
            raise RelayError(failure)

    async def moderate(self) -> None:
        """Have the caller's words checked if the key wants that. Errors: RelayError."""
        key = self._granted().key
        if not key.moderation or self.call.operation is Operation.MODERATIONS:
            return
        question = moderation_call(self.call, key)
        if question is not None:
            self._attempts, _ = self._attempts_of(question)
            verdict = await self._attempts.first_answer()
            check_verdict(verdict.whole or b"")

    async def open(self) -> Exchange:
        """Plan, and try until an upstream answers. Errors: RelayError."""
        call = self.call
        call, pin = self._memory().resumed(call)
        self._attempts, plan = self._attempts_of(call, pin)
        self._exchange = Exchange(
            call, self._granted(), self._attempts, DIALECTS[call.dialect], self.settle
        )
        await self._exchange.open(_keepalive_s(call, plan))
        return self._exchange

    def _memory(self) -> Memory:
        stages = self._stages
        return Memory(self._granted().key.key_id, stages.stores, stages.clock)

    def _session(self, call: Call, outline: Outline) -> Session | None:
        """Tell which session the request goes on with, where that can make a difference."""
        if not outline.has_choice or not self._facts.settings.session_affinity:
            return None
        return session_of(call, self._granted().key.key_id)

    def _plan(self, call: Call, outline: Outline, pin: Pin | None, session: Session | None) -> Plan:
        if pin is not None:
            return pinned_plan(outline, pin)
        stages, key = self._stages, self._granted().key
        now_s = stages.clock.monotonic_s()
        seat = stages.stores.sessions.seat(session, now_s) if session is not None else None
        return stages.router.plan(key, need_of(call, outline), now_s, seat)

    def _attempts_of(self, call: Call, pin: Pin | None = None) -> tuple[Attempts, Plan]:
        key, stages = self._granted().key, self._stages
        outline = stages.router.outline(key.routes.get(call.model, ()))
        session = self._session(call, outline)
        plan = self._plan(call, outline, pin, session)
        questioner = Questioner(
            call=call,
            asked=self.call,
            translation=Translation(call),
            pool=stages.client,
            settings=self._facts.settings,
            context=ReplyContext(
                model=call.model,
                reply_id=call.request_id,
                created=int(stages.clock.wall_s()),
                include_usage=call.include_usage,
                fields=self.call.fields,
            ),
            policy=key.on_loss,
            memory=self._memory(),
        )
        return Attempts(questioner, key, plan, stages, session), plan

    async def settle(self) -> None:
        """Let go of the upstream, charge what was used, and write the record. Once."""
        if self._settled:
            return
        if self._exchange is not None:
            await self._exchange.close()
        if self._grant is None:
            return
        usage, source = self._usage()
        cost = self._cost(usage) if usage is not None else NanoUsd(0)
        if self._hold is not None:
            await self._stages.ledger.settle(self._hold, cost)
        await self._stages.sink.record(self._record(self._grant, usage, source, cost))
        # Only now: a caller that hangs up while its last bytes wait for this cuts it short, and
        # `relay()` settles again on the way out.
        self._settled = True
        self._exchange = None  # it knows us: without this only the collector frees both

    def _granted(self) -> Grant:
        if self._grant is None:
            raise RuntimeError("a request must be admitted first")
        return self._grant

    def _cost(self, usage: Usage) -> NanoUsd:
        return cost_of(usage, self.call.model, self._facts.settings)

    def _usage(self) -> tuple[Usage | None, UsageSource]:
        """What was used. Nothing is charged when no answer reached the caller."""
        exchange = self._exchange
        if exchange is None or exchange.answer is None:
            return None, "none"
        usage = exchange.usage
        if usage is not None and exchange.completed:
            return usage, "reported"
        # A reply that was cut short has told the beginning of its usage at most (Anthropic).
        told = usage or Usage(input=estimated_prompt(exchange.call))
        if self.call.operation in MEDIA:
            told = usage or estimated(self.call, told.input, exchange.answer.lane)
            return told, "estimated"
        output = exchange.frames_out or len(exchange.whole or b"") // 4
        if self.call.operation in PLAIN:  # vectors and verdicts are not written in tokens
            output = 0
        return msgspec.structs.replace(told, output=max(told.output, output)), "estimated"

    def _outcome(self) -> tuple[Outcome, int]:
        if self.failure is not None:
            return "failed", self.failure.http_status
        exchange = self._exchange
        if exchange is None:
            return "client_gone", 499
        if exchange.failure is not None:
            return "interrupted", exchange.failure.http_status
        return ("done", 200) if exchange.completed else ("client_gone", 499)

    def _record(
        self, grant: Grant, usage: Usage | None, source: UsageSource, cost: NanoUsd
    ) -> UsageRecord:
        call, clock = self.call, self._stages.clock
        answer = self._exchange.answer if self._exchange is not None else None
        outcome, status = self._outcome()
        failure = self.failure or (self._exchange.failure if self._exchange is not None else None)
        answered_s = answer.answered_s if answer is not None else None
        return UsageRecord(
            request_id=call.request_id,
            at_s=clock.wall_s(),
            key_id=grant.key.key_id,
            role=grant.key.role,
            operation=call.operation,
            dialect=call.dialect,
            model=call.model,
            outcome=outcome,
            status=status,
            stream=call.stream,
            channel=answer.attempt.offer.channel.name if answer is not None else "",
            upstream_model=answer.attempt.offer.model if answer is not None else "",
            upstream_dialect=answer.dialect if answer is not None else "",
            attempts=tuple(self._attempts.records) if self._attempts is not None else (),
            usage=usage,
            usage_source=source,
            cost=cost,
            first_byte_ms=_elapsed_ms(call.received_s, answered_s),
            latency_ms=_elapsed_ms(call.received_s, clock.monotonic_s()),
            losses=answer.all_losses if answer is not None else (),
            error=failure.message if failure is not None else "",
            client_ip=call.client_ip,
        )


def _elapsed_ms(began_s: float, now_s: float | None) -> int:
    return round((now_s - began_s) * 1000) if now_s is not None else 0


def _keepalive_s(call: Call, plan: Plan) -> float | None:
    """Heart-beats are for streams, and only where the first channel in turn asks for them."""
    return plan.offers[0].keepalive_s if call.stream else None
