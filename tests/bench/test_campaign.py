from __future__ import annotations

from bench.campaign import FIRST_BYTE_OF, PHASES, Effort, Wish, turned
from bench.workloads import WORKLOADS

EFFORT = Effort(rounds=1, round_s=1, starts=1, exchanges=1, streams=1)


def test_each_round_begins_with_another_one() -> None:
    assert [turned("abc", number) for number in range(4)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ]
    assert turned("", 1) == []


def test_only_what_was_wished_for_is_loaded() -> None:
    wish = Wish(candidates=(), phases=frozenset({"translate", "json"}), effort=EFFORT, wrk="wrk")
    assert [workload.name for workload in wish.workloads] == ["json", "translate"]


def test_phases_have_names_of_their_own() -> None:
    assert len(set(PHASES)) == len(PHASES)
    assert {workload.name for workload in WORKLOADS} >= FIRST_BYTE_OF
