"""The composition root: settings to ports to stages to routes. The one file that knows the others."""

from __future__ import annotations

import asyncio
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
