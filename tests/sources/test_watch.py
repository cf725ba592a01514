from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from headgate.base.clock import ManualClock
from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.snapshot.document import ConfigError
from headgate.snapshot.facts import Headers, Snapshot
from headgate.sources.environment import EnvironmentSettings
from headgate.sources.origin import SourceError
from headgate.sources.watch import Listener, Surroundings, Watch

LISTED = "providers: [{provider: p, base_url: 'https://h/v1', model: [%s]}]\napi_keys: [{api: k}]"
UNLISTED = "providers: [{provider: p, base_url: 'https://%s/v1'}]\napi_keys: [{api: k}]"


class Paper:
    """A source that is written on by the test."""

    name = "api.yaml"
    interval_s = 0.001

    def __init__(self, text: str) -> None:
        self._text: str | None = text
        self.error: SourceError | None = None

    def write(self, text: str) -> None:
        self._text = text

    async def poll(self) -> bytes | None:
        if self.error:
            raise self.error
        text, self._text = self._text, None
        return None if text is None else text.encode()


class Scene:
    """A watch, its source, and everything that it told."""

    def __init__(self, text: str) -> None:
        self.paper = Paper(text)
        self.clock = ManualClock()
        self.told: asyncio.Queue[Snapshot | list[ConfigError] | str] = asyncio.Queue()
        self.models: bytes | RelayError = b'{"data": [{"id": "found"}]}'
        self.asked: list[str] = []
        surroundings = Surroundings(EnvironmentSettings(timeout_s=7.0), {}, self.clock)
        tell = self.told.put_nowait
        self.watch = Watch(self.paper, surroundings, Listener(tell, tell, tell))

    async def fetch(self, url: str, headers: Headers, proxy: str | None) -> bytes:
        self.asked.append(url)
        if isinstance(self.models, RelayError):
            raise self.models
        return self.models

    async def snapshot(self) -> Snapshot:
        """Wait for the next thing told, which must be a snapshot."""
        told = await asyncio.wait_for(self.told.get(), 5)
        assert isinstance(told, Snapshot), told
        return told

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Snapshot]:
        """Load, and watch until the block ends."""
        loaded = await self.watch.load()
        assert isinstance(loaded, Snapshot), loaded
        task = asyncio.create_task(self.watch.run(self.fetch))
        try:
            yield loaded
        finally:
            task.cancel()
            await asyncio.wait([task])


def models(snapshot: Snapshot) -> list[str]:
    """List what the key may ask for."""
    return list(snapshot.keys["k"].routes)


async def test_the_first_load_gives_a_snapshot() -> None:
    scene = Scene(LISTED % "a")
    snapshot = await scene.watch.load()
    assert isinstance(snapshot, Snapshot)
    assert (snapshot.version, models(snapshot)) == (1, ["a"])
    assert snapshot.loaded_at_s == scene.clock.wall_s()
    assert snapshot.channels[0].models == {"a": "a"}


async def test_the_first_load_gives_every_error() -> None:
    found = await Scene("providers: [{}]").watch.load()
    assert isinstance(found, list)
    assert [error.key for error in found] == ["api_keys", "providers[0].provider"]


async def test_a_source_that_cannot_be_had_is_an_error_too() -> None:
    scene = Scene("")
    scene.paper.error = SourceError("no such file")
    assert await scene.watch.load() == [ConfigError("", "", "no such file")]


async def test_a_change_becomes_a_new_snapshot() -> None:
    scene = Scene(LISTED % "a")
    async with scene.running():
        scene.paper.write(LISTED % "b")
        snapshot = await scene.snapshot()
        assert (snapshot.version, models(snapshot)) == (2, ["b"])


async def test_a_broken_change_is_told_and_a_good_one_after_it_is_taken() -> None:
    scene = Scene(LISTED % "a")
    async with scene.running():
        scene.paper.write("providers: [")
        broken = await asyncio.wait_for(scene.told.get(), 5)
        assert isinstance(broken, list)
        assert broken[0].place == "api.yaml:2:1"
        scene.paper.write(LISTED % "c")
        assert models(await scene.snapshot()) == ["c"]


async def test_a_source_that_goes_away_is_told_once_and_then_watched_on() -> None:
    scene = Scene(LISTED % "a")
    async with scene.running():
        scene.paper.error = SourceError("api.yaml: no such file")
        told = await asyncio.wait_for(scene.told.get(), 5)
        assert told == "api.yaml: no such file: the configuration stays as it is"
        await asyncio.sleep(0.02)
        assert scene.told.empty()
        scene.paper.error = None
        scene.paper.write(LISTED % "b")
        assert models(await scene.snapshot()) == ["b"]


async def test_discovered_models_come_with_a_new_snapshot_and_survive_a_reload() -> None:
    scene = Scene(UNLISTED % "h")
    async with scene.running() as first:
        assert models(first) == []
        assert models(await scene.snapshot()) == ["found"]
        scene.paper.write(UNLISTED % "h" + "\npreferences: {cooldown_period: 1}")
        assert models(await scene.snapshot()) == ["found"]
        assert scene.asked == ["https://h/v1/models"]


async def test_another_address_is_asked_anew() -> None:
    scene = Scene(UNLISTED % "h")
    async with scene.running():
        await scene.snapshot()
        scene.paper.write(UNLISTED % "other")
        await scene.snapshot()
        await scene.snapshot()
        assert scene.asked == ["https://h/v1/models", "https://other/v1/models"]


async def test_an_upstream_that_does_not_answer_is_asked_again_later() -> None:
    scene = Scene(UNLISTED % "h")
    scene.models = RelayError(Failure(kind=FailureKind.UPSTREAM_UNREACHABLE, message="down"))
    async with scene.running():
        told = await asyncio.wait_for(scene.told.get(), 5)
        assert told == "channel p: its models are not known (down); asked again in 5 s"
        scene.clock.advance(5.0)
        scene.models = b'{"data": [{"id": "late"}]}'
        scene.paper.write(UNLISTED % "h")  # any news wakes the one who asks
        assert models(await scene.snapshot()) == []
        assert models(await scene.snapshot()) == ["late"]


async def test_the_wait_between_two_questions_doubles() -> None:
    scene = Scene(UNLISTED % "h")
    scene.models = b"<html>"
    async with scene.running():
        waits = []
        for _ in range(3):
            told = await asyncio.wait_for(scene.told.get(), 5)
            assert isinstance(told, str)
            waits.append(told.rpartition(" in ")[2])
            scene.clock.advance(600.0)
            scene.paper.write(UNLISTED % "h")
            await scene.snapshot()
        assert waits == ["5 s", "10 s", "20 s"]
