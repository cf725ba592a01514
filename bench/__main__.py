"""`python -m bench`: measure, print the tables, keep them in bench/results/."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec import json

from bench.campaign import PHASES, Effort, Wish, measure
from bench.candidates import CANDIDATES, find_program, version_of
from bench.load import LoadError
from bench.profile import PACKAGE, find_py_spy
from bench.report import report
from bench.results import Machine, Results
from bench.starting import StartError

FULL = Effort(rounds=5, round_s=2, starts=3, exchanges=400, streams=1000)
QUICK = Effort(rounds=1, round_s=1, starts=1, exchanges=50, streams=100)
RESULTS = Path(__file__).parent / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark. Returns the exit code: 1 if nothing could be measured.

    A target that is missed is no failure: it is what we want to know.
    """
    options = _parser().parse_args(arguments)
    wrk = find_program("wrk")
    if wrk is None:
        return _fail("wrk is missing (apt-get install wrk)")
    py_spy = find_py_spy() if options.profile else None
    if options.profile and py_spy is None:
        return _fail(f"py-spy is missing ({PACKAGE})")
    wish = Wish(
        candidates=[one for one in CANDIDATES if one.name in options.candidates],
        phases=frozenset(options.only),
        effort=QUICK if options.quick else FULL,
        wrk=wrk,
        py_spy=py_spy,
    )
    results = _empty(wish)
    try:
        measure(wish, results)
    except (StartError, LoadError) as error:
        return _fail(str(error))
    text = report(results)
    print(text)
    if not options.quick:
        _keep(results, text, options.name)
    return 0


def _empty(wish: Wish) -> Results:
    """Results that say when and on what, and nothing that tells whose machine it was."""
    machine = Machine(
        cpus=os.cpu_count() or 0,
        python=platform.python_version(),
        wrk=version_of(wish.wrk, "-v"),
        load_average=os.getloadavg()[0],
    )
    return Results(
        started_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        machine=machine,
        rounds_per_workload=wish.effort.rounds,
        round_s=wish.effort.round_s,
    )


def _keep(results: Results, text: str, name: str) -> None:
    """Write both files; a later run on the same day under the same name replaces them."""
    RESULTS.mkdir(exist_ok=True)
    stem = f"{results.started_at.partition(' ')[0]}-{name}"
    (RESULTS / f"{stem}.md").write_text(text, encoding="utf-8")
    (RESULTS / f"{stem}.json").write_bytes(json.format(json.encode(results), indent=1) + b"\n")


def _fail(message: str) -> int:
    print(f"bench: {message}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round; keeps no files")
    parser.add_argument(
        "--only", type=_names(PHASES), default=PHASES, help=f"some of: {','.join(PHASES)}"
    )
    names = tuple(candidate.name for candidate in CANDIDATES)
    parser.add_argument(
        "--candidates", type=_names(names), default=names, help=f"some of: {','.join(names)}"
    )
    parser.add_argument("--name", default="run", help="second half of the files' names")
    parser.add_argument(
        "--profile", action="store_true", help="and sample headgate with py-spy, on standard error"
    )
    return parser


def _names(known: Sequence[str]) -> Callable[[str], list[str]]:
    """A parser of a list of known names, with commas."""

    def split(text: str) -> list[str]:
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(known)}")
        return names

    return split


if __name__ == "__main__":
    sys.exit(main())
