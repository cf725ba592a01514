"""Requests are counted by scope, and scopes that nobody uses are forgotten."""

from headgate.admission.counters import MemoryCounters
from headgate.snapshot.facts import RateLimit, Window

MINUTE = RateLimit((Window(2, 60.0),))
DAY_TOO = RateLimit((Window(15, 60.0), Window(10, 86_400.0)))


async def test_refused_request_is_not_counted() -> None:
    counters = MemoryCounters()
    waits = [await counters.take("s", MINUTE, now_s) for now_s in (0.0, 10.0, 20.0, 59.0, 60.0)]
    assert waits == [0.0, 0.0, 40.0, 1.0, 0.0]


async def test_scopes_are_apart() -> None:
    counters = MemoryCounters()
    for scope in ("a", "b"):
        assert [await counters.take(scope, MINUTE, 0.0) for _ in range(2)] == [0.0, 0.0]


async def test_eleventh_request_of_the_day_is_too_many_although_the_minute_is_free() -> None:
    counters = MemoryCounters()
    waits = [await counters.take("s", DAY_TOO, number * 60.0) for number in range(11)]
    assert waits[:10] == [0.0] * 10
    assert waits[10] == 86_400.0 - 600.0


async def test_what_is_left_is_that_of_the_tightest_window() -> None:
    counters = MemoryCounters()
    await counters.take("s", DAY_TOO, 0.0)
    assert counters.remaining("s", DAY_TOO, 0.0) == (10, 9, 86_400.0)
    assert counters.remaining("never asked", MINUTE, 0.0) == (2, 2, 60.0)


async def test_idle_scopes_are_forgotten_and_busy_ones_are_not() -> None:
    counters = MemoryCounters()
    for number in range(10_000):
        await counters.take(f"old{number}", MINUTE, 0.0)
    await counters.take("old0", MINUTE, 100.0)
    await counters.take("new", MINUTE, 100.0)
    assert set(counters._windows) == {"old0", "new"}


async def test_window_that_a_reload_made_longer_is_not_forgotten_early() -> None:
    counters = MemoryCounters()
    for number in range(10_000):
        await counters.take(f"s{number}", MINUTE, 0.0)
    await counters.take("s0", DAY_TOO, 0.0)
    await counters.take("new", MINUTE, 100.0)
    assert counters.remaining("s0", DAY_TOO, 100.0)[1] == 8
