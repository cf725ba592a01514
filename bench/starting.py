"""Start the lab and the candidates, and see that they end."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct

from bench.caller import request, wait_ready
from bench.candidates import Candidate, Place, start_lab, version_of
from bench.processes import Process, free_port
from bench.results import Results, Standing
from bench.workloads import WORKLOADS, Workload

SETTLE_S = 0.3
LOG_SHOWN_CHARACTERS = 4000
FIRST_ASKED = WORKLOADS[0]


class StartError(Exception):
    """Nothing can be measured; the message says why."""


class Running(Struct, frozen=True):
    """A candidate that answers."""

    candidate: Candidate
    process: Process
    port: int

    @property
    def name(self) -> str:
        """The candidate's."""
        return self.candidate.name

    def rss_bytes(self) -> int:
        """Memory of the whole tree now."""
        return self.process.cost().rss_bytes

    def serves(self, workload: Workload) -> bool:
        """A plain proxy does not translate."""
        return self.candidate.is_gateway or not workload.translated

    def request(self, workload: Workload) -> bytes:
        """A caller's request to it."""
        return request(self.candidate.path(workload), workload.body())


class Starter:
    """Starts programs that end with `stack`; what does not start is a note in `results`."""

    def __init__(self, folder: Path, results: Results, stack: ExitStack) -> None:
        self._folder = folder
        self._results = results
        self._stack = stack
        self.upstream_port = free_port()

    def lab(self) -> None:
        """Start the upstream of everyone. Raises `StartError`."""
        process = start_lab(self._folder, self.upstream_port)
        self._stack.callback(process.stop)
        sent = request(FIRST_ASKED.upstream_path, FIRST_ASKED.body())
        if not wait_ready(self.upstream_port, sent, process.is_alive):
            raise StartError(f"the lab does not start:\n{_log_end(process)}")

    def candidate(self, candidate: Candidate, starts: int) -> Running | None:
        """Start a candidate so many times, and leave the last one running."""
        program = candidate.program()
        if program is None:
            self._results.notes.append(f"{candidate.name}: not installed ({candidate.package})")
            return None
        ready_s: list[float] = []
        for _ in range(starts - 1):
            with ExitStack() as once:
                self._once(candidate, program, ready_s, once)
        running = self._once(candidate, program, ready_s, self._stack)
        if running is None:
            self._results.notes.append(f"{candidate.name}: did not start, or did not answer")
            return None
        time.sleep(SETTLE_S)
        self._results.standings.append(
            Standing(
                candidate=candidate.name,
                version=version_of(program, candidate.version_flag),
                ready_s=ready_s,
                rss_idle_bytes=running.rss_bytes(),
            )
        )
        return running

    def _once(
        self, candidate: Candidate, program: str, ready_s: list[float], stack: ExitStack
    ) -> Running | None:
        """Start, and wait for the first good answer; None if there is none."""
        port = free_port()
        started_s = time.monotonic()
        process = candidate.start(program, Place(self._folder, port, self.upstream_port))
        stack.callback(self._stop, candidate, process)
        running = Running(candidate, process, port)
        if not wait_ready(port, running.request(FIRST_ASKED), process.is_alive):
            print(f"{candidate.name}:\n{_log_end(process)}", file=sys.stderr)
            return None
        ready_s.append(time.monotonic() - started_s)
        return running

    def _stop(self, candidate: Candidate, process: Process) -> None:
        if not process.stop():
            self._results.notes.append(f"{candidate.name}: did not end when asked, was killed")


def _log_end(process: Process) -> str:
    """The last that a program said. For the terminal only: it may name this machine's files."""
    return process.log.read_text(errors="replace")[-LOG_SHOWN_CHARACTERS:]
