"""The order of trying is uni-api's, strategy by strategy (`uni-api.md` 6.2, cases 1 to 13)."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.routing.strategies import STRATEGIES, Weights
from headgate.snapshot.facts import Strategy


def starts(strategy: Strategy, weights: Weights, turns: int) -> str:
    """First choices of consecutive turns, as letters."""
    order = STRATEGIES[strategy]
    return "".join("abcd"[order(weights, turn, Random(turn))[0]] for turn in range(turns))


def test_fixed_priority_always_starts_at_the_first() -> None:
    assert starts(Strategy.FIXED_PRIORITY, [None, None], 4) == "aaaa"


def test_round_robin_goes_around() -> None:
    assert starts(Strategy.ROUND_ROBIN, [None] * 3, 5) == "abcab"


def test_round_robin_walks_on_from_its_start() -> None:
    assert STRATEGIES[Strategy.ROUND_ROBIN]([None] * 3, 1, Random(0)) == [1, 2, 0]


@pytest.mark.parametrize(
    ("weights", "sequence"),
    [
        ([5, 1], "abaaaa"),
        ([5, 3, 2], "abcabacaba"),
        ([2, 1], "aba"),
        ([4, 2], "abaaba"),
        ([1, 3], "abbb"),
    ],
)
def test_weighted_round_robin_spreads_evenly(weights: list[int], sequence: str) -> None:
    assert starts(Strategy.WEIGHTED_ROUND_ROBIN, weights, len(sequence)) == sequence


def test_smart_round_robin_on_channels_is_weighted_round_robin() -> None:
    assert starts(Strategy.SMART_ROUND_ROBIN, [2, 1], 6) == "abaaba"


def test_unweighted_route_beside_weighted_ones_comes_last() -> None:
    for strategy in (Strategy.WEIGHTED_ROUND_ROBIN, Strategy.LOTTERY):
        for turn in range(6):
            assert STRATEGIES[strategy]([5, 1, None], turn, Random(turn))[-1] == 2


def test_a_single_weight_is_ignored() -> None:
    assert starts(Strategy.WEIGHTED_ROUND_ROBIN, [5, None], 4) == "abab"


def test_lottery_draws_by_weight() -> None:
    random = Random(7)
    first = Counter(STRATEGIES[Strategy.LOTTERY]([5, 1], 0, random)[0] for _ in range(6000))
    assert first[0] / 6000 == pytest.approx(5 / 6, abs=0.02)


def test_random_is_even() -> None:
    random = Random(7)
    first = Counter(STRATEGIES[Strategy.RANDOM]([None] * 3, 0, random)[0] for _ in range(6000))
    assert all(count / 6000 == pytest.approx(1 / 3, abs=0.03) for count in first.values())


def test_huge_weights_keep_their_proportion() -> None:
    order = STRATEGIES[Strategy.WEIGHTED_ROUND_ROBIN]
    first = Counter(order([3_000_001, 1_000_001], turn, Random(0))[0] for turn in range(4000))
    assert first[0] / 4000 == pytest.approx(3 / 4, abs=0.01)


@given(
    st.sampled_from(list(Strategy)),
    st.lists(st.one_of(st.none(), st.integers(1, 9)), max_size=8),
    st.integers(0, 1000),
)
def test_every_strategy_returns_a_permutation(
    strategy: Strategy, weights: list[int | None], turn: int
) -> None:
    assert sorted(STRATEGIES[strategy](weights, turn, Random(turn))) == list(range(len(weights)))
