"""From results to tables: medians, ratios to haproxy, and the targets of issue 2 beside them."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from msgspec import Struct

from bench.results import DIRECT, Results, Standing
from bench.workloads import WORKLOADS, Workload

BASE = "haproxy"
OURS = "headgate"
STREAMS = 1000
MEGA = 1_000_000
NONE = "-"

Row = Sequence[str]


class Target(Struct, frozen=True):
    """Something to reach. `value` None: not measured in this run."""

    about: str
    unit: str
    at_most: float
    value: float | None

    def row(self) -> Row:
        """What it is, what it should be, what it is, and whether that will do."""
        wanted = f"<= {self.at_most:g} {self.unit}"
        if self.value is None:
            return (self.about, wanted, NONE, "not measured")
        verdict = "ok" if self.value <= self.at_most else "MISS"
        return (self.about, wanted, f"{self.value:.2f} {self.unit}", verdict)


def targets(results: Results) -> list[Target]:
    """The speed that issue 2 asks for, and what this run says of it."""
    json_ratio = ratio(results, "json")
    return [
        Target("json: CPU to haproxy's", "x", 7, json_ratio),
        Target("json: the same, as aimed at", "x", 5.5, json_ratio),
        *(
            Target(f"{name}: CPU to haproxy's", "x", 1.7, ratio(results, name))
            for name in ("stream-each", "stream-paced")
        ),
        *(
            Target(f"{name}: CPU per chunk", "us", 40, per_chunk_us(results, name))
            for name in ("translate", "translate-paced")
        ),
        *_standing_targets(results.standing(OURS)),
    ]


def _standing_targets(ours: Standing | None) -> list[Target]:
    ready_s = median(ours.ready_s) if ours and ours.ready_s else None
    idle_mb = ours.rss_idle_bytes / MEGA if ours else None
    streams = ours.streams if ours else None
    crowd = f"{streams.count if streams else STREAMS:,} slow streams"
    peak_mb = streams.rss_peak_bytes / MEGA if streams else None
    lost = streams.count - min(streams.complete, streams.open_at_once) if streams else None
    return [
        Target("first answer after start", "s", 1, ready_s),
        Target("RSS, idle", "MB", 60, idle_mb),
        Target(f"RSS, {crowd} at once", "MB", 200, peak_mb),
        Target(f"{crowd}: late or incomplete", "lost", 0, lost),
    ]


def ratio(results: Results, workload: str) -> float | None:
    """Our CPU to haproxy's, of the medians; None if either was not measured."""
    ours, base = results.cpu_us(workload, OURS), results.cpu_us(workload, BASE)
    return median(ours) / median(base) if ours and base else None


def per_chunk_us(results: Results, workload: str) -> float | None:
    """Our CPU per chunk of a stream, the request's share included; None if not measured."""
    ours = results.cpu_us(workload, OURS)
    return median(ours) / _workload(workload).chunks if ours else None


def report(results: Results) -> str:
    """The whole report, in Markdown that also reads well in a terminal."""
    machine = results.machine
    versions = ", ".join(f"{row.candidate} {row.version}" for row in results.standings)
    about = (
        f"{machine.cpus} CPUs, load average {machine.load_average:.1f} at the start; "
        f"Python {machine.python}, wrk {machine.wrk}, {versions}; "
        f"{results.rounds_per_workload} interleaved rounds of {results.round_s} s."
    )
    parts = [f"# Benchmark of {results.started_at}", about]
    for title, text, lines in (
        ("CPU", "Microseconds per request of the whole tree: median (least).", _cpu(results)),
        ("First byte", "Microseconds, one request at a time: median (added).", _first(results)),
        ("Start and memory", "Seconds; MB of RSS, shared pages in each.", _standings(results)),
        ("Targets", "Those of issue 2.", _targets(results)),
    ):
        if len(lines) > 1:
            parts += [f"## {title}", text, table(lines)]
    asked = _measured({row.workload for row in results.rounds})
    if asked:
        parts += ["## Workloads", "\n".join(f"- {_about(workload)}" for workload in asked)]
    if results.notes:
        parts += ["## Notes", "\n".join(f"- {line}" for line in results.notes)]
    return "\n\n".join(parts) + "\n"


def _targets(results: Results) -> list[Row]:
    return [("target", "wanted", "found", "verdict"), *(row.row() for row in targets(results))]


def _cpu(results: Results) -> list[Row]:
    names = [row.candidate for row in results.standings]
    lines: list[Row] = [("workload", *names, f"{OURS} / {BASE}", f"{OURS}, per chunk")]
    for workload in _measured({row.workload for row in results.rounds}):
        cells = [_cpu_cell(results, workload.name, name) for name in names]
        lines.append((workload.name, *cells, *_our_cells(results, workload)))
    return lines


def _our_cells(results: Results, workload: Workload) -> tuple[str, str]:
    """How many times haproxy's CPU, and our CPU per chunk."""
    ours, base = results.cpu_us(workload.name, OURS), results.cpu_us(workload.name, BASE)
    if not ours:
        return NONE, NONE
    chunk = f"{median(ours) / workload.chunks:.1f}" if workload.chunks else NONE
    if not base:
        return NONE, chunk
    return f"{median(ours) / median(base):.2f} ({min(ours) / min(base):.2f})", chunk


def _cpu_cell(results: Results, workload: str, candidate: str) -> str:
    costs_us = results.cpu_us(workload, candidate)
    errors = results.errors(workload, candidate)
    text = f"{median(costs_us):,.1f} ({min(costs_us):,.1f})" if costs_us else NONE
    return f"{text} {errors} errors" if errors else text


def _first(results: Results) -> list[Row]:
    names = [row.candidate for row in results.standings]
    medians = {(row.workload, row.route): row.p50_us for row in results.first_bytes}
    lines: list[Row] = [("workload", DIRECT, *names)]
    for workload in _measured({row.workload for row in results.first_bytes}):
        direct = medians[workload.name, DIRECT]
        cells = [
            f"{medians[workload.name, name]:.0f} (+{medians[workload.name, name] - direct:.0f})"
            if (workload.name, name) in medians
            else NONE
            for name in names
        ]
        lines.append((workload.name, f"{direct:.0f}", *cells))
    return lines


def _standings(results: Results) -> list[Row]:
    head = ("candidate", "first answer", "idle", "after load", "slow streams", "open", "complete")
    return [head, *(_standing_row(row) for row in results.standings)]


def _standing_row(row: Standing) -> Row:
    loaded = f"{row.rss_loaded_bytes / MEGA:.1f}" if row.rss_loaded_bytes else NONE
    cells = (f"{median(row.ready_s):.2f}", f"{row.rss_idle_bytes / MEGA:.1f}", loaded)
    if row.streams is None:
        return (row.candidate, *cells, NONE, NONE, NONE)
    streams = row.streams
    crowd = (f"{streams.rss_peak_bytes / MEGA:.1f}", f"{streams.open_at_once}")
    return (row.candidate, *cells, *crowd, f"{streams.complete} of {streams.count}")


def _measured(names: set[str]) -> list[Workload]:
    return [workload for workload in WORKLOADS if workload.name in names]


def _about(workload: Workload) -> str:
    return f"{workload.name}: {workload.about}; {workload.connections} connections"


def _workload(name: str) -> Workload:
    return next(workload for workload in WORKLOADS if workload.name == name)


def table(lines: Sequence[Row]) -> str:
    """Align a Markdown table: the first column left, figures right. The first line is the head."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = ("-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:]))
    aligned = [(line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])) for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in (aligned[0], rule, *aligned[1:]))
