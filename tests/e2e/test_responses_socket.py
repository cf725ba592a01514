"""The Responses API over a WebSocket, through the real gateway to the lab, on every wire."""

from __future__ import annotations

import asyncio
import gc
from random import Random
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tests.e2e.harness import KEY, Bench, Gate
from tests.e2e.test_hangups import own_sockets
from tests.e2e.test_sdk import client

CONFIG = """
    providers:
      - {{provider: chat, base_url: LAB/{place}/v1, api: k1, model: [chat-model]}}
      - {{provider: claude, base_url: LAB/{place}/v1/messages, api: k2, model: [claude-model]}}
      - {{provider: google, base_url: LAB/{place}/v1beta, api: k3, model: [gemini-model]}}
      - {{provider: native, base_url: LAB/{place}/v1/responses, api: k4, model: [native-model]}}
      - {{provider: down, base_url: LAB/e503/v1, api: k5, model: [flaky-model]}}
      - {{provider: up, base_url: LAB/{place}/v1, api: k6, model: [flaky-model]}}
    api_keys:
      - api: {key}
        preferences: {{SCHEDULING_ALGORITHM: fixed_priority{more}}}
"""
WIRES = ("chat-model", "claude-model", "gemini-model", "native-model")
MODELS = (*WIRES, "flaky-model")
TOOL = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


async def gateway(bench: Bench, place: str = "ok1", more: str = "") -> Gate:
    return await bench.gateway(CONFIG.format(place=place, key=KEY, more=more))


async def dial(gate: Gate, path: str = "/v1/responses", **more: Any) -> ClientConnection:
    options: dict[str, Any] = {
        "additional_headers": {
            "Authorization": f"Bearer {KEY}",
            "OpenAI-Beta": "responses_websockets=2026-02-06",
        },
        "proxy": None,
        **more,
    }
    return await connect(gate.url.replace("http", "ws", 1) + path, **options)


async def ask(socket: ClientConnection, **body: Any) -> list[Any]:
    """Ask, and hear everything up to the end of the answer."""
    await socket.send(msgspec.json.encode({"type": "response.create", **body}), text=True)
    return await rest(socket)


async def rest(socket: ClientConnection) -> list[Any]:
    events: list[Any] = []
    ends = ("response.completed", "response.incomplete", "response.failed", "error")
    async with asyncio.timeout(10.0):
        while not events or events[-1]["type"] not in ends:
            events.append(msgspec.json.decode(await socket.recv()))
    return events


def text_of(events: list[Any]) -> str:
    return "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")


def seen(bench: Bench) -> str:
    """The last body that reached the lab."""
    return bench.last.body.decode()


@pytest.mark.parametrize("model", MODELS)
async def test_answer_comes_as_events(bench: Bench, model: str) -> None:
    gate = await gateway(bench)
    async with await dial(gate) as socket:
        events = await ask(socket, model=model, input="Hi")
    assert text_of(events) == "ok1: Hello from the lab."
    assert events[0]["type"] == "response.created"
    final = events[-1]["response"]
    assert (final["status"], final["model"]) == ("completed", model)
    assert final["usage"]["output_tokens"] > 0
    numbers = [event["sequence_number"] for event in events]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize("model", WIRES)
@pytest.mark.parametrize("store", [False, True])
async def test_next_turn_goes_on_from_the_one_before(bench: Bench, model: str, store: bool) -> None:
    gate = await gateway(bench)
    async with await dial(gate) as socket:
        first = await ask(socket, model=model, input="My name is Ada.", store=store)
        previous = first[-1]["response"]["id"]
        second = await ask(
            socket, model=model, input="Who am I?", store=store, previous_response_id=previous
        )
        third = await ask(
            socket,
            model=model,
            input=[{"role": "user", "content": "Again?"}],
            store=store,
            previous_response_id=second[-1]["response"]["id"],
        )
    assert [turn[-1]["type"] for turn in (first, second, third)] == ["response.completed"] * 3
    if store and model == "native-model":
        assert seen(bench).count("previous_response_id") == 1
    else:
        for words in ("My name is Ada.", "Who am I?", "Again?", "Hello from the lab."):
            assert words in seen(bench)


