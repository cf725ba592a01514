"""From a caller's GET to a WebSocket: who may ask, and the answer to the handshake.

A route that has a `websocket` handler answers the handshake of a caller like any request, errors
included, until it accepts. No cookie says who the caller is, only a key that a page must have been
given, so any origin may ask. Compression is not offered: it costs memory for each connection.
Source: RFC 6455 4.2; reliability.md F-C23.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from websockets.datastructures import Headers as HandshakeHeaders
from websockets.http11 import Request as HandshakeRequest
from websockets.protocol import Protocol, Side
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.edge.head import bad_request
from headgate.edge.request import Request
from headgate.edge.responder import Responder
from headgate.edge.routes import Match
from headgate.edge.site import Site
from headgate.upstream.websocket import SocketBounds, WebSocket

Headers = list[tuple[bytes, bytes]]

_ACCEPTED = 101
_UPGRADE_REQUIRED = 426
_SHOWN_PATH = 200
_TOLD = ("sec-websocket-accept", "sec-websocket-protocol")
_VERSION = b"sec-websocket-version"


def is_websocket(method: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether a request that asks for an upgrade is a WebSocket's handshake.

    Others are answered as if they had not asked: Java's client asks for h2c with every first POST.
    """
    if method != b"GET":
        return False
    fields = dict(headers)
    return fields.get(b"upgrade", b"").strip().lower() == b"websocket" and (
        b"sec-websocket-key" in fields or _VERSION in fields
    )


def socket_match(site: Site, url: bytes, headers: Sequence[tuple[bytes, bytes]]) -> Match:
    """Find who answers a handshake.

    Errors: `RelayError` (400) where nobody speaks WebSocket, or when the handshake has a body.
    """
    fields = dict(headers)
    if b"transfer-encoding" in fields or int(fields.get(b"content-length", 0)):
        raise bad_request("A WebSocket's handshake has no body.")
    match = site.find(b"GET", url)
    assert match is not None  # noqa: S101 - for the type checker: the ASGI app was not offered
    route = match.route
    if not route.methods:  # nothing there, or another method: it says so itself
        return match
    if route.websocket is None:
        raise bad_request(f"There is no WebSocket at {match.path[:_SHOWN_PATH]}.")
    return match._replace(route=msgspec.structs.replace(route, handler=route.websocket))


async def upgrade_required(_request: Request, responder: Responder) -> None:
    """Answer a GET that asks for no WebSocket where there is nothing else."""
    message = "This path speaks WebSocket only: send `Upgrade: websocket`, or POST where it can be."
    failure = Failure(
        kind=FailureKind.INVALID_REQUEST,
        status=_UPGRADE_REQUIRED,
        message=message,
        code="upgrade_required",
    )
    raise RelayError(failure)


class Handshake:
    """A caller's handshake, looked at and found in order; nothing has been answered yet."""

    def __init__(
        self, request: Request, bounds: SocketBounds, subprotocols: Sequence[str] = ()
    ) -> None:
        """Look at a handshake; of the `subprotocols` the first that the caller knows is chosen.

        Errors: `RelayError` (400, 426) when it is none, or of another version.
        """

        def chosen(_protocol: ServerProtocol, known: Sequence[Subprotocol]) -> Subprotocol | None:
            return next((Subprotocol(name) for name in subprotocols if name in known), None)

        headers = HandshakeHeaders()
        for name, value in request.headers:
            headers[name.decode("latin-1")] = value.decode("latin-1")
        judge = ServerProtocol(select_subprotocol=chosen)
        self._bounds = bounds
        self._answer = judge.accept(HandshakeRequest(request.path, headers))
        self._subprotocol = judge.subprotocol
        if self._answer.status_code != _ACCEPTED:
            raise _refused(request, self._answer.status_code, judge.handshake_exc)

    def accept(self, responder: Responder, headers: Headers) -> WebSocket:
        """Agree. The responder must `leave` when the WebSocket is done with."""
        # Not the one that judged the handshake: that one would have read the head itself.
        protocol = Protocol(Side.SERVER, max_size=self._bounds.message_bytes)
        protocol.subprotocol = self._subprotocol
        told = [
            (name.encode(), self._answer.headers[name].encode())
            for name in _TOLD
            if name in self._answer.headers
        ]
        socket = WebSocket(protocol, self._bounds, asyncio.get_running_loop())
        responder.switch([*told, *headers], socket)
        return socket


def _refused(request: Request, status: int, fault: Exception | None) -> RelayError:
    version = request.header(_VERSION)
    if version is not None and version.strip() != b"13":
        status, fault = _UPGRADE_REQUIRED, ValueError("only version 13 is spoken here")
    return bad_request(f"The WebSocket's handshake is not in order: {fault}.", status)
