"""Windows count exactly, at every border."""

from hypothesis import given
from hypothesis import strategies as st

from headgate.base.sliding_window import SlidingWindow


def test_takes_as_many_as_the_window_holds() -> None:
    window = SlidingWindow()
    assert [window.take([(2, 60.0)], 0.0) for _ in range(3)] == [0.0, 0.0, 60.0]


def test_has_room_again_when_the_oldest_is_too_old() -> None:
    window = SlidingWindow()
    window.take([(1, 60.0)], 0.0)
    assert window.wait_s([(1, 60.0)], 59.0) == 1.0
    assert window.take([(1, 60.0)], 60.0) == 0.0


def test_every_window_must_have_room() -> None:
    windows = [(2, 60.0), (3, 86_400.0)]
    window = SlidingWindow()
    taken = [window.take(windows, minute * 60.0) for minute in range(4)]
    assert taken[:3] == [0.0, 0.0, 0.0]
    assert taken[3] == 86_400.0 - 180.0


def test_a_refused_event_is_not_counted() -> None:
    window = SlidingWindow()
    window.take([(1, 10.0)], 0.0)
    window.take([(1, 10.0)], 5.0)
    assert window.wait_s([(1, 10.0)], 10.0) == 0.0


def test_given_back_event_never_happened() -> None:
    window = SlidingWindow()
    window.take([(1, 10.0)], 0.0)
    window.give_back()
    assert window.take([(1, 10.0)], 1.0) == 0.0


def test_limit_of_nothing_lets_nothing_in() -> None:
    assert SlidingWindow().take([(0, 60.0)], 0.0) == 60.0


def test_remaining_counts_only_the_window() -> None:
    window = SlidingWindow()
    for at_s in (0.0, 50.0, 55.0):
        window.take([(5, 60.0)], at_s)
    assert window.remaining(5, 60.0, 61.0) == 3


def test_idle_window_may_be_forgotten() -> None:
    window = SlidingWindow()
    assert window.is_idle(60.0, 0.0)
    window.take([(5, 60.0)], 0.0)
    assert not window.is_idle(60.0, 59.0)
    assert window.is_idle(60.0, 60.0)


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=60),
    st.integers(1, 5),
    st.integers(1, 20),
)
def test_no_window_ever_holds_more_than_its_count(
    gaps: list[int], count: int, seconds: int
) -> None:
    window = SlidingWindow()
    now_s = 0
    accepted: list[int] = []
    for gap in gaps:
        now_s += gap
        if window.take([(count, seconds)], now_s) == 0.0:
            accepted.append(now_s)
    for at_s in accepted:
        assert sum(at_s - seconds < other <= at_s for other in accepted) <= count
