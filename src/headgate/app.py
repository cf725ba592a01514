"""The composition root, the one file that knows the others: settings, ports, stages, routes."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Callable, Mapping
from importlib.resources import as_file, files
from pathlib import Path
from random import Random
from typing import Literal

import msgspec
import uvloop

from headgate.admission.admit import Gate
from headgate.admission.counters import MemoryCounters
from headgate.admission.key_directory import SnapshotKeys
from headgate.base.clock import Clock, SystemClock
from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.edge.caller_key import HeaderOf, key_in
from headgate.edge.doors import routes_of
from headgate.edge.health import health_routes
from headgate.edge.limits import Limits
from headgate.edge.server import CannotListen, Server, ServerSettings, serve
from headgate.edge.site import Glance, Site
from headgate.lab.server import LabSettings, start_lab
from headgate.relay.stages import Stages
from headgate.routing.credentials import CredentialPool
from headgate.routing.health import Health
from headgate.routing.plan import Router
from headgate.settlement.ledger import Ledger, MemoryLedger
from headgate.settlement.usage_record import UsageSink
from headgate.snapshot.document import ConfigError
from headgate.snapshot.facts import Headers, Snapshot, Timeouts
from headgate.sources.check import report
from headgate.sources.environment import EnvironmentSettings, read_environment
from headgate.sources.origin import SourceError, find_source
from headgate.sources.watch import Listener, Surroundings, Watch
from headgate.telemetry.log_lines import LogLines, NoLog, writer_to
from headgate.upstream.client_pool import ClientPool
from headgate.upstream.http1 import HttpRequest, parse_url

Say = Callable[[str], None]
LogForm = Literal["text", "json", "off"]

_STDOUT = 1
_DISCOVERY = Timeouts(connect_s=5.0, first_byte_s=15.0, idle_s=15.0, total_s=30.0)
_MOST_LISTING_BYTES = 16 * 1024 * 1024
_RESTART_S = 5.0
_DEMO_KEY = "sk-demo"


class StartError(Exception):
    """The gateway cannot start; the text is for a person."""


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to run one gateway. What is None comes from the environment, then from the defaults.

    `config` is a file or URL; `port` 0 takes any free one; `log` the form of the line per request.
    """

    config: str | None = None
    host: str | None = None
    port: int | None = None
    log: LogForm = "text"
    environment: Mapping[str, str] = msgspec.field(default_factory=lambda: dict(os.environ))
    drain_s: float = 30.0
    limits: Limits = msgspec.field(default_factory=Limits)
    warn: Say = lambda _line: None


class Gateway:
    """One gateway: the configuration that it follows, and the sockets that it owns."""

    def __init__(self, settings: GatewaySettings, from_environment: EnvironmentSettings) -> None:
        clock = SystemClock()
        self._settings = settings
        self._from_environment = from_environment
        try:
            source = find_source(settings.config, from_environment, Path())
        except SourceError as problem:
            raise StartError(str(problem)) from None
        self.config = source.name
        surroundings = Surroundings(from_environment, settings.environment, clock)
        self._watch = Watch(source, surroundings, Listener(self._use, self._refuse, settings.warn))
        self._snapshot: Snapshot | None = None
        self._client = ClientPool()
        self._log = NoLog() if settings.log == "off" else _log_lines(settings.log)
        ledger = MemoryLedger(enforces=not from_environment.disable_database)
        stages = stages_of(self._facts, self._client, ledger, self._log, clock)
        routes = [*routes_of(stages), *health_routes(self._readiness)]
        self._site = Site(routes, glance=_glance_of(stages))
        self._watching: asyncio.Task[None] | None = None
        self._server: Server | None = None
        self.url = ""

    async def load(self) -> None:
        """Read the configuration and begin to follow it. Errors: `StartError`."""
        result = await self._watch.load()
        if not isinstance(result, Snapshot):
            raise StartError(report(result)[0])
        self._use(result)
        self._watching = asyncio.create_task(self._follow(), name="configuration")

    async def start(self) -> None:
        """Listen. Errors: `StartError`."""
        self._server = Server(self._site, None, self._server_settings(lambda _url: None))
        try:
            self.url = await self._server.start()
        except CannotListen as problem:
            raise StartError(str(problem)) from None

    async def serve(self, on_ready: Say) -> int:
        """Listen until a signal ends it; give the exit code. Errors: `StartError`."""
        try:
            return await serve(self._site, None, self._server_settings(on_ready))
        except CannotListen as problem:
            raise StartError(str(problem)) from None

    async def close(self) -> None:
        """Let go of everything. What still runs is cut."""
        if self._server is not None:
            at_once = asyncio.Event()
            at_once.set()
            await self._server.stop(at_once)
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        await self._client.close()
        self._log.close()

    def _server_settings(self, on_ready: Say) -> ServerSettings:
        settings, outer = self._settings, self._from_environment
        return ServerSettings(
            host=settings.host if settings.host is not None else outer.host,
            port=settings.port if settings.port is not None else outer.port,
            on_ready=on_ready,
            limits=settings.limits,
            drain_s=settings.drain_s,
        )

    def _facts(self) -> Snapshot:
        if self._snapshot is None:
            raise RelayError(
                Failure(kind=FailureKind.DRAINING, message="The gateway is still starting.")
            )
        return self._snapshot

    def _readiness(self) -> tuple[bool, dict[str, object]]:
        if self._snapshot is None:
            return False, {}
        return True, {"configuration": self._snapshot.version}

    def _use(self, snapshot: Snapshot) -> None:
        is_first = self._snapshot is None
        self._snapshot = snapshot
        for warning in snapshot.warnings:
            self._settings.warn(f"warning: {warning}")
        has_credits = any(key.credits is not None for key in snapshot.keys.values())
        if has_credits and self._from_environment.disable_database:
            self._settings.warn("warning: DISABLE_DATABASE is set: credits are not enforced")
        if not is_first:
            self._settings.warn(f"{self.config} was read anew: version {snapshot.version} serves")

    def _refuse(self, errors: list[ConfigError]) -> None:
        text, _ = report(errors)
        self._settings.warn(f"{text}; the version before it goes on serving")

    async def _follow(self) -> None:
        """Keep the watch alive: a defect of ours must not freeze the configuration for good."""
        while True:
            try:
                await self._watch.run(self._fetch)
            except Exception as defect:  # noqa: BLE001 - see the docstring
                self._settings.warn(f"following {self.config} broke down ({defect!r}); restarting")
            await asyncio.sleep(_RESTART_S)

    async def _fetch(self, url: str, headers: Headers, proxy: str | None) -> bytes:
        origin, target = parse_url(url)
        if proxy is not None:
            origin = origin._replace(proxy=proxy)
        request = HttpRequest("GET", origin, target, headers, b"")
        response = await self._client.send(request, _DISCOVERY)
        body = await response.read_all(_MOST_LISTING_BYTES)
        if response.status != 200:
            raise RelayError(
                Failure(kind=FailureKind.UPSTREAM_ERROR, message=f"it answered {response.status}")
            )
        return body


