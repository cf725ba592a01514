"""An upstream's answer: its head, and its body as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from headgate.base.failure import Failure, RelayError
from headgate.upstream.transport_failures import bad_reply, cut

if TYPE_CHECKING:
    from headgate.upstream.connection import Connection, Sink

Headers = list[tuple[bytes, bytes]]


class UpstreamResponse(Protocol):
    """What the relay reads from. One reader at a time; who stops early calls `abort`."""

    status: int
    headers: Headers  # names in lower case, in order of arrival

    def header(self, name: bytes) -> bytes | None:
        """Find the first header of a (lower-case) name."""

    async def read(self) -> bytes:
        """Wait for the next piece of the body: all that has come since the last one.

        Gives b"" at the clean end, as often as asked. Cancelling it closes the socket.
        Errors: RelayError when the answer is cut, cannot be read, or a bound passes.
        """

    async def pump(self, sink: Sink) -> bool:
        """Give the sink each piece as it comes, until it says False or the body ends.

        True at the clean end, False when the sink had enough (then call again, or `abort`). What
        the sink raises is raised here; the socket is closed then. Errors: as `read`.
        """

    async def read_all(self, limit_bytes: int) -> bytes:
        """Read the body to its end. Nothing is handed over before, so a cut one may be tried again.

        Errors: as `read`, and RelayError when the body is longer than the limit.
        """

    def release(self) -> None:
        """Be done with it: the connection is kept if all of the answer is there, else closed."""

    def abort(self) -> None:
        """Close the socket at once, unless the clean end has been read."""


class Http1Response:
    """The answer on one of our connections, which goes back to the pool at the clean end."""

    __slots__ = ("_connection", "_failure", "headers", "status")

    def __init__(self, connection: Connection) -> None:
        self._connection: Connection | None = connection
        self._failure: Failure | None = None
        self.status = connection.status
        self.headers = connection.headers

    def header(self, name: bytes) -> bytes | None:
        return find_header(self.headers, name)

    async def read(self) -> bytes:
        connection = self._connection
        if connection is None:
            return self._nothing_more()
        if not connection.pieces and not connection.is_settled:
            try:
                await connection.more()
            except BaseException:  # cancelled: nobody wants the rest
                self.abort()
                raise
        data = connection.take()
        if connection.is_settled:
            if connection.failure is None:
                self._connection = None
                connection.give_back()
            elif not data:  # what came before the cut has been handed over
                self._connection = None
                self._failure = connection.failure
                return self._nothing_more()
        return data

    async def pump(self, sink: Sink) -> bool:
        connection = self._connection
        if connection is None:
            return not self._nothing_more()
        if connection.pieces and not sink(connection.take()):
            return False
        if not connection.is_settled:
            try:
                await connection.flow(sink)
                if connection.sink_error is not None:
                    raise connection.sink_error
            except BaseException:  # cancelled, or the sink broke: nobody wants the rest
                self.abort()
                raise
            if connection.sink_is_full and (connection.pieces or not connection.is_settled):
                return False
        if connection.pieces and not sink(connection.take()):
            return False
        self._connection = None
        if connection.failure is None:
            connection.give_back()
        self._failure = connection.failure
        return not self._nothing_more()

    async def read_all(self, limit_bytes: int) -> bytes:
        if self._connection is not None:
            self._connection.is_held_back = True
        data = await self.read()
        if len(data) <= limit_bytes and self._connection is None:
            return data
        return await read_on(self, data, limit_bytes)

    def release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.take()
            connection.give_back()
            self._failure = cut(has_begun=True)

    def abort(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()
            self._failure = cut(has_begun=True)

    def _nothing_more(self) -> bytes:
        if self._failure is not None:
            raise RelayError(self._failure)
        return b""


async def pump_by_reading(response: UpstreamResponse, sink: Sink) -> bool:
    """Pump a response that can only be read (an unpacked one)."""
    while data := await response.read():
        if not sink(data):
            return False
    return True


async def read_on(response: UpstreamResponse, data: bytes, limit_bytes: int) -> bytes:
    """Read to the end and put it behind what has been read before."""
    pieces = []
    size = 0
    while data:
        pieces.append(data)
        size += len(data)
        if size > limit_bytes:
            response.abort()
            message = f"The upstream's answer is longer than {limit_bytes} bytes"
            raise RelayError(bad_reply(message, has_begun=False))
        data = await response.read()
    return b"".join(pieces)


def find_header(headers: Headers, name: bytes) -> bytes | None:
    """Find the first header of a (lower-case) name."""
    for key, value in headers:
        if key == name:
            return value
    return None
