"""A configuration that changes while it serves: visible within 2 s, and never for the worse."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from headgate.app import GatewaySettings, start_gateway
from tests.e2e.callers import calling, config, question, until
from tests.e2e.harness import KEY, Bench, Gate
from tests.program import serving

VISIBLE_S = 2.0
SETTLED_S = 1.6  # two polls, and a little

ONE = f"""
providers:
  - provider: one
    base_url: LAB/PLACE/v1/chat/completions
    api: up
    model: [gpt-m]
api_keys:
  - api: {KEY}
preferences: {{cooldown_period: 0}}
"""
BROKEN = """
providers:
  - provider: one
    base_url: nowhere
    model: [gpt-m]
api_keys:
  - role: admin
"""


def at(place: str) -> str:
    """One channel at a place of the lab."""
    return ONE.replace("PLACE", place)


async def soon(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait no longer than a change may take to be seen."""
    async with asyncio.timeout(VISIBLE_S):
        while not await condition():  # noqa: ASYNC110 - asked over HTTP, as a user would
            await asyncio.sleep(0.05)


async def place_of(gate: Gate) -> str:
    """Which place of the lab answers."""
    return (await gate.chat("gpt-m")).place


def written(bench: Bench, yaml: str) -> str:
    """The text as it would stand in the file."""
    return textwrap.dedent(yaml).replace("LAB", bench.lab.url)


# ---------------------------------------------------------------- what changes


async def test_a_changed_upstream_is_asked_within_two_seconds(bench: Bench) -> None:
    gate = await bench.gateway(at("red"))
    assert await place_of(gate) == "red"
    bench.write(gate.path, at("blue"))

    async def is_seen() -> bool:
        return await place_of(gate) == "blue"

    await soon(is_seen)


async def test_keys_and_models_come_and_go(bench: Bench) -> None:
    gate = await bench.gateway(at("red"))
    changed = at("red").replace(KEY, "sk-test-user-0002").replace("gpt-m", "gpt-n")
    bench.write(gate.path, changed)

    async def is_seen() -> bool:
        return (await gate.chat("gpt-n", "sk-test-user-0002")).status == 200

    await soon(is_seen)
    assert (await gate.chat("gpt-n")).status == 401
    assert (await gate.chat("gpt-m", "sk-test-user-0002")).status == 404
    assert await gate.models("sk-test-user-0002") == ["gpt-n"]


async def test_readiness_tells_the_version(bench: Bench) -> None:
    gate = await bench.gateway(at("red"))
    bench.write(gate.path, at("blue"))

    async def is_second() -> bool:
        return bool((await gate.get("/readyz")).json["configuration"] == 2)

    assert (await gate.get("/readyz")).json["configuration"] == 1
    await soon(is_second)


# ---------------------------------------------------------------- how it changes