@pytest.mark.parametrize("model", WIRES)
async def test_tool_loop(bench: Bench, model: str) -> None:
    gate = await gateway(bench, "tool")
    async with await dial(gate) as socket:
        first = await ask(socket, model=model, input="Weather?", tools=[TOOL], store=False)
        final = first[-1]["response"]
        (call,) = [item for item in final["output"] if item["type"] == "function_call"]
        result = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
        second = await ask(
            socket,
            model=model,
            input=[result],
            tools=[TOOL],
            store=False,
            previous_response_id=final["id"],
        )
    assert second[-1]["type"] == "response.completed"
    assert "sunny" in text_of(second)


async def test_frame_that_only_prepares_is_answered_without_asking_anyone(bench: Bench) -> None:
    gate = await gateway(bench)
    async with await dial(gate) as socket:
        told = await ask(
            socket, model="chat-model", generate=False, instructions="Be kind.", input="I am Ada."
        )
        assert bench.places == []
        assert [event["type"] for event in (told[0], told[-1])] == [
            "response.created",
            "response.completed",
        ]
        final = told[-1]["response"]
        assert (final["output"], final["status"]) == ([], "completed")
        assert final["usage"]["total_tokens"] == 0
        events = await ask(
            socket, model="chat-model", input="Who am I?", previous_response_id=final["id"]
        )
    assert events[-1]["type"] == "response.completed"
    assert "I am Ada." in seen(bench)
    assert "Who am I?" in seen(bench)


async def test_frames_are_answered_in_turn_with_their_lane(bench: Bench) -> None:
    gate = await gateway(bench, "drip-5")
    async with await dial(gate) as socket:
        for lane in ("a", "b"):
            frame = {"type": "response.create", "model": "chat-model", "input": "Hi"}
            await socket.send(msgspec.json.encode(frame | {"stream_id": lane}), text=True)
        first, second = await rest(socket), await rest(socket)
    assert {event["stream_id"] for event in first} == {"a"}
    assert {event["stream_id"] for event in second} == {"b"}


@pytest.mark.parametrize(
    ("frame", "status", "code", "param"),
    [
        (b"{", 400, "invalid_json", None),
        (b"[]", 400, None, None),
        (b'{"type":"response.steer"}', 400, None, "type"),
        (b'{"model":"chat-model"}', 400, None, "type"),
        (b'{"type":"response.create","input":"x"}', 400, None, "model"),
        (b'{"type":"response.create","model":"nope","input":"x"}', 404, "model_not_found", "model"),
        (b'{"type":"response.create","model":"chat-model","input":1}', 400, None, "input"),
        (b'{"type":"response.create","model":"chat-model","background":true}', 400, None, None),
        (
            b'{"type":"response.create","model":"chat-model","input":"x",'
            b'"previous_response_id":"resp_unknown"}',
            400,
            "previous_response_not_found",
            "previous_response_id",
        ),
    ],
)
async def test_mistake_is_told_and_the_connection_goes_on(
    bench: Bench, frame: bytes, status: int, code: str | None, param: str | None
) -> None:
    gate = await gateway(bench)
    async with await dial(gate) as socket:
        await socket.send(frame, text=True)
        (told,) = await rest(socket)
        assert (told["type"], told["status"]) == ("error", status)
        assert told["error"]["message"]
        assert code is None or told["error"]["code"] == code
        assert param is None or told["error"]["param"] == param
        assert text_of(await ask(socket, model="chat-model", input="Hi"))


async def test_upstreams_refusal_is_told_with_its_status(bench: Bench) -> None:
    gate = await gateway(bench, "429")
    async with await dial(gate) as socket:
        (told,) = await ask(socket, model="chat-model", input="Hi")
    assert (told["type"], told["status"]) == ("error", 429)
    assert told["headers"]["retry-after"] == "20"


