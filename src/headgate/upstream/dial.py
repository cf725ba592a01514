"""Making a connection to an origin: address, TCP, the proxy where there is one, TLS.

Source: reliability.md F-U1 to F-U4 and S-40 (connect to exactly the checked address).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from headgate.base.failure import RelayError
from headgate.upstream.addresses import Address, Resolver, is_metadata
from headgate.upstream.http1 import Origin, ProxyAddress, parse_proxy
from headgate.upstream.proxied import Conversation, tunnel
from headgate.upstream.transport_failures import (
    connect_timed_out,
    proxy_failed,
    tls_failed,
    unreachable,
)

# How long an address may take while there are others: a dead one must not cost the whole bound.
_TURN_S = 2.0

P = TypeVar("P", bound=asyncio.Protocol)


class Dialer:
    """Opens connections. Without a TLS context the system's trust is loaded at the first need."""

    def __init__(self, resolver: Resolver, tls: ssl.SSLContext | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._resolver = resolver
        self._tls = tls

    async def dial(
        self, origin: Origin, connect_s: float, make: Callable[[], P], *, tunnels: bool = False
    ) -> P:
        """Connect within a bound. `tunnels`: it is no HTTP, so any proxy has to make a tunnel.

        Errors: RelayError saying how far it got. Cancelling it leaves no socket behind.
        """
        try:
            async with asyncio.timeout(connect_s):
                if origin.proxy is not None:
                    proxy = parse_proxy(origin.proxy)
                    return await self._through_proxy(origin, proxy, make, tunnels=tunnels)
                return await self._straight(origin.scheme, origin.host, origin.port, make)
        except TimeoutError:
            raise RelayError(connect_timed_out()) from None

    async def _straight(self, scheme: str, host: str, port: int, make: Callable[[], P]) -> P:
        link = await self._tcp(host, port)
        if scheme == "http":
            return (await self._loop.create_connection(make, sock=link))[1]
        with _tls_failures():
            _, protocol = await self._loop.create_connection(
                make, sock=link, ssl=self._context(), server_hostname=host.rstrip(".")
            )
            return protocol

    async def _through_proxy(
        self, origin: Origin, proxy: ProxyAddress, make: Callable[[], P], *, tunnels: bool
    ) -> P:
        if is_metadata(origin.host):  # the proxy resolves names out of our sight
            raise RelayError(unreachable("address_not_allowed"))
        if origin.scheme == "http" and proxy.scheme in ("http", "https") and not tunnels:
            # Many proxies allow a tunnel to port 443 only. The request names the origin.
            return await self._to_proxy(proxy, make)
        conversation = await self._to_proxy(proxy, Conversation)
        transport = conversation.transport
        assert transport is not None  # noqa: S101 - for the type checker: it is connected
        try:
            await tunnel(conversation, origin, proxy, self._resolver)
            return await self._hand_over(transport, origin, make())
        except BaseException:
            transport.abort()
            raise

    async def _to_proxy(self, proxy: ProxyAddress, make: Callable[[], P]) -> P:
        scheme = "https" if proxy.scheme == "https" else "http"
        try:
            return await self._straight(scheme, proxy.host, proxy.port, make)
        except RelayError as error:
            if error.failure.code is not None:  # it says more than that nobody answers
                raise
            raise RelayError(proxy_failed("nobody answers there")) from error

    async def _hand_over(self, transport: asyncio.Transport, origin: Origin, connection: P) -> P:
        """Let the connection have the transport that the proxy's conversation was on."""
        if origin.scheme == "http":
            transport.set_protocol(connection)
            connection.connection_made(transport)
            return connection
        with _tls_failures():
            secured = await self._loop.start_tls(
                transport, connection, self._context(), server_hostname=origin.host.rstrip(".")
            )
        if secured is None:
            raise RelayError(tls_failed(ConnectionResetError()))
        connection.connection_made(secured)
        return connection

    async def _tcp(self, host: str, port: int) -> socket.socket:
        """Try the addresses in turn; the one that answers goes first the next time."""
        *others, last = await self._resolver.resolve(host, port)
        for address in others:
            try:
                async with asyncio.timeout(_TURN_S):
                    link = await self._connected(address)
            except OSError:  # also TimeoutError
                continue
            self._resolver.prefer(host, port, address)
            return link
        try:
            link = await self._connected(last)
        except TimeoutError:
            raise
        except OSError as error:
            raise RelayError(unreachable()) from error
        self._resolver.prefer(host, port, last)
        return link

    async def _connected(self, address: Address) -> socket.socket:
        link = socket.socket(address.family, socket.SOCK_STREAM)
        try:
            link.setblocking(False)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            await self._loop.sock_connect(link, address.endpoint)
        except BaseException:
            link.close()
            raise
        return link

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


@contextmanager
def _tls_failures() -> Iterator[None]:
    """Tell what went wrong in a handshake; a bound that passed meanwhile stays what it is."""
    try:
        yield
    except TimeoutError:
        raise
    except OSError as error:
        raise RelayError(tls_failed(error)) from error
