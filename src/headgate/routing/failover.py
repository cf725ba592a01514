"""The next attempt of a request, given how the last one failed.

The planned offers form a ring: each round tries every offer once, with a credential that this
request has not used on it, until none is left or the bounds are reached.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec

from headgate.base.failure import Failure, FailureKind
from headgate.routing.affinity import Seat
from headgate.routing.credentials import Chosen, CredentialPool, Refused
from headgate.routing.health import Rest
from headgate.snapshot.facts import Credential, Offer

MOST_ATTEMPTS = 10
EXHAUSTED = "All API keys are rate limited and stop auto retry!"  # uni-api's text, matched by users


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try: this offer with this credential. `rest`: tried although it rests."""

    offer: Offer
    credential: Credential
    rest: Rest | None = None


class Failover:
    """Hands out attempts one by one. One per request.

    `rest`: the offers rest, all of them. `seat`: where the request's session was served last.
    """

    def __init__(
        self,
        offers: Sequence[Offer],
        pool: CredentialPool,
        max_attempts: int | None = None,
        rest: Rest | None = None,
        seat: Seat | None = None,
    ) -> None:
        self._ring = deque(offers)
        self._pool = pool
        self._rest = rest
        self._seat = seat
        self._left = MOST_ATTEMPTS if max_attempts is None else min(max_attempts, MOST_ATTEMPTS)
        self._tried: dict[str, set[str]] = {}
        self.refusal: Failure | None = None  # why an offer was passed over without an attempt

    def next(self, now_s: float, last: Failure | None = None) -> Attempt | None:
        """Choose the next attempt, or None: the last failure is final."""
        if last is not None and not last.rule.retry:
            return None
        while self._ring and self._left > 0:
            offer = self._ring.popleft()
            tried = self._tried.setdefault(offer.channel.name, set())
            wanted = self._seat.label_at(offer) if self._seat is not None else ""
            chosen = self._pool.choose(offer, tried, now_s, wanted)
            if isinstance(chosen, Chosen):
                self._left -= 1
                tried.add(chosen.credential.label)
                self._ring.append(offer)
                rest = chosen.rest or self._rest
                return Attempt(offer=offer, credential=chosen.credential, rest=rest)
            self._note(chosen)
        return None

    def _note(self, refused: Refused) -> None:
        if refused.untried:
            self.refusal = Failure(
                kind=FailureKind.NO_CREDENTIAL, message=EXHAUSTED, retry_after_s=refused.wait_s
            )
