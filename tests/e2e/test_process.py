"""The process: how soon it serves, how little it needs, and how it stops."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from tests.e2e.callers import calling, config, question, until
from tests.e2e.harness import Bench
from tests.edge.wire import Caller
from tests.program import Program, ask, chat, environment_of, running, serving

READY_S = 1.0  # the best of a few starts: these machines are noisy
IDLE_RSS_MB = 60
SOON_S = 3.0
PLACES = ["ok1", "drip-150", "stall", "hang"]
SIGNALS = [signal.SIGTERM, signal.SIGINT]

Start = Callable[..., Awaitable[Program]]


@pytest.fixture(name="start")
async def a_start(bench: Bench, tmp_path: Path) -> AsyncIterator[Start]:
    """Start gateways in front of the lab."""
    path = tmp_path / "api.yaml"
    bench.write(path, config(PLACES))
    async with AsyncExitStack() as stack:

        async def start(*arguments: str) -> Program:
            program = stack.enter_context(serving(path, *arguments))
            await asyncio.to_thread(lambda: program.url)
            return program

        yield start


async def heard(caller: Caller, words: bytes) -> bytes:
    """Read until the words have come."""
    async with asyncio.timeout(SOON_S):
        return await caller.reader.readuntil(words)


@asynccontextmanager
async def streaming(program: Program, model: str) -> AsyncIterator[Caller]:
    """Hold a stream open whose first piece is there."""
    async with calling(program.url) as caller:
        await caller.send(question(model))
        await heard(caller, b"data: ")
        yield caller


# ---------------------------------------------------------------- start


def test_it_serves_soon_and_needs_little(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "api.yaml"
    path.write_text(config(PLACES).replace("LAB", "http://127.0.0.1:1"), encoding="utf-8")
    times_s = []
    rss_mb = 0.0
    for _ in range(3):
        with serving(path) as program:
            assert ask(program.url + "/v1/models").status == 200
            times_s.append(time.monotonic() - program.started_s)
            rss_mb = max(rss_mb, program.rss_mb)
    with capsys.disabled():
        print(f"\nprocess: first answer after {min(times_s):.2f} s, idle RSS {rss_mb:.0f} MB")
    assert min(times_s) < READY_S
    assert rss_mb < IDLE_RSS_MB


async def test_it_is_ready_once_it_says_so(start: Start) -> None:
    program = await start()
    reply = await asyncio.to_thread(ask, program.url + "/readyz", key="")
    assert msgspec.json.decode(reply.body) == {"status": "ready", "configuration": 1}
    assert (await asyncio.to_thread(chat, program.url, "ok1")).status == 200


def test_a_start_that_waits_for_its_configuration_can_be_stopped(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/api.yaml"
        with (
            running("serve", "--config", url, folder=tmp_path) as program,
            silent.accept()[0],  # asked, and not answered
        ):
            program.send(signal.SIGINT)
            assert program.ended(SOON_S).exit_code == 130


# ---------------------------------------------------------------- stop


@pytest.mark.parametrize("number", SIGNALS)
async def test_a_signal_ends_an_idle_gateway_with_0(start: Start, number: signal.Signals) -> None:
    program = await start()
    async with calling(program.url) as kept:
        await kept.ask(question("ok1", stream=False))  # kept open by both sides, and so is idle
        program.send(number)
        over = await asyncio.to_thread(program.ended, SOON_S)
        assert await kept.rest() == b""
    assert (over.exit_code, over.err) == (0, "")


@pytest.mark.parametrize("number", SIGNALS)
async def test_a_stream_under_way_may_finish(start: Start, number: signal.Signals) -> None:
    program = await start()
    async with streaming(program, "drip-150") as caller:
        program.send(number)
        rest = await caller.rest()
        assert b"data: [DONE]\n\n" in rest
        assert rest.endswith(b"0\r\n\r\n")
    assert (await asyncio.to_thread(program.ended, SOON_S)).exit_code == 0


async def test_nobody_gets_in_during_the_stop(start: Start) -> None:
    program = await start()
    async with streaming(program, "stall") as caller:
        program.send(signal.SIGTERM)
        await until(lambda: not is_open(program.port), SOON_S)
        program.send(signal.SIGTERM)
        await caller.rest()
    assert (await asyncio.to_thread(program.ended, SOON_S)).exit_code == 0


def is_open(port: int) -> bool:
    """Whether something listens."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("model", ["stall", "a-stall", "g-stall"])
async def test_a_stream_beyond_the_term_ends_with_an_error(
    start: Start, bench: Bench, model: str
) -> None:
    program = await start("--drain", "0.3")
    async with streaming(program, model) as caller:
        program.send(signal.SIGTERM)
        rest = await caller.rest()
    last = [line for line in rest.splitlines() if line.startswith(b"data: ")][-1]
    assert msgspec.json.decode(last[6:])["error"]["message"]
    assert b"[DONE]" not in rest
    assert (await asyncio.to_thread(program.ended, SOON_S)).exit_code == 0
    await until(lambda: bench.lab.counters.cancelled_streams == 1, 1)


async def test_a_request_without_an_answer_beyond_the_term_is_told(start: Start) -> None:
    program = await start("--drain", "0.3")
    async with calling(program.url) as caller:
        await caller.send(question("hang", stream=False))
        await asyncio.sleep(0.2)
        program.send(signal.SIGTERM)
        answer = await caller.answer()
        assert answer.status == 503
        assert msgspec.json.decode(answer.body)["error"]["code"] == "server_draining"
    assert (await asyncio.to_thread(program.ended, SOON_S)).exit_code == 0


@pytest.mark.parametrize("number", SIGNALS)
async def test_a_second_signal_ends_it_at_once(start: Start, number: signal.Signals) -> None:
    program = await start()
    async with streaming(program, "stall") as caller:
        program.send(number)
        await until(lambda: not is_open(program.port), SOON_S)
        sent_s = time.monotonic()
        program.send(number)
        over = await asyncio.to_thread(program.ended, SOON_S)
        assert time.monotonic() - sent_s < 2
        assert b"error" in await caller.rest()
    assert (over.exit_code, over.err) == (0, "")


async def test_what_is_cut_by_a_stop_is_on_the_books(start: Start) -> None:
    program = await start("--drain", "0", "--log", "json")
    async with streaming(program, "stall") as caller:
        program.send(signal.SIGTERM)
        await caller.rest()
        over = await asyncio.to_thread(program.ended, SOON_S)
    record = msgspec.json.decode(over.out.splitlines()[-1])
    assert (record["model"], record["outcome"]) == ("stall", "interrupted")


# ---------------------------------------------------------------- its output


@pytest.mark.parametrize("is_closed", [False, True])
def test_a_log_that_nobody_reads_holds_nothing_up(tmp_path: Path, is_closed: bool) -> None:
    path = tmp_path / "api.yaml"
    path.write_text(config(["ok1"]).replace("LAB", "http://127.0.0.1:1"), encoding="utf-8")
    command = f"serve --config {path} --host 127.0.0.1 --port 0 --log json"
    with subprocess.Popen(
        [sys.executable, "-m", "headgate", *command.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment_of({}),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline().decode().rpartition(" at ")[2].strip()
        if is_closed:
            process.stdout.close()
        for _ in range(300):  # more lines than a pipe holds
            assert chat(url, "ok1").status == 503
        process.send_signal(signal.SIGTERM)
        assert process.wait(SOON_S) == 0
        assert process.stderr.read() == b""
