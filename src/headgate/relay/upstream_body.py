"""The body for one attempt: patched or translated, then the channel's changes.

A body of the caller's own dialect stays a dict of raw values, so that nested bytes survive; what
a change has to look into is decoded there and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.dialects.bridge import DIALECTS, WIRES, patched, translated
from headgate.dialects.dialect import Target
from headgate.ir.loss import Loss, Losses
from headgate.ir.request import ChatRequest
from headgate.providers.left_out import NO_IMAGES, without_images, without_tools
from headgate.relay.call import Call
from headgate.relay.form import FormBody
from headgate.relay.overrides import overridden
from headgate.snapshot.facts import LossPolicy, Offer

Body = dict[str, Any]

# Quirks are about OpenAI's wire; the other dialects' encoders know their models themselves.
_QUIRKY = frozenset({"openai_chat", "openai_completions"})
# What other dialects than the caller's call its tools.
_TOOLS = frozenset({"toolConfig", "tool_config", "functions", "strict_tools"})


class UpstreamBody(msgspec.Struct, frozen=True):
    """What goes to the upstream, and what was lost on the way into it. `form` instead of `data`."""

    data: bytes
    losses: tuple[Loss, ...] = ()
    form: FormBody | None = None


class Translation:
    """The caller's request in the IR, decoded at most once for all attempts."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._request: ChatRequest | None = None

    @property
    def request(self) -> ChatRequest:
        """The decoded request. Errors: RelayError INVALID_REQUEST."""
        if self._request is None:
            self._request = DIALECTS[self._call.dialect].decode_request(self._call.body)
        return self._request


def same_dialect_body(
    call: Call,
    offer: Offer,
    dialect: str,
    stream: bool,
    policy: LossPolicy,
) -> UpstreamBody:
    """Patch a chat body for a channel that speaks the caller's dialect.

    Errors: RelayError LOSS_REFUSED when the policy forbids what the channel leaves out.
    """
    target = _target(offer, stream)
    fields = patched(DIALECTS[dialect], call.fields, target)
    if stream != call.stream:
        fields = {**fields, "stream": msgspec.Raw(b"true" if stream else b"false")}
    if not _is_changed(offer, dialect):
        return UpstreamBody(msgspec.json.encode(fields))
    losses = Losses(dialect)
    body = _changed(dict(fields), offer, dialect, losses)
    return UpstreamBody(msgspec.json.encode(body), allowed(losses, offer, policy))


def translated_body(
    request: ChatRequest, offer: Offer, dialect: str, stream: bool, policy: LossPolicy
) -> UpstreamBody:
    """Write the caller's request in another dialect.

    Errors: RelayError LOSS_REFUSED when the policy forbids the losses that this takes.
    """
    if request.stream != stream:
        request = msgspec.structs.replace(request, stream=stream)
    body, losses = translated(WIRES[dialect], request, _target(offer, stream))
    if _is_changed(offer, dialect):
        left_out = Losses(dialect)
        body = _changed(body, offer, dialect, left_out)
        for loss in left_out:
            tell = losses.dropped if loss.action == "dropped" else losses.changed
            tell(_kind(loss), loss.note)
    return UpstreamBody(msgspec.json.encode(body), allowed(losses, offer, policy))


def _target(offer: Offer, stream: bool) -> Target:
    return Target(
        model=offer.model,
        alias=offer.alias,
        provider=offer.channel.provider.name,
        traits=offer.channel.provider.traits,
        stream=stream,
    )


def _kind(loss: Loss) -> str:
    """Name what was left out of a translated body: its places are not those of the caller's."""
    if loss.note == NO_IMAGES:
        return "images"
    name = loss.field.rpartition(".")[2]
    return "tools" if name in _TOOLS else name


def _is_changed(offer: Offer, dialect: str) -> bool:
    channel = offer.channel
    return bool(
        (offer.quirks and dialect in _QUIRKY)
        or offer.overrides
        or not (channel.tools and channel.images)
    )


def _changed(body: Body, offer: Offer, dialect: str, losses: Losses) -> Body:
    """Quirks of the model, flags of the channel, then the operator's overrides: they win.

    What the operator overrides is as it should be, and no loss.
    """
    if dialect in _QUIRKY:
        for quirk in offer.quirks:
            body = quirk(body, offer.model, offer.alias, losses)
    if not offer.channel.tools:
        body = without_tools(body, losses)
    if not offer.channel.images:
        body = without_images(body, losses)
    return overridden(body, offer.overrides) if offer.overrides else body


def allowed(losses: Iterable[Loss], offer: Offer, policy: LossPolicy) -> tuple[Loss, ...]:
    """Give the losses if the policy allows any. Errors: RelayError LOSS_REFUSED."""
    found = tuple(losses)
    if found and policy is LossPolicy.REFUSE:
        raise RelayError(_refusal(found, offer))
    return found


def _refusal(losses: Sequence[Loss], offer: Offer) -> Failure:
    names = ", ".join(loss.field for loss in losses)
    return Failure(
        kind=FailureKind.LOSS_REFUSED,
        message=f"channel {offer.channel.name} cannot carry: {names} (on_loss: refuse)",
        param=losses[0].field,
    )
