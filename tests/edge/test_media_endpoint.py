"""A caller's images and audio through the edge: forms in, JSON, events and sound out."""

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from headgate.edge.limits import Limits
from headgate.edge.media_endpoint import media_routes
from headgate.providers.provider import Operation
from headgate.snapshot.facts import Channel, Endpoint, Key, LimitTable, RateLimit, Window
from tests.edge.wire import Answer, Place, request, serving
from tests.facts import channel, key, offer
from tests.relay.upstreams import CUT, SILENCE, FakePool, FakeResponse, Records, refused, stages

BEARER = "Authorization: Bearer sk-1\r\n"
FORM = "Content-Type: multipart/form-data; boundary=b\r\n"
TRANSCRIPT = b'{"text":"hello","usage":{"type":"duration","seconds":3}}'
IMAGE = b'{"created":1,"data":[{"b64_json":"AAAA"}]}'
WAV = b"RIFF\x00\r\n--x"
MEDIA = (
    Operation.IMAGES,
    Operation.IMAGE_EDITS,
    Operation.IMAGE_VARIATIONS,
    Operation.SPEECH,
    Operation.TRANSCRIPTIONS,
    Operation.TRANSLATIONS,
)


def able(name: str) -> Channel:
    """A channel that can do everything but chat."""
    url = f"http://127.0.0.1:9/{name}"
    endpoints = {each: (Endpoint(dialect="openai_chat", url=f"{url}/{each}"),) for each in MEDIA}
    return channel(name, endpoints=endpoints)


KEY = key([offer(able("a"), "up", alias="gpt"), offer(able("b"), "up", alias="gpt")])


def form(*parts: tuple[str, bytes] | tuple[str, bytes, str]) -> bytes:
    """Write a form with the boundary b; a third item is a file's name."""
    lines = []
    for name, content, *filename in parts:
        more = f'; filename="{filename[0]}"' if filename else ""
        head = f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
        lines.append(head.encode() + content + b"\r\n")
    return b"".join(lines) + b"--b--\r\n"


UPLOAD = form(("file", WAV, "a.wav"), ("model", b"gpt"), ("language", b"en"))


def posted(path: str, body: Any, headers: str = BEARER) -> bytes:
    if isinstance(body, bytes):
        return request("POST", path, body, headers + FORM)
    return request("POST", path, msgspec.json.encode(body), headers)


def at(
    pool: FakePool, of: Key = KEY, records: Records | None = None, **limits: Any
) -> AbstractAsyncContextManager[Place]:
    """Serve every route of images and audio."""
    routes = media_routes(
        stages(pool, of, records=records), ("/v1", "", "/openai/deployments/{model}")
    )
    return serving(*routes, limits=Limits(**limits))


async def answer_to(
    data: bytes, *answers: Any, of: Key = KEY, records: Records | None = None, **limits: Any
) -> Answer:
    """Ask once; the upstreams answer as told."""
    async with at(FakePool(*answers), of, records, **limits) as place:
        return await place.ask(data)


class KeepingPool(FakePool):
    """Reads each body as it is sent, as a socket would: later it is gone."""

    def __init__(self, *answers: Any) -> None:
        super().__init__(*answers)
        self.kept: list[bytes] = []

    async def send(self, request: Any, timeouts: Any) -> Any:
        body = request.body
        self.kept.append(body if isinstance(body, bytes) else b"".join(body.pieces()))
        return await super().send(request, timeouts)


def error(answer: Answer) -> Any:
    """The error as it is spelled, by the endpoint or by the tests' own server."""
    told = {"param": None} | msgspec.json.decode(answer.body)
    return told.get("error", told)


@pytest.mark.parametrize("path", ["/v1/audio/transcriptions", "/audio/translations"])
@pytest.mark.parametrize("memory_bytes", [1 << 20, 0])
async def test_form_goes_on_with_the_channels_model(path: str, memory_bytes: int) -> None:
    pool = KeepingPool(FakeResponse(TRANSCRIPT))
    async with at(pool, upload_memory_bytes=memory_bytes) as place:
        answer = await place.ask(posted(path, UPLOAD))
    assert (answer.status, answer.body) == (200, TRANSCRIPT)
    assert answer.headers["content-type"] == "application/json"
    types = [value for name, value in pool.asked[0].headers if name == "content-type"]
    boundary = pool.kept[0].partition(b"\r\n")[0]
    assert types == [f"multipart/form-data; boundary={boundary.decode()[2:]}"]
    assert pool.kept[0].count(boundary) == 4
    assert b'filename="a.wav"\r\n\r\n' + WAV + b"\r\n" in pool.kept[0]
    assert b'name="model"\r\n\r\nup\r\n' in pool.kept[0]


