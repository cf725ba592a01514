"""The composition root: settings to ports to stages to routes. The one file that knows the others."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from random import Random

import msgspec

from headgate.admission.admit import Gate
from headgate.admission.counters import MemoryCounters
from headgate.admission.key_directory import SnapshotKeys
from headgate.base.clock import Clock, SystemClock
from headgate.edge.health import health_routes
from headgate.edge.limits import Limits
from headgate.edge.models_endpoint import ModelsEndpoint
from headgate.edge.relay_endpoint import RelayEndpoint
from headgate.edge.routes import Route
from headgate.edge.server import Server, ServerSettings
from headgate.edge.site import Site
from headgate.providers.provider import Operation
from headgate.relay.stages import Stages
from headgate.routing.credentials import CredentialPool
from headgate.routing.health import Health
from headgate.routing.plan import Router
from headgate.settlement.ledger import MemoryLedger
from headgate.settlement.usage_record import UsageSink
from headgate.snapshot.facts import Snapshot
from headgate.upstream.client_pool import ClientPool


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to run one gateway. `config` is a file or URL; `port` 0 takes any free one."""

    config: str
    host: str = "127.0.0.1"
    port: int = 8000
    log: str = "text"  # or "json", "off": a line per request on stdout
    environment: Mapping[str, str] = msgspec.field(default_factory=lambda: dict(os.environ))
    drain_s: float = 30.0
    limits: Limits = msgspec.field(default_factory=Limits)


class Gateway:
    """A running gateway."""

    def __init__(self, server: Server, client: ClientPool, url: str) -> None:
        self.url = url
        self._server = server
        self._client = client

    async def close(self) -> None:
        now = asyncio.Event()
        now.set()
        await self._server.stop(now)
        await self._client.close()


async def start_gateway(settings: GatewaySettings) -> Gateway:
    from pathlib import Path
    from headgate.sources.yaml_file import read_document
    from headgate.snapshot.compile import compile_snapshot
    from headgate.telemetry.log_lines import LogLines
    doc = read_document(Path(settings.config).read_bytes(), settings.config, settings.environment)
    snap = compile_snapshot(doc, version=1)
    if isinstance(snap, list):
        raise ValueError("\n".join(map(str, snap)))
    client = ClientPool()
    class Off:
        async def record(self, r): pass
    stages = stages_of(lambda: snap, client, Off(), SystemClock())
    site = Site([*routes_of(stages), *health_routes(lambda: (True, {}))])
    server = Server(site, None, ServerSettings(host=settings.host, port=settings.port, drain_s=settings.drain_s, limits=settings.limits))
    return Gateway(server, client, await server.start())


def stages_of(
    facts: Callable[[], Snapshot], client: ClientPool, sink: UsageSink, clock: Clock
) -> Stages:
    """Join the stages of YAML mode: everything in memory."""
    health = Health()
    random = Random()  # noqa: S311 - spreads load, guards nothing
    return Stages(
        facts=facts,
        clock=clock,
        gate=Gate(SnapshotKeys(), MemoryCounters()),
        ledger=MemoryLedger(),
        router=Router(health, random),
        health=health,
        credentials=CredentialPool(health, random),
        client=client,
        sink=sink,
    )


def routes_of(stages: Stages) -> list[Route]:
    """What callers can ask for."""
    post = ("POST",)
    table = (
        ("/v1/chat/completions", Operation.CHAT, "openai_chat"),
        ("/v1/completions", Operation.COMPLETIONS, "openai_completions"),
        ("/v1/embeddings", Operation.EMBEDDINGS, "openai_chat"),
        ("/v1/moderations", Operation.MODERATIONS, "openai_chat"),
    )
    routes = [
        Route(methods=post, path=path, handler=RelayEndpoint(stages, operation, dialect))
        for path, operation, dialect in table
    ]
    models = ModelsEndpoint(stages)
    routes.append(Route(methods=("GET",), path="/v1/models", handler=models))
    routes.append(Route(methods=("GET",), path="/v1/models/{model:path}", handler=models))
    return routes
