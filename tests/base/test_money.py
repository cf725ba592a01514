"""Dollars are read without a float in between."""

import pytest

from headgate.base.money import nano_usd


def test_dollars_become_nano_dollars() -> None:
    assert nano_usd("1") == 1_000_000_000
    assert nano_usd(" 0.0001 ") == 100_000
    assert nano_usd("1e-7") == 100


def test_fractions_of_a_nano_dollar_round_up() -> None:
    assert nano_usd("0.0000000001") == 1


def test_a_sum_that_floats_get_wrong_is_exact() -> None:
    assert nano_usd("0.1") + nano_usd("0.2") == nano_usd("0.3")


@pytest.mark.parametrize("text", ["", "much", "NaN", "Infinity", "1,5"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount of money"):
        nano_usd(text)
