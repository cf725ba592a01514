from __future__ import annotations

import pytest

from headgate.ir.efforts import BUDGETS, EFFORTS, effort_of, nearest_effort, shared_effort
from headgate.ir.request import Effort


def test_greater_efforts_have_greater_budgets() -> None:
    assert sorted(EFFORTS, key=BUDGETS.__getitem__) == list(EFFORTS)


@pytest.mark.parametrize(
    ("budget", "effort"),
    [(0, "low"), (1024, "low"), (2048, "low"), (8191, "low"), (8192, "medium"), (10**6, "max")],
)
def test_a_budget_is_the_effort_that_fits_into_it(budget: int, effort: Effort) -> None:
    assert effort_of(budget) == effort


@pytest.mark.parametrize("effort", EFFORTS[1:])
def test_an_efforts_own_budget_means_that_effort(effort: Effort) -> None:
    assert effort_of(BUDGETS[effort]) == effort


@pytest.mark.parametrize(
    ("budget", "effort"),
    [
        (0, "none"),
        (1, "low"),
        (3_200, "low"),
        (3_201, "medium"),
        (8_000, "medium"),
        (8_001, "high"),
    ],
)
def test_three_efforts_share_what_there_is(budget: int, effort: Effort) -> None:
    assert shared_effort(budget) == effort


@pytest.mark.parametrize(
    ("wanted", "known", "found"),
    [
        ("xhigh", ("low", "medium", "high"), "high"),
        ("medium", ("low", "medium", "high"), "medium"),
        ("minimal", ("low", "high"), "low"),
        ("high", (), None),
    ],
)
def test_the_nearest_effort_is_not_above_the_wanted(
    wanted: Effort, known: tuple[Effort, ...], found: Effort | None
) -> None:
    assert nearest_effort(wanted, known) == found
