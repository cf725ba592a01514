"""The time bounds of one attempt: the model's own, then `timeout_policy` (`uni-api.md` 1.9)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from headgate.relay.call import Call
from headgate.relay.need import request_type
from headgate.routing.plan import fits
from headgate.snapshot.facts import (
    Key,
    Offer,
    Settings,
    TimeoutChange,
    TimeoutPolicy,
    TimeoutRule,
    Timeouts,
)


def timeouts_for(offer: Offer, call: Call, key: Key, settings: Settings) -> Timeouts:
    """Lay the policies over the model's bounds.

    Order: global default, channel default, the best global rule, the best channel rule.
    """
    policies = [p for p in (settings.timeout_policy, offer.channel.timeout_policy) if p is not None]
    if not policies:
        return offer.timeouts
    facts = _facts(offer, call, key)
    rules = [_best(policy, facts) for policy in policies]
    changes = [policy.default for policy in policies]
    return changed(offer.timeouts, changes + [rule.change for rule in rules if rule is not None])


def changed(timeouts: Timeouts, changes: Sequence[TimeoutChange]) -> Timeouts:
    """Replace the bounds that the changes name, the later ones winning.

    Where none names a first-byte bound, a total or idle bound stands for it: uni-api's users lift
    a short model_timeout that way.
    """
    named: dict[str, float] = {}
    for change in changes:
        named |= {name: value for name, value in msgspec.structs.asdict(change).items() if value}
    if "first_byte_s" not in named and ("total_s" in named or "idle_s" in named):
        named["first_byte_s"] = named.get("total_s") or named["idle_s"]
    return msgspec.structs.replace(timeouts, **named) if named else timeouts


def _best(policy: TimeoutPolicy, facts: dict[str, tuple[str, ...]]) -> TimeoutRule | None:
    """The matching rule with the most conditions; the first among equals."""
    matching = [rule for rule in policy.rules if _applies(rule, facts)]
    return max(matching, key=lambda rule: len(rule.match), default=None)


def _applies(rule: TimeoutRule, facts: dict[str, tuple[str, ...]]) -> bool:
    return all(
        any(fits(value, patterns) for value in facts.get(name, ()))
        for name, patterns in rule.match.items()
    )


def _facts(offer: Offer, call: Call, key: Key) -> dict[str, tuple[str, ...]]:
    return {
        "endpoint": (call.path,),
        "stream": (str(call.stream).lower(),),
        "method": ("post",),
        "engine": (offer.channel.engine,),
        "provider": (offer.channel.name,),
        "model": (offer.alias, offer.model),
        "request_model": (offer.alias,),
        "upstream_model": (offer.model,),
        "role": (key.role,),
        "request_type": (request_type(call),),
    }
