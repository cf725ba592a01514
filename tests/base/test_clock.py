"""Clocks tell the time that they should."""

from headgate.base.clock import ManualClock, SystemClock


def test_manual_clock_moves_only_by_hand() -> None:
    clock = ManualClock(100.0)
    assert clock.monotonic_s() == clock.wall_s() == 100.0
    clock.advance(2.5)
    assert clock.monotonic_s() == 102.5


def test_system_clock_never_goes_back() -> None:
    clock = SystemClock()
    times_s = [clock.monotonic_s() for _ in range(100)]
    assert times_s == sorted(times_s)
    assert clock.wall_s() > 1_700_000_000
