"""Operations with one reply and no chat in it: embeddings and moderations."""

from __future__ import annotations

import msgspec

from headgate.dialects.embeddings import EMBEDDINGS
from headgate.dialects.moderations import flagged
from headgate.dialects.openai_chat import OPENAI_CHAT
from headgate.ir.usage import Usage
from headgate.providers.provider import Operation
from headgate.relay.call import Call
from headgate.relay.overrides import overridden
from headgate.relay.upstream_body import UpstreamBody
from headgate.snapshot.facts import Offer

PLAIN = frozenset({Operation.EMBEDDINGS, Operation.MODERATIONS})


def body_of(call: Call, offer: Offer, dialect: str) -> UpstreamBody:
    """Write the body for an upstream of this family.

    Errors: RelayError INVALID_REQUEST for input that the family cannot take.
    """
    if call.operation is Operation.EMBEDDINGS:
        body = EMBEDDINGS[dialect].encode_request(call.fields, offer.model)
    else:
        body = {**call.fields, "model": offer.model}
    data = msgspec.json.encode(body)
    if offer.overrides:
        data = msgspec.json.encode(overridden(msgspec.json.decode(data), offer.overrides))
    return UpstreamBody(data)


def answer_of(call: Call, offer: Offer, dialect: str, data: bytes) -> tuple[bytes, Usage | None]:
    """Read the reply, and give the caller's body and the usage.

    Errors: RelayError when it is no reply.
    """
    if call.operation is Operation.EMBEDDINGS:
        return EMBEDDINGS[dialect].decode_reply(data, call.fields, offer.alias)
    flagged(data)  # raises when there is no verdict in it
    return data, OPENAI_CHAT.read_usage(data)
