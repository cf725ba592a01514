"""Callers that hang up: the upstream is let go of at once, and nothing of them stays behind."""

from __future__ import annotations

import asyncio
import gc
import resource
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from random import Random
from statistics import median

import pytest

from headgate.edge.limits import MIB, Limits
from headgate.relay.journey import Journey
from tests.e2e.callers import WIRES, calling, config, question, until
from tests.e2e.harness import Bench
from tests.e2e.storm import PLACES, storm
from tests.program import Program, serving

CANCELLED_S = 1.0
SETTLED_S = 5.0
LEAK_MB = 30
BUDGET_BYTES = 4 * MIB
SEED = 20_240_607


@asynccontextmanager
async def process(bench: Bench, folder: Path, places: list[str]) -> AsyncIterator[Program]:
    """Run a gateway as a process in front of the lab."""
    path = folder / "gateway.yaml"
    bench.write(path, config(places))
    with serving(path) as program:
        await asyncio.to_thread(lambda: program.url)
        yield program


def own_sockets() -> int:
    """Open sockets of this process."""
    found = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found += str(entry.readlink()).startswith("socket:")
        except FileNotFoundError:  # closed since it was listed
            continue
    return found


async def serves_everyone(url: str) -> None:
    """Ask once on each wire."""
    for mark in WIRES:
        async with calling(url) as caller:
            answer = await caller.ask(question(mark + "ok1"))
            assert b"[DONE]" in answer.body


# ---------------------------------------------------------------- nothing stays


