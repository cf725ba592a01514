"""Who is measured: how each is found, configured and started."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from bench.processes import LOOPBACK, Process
from bench.workloads import CHAT_PATH, Workload

HERE = Path(__file__).parent
VERSION_TIMEOUT_S = 20.0
VERSION = re.compile(r"\d+\.\d+(?:\.\d+)?\S*")


class Place(Struct, frozen=True):
    """Where a candidate listens, where its upstream does, and a folder of its own."""

    folder: Path
    port: int
    upstream_port: int


class Candidate(Struct, frozen=True):
    """One program to measure. `package` is what to install if it is missing."""

    name: str
    package: str
    version_flag: str
    command: Callable[[str, Place], list[str | Path]]
    is_gateway: bool = False

    def program(self) -> str | None:
        """Where the program is, None if it is not installed. Our own is beside this Python."""
        return find_program(self.name)

    def start(self, program: str, place: Place) -> Process:
        """Start it; it is ready when it answers."""
        environment = {"LAB_URL": f"http://{LOOPBACK}:{place.upstream_port}"}
        return Process(self.command(program, place), place.folder / f"{self.name}.log", environment)

    def path(self, workload: Workload) -> str:
        """The path that a caller asks this candidate for."""
        return CHAT_PATH if self.is_gateway else workload.upstream_path


def find_program(name: str) -> str | None:
    """Look beside this Python, in the PATH, and where Debian puts servers."""
    beside = Path(sys.executable).parent
    return shutil.which(name, path=str(beside)) or (
        shutil.which(name) or shutil.which(name, path="/usr/sbin")
    )


def version_of(program: str, flag: str) -> str:
    """Ask a program for its version; some answer on standard error, and wrk with exit code 1."""
    answer = subprocess.run(
        [program, flag],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=VERSION_TIMEOUT_S,
        check=False,
    )
    return parse_version(answer.stdout + answer.stderr)


def parse_version(text: str) -> str:
    """The first version number in what a program says of itself."""
    found = VERSION.search(text)
    return found.group() if found else "unknown"


def fill(template: str, place: Place) -> str:
    """Put the ports into a configuration."""
    ports = {"@PORT@": place.port, "@UPSTREAM_PORT@": place.upstream_port}
    for mark, port in ports.items():
        template = template.replace(mark, str(port))
    return template


def _filled(name: str, place: Place) -> Path:
    target = place.folder / name
    target.write_text(fill((HERE / name).read_text(encoding="utf-8"), place), encoding="utf-8")
    return target


def _headgate(program: str, place: Place) -> list[str | Path]:
    listen = ["--host", LOOPBACK, "--port", str(place.port)]
    return [program, "serve", "--config", HERE / "api.yaml", *listen]


def _haproxy(program: str, place: Place) -> list[str | Path]:
    return [program, "-f", _filled("haproxy.cfg", place)]


def _nginx(program: str, place: Place) -> list[str | Path]:
    # `-e`: without it nginx opens the system's own error log before it reads any configuration.
    configuration = _filled("nginx.conf", place)
    return [program, "-e", "stderr", "-p", place.folder, "-c", configuration]


CANDIDATES = (
    Candidate("haproxy", "apt-get install haproxy", "-v", _haproxy),
    Candidate("nginx", "apt-get install nginx-light", "-v", _nginx),
    Candidate("headgate", "make setup", "--version", _headgate, is_gateway=True),
)


def start_lab(folder: Path, port: int) -> Process:
    """Start the upstream of all candidates, in a process of its own."""
    listen = ["--host", LOOPBACK, "--port", str(port)]
    return Process([sys.executable, "-m", "headgate", "lab", *listen], folder / "lab.log")
