"""Alive and ready, without a key."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headgate import __version__
from headgate.edge.health import health_routes
from tests.edge.wire import request, serving


def ready() -> tuple[bool, dict[str, Any]]:
    return True, {"channels": 2}


def not_ready() -> tuple[bool, dict[str, Any]]:
    return False, {"reason": "no configuration"}


@pytest.mark.parametrize("path", ["/healthz", "/health"])
async def test_alive_says_so_with_its_version(path: str) -> None:
    async with serving(*health_routes(not_ready)) as place:
        answer = await place.ask(request("GET", path))
    assert answer.status == 200
    assert msgspec.json.decode(answer.body) == {"status": "ok", "version": __version__}
    assert answer.headers["content-type"] == "application/json"


async def test_ready_only_when_it_can_serve() -> None:
    async with serving(*health_routes(ready)) as place:
        answer = await place.ask(request("GET", "/readyz"))
    assert answer.status == 200
    assert msgspec.json.decode(answer.body) == {"status": "ready", "channels": 2}
    async with serving(*health_routes(not_ready)) as place:
        answer = await place.ask(request("GET", "/readyz"))
    assert answer.status == 503
    assert msgspec.json.decode(answer.body) == {"status": "not ready", "reason": "no configuration"}


async def test_head_of_the_root_is_answered() -> None:
    """Claude Code asks for it before anything else."""
    async with serving(*health_routes(ready)) as place:
        caller = await place.call()
        await caller.send(request("HEAD", "/"))
        assert (await caller.answer(to_head=True)).status == 200
        assert b"headgate" in (await caller.ask(request("GET", "/"))).body


def test_every_health_route_is_public() -> None:
    assert all(route.public for route in health_routes(ready))
