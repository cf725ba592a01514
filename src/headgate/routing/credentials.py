"""Which of a channel's credentials makes an attempt: strategy, limits, rests.

State (cursors, windows, success counts) is kept by names, so that it outlives a reload.
"""

from __future__ import annotations

from math import ceil
from random import Random

import msgspec

from headgate.base.sliding_window import SlidingWindow
from headgate.routing.health import Health, Rest
from headgate.snapshot.facts import Channel, Credential, Offer, Strategy

_GROUP_SIZE = 100  # smart_round_robin deals credentials into ceil(n / 100) groups


class Chosen(msgspec.Struct, frozen=True):
    """A credential that may be used. `rest` is set if it rests and is only the least bad one."""

    credential: Credential
    rest: Rest | None = None


class Refused(msgspec.Struct, frozen=True):
    """None may be used. `wait_s` until one may, if known; `untried` False: all were tried."""

    wait_s: float | None
    untried: bool


class _Tally:
    """How a credential has fared."""

    __slots__ = ("successes", "total")

    def __init__(self) -> None:
        self.successes = 0
        self.total = 0


class CredentialPool:
    """Picks credentials of all channels."""

    def __init__(self, health: Health, random: Random) -> None:
        self._health = health
        self._random = random
        self._cursors: dict[str, int] = {}
        self._orders: dict[str, tuple[tuple[Credential, ...], list[int]]] = {}
        self._by_label: dict[str, tuple[tuple[Credential, ...], dict[str, Credential]]] = {}
        self._windows: dict[tuple[str, str, str], SlidingWindow] = {}
        self._tallies: dict[tuple[str, str], _Tally] = {}

    def choose(
        self, offer: Offer, tried: set[str], now_s: float, wanted: str = ""
    ) -> Chosen | Refused:
        """Pick the next credential that this request has not tried, and count it as used.

        A limited credential is never used beyond its limit. Resting ones are used only if no
        other is left: then the one whose rest ends first. The one labelled `wanted` comes before
        all, and leaves the turns as they are, unless it rests or a fixed order is written.
        """
        channel = offer.channel
        if len(channel.credentials) == 1 and offer.credential_limit is None:
            only = channel.credentials[0]
            if only.label in tried:
                return Refused(None, untried=False)
            return Chosen(only, self._health.credential_rest(channel, only, now_s))
        if wanted and wanted not in tried:
            known = self._wanted(offer, wanted, now_s)
            if known is not None:
                return Chosen(known)
        return self._search(offer, tried, now_s)

    def note(self, channel: Channel, credential: Credential, *, success: bool) -> None:
        """Remember how an attempt went, for smart_round_robin."""
        if channel.credential_strategy is not Strategy.SMART_ROUND_ROBIN:
            return
        tally = self._tallies.setdefault((channel.name, credential.label), _Tally())
        tally.total += 1
        tally.successes += success

    def give_back(self, offer: Offer, credential: Credential) -> None:
        """The attempt was the caller's mistake: it does not count against the key's limit."""
        window = self._windows.get((offer.channel.name, credential.label, offer.model))
        if window is not None:
            window.give_back()

    def _search(self, offer: Offer, tried: set[str], now_s: float) -> Chosen | Refused:
        channel = offer.channel
        order = self._order(channel)
        start = self._cursors.get(channel.name, 0) % len(order)
        if channel.credential_strategy is Strategy.FIXED_PRIORITY:
            start = 0
        waits_s: list[float] = []
        resting: list[tuple[int, Rest]] = []
        untried = False
        for step in range(len(order)):
            place = (start + step) % len(order)
            credential = channel.credentials[order[place]]
            if credential.label in tried:
                continue
            untried = True
            rest = self._health.credential_rest(channel, credential, now_s)
            if rest is not None:
                resting.append((place, rest))
                continue
            wait_s = self._use(offer, credential, now_s)
            if wait_s <= 0:
                self._cursors[channel.name] = place + 1
                return Chosen(credential)
            waits_s.append(wait_s)
        # Only resting ones are left: the one whose rest ends first, if its limit has room.
        for place, rest in sorted(resting, key=lambda pair: pair[1].until_s):
            credential = channel.credentials[order[place]]
            wait_s = self._use(offer, credential, now_s)
            if wait_s <= 0:
                self._cursors[channel.name] = place + 1
                return Chosen(credential, rest)
            waits_s.append(wait_s)
        return Refused(min(waits_s, default=None), untried)

    def _wanted(self, offer: Offer, label: str, now_s: float) -> Credential | None:
        """Count one use of the credential of a label, if it is well and its limit has room."""
        channel = offer.channel
        if channel.credential_strategy is Strategy.FIXED_PRIORITY:
            return None
        credential = self._labelled(channel).get(label)
        if credential is None or self._health.credential_rest(channel, credential, now_s):
            return None
        return credential if self._use(offer, credential, now_s) <= 0 else None

    def _labelled(self, channel: Channel) -> dict[str, Credential]:
        known = self._by_label.get(channel.name)
        if known is not None and known[0] is channel.credentials:
            return known[1]
        found = {credential.label: credential for credential in channel.credentials}
        self._by_label[channel.name] = (channel.credentials, found)
        return found

    def _use(self, offer: Offer, credential: Credential, now_s: float) -> float:
        """Count one use of a credential if its limit has room; 0, or the seconds to wait."""
        channel, limit = offer.channel, offer.credential_limit
        if limit is None or not limit.windows:
            return 0.0
        name = (channel.name, credential.label, offer.model)
        window = self._windows.get(name)
        if window is None:
            window = self._windows[name] = SlidingWindow()
        return window.take(limit.windows, now_s)

    def _order(self, channel: Channel) -> list[int]:
        known = self._orders.get(channel.name)
        stale = known is None or known[0] is not channel.credentials
        smart = channel.credential_strategy is Strategy.SMART_ROUND_ROBIN
        if known is not None and not stale and not (smart and self._at_wrap(channel)):
            return known[1]
        order = list(range(len(channel.credentials)))
        if channel.credential_strategy is Strategy.RANDOM:
            self._random.shuffle(order)  # once; then in turn, as uni-api does
        elif smart:
            order = dealt(self._best_first(channel, order))
        self._orders[channel.name] = (channel.credentials, order)
        return order

    def _at_wrap(self, channel: Channel) -> bool:
        return self._cursors.get(channel.name, 0) % len(channel.credentials) == 0

    def _best_first(self, channel: Channel, order: list[int]) -> list[int]:
        def standing(place: int) -> tuple[float, int]:
            tally = self._tallies.get((channel.name, channel.credentials[place].label))
            if tally is None or tally.total == 0:
                return (-1.0, 0)  # unused ones last
            return (tally.successes / tally.total, tally.total)

        return sorted(order, key=standing, reverse=True)


def dealt(ranked: list[int]) -> list[int]:
    """Deal ranked places into ceil(n / 100) groups like cards, then lay the groups end to end.

    So each stretch of about a hundred credentials begins with one of the best.
    """
    groups = ceil(len(ranked) / _GROUP_SIZE)
    return [place for group in range(groups) for place in ranked[group::groups]]
