from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest

from headgate.lab.connection import BODY_MAX
from headgate.lab.server import Lab, LabSettings, start_lab
from tests.lab.asking import HI, TIMEOUT_S, ask, form, parse, request, until

CHAT = "/v1/chat/completions"


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    lab = await start_lab(LabSettings())
    yield lab
    await lab.close()


async def raw(lab: Lab, *parts: bytes, pause_s: float = 0.0) -> bytes:
    """Write parts of bytes, and read until the lab closes."""
    async with asyncio.timeout(TIMEOUT_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", lab.port)
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause_s)
            return await reader.read()
        finally:
            writer.close()


async def test_one_connection_serves_many_requests(lab: Lab) -> None:
    last = request("/ok2" + CHAT, connection="close")
    data = await raw(lab, request("/ok1" + CHAT), last, pause_s=0.05)
    assert data.count(b"HTTP/1.1 200 OK") == 2
    assert [row.place for row in lab.requests] == ["ok1", "ok2"]
    assert lab.counters.connections_open <= 1


async def test_pipelined_requests_are_answered_in_order(lab: Lab) -> None:
    stream = request("/ok1" + CHAT, HI | {"stream": True})
    fast = request("/each" + CHAT, HI | {"stream": True})
    data = await raw(lab, stream + fast + request("/ok3" + CHAT, connection="close"))
    first, second, third = (data.find(mark) for mark in (b"ok1:", b"lab-fast", b"ok3:"))
    assert 0 < first < second < third
    assert data.count(b"HTTP/1.1 200 OK") == 3


async def test_too_many_waiting_requests_end_the_connection(lab: Lab) -> None:
    data = await raw(lab, request("/slow5" + CHAT) * 30)
    assert data == b""
    await until(lambda: lab.counters.cancelled == 1)


async def test_a_request_may_arrive_byte_by_byte(lab: Lab) -> None:
    data = request("/ok1" + CHAT, connection="close")
    answer = parse(await raw(lab, *(data[i : i + 1] for i in range(len(data)))))
    assert answer.status == 200


async def test_a_header_that_comes_twice_is_kept_twice(lab: Lab) -> None:
    twice = request(CHAT, connection="close").replace(b"host: lab", b"X-A: 1\r\nx-a: 2")
    assert parse(await raw(lab, twice)).status == 200
    assert lab.requests[0].headers["x-a"] == "1, 2"


async def test_a_careful_caller_is_told_to_continue(lab: Lab) -> None:
    data = await raw(lab, request("/ok1" + CHAT, expect="100-continue", connection="close"))
    assert data.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nx: " + b"a" * 70_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 431),
    ],
)
async def test_what_is_no_fair_http_is_refused(lab: Lab, data: bytes, status: int) -> None:
    assert parse(await raw(lab, data)).status == status


async def test_a_body_beyond_the_limit_is_refused(lab: Lab) -> None:
    assert parse(await raw(lab, request(CHAT, bytes(BODY_MAX + 1)))).status == 413
    assert lab.requests == ()


async def test_a_caller_that_leaves_is_noticed_at_once(lab: Lab) -> None:
    for place, sent in (("hang", 0), ("stall", 1), ("flood", 1)):
        reader, writer = await asyncio.open_connection("127.0.0.1", lab.port)
        writer.write(request(f"/{place}{CHAT}", HI | {"stream": True}))
        await reader.read(sent)
        await until(lambda: lab.counters.streams_open == 1)
        writer.close()
        await until(lambda: lab.counters.streams_open == 0)
    assert [row.disconnected for row in lab.requests] == [True] * 3
    assert lab.counters.cancelled_streams == 3


async def test_a_flood_waits_for_a_caller_that_does_not_read(lab: Lab) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", lab.port, limit=1024)
    writer.write(request("/flood" + CHAT, HI | {"stream": True}))
    await reader.readline()
    await asyncio.sleep(0.3)
    (connection,) = lab._connections
    assert connection._transport.get_write_buffer_size() < 1 << 20
    writer.close()


async def test_a_lab_that_cuts_is_not_a_caller_that_left(lab: Lab) -> None:
    answer = await ask(lab, "/cut-fin" + CHAT, HI | {"stream": True})
    assert (answer.status, answer.complete) == (200, False)
    assert (lab.requests[0].finished, lab.requests[0].disconnected) == (False, False)


async def test_a_reset_reaches_the_caller(lab: Lab) -> None:
    with pytest.raises(ConnectionResetError):
        await ask(lab, "/cut" + CHAT, HI | {"stream": True})


