"""Where headgate's time goes: a flame graph per workload, if py-spy is installed."""

from __future__ import annotations

import subprocess
from pathlib import Path

from bench.candidates import find_program
from bench.load import Load

PACKAGE = "pip install py-spy"
GRACE_S = 30.0


def find_py_spy() -> str | None:
    """Where py-spy is, None if it is not installed."""
    return find_program("py-spy")


def record(py_spy: str, pid: int, wrk: str, load: Load, target: Path) -> bool:
    """Draw a process tree under load into `target`. False if py-spy failed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    sampling = subprocess.Popen(
        [
            *(py_spy, "record", "--pid", str(pid), "--subprocesses", "--native"),
            *("--duration", str(load.duration_s), "--output", str(target)),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        load.run(wrk)
        return sampling.wait(GRACE_S) == 0
    finally:
        if sampling.poll() is None:
            sampling.kill()
            sampling.wait()
