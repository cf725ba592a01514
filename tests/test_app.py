"""The composition root: what a gateway takes from where, and how it begins and ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from headgate.app import Gateway, GatewaySettings, StartError, check_config, start_gateway
from headgate.sources.environment import EnvironmentSettings
from tests.program import Answer, ask

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

GOOD = """
providers:
  - provider: one
    base_url: http://127.0.0.1:1/v1
    api: up
    model: [gpt-m]
api_keys:
  - api: sk-app
"""


@pytest.fixture(name="config")
def a_config(tmp_path: Path) -> Path:
    path = tmp_path / "api.yaml"
    path.write_text(GOOD, encoding="utf-8")
    return path


def settings(config: Path, **environment: str) -> GatewaySettings:
    return GatewaySettings(
        config=str(config), host="127.0.0.1", port=0, log="off", environment=environment
    )


@asynccontextmanager
async def running(config: Path) -> AsyncIterator[Gateway]:
    gateway = await start_gateway(settings(config))
    try:
        yield gateway
    finally:
        await gateway.close()


async def get(url: str, key: str = "sk-app") -> Answer:
    return await asyncio.to_thread(ask, url, key=key)


async def test_every_route_is_there_with_and_without_v1(config: Path) -> None:
    async with running(config) as gateway:
        paths = [
            root + path
            for path in ("/chat/completions", "/completions", "/embeddings", "/moderations")
            for root in ("/v1", "")
        ]
        for path in paths:
            assert (await get(gateway.url + path)).status == 405  # it is there, for POST
        for path in ("/v1/models", "/models", "/v1/models/gpt-m"):
            assert (await get(gateway.url + path)).status == 200
            assert (await get(gateway.url + path, "sk-other")).status == 401


async def test_two_gateways_share_nothing(config: Path) -> None:
    other = config.with_name("other.yaml")
    other.write_text(GOOD.replace("sk-app", "sk-two"), encoding="utf-8")
    async with running(config) as one, running(other) as two:
        assert one.url != two.url
        assert (await get(one.url + "/v1/models", "sk-two")).status == 401
        assert (await get(two.url + "/v1/models", "sk-two")).status == 200


async def test_nothing_is_served_before_there_is_a_configuration(config: Path) -> None:
    gateway = Gateway(settings(config), EnvironmentSettings())
    try:
        await gateway.start()
        for path in ("/readyz", "/v1/models"):
            assert (await get(gateway.url + path)).status == 503
        assert (await get(gateway.url + "/healthz")).status == 200
        await gateway.load()
        for path in ("/readyz", "/v1/models"):
            assert (await get(gateway.url + path)).status == 200
    finally:
        await gateway.close()


async def test_closing_leaves_no_task_and_no_listener(config: Path) -> None:
    before = asyncio.all_tasks()
    async with running(config) as gateway:
        url = gateway.url
        assert (await get(url + "/healthz")).status == 200
    assert asyncio.all_tasks() == before
    with pytest.raises(OSError, match="refused"):
        await get(url + "/healthz")


async def test_a_start_that_fails_leaves_no_task(config: Path) -> None:
    before = asyncio.all_tasks()
    async with running(config) as gateway:
        port = int(gateway.url.rpartition(":")[2])
        taken = GatewaySettings(config=str(config), host="127.0.0.1", port=port, log="off")
        with pytest.raises(StartError, match="another program is listening there"):
            await start_gateway(taken)
    absent = settings(config.with_name("absent.yaml"))
    with pytest.raises(StartError, match=r"error: .*absent\.yaml: no such file"):
        await start_gateway(absent)
    assert asyncio.all_tasks() == before


async def test_all_of_a_wrong_environment_is_said(config: Path) -> None:
    with pytest.raises(StartError) as refused:
        await start_gateway(settings(config, TIMEOUT="soon", PORT="x"))
    assert [line.split(": ")[2] for line in str(refused.value).splitlines()[:2]] == [
        "TIMEOUT",
        "PORT",
    ]


async def test_the_settings_win_over_the_environment(config: Path) -> None:
    gateway = await start_gateway(settings(config, HOST="203.0.113.1", PORT="1"))
    try:
        assert gateway.url.startswith("http://127.0.0.1:")
    finally:
        await gateway.close()


def test_check_config_counts_what_is_right(config: Path) -> None:
    assert check_config(str(config), {}) == ("ok: 1 provider, 1 model, 1 key; 0 warnings", 0)


def test_check_config_of_an_environment_that_is_wrong(config: Path) -> None:
    said = ("error: environment: PORT: write a whole number", 1)
    assert check_config(str(config), {"PORT": "x"}) == said


def test_check_config_fills_in_the_environments_variables(config: Path) -> None:
    config.write_text(GOOD.replace("[gpt-m]", '["${MODEL}"]'), encoding="utf-8")
    assert check_config(str(config), {})[1] == 1
    assert check_config(str(config), {"MODEL": "gpt-m"})[1] == 0
