from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec import json
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.typing import Subprotocol

from headgate.lab.server import Lab, LabSettings, start_lab
from tests.lab.asking import TIMEOUT_S, until


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    lab = await start_lab(LabSettings())
    yield lab
    await lab.close()


def at(lab: Lab, place: str, path: str = "/v1/responses", **more: Any) -> connect:
    url = f"ws://127.0.0.1:{lab.port}/{place}{path}"
    return connect(url, max_size=None, proxy=None, open_timeout=TIMEOUT_S, **more)


async def say(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.encode(message).decode())


async def hear(socket: ClientConnection, last: str = "response.completed") -> list[Any]:
    """All events up to one of a kind."""
    found: list[Any] = []
    async with asyncio.timeout(TIMEOUT_S):
        while not found or found[-1]["type"] not in (last, "error"):
            found.append(json.decode(await socket.recv()))
    return found


async def test_turns_are_answered_in_their_order(lab: Lab) -> None:
    async with at(lab, "ok1") as socket:
        for text in ("one", "two"):
            await say(socket, type="response.create", model="lab-echo", input=text)
        for text in ("one", "two"):
            said = "".join(event.get("delta", "") for event in await hear(socket))
            assert said == f"ok1: {text}"


async def test_the_journal_shows_the_frames_and_the_end(lab: Lab) -> None:
    async with at(lab, "ok1", additional_headers={"openai-beta": "b"}) as socket:
        await say(socket, type="response.create", input="hi")
        await hear(socket)
        await socket.send([b"\x00\x01", b"\x02"])
        await hear(socket)
    await until(lambda: lab.counters.answers_open == 0)
    (row,) = lab.requests
    assert (row.status, row.finished, row.close_code, row.place) == (101, True, 1000, "ok1")
    assert [frame.kind for frame in row.frames] == ["text", "binary", "close"]
    assert row.frames[0].data == {"type": "response.create", "input": "hi"}
    assert (row.frames[1].size, row.headers["openai-beta"]) == (3, "b")


async def test_realtime_talks_in_text_and_sound(lab: Lab) -> None:
    browser = [Subprotocol("realtime"), Subprotocol("openai-insecure-api-key.k")]
    async with at(lab, "ok1", "/v1/realtime?model=gpt-realtime", subprotocols=browser) as socket:
        assert socket.subprotocol == "realtime"
        (created,) = await hear(socket, "session.created")
        assert created["session"]["model"] == "gpt-realtime"
        sound = base64.b64encode(bytes(4800)).decode()
        await say(socket, type="input_audio_buffer.append", audio=sound)
        await say(socket, type="input_audio_buffer.commit")
        await say(socket, type="response.create", response={"output_modalities": ["audio"]})
        done = (await hear(socket, "response.done"))[-1]["response"]
        assert done["output"][0]["content"][0]["transcript"] == "ok1: Hello from the lab."
        assert done["usage"]["input_token_details"]["audio_tokens"] == 1


async def test_a_response_may_be_cancelled_while_it_is_under_way(lab: Lab) -> None:
    async with at(lab, "stall", "/v1/realtime") as socket:
        await say(socket, type="response.create")
        await hear(socket, "response.output_item.added")
        await say(socket, type="response.cancel")
        done = (await hear(socket, "response.done"))[-1]["response"]
        assert done["status"] == "cancelled"


async def test_a_place_may_refuse_the_handshake(lab: Lab) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await at(lab, "e403")
    assert refused.value.response.status_code == 403
    assert (lab.requests[0].status, lab.requests[0].behaviour) == (403, "403")


async def test_a_place_may_leave_in_the_middle(lab: Lab) -> None:
    for place, code in (("goodbye", 1011), ("goodbye-1012", 1012), ("cut-fin", 1006)):
        async with at(lab, place) as socket:
            await say(socket, type="response.create", input="hi")
            with pytest.raises(ConnectionClosedError) as left:
                await hear(socket)
            assert (left.value.rcvd.code if left.value.rcvd else 1006) == code
        await until(lambda: lab.counters.answers_open == 0)
        row = lab.requests[-1]
        assert (row.close_code, row.disconnected) == (0 if code == 1006 else code, False)


