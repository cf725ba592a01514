"""Load from wrk: so many connections, each asking again as soon as it has its answer."""

from __future__ import annotations

import subprocess
from pathlib import Path

from msgspec import Struct, json

from bench.workloads import KEY

SCRIPT = Path(__file__).parent / "post.lua"
MARK = "bench "
ANSWER_TIMEOUT_S = 20
GRACE_S = 30.0


class LoadError(Exception):
    """wrk did not run; the message is its own."""


class Counts(Struct, frozen=True):
    """What wrk saw. `failed`: status 400 and above; `broken`: connections, timeouts."""

    requests: int
    duration_us: int
    bytes: int
    p50_us: int
    failed: int
    broken: int


def parse(output: str) -> Counts:
    """Find the line of post.lua in what wrk prints. Raises `LoadError` if there is none."""
    for line in output.splitlines():
        if line.startswith(MARK):
            return json.decode(line.removeprefix(MARK), type=Counts)
    raise LoadError(output.strip() or "wrk printed nothing")


class Load(Struct, frozen=True):
    """A load to put on an address."""

    url: str
    body: Path
    connections: int
    duration_s: int

    def command(self, wrk: str) -> list[str]:
        """The command line: one thread, because two cores are shared by everyone measured."""
        return [
            *(wrk, "--threads", "1", "--connections", str(self.connections)),
            *("--duration", f"{self.duration_s}s", "--timeout", f"{ANSWER_TIMEOUT_S}s"),
            *("--script", str(SCRIPT), self.url, "--", str(self.body), KEY),
        ]

    def run(self, wrk: str) -> Counts:
        """Put the load on, and wait. Raises `LoadError`."""
        try:
            ended = subprocess.run(
                self.command(wrk),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=self.duration_s + GRACE_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise LoadError("wrk did not end in time") from error
        return parse(ended.stdout + ended.stderr)
