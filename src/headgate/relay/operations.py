"""Operations beside chat: their bodies and replies, by the dialect of the upstream."""

from __future__ import annotations

from headgate.ir.usage import Usage
from headgate.relay.call import Call
from headgate.relay.upstream_body import UpstreamBody, plain_body
from headgate.snapshot.facts import Offer


def error_dialect(dialect: str) -> str:
    """The chat dialect whose error objects an endpoint speaks."""
    return dialect


def body_of(call: Call, offer: Offer, dialect: str) -> UpstreamBody:
    """Write the body for an operation."""
    return plain_body(call, offer)


def answer_of(call: Call, offer: Offer, dialect: str, data: bytes) -> tuple[bytes, Usage | None]:
    """Read the reply of an operation."""
    raise NotImplementedError
