"""Proxies of the tests: small, and strict about what they are told."""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Proxy:
    """What it was told, and where it is."""

    def __init__(self) -> None:
        self.address = ""
        self.heard: list[bytes] = []

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak HTTP CONNECT; whatever was asked for, it is reached on loopback."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.heard.append(head)
        port = int(head.split(b" ")[1].rpartition(b":")[2])
        writer.write(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
        await join(reader, writer, port)

    async def socks5(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak SOCKS5, with a password if one is offered."""
        _, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        writer.write(bytes((5, methods[0])))
        if methods[0] == 2:
            _, size = await reader.readexactly(2)
            user = await reader.readexactly(size)
            password = await reader.readexactly((await reader.readexactly(1))[0])
            self.heard.append(user + b":" + password)
            writer.write(b"\x01" + (b"\0" if password == b"p:w" else b"\1"))
        _, _, _, kind = await reader.readexactly(4)
        size = (await reader.readexactly(1))[0] if kind == 3 else {1: 4, 4: 16}[kind]
        host = await reader.readexactly(size)
        (port,) = struct.unpack(">H", await reader.readexactly(2))
        self.heard.append(bytes((kind,)) + host)
        writer.write(b"\x05\0\0\x03\x04name\0\0" if kind == 3 else b"\x05\0\0\x01\0\0\0\0\0\0")
        await join(reader, writer, port)


async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """Carry bytes both ways until one side ends."""
    there, back = await asyncio.open_connection("127.0.0.1", port)

    async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65536):
                target.write(data)
                await target.drain()

    directions = [
        asyncio.create_task(carry(reader, back)),
        asyncio.create_task(carry(there, writer)),
    ]
    await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
    for direction in directions:
        direction.cancel()
    await asyncio.wait(directions)
    back.close()


@asynccontextmanager
async def listening(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve connections; give the address."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await serve(reader, writer)
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(serve_one, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        if tasks:
            await asyncio.wait(tasks, timeout=1)
