"""Operations with one reply and no chat in it: embeddings, rerank, search and moderations."""

from __future__ import annotations

from typing import Any

import msgspec

from headgate.dialects.bridge import DIALECTS
from headgate.dialects.embed_content import as_batch, as_openai, of_batch, of_openai
from headgate.dialects.embeddings import EMBEDDINGS
from headgate.dialects.fields import decoded
from headgate.dialects.moderations import flagged
from headgate.dialects.openai_chat import OPENAI_CHAT
from headgate.dialects.rerank import RERANK
from headgate.dialects.search import SEARCH
from headgate.ir.loss import Losses
from headgate.ir.usage import Usage
from headgate.providers.provider import Operation
from headgate.relay.call import Call
from headgate.relay.overrides import overridden
from headgate.relay.upstream_body import UpstreamBody
from headgate.snapshot.facts import Offer

_GEMINI = "gemini"
PLAIN = frozenset(
    {
        *(Operation.EMBEDDINGS, Operation.RERANK, Operation.SEARCH),
        *(Operation.MODERATIONS, Operation.COMPACT),
    }
)


def body_of(call: Call, offer: Offer, dialect: str) -> UpstreamBody:
    """Write the body for an upstream of this family.

    Errors: RelayError INVALID_REQUEST for input that the family cannot take.
    """
    losses = Losses(dialect)
    if call.operation is Operation.EMBEDDINGS:
        body = _embeddings_body(call, offer, dialect, losses)
    elif call.operation is Operation.RERANK:
        body = RERANK[dialect].encode_request(call.fields, offer.model, losses)
    elif call.operation is Operation.SEARCH:
        defaults = offer.channel.search_defaults
        body = SEARCH[dialect].encode_request(call.fields, defaults, losses)
    else:
        body = {**call.fields, "model": offer.model}
    data = msgspec.json.encode(body)
    if offer.overrides:
        data = msgspec.json.encode(overridden(decoded(msgspec.Raw(data), "$"), offer.overrides))
    return UpstreamBody(data, tuple(losses))


def answer_of(call: Call, offer: Offer, dialect: str, data: bytes) -> tuple[bytes, Usage | None]:
    """Read the reply, and give the caller's body and the usage.

    Errors: RelayError when it is no reply.
    """
    if call.operation is Operation.EMBEDDINGS:
        return _embeddings_answer(call, offer, dialect, data)
    if call.operation is Operation.RERANK:
        return RERANK[dialect].decode_reply(data, call.fields, offer.alias)
    if call.operation is Operation.SEARCH:
        return SEARCH[dialect].decode_reply(data)
    if call.operation is Operation.COMPACT:
        return data, DIALECTS[call.dialect].read_usage(data)
    flagged(data)  # raises when there is no verdict in it
    return data, OPENAI_CHAT.read_usage(data)


def _embeddings_body(call: Call, offer: Offer, dialect: str, losses: Losses) -> dict[str, Any]:
    if call.dialect != _GEMINI:
        return EMBEDDINGS[dialect].encode_request(call.fields, offer.model, losses)
    if dialect == _GEMINI:
        return as_batch(call.fields, offer.model, single=_is_single(call))
    asked = as_openai(call.fields, losses, single=_is_single(call))
    return EMBEDDINGS[dialect].encode_request(asked, offer.model, losses)


def _embeddings_answer(
    call: Call, offer: Offer, dialect: str, data: bytes
) -> tuple[bytes, Usage | None]:
    wire = EMBEDDINGS[dialect]
    if call.dialect != _GEMINI:
        return wire.decode_reply(data, call.fields, offer.alias)
    asked = {"encoding_format": msgspec.Raw(b'"float"')}
    written, usage = wire.decode_reply(data, asked, offer.alias)
    if dialect == _GEMINI:
        return of_batch(data, single=_is_single(call)), usage
    return of_openai(written, single=_is_single(call)), usage


def _is_single(call: Call) -> bool:
    return call.path.endswith(":embedContent")
