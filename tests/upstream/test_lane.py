from __future__ import annotations

import asyncio

from headgate.upstream.connection import Connection
from headgate.upstream.lane import Lane
from tests.upstream.test_connection import Wire


class House:
    """Hears of what the lane keeps and forgets."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def kept(self) -> None:
        self.heard.append("kept")

    def forgotten(self) -> None:
        self.heard.append("forgotten")


def new_lane(max_idle: int = 8, max_connections: int | None = None) -> Lane:
    return Lane(House(), max_idle, max_connections)


def opened(lane: Lane) -> Connection:
    connection = Connection(asyncio.get_running_loop(), lane)
    connection.connection_made(Wire())
    lane.open.add(connection)
    return connection


def closed(connection: Connection) -> bool:
    return not connection.is_usable


async def test_last_connection_to_come_back_is_the_first_to_go_out() -> None:
    lane = new_lane()
    first, second = opened(lane), opened(lane)
    lane.take_back(first)
    lane.take_back(second)
    assert [lane.take(0), lane.take(0), lane.take(0)] == [second, first, None]


async def test_what_was_idle_for_too_long_is_closed_and_not_taken() -> None:
    lane = new_lane()
    old, new = opened(lane), opened(lane)
    lane.take_back(old)
    lane.take_back(new)
    old.idle_since_s -= 100
    oldest_s = asyncio.get_running_loop().time() - 50
    lane.drop_older(oldest_s)
    assert (closed(old), closed(new)) == (True, False)
    assert lane.take(oldest_s) is new
    assert lane.take(oldest_s) is None


async def test_more_than_is_kept_is_closed() -> None:
    lane = new_lane(max_idle=1)
    first, second = opened(lane), opened(lane)
    lane.take_back(first)
    lane.take_back(second)
    assert (closed(first), closed(second)) == (False, True)


async def test_lane_is_unused_once_everything_is_forgotten() -> None:
    lane = new_lane()
    assert lane.is_unused
    connection = opened(lane)
    lane.take_back(connection)
    assert not lane.is_unused
    lane.forget(connection)
    assert lane.is_unused
    assert lane.idle == []


async def test_connection_being_opened_counts() -> None:
    lane = new_lane(max_connections=1)
    assert not lane.is_full
    with lane.dialing():
        assert lane.is_full
        assert not lane.is_unused
    assert not lane.is_full


async def test_each_change_lets_one_go_on() -> None:
    lane = new_lane(max_connections=1)
    connection = opened(lane)
    waiting = [asyncio.create_task(lane.change()) for _ in range(2)]
    await asyncio.sleep(0)
    lane.take_back(connection)
    await asyncio.sleep(0)
    assert [task.done() for task in waiting] == [True, False]
    lane.forget(connection)
    await asyncio.sleep(0)
    assert [task.done() for task in waiting] == [True, True]


async def test_who_leaves_passes_the_turn_on() -> None:
    lane = new_lane(max_connections=1)
    connection = opened(lane)
    waiting = [asyncio.create_task(lane.change()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # before its turn
    await asyncio.sleep(0)
    lane.take_back(connection)
    waiting[1].cancel()  # after its turn has come
    await asyncio.wait(waiting, timeout=1)
    assert [task.cancelled() for task in waiting] == [True, True, False]


async def test_abort_closes_everything() -> None:
    lane = new_lane()
    kept, used = opened(lane), opened(lane)
    lane.take_back(kept)
    lane.abort()
    assert closed(kept)
    assert closed(used)
