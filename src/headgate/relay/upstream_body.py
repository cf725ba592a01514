"""The body for one attempt: patched or translated, then the channel's changes.

A body that nobody needs to look into stays a dict of raw values, so that nested bytes survive.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.dialects.bridge import DIALECTS, patched, translated
from headgate.dialects.dialect import Fields, Target
from headgate.ir.loss import Loss
from headgate.ir.request import ChatRequest
from headgate.providers.provider import Operation
from headgate.providers.quirks import quirks_for
from headgate.relay.call import Call
from headgate.relay.overrides import overridden
from headgate.snapshot.facts import LossPolicy, Offer

Body = dict[str, Any]


class UpstreamBody(msgspec.Struct, frozen=True):
    """What goes to the upstream, and what was lost on the way into it."""

    data: bytes
    losses: tuple[Loss, ...] = ()


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


def same_dialect_body(call: Call, offer: Offer, dialect: str, stream: bool) -> UpstreamBody:
    """Patch a chat body for a channel that speaks the caller's dialect."""
    target = _target(offer, stream)
    fields = patched(DIALECTS[dialect], call.fields, target)
    if stream != call.stream:
        fields = {**fields, "stream": msgspec.Raw(b"true" if stream else b"false")}
    return UpstreamBody(_shaped(fields, offer, dialect))


def plain_body(call: Call, offer: Offer) -> UpstreamBody:
    """Patch the body of an operation that has one wire form everywhere (embeddings...)."""
    fields = {**call.fields, "model": msgspec.Raw(msgspec.json.encode(offer.model))}
    if call.operation is Operation.EMBEDDINGS and "encoding_format" not in fields:
        fields["encoding_format"] = msgspec.Raw(b'"float"')  # uni-api adds it, some hosts need it
    return UpstreamBody(_overridden_only(fields, offer))


def translated_body(
    translation: Translation, offer: Offer, dialect: str, stream: bool, policy: LossPolicy
) -> UpstreamBody:
    """Write the caller's request in another dialect.

    Errors: RelayError LOSS_REFUSED when the policy forbids the losses that this takes.
    """
    request = translation.request
    if request.stream != stream:
        request = msgspec.structs.replace(request, stream=stream)
    body, losses = translated(DIALECTS[dialect], request, _target(offer, stream))
    found = tuple(losses)
    if found and policy is LossPolicy.REFUSE:
        raise RelayError(_refusal(found, offer))
    body = _changed(body, offer, dialect)
    return UpstreamBody(msgspec.json.encode(body), found)


def _target(offer: Offer, stream: bool) -> Target:
    return Target(
        model=offer.model,
        alias=offer.alias,
        provider=offer.channel.provider.name,
        stream=stream,
    )


def _shaped(fields: Fields, offer: Offer, dialect: str) -> bytes:
    """Apply the channel's changes, decoding only if there are any."""
    channel = offer.channel
    if (
        channel.tools
        and channel.images
        and not offer.overrides
        and not quirks_for(channel.provider, offer.model, offer.alias)
    ):
        return msgspec.json.encode(fields)
    body = {name: msgspec.json.decode(value) for name, value in fields.items()}
    return msgspec.json.encode(_changed(body, offer, dialect))


def _overridden_only(fields: Fields, offer: Offer) -> bytes:
    if not offer.overrides:
        return msgspec.json.encode(fields)
    body = {name: msgspec.json.decode(value) for name, value in fields.items()}
    return msgspec.json.encode(overridden(body, offer.overrides))


def _changed(body: Body, offer: Offer, dialect: str) -> Body:
    """Quirks of the model, flags of the channel, then the operator's overrides: they win."""
    channel = offer.channel
    if dialect == "openai_chat":
        for quirk in quirks_for(channel.provider, offer.model, offer.alias):
            body = quirk(body, offer.model, offer.alias)
    if not channel.tools:
        for name in ("tools", "tool_choice", "toolConfig"):
            body.pop(name, None)
    if not channel.images:
        body = _without_images(body)
    return overridden(body, offer.overrides) if offer.overrides else body


_IMAGE_TYPES = frozenset({"image_url", "image"})


def _without_images(body: Body) -> Body:
    """Drop image parts from the messages (`image: false` of a channel)."""
    for list_name, parts_name in (("messages", "content"), ("contents", "parts")):
        messages = body.get(list_name)
        if not isinstance(messages, list):
            continue
        for message in messages:
            if isinstance(message, dict) and isinstance(message.get(parts_name), list):
                message[parts_name] = [p for p in message[parts_name] if not _is_image(p)]
    return body


def _is_image(part: Any) -> bool:
    if not isinstance(part, dict):
        return False
    if part.get("type") in _IMAGE_TYPES:
        return True
    inline = part.get("inlineData") or part.get("inline_data")
    kind = inline.get("mimeType", inline.get("mime_type", "")) if isinstance(inline, dict) else ""
    return str(kind).startswith("image/")


def _refusal(losses: Sequence[Loss], offer: Offer) -> Failure:
    names = ", ".join(loss.field for loss in losses)
    return Failure(
        kind=FailureKind.LOSS_REFUSED,
        message=f"channel {offer.channel.name} cannot carry: {names} (on_loss: refuse)",
        param=losses[0].field,
    )
