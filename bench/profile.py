"""Where headgate's time goes under a workload, by py-spy if that is installed."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

from bench.candidates import find_program
from bench.load import Load

PACKAGE = "pip install py-spy"
GRACE_S = 30.0
RATE_HZ = 250
SHOWN = 30
WAITING = "PyThread_acquire_lock_timed"  # a thread without work, which py-spy takes for busy


def find_py_spy() -> str | None:
    """Where py-spy is, None if it is not installed."""
    return find_program("py-spy")


def record(py_spy: str, pid: int, wrk: str, load: Load, target: Path) -> bool:
    """Sample a process tree under load into `target`: a stack and its count per line.

    False if py-spy failed. Raises `LoadError`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    sampling = subprocess.Popen(
        [
            *(py_spy, "record", "--pid", str(pid), "--subprocesses", "--native", "--function"),
            *(
                "--rate",
                str(RATE_HZ),
                "--duration",
                str(load.duration_s),
                "--format",
                "raw",
                "--output",
                str(target),
            ),
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


def summary(stacks: str) -> str:
    """The functions with the largest share: percent in themselves, percent with what they call."""
    own: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for line in stacks.splitlines():
        if WAITING in line:
            continue
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        own[frames[-1]] += int(count)
        for frame in set(frames):
            total[frame] += int(count)
    samples = own.total() or 1
    rows = [
        f"{own[frame] / samples:6.1%} {count / samples:6.1%}  {frame}"
        for frame, count in sorted(total.items(), key=lambda item: (-own[item[0]], -item[1]))
    ]
    return "\n".join([f"{'own':>6} {'all':>6}  of {own.total()} samples", *rows[:SHOWN]])
