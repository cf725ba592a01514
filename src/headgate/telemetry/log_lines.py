"""Usage records as lines of text, written by a thread of their own.

A terminal or pipe that does not read must never hold up a request, so records wait in a bounded
queue; when it is full the oldest are dropped, and the next line says how many.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import msgspec

from headgate.settlement.usage_record import UsageRecord

_MOST_WAITING = 50_000
_PERIOD_S = 0.2

Write = Callable[[str], object]


class LogLines:
    """A `UsageSink`. Call `close()` to write what is left and end the thread."""

    def __init__(self, write: Write, *, as_json: bool) -> None:
        self._write = write
        self._written = json_line if as_json else text_line
        self._waiting: deque[UsageRecord] = deque(maxlen=_MOST_WAITING)
        self._lost = 0
        self._told = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log lines", daemon=True)
        self._thread.start()

    async def record(self, record: UsageRecord) -> None:
        """Queue one record; never waits."""
        if len(self._waiting) == _MOST_WAITING:
            self._lost += 1  # by one thread only; the other remembers how many it has told
        self._waiting.append(record)

    def close(self) -> None:
        """Write the rest and stop, waiting a second at most."""
        self._closing.set()
        self._thread.join(timeout=1.0)

    def _run(self) -> None:
        while not self._closing.wait(_PERIOD_S):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        lines: list[str] = []
        lost = self._lost - self._told
        if lost:
            self._told += lost
            lines.append(f"{lost} log lines were dropped: the log is not being read\n")
        while self._waiting:
            lines.append(self._written(self._waiting.popleft()))
        if lines:
            # A closed pipe or a full disk costs these lines, never the thread.
            with suppress(OSError, ValueError):
                self._write("".join(lines))


class NoLog:
    """A `UsageSink` that keeps nothing."""

    async def record(self, record: UsageRecord) -> None:
        """Forget the record."""

    def close(self) -> None:
        """Nothing is left."""


def writer_to(descriptor: int) -> Write:
    """Write straight to a file descriptor.

    Where nobody reads, the thread stays in its write. Inside `sys.stdout` it would hold the lock
    that the interpreter needs at its end, and the process would abort.
    """

    def write(text: str) -> None:
        data = text.encode("utf-8", "replace")
        while data:
            data = data[os.write(descriptor, data) :]

    return write


def json_line(record: UsageRecord) -> str:
    """One record as one line of JSON."""
    return msgspec.json.encode(record).decode() + "\n"


def text_line(record: UsageRecord) -> str:
    """One record as one line for a person."""
    at = datetime.fromtimestamp(record.at_s, UTC).strftime("%H:%M:%S")
    words = [at, str(record.status), record.operation, _one_line(record.model)]
    if record.channel:
        words.append(f"-> {record.channel}")
    if len(record.attempts) > 1:
        words.append(f"(attempt {len(record.attempts)})")
    words.append(f"{record.latency_ms} ms")
    if record.usage is not None:
        words.append(f"in {record.usage.prompt} out {record.usage.output}")
    if record.outcome != "done":
        words.append(record.outcome)
    if record.error:
        words.append(_one_line(record.error))
    words.append(record.request_id)
    return " ".join(words) + "\n"


def _one_line(text: str) -> str:
    """Keep callers' and upstreams' texts from forging lines (S-72)."""
    return "".join(c if c.isprintable() else " " for c in text)[:300]
