from __future__ import annotations

from bench.profile import summary

STACKS = "main;serve;parse 6\nmain;serve 3\nmain;serve;parse;parse 1\n"
IDLE = "run;PyThread_acquire_lock_timed (libpython3.11.so.1.0);futex 90\n"


def test_functions_are_ranked_by_their_own_share_and_recursion_counts_once() -> None:
    assert summary(STACKS).splitlines() == [
        "   own    all  of 10 samples",
        " 70.0%  70.0%  parse",
        " 30.0% 100.0%  serve",
        "  0.0% 100.0%  main",
    ]


def test_a_thread_that_waits_for_work_costs_nothing() -> None:
    assert summary(STACKS + IDLE) == summary(STACKS)


def test_no_samples_are_no_functions() -> None:
    assert summary("").splitlines() == ["   own    all  of 0 samples"]
