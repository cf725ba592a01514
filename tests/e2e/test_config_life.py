"""The life of a configuration: variables, models that are asked for, changes (cases 101, 102)."""

from __future__ import annotations

import asyncio

import pytest

from tests.e2e.examples import until
from tests.e2e.harness import KEY, Bench

ONE = f"""
providers:
  - provider: one
    base_url: LAB/p1/v1/chat/completions
    api: up
    model: [gpt-a]
api_keys:
  - api: {KEY}
"""


async def test_case_101_variables_are_expanded_and_never_written_back(bench: Bench) -> None:
    text = ONE.replace("api: up\n", "api: ${UP_KEY}\n").replace("/p1/", "/${PLACE:-p2}/")
    gate = await bench.gateway(text, environment={"UP_KEY": "up-secret-0001"})
    before = gate.path.read_bytes()
    assert (await gate.chat("gpt-a")).place == "p2"
    assert bench.last.headers["authorization"] == "Bearer up-secret-0001"
    assert gate.path.read_bytes() == before
    assert list(gate.path.parent.iterdir()) == [gate.path]


@pytest.mark.parametrize(
    "base_url", ["LAB/p1/v1/chat/completions", "LAB/p1/v1/messages", "LAB/p1/v1beta"]
)
async def test_case_102_models_are_asked_for_and_the_file_is_left_alone(
    bench: Bench, base_url: str
) -> None:
    text = ONE.replace("LAB/p1/v1/chat/completions", base_url).replace("    model: [gpt-a]\n", "")
    gate = await bench.gateway(text)
    before = gate.path.read_bytes()

    async def are_there() -> bool:
        return "lab-hello" in await gate.models()

    await until(are_there)
    assert (await gate.chat("lab-hello")).place == "p1"
    assert gate.path.read_bytes() == before


async def test_change_of_the_file_is_seen_by_the_next_request_within_2_seconds(
    bench: Bench,
) -> None:
    gate = await bench.gateway(ONE)
    assert (await gate.chat("gpt-a")).place == "p1"
    bench.write(gate.path, ONE.replace("/p1/", "/p2/").replace("[gpt-a]", "[gpt-a, gpt-b]"))

    async def is_seen() -> bool:
        return (await gate.chat("gpt-a")).place == "p2"

    async with asyncio.timeout(2.0):
        await until(is_seen)
    assert await gate.models() == ["gpt-a", "gpt-b"]


async def test_broken_file_never_replaces_a_good_one_and_says_every_error(bench: Bench) -> None:
    said: list[str] = []
    gate = await bench.gateway(ONE, warn=said.append)
    broken = ONE.replace("api: up\n", "engine: none\n").replace("LAB/p1", "p1")
    bench.write(gate.path, f"{broken}preferences: {{cooldown_period: soon}}\n")

    async def is_told() -> bool:
        return any("goes on serving" in line for line in said)

    await until(is_told)
    text = "\n".join(said)
    assert "api-0.yaml:5:5: providers[0].engine: unknown engine" in text
    assert "preferences.cooldown_period: write a number of seconds" in text
    assert (await gate.chat("gpt-a")).place == "p1"
    bench.write(gate.path, ONE.replace("/p1/", "/p3/"))

    async def is_mended() -> bool:
        return (await gate.chat("gpt-a")).place == "p3"

    await until(is_mended)


async def test_request_that_runs_keeps_its_configuration(bench: Bench) -> None:
    gate = await bench.gateway(ONE.replace("/p1/", "/slow1.5/"))
    running = asyncio.create_task(gate.chat("gpt-a"))
    await asyncio.sleep(0.1)
    bench.write(gate.path, ONE.replace("gpt-a", "gpt-b"))

    async def is_gone() -> bool:
        return await gate.models() == ["gpt-b"]

    await until(is_gone)
    assert (await running).place == "slow1.5"
