"""Which channels and credentials rest after failures, and until when.

State is kept by names (channel name, upstream model, credential label), so that it outlives a
reload of the configuration. The clock is passed in.
"""

from __future__ import annotations

import math

import msgspec

from headgate.base.failure import Blame, Failure, FailureKind
from headgate.snapshot.facts import Channel, Credential, Offer

# Failures that say nothing about the channel's health: nobody listens (a restart takes seconds,
# and asking again costs nothing), or the gateway itself had no key to offer.
_NEVER_COOLS = frozenset({FailureKind.UPSTREAM_UNREACHABLE, FailureKind.NO_CREDENTIAL})
_DEFAULT_RATE_LIMIT_REST_S = 60.0
_LONGEST_HINT_S = 86_400.0
_PRUNE_ABOVE = 10_000


class Rest(msgspec.Struct, frozen=True):
    """Somebody rests until then, because of that."""

    until_s: float
    reason: str


class Health:
    """Cooldowns of channels (per upstream model) and of credentials."""

    def __init__(self) -> None:
        self._channels: dict[tuple[str, str], Rest] = {}
        self._credentials: dict[tuple[str, str], Rest] = {}

    @property
    def is_any_channel_resting(self) -> bool:
        """Whether a look at single channels is needed at all."""
        return bool(self._channels)

    def channel_rest(self, offer: Offer, now_s: float) -> Rest | None:
        """Tell whether an offer rests."""
        if not self._channels:
            return None
        return _current(self._channels, (offer.channel.name, offer.model), now_s)

    def credential_rest(
        self, channel: Channel, credential: Credential, now_s: float
    ) -> Rest | None:
        """Tell whether a credential rests."""
        if not self._credentials:
            return None
        return _current(self._credentials, (channel.name, credential.label), now_s)

    def succeeded(self, offer: Offer, credential: Credential) -> None:
        """An answer came: whatever was held against the two is over."""
        if self._channels:
            self._channels.pop((offer.channel.name, offer.model), None)
        if self._credentials:
            self._credentials.pop((offer.channel.name, credential.label), None)

    def failed(
        self,
        offer: Offer,
        credential: Credential,
        failure: Failure,
        *,
        alternatives: int,
        now_s: float,
    ) -> None:
        """Note a failed attempt.

        `alternatives` is the number of channels that the request could use: the only one is never
        cooled, for resting it would only add refusals to failures.
        """
        blame = failure.rule.blame
        if blame in (Blame.CLIENT, Blame.GATEWAY) or failure.kind in _NEVER_COOLS:
            return
        channel = offer.channel
        if len(channel.credentials) > 1:
            rest_s = credential_rest_s(channel, failure)
            _put(self._credentials, (channel.name, credential.label), rest_s, failure, now_s)
            if blame is Blame.CREDENTIAL:
                return  # the channel has other keys
        if alternatives > 1:
            rest_s = channel_rest_s(channel, failure)
            _put(self._channels, (channel.name, offer.model), rest_s, failure, now_s)


def channel_rest_s(channel: Channel, failure: Failure) -> float:
    """How long a channel rests: what the upstream asked for, else the configured time; 0 is off."""
    if channel.cooldown_s <= 0 or failure.retry_after_s is None:
        return channel.cooldown_s
    return _hint_s(failure)


def credential_rest_s(channel: Channel, failure: Failure) -> float:
    """How long a credential rests; 0 is not at all."""
    hint_s = _hint_s(failure)
    match failure.kind:
        case FailureKind.UPSTREAM_QUOTA:
            return max(channel.credential_quota_cooldown_s, hint_s)
        case FailureKind.UPSTREAM_RATE_LIMITED:
            configured_s = channel.credential_rate_limit_cooldown_s
            if configured_s:
                return max(configured_s, hint_s)
            return max(hint_s or _DEFAULT_RATE_LIMIT_REST_S, channel.credential_cooldown_s)
        case _:
            return channel.credential_cooldown_s


def _hint_s(failure: Failure) -> float:
    """What the upstream asked for in whole seconds, a day at most; 0 if it did not ask."""
    return math.ceil(min(failure.retry_after_s or 0.0, _LONGEST_HINT_S))


def _current(
    rests: dict[tuple[str, str], Rest], name: tuple[str, str], now_s: float
) -> Rest | None:
    rest = rests.get(name)
    if rest is None:
        return None
    if rest.until_s <= now_s:
        del rests[name]
        return None
    return rest


def _put(
    rests: dict[tuple[str, str], Rest],
    name: tuple[str, str],
    rest_s: float,
    failure: Failure,
    now_s: float,
) -> None:
    if rest_s <= 0:
        return
    if len(rests) > _PRUNE_ABOVE:
        for stale in [key for key, rest in rests.items() if rest.until_s <= now_s]:
            del rests[stale]
    rests[name] = Rest(now_s + rest_s, f"{failure.http_status} {failure.kind}")
