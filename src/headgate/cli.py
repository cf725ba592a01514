"""The command line: serve, check, lab, demo.

Messages are for a person: one clear line, never a traceback. Exit codes: 0 done, 1 the
configuration or the machine says no, 2 the command was misspelled.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from headgate import __version__

if TYPE_CHECKING:
    from headgate.app import GatewaySettings

T = TypeVar("T")

_HIGHEST_PORT = 65_535
_BODY_LIMIT = 64 * 1024 * 1024
_DRAIN_S = 30.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output is gone (`headgate check | head`): nothing left to tell.
        sys.stderr.close()
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="headgate", description="One gate in front of every model."
    )
    parser.add_argument("--version", action="version", version=f"headgate {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="serve an api.yaml")
    serve.add_argument(
        "--config", metavar="FILE|URL", help="default: ./api.yaml, else the variable CONFIG_URL"
    )
    _add_serving(serve)
    serve.set_defaults(run=_serve)

    check = commands.add_parser("check", help="say every error of an api.yaml")
    check.add_argument("config", metavar="FILE|URL")
    check.set_defaults(run=_check)

    lab = commands.add_parser("lab", help="run the offline provider: real wires, scripted faults")
    lab.add_argument("--host", default="127.0.0.1")
    lab.add_argument("--port", type=_port, default=19000)
    lab.add_argument("--recordings", type=Path, metavar="FOLDER", help="replay recorded traffic")
    lab.add_argument("--list", action="store_true", help="list the scripted behaviours and exit")
    lab.set_defaults(run=_lab)

    demo = commands.add_parser("demo", help="serve a sample api.yaml together with the lab")
    _add_serving(demo)
    demo.set_defaults(run=_demo)
    return parser


def _add_serving(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="default: the variable HOST, else all addresses")
    parser.add_argument("--port", type=_port, help="default: the variable PORT, else 8000")
    parser.add_argument(
        "--body-limit",
        type=_size,
        default=_BODY_LIMIT,
        metavar="SIZE",
        help="largest request body, as sent and as unpacked; default: 64MiB",
    )
    parser.add_argument(
        "--drain",
        type=_seconds,
        default=_DRAIN_S,
        metavar="SECONDS",
        help="how long a stop lets answers under way finish; default: 30",
    )
    parser.add_argument(
        "--log",
        choices=("text", "json", "off"),
        help="a line per request; default: text on a terminal, else json",
    )


def _serve(options: argparse.Namespace) -> int:
    # Imported here, so that `--help` answers at once.
    from headgate.app import StartError, run_gateway  # noqa: PLC0415

    try:
        return run_gateway(_settings(options), _say)
    except StartError as problem:
        return _complain(str(problem))


def _check(options: argparse.Namespace) -> int:
    from headgate.app import check_config  # noqa: PLC0415 - see _serve

    text, exit_code = check_config(options.config, os.environ)
    (_warn if exit_code else _say)(text)
    return exit_code


def _lab(options: argparse.Namespace) -> int:
    from headgate.lab.command import print_behaviours, run_lab  # noqa: PLC0415 - see _serve

    if options.list:
        print_behaviours()
        return 0
    return run_lab(options.host, options.port, options.recordings)


def _demo(options: argparse.Namespace) -> int:
    from headgate.app import StartError, run_demo  # noqa: PLC0415 - see _serve

    if options.host is None and not os.environ.get("HOST"):
        options.host = "127.0.0.1"  # a demo with a known key is for this machine only
    try:
        return run_demo(_settings(options), _say)
    except StartError as problem:
        return _complain(str(problem))


def _settings(options: argparse.Namespace) -> GatewaySettings:
    from headgate.app import GatewaySettings  # noqa: PLC0415 - see _serve
    from headgate.edge.limits import Limits  # noqa: PLC0415 - see _serve

    return GatewaySettings(
        config=getattr(options, "config", None),
        host=options.host,
        port=options.port,
        log=options.log or ("text" if sys.stdout.isatty() else "json"),
        drain_s=options.drain,
        limits=Limits(body_bytes=options.body_limit),
        warn=_warn,
    )


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= _HIGHEST_PORT:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port: write a number from 0 to 65535")


def _size(text: str) -> int:
    """Read a number of bytes: 64MiB, 20MB, 1000."""
    from headgate.sources.scalars import size  # noqa: PLC0415 - see _serve

    return _read(size, text)


def _seconds(text: str) -> float:
    """Read a time: 30, 0.5."""
    from headgate.sources.scalars import seconds  # noqa: PLC0415 - see _serve

    return _read(seconds, text)


def _read(read: Callable[[str], T], text: str) -> T:
    from headgate.sources.scalars import UnreadableError  # noqa: PLC0415 - see _serve

    try:
        return read(text)
    except UnreadableError as problem:
        raise argparse.ArgumentTypeError(f"{text!r}: {problem}") from None


def _say(text: str) -> None:
    print(text, flush=True)


def _warn(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _complain(problem: str) -> int:
    _warn(f"headgate: {problem}")
    return 1
