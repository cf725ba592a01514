"""OpenAI Realtime through the real gateway to the lab, with the official SDK as the caller."""

from __future__ import annotations

import asyncio
import base64
import gc
from random import Random
from typing import Any

import msgspec
import openai
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.e2e.harness import KEY, Bench, Gate
from tests.e2e.test_hangups import own_sockets
from tests.e2e.test_sdk import client

CONFIG = """
    providers:
      - provider: first
        base_url: LAB/{first}/v1
        api: lab-key-1
        model: [{{gpt-realtime-up: gpt-realtime}}]
      - provider: second
        base_url: LAB/{second}/v1
        api: lab-key-2
        model: [{{gpt-realtime-up: gpt-realtime}}]
    api_keys:
      - api: {key}
        preferences: {{SCHEDULING_ALGORITHM: fixed_priority{more}}}
"""
AZURE = """
    providers:
      - provider: azure
        engine: azure
        base_url: LAB
        api: lab-key-1
        model: [gpt-realtime]
    api_keys:
      - api: {key}
"""


async def gateway(bench: Bench, first: str, second: str = "ok2", more: str = "") -> Gate:
    return await bench.gateway(CONFIG.format(first=first, second=second, key=KEY, more=more))


async def dial(gate: Gate, path: str, **more: Any) -> ClientConnection:
    options: dict[str, Any] = {"additional_headers": {"api-key": KEY}, "proxy": None, **more}
    return await connect(gate.url.replace("http", "ws", 1) + path, **options)


async def said(sdk: Any, **session: Any) -> tuple[str, list[Any]]:
    """Ask once; the text, and all events."""
    text, events = "", []
    async with sdk.realtime.connect(model="gpt-realtime") as connection:
        if session:
            await connection.session.update(session={"type": "realtime", **session})
        item: Any = {"type": "message", "role": "user"}
        item["content"] = [{"type": "input_text", "text": "Hi"}]
        await connection.conversation.item.create(item=item)
        await connection.response.create()
        async for event in connection:
            events.append(event)
            if event.type == "response.output_text.delta":
                text += event.delta
            if event.type in ("response.done", "error"):
                break
    return text, events


async def test_sdk_holds_a_session(bench: Bench) -> None:
    gate = await gateway(bench, "ok1")
    async with client(gate) as sdk:
        text, events = await said(sdk, instructions="be brief")
    assert text == "ok1: Hello from the lab."
    assert events[0].type == "session.created"
    assert events[0].session.model == "gpt-realtime"
    updated = next(event for event in events if event.type == "session.updated")
    assert updated.session.instructions == "be brief"
    assert events[-1].response.usage.output_tokens > 0
    assert bench.last.query["model"] == "gpt-realtime-up"


async def test_sdk_hears_sound(bench: Bench) -> None:
    gate = await gateway(bench, "ok1")
    async with client(gate) as sdk:
        _, events = await said(sdk, output_modalities=["audio"])
    pieces = [event.delta for event in events if event.type == "response.output_audio.delta"]
    assert all(base64.b64decode(piece) for piece in pieces)
    assert pieces
    assert events[-1].response.usage.output_token_details.audio_tokens == len(pieces)


@pytest.mark.parametrize("first", ["e503", "e401", "e404", "redirect"])
async def test_next_channel_takes_the_session(bench: Bench, first: str) -> None:
    gate = await gateway(bench, first)
    async with client(gate) as sdk:
        text, _ = await said(sdk)
    assert text == "ok2: Hello from the lab."


async def test_many_sessions_at_once(bench: Bench) -> None:
    gate = await gateway(bench, "drip-5")
    async with client(gate) as sdk:
        told = await asyncio.gather(*[said(sdk) for _ in range(20)])
    assert {text for text, _ in told} == {"drip-5: Hello from the lab."}


@pytest.mark.parametrize(
    "path", ["/v1/realtime?model=", "/realtime?model=", "/openai/realtime?deployment="]
)
async def test_every_spelling_of_the_address(bench: Bench, path: str) -> None:
    gate = await gateway(bench, "ok1")
    async with await dial(gate, path + "gpt-realtime") as socket:
        assert msgspec.json.decode(await socket.recv())["type"] == "session.created"


