"""One row per request: what was asked, who answered, what it used and cost."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from headgate.base.money import NanoUsd
from headgate.ir.loss import Loss
from headgate.ir.usage import Usage

Outcome = Literal["done", "failed", "interrupted", "client_gone"]
UsageSource = Literal["reported", "estimated", "none"]


class AttemptRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One try. `credential` is a fingerprint; `status` what the upstream answered (0: nothing)."""

    channel: str
    credential: str
    model: str
    status: int
    reason: str = ""
    latency_ms: int = 0


class UsageRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a request was and what became of it. No prompt, no secret.

    Units: milliseconds, tokens, nano-dollars; `at_s` seconds since the epoch.
    """

    request_id: str
    at_s: float
    key_id: str
    operation: str
    dialect: str
    model: str
    outcome: Outcome
    status: int
    role: str = ""
    stream: bool = False
    channel: str = ""
    upstream_model: str = ""
    upstream_dialect: str = ""
    attempts: tuple[AttemptRecord, ...] = ()
    usage: Usage | None = None
    usage_source: UsageSource = "none"
    cost: NanoUsd = NanoUsd(0)
    first_byte_ms: int = 0
    latency_ms: int = 0
    losses: tuple[Loss, ...] = ()
    error: str = ""
    client_ip: str = ""


class UsageSink(Protocol):
    """Where records go."""

    async def record(self, record: UsageRecord) -> None:
        """Take one record. Returns when it is as durable as this sink makes it."""
