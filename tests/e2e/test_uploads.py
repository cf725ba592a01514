"""Large uploads through the gateway: never held whole, yet sent again whole to the next channel."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

from headgate.lab.journal import Received
from tests.e2e.callers import calling, until
from tests.e2e.harness import KEY, Bench
from tests.program import Program, serving

MB = 1_000_000
PIECE = hashlib.shake_128(b"upload").digest(MB)
GROWTH_MB = 20
BOUNDARY = b"a boundary of mine"
HEADERS = {
    "authorization": f"Bearer {KEY}",
    "content-type": f'multipart/form-data; boundary="{BOUNDARY.decode()}"',
}
PATH = "/v1/audio/transcriptions"

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def field(name: str, value: bytes) -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"\r\n\r\n'
    return b"--%b\r\n%b%b\r\n" % (BOUNDARY, head.encode(), value)


MODEL = field("model", b"talk")


def around(file: bytes = b"", *, model_last: bool = False) -> tuple[bytes, bytes]:
    """What stands before a file's content and behind it."""
    before = b"" if model_last else MODEL
    before += field("language", b"en") + field("timestamp_granularities[]", b"word")
    before += field("timestamp_granularities[]", b"segment") + b"--%b\r\n" % BOUNDARY
    before += b'Content-Disposition: form-data; name="file"; filename="long talk.wav"\r\n'
    before += b"Content-Type: audio/wav\r\nX-Odd: 1\r\n\r\n"
    after = MODEL if model_last else b""
    return before + file, b"\r\n" + after + b"--%b--\r\n" % BOUNDARY


async def form(megabytes: int, *, model_last: bool = False) -> AsyncIterator[bytes]:
    """A form with a file of so many megabytes."""
    before, after = around(model_last=model_last)
    yield before
    for _ in range(megabytes):
        yield PIECE
    yield after


def sha256(megabytes: int) -> str:
    digest = hashlib.sha256()
    for _ in range(megabytes):
        digest.update(PIECE)
    return digest.hexdigest()


def config(*urls: str) -> str:
    providers = "".join(
        f"""
  - provider: p{number}
    base_url: {url}
    api: up
    model: [{{gpt-4o-transcribe: talk}}]"""
        for number, url in enumerate(urls)
    )
    return f"providers:{providers}\napi_keys: [{{api: {KEY}}}]\npreferences: {{cooldown_period: 0}}"


@asynccontextmanager
async def process(bench: Bench, folder: Path, *urls: str) -> AsyncIterator[Program]:
    """Run a gateway as a process, with its temporary files in a folder of their own."""
    path, temporary = folder / "gateway.yaml", folder / "uploads"
    temporary.mkdir()
    bench.write(path, config(*urls))
    with serving(path, environment={"TMPDIR": str(temporary)}) as program:
        await asyncio.to_thread(lambda: program.url)
        yield program


def spooled(program: Program, folder: Path) -> int:
    """How many uploads lie on disk."""
    places = [str(link) for link in program._links()]
    return sum(place.startswith(str(folder / "uploads")) for place in places)


class Growth:
    """How far the process's memory has grown at its highest, in MB."""

    def __init__(self, program: Program) -> None:
        self._process = Path(f"/proc/{program.pid}")
        (self._process / "clear_refs").write_text("5")  # forgets the highest mark
        self._before_mb = self._highest_mb()

    @property
    def mb(self) -> float:
        return self._highest_mb() - self._before_mb

    def _highest_mb(self) -> float:
        lines = (self._process / "status").read_text(encoding="ascii").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) / 1024


async def upload(
    program: Program, body: AsyncIterator[bytes], path: str = PATH
) -> tuple[int, bytes]:
    timeout = aiohttp.ClientTimeout(total=120)
    async with (
        aiohttp.ClientSession(timeout=timeout) as http,
        http.post(program.url + path, headers=HEADERS, data=body) as answer,
    ):
        return answer.status, await answer.read()


def check(received: Received, megabytes: int, *, model_last: bool = False) -> None:
    """The parts that arrived are those that were sent, but for the model."""
    assert received.form is not None
    assert received.form.problem == ""
    parts = received.form.parts
    model = parts[-1 if model_last else 0]
    language, one, two, file = [part for part in parts if part is not model]
    assert (language["name"], language["value"]) == ("language", "en")
    assert [one["value"], two["value"]] == ["word", "segment"]
    assert (model["name"], model["value"]) == ("model", "gpt-4o-transcribe")
    assert (file["filename"], file["content_type"]) == ("long talk.wav", "audio/wav")
    assert (file["size"], file["sha256"]) == (megabytes * MB, sha256(megabytes))
    assert int(received.headers["content-length"]) == received.body_length


