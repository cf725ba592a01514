"""Counting tokens: by the upstream where it can count, by a rough estimate where it cannot.

An estimate is better than none for clients that count before each request to see when their
conversation is full, and it says what it is (`x-headgate-loss: count;changed`).
"""

from __future__ import annotations

import msgspec

from headgate.base.failure import RelayError, bad_reply
from headgate.dialects.bridge import DIALECTS, WIRES, translated
from headgate.dialects.dialect import Target
from headgate.dialects.fields import decoded
from headgate.dialects.token_counts import COUNTS
from headgate.ir.loss import Loss
from headgate.relay.call import Call
from headgate.relay.need import estimated_prompt
from headgate.relay.overrides import overridden
from headgate.relay.upstream_body import UpstreamBody
from headgate.snapshot.facts import Offer

_BYTES_PER_TOKEN = 4
ESTIMATED = Loss("headgate", "count", "changed", "estimated: the channel cannot count")


def count_question(call: Call, offer: Offer, dialect: str) -> UpstreamBody:
    """Write the question for an upstream that can count. Errors: RelayError INVALID_REQUEST."""
    form = COUNTS[dialect]
    losses: tuple[Loss, ...] = ()
    if dialect == call.dialect:
        fields = dict(call.fields)
        if "model" in fields or dialect != "gemini":
            fields["model"] = msgspec.Raw(msgspec.json.encode(offer.model))
        body = fields
    else:
        chat = COUNTS[call.dialect].chat_body(call.fields)
        request = DIALECTS[call.dialect].decode_request(msgspec.json.encode(chat))
        target = Target(model=offer.model, alias=offer.alias, traits=offer.channel.provider.traits)
        written, found = translated(WIRES[dialect], request, target)
        body, losses = form.question(written, offer.model), tuple(found)
    if offer.overrides:
        body = overridden(decoded(msgspec.Raw(msgspec.json.encode(body)), "$"), offer.overrides)
    return UpstreamBody(msgspec.json.encode(body), losses)


def count_answer(call: Call, dialect: str, data: bytes) -> bytes:
    """Give the caller's form of an upstream's count.

    Errors: RelayError UPSTREAM_BAD_REPLY when there is no number in it.
    """
    try:
        wire = msgspec.json.decode(data, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        wire = {}
    count = COUNTS[dialect].read(wire)
    if count is None:
        failure = bad_reply("the upstream's answer holds no count")
        raise RelayError(failure)
    if dialect == call.dialect:
        return data  # with all that it tells beside the number
    return msgspec.json.encode(COUNTS[call.dialect].write(count))


def estimated_count(call: Call) -> bytes:
    """Estimate: the texts of the prompt, and the system prompt and tools by their length."""
    chat = COUNTS[call.dialect].chat_body(call.fields)
    aside = sum(
        len(bytes(chat[name])) // _BYTES_PER_TOKEN
        for name in ("system", "tools", "instructions", "systemInstruction")
        if name in chat
    )
    inner = call if chat is call.fields else msgspec.structs.replace(call, fields=chat)
    return msgspec.json.encode(COUNTS[call.dialect].write(max(1, estimated_prompt(inner) + aside)))
