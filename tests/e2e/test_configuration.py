"""Variables, and models that are asked for; the file is only read: cases 101 and 102."""

from __future__ import annotations

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
