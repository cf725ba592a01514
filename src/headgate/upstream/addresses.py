"""Which addresses a name has, and which of them nobody may connect to.

A resolved address is the one that is connected to: there is no second look-up in between.
Source: reliability.md F-U2 (the last good answer serves while the resolver is down), S-40, S-42
(the operator's own upstreams may be private; metadata services never).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, NamedTuple

from headgate.base.failure import RelayError
from headgate.upstream.transport_failures import unreachable

FRESH_S = 30.0
KEPT_S = 60.0
LOOK_UP_S = 3.0
_MOST_NAMES = 1024

_METADATA_V4 = (
    IPv4Network("169.254.0.0/16"),  # AWS, GCP, Azure, OpenStack and others, ECS credentials
    IPv4Network("168.63.129.16/32"),  # Azure host
    IPv4Network("100.100.100.200/32"),  # Alibaba
    IPv4Network("192.0.0.192/32"),  # Oracle
)
_METADATA_V6 = IPv6Network("fd00:ec2::/32")
_NAT64 = IPv6Network("64:ff9b::/96")
_V4_COMPATIBLE = IPv6Network("::/96")
_METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "metadata.goog"})


class Address(NamedTuple):
    """Where to connect. Shape: `endpoint` as `socket.connect` takes it."""

    family: socket.AddressFamily
    endpoint: tuple[Any, ...]


LookUp = Callable[[str, int], Awaitable[list[Address]]]


async def look_up(host: str, port: int) -> list[Address]:
    """Ask the system, in a thread of its own, so that a slow resolver blocks nobody else."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [Address(socket.AddressFamily(family), endpoint) for family, _, _, _, endpoint in found]


def is_metadata(host: str) -> bool:
    """Tell whether a literal address, in any spelling, is that of a cloud's metadata service."""
    host = host.rstrip(".")  # a name's end; some resolvers take it behind a number as well
    try:
        address = ip_address(host)
    except ValueError:
        try:
            address = IPv4Address(socket.inet_aton(host))  # 0xa9fea9fe, 2852039166, 169.254.43518
        except OSError:
            return host in _METADATA_NAMES
    if isinstance(address, IPv6Address):
        if address in _METADATA_V6:
            return True
        inner = _v4_within(address)
        if inner is None:
            return False
        address = inner
    return any(address in network for network in _METADATA_V4)


def _v4_within(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that is reached by way of an IPv6 one."""
    if address in _NAT64 or address in _V4_COMPATIBLE:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


class _Entry(NamedTuple):
    addresses: list[Address]
    found_s: float


class Resolver:
    """Remembers look-ups for a short while; the same question is asked once at a time.

    `fresh_s`: how long an answer is used unasked; `kept_s`: how long while the resolver is down;
    `look_up_s`: how long anybody waits for it.
    """

    def __init__(
        self,
        look_up: LookUp = look_up,
        *,
        fresh_s: float = FRESH_S,
        kept_s: float = KEPT_S,
        look_up_s: float = LOOK_UP_S,
    ) -> None:
        self._look_up = look_up
        self._fresh_s = fresh_s
        self._kept_s = kept_s
        self._look_up_s = look_up_s
        self._known: dict[tuple[str, int], _Entry] = {}
        self._asking: dict[tuple[str, int], asyncio.Task[list[Address]]] = {}

    async def resolve(self, host: str, port: int) -> list[Address]:
        """Find the addresses of a host, the one that worked last time first.

        Errors: RelayError when there are none, or one of them must not be connected to.
        """
        now_s = asyncio.get_running_loop().time()
        entry = self._known.get((host, port))
        if entry is not None and now_s - entry.found_s < self._fresh_s:
            return entry.addresses
        addresses = await self._ask(host, port)
        if not addresses and entry is not None and now_s - entry.found_s < self._kept_s:
            return entry.addresses
        if not addresses:
            raise RelayError(unreachable())
        if any(is_metadata(str(address.endpoint[0])) for address in addresses):
            raise RelayError(unreachable("address_not_allowed"))
        if len(self._known) >= _MOST_NAMES:
            self._known.clear()
        self._known[host, port] = _Entry(addresses, asyncio.get_running_loop().time())
        return addresses

    def prefer(self, host: str, port: int, address: Address) -> None:
        """Try this address first from now on: it answered, and others may not have."""
        entry = self._known.get((host, port))
        if entry is not None and entry.addresses[0] != address and address in entry.addresses:
            entry.addresses.remove(address)
            entry.addresses.insert(0, address)

    async def close(self) -> None:
        """Stop asking."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, host: str, port: int) -> list[Address]:
        """Wait for the look-up that is under way, or begin it; none found is an empty list."""
        key = (host, port)
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._find(host, port))
        try:
            async with asyncio.timeout(self._look_up_s):
                return await asyncio.shield(task)
        except TimeoutError:
            return []

    async def _find(self, host: str, port: int) -> list[Address]:
        try:
            return await self._look_up(host, port)
        except (OSError, UnicodeError):
            return []
        finally:
            del self._asking[host, port]
