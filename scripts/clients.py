"""Run real clients through headgate against the lab, each on a foreign wire: `make clients`.

Installs them into `build/clients` (npm and PyPI, over a gigabyte), and prints a table. With names
as arguments only those run. Nothing but the package registries is asked: for the clients every
other host is behind a proxy that does not exist.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from headgate.app import GatewaySettings, start_gateway
from headgate.lab.server import LabSettings, start_lab
from scripts.client_rows import CLIENTS, Client

BUILD = Path(__file__).parent.parent / "build" / "clients"
KEY = "sk-headgate-clients"
NOWHERE = "http://127.0.0.1:9"
TIMEOUT_S = 180.0

WIRES = {
    "openai_chat": "base_url: LAB/v1/chat/completions\n    api: up",
    "openai_responses": "base_url: LAB/v1/responses\n    api: up",
    "anthropic": "base_url: LAB/v1/messages\n    api: up",
    "gemini": "base_url: LAB/v1beta\n    api: up",
    "bedrock_converse": (
        "base_url: LAB\n    engine: aws\n    region: us-east-1\n"
        "    aws_access_key: AKIALAB\n    aws_secret_key: lab-secret"
    ),
}
UPSTREAM_MODELS = {
    "openai_chat": "gpt-5.1",
    "openai_responses": "gpt-5.1",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-3-pro",
    "bedrock_converse": "anthropic.claude-sonnet-4-5-20250929-v1:0",
}


class Outcome(Struct, frozen=True):
    """What became of a client; no `complaint` if it did its errand."""

    version: str
    paths: Sequence[str]
    complaint: str


def install(clients: Iterable[Client]) -> None:
    """Install what is not there yet, each Python program into an environment of its own."""
    BUILD.mkdir(parents=True, exist_ok=True)
    packages = sorted({client.npm for client in clients if client.npm})
    if packages:
        if not (BUILD / "package.json").exists():
            (BUILD / "package.json").write_text('{"private": true}', encoding="utf-8")
        run("npm", "install", "--silent", "--no-audit", "--no-fund", *packages)
    for client in clients:
        folder = BUILD / f"{client.name}-python"
        if client.pypi and not (folder / "installed").exists():
            run(sys.executable, "-m", "venv", str(folder))
            run(str(folder / "bin" / "pip"), "install", "-qq", client.pypi)
            (folder / "installed").touch()


def run(*command: str) -> None:
    """Run a tool in the build folder. Errors: CalledProcessError."""
    subprocess.run(command, cwd=BUILD, check=True)


def program(client: Client) -> str:
    """Where a client's command was installed."""
    folder = BUILD / "node_modules" / ".bin"
    if client.pypi:
        folder = BUILD / f"{client.name}-python" / "bin"
    return str(folder / client.command[0])


def config(client: Client, lab_url: str) -> str:
    """The gateway's configuration: one channel, on the client's foreign wire."""
    upstream = WIRES[client.wire].replace("LAB", f"{lab_url}/{client.behaviour}", 1)
    return (
        f"providers:\n  - provider: lab\n    {upstream}\n"
        f'    model: ["{UPSTREAM_MODELS[client.wire]}": {client.model}]\n'
        f"api_keys:\n  - api: {KEY}\n"
    )


async def tried(client: Client, folder: Path) -> Outcome:
    """Start a lab and a gateway, and let a client do its errand."""
    lab = await start_lab(LabSettings())
    path = folder / "api.yaml"
    path.write_text(config(client, lab.url), encoding="utf-8")
    gateway = await start_gateway(
        GatewaySettings(config=str(path), host="127.0.0.1", port=0, log="off")
    )
    try:
        complaint = await judged(client, gateway.url, folder)
        displeased = [each.displeasure for each in lab.requests if each.displeasure]
        failed = [f"{each.path} -> {each.status}" for each in lab.requests if each.status != 200]
        complaint = complaint or next(iter(displeased + failed), "")
        paths = [each.path for each in lab.requests]
        version = await said(client, (program(client), "--version"), gateway.url, folder)
        return Outcome(version.strip().splitlines()[-1] if version else "?", paths, complaint)
    finally:
        await gateway.close()
        await lab.close()


async def judged(client: Client, url: str, folder: Path) -> str:
    """Run the errand; what is wrong with its end, if anything is."""
    text = await said(client, (program(client), *client.command[1:]), url, folder)
    if client.writes:
        text = (folder / "work" / client.writes).read_text(encoding="utf-8")
    return "" if client.says in text else f"did not say {client.says!r}: {text[-2000:]}"


async def said(client: Client, command: Sequence[str], url: str, folder: Path) -> str:
    """Run a command as the client's user would; what it prints."""
    home, work = folder / "home", folder / "work"
    for where, files in ((home, client.home), (work, client.work)):
        where.mkdir(exist_ok=True)
        for name, content in files.items():
            place = where / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.exists():
                place.write_text(filled(content, url), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=work,
        env=surroundings(client, url, home),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)  # a session of its own, so nothing else is hit
        return f"no end within {TIMEOUT_S:g} seconds"
    return out.decode(errors="replace")


def surroundings(client: Client, url: str, home: Path) -> dict[str, str]:
    """The environment: nothing of this one but the way to programs."""
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(home),
        "TERM": "dumb",
        "NO_COLOR": "1",
        "LANG": "C.UTF-8",
        "HTTP_PROXY": NOWHERE,
        "HTTPS_PROXY": NOWHERE,
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    } | {name: filled(value, url) for name, value in client.environment.items()}


def filled(text: str, url: str) -> str:
    """Fill in what is known only now."""
    return text.replace("$GATE", url).replace("$KEY", KEY)


def main(names: Sequence[str]) -> int:
    """Install, run, and print the table. 1 if a client failed."""
    chosen = [client for client in CLIENTS if not names or client.name in names]
    if any(client.npm for client in chosen) and shutil.which("npm") is None:
        print("npm is needed to install the clients")
        return 1
    install(chosen)
    print(f"{'client':18} {'version':24} {'wire':18} {'requests':>8}  result", flush=True)
    failed = 0
    for client in chosen:
        # Not below this repository, which an agent would take for its project.
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            outcome = asyncio.run(tried(client, Path(folder)))
        failed += bool(outcome.complaint)
        result = outcome.complaint or "ok"
        row = f"{client.name:18} {outcome.version[:24]:24} {client.wire:18}"
        print(f"{row} {len(outcome.paths):8}  {result}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
