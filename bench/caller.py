"""A caller in Python: single exchanges with the time to their first byte, and slow streams."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Callable

from msgspec import Struct

from bench.processes import LOOPBACK
from bench.workloads import KEY

READ_BYTES = 1 << 16
TIMEOUT_S = 20.0
POLL_S = 0.005
SAMPLE_S = 0.2
STREAMS_TIMEOUT_S = 60.0
CONNECTING_AT_ONCE = 100
CHUNKED = b"transfer-encoding: chunked"
LAST_CHUNK = b"\r\n0\r\n\r\n"
CONTENT_LENGTH = re.compile(rb"content-length: *(\d+)")


class AnswerError(Exception):
    """An answer that is not the one we know; the message says what came instead."""


class Timed(Struct, frozen=True):
    """An answer, head included, and how long its first byte took."""

    data: bytes
    first_byte_us: float


class Streams(Struct, frozen=True):
    """How a crowd of slow streams fared."""

    count: int
    open_at_once: int
    complete: int
    rss_peak_bytes: int


def request(path: str, body: bytes) -> bytes:
    """Spell a request, head and body in one piece."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def is_whole(data: bytes) -> bool:
    """Whether an answer has arrived to its end. Every answer here is chunked or has a length."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return False
    head = head.lower()
    if CHUNKED in head:
        return (end + body).endswith(LAST_CHUNK)
    length = CONTENT_LENGTH.search(head)
    return length is not None and len(body) >= int(length[1])


def check(data: bytes, proof: bytes) -> None:
    """Raise `AnswerError` unless the answer is a 200 with the text that we wait for."""
    status = data.partition(b"\r\n")[0]
    if b" 200" not in status or proof not in data:
        raise AnswerError(f"unexpected answer: {data[:2000].decode('latin-1')}")


class Line:
    """A kept connection for one exchange after the other."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((LOOPBACK, port), TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def exchange(self, sent: bytes) -> Timed:
        """Send a request and read the whole answer. Raises `OSError`, `AnswerError`."""
        started = time.perf_counter()
        self._socket.sendall(sent)
        data = self._socket.recv(READ_BYTES)
        first_byte_us = (time.perf_counter() - started) * 1e6
        while not is_whole(data):
            more = self._socket.recv(READ_BYTES)
            if not more:
                raise AnswerError(f"the connection ended early: {data[:2000].decode('latin-1')}")
            data += more
        return Timed(data, first_byte_us)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def ask(port: int, sent: bytes) -> Timed:
    """One exchange on a connection of its own. Raises `OSError`, `AnswerError`."""
    line = Line(port)
    try:
        return line.exchange(sent)
    finally:
        line.close()


def wait_ready(port: int, sent: bytes, is_alive: Callable[[], bool]) -> bool:
    """Ask until there is an answer with status 200. False if the program ends or time is up."""
    deadline = time.monotonic() + TIMEOUT_S
    while is_alive() and time.monotonic() < deadline:
        try:
            if b" 200" in ask(port, sent).data.partition(b"\r\n")[0]:
                return True
        except (OSError, AnswerError):
            pass
        time.sleep(POLL_S)
    return False


class Crowd:
    """Many slow streams, held open at once."""

    def __init__(self, port: int, sent: bytes, proof: bytes) -> None:
        self._port = port
        self._sent = sent
        self._proof = proof
        self._connecting = asyncio.Semaphore(CONNECTING_AT_ONCE)
        self._open = 0
        self._open_peak = 0

    async def hold(self, count: int, rss_bytes: Callable[[], int]) -> Streams:
        """Open them all, read each to its end; look at the memory meanwhile."""
        streams = [asyncio.ensure_future(self._stream()) for _ in range(count)]
        rss_peak_bytes = 0
        pending = set(streams)
        try:
            async with asyncio.timeout(STREAMS_TIMEOUT_S):
                while pending:
                    _, pending = await asyncio.wait(pending, timeout=SAMPLE_S)
                    rss_peak_bytes = max(rss_peak_bytes, rss_bytes())
        except TimeoutError:
            for stream in pending:
                stream.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
        complete = sum(not stream.cancelled() and stream.result() for stream in streams)
        return Streams(count, self._open_peak, complete, rss_peak_bytes)

    async def _stream(self) -> bool:
        """Read one stream; whether it came whole."""
        try:
            async with self._connecting:
                reader, writer = await asyncio.open_connection(LOOPBACK, self._port)
        except OSError:
            return False
        try:
            writer.write(self._sent)
            return await self._read(reader)
        except (OSError, AnswerError):
            return False
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> bool:
        """Count as open from the first bytes to the end."""
        data = await reader.read(READ_BYTES)
        self._open += 1
        self._open_peak = max(self._open_peak, self._open)
        try:
            while not is_whole(data) and (more := await reader.read(READ_BYTES)):
                data += more
        finally:
            self._open -= 1
        check(data, self._proof)
        return is_whole(data)


def hold_streams(
    port: int, sent: bytes, proof: bytes, count: int, rss_bytes: Callable[[], int]
) -> Streams:
    """Hold so many slow streams open at once."""

    async def hold() -> Streams:
        return await Crowd(port, sent, proof).hold(count, rss_bytes)

    return asyncio.run(hold())
