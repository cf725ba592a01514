"""The order in which routes are tried; one function per strategy.

A strategy sees only weights (None: none given), the turn (how often this key asked for this
model before) and random numbers; it answers with positions, a permutation. Names and observable
order are uni-api's (`uni-api.md` 3.2), but where it drops routes without a weight beside weighted
ones, they come last here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import gcd
from random import Random

from headgate.snapshot.facts import Strategy

Weights = Sequence[int | None]
Order = Callable[[Weights, int, Random], list[int]]

_LONGEST_CYCLE = 10_000


def fixed_priority(weights: Weights, _turn: int, _random: Random) -> list[int]:
    """Keep the written order."""
    return list(range(len(weights)))


def round_robin(weights: Weights, turn: int, _random: Random) -> list[int]:
    """Start one further each turn and go around."""
    count = len(weights)
    start = turn % count if count else 0
    return [*range(start, count), *range(start)]


def shuffled(weights: Weights, _turn: int, random: Random) -> list[int]:
    """Any order."""
    order = list(range(len(weights)))
    random.shuffle(order)
    return order


def weighted_round_robin(weights: Weights, turn: int, random: Random) -> list[int]:
    """Walk a cycle in which each route stands as often as its weight, evenly spread.

    With fewer than two weights there is nothing to weigh: plain round robin.
    """
    weighted = tuple((place, weight) for place, weight in enumerate(weights) if weight)
    if len(weighted) < 2:
        return round_robin(weights, turn, random)
    cycle = _cycle(tuple(weight for _, weight in weighted))
    start = turn % len(cycle)
    walked = dict.fromkeys([*cycle[start:], *cycle[:start]])
    order = [weighted[position][0] for position in walked]
    return order + _others(weights, order)


def lottery(weights: Weights, turn: int, random: Random) -> list[int]:
    """Shuffle so that a route's chance of coming first is its share of the weight.

    Efraimidis-Spirakis: sort by u**(1/w), u uniform in (0, 1). One pass, no cumulative table.
    """
    weighted = [(place, weight) for place, weight in enumerate(weights) if weight]
    if len(weighted) < 2:
        return shuffled(weights, turn, random)
    drawn = sorted(weighted, key=lambda pair: random.random() ** (1 / pair[1]), reverse=True)
    order = [place for place, _ in drawn]
    return order + _others(weights, order)


STRATEGIES: Mapping[Strategy, Order] = {
    Strategy.FIXED_PRIORITY: fixed_priority,
    Strategy.ROUND_ROBIN: round_robin,
    Strategy.WEIGHTED_ROUND_ROBIN: weighted_round_robin,
    Strategy.SMART_ROUND_ROBIN: weighted_round_robin,
    Strategy.LOTTERY: lottery,
    Strategy.RANDOM: shuffled,
}


def _others(weights: Weights, order: Sequence[int]) -> list[int]:
    chosen = set(order)
    return [place for place in range(len(weights)) if place not in chosen]


@lru_cache(maxsize=1024)
def _cycle(weights: tuple[int, ...]) -> tuple[int, ...]:
    """Spread positions over a cycle: each step takes the one with the largest rest of its weight.

    (5, 1) gives 0 1 0 0 0 0; (5, 3, 2) gives 0 1 2 0 1 0 2 0 1 0. Huge weights are scaled down,
    so that the cycle stays short.
    """
    divisor = gcd(*weights)
    shares = [weight // divisor for weight in weights]
    if sum(shares) > _LONGEST_CYCLE:
        total = sum(shares)
        shares = [max(1, share * _LONGEST_CYCLE // total) for share in shares]
    rest = list(shares)
    cycle: list[int] = []
    for _ in range(sum(shares)):
        position = max(range(len(rest)), key=lambda place: rest[place] / shares[place])
        rest[position] -= 1
        cycle.append(position)
    return tuple(cycle)