async def test_100_mb_fail_over_and_arrive_the_same_in_little_memory(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    urls = ("LAB/503/v1/chat/completions", "LAB/second/v1/chat/completions")
    async with process(bench, tmp_path, *urls) as program:
        assert (await upload(program, form(1)))[0] == 200
        bench.lab.clear()
        growth = Growth(program)
        began_s = time.monotonic()
        status, body = await upload(program, form(100))
        took_s = time.monotonic() - began_s
        with capsys.disabled():
            print(f"\n100 MB, sent twice: RSS grown {growth.mb:.1f} MB, {took_s:.1f} s")
        assert status == 200
        assert b"second: I heard long talk.wav, 100000000 bytes" in body
        assert [received.place for received in bench.lab.requests] == ["503", "second"]
        for received in bench.lab.requests:
            check(received, 100)
        assert growth.mb < GROWTH_MB
        assert spooled(program, tmp_path) == 0


async def test_model_may_stand_behind_the_file(bench: Bench, tmp_path: Path) -> None:
    urls = ("LAB/503/v1/chat/completions", "LAB/second/v1/chat/completions")
    async with process(bench, tmp_path, *urls) as program:
        assert (await upload(program, form(5, model_last=True)))[0] == 200
        for received in bench.lab.requests:
            check(received, 5, model_last=True)


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[str]:
    """An upstream of the test's own."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await serve(reader, writer)
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def length_of(head: bytes) -> int:
    lines = [line.partition(b":") for line in head.lower().split(b"\r\n")]
    return int(next(value for name, _, value in lines if name == b"content-length"))


async def test_slow_upstream_is_waited_for_in_little_memory(bench: Bench, tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = length_of(await reader.readuntil(b"\r\n\r\n"))
        while left:
            await asyncio.sleep(0.002)
            left -= len(await reader.read(min(left, 65536)))
        answer = b'{"text":"all of it"}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(answer), answer))
        await writer.drain()

    async with listening(serve) as url, process(bench, tmp_path, url) as program:
        assert (await upload(program, form(1)))[0] == 200
        growth = Growth(program)
        assert await upload(program, form(50)) == (200, b'{"text":"all of it"}')
        assert growth.mb < GROWTH_MB


async def test_upstream_that_refuses_early_is_heard(bench: Bench, tmp_path: Path) -> None:
    taken = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        await reader.readuntil(b"\r\n\r\n")
        error = b'{"error":{"message":"Maximum content size exceeded","code":null}}'
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Type: application/json\r\n")
        writer.write(b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(error), error))
        await writer.drain()
        while data := await reader.read(65536):
            taken += len(data)

    async with listening(serve) as url, process(bench, tmp_path, url) as program:
        status, body = await upload(program, form(50))
        assert status == 413
        assert b"Maximum content size exceeded" in body
        await until(lambda: spooled(program, tmp_path) == 0, 2)
        assert taken < 50 * MB


async def begin(program: Program, folder: Path, megabytes: int) -> bytes:
    """The head of an upload that announces more than it will bring."""
    before, after = around()
    length = len(before) + megabytes * MB + len(after)
    head = f"POST {PATH} HTTP/1.1\r\nHost: gate\r\nContent-Length: {length}\r\n"
    lines = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    return f"{head}{lines}\r\n".encode() + before


async def test_caller_that_hangs_up_in_mid_upload_leaves_nothing(
    bench: Bench, tmp_path: Path
) -> None:
    async with process(bench, tmp_path, "LAB/ok1/v1/chat/completions") as program:
        async with calling(program.url) as caller:
            await caller.send(await begin(program, tmp_path, 50))
            for _ in range(20):
                await caller.send(PIECE)
            assert spooled(program, tmp_path) == 1
            caller.hang_up()
        await until(lambda: spooled(program, tmp_path) == 0, 2)
        assert not bench.lab.requests
        assert (await upload(program, form(1)))[0] == 200


async def test_caller_that_hangs_up_while_its_upload_goes_on_stops_the_upstream(
    bench: Bench, tmp_path: Path
) -> None:
    begun, over = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        begun.set()
        try:
            while await reader.read(65536):  # noqa: ASYNC110 - it is a slow reader
                await asyncio.sleep(0.01)
        finally:
            over.set()

    async with listening(serve) as url, process(bench, tmp_path, url) as program:
        async with calling(program.url) as caller:
            before, after = around(PIECE * 30)
            head = await begin(program, tmp_path, 30)
            await caller.send(head[: -len(around()[0])] + before + after)
            async with asyncio.timeout(5):
                await begun.wait()
            caller.hang_up()
            async with asyncio.timeout(5):
                await over.wait()
        await until(lambda: spooled(program, tmp_path) == 0, 2)


async def test_sound_without_end_is_held_by_a_caller_that_does_not_read(
    bench: Bench, tmp_path: Path
) -> None:
    sent = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readexactly(length_of(await reader.readuntil(b"\r\n\r\n")))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: audio/pcm\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(PIECE)
            await writer.drain()
            sent += len(PIECE)

    async with listening(serve) as url, process(bench, tmp_path, url) as program:
        growth = Growth(program)
        body = b'{"model":"talk","input":"x"}'
        async with calling(program.url, narrow=True) as caller:
            head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: g\r\nContent-Length: {len(body)}\r\n"
            await caller.send(f"{head}Authorization: Bearer {KEY}\r\n\r\n".encode() + body)
            assert b"content-type: audio/pcm" in await caller.reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(0.5)
            held = sent
            await asyncio.sleep(0.2)
            assert sent == held
            assert growth.mb < GROWTH_MB
