"""What a model costs: the prices that the configuration names, and the bill for a reply.

Integers throughout; rounded once, up, in `cost_of`. Source: `uni-api.md` 1.12 (`model_price`).
"""

from __future__ import annotations

from headgate.base.money import NanoUsd, nano_usd
from headgate.ir.usage import Usage
from headgate.snapshot.facts import PriceEntry, Settings

_TOKENS_PER_PRICE = 1_000_000


def read_price(prefix: str, text: str) -> PriceEntry:
    """Read "0.3, 1": dollars per million tokens, in and out.

    Errors: ValueError with what to write instead.
    """
    parts = text.split(",")
    if len(parts) != 2:
        raise ValueError('write "input,output" in dollars per million tokens, such as "0.3,1"')
    amounts = [nano_usd(part) for part in parts]
    if min(amounts) < 0:
        raise ValueError("a price is 0 or more")
    return PriceEntry(prefix=prefix, input_nano_usd=amounts[0], output_nano_usd=amounts[1])


def price_of(model: str, settings: Settings) -> PriceEntry:
    """Find a model's price: the first whose prefix the name starts with, in file order."""
    for price in settings.prices:
        if model.startswith(price.prefix):
            return price
    return settings.default_price


def cost_of(usage: Usage, model: str, settings: Settings) -> NanoUsd:
    """Price a reply. Everything that was read costs the input price, as in uni-api."""
    price = price_of(model, settings)
    read = usage.prompt + usage.inner_input
    written = usage.output + usage.inner_output
    total = read * price.input_nano_usd + written * price.output_nano_usd
    return NanoUsd(-(-total // _TOKENS_PER_PRICE))
