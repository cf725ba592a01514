"""Which offers may serve a request, in the order in which they are tried.

Order of the filters and their answers are uni-api's (`uni-api.md` 3.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.providers.provider import Operation
from headgate.routing.affinity import Seat, keeps_sessions, seated
from headgate.routing.health import Health, Rest
from headgate.routing.strategies import STRATEGIES, Weights
from headgate.snapshot.facts import Key, Offer, RequestRule, Route, RouteGroup, Strategy

_MOST_TURNS = 100_000
_MOST_OUTLINES = 10_000
_BY_CHAT = frozenset({Operation.COMPLETIONS, Operation.COUNT_TOKENS})

Routes = tuple[Route | RouteGroup, ...]


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """What the filters must know of a request.

    Units: `body_bytes` as received; `prompt_tokens` estimated. `path` is the request path.
    """

    model: str
    operation: Operation
    path: str
    body_bytes: int
    prompt_tokens: int = 0
    request_type: str = ""
    reasoning_effort: str = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Offers in the order of trying. `channels` counts the distinct ones that could serve.

    `rest` is set if all of them rest, and the one offer left is only the least bad. `seat` is
    where the request's session was served last.
    """

    offers: tuple[Offer, ...]
    channels: int
    rest: Rest | None = None
    seat: Seat | None = None


class Rotation:
    """How often each key asked for each model: the turn that rotating strategies start from."""

    def __init__(self) -> None:
        self._turns: dict[tuple[str, str], int] = {}

    def turn(self, owner: str, model: str, *, counts: bool) -> int:
        """Give the number of requests before this one, and count this one if it counts."""
        name = (owner, model)
        turn = self._turns.get(name, 0)
        if not counts:
            return turn
        if turn == 0 and len(self._turns) >= _MOST_TURNS:
            self._turns.clear()
        self._turns[name] = turn + 1
        return turn


class Outline:
    """What can be told of a model's routes before any request: worked out once for each table."""

    __slots__ = (
        "_open",
        "channels",
        "counts_prompt",
        "has_choice",
        "is_flat",
        "looks_inside",
        "offers",
        "places",
        "routes",
        "weights",
    )

    def __init__(self, routes: Routes) -> None:
        self.routes = routes
        self.offers = tuple(dict.fromkeys(leaves(routes)))
        self.channels = len({offer.channel.name for offer in self.offers})
        # Each route an offer of its own: then a strategy's order is the order of the offers.
        self.is_flat = len(self.offers) == len(routes) and all(
            isinstance(route, Route) for route in routes
        )
        self.weights = [route.weight for route in routes]
        self.places = {
            (offer.channel.name, offer.model): place for place, offer in enumerate(self.offers)
        }
        self.has_choice = len(self.offers) > 1 or any(
            len(offer.channel.credentials) > 1 for offer in self.offers
        )
        limits = [offer.credential_limit for offer in self.offers]
        self.counts_prompt = any(limit and limit.tokens_per_request for limit in limits)
        self.looks_inside = any(
            offer.channel.exclude_rules
            or offer.channel.only_request_types
            or offer.channel.exclude_request_types
            for offer in self.offers
        )
        self._open = {
            operation
            for operation in Operation
            if all(_is_open(offer, operation) for offer in self.offers)
        }

    def is_open(self, operation: Operation) -> bool:
        """No offer has anything to filter by: every request may have all of them."""
        return operation in self._open