def stages_of(
    facts: Callable[[], Snapshot],
    client: ClientPool,
    ledger: Ledger,
    sink: UsageSink,
    clock: Clock,
) -> Stages:
    """Join the stages of YAML mode: everything in memory."""
    health = Health()
    random = Random()
    return Stages(
        facts=facts,
        clock=clock,
        gate=Gate(SnapshotKeys(), MemoryCounters()),
        ledger=ledger,
        router=Router(health, random),
        health=health,
        credentials=CredentialPool(health, random),
        client=client,
        sink=sink,
    )


def _glance_of(stages: Stages) -> Glance:
    """Tell strangers early."""

    def glance(header: HeaderOf, query: str) -> None:
        stages.gate.glance(key_in(header, query), stages.facts())

    return glance


async def start_gateway(settings: GatewaySettings) -> Gateway:
    """Start a gateway in this event loop. Errors: `StartError`."""
    gateway = _made(settings)
    try:
        await gateway.load()
        await gateway.start()
    except BaseException:
        await gateway.close()
        raise
    return gateway


def run_gateway(settings: GatewaySettings, say: Say) -> int:
    """Serve until a signal; give the exit code. Errors: `StartError`."""
    return uvloop.run(
        _run(settings, lambda gateway, url: say(f"headgate serves {gateway.config} at {url}"))
    )


def run_demo(settings: GatewaySettings, say: Say) -> int:
    """Serve the sample configuration together with a lab. Errors: `StartError`."""
    return uvloop.run(_run_demo(settings, say))


def check_config(config: str, environment: Mapping[str, str]) -> tuple[str, int]:
    """Say what is wrong with a configuration: the text, and the exit code."""
    return asyncio.run(_check(config, environment))


async def _run(settings: GatewaySettings, ready: Callable[[Gateway, str], None]) -> int:
    gateway = _made(settings)
    try:
        await gateway.load()
        _spare_the_collector()
        return await gateway.serve(lambda url: ready(gateway, url))
    finally:
        await gateway.close()


async def _run_demo(settings: GatewaySettings, say: Say) -> int:
    lab = await start_lab(LabSettings())
    try:
        with as_file(files("headgate.lab") / "demo.yaml") as sample:
            environment = {**settings.environment, "LAB_URL": lab.url}
            settings = msgspec.structs.replace(
                settings, config=str(sample), environment=environment
            )
            return await _run(settings, lambda _gateway, url: say(_welcome(url)))
    finally:
        await lab.close()


async def _check(config: str, environment: Mapping[str, str]) -> tuple[str, int]:
    outer = read_environment(environment)
    if isinstance(outer, list):
        return report(outer)
    try:
        source = find_source(config, outer, Path())
    except SourceError as problem:
        return str(problem), 1
    listener = Listener(lambda _snapshot: None, lambda _errors: None, lambda _line: None)
    watch = Watch(source, Surroundings(outer, environment, SystemClock()), listener)
    return report(await watch.load())


def _made(settings: GatewaySettings) -> Gateway:
    outer = read_environment(settings.environment)
    if isinstance(outer, list):
        raise StartError(report(outer)[0])
    return Gateway(settings, outer)


def _spare_the_collector() -> None:
    """Keep the garbage collector from walking what lives as long as the process.

    Requests leave few cycles behind, so it need not look for them every few requests either: it
    took up to a tenth of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _log_lines(form: LogForm) -> LogLines:
    return LogLines(writer_to(_STDOUT), as_json=form == "json")


def _welcome(url: str) -> str:
    """What a person sees after `make run`: an address, and a line to paste."""
    shown = url.replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]")  # noqa: S104 - for people
    return f"""\
headgate serves its demo at {url}; the models answer from the built-in lab. Try:

  curl {shown}/v1/chat/completions -H 'Authorization: Bearer {_DEMO_KEY}' \\
    -H 'Content-Type: application/json' \\
    -d '{{"model": "claude-demo", "messages": [{{"role": "user", "content": "Hello"}}]}}'

Other models: gpt-demo, gemini-demo, gpt-demo-flaky (its first channel fails). Add
"stream": true to stream. Ctrl-C stops it."""
