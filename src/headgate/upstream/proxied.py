"""The way through a proxy: HTTP CONNECT (RFC 9110 9.3.6) and SOCKS5 (RFC 1928, RFC 1929).

A tunnel is a plain transport with the proxy's conversation already behind it, so what follows
(TLS, HTTP) does not know of the proxy. A library would bring a second HTTP client and 20 MB for
these two exchanges of a few bytes.
"""

from __future__ import annotations

import asyncio
import socket
from typing import cast

from headgate.base.failure import RelayError
from headgate.upstream.addresses import Resolver
from headgate.upstream.http1 import Origin, ProxyAddress, authority_of, basic_credentials
from headgate.upstream.transport_failures import proxy_failed

_MOST_REPLY_BYTES = 16 * 1024
_VERSION = 5
_NO_AUTHENTICATION, _USER_AND_PASSWORD = 0, 2
_IPV4, _NAME, _IPV6 = 1, 3, 4
_REFUSALS = {
    1: "general failure",
    2: "not allowed",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "timed out",
    7: "command not supported",
    8: "address type not supported",
}


class Conversation(asyncio.Protocol):
    """A few questions and answers with a proxy, before the transport changes hands."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._is_over = False
        self._news: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_over = True
        self._wake()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def say(self, data: bytes) -> None:
        """Send."""
        if self.transport is not None and not self._is_over:
            self.transport.write(data)

    async def hear(self, size: int) -> bytes:
        """Receive exactly so many bytes."""
        while len(self._received) < size:
            await self._more()
        return self._cut(size)

    async def hear_until(self, mark: bytes) -> bytes:
        """Receive up to and with a mark."""
        while (end := self._received.find(mark)) < 0:
            await self._more()
        return self._cut(end + len(mark))

    def _cut(self, size: int) -> bytes:
        data = bytes(self._received[:size])
        del self._received[:size]
        return data

    async def _more(self) -> None:
        if self._is_over:
            raise RelayError(proxy_failed("closed the connection"))
        if len(self._received) > _MOST_REPLY_BYTES:
            raise RelayError(proxy_failed("answers too much"))
        self._news = asyncio.get_running_loop().create_future()
        await self._news


async def tunnel(
    conversation: Conversation, origin: Origin, proxy: ProxyAddress, resolver: Resolver
) -> None:
    """Have the proxy connect to the origin.

    Errors: RelayError when it does not.
    """
    if proxy.scheme in ("http", "https"):
        await _http_connect(conversation, origin, proxy)
    else:
        await _socks5(conversation, origin, proxy, resolver)


async def _http_connect(conversation: Conversation, origin: Origin, proxy: ProxyAddress) -> None:
    target = authority_of(origin.host, origin.port)
    head = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"
    if proxy.user:
        head += f"Proxy-Authorization: {basic_credentials(proxy)}\r\n"
    conversation.say(f"{head}\r\n".encode("ascii"))
    answer = await conversation.hear_until(b"\r\n\r\n")
    version, _, rest = answer.partition(b" ")
    status = rest[:3]
    if not version.startswith(b"HTTP/1.") or not status.isdigit():
        raise RelayError(proxy_failed("does not speak HTTP"))
    if not status.startswith(b"2"):
        raise RelayError(proxy_failed(f"answered {status.decode()}"))


async def _socks5(
    conversation: Conversation, origin: Origin, proxy: ProxyAddress, resolver: Resolver
) -> None:
    method = _USER_AND_PASSWORD if proxy.user else _NO_AUTHENTICATION
    conversation.say(bytes((_VERSION, 1, method)))
    version, chosen = await conversation.hear(2)
    if version != _VERSION:
        raise RelayError(proxy_failed("does not speak SOCKS5"))
    if chosen != method:
        raise RelayError(proxy_failed("wants another way of authentication"))
    if proxy.user:
        conversation.say(b"\x01" + _counted(proxy.user) + _counted(proxy.password))
        if (await conversation.hear(2))[1] != 0:
            raise RelayError(proxy_failed("refused the password"))
    address = await _socks5_address(origin, proxy, resolver)
    conversation.say(bytes((_VERSION, 1, 0)) + address + origin.port.to_bytes(2, "big"))
    _, reply, _, kind = await conversation.hear(4)
    if reply != 0:
        raise RelayError(proxy_failed(_REFUSALS.get(reply, "refused")))
    size = (await conversation.hear(1))[0] if kind == _NAME else {_IPV4: 4, _IPV6: 16}.get(kind, 0)
    await conversation.hear(size + 2)  # the address it connected from: nobody's interest


async def _socks5_address(origin: Origin, proxy: ProxyAddress, resolver: Resolver) -> bytes:
    """Write the target: as a name for the proxy to resolve (socks5h), else as an address."""
    host = origin.host
    if proxy.scheme == "socks5":
        host = str((await resolver.resolve(origin.host, origin.port))[0].endpoint[0])
    for kind, family in ((_IPV4, socket.AF_INET), (_IPV6, socket.AF_INET6)):
        try:
            return bytes((kind,)) + socket.inet_pton(family, host)
        except OSError:
            continue
    return bytes((_NAME,)) + _counted(host)


def _counted(text: str) -> bytes:
    """Write a string behind its length, which has one byte."""
    data = text.encode()
    if len(data) > 255:
        raise RelayError(proxy_failed("name or password is too long for SOCKS5"))
    return bytes((len(data),)) + data
