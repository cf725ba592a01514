from __future__ import annotations

from bench.processes import PAGE_BYTES, TICK_US, Cost, Stat, cost_of, parse_stat, tree

LINE = (
    "18165 (a (b) c d) S 7 18160 16317 0 -1 4194304 99 0 0 0 100 20 3 4 20 0 1 0 218391 "
    "3133440 390 18446744073709551615 1 1 0"
)
STATS = {
    1: Stat(0, 1, 1),
    7: Stat(1, 10, 100),
    8: Stat(7, 20, 200),
    9: Stat(8, 40, 400),
    10: Stat(1, 80, 800),
}


def test_a_stat_adds_up_user_and_system_of_the_process_and_its_ended_children() -> None:
    assert parse_stat(LINE) == Stat(7, 127 * TICK_US, 390 * PAGE_BYTES)


def test_a_tree_holds_children_and_theirs_and_nobody_else() -> None:
    assert sorted(tree(7, STATS)) == [7, 8, 9]


def test_a_tree_costs_what_its_members_cost() -> None:
    assert cost_of(7, STATS) == Cost(70, 700)


def test_a_process_that_ended_costs_nothing() -> None:
    assert cost_of(99, STATS) == Cost(0, 0)
