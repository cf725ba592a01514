"""Does it live, does it serve: the questions of load balancers, containers and SDKs.

Source: ecosystem.md 4.1 (`HEAD /` of Claude Code) and 5.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from headgate import __version__
from headgate.edge.request import Request
from headgate.edge.responder import Responder
from headgate.edge.routes import Route

_JSON = (b"content-type", b"application/json")

# Whether requests can be served, and what to say about it. No secrets: anyone may ask.
Readiness = Callable[[], tuple[bool, dict[str, Any]]]


def health_routes(is_ready: Readiness) -> list[Route]:
    """The public routes `/`, `/healthz`, `/health` and `/readyz`."""
    alive = msgspec.json.encode({"status": "ok", "version": __version__})
    welcome = msgspec.json.encode({"name": "headgate", "version": __version__})

    async def live(_request: Request, responder: Responder) -> None:
        responder.answer(200, [_JSON], alive)

    async def ready(_request: Request, responder: Responder) -> None:
        serving, detail = is_ready()
        body = msgspec.json.encode({"status": "ready" if serving else "not ready"} | detail)
        responder.answer(200 if serving else 503, [_JSON], body)

    async def root(_request: Request, responder: Responder) -> None:
        responder.answer(200, [_JSON], welcome)

    get = ("GET",)
    return [
        Route(methods=get, path="/", handler=root, public=True),
        Route(methods=get, path="/healthz", handler=live, public=True),
        Route(methods=get, path="/health", handler=live, public=True),
        Route(methods=get, path="/readyz", handler=ready, public=True),
    ]
