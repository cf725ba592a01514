"""Callers that read slowly or not at all: they hold up their own upstream, and nothing else."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median

import pytest

from headgate.edge.limits import KIB, Limits
from tests.e2e.callers import WIRES, calling, config, question, until
from tests.e2e.harness import Bench
from tests.edge.wire import Caller
from tests.program import Program, serving

CALLERS = 20
GROWTH_MB = 30
OTHERS_MS = 500
STALLED_S = 2.0
SIP_BYTES = 2 * KIB


@asynccontextmanager
async def process(bench: Bench, folder: Path) -> AsyncIterator[Program]:
    """Run a gateway as a process in front of floods and answers."""
    path = folder / "gateway.yaml"
    bench.write(path, config(["flood", "big-32", "ok1"]))
    with serving(path) as program:
        await asyncio.to_thread(lambda: program.url)
        yield program


async def sip(caller: Caller) -> None:
    """Read a little, again and again."""
    data = b"first"
    while data:
        await asyncio.sleep(0.05)
        data = await caller.reader.read(SIP_BYTES)


async def asked_others(program: Program, count: int) -> list[float]:
    """Ask for answers beside what else goes on; how long each took, in ms."""
    loop = asyncio.get_running_loop()
    times_ms = []
    for _ in range(count):
        began_s = loop.time()
        async with calling(program.url) as caller:
            assert (await caller.ask(question("ok1"))).body.endswith(b"[DONE]\n\n")
        times_ms.append((loop.time() - began_s) * 1000)
        await asyncio.sleep(0.01)
    return times_ms


@pytest.mark.parametrize(
    ("mark", "is_reading"), [*((mark, False) for mark in WIRES), ("", True), ("g-", True)]
)
async def test_floods_for_slow_callers_cost_bounded_memory_and_nobody_else(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str], mark: str, is_reading: bool
) -> None:
    async with process(bench, tmp_path) as program, AsyncExitStack() as stack:
        await asked_others(program, 5)
        before_mb = program.rss_mb
        sipping = []
        for _ in range(CALLERS):
            caller = await stack.enter_async_context(calling(program.url, narrow=True))
            await caller.send(question(mark + "flood"))
            await caller.reader.readuntil(b"data: ")
            if is_reading:
                sipping.append(asyncio.create_task(sip(caller)))
        times_ms = await asked_others(program, 30)
        grown_mb = program.rss_mb - before_mb
        for task in sipping:
            task.cancel()
        await asyncio.gather(*sipping, return_exceptions=True)
        assert bench.lab.counters.streams_open == CALLERS
        with capsys.disabled():
            print(
                f"\nfloods ({mark or 'o-'}, {'slow' if is_reading else 'stopped'}): {CALLERS} "
                f"callers, RSS grown {grown_mb:.0f} MB, others answered in "
                f"{median(times_ms):.0f} ms (median), {max(times_ms):.0f} ms (longest)"
            )
        assert grown_mb < GROWTH_MB
        assert median(times_ms) < OTHERS_MS
    await until(lambda: bench.lab.counters.streams_open == 0, 2)


async def test_large_answers_for_callers_who_do_not_read_are_held_once(
    bench: Bench, tmp_path: Path
) -> None:
    async with process(bench, tmp_path) as program, AsyncExitStack() as stack:
        await asked_others(program, 5)
        before_mb = program.rss_mb
        for _ in range(4):
            caller = await stack.enter_async_context(calling(program.url, narrow=True))
            await caller.send(question("big-32", stream=False))
            await caller.reader.readuntil(b"content")
        held_mb = program.rss_mb - before_mb
        assert held_mb < 4 * 32 * 3


async def test_a_caller_who_takes_nothing_for_long_is_let_go_with_its_upstream(
    bench: Bench,
) -> None:
    limits = Limits(write_stall_s=0.5)
    gate = await bench.gateway(config(["flood"]), limits=limits)
    async with calling(gate.url, narrow=True) as caller:
        await caller.send(question("flood"))
        await caller.reader.readuntil(b"data: ")
        caller.writer.transport.pause_reading()  # type: ignore[attr-defined]  # it has one
        await until(lambda: bench.lab.counters.cancelled_streams == 1, STALLED_S)


async def test_an_upstream_that_takes_no_upload_is_given_up_in_time(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        bounds = "timeout_policy: {default: {write: 0.5}}"
        text = config(["ok1"], bounds).replace("LAB", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        gate = await bench.gateway(text)
        async with calling(gate.url) as caller:
            answer = await caller.ask(question("ok1", stream=False, text="x" * 8_000_000))
        assert answer.status == 504
