"""Going on where a session was served last: prompt caches live with one account of one vendor.

A session that has a seat takes no turn. So the strategies deal out sessions as they would deal
out requests, and a long session weighs no more than a short one.
"""

from __future__ import annotations

from random import Random

import msgspec

from headgate.routing.strategies import Order, Weights
from headgate.snapshot.facts import Offer, Strategy

_WEIGHING = frozenset({Strategy.WEIGHTED_ROUND_ROBIN, Strategy.SMART_ROUND_ROBIN, Strategy.LOTTERY})


class Seat(msgspec.Struct, frozen=True):
    """Where a session was served last: names of a channel and its model, a credential's label.

    `turn` is a number of the session's own: it spreads sessions over the others when all of one
    channel have to leave.
    """

    channel: str
    model: str
    credential: str
    turn: int = 0

    def is_at(self, offer: Offer) -> bool:
        """Whether the session was served by this offer."""
        return self.channel == offer.channel.name and self.model == offer.model

    def label_at(self, offer: Offer) -> str:
        """The credential that served the session, if it was one of this offer's channel."""
        return self.credential if self.channel == offer.channel.name else ""


def keeps_sessions(strategy: Strategy, weights: Weights, place: int) -> bool:
    """Whether a route goes on with what it served last.

    Not where an order of preference is written: a session that had to fall back returns to the
    first, and from a route without a weight, which stands by for those that have one.
    """
    if strategy is Strategy.FIXED_PRIORITY:
        return False
    if strategy not in _WEIGHING or weights[place]:
        return True
    return sum(1 for weight in weights if weight) < 2


def seated(order: Order, weights: Weights, place: int, turn: int, random: Random) -> list[int]:
    """Put one place first, and the others behind it as the strategy would without it."""
    others = [other for other in range(len(weights)) if other != place]
    behind = order([weights[other] for other in others], turn, random)
    return [place, *(others[position] for position in behind)]