async def test_form_is_sent_again_when_an_upstream_fails() -> None:
    pool = KeepingPool(refused(503), FakeResponse(TRANSCRIPT))
    async with at(pool, upload_memory_bytes=0) as place:
        answer = await place.ask(posted("/v1/audio/transcriptions", UPLOAD))
    assert (answer.status, pool.channels) == (200, "ab")
    first, second = (data.split(b"\r\n", 1) for data in pool.kept)
    assert first[1].replace(first[0], b"") == second[1].replace(second[0], b"")


async def test_json_goes_on_where_forms_are_usual() -> None:
    pool = KeepingPool(FakeResponse(IMAGE))
    body = {"model": "gpt", "prompt": "p", "images": [{"image_url": "https://x"}]}
    async with at(pool) as place:
        answer = await place.ask(posted("/v1/images/edits", body))
    assert answer.body == IMAGE
    assert msgspec.json.decode(pool.kept[0]) == body | {"model": "up"}


async def test_sound_comes_back_as_it_is_called_by_the_upstream() -> None:
    sound = FakeResponse(b"\x00\x01", b"\x02", content_type=b"audio/wav")
    answer = await answer_to(posted("/v1/audio/speech", {"model": "gpt", "input": "hi"}), sound)
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.body == b"\x00\x01\x02"


async def test_sound_that_breaks_off_is_seen_to() -> None:
    sound = FakeResponse(b"\x00\x01", CUT, content_type=b"audio/wav")
    records = Records()
    with pytest.raises(asyncio.IncompleteReadError):
        await answer_to(
            posted("/v1/audio/speech", {"model": "gpt", "input": "hi"}), sound, records=records
        )
    assert [record.outcome for record in records.kept] == ["interrupted"]


async def test_events_that_break_off_end_with_an_error_event() -> None:
    first = b'data: {"type":"speech.audio.delta","audio":"AA"}\n\n'
    events = FakeResponse(first, b"data: {", CUT, content_type=b"text/event-stream")
    body = {"model": "gpt", "input": "hi", "stream_format": "sse"}
    answer = await answer_to(posted("/v1/audio/speech", body), events)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.body.startswith(first)
    assert CUT.message.encode() in answer.body


async def stopped_answer(kind: bytes, first: bytes) -> bytes:
    """What a caller gets of an answer in mid-stream when the server stops."""
    pool = FakePool(FakeResponse(first, SILENCE, content_type=kind))
    async with at(pool) as place:
        caller = await place.call()
        body = {"model": "gpt", "input": "hi"}
        if kind == b"text/event-stream":
            body["stream_format"] = "sse"
        await caller.send(posted("/v1/audio/speech", body))
        await caller.reader.readuntil(first[-4:])
        at_once = asyncio.Event()
        at_once.set()
        await place.server.stop(at_once)
        return await caller.rest()


async def test_events_say_that_the_gateway_stops() -> None:
    event = b'data: {"type":"speech.audio.delta"}\n\n'
    rest = await stopped_answer(b"text/event-stream", event)
    assert b"The gateway is stopping" in rest
    assert rest.endswith(b"0\r\n\r\n")


async def test_sound_is_cut_when_the_gateway_stops() -> None:
    rest = await stopped_answer(b"audio/wav", b"RIFF")
    assert not rest.endswith(b"0\r\n\r\n")


async def test_large_upload_may_wait_to_be_asked_for() -> None:
    pool = KeepingPool(FakeResponse(TRANSCRIPT))
    async with at(pool) as place:
        caller = await place.call()
        data = posted("/v1/audio/transcriptions", UPLOAD, BEARER + "Expect: 100-continue\r\n")
        head, mark, body = data.partition(b"\r\n\r\n")
        await caller.send(head + mark)
        assert (await caller.answer()).status == 100
        assert (await caller.ask(body)).body == TRANSCRIPT