async def weathered(
    bench: Bench, folder: Path, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Let a storm of hang-ups pass over a gateway; whatever it opened is closed again."""
    async with process(bench, folder, PLACES) as program:
        listening = program.socket_count
        await serves_everyone(program.url)
        await storm(program.url, 200, Random(SEED))
        before_mb = program.rss_mb
        await storm(program.url, count, Random(SEED + 1))
        counters = bench.lab.counters
        await until(lambda: counters.answers_open == counters.streams_open == 0, SETTLED_S)
        # What is left open is kept for the next request, and known to both of its ends.
        await until(
            lambda: program.socket_count == listening + counters.connections_open, SETTLED_S
        )
        grown_mb = program.rss_mb - before_mb
        with capsys.disabled():
            print(
                f"\nhang-ups: {count} requests, {counters.cancelled} cancelled upstream, "
                f"{counters.connections_open} connections kept, RSS grown {grown_mb:.0f} MB"
            )
        await serves_everyone(program.url)
        assert grown_mb < LEAK_MB
        assert program.err == []


async def test_a_thousand_hang_ups_leave_no_socket_behind(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await weathered(bench, tmp_path, 1000, capsys)


@pytest.mark.soak
async def test_ten_thousand_hang_ups_leave_no_socket_behind(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await weathered(bench, tmp_path, 10_000, capsys)


async def test_hang_ups_leave_no_task_and_no_memory_claimed(bench: Bench) -> None:
    limits = Limits(body_budget_bytes=BUDGET_BYTES)
    gate = await bench.gateway(config(PLACES), limits=limits)
    tasks, sockets = len(asyncio.all_tasks()), own_sockets()
    await storm(gate.url, 300, Random(SEED))
    counters = bench.lab.counters
    await until(lambda: len(asyncio.all_tasks()) == tasks, SETTLED_S)
    await until(lambda: own_sockets() == sockets + 2 * counters.connections_open, SETTLED_S)
    assert counters.answers_open == 0
    # A body of nearly the whole budget fits: none of the broken ones is still counted.
    async with calling(gate.url) as caller:
        data = question("ok1", stream=False, text="x" * (BUDGET_BYTES - MIB))
        assert (await caller.ask(data)).status == 200


@pytest.mark.parametrize("model", ["ok1", "a-ok1", "e500", "cut", "hang"])
@pytest.mark.parametrize("stream", [True, False])
async def test_a_request_that_is_over_is_freed_at_once(
    bench: Bench, model: str, stream: bool
) -> None:
    # In a cycle its body and its answer would stay until the collector comes by, which is late.
    gate = await bench.gateway(config(["ok1", "e500", "cut", "hang"]))
    gc.collect()
    gc.disable()
    try:
        async with calling(gate.url) as caller:
            await caller.send(question(model, stream=stream))
            with suppress(TimeoutError, asyncio.IncompleteReadError):
                async with asyncio.timeout(0.3):
                    await caller.answer()
        await until(lambda: not any(isinstance(o, Journey) for o in gc.get_objects()), 1)
    finally:
        gc.enable()


async def test_bodies_broken_off_take_no_memory_with_them(bench: Bench, tmp_path: Path) -> None:
    async with process(bench, tmp_path, ["ok1"]) as program:
        before_mb = program.rss_mb
        data = question("ok1", text="x" * (12 * MIB))
        for _ in range(20):
            async with calling(program.url) as caller:
                await caller.send(data[: 10 * MIB])
        await until(lambda: program.socket_count <= 4, SETTLED_S)
        assert program.rss_mb - before_mb < 50


# ---------------------------------------------------------------- how soon


WAITS = ["hang", "hang-after-headers", "stall"]


async def cancelled_after(bench: Bench, url: str, model: str, *, stream: bool) -> float:
    """Hang up while the upstream is silent; how long until it learns of that."""
    counters = bench.lab.counters
    open_before, cancelled_before = counters.answers_open, counters.cancelled
    async with calling(url) as caller:
        await caller.send(question(model, stream=stream))
        await until(lambda: counters.answers_open == open_before + 1, 2)
        await asyncio.sleep(0.02)
        caller.hang_up()
        return await until(lambda: counters.cancelled == cancelled_before + 1, CANCELLED_S)


async def test_a_hang_up_reaches_the_upstream_within_a_second(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with process(bench, tmp_path, [*WAITS, "drip-bytes-50"]) as program:
        times_s = []
        async with AsyncExitStack() as others:
            for _ in range(50):
                caller = await others.enter_async_context(calling(program.url))
                await caller.send(question("drip-bytes-50"))
            await until(lambda: bench.lab.counters.streams_open == 50, SETTLED_S)
            for place in WAITS:
                for mark in WIRES:
                    for stream in (True, False):
                        model = mark + place
                        took_s = await cancelled_after(bench, program.url, model, stream=stream)
                        times_s.append(took_s)
        with capsys.disabled():
            print(
                f"\nhang-ups: upstream cancelled after {median(times_s) * 1000:.0f} ms (median), "
                f"{max(times_s) * 1000:.0f} ms (longest), beside 50 open streams"
            )
        assert max(times_s) < CANCELLED_S


async def test_a_hang_up_between_heart_beats_is_noticed(bench: Bench) -> None:
    text = config(["hang"], "cooldown_period: 0, keepalive_interval: {default: 1}")
    gate = await bench.gateway(text)
    async with calling(gate.url) as caller:
        await caller.send(question("hang"))
        await caller.reader.readuntil(b": keepalive\n\n")
        caller.hang_up()
        await until(lambda: bench.lab.counters.cancelled == 1, CANCELLED_S)


async def test_a_hang_up_ends_the_search_for_another_upstream(bench: Bench) -> None:
    text = config(["slow0.3", "ok1"]).replace("[slow0.3]", "[gpt-m]").replace("[ok1]", "[gpt-m]")
    gate = await bench.gateway(text + "  # the first answers late, the second would at once\n")
    async with calling(gate.url) as caller:
        await caller.send(question("gpt-m"))
        await until(lambda: bench.places == ["slow0.3"], CANCELLED_S)
    await asyncio.sleep(0.5)
    assert bench.places == ["slow0.3"]


# ---------------------------------------------------------------- many at once


async def streamed(url: str, model: str) -> bytes:
    """Read one stream to its end, however slow it is."""
    async with calling(url) as caller:
        await caller.send(question(model))
        return await caller.reader.readuntil(b"0\r\n\r\n")


async def flowed(
    bench: Bench, folder: Path, count: int, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Hold so many slow streams open at the same time; each is complete."""
    async with process(bench, folder, [model]) as program:
        before_mb = program.rss_mb
        streams = [asyncio.create_task(streamed(program.url, model)) for _ in range(count)]
        await until(lambda: bench.lab.counters.streams_open == count, 30)
        rss_mb = program.rss_mb
        answers = await asyncio.gather(*streams)
        rss_mb = max(rss_mb, program.rss_mb)
        with capsys.disabled():
            print(
                f"\nstreams: {count} slow ones at once take {rss_mb:.0f} MB "
                f"({before_mb:.0f} MB before)"
            )
    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)
    assert all(answer.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n") for answer in answers)
    assert rss_mb < 200


async def test_two_hundred_slow_streams_at_once(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await flowed(bench, tmp_path, 200, "drip-300", capsys)


@pytest.mark.soak
async def test_a_thousand_slow_streams_at_once(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lift_file_limit(10_000)
    await flowed(bench, tmp_path, 1000, "drip-3000", capsys)


def lift_file_limit(wanted: int) -> None:
    """Callers and lab are in this process: two sockets of it for each stream."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
