"""An upstream's answer, known to be one and ready for the caller."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from headgate.ir.loss import Loss
from headgate.ir.usage import Usage
from headgate.relay.lane import StreamLane
from headgate.routing.failover import Attempt
from headgate.snapshot.facts import Offer
from headgate.upstream.response import UpstreamResponse

MOST_REPLY_BYTES = 64 * 1024 * 1024


class Answer(msgspec.Struct, kw_only=True):
    """An upstream's answer, ready for the caller: either `whole`, or a stream.

    `answered_s` is monotonic: when it was known to be an answer.
    """

    attempt: Attempt
    dialect: str
    answered_s: float = 0.0
    losses: tuple[Loss, ...] = ()  # of the request
    reply_losses: Iterable[Loss] = ()  # of the reply; they grow while a stream is written
    whole: bytes | None = None
    usage: Usage | None = None
    lane: StreamLane | None = None
    response: UpstreamResponse | None = None
    first: bytes = b""
    content_type: bytes = b""  # of images and audio, whatever they turn out to be

    @property
    def all_losses(self) -> tuple[Loss, ...]:
        """What did not arrive as it was sent, on both ways, as far as it is known."""
        return (*self.losses, *self.reply_losses)


def shown_model(offer: Offer) -> str | None:
    """The name to put in answers of a renamed model: the one that the caller knows.

    None: the upstream's own, because it was not renamed or the operator wants it seen.
    """
    if offer.alias == offer.model or offer.channel.answer_model != "requested":
        return None
    return offer.alias
