"""Which channel and credential own what a vendor keeps for a caller: responses, files, batches.

An id means something only at the account that gave it out, and only to the key that it was given
to; so both are remembered, and nobody else's id leads anywhere. What one key was given first stays
its own, in whichever answer to another it may turn up: callers can have an upstream repeat an id.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.relay.bounded import Bounded
from headgate.routing.failover import Attempt
from headgate.routing.plan import Outline, Plan
from headgate.snapshot.facts import Offer

_MOST_BYTES = 64 * 1024 * 1024
_LIFETIME_S = 30 * 24 * 3600.0
_LONGEST_LIST = 10_000  # of a key's objects in one collection
_ENTRY_BYTES = 100
_HOME = ""  # no object has this id


class Pin(msgspec.Struct, frozen=True):
    """Where an object lives: a channel's name and a credential's label."""

    channel: str
    credential: str


class Pins:
    """Objects by key and id. Bounded: those that nobody asked for longest go first."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._kept: Bounded[tuple[str, str], Pin] = Bounded(most_bytes, _LIFETIME_S)
        self._listed: Bounded[tuple[str, str], dict[str, None]] = Bounded(most_bytes, _LIFETIME_S)
        # Ids to their keys, by account: two accounts may give out the same one.
        self._claims: Bounded[str, dict[str, str]] = Bounded(most_bytes, _LIFETIME_S)

    def __len__(self) -> int:
        return len(self._kept)

    def remember(
        self, owner: str, object_id: str, attempt: Attempt, now_s: float, collection: str = ""
    ) -> None:
        """Note that an attempt's account has given out an id to a key.

        With a collection (`files`, `batches`) it is listed there.
        """
        if not self._claim(owner, object_id, attempt, now_s):
            return
        pin = Pin(attempt.offer.channel.name, attempt.credential.label)
        self._kept.put((owner, object_id), pin, len(object_id), now_s)
        if collection:
            self._kept.put((owner, _HOME), pin, 0, now_s)
            listed = self._listed.find((owner, collection), now_s) or {}
            listed[object_id] = None
            while len(listed) > _LONGEST_LIST:
                del listed[next(iter(listed))]
            size_bytes = sum(map(len, listed)) + _ENTRY_BYTES * len(listed)
            self._listed.put((owner, collection), listed, size_bytes, now_s)

    def home(self, owner: str, now_s: float) -> Pin | None:
        """Where a key's newest object lives: what belongs together must be at one account."""
        return self._kept.find((owner, _HOME), now_s)

    def listed(self, owner: str, collection: str, now_s: float) -> list[str]:
        """A key's objects of a collection, the newest first."""
        found = self._listed.find((owner, collection), now_s) or {}
        return [each for each in reversed(found) if self._kept.find((owner, each), now_s)]

    def find(self, owner: str, object_id: str, now_s: float) -> Pin | None:
        """Tell where a key's object lives; None for what is not its own."""
        return self._kept.find((owner, object_id), now_s)

    def is_anothers(self, owner: str, object_id: str, now_s: float) -> bool:
        """Whether an id is known, and not as this key's."""
        claims = self._claims.find(object_id, now_s)
        return claims is not None and owner not in claims.values()

    def forget(self, owner: str, object_id: str) -> bool:
        """Strike out an object that was deleted."""
        if not self._kept.forget((owner, object_id)):
            return False
        self._claims.forget(object_id)
        return True

    def _claim(self, owner: str, object_id: str, attempt: Attempt, now_s: float) -> bool:
        """Note whose an id is; False if it is another key's already."""
        credential, channel = attempt.credential, attempt.offer.channel
        account = credential.label if credential.secret else channel.name
        claims = self._claims.find(object_id, now_s) or {}
        if claims.setdefault(account, owner) != owner:
            return False
        size_bytes = len(object_id) + sum(map(len, claims)) + _ENTRY_BYTES
        self._claims.put(object_id, claims, size_bytes, now_s)
        return True


def pinned_plan(outline: Outline, pin: Pin) -> Plan:
    """Plan for the owner of an object alone.

    Errors: RelayError UNSUPPORTED_OPERATION when it serves the model no longer.
    """
    for offer in outline.offers:
        if offer.channel.name == pin.channel:
            return Plan(offers=(pinned_offer(offer, pin),), channels=1)
    raise _gone(pin)


def pinned_offer(offer: Offer, pin: Pin) -> Offer:
    """Give the offer with the owning credential alone.

    Errors: RelayError UNSUPPORTED_OPERATION when the channel has it no longer.
    """
    channel = offer.channel
    for credential in channel.credentials:
        if credential.label == pin.credential:
            if len(channel.credentials) == 1:
                return offer
            return replace(offer, channel=replace(channel, credentials=(credential,)))
    raise _gone(pin)


def _gone(pin: Pin) -> RelayError:
    return RelayError(
        Failure(
            kind=FailureKind.UNSUPPORTED_OPERATION,
            message="What this request refers to lives at a channel or an account that serves "
            f"this model no longer ({pin.channel}).",
        )
    )
