"""What a run found: raw figures, as they go into the JSON file."""

from __future__ import annotations

from msgspec import Struct

from bench.caller import Streams
from bench.load import Counts

DIRECT = "direct"


class Round(Struct, frozen=True):
    """One workload on one candidate, once. CPU of its whole tree, user and system."""

    workload: str
    candidate: str
    cpu_us: int
    counts: Counts


class FirstByte(Struct, frozen=True):
    """Time to the first byte, one request after the other; `route` is a candidate or `direct`."""

    workload: str
    route: str
    p50_us: float
    p90_us: float


class Standing(Struct, kw_only=True):
    """What a candidate costs apart from requests. `ready_s`: one figure per start."""

    candidate: str
    version: str
    ready_s: list[float]
    rss_idle_bytes: int
    rss_loaded_bytes: int = 0
    streams: Streams | None = None


class Machine(Struct, frozen=True):
    """What must be known to compare two runs, and no more: no names, no paths."""

    cpus: int
    python: str
    wrk: str
    load_average: float


class Results(Struct, kw_only=True):
    """One run of the benchmark."""

    started_at: str
    machine: Machine
    rounds_per_workload: int
    round_s: int
    rounds: list[Round] = []
    first_bytes: list[FirstByte] = []
    standings: list[Standing] = []
    notes: list[str] = []

    def cpu_us(self, workload: str, candidate: str) -> list[float]:
        """CPU per request, one figure per round; empty if it was not measured."""
        return [
            row.cpu_us / row.counts.requests
            for row in self.rounds
            if (row.workload, row.candidate) == (workload, candidate) and row.counts.requests
        ]

    def errors(self, workload: str, candidate: str) -> int:
        """Requests that failed or broke, all rounds together."""
        return sum(
            row.counts.failed + row.counts.broken
            for row in self.rounds
            if (row.workload, row.candidate) == (workload, candidate)
        )

    def standing(self, candidate: str) -> Standing | None:
        """What a candidate costs apart from requests; None if it did not take part."""
        return next((row for row in self.standings if row.candidate == candidate), None)
