"""Callers on raw connections, which can stop, stall and hang up wherever they like."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import msgspec

from tests.e2e.harness import KEY
from tests.edge.wire import Caller

WIRES = {"": "v1/chat/completions", "a-": "v1/messages", "g-": "v1beta"}
NARROW_BYTES = 4096


def config(places: Iterable[str], preferences: str = "cooldown_period: 0") -> str:
    """Offer each place of the lab as a model of its name; `a-` and `g-` for the other wires."""
    providers = "".join(
        f"""
  - provider: {mark}{place}
    base_url: LAB/{place}/{path}
    api: up
    model: [{mark}{place}]"""
        for place in places
        for mark, path in WIRES.items()
    )
    keys = f"api_keys:\n  - api: {KEY}\npreferences: {{{preferences}}}\n"
    return f"providers:{providers}\n{keys}"


def question(model: str, *, stream: bool = True, text: str = "Hi") -> bytes:
    """A chat request as bytes."""
    body = msgspec.json.encode(
        {"model": model, "stream": stream, "messages": [{"role": "user", "content": text}]}
    )
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@asynccontextmanager
async def calling(url: str, *, narrow: bool = False) -> AsyncIterator[Caller]:
    """Connect for the length of a block. `narrow`: with little room for what comes."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    limit = NARROW_BYTES if narrow else 1 << 20
    sock = socket.socket()
    if narrow:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW_BYTES)
    sock.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(sock, (host, int(port)))
        caller = Caller(*await asyncio.open_connection(sock=sock, limit=limit))
    except BaseException:
        sock.close()
        raise
    try:
        yield caller
    finally:
        await caller.close()


async def until(condition: Callable[[], bool], within_s: float) -> float:
    """Wait until something is so; give how long it took."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    while not condition():
        assert loop.time() - began_s < within_s, "it did not happen in time"
        await asyncio.sleep(0.002)
    return loop.time() - began_s
