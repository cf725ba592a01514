from __future__ import annotations

from headgate.snapshot.facts import LimitTable, RateLimit, Settings, Timeouts, Window
from tests.configs import offer_of, one_channel


def test_a_limit_is_found_by_exact_name_then_by_part_then_by_default() -> None:
    limits = [RateLimit((Window(count, 60.0),)) for count in range(3)]
    table = LimitTable((("gpt", limits[0]), ("gpt-4", limits[1])), limits[2])
    assert table.limit_for("gpt-4") is limits[1]
    assert table.limit_for("gpt-4o") is limits[0]
    assert table.limit_for("claude") is limits[2]
    assert LimitTable().limit_for("x") is None


def test_only_the_bound_of_a_whole_attempt_may_be_missing() -> None:
    assert Timeouts() == Timeouts(connect_s=15.0, write_s=30.0, first_byte_s=100.0, idle_s=100.0)


def test_the_default_price_is_uni_apis() -> None:
    price = Settings().default_price
    assert (price.input_nano_usd, price.output_nano_usd) == (300_000_000, 1_000_000_000)


def test_offers_are_compared_by_identity_since_plans_do_so_for_every_request() -> None:
    text = "base_url: https://h/v1\nmodel: [a]"
    first, second = (offer_of(one_channel(text), "a") for _ in range(2))
    assert first == first  # noqa: PLR0124 - identity is the point
    assert first != second