async def test_a_short_body_is_shorter_than_declared(lab: Lab) -> None:
    answer = await ask(lab, "/cut-fin-10" + CHAT)
    assert (len(answer.body), answer.complete) == (10, False)


async def test_a_connection_may_close_behind_an_answer(lab: Lab) -> None:
    both = request("/close-after" + CHAT) * 2
    data = await raw(lab, both)
    assert data.count(b"HTTP/1.1 200 OK") == 1
    assert b"connection: close" not in data


async def test_a_connection_may_close_instead_of_an_answer(lab: Lab) -> None:
    data = await raw(lab, *[request("/drop-after-2" + CHAT)] * 3, pause_s=0.02)
    assert data.count(b"HTTP/1.1 200 OK") == 2
    assert [row.finished for row in lab.requests] == [True, True, False]


async def test_the_fast_responder_answers_and_is_only_counted(lab: Lab) -> None:
    whole = request("/fast" + CHAT)
    stream = request("/paced" + CHAT, HI | {"stream": True})
    data = await raw(lab, whole, stream, request("/ok1" + CHAT, connection="close"), pause_s=0.05)
    assert data.count(b"HTTP/1.1 200 OK") == 3
    assert data.count(b"data: ") == 101
    assert (lab.counters.fast_requests, len(lab.requests)) == (2, 1)


async def test_a_fast_caller_may_leave_in_mid_stream(lab: Lab) -> None:
    for _ in range(20):
        _reader, writer = await asyncio.open_connection("127.0.0.1", lab.port)
        writer.write(request("/each" + CHAT, HI | {"stream": True}))
        await writer.drain()
        writer.close()
    await until(lambda: lab.counters.connections_open == 0)
    assert (await ask(lab, "/ok1" + CHAT)).status == 200


async def test_a_form_is_hashed_as_it_arrives_and_not_kept(lab: Lab) -> None:
    sound = bytes(range(256)) * 1000
    body = form(("model", "whisper-1"), ("file", "a.mp3", "audio/mpeg", sound))
    kind = "multipart/form-data; boundary=lab"
    answer = await ask(lab, "/ok1/v1/audio/transcriptions", body, content_type=kind)
    digest = hashlib.sha256(sound).hexdigest()
    assert (answer.status, digest in answer.json["text"]) == (200, True)
    (row,) = lab.requests
    assert (row.body, row.body_length, row.model) == (b"", len(body), "whisper-1")
    assert row.form is not None
    assert row.form.sha256 == hashlib.sha256(body).hexdigest()
    assert [part["name"] for part in row.form.parts] == ["model", "file"]
    assert (row.form.parts[1]["sha256"], row.form.parts[1]["size"]) == (digest, len(sound))


async def test_a_form_may_be_larger_than_any_other_body(lab: Lab) -> None:
    piece = bytes(1 << 20)
    head, _, tail = form(("model", "m"), ("file", "f", "a/b", b"|")).partition(b"|")
    length = len(head) + len(tail) + BODY_MAX + len(piece)
    lines = (
        f"POST /v1/audio/transcriptions HTTP/1.1\r\ncontent-length: {length}\r\n"
        "connection: close\r\ncontent-type: multipart/form-data; boundary=lab\r\n\r\n"
    )
    pieces = [piece] * (BODY_MAX // len(piece) + 1)
    answer = parse(await raw(lab, lines.encode() + head, *pieces, tail))
    assert (answer.status, f"{BODY_MAX + len(piece)} bytes" in answer.json["text"]) == (200, True)


async def test_a_cut_form_is_told(lab: Lab) -> None:
    body = form(("model", "m"), ("file", "f", "a/b", b"1"))[:-8]
    kind = "multipart/form-data; boundary=lab"
    answer = await ask(lab, "/v1/files", body, content_type=kind)
    assert answer.status == 400
    assert lab.requests[0].form is not None
    assert lab.requests[0].form.problem


async def test_another_protocol_than_a_websocket_is_refused(lab: Lab) -> None:
    for upgrade in (b"h2c", b"websocket"):
        method = b"GET" if upgrade == b"h2c" else b"POST"
        head = b"%b /v1/realtime HTTP/1.1\r\nconnection: upgrade\r\nupgrade: %b\r\n\r\n"
        data = await raw(lab, head % (method, upgrade))
        assert parse(data).status >= 400


async def test_a_websocket_where_there_is_none_is_answered_as_http(lab: Lab) -> None:
    head = b"GET /v1/models HTTP/1.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n"
    assert parse(await raw(lab, head)).json["object"] == "list"
