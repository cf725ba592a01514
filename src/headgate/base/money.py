"""Money is integer nano-dollars; decimals are read once, at the border."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import NewType

NanoUsd = NewType("NanoUsd", int)

NANO_PER_USD = 1_000_000_000


def nano_usd(text: str) -> NanoUsd:
    """Read an amount in dollars, such as "0.0001", rounding a finer fraction up.

    Errors: ValueError when the text is not a finite decimal number.
    """
    try:
        amount = Decimal(text.strip())
    except InvalidOperation:
        raise ValueError(f"not an amount of money: {text!r}") from None
    if not amount.is_finite():
        raise ValueError(f"not an amount of money: {text!r}")
    return NanoUsd(int((amount * NANO_PER_USD).to_integral_value(ROUND_CEILING)))
