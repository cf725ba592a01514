"""Attempt after attempt until one answers: the plan's offers, the bounds, the bookkeeping."""

from __future__ import annotations

import asyncio
from typing import Protocol

import msgspec

from headgate.base.failure import Blame, Failure, FailureKind, RelayError, out_of_time
from headgate.base.secrets import mask
from headgate.relay.answer import Answer
from headgate.relay.call import Call
from headgate.relay.sessions import Session
from headgate.relay.stages import Stages
from headgate.relay.timeouts import timeouts_for
from headgate.routing.failover import EXHAUSTED, Attempt, Failover
from headgate.routing.plan import Plan
from headgate.settlement.usage_record import AttemptRecord
from headgate.snapshot.facts import Key, Settings, Timeouts

_LONGEST_REASON = 300
_SHORTEST_S = 0.1  # for an attempt that begins when the time is nearly over


class Asker(Protocol):
    """Who makes one attempt after the other."""

    @property
    def call(self) -> Call:
        """What the caller asked."""

    @property
    def settings(self) -> Settings:
        """What holds for every request."""

    async def ask(self, attempt: Attempt, timeouts: Timeouts, now_s: float) -> Answer:
        """Make one attempt. Errors: RelayError with the failure; nothing is left open then."""


class Attempts:
    """The tries of one request. Its session goes on where it was answered."""

    def __init__(
        self,
        questioner: Asker,
        key: Key,
        plan: Plan,
        stages: Stages,
        session: Session | None = None,
    ) -> None:
        self.records: list[AttemptRecord] = []
        self._questioner = questioner
        self._key = key
        self._plan = plan
        self._stages = stages
        self._session = session
        self._failover = Failover(
            plan.offers, stages.credentials, key.max_attempts, plan.rest, plan.seat
        )
        self._was_resting = False  # some attempt was made although its channel or key rests

    async def first_answer(self) -> Answer:
        """Try until an upstream answers.

        Errors: RelayError with the last failure and a line for each attempt.
        """
        clock = self._stages.clock
        settings = self._questioner.settings
        deadline_s = clock.monotonic_s() + settings.total_attempts_s
        last: Failure | None = None
        while True:
            now_s = clock.monotonic_s()
            if last is not None and now_s >= deadline_s:
                raise self._exhausted(last)
            attempt = self._failover.next(now_s, last)
            if attempt is None:
                raise self._exhausted(last)
            timeouts = timeouts_for(attempt.offer, self._questioner.call, self._key, settings)
            try:
                answer = await self._ask(attempt, timeouts, deadline_s - now_s)
            except RelayError as error:
                last = without_secret(error.failure, attempt.credential.secret)
                self._failed(attempt, last, now_s)
                continue
            answer.answered_s = clock.monotonic_s()
            self._answered(attempt, now_s, answer.answered_s)
            return answer

    async def _ask(self, attempt: Attempt, timeouts: Timeouts, left_s: float) -> Answer:
        """Make one attempt, and give it up when the request's time is over.

        The bounds on the wait for bytes do not do: a body may trickle, and a dial take its time.
        """
        left_s = max(left_s, _SHORTEST_S)
        wall_s = self._stages.clock.wall_s()
        try:
            async with asyncio.timeout(left_s):
                return await self._questioner.ask(attempt, _within(timeouts, left_s), wall_s)
        except TimeoutError:
            raise RelayError(out_of_time(self._questioner.settings.total_attempts_s)) from None

    def _answered(self, attempt: Attempt, began_s: float, now_s: float) -> None:
        stages = self._stages
        stages.health.succeeded(attempt.offer, attempt.credential)
        stages.credentials.note(attempt.offer.channel, attempt.credential, success=True)
        if self._session is not None:
            stages.stores.sessions.note(self._session, attempt, now_s, self._plan.seat)
        self._record(attempt, 200, "", now_s - began_s)

    def _failed(self, attempt: Attempt, failure: Failure, began_s: float) -> None:
        stages = self._stages
        offer, credential = attempt.offer, attempt.credential
        if failure.rule.blame is Blame.CLIENT:
            stages.credentials.give_back(offer, credential)
        else:
            stages.credentials.note(offer.channel, credential, success=False)
        now_s = stages.clock.monotonic_s()
        stages.health.failed(
            offer, credential, failure, alternatives=self._plan.channels, now_s=now_s
        )
        self._record(attempt, failure.http_status, failure.message, now_s - began_s)

    def _record(self, attempt: Attempt, status: int, reason: str, took_s: float) -> None:
        if attempt.rest is not None:
            self._was_resting = True
            reason = f"{reason} (tried although it rests after {attempt.rest.reason})".strip()
        self.records.append(
            AttemptRecord(
                channel=attempt.offer.channel.name,
                credential=attempt.credential.label,
                model=attempt.offer.model,
                status=status,
                reason=reason[:_LONGEST_REASON],
                latency_ms=round(took_s * 1000),
            )
        )

    def _exhausted(self, last: Failure | None) -> RelayError:
        """Say what became of every attempt; the status is that of the last."""
        refusal = self._failover.refusal
        if last is None:
            return RelayError(self._about_all(refusal or _nothing_tried()))
        if not last.rule.retry or self._key.max_attempts == 1:
            return RelayError(msgspec.structs.replace(last, attempts=self._lines()))
        if refusal is not None or self._was_resting:
            # Users match this text, and want the cause; so both.
            exhausted = refusal or _all_resting(last)
            message = f"{exhausted.message} Last upstream error: {last.message}"
            last = msgspec.structs.replace(last, message=message)
        return RelayError(self._about_all(last))

    def _about_all(self, failure: Failure) -> Failure:
        model = self._questioner.call.model
        return msgspec.structs.replace(
            failure,
            message=f"All {model} error: {failure.message}",
            attempts=self._lines(),
            upstream_body=None,
        )

    def _lines(self) -> tuple[str, ...]:
        return tuple(
            f"{record.channel}: {record.status} {record.reason}" for record in self.records
        )


def without_secret(failure: Failure, secret: str) -> Failure:
    """Take the credential out of what the upstream said: some repeat it, whatever it looks like."""
    body = failure.upstream_body
    return msgspec.structs.replace(
        failure,
        message=mask(failure.message, [secret]),
        upstream_body=mask(body.decode(), [secret]).encode() if body is not None else None,
    )


def _within(timeouts: Timeouts, left_s: float) -> Timeouts:
    """Never wait for an attempt longer than the request has left."""
    if timeouts.first_byte_s <= left_s:
        return timeouts
    return msgspec.structs.replace(timeouts, first_byte_s=left_s)


def _nothing_tried() -> Failure:
    return Failure(kind=FailureKind.NO_CREDENTIAL, message="No attempt could be made.")


def _all_resting(last: Failure) -> Failure:
    return Failure(
        kind=FailureKind.NO_CREDENTIAL,
        message=EXHAUSTED
        if last.rule.blame is Blame.CREDENTIAL
        else "Every channel rests after failures; the one whose rest ends first was tried.",
    )
