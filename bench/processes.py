"""Processes: start one, read what its whole tree costs, end it by its id.

Source: proc(5), fields of /proc/<pid>/stat.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct

LOOPBACK = "127.0.0.1"
STOP_TIMEOUT_S = 15.0
PROC = Path("/proc")
TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Stat(Struct, frozen=True):
    """One process at one moment."""

    parent_pid: int
    cpu_us: int
    rss_bytes: int


class Cost(Struct, frozen=True):
    """A tree of processes at one moment. CPU is user and system, ended children included."""

    cpu_us: int
    rss_bytes: int


def parse_stat(text: str) -> Stat:
    """Read /proc/<pid>/stat; the command in its parentheses may itself hold any character."""
    fields = text.rpartition(")")[2].split()
    user, system, children_user, children_system = map(int, fields[11:15])
    ticks = user + system + children_user + children_system
    return Stat(int(fields[1]), ticks * TICK_US, int(fields[21]) * PAGE_BYTES)


def tree(root: int, stats: Mapping[int, Stat]) -> list[int]:
    """The process ids of `root` and all that descends from it."""
    members = [root]
    for member in members:
        members += [pid for pid, stat in stats.items() if stat.parent_pid == member]
    return members


def cost_of(root: int, stats: Mapping[int, Stat]) -> Cost:
    """Add up a tree; pages that its processes share are counted in each of them."""
    found = [stats[pid] for pid in tree(root, stats) if pid in stats]
    return Cost(sum(stat.cpu_us for stat in found), sum(stat.rss_bytes for stat in found))


def all_stats() -> dict[int, Stat]:
    """Every process of the machine."""
    stats = {}
    for folder in PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            stats[int(folder.name)] = parse_stat((folder / "stat").read_text())
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
    return stats


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


class Process:
    """A program that we started; its output goes to `log`."""

    def __init__(
        self, command: Iterable[str | Path], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.log = log
        with log.open("wb") as output:
            self._popen = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=log.parent,
                env={**os.environ, **(environment or {})},
            )

    @property
    def pid(self) -> int:
        """The root of its tree."""
        return self._popen.pid

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._popen.poll() is None

    def cost(self) -> Cost:
        """What its tree has used until now, and holds now."""
        return cost_of(self.pid, all_stats())

    def stop(self) -> bool:
        """Ask it to end, then make it. False if it had to be made."""
        if not self.is_alive():
            return True
        self._popen.terminate()
        try:
            self._popen.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
            return False
        return True