async def test_a_caller_that_leaves_without_goodbye_is_noticed(lab: Lab) -> None:
    socket = await at(lab, "hang-after-headers")
    await say(socket, type="response.create", input="hi")
    await until(lambda: len(lab.requests[0].frames) == 1)
    socket.transport.abort()
    await until(lambda: lab.counters.answers_open == 0)
    assert (lab.requests[0].finished, lab.requests[0].disconnected) == (False, True)


async def test_a_caller_may_close_while_an_answer_hangs(lab: Lab) -> None:
    async with at(lab, "stall") as socket:
        await say(socket, type="response.create", input="hi")
        await hear(socket, "response.in_progress")
    await until(lambda: lab.counters.answers_open == 0)
    assert (lab.requests[0].finished, lab.requests[0].close_code) == (True, 1000)


async def test_large_frames_go_both_ways(lab: Lab) -> None:
    async with at(lab, "ok1") as socket:
        text = "x" * (4 << 20)
        await say(socket, type="response.create", model="lab-echo", input=text)
        assert (await hear(socket))[-1]["response"]["output"][0]["content"][0]["text"] == (
            f"ok1: {text}"
        )
    await until(lambda: lab.counters.answers_open == 0)
    frame = lab.requests[0].frames[0]
    assert (frame.size > 4 << 20, frame.data) == (True, None)


async def test_pings_are_sent_and_answered(lab: Lab) -> None:
    async with at(lab, "ping") as socket:
        await say(socket, type="response.create", input="hi")
        await hear(socket)
        async with asyncio.timeout(TIMEOUT_S):
            await (await socket.ping())
        await until(lambda: any(frame.kind == "pong" for frame in lab.requests[0].frames))
    assert "ping" in {frame.kind for frame in lab.requests[0].frames}


async def test_broken_json_is_passed_on_as_it_is(lab: Lab) -> None:
    async with at(lab, "bad-sse") as socket:
        await say(socket, type="response.create", input="hi")
        raw: list[str | bytes] = []
        async with asyncio.timeout(TIMEOUT_S):
            while not raw or b"response.completed" not in str(raw[-1]).encode():
                raw.append(await socket.recv())
    assert '{"choices": [{"delta": ' in raw


async def test_frames_before_the_handshake_is_answered_are_not_lost(lab: Lab) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", lab.port)
    head = (
        b"GET /slow-0.1/v1/responses HTTP/1.1\r\nhost: lab\r\nconnection: keep-alive, Upgrade\r\n"
        b"upgrade: websocket\r\nsec-websocket-version: 13\r\n"
        b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    writer.write(head + b"\x81\x82\x00\x00\x00\x00{}")
    async with asyncio.timeout(TIMEOUT_S):
        answered = await reader.readuntil(b"\r\n\r\n")
        assert answered.startswith(b"HTTP/1.1 101")
        assert b'"type":"error"' in await reader.read(400)
    writer.close()
    await writer.wait_closed()


async def test_a_bad_handshake_is_refused(lab: Lab) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", lab.port)
    writer.write(b"GET /v1/responses HTTP/1.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n")
    async with asyncio.timeout(TIMEOUT_S):
        assert (await reader.read()).startswith(b"HTTP/1.1 4")
    writer.close()
    await writer.wait_closed()


async def test_a_flood_waits_for_a_caller_that_does_not_read(lab: Lab) -> None:
    async with at(lab, "flood", max_queue=4, close_timeout=0.1) as socket:
        await say(socket, type="response.create", input="hi")
        await hear(socket, "response.in_progress")
        await asyncio.sleep(0.3)
        (connection,) = lab._connections
        assert connection._transport.get_write_buffer_size() < 1 << 20
        socket.transport.abort()
