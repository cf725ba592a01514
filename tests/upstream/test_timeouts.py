from __future__ import annotations

import asyncio

from headgate.upstream.timeouts import NEVER_S, LazyTimer


class Watch:
    """A timer and the moments at which it went off."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.start_s = self.loop.time()
        self.went_off_s: list[float] = []
        self.timer = LazyTimer(self.loop, self._went_off)

    def _went_off(self) -> None:
        self.went_off_s.append(self.loop.time() - self.start_s)

    def move(self, in_s: float) -> None:
        self.timer.move(self.start_s + in_s)


async def test_deadline_that_stays_is_kept() -> None:
    watch = Watch()
    watch.move(0.05)
    await asyncio.sleep(0.1)
    assert len(watch.went_off_s) == 1
    assert 0.049 <= watch.went_off_s[0] <= 0.08


async def test_deadline_that_moves_on_is_met_at_its_last_place() -> None:
    watch = Watch()
    for step in range(1, 6):
        watch.move(0.02 * step + 0.03)
        await asyncio.sleep(0.02)
    assert watch.went_off_s == []
    await asyncio.sleep(0.08)
    assert len(watch.went_off_s) == 1
    assert 0.129 <= watch.went_off_s[0] <= 0.16


async def test_deadline_that_moves_nearer_is_met() -> None:
    watch = Watch()
    watch.move(60)
    watch.move(0.05)
    await asyncio.sleep(0.1)
    assert len(watch.went_off_s) == 1


async def test_timer_that_is_stopped_or_sent_away_stays_silent() -> None:
    stopped, sent_away = Watch(), Watch()
    for watch in (stopped, sent_away):
        watch.move(0.02)
    stopped.timer.stop()
    sent_away.timer.move(NEVER_S)
    await asyncio.sleep(0.05)
    assert stopped.went_off_s == sent_away.went_off_s == []
    stopped.timer.move(stopped.loop.time() + 0.02)
    await asyncio.sleep(0.05)
    assert len(stopped.went_off_s) == 1
