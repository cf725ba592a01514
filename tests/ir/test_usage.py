from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.ir.usage import Usage, clamped


def test_the_disjoint_counts_add_up() -> None:
    usage = Usage(input=10, cache_read=20, cache_write=30, output=5, reasoning=4)
    assert usage.prompt == 60
    assert usage.total == 65


@pytest.mark.parametrize(
    ("told", "count"),
    [(7, 7), (7.9, 7), (0, 0), (-9, 0), (-0.5, 0), (None, 0), ("7", 0), (True, 0), ([7], 0)],
)
def test_a_reported_count_becomes_a_sane_integer(told: object, count: int) -> None:
    assert clamped(told) == count


@given(st.integers() | st.floats())
def test_no_number_can_break_a_bill(told: float) -> None:
    count = clamped(told)
    assert type(count) is int
    assert 0 <= count <= 2**53
