"""Opening a WebSocket to an upstream: the way there is HTTP's, then a handshake, or a `Failure`.

The same addresses, proxies, TLS, credentials and bounds as for any request (`open.py`).
Source: RFC 6455 4.1; reliability.md 2.2 (F-U1 to F-U8).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import cast

import msgspec
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.protocol import CONNECTING
from websockets.uri import WebSocketURI

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.snapshot.facts import Timeouts
from headgate.upstream.classify import DecodeError, classify
from headgate.upstream.client_pool import ClientPool
from headgate.upstream.http1 import HttpRequest, encode_head
from headgate.upstream.open import address
from headgate.upstream.timeouts import LazyTimer
from headgate.upstream.transport_failures import bad_reply, cut, timed_out
from headgate.upstream.websocket import SocketBounds, WebSocket

_NO_SOCKET = "The upstream does not answer as a WebSocket"
_WRITE_BUFFER_BYTES = 64 * 1024


class SocketAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Where to open a WebSocket, and how to read a refusal."""

    url: str
    model: str
    query: str
    headers: Sequence[tuple[str, str]]
    request_id: str
    timeouts: Timeouts
    proxy: str | None
    decode_error: DecodeError
    bounds: SocketBounds = SocketBounds()
    retry_client_errors: bool = False


class UpstreamSocket(WebSocket, asyncio.Protocol):
    """The upstream's end. It owns its transport."""

    def __init__(
        self,
        pool: ClientPool,
        ask: SocketAsk,
        loop: asyncio.AbstractEventLoop,
        protocol: ClientProtocol,
    ) -> None:
        super().__init__(protocol, ask.bounds, loop)
        self._client = protocol
        self._pool = pool
        self._link: asyncio.Transport | None = None
        self._shaken: asyncio.Future[None] = loop.create_future()
        self._write_s = ask.timeouts.write_s
        self._stall = LazyTimer(loop, self.abort)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._link = cast("asyncio.Transport", transport)
        self._link.set_write_buffer_limits(high=_WRITE_BUFFER_BYTES)
        self._pool.adopt(self)

    def data_received(self, data: bytes) -> None:
        self.feed(data)
        if self._client.state is not CONNECTING or self._client.handshake_exc is not None:
            self._tell()

    def eof_received(self) -> None:
        self.lost()
        self._tell()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost()
        self._tell()
        self._stall.stop()
        self._link = None
        self._pool.release(self)

    def pause_writing(self) -> None:
        self.set_paused(True)
        self._stall.move(self._loop.time() + self._write_s)

    def resume_writing(self) -> None:
        self.set_paused(False)
        self._stall.stop()

    async def shake(self, head: bytes, bound_s: float) -> None:
        """Ask for the handshake, and wait for its answer.

        Errors: TimeoutError; `failure()` says whether it succeeded.
        """
        if self._link is not None and not self._link.is_closing():
            self._link.write(head)
            async with asyncio.timeout(bound_s):
                await self._shaken
            if self._client.handshake_exc is None and self._link is not None:
                self.attach(self._link)
                self._look_after_reading()

    def failure(self, ask: SocketAsk, now_s: float) -> Failure | None:
        """Say why there is no WebSocket; None when there is one."""
        fault = self._client.handshake_exc
        if isinstance(fault, InvalidStatus):
            return _refusal(fault, ask, now_s)
        if self.over.is_set() and self._client.close_rcvd is None:
            return cut(has_begun=False)
        return bad_reply(_NO_SOCKET, has_begun=False) if fault is not None else None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye, and let go of the socket."""
        try:
            await super().close(code, reason)
        except BaseException:
            self.abort()
            raise
        if not self.over.is_set():
            self.abort()
        elif self._link is not None:
            self._link.close()

    def abort(self) -> None:
        """Break the connection off."""
        if self._link is not None:
            self._link.abort()
        self.lost()

    def _tell(self) -> None:
        if not self._shaken.done():
            self._shaken.set_result(None)


async def open_websocket(pool: ClientPool, ask: SocketAsk, now_s: float) -> UpstreamSocket:
    """Open a WebSocket; return once the upstream has agreed. Who gets it must `close` it.

    Errors: RelayError with what the upstream's refusal means, or what the network did.
    """
    origin, target = address(_as_http(ask.url), ask.model, ask.query)
    if ask.proxy is not None:
        origin = origin._replace(proxy=ask.proxy)
    is_secure = origin.scheme == "https"
    protocol = ClientProtocol(
        WebSocketURI(is_secure, origin.host, origin.port, target, "", None, None),
        max_size=ask.bounds.message_bytes,
    )
    own = (("x-request-id", ask.request_id),)
    # Through a tunnel the origin is asked, so the proxy has no place in the head.
    request = HttpRequest("GET", origin._replace(proxy=None), target, ask.headers, b"", own)
    head = encode_head(request)[:-2] + (
        b"upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n"
        b"sec-websocket-key: %b\r\n\r\n" % protocol.key.encode()
    )
    loop = asyncio.get_running_loop()
    socket = await pool.dial(
        origin, ask.timeouts, partial(UpstreamSocket, pool, ask, loop, protocol)
    )
    try:
        await socket.shake(head, ask.timeouts.first_byte_s)
    except TimeoutError:
        socket.abort()
        raise RelayError(timed_out(ask.timeouts.first_byte_s, has_begun=False)) from None
    except BaseException:
        socket.abort()
        raise
    failure = socket.failure(ask, now_s)
    if failure is not None:
        socket.abort()
        raise RelayError(failure)
    return socket


def _as_http(url: str) -> str:
    """Operators write `wss://` as well."""
    return "http" + url[2:] if url.startswith(("ws://", "wss://")) else url


def _refusal(fault: InvalidStatus, ask: SocketAsk, now_s: float) -> Failure:
    answer = fault.response
    if answer.status_code < 400:
        return Failure(
            kind=FailureKind.UPSTREAM_BAD_REPLY, message=f"{_NO_SOCKET} ({answer.status_code})."
        )
    headers = {
        name.lower().encode("latin-1"): value.encode("latin-1")
        for name, value in reversed(list(answer.headers.raw_items()))
    }
    return classify(
        answer.status_code,
        headers,
        bytes(answer.body),
        ask.decode_error,
        now_s=now_s,
        retry_client_errors=ask.retry_client_errors,
    )
