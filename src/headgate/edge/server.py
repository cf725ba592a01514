"""The process's server: listens, says when it is ready, and stops without cutting anyone short.

Source: reliability.md 0.1 items 8 and 9: uvicorn alone never exits while one stream is open.
"""

from __future__ import annotations

import asyncio
import errno
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
from uvicorn.config import Config
from uvicorn.server import ServerState

from headgate.base.clock import Clock, SystemClock
from headgate.edge.limits import Limits
from headgate.edge.protocol import HeadgateProtocol
from headgate.edge.shared import Shared
from headgate.edge.site import Site

_BACKLOG = 2048
_HIGHEST_PORT = 65535
_FORCED_GRACE_S = 1.0
_ABORT_S = 1.0
_REASONS = {
    errno.EADDRINUSE: "another program is listening there; stop it, or choose another port",
    errno.EADDRNOTAVAIL: "this machine has no such address",
    errno.EACCES: "ports below 1024 need special rights; choose another port",
}

AsgiApp = Callable[..., Any]


class CannotListen(Exception):  # noqa: N818 - it says what happened, in the words of the caller
    """The address cannot be used; the text is one line for a person."""


class ServerSettings(msgspec.Struct, kw_only=True):
    """How to serve. `port` 0 takes any free one; `on_ready` gets the address as a URL."""

    host: str = "127.0.0.1"
    port: int = 8000
    on_ready: Callable[[str], None] = lambda _address: None
    limits: Limits = msgspec.field(default_factory=Limits)
    drain_s: float = 30.0  # for requests under way when the server stops ...
    cut_grace_s: float = 5.0  # ... and then for the cancelled to say so and to settle
    clock: Clock = msgspec.field(default_factory=SystemClock)


async def serve(site: Site, asgi_app: AsgiApp | None, settings: ServerSettings) -> int:
    """Serve until SIGTERM or SIGINT, then drain; a second signal stops at once.

    Returns the process's exit code. Errors: `CannotListen`.
    """
    loop = asyncio.get_running_loop()
    stop, force = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (force if stop.is_set() else stop).set()

    server = Server(site, asgi_app, settings)
    address = await server.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    try:
        settings.on_ready(address)
        await stop.wait()
        await server.stop(force)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
    return 0


class Server:
    """One listening socket and its connections."""

    def __init__(self, site: Site, asgi_app: AsgiApp | None, settings: ServerSettings) -> None:
        self._settings = settings
        self._shared = Shared(site, settings.limits, settings.clock, has_app=asgi_app is not None)
        self._config = Config(
            asgi_app or _no_app,
            http=HeadgateProtocol,
            ws="none",
            lifespan="off" if asgi_app is None else "auto",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
        )
        self._state = ServerState()
        self._listener: asyncio.Server | None = None
        self._ticker: asyncio.TimerHandle | None = None

    @property
    def connection_count(self) -> int:
        """Connections that are open, or whose task is not over."""
        return len(self._shared.connections)

    async def start(self) -> str:
        """Start the app and listen; the address as a URL.

        Errors: `CannotListen`.
        """
        host, port = self._settings.host, self._settings.port
        if not 0 <= port <= _HIGHEST_PORT:  # uvloop would take it modulo 65536
            raise CannotListen(f"cannot listen on {host}:{port}: a port is from 0 to 65535")
        self._config.load()
        self._lifespan = self._config.lifespan_class(self._config)
        await self._lifespan.startup()
        loop = asyncio.get_running_loop()
        try:
            self._listener = await loop.create_server(self.connect, host, port, backlog=_BACKLOG)
        except (OSError, UnicodeError) as error:
            await self._lifespan.shutdown()
            raise CannotListen(f"cannot listen on {host}:{port}: {_reason(error)}") from None
        _raise_descriptor_limit()
        self._tick()
        taken = self._listener.sockets[0].getsockname()[1]
        return f"http://[{host}]:{taken}" if ":" in host else f"http://{host}:{taken}"

    def connect(self) -> HeadgateProtocol:
        """Make the protocol of a new connection."""
        loop = asyncio.get_running_loop()
        return HeadgateProtocol(self._shared, self._config, self._state, self._lifespan.state, loop)

    async def stop(self, force: asyncio.Event | None = None) -> None:
        """Close the door, wait for who is inside, then cut; `force` ends the wait."""
        shared, force = self._shared, force or asyncio.Event()
        shared.draining = True
        if self._listener is not None:
            self._listener.close()
        if not shared.connections:
            shared.empty.set()
        for connection in list(shared.connections):
            connection.begin_drain()
        await self._until_empty(self._settings.drain_s, force)
        for connection in list(shared.connections):
            connection.give_up()
        for task in list(self._state.tasks):
            task.cancel()
        grace_s = _FORCED_GRACE_S if force.is_set() else self._settings.cut_grace_s
        await self._until_empty(grace_s)
        for connection in list(shared.connections):
            connection.kill()
        await self._until_empty(_ABORT_S)
        if self._ticker is not None:
            self._ticker.cancel()
        await self._lifespan.shutdown()

    async def _until_empty(self, seconds: float, force: asyncio.Event | None = None) -> None:
        events = [self._shared.empty] if force is None else [self._shared.empty, force]
        waits = [asyncio.create_task(event.wait()) for event in events]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await asyncio.wait(waits)

    def _tick(self) -> None:
        self._shared.tell_time()
        self._ticker = asyncio.get_running_loop().call_later(1.0, self._tick)


async def _no_app(_scope: object, _receive: object, _send: object) -> None:
    """Never called: without an ASGI app the site answers everything."""


def _raise_descriptor_limit() -> None:
    """Two descriptors for each request soon exceed the usual soft limit of 1,024 (F-C9)."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # macOS calls a limit "infinite" and then refuses it
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _reason(error: Exception) -> str:
    if isinstance(error, socket.gaierror | UnicodeError):
        return "the host name is unknown"
    if isinstance(error, OSError) and error.errno in _REASONS:
        return _REASONS[error.errno]
    return str(error)
