"""Upstreams behind proxies: http and socks5, for all providers or for one, alive or dead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.e2e.callers import calling, question, until
from tests.e2e.harness import KEY, Bench
from tests.upstream.proxies import Proxy, listening

DEAD = "http://user:geheim@127.0.0.1:1"
SCHEMES = ["http", "socks5", "socks5h"]


class Forwarding(Proxy):
    """Also asks plain upstreams itself, as an HTTP proxy does for `http://` URLs."""

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send one request on; hand the answer back until its connection ends."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.heard.append(head)
        line, fields = head.split(b"\r\n", 1)
        method, url, version = line.split(b" ")
        host, _, path = url.removeprefix(b"http://").partition(b"/")
        size = next((f for f in fields.split(b"\r\n") if f.startswith(b"content-length")), b":0")
        body = await reader.readexactly(int(size.partition(b":")[2]))
        there, back = await asyncio.open_connection("127.0.0.1", int(host.rpartition(b":")[2]))
        back.write(
            b"%b /%b %b\r\nconnection: close\r\n%b%b" % (method, path, version, fields, body)
        )
        left = asyncio.create_task(reader.read())  # ends when the caller goes
        try:
            while True:
                coming = asyncio.create_task(there.read(65536))
                await asyncio.wait({coming, left}, return_when=asyncio.FIRST_COMPLETED)
                if not coming.done() or not coming.result():
                    coming.cancel()
                    return
                writer.write(coming.result())
        finally:
            left.cancel()
            back.close()


@asynccontextmanager
async def proxying(scheme: str) -> AsyncIterator[tuple[str, Forwarding]]:
    """Run a proxy; give its URL, and what it hears."""
    proxy = Forwarding()
    async with listening(proxy.forward if scheme == "http" else proxy.socks5) as address:
        yield f"{scheme}://{address}", proxy


def config(*providers: tuple[str, str | None], everyone: str = "") -> str:
    """Write providers by place and proxy, all of them with the model gpt-m."""
    rows = "".join(
        f"""
  - provider: {place}
    base_url: LAB/{place}/v1/chat/completions
    api: up
    model: [gpt-m]"""
        + ("" if proxy is None else f'\n    preferences: {{proxy: "{proxy}"}}')
        for place, proxy in providers
    )
    shared = f"cooldown_period: 0{everyone and f', proxy: {everyone}'}"
    return f"providers:{rows}\napi_keys:\n  - api: {KEY}\npreferences: {{{shared}}}\n"


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("is_for_all", [True, False])
async def test_a_provider_is_reached_through_its_proxy(
    bench: Bench, scheme: str, is_for_all: bool
) -> None:
    async with proxying(scheme) as (url, proxy):
        text = config(("red", None), everyone=url) if is_for_all else config(("red", url))
        gate = await bench.gateway(text)
        for stream in (True, False):
            reply = await gate.chat("gpt-m", stream=stream)
            assert reply.content == "red: Hello from the lab."
        assert len(proxy.heard) >= 1
        assert "proxy-authorization" not in bench.last.headers


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("own", ["", "direct", "DIRECT"])
async def test_a_provider_may_opt_out_of_everyones_proxy(
    bench: Bench, scheme: str, own: str
) -> None:
    async with proxying(scheme) as (url, proxy):
        gate = await bench.gateway(config(("red", own), everyone=url))
        assert (await gate.chat("gpt-m")).place == "red"
        assert proxy.heard == []


async def test_a_providers_own_proxy_wins(bench: Bench) -> None:
    async with proxying("socks5") as (url, proxy):
        gate = await bench.gateway(config(("red", url), everyone=DEAD))
        assert (await gate.chat("gpt-m")).place == "red"
        assert len(proxy.heard) == 1


async def test_the_environments_proxies_are_nobodys(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, DEAD)
    gate = await bench.gateway(config(("red", None)))
    assert (await gate.chat("gpt-m")).place == "red"


@pytest.mark.parametrize("dead", [DEAD, DEAD.replace("http:", "socks5:")])
async def test_a_dead_proxy_is_said_clearly_and_without_its_password(
    bench: Bench, dead: str
) -> None:
    gate = await bench.gateway(config(("red", dead)))
    reply = await gate.chat("gpt-m")
    assert reply.status == 503
    assert reply.json["error"]["code"] == "upstream_proxy_error"
    assert reply.error.endswith("(proxy: nobody answers there)")
    assert "geheim" not in reply.text
    assert bench.places == []


@pytest.mark.parametrize("stream", [True, False])
async def test_behind_a_dead_proxy_comes_the_next_provider(bench: Bench, stream: bool) -> None:
    gate = await bench.gateway(config(("red", DEAD), ("blue", "direct")))
    reply = await gate.chat("gpt-m", stream=stream)
    assert reply.place == "blue"


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_hang_up_reaches_the_upstream_through_a_proxy(bench: Bench, scheme: str) -> None:
    async with proxying(scheme) as (url, _proxy):
        gate = await bench.gateway(config(("stall", url)))
        async with calling(gate.url) as caller:
            await caller.send(question("gpt-m"))
            await caller.reader.readuntil(b"data: ")
            caller.hang_up()
            await until(lambda: bench.lab.counters.cancelled_streams == 1, 1)


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_models_are_asked_for_through_the_proxy(bench: Bench, scheme: str) -> None:
    async with proxying(scheme) as (url, proxy):
        gate = await bench.gateway(config(("red", url)).replace("    model: [gpt-m]\n", ""))
        await until(lambda: bool(bench.places), 2)
        assert bench.last.path == "/red/v1/models"
        assert len(proxy.heard) == 1
        assert (await gate.get("/readyz")).status == 200