@pytest.mark.parametrize("model", WIRES)
@pytest.mark.parametrize("place", ["cut", "200-error-late"])
async def test_answer_that_breaks_off_ends_with_an_error(
    bench: Bench, model: str, place: str
) -> None:
    gate = await gateway(bench, place)
    async with await dial(gate) as socket:
        events = await ask(socket, model=model, input="Hi")
        assert events[-1]["type"] in ("error", "response.failed")
        if events[-1]["type"] == "error":
            assert events[-1]["status"] >= 400
        assert (await ask(socket, model=model, input="Hi"))[-1]["type"] != "response.completed"


async def test_loss_is_named_in_the_first_event(bench: Bench) -> None:
    gate = await gateway(bench)
    async with await dial(gate) as socket:
        events = await ask(
            socket, model="claude-model", input="Hi", truncation="auto", max_tool_calls=3
        )
    assert "max_tool_calls" in events[0]["x_headgate_loss"]
    assert "x_headgate_loss" not in events[1]


async def test_key_is_asked_for_before_the_handshake(bench: Bench) -> None:
    gate = await gateway(bench)
    with pytest.raises(InvalidStatus) as refused:
        await dial(gate, additional_headers={"Authorization": "Bearer nobody"})
    assert refused.value.response.status_code == 401
    assert msgspec.json.decode(refused.value.response.body)["error"]["code"] == "invalid_api_key"


async def test_credits_are_asked_for_at_each_request(bench: Bench) -> None:
    gate = await gateway(bench, more=", credits: 0.0000001")
    async with await dial(gate) as socket:
        assert (await ask(socket, model="chat-model", input="Hi"))[-1]["type"] != "error"
        (told,) = await ask(socket, model="chat-model", input="Hi")
    assert (told["status"], told["error"]["code"]) == (429, "insufficient_user_quota")


async def test_transports_own_beta_stays_here(bench: Bench) -> None:
    gate = await gateway(bench)
    async with await dial(gate) as socket:
        await ask(socket, model="native-model", input="Hi")
    assert "openai-beta" not in bench.last.headers


async def test_sdk_asks_over_its_connection(bench: Bench) -> None:
    gate = await gateway(bench)
    text, previous = "", None
    async with client(gate) as sdk, sdk.responses.connect() as connection:
        for _ in range(2):
            more: Any = {} if previous is None else {"previous_response_id": previous}
            await connection.response.create(model="claude-model", input="Hi", **more)
            async for event in connection:
                if event.type == "response.output_text.delta":
                    text += event.delta
                if event.type == "response.completed":
                    previous = event.response.id
                    break
    assert text == "ok1: Hello from the lab." * 2


async def test_many_random_hang_ups_leave_no_socket_and_no_task(bench: Bench) -> None:
    gate = await gateway(bench, "drip-2")
    random = Random(13)

    async def one() -> None:
        socket = await dial(gate)
        for _ in range(random.randrange(3)):
            frame = {"type": "response.create", "model": random.choice(MODELS), "input": "Hi"}
            await socket.send(msgspec.json.encode(frame), text=True)
            await asyncio.sleep(random.random() * 0.03)
        if random.random() < 0.5:
            socket.transport.abort()
        else:
            await socket.close()

    async def at_rest() -> tuple[int, int]:
        """Sockets and tasks, once they change no more."""
        before, now = (-1, -1), (0, 0)
        while before != now:
            await asyncio.sleep(0.3)
            gc.collect()
            before, now = now, (own_sockets(), len(asyncio.all_tasks()))
        return now

    async with await dial(gate) as socket:
        for model in MODELS:
            await ask(socket, model=model, input="Hi")
    sockets, tasks = await at_rest()
    for _ in range(10):
        await asyncio.gather(*[one() for _ in range(10)])
    later_sockets, later_tasks = await at_rest()
    kept = 2 * 10 * len(MODELS)  # idle connections to the lab: both ends, as many as at once
    assert later_sockets <= sockets + kept
    assert later_tasks <= tasks + kept // 2