async def test_strange_content_type_is_not_repeated() -> None:
    sound = FakeResponse(b"\x00", content_type=b"audio/w\x80v")
    answer = await answer_to(posted("/v1/audio/speech", {"model": "gpt", "input": "hi"}), sound)
    assert answer.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("path", "operation"),
    [
        ("/v1/images/generations", "images"),
        ("/v1/images/edits", "image_edits"),
        ("/v1/images/variations", "image_variations"),
    ],
)
async def test_images_have_a_usual_model(path: str, operation: str) -> None:
    answer = await answer_to(posted(path, {"prompt": "p"}))
    assert answer.status == 404
    assert error(answer)["code"] == "model_not_found"
    usual = {"images": "dall-e-3", "image_edits": "gpt-image-2", "image_variations": "dall-e-2"}
    assert usual[operation] in error(answer)["message"]


@pytest.mark.parametrize(
    ("data", "status", "param"),
    [
        (posted("/v1/audio/transcriptions", form(("file", WAV, "a"))), 400, "model"),
        (posted("/v1/audio/transcriptions", form(("model", b"gpt", "a"))), 400, "model"),
        (
            posted("/v1/audio/transcriptions", form(("model", b"gpt"), ("model", b"x"))),
            400,
            "model",
        ),
        (posted("/v1/audio/transcriptions", form(("model", b""))), 400, "model"),
        (posted("/v1/audio/speech", {"input": "hi"}), 400, "model"),
        (posted("/v1/images/generations", {"model": "gpt", "stream": "yes"}), 400, "stream"),
        (posted("/v1/images/edits", form(("model", b"gpt"), ("stream", b"maybe"))), 400, "stream"),
        (posted("/v1/audio/transcriptions", UPLOAD[:-10]), 400, None),
        (posted("/v1/audio/transcriptions", b"hello"), 400, None),
        (request("POST", "/v1/images/edits", b"", BEARER), 400, None),
        (posted("/v1/audio/transcriptions", UPLOAD, ""), 401, None),
        (posted("/v1/audio/transcriptions", form(("model", b"none"))), 404, "model"),
    ],
)
async def test_what_cannot_be_read_is_refused_before_any_upstream_is_asked(
    data: bytes, status: int, param: str | None
) -> None:
    answer = await answer_to(data)  # there is no upstream to ask
    assert (answer.status, error(answer)["param"]) == (status, param)


async def test_broken_form_is_refused_with_the_place() -> None:
    answer = await answer_to(posted("/v1/audio/transcriptions", b"--b\r\nno header\r\n\r\n"))
    told = "Broken multipart body: Found invalid character 32 in header (byte 7, part 1)."
    assert error(answer)["message"] == told


async def test_what_no_channel_can_do_is_said_before_any_upstream_is_asked() -> None:
    answer = await answer_to(posted("/v1/audio/transcriptions", UPLOAD), of=key([offer("a")]))
    assert answer.status == 404
    assert error(answer)["code"] == "unsupported_operation"
    assert error(answer)["message"] == "No channel that offers gpt can do transcriptions."


async def test_channel_without_the_operation_is_skipped() -> None:
    pool = KeepingPool(FakeResponse(IMAGE))
    async with at(pool, key([offer("a"), offer(able("b"))])) as place:
        answer = await place.ask(posted("/v1/images/generations", {"model": "gpt", "prompt": "p"}))
    assert (answer.status, pool.channels) == (200, "b")


async def test_azures_clients_name_the_model_in_the_path() -> None:
    pool = KeepingPool(FakeResponse(TRANSCRIPT))
    body = form(("file", WAV, "a.wav"), ("model", b"ignored"))
    async with at(pool) as place:
        path = "/openai/deployments/gpt/audio/transcriptions?api-version=1"
        answer = await place.ask(posted(path, body))
    assert answer.status == 200
    assert b'name="model"\r\n\r\nup\r\n' in pool.kept[0]


async def test_upload_larger_than_its_limit_is_413_before_it_is_read() -> None:
    answer = await answer_to(posted("/v1/images/edits", UPLOAD), upload_bytes=100)
    assert answer.status == 413


