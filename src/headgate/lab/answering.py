"""Perform a plan on a connection: the head, the chunks, the silences and the cuts."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from http import HTTPStatus

from headgate.lab.plan import (
    Close,
    Goodbye,
    Hang,
    Head,
    Ping,
    Plan,
    Repeat,
    Reset,
    Send,
    Step,
    Wait,
)

HANG_MAX_S = 3600.0
LINGER_NONE = struct.pack("ii", 1, 0)
LAST_CHUNK = b"0\r\n\r\n"
NO_BODY = {204, 304}
REASONS = {status.value: status.phrase for status in HTTPStatus} | {529: "Overloaded"}


def head_of(plan: Plan, *, keep_alive: bool) -> bytes:
    """The status line and headers of an answer."""
    lines = [f"HTTP/1.1 {plan.status} {REASONS.get(plan.status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in plan.headers]
    if plan.length is not None and plan.status not in NO_BODY:
        lines.append(f"content-length: {plan.length}")
    elif plan.length is None:
        lines.append("transfer-encoding: chunked")
    if not keep_alive:
        lines.append("connection: close")
    return "\r\n".join((*lines, "", "")).encode("latin-1", "replace")


def chunk(data: bytes) -> bytes:
    """One HTTP chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def at_once(plan: Plan, *, keep_alive: bool) -> bytes | None:
    """The whole answer, if it needs neither a pause nor a second write."""
    match plan.steps:
        case (Send(data),) if plan.length == len(data):
            return head_of(plan, keep_alive=keep_alive) + data
        case _:
            return None


class Answering:
    """One answer on its way: writes through the transport, waits where the caller is slow.

    `writable` gives what to await before the next write, None for nothing.
    """

    def __init__(
        self,
        plan: Plan,
        transport: asyncio.Transport,
        writable: Callable[[], asyncio.Future[None] | None],
        *,
        keep_alive: bool,
    ) -> None:
        self._plan = plan
        self._transport = transport
        self._writable = writable
        self.cut = False
        self._head: bytes | None = head_of(plan, keep_alive=keep_alive)

    async def perform(self) -> bool:
        """Do all steps. False if the connection is gone; `cut` if the plan did that."""
        for step in self._plan.steps:
            await self._do(step)
            if self._transport.is_closing():
                return False
        await self._write(LAST_CHUNK if self._plan.length is None else b"", framed=True)
        return True

    async def _do(self, step: Step) -> None:
        match step:
            case Send(data):
                await self._write(data)
            case Wait(seconds):
                await asyncio.sleep(seconds)
            case Head():
                await self._write(b"")
            case Repeat(data):
                while not self._transport.is_closing():
                    await self._write(data)
            case Hang():
                await asyncio.sleep(HANG_MAX_S)
                self._transport.abort()
            case Reset():
                self.cut = True
                reset(self._transport)
            case Close() | Goodbye():
                self.cut = True
                self._transport.close()
            case Ping():
                pass

    async def _write(self, data: bytes, *, framed: bool = False) -> None:
        """Write in a system call of its own, the head first if it is still due."""
        if self._plan.length is None and data and not framed:
            data = chunk(data)
        if self._head is not None:
            data, self._head = self._head + data, None
        if data:
            self._transport.write(data)
        # A turn of the loop: uvloop joins the writes of one turn into one.
        await asyncio.sleep(0)
        waiting = self._writable()
        if waiting is not None:
            await waiting


def reset(transport: asyncio.Transport) -> None:
    """Close with RST: a socket that may not linger forgets what is unsent and says so."""
    handle = transport.get_extra_info("socket")
    with socket.socket(fileno=os.dup(handle.fileno())) as duplicate:
        duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
    transport.abort()