def rewrite(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def replace(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def rewrite_in_two_steps(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text[: len(text) // 2])
        file.flush()
        file.write(text[len(text) // 2 :])


def delete_and_write(path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text, encoding="utf-8")


async def test_a_file_may_be_changed_in_any_way(bench: Bench) -> None:
    told: list[str] = []

    async def changed(gate: Gate, change: Callable[[Path, str], None]) -> None:
        change(gate.path, written(bench, at("blue")))

        async def is_seen() -> bool:
            return await place_of(gate) == "blue"

        await soon(is_seen)

    ways = (rewrite, replace, rewrite_in_two_steps, delete_and_write)
    gates = [await bench.gateway(at("red"), warn=told.append) for _ in ways]
    await asyncio.gather(*map(changed, gates, ways))  # at once, for each of them takes a second
    assert [line for line in told if "error" in line] == []


async def test_links_may_be_swapped_as_kubernetes_does(bench: Bench, tmp_path: Path) -> None:
    # api.yaml -> ..data/api.yaml, and ..data -> the folder of a version
    for version in ("red", "blue"):
        (tmp_path / version).mkdir()
        bench.write(tmp_path / version / "api.yaml", at(version))
    data, mounted = tmp_path / "..data", tmp_path / "api.yaml"
    data.symlink_to("red")
    mounted.symlink_to("..data/api.yaml")
    running = await start_gateway(
        GatewaySettings(config=str(mounted), host="127.0.0.1", port=0, log="off")
    )
    try:
        gate = Gate(running, bench, mounted)
        assert await place_of(gate) == "red"
        fresh = tmp_path / "..fresh"
        fresh.symlink_to("blue")
        fresh.replace(data)

        async def is_seen() -> bool:
            return await place_of(gate) == "blue"

        await soon(is_seen)
    finally:
        await running.close()


async def test_a_touched_file_changes_nothing(bench: Bench) -> None:
    told: list[str] = []
    gate = await bench.gateway(at("red"), warn=told.append)
    gate.path.touch()
    await asyncio.sleep(SETTLED_S)
    assert await place_of(gate) == "red"
    assert [line for line in told if "error" in line] == []


async def test_a_file_that_is_gone_leaves_the_last_version_serving(bench: Bench) -> None:
    told: list[str] = []
    gate = await bench.gateway(at("red"), warn=told.append)
    gate.path.unlink()
    await asyncio.sleep(SETTLED_S)
    assert await place_of(gate) == "red"
    assert told == [f"{gate.path}: no such file or directory: the configuration stays as it is"]
    bench.write(gate.path, at("blue"))

    async def is_seen() -> bool:
        return await place_of(gate) == "blue"

    await soon(is_seen)


# ---------------------------------------------------------------- what is broken


async def test_a_broken_file_says_every_error_and_the_last_version_serves(
    bench: Bench, tmp_path: Path
) -> None:
    path = tmp_path / "api.yaml"
    bench.write(path, config(["red"]))
    with serving(path) as program:
        await asyncio.to_thread(lambda: program.url)
        rewrite(path, BROKEN)
        await asyncio.to_thread(program.hears, "goes on serving", err=True)
        assert [line.partition(": ")[2] for line in program.err[:2]] == [
            f"{path}:4:5: providers[0].base_url: write a whole URL, such as "
            "https://host/v1/chat/completions\n",
            f"{path}:7:5: api_keys[0].api: the key itself is missing\n",
        ]
        assert program.err[2:] == [
            "2 errors: this configuration cannot be used; the version before it goes on serving\n"
        ]
        async with calling(program.url) as caller:
            assert (await caller.ask(question("red", stream=False))).status == 200
        bench.write(path, config(["blue"]))
        await asyncio.to_thread(program.hears, "was read anew: version 2 serves", err=True)
        async with calling(program.url) as caller:
            assert (await caller.ask(question("blue", stream=False))).status == 200


async def test_whatever_is_written_the_last_version_serves(bench: Bench) -> None:
    told: list[str] = []
    contents = (b"", b"providers: [", b"\xff\x00", b"- 1\n")
    gates = [await bench.gateway(at("red"), warn=told.append) for _ in contents]
    for gate, content in zip(gates, contents, strict=True):
        gate.path.write_bytes(content)
    await until(lambda: len(told) == len(contents), VISIBLE_S)
    for gate in gates:
        (line,) = [line for line in told if str(gate.path) in line]
        assert line.startswith("error: ")
        assert line.endswith("; the version before it goes on serving")
        assert await place_of(gate) == "red"


# ---------------------------------------------------------------- what outlives it


async def reloaded(bench: Bench, gate: Gate, yaml: str, version: int = 2) -> None:
    """Write a configuration and wait until it serves."""
    bench.write(gate.path, yaml)

    async def serves() -> bool:
        return bool((await gate.get("/readyz")).json["configuration"] == version)

    await soon(serves)


async def test_a_request_finishes_on_the_version_it_began_with(bench: Bench) -> None:
    gate = await bench.gateway(config(["drip-250"]))
    async with calling(gate.url) as caller:
        await caller.send(question("drip-250"))
        await until(lambda: bench.places == ["drip-250"], 1)
        await reloaded(bench, gate, at("blue"))
        answer = await caller.answer()
        assert answer.body.endswith(b"data: [DONE]\n\n")
        assert (await caller.ask(question("drip-250"))).status == 404


async def test_limits_are_not_forgotten(bench: Bench) -> None:
    limited = at("red").replace(f"- api: {KEY}", f"- api: {KEY}\n    preferences: {{LIMITS}}")
    limited = limited.replace("{LIMITS}", "{rate_limit: 2/min}")
    gate = await bench.gateway(limited)
    assert (await gate.chat("gpt-m")).status == 200
    await reloaded(bench, gate, limited.replace("red", "blue", 1))
    statuses = [(await gate.chat("gpt-m")).status for _ in range(2)]
    assert statuses == [200, 429]


async def test_credits_are_not_given_twice(bench: Bench) -> None:
    text = at("red").replace(f"- api: {KEY}", f"- api: {KEY}\n    preferences: {{LIMITS}}")
    text = text.replace("{LIMITS}", "{credits: 0.0000001}")
    gate = await bench.gateway(text)
    assert (await gate.chat("gpt-m")).status == 200
    await reloaded(bench, gate, text + "\n# changed\n")
    assert (await gate.chat("gpt-m")).status == 429


async def test_who_rests_goes_on_resting(bench: Bench) -> None:
    two = config(["e503", "ok1"], "cooldown_period: 60")
    two = two.replace("model: [e503]", "model: [gpt-m]").replace("model: [ok1]", "model: [gpt-m]")
    gate = await bench.gateway(two)
    assert await place_of(gate) == "ok1"
    await reloaded(bench, gate, two + "\n# changed\n")
    bench.lab.clear()
    assert await place_of(gate) == "ok1"
    assert bench.places == ["ok1"]


async def test_the_file_stays_as_it_was_written(bench: Bench) -> None:
    odd = (
        at("red")
        .replace("    model: [gpt-m]\n", "")
        .replace("preferences", "\n\n# mine\npreferences")
    )
    gate = await bench.gateway(odd)
    before, stat = gate.path.read_bytes(), gate.path.stat()

    async def is_known() -> bool:
        return "lab-echo" in await gate.models()

    await soon(is_known)
    assert (await gate.chat("lab-echo")).status == 200
    await gate.running.close()
    after = gate.path.stat()
    assert gate.path.read_bytes() == before
    assert (after.st_mtime_ns, after.st_ino) == (stat.st_mtime_ns, stat.st_ino)


# ---------------------------------------------------------------- from a URL


class Published:
    """A configuration on a web server, with an ETag."""

    def __init__(self) -> None:
        self.text = ""
        self.status = 200
        self.answers: list[int] = []

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """Serve it; give its URL."""
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api.yaml"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        tag = f'"{hash(self.text)}"'
        status, body = self.status, self.text.encode() if self.status == 200 else b""
        if f"if-none-match: {tag}" in head.decode().lower():
            status, body = 304, b""
        self.answers.append(status)
        fields = f"ETag: {tag}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(f"HTTP/1.1 {status} X\r\n{fields}".encode() + body)
        await writer.drain()
        writer.close()


async def test_a_url_is_polled_and_costs_little(bench: Bench) -> None:
    published = Published()
    published.text = written(bench, at("red"))
    told: list[str] = []
    async with published.served() as url:
        environment = {"CONFIG_URL": url, "HEADGATE_CONFIG_POLL": "0.3"}
        settings = GatewaySettings(
            config=url, host="127.0.0.1", port=0, log="off", environment=environment
        )
        running = await start_gateway(msgspec.structs.replace(settings, warn=told.append))
        try:
            gate = Gate(running, bench, Path())
            assert await place_of(gate) == "red"
            await until(lambda: published.answers == [200, 304, 304], VISIBLE_S)
            published.status, published.text = 500, written(bench, at("blue"))
            await until(lambda: published.answers.count(500) == 2, VISIBLE_S)
            assert await place_of(gate) == "red"
            published.status = 200

            async def is_seen() -> bool:
                return await place_of(gate) == "blue"

            await soon(is_seen)
        finally:
            await running.close()
    assert told == [
        f"{url}: the server answered 500: the configuration stays as it is",
        f"{url} was read anew: version 2 serves",
    ]
