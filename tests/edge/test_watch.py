"""A deadline that is cheap to move."""

from __future__ import annotations

import asyncio

from headgate.edge.watch import Watch


class Due:
    """Counts how often the deadline passed."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def watch() -> tuple[Watch, Due]:
    due = Due()
    return Watch(asyncio.get_running_loop(), due), due


async def test_deadline_passes_once() -> None:
    timer, due = watch()
    timer.due_in(0.02)
    await asyncio.sleep(0.01)
    assert due.times == 0
    await asyncio.sleep(0.05)
    assert due.times == 1


async def test_deadline_put_off_is_kept() -> None:
    timer, due = watch()
    for _ in range(5):
        timer.due_in(0.03)
        await asyncio.sleep(0.015)
    assert due.times == 0
    await asyncio.sleep(0.05)
    assert due.times == 1


async def test_nearer_deadline_counts() -> None:
    timer, due = watch()
    timer.due_in(60)
    timer.due_in(0.01)
    await asyncio.sleep(0.03)
    assert due.times == 1


async def test_deadline_taken_away_does_not_pass() -> None:
    timer, due = watch()
    timer.due_in(0.01)
    timer.off()
    await asyncio.sleep(0.03)
    assert due.times == 0
    timer.due_in(0.01)
    await asyncio.sleep(0.03)
    assert due.times == 1


async def test_closed_watch_leaves_no_timer() -> None:
    timer, due = watch()
    timer.due_in(0.01)
    timer.close()
    timer.close()
    await asyncio.sleep(0.03)
    assert due.times == 0