class Router:
    """Plans requests: the strategies with the state that they need."""

    def __init__(self, health: Health, random: Random) -> None:
        self._health = health
        self._random = random
        self._rotation = Rotation()
        self._outlines: dict[int, Outline] = {}

    def outline(self, routes: Routes) -> Outline:
        """Outline a model's routes, or remember it."""
        known = self._outlines.get(id(routes))
        if known is not None and known.routes is routes:
            return known
        if len(self._outlines) >= _MOST_OUTLINES:  # most are of configurations that have gone
            self._outlines.clear()
        made = self._outlines[id(routes)] = Outline(routes)
        return made

    def plan(self, key: Key, need: Need, now_s: float, seat: Seat | None = None) -> Plan:
        """Choose and order the offers for a request, by its session's seat if it has one.

        Errors: RelayError MODEL_NOT_FOUND when the key has no offer for the model, or every one
        is excluded; REQUEST_TOO_LARGE when only size speaks against them; UNSUPPORTED_OPERATION
        when no channel can do what is asked.
        """
        routes = key.routes.get(need.model)
        if not routes:
            raise RelayError(_nobody(need))
        outline = self.outline(routes)
        is_open = outline.is_open(need.operation)
        kept = outline.offers if is_open else tuple(_kept(outline.offers, need))
        if is_open and outline.is_flat and not self._health.is_any_channel_resting:
            offers = self._ordered(key, outline, need.model, seat)
            return Plan(offers=offers, channels=outline.channels, seat=seat)
        channels = len({offer.channel.name for offer in kept})
        resting = [(offer, self._health.channel_rest(offer, now_s)) for offer in kept]
        healthy = {offer for offer, rest in resting if rest is None}
        if not healthy:
            offer, rest = min(resting, key=lambda pair: pair[1].until_s if pair[1] else 0.0)
            return Plan(offers=(offer,), channels=channels, rest=rest, seat=seat)
        group = RouteGroup(key_label=key.key_id, strategy=key.strategy, routes=routes)
        arranged = self._arranged(group, "", healthy, need.model, seat)
        return Plan(offers=tuple(dict.fromkeys(arranged)), channels=channels, seat=seat)

    def _ordered(
        self, key: Key, outline: Outline, model: str, seat: Seat | None
    ) -> tuple[Offer, ...]:
        """Put the offers in order where all may serve: the common case, with little to do."""
        offers = outline.offers
        if key.strategy is Strategy.FIXED_PRIORITY or len(offers) == 1:
            return offers
        place = outline.places.get((seat.channel, seat.model)) if seat is not None else None
        order = self._seated(key.strategy, outline.weights, seat, place)
        if order is None:
            turn = self._rotation.turn(f"/{key.key_id}", model, counts=True)
            order = STRATEGIES[key.strategy](outline.weights, turn, self._random)
        return tuple(offers[place] for place in order)

    def _seated(
        self, strategy: Strategy, weights: Weights, seat: Seat | None, place: int | None
    ) -> list[int] | None:
        """Order routes by a session that sits at one of them; None: it has to take a turn."""
        if seat is None or place is None or not keeps_sessions(strategy, weights, place):
            return None
        return seated(STRATEGIES[strategy], weights, place, seat.turn, self._random)

    def _arranged(
        self,
        group: RouteGroup,
        asker: str,
        healthy: set[Offer],
        model: str,
        seat: Seat | None,
        *,
        leads: bool = True,
    ) -> list[Offer]:
        """Put routes in order; a group's routes stay together, in the order of its own key.

        Only a group that comes first takes a turn: one that stands by for failures would fall in
        step with the routes around it, and some of its own would never be first. The turns are
        those of the asking key, which nobody else's requests disturb. A session's seat comes first
        in every group that spreads its requests.
        """
        owner = f"{asker}/{group.key_label}"
        alive = [r for r in group.routes if any(offer in healthy for offer in leaves([r]))]
        weights = [route.weight for route in alive]
        place = _place_of(seat, alive, healthy) if seat is not None else None
        order = self._seated(group.strategy, weights, seat, place)
        if order is None:
            turn = 0
            if group.strategy is not Strategy.FIXED_PRIORITY:
                turn = self._rotation.turn(owner, model, counts=leads)
            order = STRATEGIES[group.strategy](weights, turn, self._random)
        offers: list[Offer] = []
        for place in order:
            route = alive[place]
            if isinstance(route, Route):
                offers.append(route.offer)
            else:
                first = leads and not offers
                offers += self._arranged(route, owner, healthy, model, seat, leads=first)
        return offers


def _place_of(seat: Seat, routes: Sequence[Route | RouteGroup], healthy: set[Offer]) -> int | None:
    """Find the route that leads to a seat."""
    for place, route in enumerate(routes):
        if any(seat.is_at(offer) and offer in healthy for offer in leaves([route])):
            return place
    return None


