"""`headgate lab`: run the lab until a signal ends it, or print its table."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import uvloop

from headgate.lab.recordings import RecordingError
from headgate.lab.scripts.table import listing
from headgate.lab.server import LabSettings, start_lab


def run_lab(host: str, port: int, recordings: Path | None) -> int:
    """Serve until SIGINT or SIGTERM. Returns the exit code: 0, or 1 if it cannot start."""
    settings = LabSettings(host=host, port=port, recordings=recordings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(settings))


async def _serve(settings: LabSettings) -> int:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    try:
        lab = await start_lab(settings)
    except (OSError, RecordingError) as error:
        sys.stderr.write(f"headgate lab: {error}\n")
        return 1
    sys.stdout.write(f"headgate lab listens on {lab.url}\n")
    sys.stdout.flush()
    await stopped.wait()
    await lab.close()
    return 0


def print_behaviours() -> int:
    """Print every scripted behaviour with a line about it. Returns the exit code."""
    sys.stdout.write(listing())
    return 0
