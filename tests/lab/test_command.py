from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import headgate
from headgate.lab.command import print_behaviours, run_lab
from tests.lab.asking import HI, request

PROGRAM = """
import sys
from headgate.lab.command import run_lab
sys.exit(run_lab("127.0.0.1", 0, None))
"""
TIMEOUT_S = 10


@contextmanager
def running() -> Iterator[tuple[subprocess.Popen[str], socket.socket]]:
    """A lab in its own process, and a connection to the address it prints."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(Path(headgate.__file__).parents[1])},
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("headgate lab listens on http://127.0.0.1:")
        port = int(line.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as caller:
            yield process, caller
        process.terminate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_lab_prints_its_address_and_ends_with_0_on_a_signal(number: signal.Signals) -> None:
    with running() as (process, _caller):
        process.send_signal(number)
        assert process.wait(TIMEOUT_S) == 0


def test_a_reset_reaches_the_caller_from_the_faster_loop_too() -> None:
    with running() as (_process, caller):
        caller.sendall(request("/cut/v1/messages", HI | {"stream": True}))
        assert caller.recv(100).startswith(b"HTTP/1.1 200 OK")
        with pytest.raises(ConnectionResetError):
            while caller.recv(65536):
                pass


def test_a_port_in_use_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert run_lab("127.0.0.1", taken.getsockname()[1], None) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_missing_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_lab("127.0.0.1", 0, tmp_path / "absent") == 1
    assert "cannot read the recordings" in capsys.readouterr().err


def test_the_behaviours_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_behaviours() == 0
    assert "lab-hang-after-headers" in capsys.readouterr().out
