"""The vendors' SDKs for Node run the long tool loop, each in a process of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from tests.e2e.agents import result
from tests.e2e.harness import KEY, Bench
from tests.e2e.test_tool_loops import (
    LONG_CALLS,
    MODEL,
    UPSTREAMS,
    assert_failed_over,
    channel,
    config,
)

FOLDER = Path(__file__).parents[1] / "clients" / "node"
NODE = shutil.which("node")
OLDEST_NODE = 20
TIMEOUT_S = 60.0
SDKS = {
    "openai_chat": ("anthropic", "gemini"),
    "openai_responses": ("gemini", "bedrock_converse"),
    "anthropic": ("openai_chat", "openai_responses"),
}


class Story(msgspec.Struct):
    """What a script tells of its loop."""

    text: str
    calls: list[tuple[str, dict[str, object]]]
    tokens: list[int]
    thoughts: list[str]


def missing() -> str:
    """Say what these tests lack on this machine."""
    if NODE is None:
        return "there is no `node` here"
    if not (FOLDER / "node_modules").is_dir():
        return "the SDKs for Node are not installed: `npm ci` in tests/clients/node"
    version = subprocess.run(
        [NODE, "--version"], check=False, capture_output=True, text=True
    ).stdout
    if int(version.strip().removeprefix("v").partition(".")[0] or 0) < OLDEST_NODE:
        return f"Node {version.strip()} is older than {OLDEST_NODE}, which the SDKs want"
    return ""


MISSING = missing()
pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)


async def told(script: str, url: str) -> Story:
    """Run a script to its end. What it says on standard error is the failure's text."""
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HEADGATE_URL": url,
        "HEADGATE_KEY": KEY,
        "HEADGATE_MODEL": MODEL,
    }
    assert NODE is not None
    process = await asyncio.create_subprocess_exec(
        NODE,
        str(FOLDER / f"{script}.mjs"),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    except TimeoutError:
        process.kill()
        raise
    assert process.returncode == 0, err.decode()
    return msgspec.json.decode(out, type=Story)


@pytest.mark.parametrize(
    ("script", "wire"), [(script, wire) for script, wires in SDKS.items() for wire in wires]
)
async def test_twenty_turns(bench: Bench, script: str, wire: str) -> None:
    assert wire in UPSTREAMS
    loop = f"signed-loop-{LONG_CALLS}"
    gate = await bench.gateway(config(channel(wire, f"flaky-{loop}"), channel(wire, loop)))
    story = await told(script, gate.url)
    assert [request.displeasure for request in bench.lab.requests if request.displeasure] == []
    assert [given["number"] for _, given in story.calls] == [*range(1, LONG_CALLS + 1)]
    assert [n for n in range(1, LONG_CALLS + 1) if result(n) not in story.text] == []
    assert min(story.tokens) > 0
    # OpenAI's SDK for Node keeps the last piece alone of a field that it does not know.
    thought = "." if script == "openai_chat" else "mull over turn"
    assert wire == "openai_chat" or thought in "".join(story.thoughts)
    assert_failed_over(bench)
