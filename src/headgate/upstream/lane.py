"""The connections to one origin: kept ones, those in use, and who waits for one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from headgate.upstream.connection import Connection


class Keeper(Protocol):
    """Whom a lane tells of its comings and goings."""

    def kept(self) -> None:
        """A connection has become idle."""

    def forgotten(self) -> None:
        """A connection is closed."""


class Lane:
    """Last in, first out: so the connections that are not needed grow old and go."""

    __slots__ = (
        "_dialing",
        "_keeper",
        "_loop",
        "_max_connections",
        "_max_idle",
        "_waiting",
        "idle",
        "open",
    )

    def __init__(self, keeper: Keeper, max_idle: int, max_connections: int | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._keeper = keeper
        self._max_idle = max_idle
        self._max_connections = max_connections
        self._dialing = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.open: set[Connection] = set()
        self.idle: list[Connection] = []

    @property
    def is_full(self) -> bool:
        """No further connection may be opened."""
        most = self._max_connections
        return most is not None and len(self.open) + self._dialing >= most

    @property
    def is_unused(self) -> bool:
        """Nothing open, nothing being opened, nobody waiting."""
        return not self.open and not self._dialing and not self._waiting

    def take(self, oldest_s: float) -> Connection | None:
        """Take an idle connection, unless it has been idle since before `oldest_s`."""
        idle = self.idle
        while idle:
            connection = idle.pop()
            if connection.is_usable and connection.idle_since_s >= oldest_s:
                return connection
            connection.abort()
        return None

    def take_back(self, connection: Connection) -> None:
        """Keep a connection whose answer has been read, or let it go if enough are kept."""
        if len(self.idle) >= self._max_idle:
            connection.abort()
            return
        connection.idle_since_s = self._loop.time()
        self.idle.append(connection)
        self._keeper.kept()
        self._let_one_go_on()

    def forget(self, connection: Connection) -> None:
        """Strike out a closed connection."""
        self.open.discard(connection)
        if connection in self.idle:
            self.idle.remove(connection)
        self._let_one_go_on()
        self._keeper.forgotten()

    def drop_older(self, oldest_s: float) -> None:
        """Close the connections that have been idle since before a time."""
        for connection in self.idle:
            if connection.idle_since_s >= oldest_s:
                break  # they lie in the order in which they came back
            connection.abort()

    def abort(self) -> None:
        """Close everything."""
        for connection in list(self.open):
            connection.abort()

    @contextmanager
    def dialing(self) -> Iterator[None]:
        """Count a connection that is being opened."""
        self._dialing += 1
        try:
            yield
        finally:
            self._dialing -= 1
            self._let_one_go_on()

    async def change(self) -> None:
        """Wait until a connection is free, or one more may be opened."""
        turn = self._loop.create_future()
        self._waiting.append(turn)
        try:
            await turn
        except BaseException:
            if turn.cancelled():
                with suppress(ValueError):  # who gave the next turn may have struck it out already
                    self._waiting.remove(turn)
            else:  # our turn had come: pass it on
                self._let_one_go_on()
            raise

    def _let_one_go_on(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
