"""The example files of uni-api's grammar, as configurations whose upstreams are the lab."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.harness import Bench, Gate, Reply
from tests.upstream.proxies import Proxy, listening

ROOT = Path(__file__).parent.parent.parent
FOLDER = Path(os.environ.get("HEADGATE_EXAMPLES", ROOT.parent / "shared" / "examples" / "uni-api"))
UPSTREAM = "http://127.0.0.1:19000"
SOON_S = 5.0

here = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the example files are not here (set HEADGATE_EXAMPLES)"
)


def example(number: str, *changes: tuple[str, str]) -> str:
    """Read an example; its upstreams become the lab, and each change must find its text."""
    (path,) = FOLDER.glob(f"{number}-*.yaml")
    text = path.read_text(encoding="utf-8").replace(UPSTREAM, "LAB")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


@asynccontextmanager
async def proxy_to_lab() -> AsyncIterator[str]:
    """Run a proxy that reaches every host on loopback; give its URL."""
    async with listening(Proxy().socks5) as address:
        yield f"socks5h://{address}"


def vendors_at_lab(text: str, bench: Bench) -> str:
    """Keep the vendors' hosts, but at the lab's port: a proxy can bring all of them to it."""
    return re.sub(r"https://([\w.-]+)", rf"http://\1:{bench.lab.port}", text)


def asked(reply: Reply) -> list[str]:
    """The channels that were tried, in order, as the error tells."""
    return [line.partition(":")[0] for line in reply.json["error"]["attempts"]]


def says(reply: Reply, status: int, text: str) -> None:
    """Check a refusal: its status, and what it says in OpenAI's shape."""
    assert reply.status == status, reply.text
    assert text in reply.error
    assert {"message", "type", "code", "request_id"} <= set(reply.json["error"])
    assert reply.headers["x-request-id"] == reply.json["error"]["request_id"]


async def places(gate: Gate, count: int, model: str, key: str) -> list[str]:
    """Where consecutive requests are answered."""
    return [(await gate.chat(model, key)).place for _ in range(count)]


async def statuses(gate: Gate, count: int, model: str, key: str) -> list[int]:
    """How consecutive requests are answered."""
    return [(await gate.chat(model, key)).status for _ in range(count)]


def credentials(bench: Bench) -> list[str]:
    """The upstream keys that reached the lab, in order."""
    headers = [request.headers for request in bench.lab.requests]
    return [header["authorization"].removeprefix("Bearer ") for header in headers]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what happens in the background."""
    async with asyncio.timeout(SOON_S):
        while not await condition():  # noqa: ASYNC110 - asked over HTTP, as a user would
            await asyncio.sleep(0.02)
