"""What is kept stays within its bounds."""

from hypothesis import given
from hypothesis import strategies as st

from headgate.relay.bounded import Bounded

SMALL = 10_000


def store(most_bytes: int = SMALL, lifetime_s: float = 60.0) -> Bounded[str, int]:
    return Bounded(most_bytes, lifetime_s)


def test_value_is_found_until_its_time_is_over() -> None:
    kept = store()
    kept.put("a", 1, 10, 0.0)
    assert kept.find("a", 59.0) == 1
    assert kept.find("a", 118.0) == 1  # it was asked for in between
    assert kept.find("a", 178.0) is None
    assert len(kept) == 0


def test_the_oldest_make_room() -> None:
    kept = store()
    for number in range(5):
        kept.put(str(number), number, 2_000, 0.0)
        kept.find("0", 0.0)
    assert kept.find("0", 0.0) == 0
    assert kept.find("1", 0.0) is None
    assert kept.find("4", 0.0) == 4


def test_a_new_value_drops_those_that_nobody_asks_for() -> None:
    kept = store()
    kept.put("a", 1, 10, 0.0)
    kept.put("b", 2, 10, 100.0)
    assert len(kept) == 1


def test_what_is_too_large_is_not_kept() -> None:
    kept = store()
    kept.put("a", 1, SMALL, 0.0)
    assert kept.find("a", 0.0) is None


def test_value_can_be_forgotten_once() -> None:
    kept = store()
    kept.put("a", 1, 10, 0.0)
    assert [kept.forget("a"), kept.forget("a")] == [True, False]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 12_000)), max_size=60))
def test_bound_holds_whatever_comes(puts: list[tuple[str, int]]) -> None:
    kept = store()
    sizes: dict[str, int] = {}
    for now_s, (name, size) in enumerate(puts):
        kept.put(name, size, size, float(now_s))
        sizes[name] = size
    held = [size for name, size in sizes.items() if kept.find(name, float(len(puts))) is not None]
    assert sum(held) + 500 * len(held) <= SMALL
