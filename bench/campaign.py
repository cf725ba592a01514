"""One run: everyone is measured in turn, so that a noisy minute meets all alike."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import TypeVar

from msgspec import Struct

from bench.caller import AnswerError, Line, ask, check, hold_streams, request
from bench.candidates import Candidate
from bench.load import Load
from bench.processes import LOOPBACK
from bench.profile import record, summary
from bench.results import DIRECT, FirstByte, Results, Round, Standing
from bench.starting import Running, Starter
from bench.workloads import SLOW_STREAM, WORKLOADS, Workload

FIRST_BYTE = "first-byte"
PHASES = (*(workload.name for workload in WORKLOADS), FIRST_BYTE, SLOW_STREAM.name)
FIRST_BYTE_OF = frozenset({"json", "stream-each", "json-translate", "translate"})
SETTLE_S = 0.1
WARM_UP_S = 1
PROFILE_S = 5
PROFILES = Path("build/bench")

T = TypeVar("T")


class Effort(Struct, frozen=True):
    """How long to look."""

    rounds: int
    round_s: int
    starts: int
    exchanges: int
    streams: int


class Wish(Struct, frozen=True, kw_only=True):
    """What to measure, and with what. `py_spy`: sample headgate too."""

    candidates: Sequence[Candidate]
    phases: frozenset[str]
    effort: Effort
    wrk: str
    py_spy: str | None = None

    @property
    def workloads(self) -> list[Workload]:
        """The workloads among the phases."""
        return [workload for workload in WORKLOADS if workload.name in self.phases]


def measure(wish: Wish, results: Results) -> None:
    """Fill `results` as far as it goes; what could not be measured is in its notes.

    Raises `StartError` if there is no lab, `LoadError` if wrk fails.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-")))
        starter = Starter(folder, results, stack)
        starter.lab()
        started = [starter.candidate(one, wish.effort.starts) for one in wish.candidates]
        running = [one for one in started if one is not None]
        campaign = Campaign(wish, results, running, folder)
        campaign.rounds()
        if FIRST_BYTE in wish.phases:
            campaign.first_bytes(starter.upstream_port)
        if SLOW_STREAM.name in wish.phases:
            campaign.slow_streams()
        if wish.py_spy is not None:
            campaign.profiles(wish.py_spy)


class Campaign:
    """The phases that measure; each adds to `results`."""

    def __init__(
        self, wish: Wish, results: Results, running: Sequence[Running], folder: Path
    ) -> None:
        self._wish = wish
        self._results = results
        self._running = running
        self._folder = folder

    def rounds(self) -> None:
        """Load each candidate with each workload, in an order that turns from round to round."""
        effort = self._wish.effort
        able = [(workload, self._able(workload)) for workload in self._wish.workloads]
        for number in range(effort.rounds):
            for workload, running in able:
                if not running:
                    continue
                _say(f"round {number + 1} of {effort.rounds}: {workload.name}")
                self._results.rounds += [
                    self._round(workload, one) for one in turned(running, number)
                ]
        for one in self._running:
            self._standing(one).rss_loaded_bytes = one.rss_bytes()

    def _able(self, workload: Workload) -> list[Running]:
        """Who gives the right answer to it. They are warm after this."""
        able = []
        for one in self._running:
            if one.serves(workload) and self._answers(workload, one):
                self._load(workload, one, WARM_UP_S).run(self._wish.wrk)
                able.append(one)
        return able

    def _answers(self, workload: Workload, one: Running) -> bool:
        try:
            check(ask(one.port, one.request(workload)).data, workload.proof)
        except (OSError, AnswerError) as error:
            _say(f"{one.name}, {workload.name}: {error}")
            self._results.notes.append(f"{one.name}: no right answer to {workload.name}")
            return False
        return True

    def _load(self, workload: Workload, one: Running, duration_s: int) -> Load:
        body = self._folder / f"{workload.name}.json"
        body.write_bytes(workload.body())
        url = f"http://{LOOPBACK}:{one.port}{one.candidate.path(workload)}"
        return Load(url, body, workload.connections, duration_s)

    def _round(self, workload: Workload, one: Running) -> Round:
        load = self._load(workload, one, self._wish.effort.round_s)
        before = one.process.cost()
        counts = load.run(self._wish.wrk)
        time.sleep(SETTLE_S)  # what wrk left half-done ends here, and not in the next round
        return Round(workload.name, one.name, one.process.cost().cpu_us - before.cpu_us, counts)

    def first_bytes(self, upstream_port: int) -> None:
        """Ask one thing at a time, in turn: the lab itself, then through each candidate."""
        _say("first byte")
        for workload in WORKLOADS:
            if workload.name not in FIRST_BYTE_OF:
                continue
            direct = request(workload.upstream_path, workload.body())
            asked = {DIRECT: (upstream_port, direct)}
            for one in self._running:
                if one.serves(workload) and self._answers(workload, one):
                    asked[one.name] = (one.port, one.request(workload))
            for route, times_us in _in_turn(asked, self._wish.effort.exchanges).items():
                tenths = quantiles(times_us, n=10)
                self._results.first_bytes.append(
                    FirstByte(workload.name, route, p50_us=tenths[4], p90_us=tenths[8])
                )

    def slow_streams(self) -> None:
        """Hold many slow streams open at each candidate."""
        for one in self._running:
            _say(f"slow streams: {one.name}")
            self._standing(one).streams = hold_streams(
                one.port,
                one.request(SLOW_STREAM),
                SLOW_STREAM.proof,
                self._wish.effort.streams,
                one.rss_bytes,
            )

    def profiles(self, py_spy: str) -> None:
        """Show where each gateway's time goes. The samples are kept apart: they name files."""
        for workload in self._wish.workloads:
            for one in self._running:
                if not one.candidate.is_gateway:
                    continue
                target = PROFILES / f"{one.name}-{workload.name}.txt"
                load = self._load(workload, one, PROFILE_S)
                if record(py_spy, one.process.pid, self._wish.wrk, load, target):
                    _say(f"{target}\n{summary(target.read_text())}\n")
                else:
                    _say(f"py-spy failed at {workload.name}")

    def _standing(self, one: Running) -> Standing:
        return next(row for row in self._results.standings if row.candidate == one.name)


def turned(order: Sequence[T], number: int) -> list[T]:
    """Begin with another one in each round: who comes first meets colder caches."""
    start = number % len(order) if order else 0
    return [*order[start:], *order[:start]]


def _in_turn(asked: dict[str, tuple[int, bytes]], exchanges: int) -> dict[str, list[float]]:
    """Times to the first byte in microseconds, each route on one kept connection."""
    with ExitStack() as stack:
        lines = {
            route: stack.enter_context(closing(Line(port))) for route, (port, _) in asked.items()
        }
        times_us: dict[str, list[float]] = {route: [] for route in asked}
        for _ in range(exchanges):
            for route, line in lines.items():
                times_us[route].append(line.exchange(asked[route][1]).first_byte_us)
    return times_us


def _say(text: str) -> None:
    """Progress goes beside the report, not into it."""
    print(text, file=sys.stderr, flush=True)
