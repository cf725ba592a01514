"""The one client: every socket to a provider is opened, kept and closed here.

Source: architecture.md 8; reliability.md decision 5, F-U28, S-43 (no redirects, no environment).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from functools import partial
from typing import Protocol

from headgate.base.failure import RelayError
from headgate.snapshot.facts import Timeouts
from headgate.upstream.addresses import Resolver
from headgate.upstream.connection import Connection
from headgate.upstream.decoding import decoded
from headgate.upstream.dial import Dialer, P
from headgate.upstream.http1 import HttpRequest, Origin, encode_head
from headgate.upstream.lane import Lane
from headgate.upstream.response import Http1Response, UpstreamResponse
from headgate.upstream.timeouts import NEVER_S
from headgate.upstream.transport_failures import cut, unreachable

IDLE_S = 50.0
MOST_IDLE_PER_ORIGIN = 256
_CLOSE_S = 2.0
_SWEEPS_PER_IDLE_TIME = 4


class Abortable(Protocol):
    """A connection of another protocol than HTTP."""

    def abort(self) -> None:
        """Close the socket at once."""


class ClientPool:
    """Sends requests over kept connections. One per process; made inside its event loop.

    `tls` None: the system's trust, loaded at the first https origin. `idle_s`: how long an unused
    connection is kept. `max_connections_per_origin` None: as many as there are requests.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        idle_s: float = IDLE_S,
        max_idle_per_origin: int = MOST_IDLE_PER_ORIGIN,
        max_connections_per_origin: int | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._resolver = resolver or Resolver()
        self._dialer = Dialer(self._resolver, tls)
        self._idle_s = idle_s
        self._max_idle = max_idle_per_origin
        self._max_connections = max_connections_per_origin
        self._lanes: dict[Origin, Lane] = {}
        self._others: set[Abortable] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed: asyncio.Future[None] | None = None

    @property
    def open_connections(self) -> int:
        """Sockets to providers, kept ones and those in use."""
        return sum(len(lane.open) for lane in self._lanes.values()) + len(self._others)

    async def send(self, request: HttpRequest, timeouts: Timeouts) -> UpstreamResponse:
        """Send a request; return when the head of the answer is there, whatever its status.

        Errors: RelayError when there is no answer. Cancelling it closes the socket at once.
        """
        head = encode_head(request)
        lane = self._lanes.get(request.origin) or self._new_lane(request.origin)
        now_s = self._loop.time()
        total_at_s = NEVER_S if timeouts.total_s is None else now_s + timeouts.total_s
        connection = lane.take(now_s - self._idle_s)
        while True:
            if connection is None:
                connection = await self._connect(lane, request.origin, timeouts, total_at_s)
            try:
                await connection.ask(head, request.body, request.method, timeouts, total_at_s)
            except BaseException:
                connection.abort()
                raise
            if connection.has_head:
                return decoded(Http1Response(connection))
            if not connection.is_stale:
                raise RelayError(connection.failure or cut(has_begun=False))
            connection = None  # once: a fresh connection is never stale

    async def dial(self, origin: Origin, timeouts: Timeouts, make: Callable[[], P]) -> P:
        """Open a connection for another protocol than HTTP: it is its maker's to `adopt` and close.

        Errors: RelayError saying how far it got. Cancelling it leaves no socket behind.
        """
        return await self._dialer.dial(origin, timeouts.connect_s, make, tunnels=True)

    def adopt(self, connection: Abortable) -> None:
        """Count a connection that was dialed, and close it with the rest."""
        self._others.add(connection)
        if self._closed is not None:
            connection.abort()

    def release(self, connection: Abortable) -> None:
        """Strike out a dialed connection that is closed."""
        self._others.discard(connection)
        self.forgotten()

    async def close(self) -> None:
        """Close every socket; answers that are still read break off."""
        self._closed = self._loop.create_future()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for lane in self._lanes.values():
            lane.abort()
        for connection in list(self._others):
            connection.abort()
        await self._resolver.close()
        self.forgotten()
        await asyncio.wait([self._closed], timeout=_CLOSE_S)

    def kept(self) -> None:
        """A lane keeps a connection: see to it that it is not kept for ever."""
        if self._sweeper is None and self._closed is None:
            self._sweeper = self._loop.call_later(self._idle_s / _SWEEPS_PER_IDLE_TIME, self._sweep)

    def forgotten(self) -> None:
        """A connection is closed; `close` waits for the last one."""
        if self._closed is not None and not self._closed.done() and self.open_connections == 0:
            self._closed.set_result(None)

    async def _connect(
        self, lane: Lane, origin: Origin, timeouts: Timeouts, total_at_s: float
    ) -> Connection:
        """Open a connection, or have one that becomes free where no more may be opened."""
        bound_s = min(timeouts.connect_s, total_at_s - self._loop.time())
        if lane.is_full:
            connection = await self._wait_for_turn(lane, bound_s)
            if connection is not None:
                return connection
        with lane.dialing():
            make = partial(Connection, self._loop, lane)
            connection = await self._dialer.dial(origin, bound_s, make)
            if self._closed is not None:
                connection.abort()
            if not connection.is_usable:
                raise RelayError(cut(has_begun=False))
            lane.open.add(connection)
        return connection

    async def _wait_for_turn(self, lane: Lane, bound_s: float) -> Connection | None:
        try:
            async with asyncio.timeout(bound_s):
                while lane.is_full:
                    await lane.change()
                    connection = lane.take(self._loop.time() - self._idle_s)
                    if connection is not None:
                        return connection
        except TimeoutError:
            raise RelayError(unreachable("upstream_pool_timeout")) from None
        return None

    def _new_lane(self, origin: Origin) -> Lane:
        lane = self._lanes[origin] = Lane(self, self._max_idle, self._max_connections)
        return lane

    def _sweep(self) -> None:
        """Close what has been idle for too long, and drop lanes that nobody uses any more."""
        self._sweeper = None
        oldest_s = self._loop.time() - self._idle_s
        for origin, lane in list(self._lanes.items()):
            lane.drop_older(oldest_s)
            if lane.is_unused:
                del self._lanes[origin]
            elif lane.idle:
                self.kept()