async def test_uploads_have_their_own_limit_and_json_has_the_usual_one() -> None:
    big = form(("model", b"gpt"), ("file", bytes(5000), "a"))
    answer = await answer_to(
        posted("/v1/audio/transcriptions", big), FakeResponse(TRANSCRIPT), body_bytes=1000
    )
    assert answer.status == 200
    body = {"model": "gpt", "prompt": "p" * 5000}
    answer = await answer_to(posted("/v1/images/edits", body), body_bytes=1000)
    assert answer.status == 413


@pytest.mark.parametrize("limits", [{"upload_budget_bytes": 10}, {"body_budget_bytes": 10}])
async def test_uploads_of_all_together_are_bounded(limits: dict[str, Any]) -> None:
    memory_bytes = 0 if "upload_budget_bytes" in limits else 1 << 20
    data = posted("/v1/audio/transcriptions", UPLOAD)
    answer = await answer_to(data, upload_memory_bytes=memory_bytes, **limits)
    assert (answer.status, error(answer)["code"]) == (503, "server_busy")


def open_files(folder: Path) -> int:
    links = [path for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return sum(str(path.readlink()).startswith(str(folder)) for path in links)


async def left_behind(place: Place) -> int:
    """Bytes of uploads that the server still has, once all callers have left."""
    await place.leave()
    async with asyncio.timeout(5):
        while place.server.connection_count:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.005)
    shared = place.server._shared
    return Limits().upload_budget_bytes - shared.disk.free_bytes


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
async def test_caller_that_hangs_up_in_the_middle_leaves_nothing_behind(
    share: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    body = form(("model", b"gpt"), ("file", bytes(3_000_000), "a"))
    data = posted("/v1/audio/transcriptions", body)
    pool = FakePool()
    async with at(pool, upload_memory_bytes=0) as place:
        caller = await place.call()
        await caller.send(data[: int(len(data) * share)])
        await asyncio.sleep(0.05)
        assert open_files(tmp_path) == 1
        caller.hang_up()
        assert await left_behind(place) == 0
        assert open_files(tmp_path) == 0
    assert pool.asked == []


async def test_caller_that_hangs_up_before_the_answer_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    records = Records()
    pool = FakePool(SILENCE)
    async with at(pool, records=records, upload_memory_bytes=0) as place:
        caller = await place.call()
        await caller.send(posted("/v1/audio/transcriptions", UPLOAD))
        await asyncio.sleep(0.05)
        assert open_files(tmp_path) == 1
        caller.hang_up()
        assert await left_behind(place) == 0
        assert open_files(tmp_path) == 0
    assert [record.outcome for record in records.kept] == ["client_gone"]


async def test_next_request_on_the_connection_has_its_own_upload() -> None:
    pool = KeepingPool(FakeResponse(TRANSCRIPT), FakeResponse(IMAGE), FakeResponse(TRANSCRIPT))
    other = form(("model", b"gpt"), ("file", b"OTHER", "b.wav"))
    async with at(pool, upload_memory_bytes=0) as place:
        caller = await place.call()
        image = {"model": "gpt", "prompt": "p"}
        for data in (
            posted("/v1/audio/transcriptions", UPLOAD),
            posted("/v1/images/generations", image),
            posted("/v1/audio/transcriptions", other),
        ):
            assert (await caller.ask(data)).status == 200
    assert WAV in pool.kept[0]
    assert b"prompt" in pool.kept[1]
    assert b"OTHER" in pool.kept[2]
    assert WAV not in pool.kept[2]


async def test_usage_and_limits_are_kept_as_for_any_request() -> None:
    limits = LimitTable(default=RateLimit(windows=(Window(5, 60.0),)))
    limited = msgspec.structs.replace(KEY, limits=limits)
    records = Records()
    answer = await answer_to(
        posted("/v1/audio/transcriptions", UPLOAD),
        FakeResponse(TRANSCRIPT),
        of=limited,
        records=records,
    )
    assert answer.headers["x-ratelimit-remaining-requests"] == "4"
    (record,) = records.kept
    assert (record.operation, record.outcome, record.usage_source) == (
        "transcriptions",
        "done",
        "reported",
    )
    assert record.usage is not None
    assert record.usage.audio_seconds == 3
