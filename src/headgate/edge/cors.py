"""Browsers' clients from any origin: keys travel in headers, so no credentials are shared.

Source: reliability.md S-62; fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

from headgate.edge.request import Request
from headgate.edge.responder import Responder

# On every answer of a hot route, errors included: without it a script cannot read even the error.
ANSWER_LINES = b"access-control-allow-origin: *\r\naccess-control-expose-headers: *\r\n"

_DAY_S = b"86400"


async def answer_preflight(request: Request, responder: Responder, methods: bytes) -> None:
    """Allow what the browser asks for. `*` would leave out `Authorization`, so names are echoed."""
    asked = request.header(b"access-control-request-headers")
    headers = [
        (b"access-control-allow-methods", methods),
        (b"access-control-max-age", _DAY_S),
        (b"vary", b"access-control-request-headers"),
    ]
    if asked:
        headers.append((b"access-control-allow-headers", asked))
    responder.answer(204, headers, b"")
