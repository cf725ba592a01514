from __future__ import annotations

import pytest

from headgate.ir.usage import Usage
from headgate.snapshot.facts import Settings
from headgate.snapshot.price import cost_of, price_of, read_price

PRICED = Settings(
    prices=(read_price("gpt-4", "10, 30"), read_price("gpt-4o", "2.5,10")),
    default_price=read_price("", "1,2"),
)


def test_prices_are_dollars_per_million_tokens_in_whole_nano_dollars() -> None:
    price = read_price("gpt-c", "0.12, 0.48")
    assert (price.input_nano_usd, price.output_nano_usd) == (120_000_000, 480_000_000)


@pytest.mark.parametrize("text", ["1", "1,2,3", "one,two", "-1,2", "", "nan,1"])
def test_what_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"input,output|price|money"):
        read_price("m", text)


def test_the_first_prefix_in_file_order_counts() -> None:
    assert price_of("gpt-4o-mini", PRICED).prefix == "gpt-4"
    assert price_of("claude", PRICED).prefix == ""


def test_unpriced_models_cost_uni_apis_default() -> None:
    assert cost_of(Usage(input=1_000_000), "any", Settings()) == 300_000_000
    assert cost_of(Usage(output=1_000_000), "any", Settings()) == 1_000_000_000


def test_everything_that_was_read_costs_the_input_price() -> None:
    usage = Usage(input=1, cache_read=2, cache_write=3, output=4)
    assert cost_of(usage, "claude", PRICED) == 6 * 1000 + 4 * 2000


def test_the_bill_is_rounded_up_once() -> None:
    settings = Settings(default_price=read_price("", "0.0001,0.0001"))
    assert cost_of(Usage(input=1), "m", settings) == 1
    assert cost_of(Usage(input=1, output=1), "m", settings) == 1
    assert cost_of(Usage(), "m", settings) == 0