async def test_azure_is_asked_at_its_own_address(bench: Bench) -> None:
    gate = await bench.gateway(AZURE.format(key=KEY))
    async with await dial(gate, "/v1/realtime?model=gpt-realtime") as socket:
        assert msgspec.json.decode(await socket.recv())["type"] == "session.created"
    assert bench.last.path == "/openai/realtime"
    assert bench.last.query["deployment"] == "gpt-realtime"
    assert "api-version" in bench.last.query
    assert bench.last.headers["api-key"] == "lab-key-1"


async def test_sdk_of_azure_finds_its_way(bench: Bench) -> None:
    gate = await gateway(bench, "ok1")
    sdk = openai.AsyncAzureOpenAI(
        azure_endpoint=gate.url,
        websocket_base_url=gate.url.replace("http", "ws", 1) + "/openai",  # else TLS is a must
        api_key=KEY,
        api_version="2025-04-01-preview",
        max_retries=0,
    )
    async with sdk:
        text, _ = await said(sdk)
    assert text == "ok1: Hello from the lab."


async def test_key_of_a_browser(bench: Bench) -> None:
    gate = await gateway(bench, "ok1")
    offered = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{KEY}")]
    path = "/v1/realtime?model=gpt-realtime"
    async with await dial(gate, path, additional_headers={}, subprotocols=offered) as socket:
        assert socket.subprotocol == "realtime"


async def test_errors_before_the_handshake_are_openais(bench: Bench) -> None:
    gate = await gateway(bench, "ok1")
    with pytest.raises(InvalidStatus) as refused:
        await dial(gate, "/v1/realtime?model=nope")
    assert refused.value.response.status_code == 404
    assert msgspec.json.decode(refused.value.response.body)["error"]["code"] == "model_not_found"
    with pytest.raises(InvalidStatus) as refused:
        await dial(gate, "/v1/realtime?model=gpt-realtime", additional_headers={})
    assert refused.value.response.status_code == 401
    reply = await gate.get("/v1/realtime?model=gpt-realtime")
    assert (reply.status, reply.json["error"]["code"]) == (426, "upgrade_required")


async def test_credits_that_run_out_end_the_session(bench: Bench) -> None:
    gate = await gateway(bench, "ok1", more=", credits: 0.0000001")
    async with await dial(gate, "/v1/realtime?model=gpt-realtime") as socket:
        await socket.send('{"type":"response.create"}')
        kinds: list[str] = []
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                event = msgspec.json.decode(await socket.recv())
                kinds.append(event["type"])
    assert kinds[-1] == "error"
    assert event["error"]["code"] == "insufficient_user_quota"
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


@pytest.mark.parametrize(("place", "code"), [("goodbye-4321", 4321), ("cut", 1011)])
async def test_ends_of_the_upstream_are_passed_on(bench: Bench, place: str, code: int) -> None:
    gate = await gateway(bench, place)
    async with await dial(gate, "/v1/realtime?model=gpt-realtime") as socket:
        await socket.send('{"type":"response.create"}')
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == code


async def test_many_random_hang_ups_leave_no_socket_and_no_task(bench: Bench) -> None:
    gate = await gateway(bench, "drip-2")
    random = Random(11)

    async def one() -> None:
        socket = await dial(gate, "/v1/realtime?model=gpt-realtime")
        for _ in range(random.randrange(3)):
            await socket.send('{"type":"response.create"}')
            await asyncio.sleep(random.random() * 0.03)
        match random.randrange(3):
            case 0:
                socket.transport.abort()
            case 1:
                socket.transport.close()
            case _:
                await socket.close()

    async def at_rest() -> tuple[int, int]:
        """Sockets and tasks, once they change no more."""
        before, now = (-1, -1), (0, 0)
        while before != now:
            await asyncio.sleep(0.3)
            gc.collect()
            before, now = now, (own_sockets(), len(asyncio.all_tasks()))
        return now

    await one()
    sockets, tasks = await at_rest()
    for _ in range(10):
        await asyncio.gather(*[one() for _ in range(10)])
    later_sockets, later_tasks = await at_rest()
    assert later_sockets <= sockets
    assert later_tasks <= tasks
