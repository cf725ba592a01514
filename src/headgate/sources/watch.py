"""Keeping the configuration current: the source is polled, upstreams are asked for their models.

A configuration that is broken, or gone, never replaces one that works.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple

from headgate.base.clock import Clock
from headgate.base.failure import RelayError
from headgate.providers.provider import Operation
from headgate.snapshot.compile import compile_snapshot
from headgate.snapshot.document import ConfigError, Document
from headgate.snapshot.facts import Channel, Snapshot
from headgate.sources.discovery import DiscoveryError, Fetch, models_of
from headgate.sources.environment import EnvironmentSettings
from headgate.sources.origin import Source, SourceError
from headgate.sources.yaml_file import read_document

_FIRST_RETRY_S = 5.0
_LONGEST_RETRY_S = 600.0


class Listener(NamedTuple):
    """Who is told. `warn` gets what is wrong but changes nothing: one line, no secrets."""

    changed: Callable[[Snapshot], None]
    broken: Callable[[list[ConfigError]], None]
    warn: Callable[[str], None]


class Surroundings(NamedTuple):
    """What a configuration is compiled with."""

    settings: EnvironmentSettings
    environment: Mapping[str, str]
    clock: Clock


class _Asked(NamedTuple):
    """What an upstream answered. `by` tells when the answer is stale: another URL or key."""

    by: tuple[str, str]
    models: tuple[str, ...]


class _Retry(NamedTuple):
    """When a failed upstream is asked again, on the monotonic clock."""

    at_s: float
    wait_s: float


class Watch:
    """One source and the newest snapshot of it. `load` first, then `run` in a task."""

    def __init__(self, source: Source, surroundings: Surroundings, listener: Listener) -> None:
        self._source = source
        self._surroundings = surroundings
        self._listener = listener
        self._lock = asyncio.Lock()
        self._document: Document | None = None
        self._snapshot: Snapshot | None = None
        self._version = 0
        self._asked: dict[str, _Asked] = {}
        self._retries: dict[str, _Retry] = {}
        self._news = asyncio.Event()

    async def load(self) -> Snapshot | list[ConfigError]:
        """Read the source for the first time, or anew whether it has changed or not."""
        try:
            data = await self._source.poll()
        except SourceError as problem:
            return [ConfigError("", "", str(problem))]
        if data is not None:
            return await self._take(data)
        return self._snapshot or [ConfigError(self._source.name, "", "nothing to read yet")]

    async def run(self, fetch: Fetch) -> None:
        """Poll the source and ask upstreams, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._poll(), name="config-poll")
            tasks.create_task(self._discover(fetch), name="model-discovery")

    async def _poll(self) -> None:
        problem_before = ""
        while True:
            await asyncio.sleep(self._source.interval_s)
            try:
                data = await self._source.poll()
            except SourceError as problem:
                if str(problem) != problem_before:  # once, not twice a second
                    self._listener.warn(f"{problem}: the configuration stays as it is")
                problem_before = str(problem)
                continue
            problem_before = ""
            if data is not None:
                self._tell(await self._take(data))

    async def _take(self, data: bytes) -> Snapshot | list[ConfigError]:
        """Compile new content; keep it if it can be used."""
        document = await asyncio.to_thread(
            read_document, data, self._source.name, self._surroundings.environment
        )
        async with self._lock:
            result = await self._compiled(document)
            if isinstance(result, Snapshot):
                self._document = document
                self._keep(result)
        return result

    async def _compiled(self, document: Document) -> Snapshot | list[ConfigError]:
        settings, _, clock = self._surroundings
        discovered = {name: asked.models for name, asked in self._asked.items()}
        return await asyncio.to_thread(
            compile_snapshot,
            document,
            version=self._version + 1,
            now_s=clock.wall_s(),
            timeout_s=settings.timeout_s,
            discovered=discovered,
        )

    def _keep(self, snapshot: Snapshot) -> None:
        self._version = snapshot.version
        self._snapshot = snapshot
        self._news.set()

    def _tell(self, result: Snapshot | list[ConfigError]) -> None:
        if isinstance(result, Snapshot):
            self._listener.changed(result)
        else:
            self._listener.broken(result)

    async def _discover(self, fetch: Fetch) -> None:
        while True:
            self._news.clear()
            self._forget_stale()
            due = self._due()
            if due:
                await asyncio.gather(*(self._ask(channel, fetch) for channel in due))
                continue
            try:
                await asyncio.wait_for(self._news.wait(), self._pause_s())
            except TimeoutError:
                continue  # a retry is due

    def _waiting(self) -> list[Channel]:
        """List the channels whose models are not known yet."""
        channels = self._snapshot.channels if self._snapshot else ()
        return [
            channel for channel in channels if channel.discovers and channel.name not in self._asked
        ]

    def _due(self) -> list[Channel]:
        now_s = self._surroundings.clock.monotonic_s()
        return [
            channel
            for channel in self._waiting()
            if channel.name not in self._retries or self._retries[channel.name].at_s <= now_s
        ]

    def _pause_s(self) -> float | None:
        now_s = self._surroundings.clock.monotonic_s()
        times_s = [self._retries[channel.name].at_s for channel in self._waiting()]
        return max(min(times_s) - now_s, 0.0) if times_s else None

    def _forget_stale(self) -> None:
        """Drop answers of upstreams that are asked elsewhere now, or with another key."""
        channels = self._snapshot.channels if self._snapshot else ()
        current = {channel.name: _asked_by(channel) for channel in channels if channel.discovers}
        self._asked = {
            name: asked for name, asked in self._asked.items() if current.get(name) == asked.by
        }
        self._retries = {name: retry for name, retry in self._retries.items() if name in current}

    async def _ask(self, channel: Channel, fetch: Fetch) -> None:
        try:
            models = await models_of(channel, fetch)
        except (DiscoveryError, RelayError, OSError, TimeoutError) as problem:
            before = self._retries.get(channel.name)
            wait_s = min(before.wait_s * 2, _LONGEST_RETRY_S) if before else _FIRST_RETRY_S
            now_s = self._surroundings.clock.monotonic_s()
            self._retries[channel.name] = _Retry(now_s + wait_s, wait_s)
            reason = problem.failure.message if isinstance(problem, RelayError) else problem
            self._listener.warn(
                f"channel {channel.name}: its models are not known ({reason}); "
                f"asked again in {wait_s:.0f} s"
            )
            return
        async with self._lock:
            self._asked[channel.name] = _Asked(_asked_by(channel), models)
            self._retries.pop(channel.name, None)
            if self._document is None:
                return
            result = await self._compiled(self._document)
            if isinstance(result, Snapshot):
                self._keep(result)
                self._tell(result)


def _asked_by(channel: Channel) -> tuple[str, str]:
    return channel.endpoints[Operation.MODELS][0].url, channel.credentials[0].label
