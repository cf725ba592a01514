"""The program as people run it: a process of its own, what it says, and what it costs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

import headgate
from tests.e2e.harness import KEY

PATIENCE_S = 20.0  # for a machine that is busy with something else
GATEWAY = [sys.executable, "-m", "headgate"]


class Ended(NamedTuple):
    """A process that is over."""

    exit_code: int
    out: str
    err: str


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    body: bytes


class Program:
    """A running `headgate`. Both of its outputs are read all the time, so it is never held up."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str], folder: Path) -> None:
        self.started_s = time.monotonic()
        self._process = subprocess.Popen(
            [*GATEWAY, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=environment_of(environment),
            text=True,
        )
        self.out: list[str] = []
        self.err: list[str] = []
        self._news = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read, args=(stream, lines), daemon=True)
            for stream, lines in (
                (self._process.stdout, self.out),
                (self._process.stderr, self.err),
            )
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def url(self) -> str:
        """Where it listens, from the line that says so."""
        words = self.hears(" at http://").partition(" at http://")[2]
        return "http://" + words.partition(";")[0].strip()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def hears(self, words: str, *, err: bool = False, patience_s: float = PATIENCE_S) -> str:
        """Wait for a line that holds the words; give it."""
        lines = self.err if err else self.out
        with self._news:
            assert self._news.wait_for(
                lambda: any(words in line for line in lines) or not self.is_alive, patience_s
            ), self.everything
        found = [line for line in lines if words in line]
        assert found, self.everything
        return found[0]

    @property
    def is_alive(self) -> bool:
        """Whether it still runs, or has words left that nobody has read."""
        return any(reader.is_alive() for reader in self._readers)

    @property
    def everything(self) -> str:
        """All it has said so far."""
        return "".join([*self.out, "-- stderr --\n", *self.err])

    @property
    def rss_mb(self) -> float:
        """Resident memory now."""
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise AssertionError("the process has no memory")

    @property
    def socket_count(self) -> int:
        """Open sockets now."""
        return sum(link.startswith("socket:") for link in self._links())

    def _links(self) -> Iterator[str]:
        for entry in Path(f"/proc/{self.pid}/fd").iterdir():
            try:
                yield str(entry.readlink())
            except FileNotFoundError:  # closed since it was listed
                continue

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def ended(self, patience_s: float = PATIENCE_S) -> Ended:
        """Wait for the end."""
        code = self._process.wait(patience_s)
        for reader in self._readers:
            reader.join(patience_s)
        return Ended(code, "".join(self.out), "".join(self.err))

    def close(self) -> None:
        """End it, whatever it is doing."""
        if self._process.poll() is None:
            self._process.kill()
        self.ended()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()

    def _read(self, stream: IO[str], lines: list[str]) -> None:
        for line in stream:
            with self._news:
                lines.append(line)
                self._news.notify_all()
        with self._news:
            self._news.notify_all()


@contextmanager
def running(
    *arguments: str, folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """Run a command for the length of a block. Whatever happens, it shows no traceback."""
    program = Program(list(arguments), environment or {}, folder)
    try:
        yield program
    finally:
        program.close()
    assert "Traceback" not in program.everything, program.everything[-4000:]


@contextmanager
def serving(
    config: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """Serve a file on a free port, without a log."""
    command = ("serve", "--config", str(config), "--host", "127.0.0.1", "--port", "0")
    with running(
        *command, "--log", "off", *arguments, folder=config.parent, environment=environment
    ) as program:
        yield program


def ended(*arguments: str, folder: Path, environment: Mapping[str, str] | None = None) -> Ended:
    """Run a command that ends by itself."""
    with running(*arguments, folder=folder, environment=environment) as program:
        return program.ended()


def ask(
    url: str, *, key: str = KEY, body: object = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """GET, or POST a body as JSON."""
    data = None if body is None else msgspec.json.encode(body)
    fields = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    request = urllib.request.Request(url, data, fields | dict(headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return Answer(answer.status, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read())


def chat(url: str, model: str, key: str = KEY) -> Answer:
    """Ask for a chat completion."""
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}]}
    return ask(url + "/v1/chat/completions", key=key, body=body)


def environment_of(changes: Mapping[str, str]) -> dict[str, str]:
    """What the process sees: nothing of the tests' own settings."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(headgate.__file__).parents[1]),
        **changes,
    }
