"""The lab as a server: start it, ask what reached it, close it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from headgate.base.clock import SystemClock
from headgate.lab.connection import Connection
from headgate.lab.journal import Counters, Received
from headgate.lab.site import Site

BACKLOG = 4096
CLOSING_TIMEOUT_S = 5.0


class LabSettings(Struct, frozen=True, kw_only=True):
    """Where the lab listens and what it replays. Port 0: any free one."""

    host: str = "127.0.0.1"
    port: int = 0
    recordings: Path | None = None


class Lab:
    """A running lab."""

    def __init__(self, server: asyncio.Server, site: Site, connections: set[Connection]) -> None:
        self._server = server
        self._site = site
        self._connections = connections
        host, self.port = server.sockets[0].getsockname()[:2]
        self.url = f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def requests(self) -> Sequence[Received]:
        """The last requests, oldest first; those to the fast responder are only counted."""
        return tuple(self._site.journal)

    @property
    def counters(self) -> Counters:
        """Totals since the start or the last `clear`."""
        return self._site.journal.counters

    def clear(self) -> None:
        """Forget the requests and totals."""
        self._site.journal.clear()

    async def close(self) -> None:
        """Stop listening and drop all connections; answers under way are cut."""
        self._server.close()
        connections = tuple(self._connections)
        for connection in connections:
            connection.abort()
        async with asyncio.timeout(CLOSING_TIMEOUT_S):
            await asyncio.gather(*(connection.gone for connection in connections))


async def start_lab(settings: LabSettings) -> Lab:
    """Start the lab in this event loop.

    Raises `OSError` if the address is taken, `RecordingError` if the recordings are unreadable.
    """
    site = Site(settings.recordings, SystemClock())
    connections: set[Connection] = set()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(site, connections),
        settings.host,
        settings.port,
        backlog=BACKLOG,
    )
    return Lab(server, site, connections)
