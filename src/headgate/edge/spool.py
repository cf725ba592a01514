"""Where an upload lies until its request is over: in memory while it is small, then on disk.

The file has no name (O_TMPFILE, or unlinked at once), so nothing of it outlives the process; it
lies where TMPDIR says. Source: reliability.md S-56, S-57.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from io import FileIO

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.edge.body import Budget

PIECE_BYTES = 128 * 1024  # read back at a time: what a socket takes at once


class Spool:
    """Bytes that are written once, and read any number of times.

    `claim` is told of each piece of memory taken, `disk` of each piece of disk. Reading and writing
    do not leave the event loop: what has just been written is in the system's own memory, and a
    thread would cost more than it.
    """

    def __init__(self, memory_bytes: int, claim: Callable[[int], None], disk: Budget) -> None:
        self.size = 0
        self._memory_bytes = memory_bytes
        self._claim = claim
        self._disk = disk
        self._claimed = 0
        self._memory = bytearray()
        self._file: FileIO | None = None
        self._is_closed = False

    def write(self, data: bytes | memoryview) -> None:
        """Append.

        Errors: RelayError (503) when memory or disk is full, or shared by too many.
        """
        size = len(data)
        if self._file is None and self.size + size <= self._memory_bytes:
            self._claim(size)
            self._memory += data
        else:
            self._write_out(data)
        self.size += size

    def read(self, start: int, stop: int) -> bytes:
        """Read a range. Errors: RelayError when it cannot be read back."""
        return b"".join(self.pieces(start, stop))

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """Read a range piece by piece. Errors: as `read`."""
        while start < stop:
            piece = self._piece(start, min(stop, start + PIECE_BYTES))
            yield piece
            start += len(piece)

    def close(self) -> None:
        """Forget everything."""
        self._is_closed = True
        self._memory = bytearray()
        if self._file is not None:
            self._file.close()
            self._file = None
        self._disk.give_back(self._claimed)
        self._claimed = 0

    def _piece(self, start: int, stop: int) -> bytes:
        if self._is_closed:
            raise _unreadable("its request is over")
        if self._file is None:
            return bytes(self._memory[start:stop])
        try:
            piece = os.pread(self._file.fileno(), stop - start, start)
        except OSError as error:
            raise _unreadable(error.strerror) from None
        if not piece:
            raise _unreadable("it is shorter than it was")
        return piece

    def _write_out(self, data: bytes | memoryview) -> None:
        if self._is_closed:
            raise RuntimeError("a closed spool takes nothing")
        try:
            if self._file is None:
                # It lives as long as the upload, and `close` closes it.
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - see above
                self._put(self._memory)
                self._memory = bytearray()
            self._put(data)
        except OSError as error:
            raise RelayError(
                Failure(
                    kind=FailureKind.INTERNAL,
                    status=503,
                    code="upload_storage",
                    message=f"The gateway cannot store the upload: {error.strerror}.",
                )
            ) from None

    def _put(self, data: bytes | bytearray | memoryview) -> None:
        if self._file is None:
            return
        self._disk.claim(len(data))
        self._claimed += len(data)
        with memoryview(data) as left:
            done = 0
            while done < len(left):
                done += self._file.write(left[done:])


def _unreadable(reason: str | None) -> RelayError:
    message = f"The stored upload cannot be read back: {reason}."
    return RelayError(Failure(kind=FailureKind.INTERNAL, message=message))