def leaves(routes: Sequence[Route | RouteGroup]) -> list[Offer]:
    """The offers of routes, those of groups among them."""
    offers: list[Offer] = []
    for route in routes:
        if isinstance(route, Route):
            offers.append(route.offer)
        else:
            offers += leaves(route.routes)
    return offers


def _kept(offers: Sequence[Offer], need: Need) -> list[Offer]:
    """Drop the offers that cannot serve this request, or say why none can."""
    able = [offer for offer in offers if _can(offer, need.operation)]
    if not able:
        raise RelayError(_unable(offers, need))
    allowed = [offer for offer in able if not _excluded(offer, need)]
    if not allowed:
        raise RelayError(_nobody(need))
    small = [offer for offer in allowed if _takes_body(offer, need)]
    if not small:
        raise RelayError(
            _too_large("The request body is too large for all available providers: " + need.model)
        )
    short = [offer for offer in small if _takes_prompt(offer, need)]
    if not short:
        raise RelayError(
            _too_large(
                "The request body is too long, No available providers at the moment: " + need.model
            )
        )
    return short


def _is_open(offer: Offer, operation: Operation) -> bool:
    """Nothing to filter by: the common case, told without a look at the request."""
    channel, limit = offer.channel, offer.credential_limit
    return (
        _can(offer, operation)
        and (limit is None or limit.tokens_per_request is None)
        and channel.max_body_bytes is None
        and not channel.exclude_endpoints
        and not channel.only_request_types
        and not channel.exclude_request_types
        and not channel.exclude_rules
    )


def _can(offer: Offer, operation: Operation) -> bool:
    """A legacy completion can also be asked of any chat endpoint, and a count be estimated."""
    endpoints = offer.channel.endpoints
    return operation in endpoints or (operation in _BY_CHAT and Operation.CHAT in endpoints)


def _excluded(offer: Offer, need: Need) -> bool:
    channel = offer.channel
    if channel.exclude_endpoints and need.path.rstrip("/") in channel.exclude_endpoints:
        return True
    if channel.only_request_types and need.request_type not in channel.only_request_types:
        return True
    if need.request_type and need.request_type in channel.exclude_request_types:
        return True
    return any(_matches(rule, offer, need) for rule in channel.exclude_rules)


def _matches(rule: RequestRule, offer: Offer, need: Need) -> bool:
    values = {
        "endpoint": need.path,
        "request_model": need.model,
        "upstream_model": offer.model,
        "reasoning_effort": need.reasoning_effort,
        "request_type": need.request_type,
    }
    return bool(rule.match) and all(
        name in values and fits(values[name], patterns) for name, patterns in rule.match.items()
    )


def fits(value: str, patterns: Sequence[str]) -> bool:
    """Match a value against lower-case patterns: text, "prefix*" or "*"."""
    value = value.lower()
    return any(
        value.startswith(pattern[:-1]) if pattern.endswith("*") else value == pattern
        for pattern in patterns
    )


def _takes_body(offer: Offer, need: Need) -> bool:
    most = offer.channel.max_body_bytes
    return most is None or need.body_bytes <= most


def _takes_prompt(offer: Offer, need: Need) -> bool:
    limit = offer.credential_limit
    if limit is None or limit.tokens_per_request is None:
        return True
    return need.prompt_tokens <= limit.tokens_per_request


def _nobody(need: Need) -> Failure:
    return Failure(
        kind=FailureKind.MODEL_NOT_FOUND,
        message=f"No available providers at the moment: {need.model}",
        param="model",
    )


def _unable(offers: Sequence[Offer], need: Need) -> Failure:
    reasons = dict.fromkeys(offer.channel.provider.missing for offer in offers)
    why = "; ".join(reason for reason in reasons if reason)
    return Failure(
        kind=FailureKind.UNSUPPORTED_OPERATION,
        message=f"No channel that offers {need.model} can do {need.operation.value}."
        + (f" {why}" if why else ""),
        param="model",
    )


def _too_large(message: str) -> Failure:
    return Failure(kind=FailureKind.REQUEST_TOO_LARGE, message=message)
