"""The command line: serve, check, lab, demo.

Messages are for a person: one clear line, never a traceback. Exit codes: 0 done, 1 the
configuration or the machine says no, 2 the command was misspelled.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from headgate import __version__

_DEFAULT_HOST = "0.0.0.0"  # noqa: S104 - a gateway in a container is asked from outside
_DEFAULT_PORT = 8000
_DEMO_HOST = "127.0.0.1"


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
    lab.add_argument("--port", type=int, default=19000)
    lab.add_argument("--recordings", type=Path, metavar="FOLDER", help="replay recorded traffic")
    lab.add_argument("--list", action="store_true", help="list the scripted behaviours and exit")
    lab.set_defaults(run=_lab)

    demo = commands.add_parser("demo", help="serve a sample api.yaml together with the lab")
    _add_serving(demo)
    demo.set_defaults(run=_demo)
    return parser


def _add_serving(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="default: the variable HOST, else all addresses")
    parser.add_argument("--port", help="default: the variable PORT, else 8000")
    parser.add_argument(
        "--log",
        choices=("text", "json", "off"),
        help="a line per request; default: text on a terminal, else json",
    )


def _serve(options: argparse.Namespace) -> int:
    # Imported here, so that `--help` answers at once.
    from headgate.app import GatewaySettings, run_gateway  # noqa: PLC0415

    config = options.config or _found_config()
    if config is None:
        return _complain(
            "no configuration: write ./api.yaml, name a file with --config, or set CONFIG_URL"
        )
    port = _port(options)
    if port is None:
        return _complain("the port must be a number from 0 to 65535")
    settings = GatewaySettings(
        config=config, host=_host(options, _DEFAULT_HOST), port=port, log=_log_form(options)
    )
    return run_gateway(settings, _say, _warn)


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
    from headgate.app import run_demo  # noqa: PLC0415 - see _serve

    port = _port(options)
    if port is None:
        return _complain("the port must be a number from 0 to 65535")
    return run_demo(_host(options, _DEMO_HOST), port, _log_form(options), _say, _warn)


def _found_config() -> str | None:
    """./api.yaml, as uni-api has it; CONFIG_URL only where there is no file."""
    if Path("api.yaml").is_file():
        return "api.yaml"
    return os.environ.get("CONFIG_URL") or None


def _host(options: argparse.Namespace, default: str) -> str:
    return str(options.host or os.environ.get("HOST") or default)


def _port(options: argparse.Namespace) -> int | None:
    text = str(options.port or os.environ.get("PORT") or _DEFAULT_PORT)
    return int(text) if text.isascii() and text.isdigit() and int(text) <= 65535 else None


def _log_form(options: argparse.Namespace) -> str:
    return str(options.log or ("text" if sys.stdout.isatty() else "json"))


def _say(text: str) -> None:
    print(text, flush=True)


def _warn(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _complain(problem: str) -> int:
    _warn(f"headgate: {problem}")
    return 1
