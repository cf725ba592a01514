"""A request about objects from its admission to its record: within limits, and never for nothing.

What a vendor's own jobs use (batches, fine-tuning, runs of assistants) is told to nobody at the
time, so a key whose credits are counted, or whose words must be checked, cannot start them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.base.ids import new_id
from headgate.base.money import NanoUsd
from headgate.providers.provider import Operation
from headgate.relay.objects import ObjectCall, Objects
from headgate.relay.stages import Stages
from headgate.routing.failover import Attempt
from headgate.settlement.usage_record import Outcome, UsageRecord
from headgate.snapshot.facts import Key

_JOBS = frozenset({"batches", "fine_tuning"})
_RUNS = "runs"
_STOPS = frozenset({"cancel", "pause"})


class Visit:
    """One request about objects, let in. The edge tells `outcome` when it knows how it ended."""

    def __init__(self, key: Key, asked: ObjectCall, stages: Stages) -> None:
        self.key = key
        self.objects = Objects(key, stages)
        self.outcome: Outcome = "client_gone"
        self.failure: Failure | None = None
        self.attempt: Attempt | None = None
        self._asked = asked
        self._stages = stages

    async def check(self) -> None:
        """See that the key may cause costs, if the request causes any.

        Errors: RelayError BALANCE_EXHAUSTED, FORBIDDEN.
        """
        if self._asked.method != "POST":
            return
        ledger = self._stages.ledger
        hold = await ledger.reserve(self.key, new_id("hold-"), NanoUsd(0))
        if hold is not None:
            await ledger.release(hold)
        if not _is_job(self._asked):
            return
        if hold is not None:
            raise RelayError(_forbidden("credits are counted, and what this uses is told nobody"))
        if self.key.moderation:
            raise RelayError(_forbidden("words are checked before they go, and these could not be"))

    async def record(self) -> None:
        """Write the line about the request."""
        call, clock, attempt = self._asked.call, self._stages.clock, self.attempt
        outcome, status = self.outcome, {"done": 200, "client_gone": 499}.get(self.outcome, 502)
        if self.failure is not None:
            status = self.failure.http_status
        record = UsageRecord(
            request_id=call.request_id,
            at_s=clock.wall_s(),
            key_id=self.key.key_id,
            role=self.key.role,
            operation=Operation.OBJECTS,
            dialect=call.dialect,
            model=call.model,
            outcome=outcome,
            status=status,
            channel=attempt.offer.channel.name if attempt is not None else "",
            upstream_dialect=call.dialect if attempt is not None else "",
            latency_ms=round((clock.monotonic_s() - call.received_s) * 1000),
            error=self.failure.message if self.failure is not None else "",
            client_ip=call.client_ip,
        )
        await self._stages.sink.record(record)


@asynccontextmanager
async def visiting(secret: str | None, asked: ObjectCall, stages: Stages) -> AsyncIterator[Visit]:
    """Let a request in, and write its record on the way out.

    Errors: RelayError UNAUTHENTICATED, RATE_LIMITED, BALANCE_EXHAUSTED, FORBIDDEN, and whatever
    is raised inside.
    """
    now_s = stages.clock.monotonic_s()
    key = await stages.gate.visit(secret, Operation.OBJECTS, stages.facts(), now_s)
    visit = Visit(key, asked, stages)
    try:
        await visit.check()
        yield visit
    except RelayError as error:
        visit.outcome, visit.failure = "failed", error.failure
        raise
    finally:
        await visit.record()


def _is_job(asked: ObjectCall) -> bool:
    """Whether a POST may make a vendor's models work."""
    segments = asked.segments
    is_job = segments[0] in _JOBS or _RUNS in segments[1:]
    return is_job and segments[-1] not in _STOPS


def _forbidden(why: str) -> Failure:
    return Failure(kind=FailureKind.FORBIDDEN, message=f"Not with this key: its {why} at the time.")
