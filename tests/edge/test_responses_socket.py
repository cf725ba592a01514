"""One connection with many requests on it, in front of upstreams that are written down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from headgate.edge.responses_socket import ResponsesSocket
from headgate.edge.routes import Route
from headgate.edge.session import SessionBounds
from headgate.edge.upgrade import upgrade_required
from headgate.providers.provider import Operation
from headgate.snapshot.facts import Endpoint, Key
from headgate.upstream.websocket import SocketBounds
from tests.edge.wire import Place, serving
from tests.facts import channel, key, offer
from tests.relay.upstreams import SILENCE, FakePool, FakeResponse, Records, chunk, refused, stages
from tests.relay.upstreams import stream as answer

CHAT = key([offer("a")])
NATIVE_URL = "http://127.0.0.1:9/{}/responses"
BOUNDS = SessionBounds(socket=SocketBounds(close_s=0.3))


def native(*names: str) -> Key:
    """A key for channels that speak the Responses API themselves."""
    return key(
        [
            offer(
                channel(
                    name,
                    endpoints={
                        Operation.CHAT: (
                            Endpoint(dialect="openai_responses", url=NATIVE_URL.format(name)),
                        )
                    },
                )
            )
            for name in names
        ]
    )


def told(response_id: str, *output: dict[str, Any]) -> FakeResponse:
    """A native answer."""
    response = {"id": response_id, "object": "response", "status": "completed", "model": "gpt"}
    response |= {"output": list(output)}  # type: ignore[dict-item]
    created = {"type": "response.created", "response": response, "sequence_number": 0}
    usage = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    completed = {
        "type": "response.completed",
        "response": response | {"usage": usage},
        "sequence_number": 1,
    }
    pieces = [
        b"event: %b\ndata: %b\n\n" % (each["type"].encode(), msgspec.json.encode(each))  # type: ignore[attr-defined]
        for each in (created, completed)
    ]
    return FakeResponse(*pieces, content_type=b"text/event-stream")


def endless_answer() -> FakeResponse:
    """An answer that falls silent."""
    return FakeResponse(chunk("hel"), SILENCE, chunk("lo"), content_type=b"text/event-stream")


class Scene:
    """A server with the endpoint, and what reached the upstream and the books."""

    def __init__(self, place: Place, pool: FakePool, records: Records) -> None:
        self.place = place
        self.pool = pool
        self.records = records

    async def dial(self, **more: Any) -> ClientConnection:
        options: dict[str, Any] = {"additional_headers": {"x-api-key": "sk-1"}, **more}
        url = f"ws://127.0.0.1:{self.place.port}/v1/responses"
        return await connect(url, proxy=None, **options)

    async def settled(self, count: int) -> list[str]:
        """The outcomes, when there are so many and nobody is connected."""
        for _ in range(300):
            if not self.place.server.connection_count and len(self.records.kept) >= count:
                break
            await asyncio.sleep(0.01)
        assert not self.place.server.connection_count
        return [record.outcome for record in self.records.kept]


@asynccontextmanager
async def scene(
    pool: FakePool, of: Key = CHAT, bounds: SessionBounds = BOUNDS
) -> AsyncIterator[Scene]:
    records = Records()
    endpoint = ResponsesSocket(stages(pool, of, records=records), bounds)
    route = Route(
        methods=("GET",), path="/v1/responses", handler=upgrade_required, websocket=endpoint
    )
    async with serving(route) as place:
        yield Scene(place, pool, records)


async def ask(socket: ClientConnection, **body: Any) -> dict[str, Any]:
    """Ask, and give the last event."""
    frame = {"type": "response.create", "model": "gpt", "input": "Hi", **body}
    await socket.send(msgspec.json.encode(frame), text=True)
    return await ending(socket)


async def ending(socket: ClientConnection) -> dict[str, Any]:
    ends = ("response.completed", "response.incomplete", "response.failed", "error")
    async with asyncio.timeout(5.0):
        while True:
            event: dict[str, Any] = msgspec.json.decode(await socket.recv())
            if event["type"] in ends:
                return event


async def closing(socket: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as end:
        async with asyncio.timeout(5.0):
            while True:
                await socket.recv()
    assert end.value.rcvd is not None
    return end.value.rcvd.code, end.value.rcvd.reason


async def test_each_frame_is_a_request_with_a_record_of_its_own() -> None:
    async with scene(FakePool(answer(), refused(500, "down"), answer())) as at:
        async with await at.dial(
            additional_headers={"x-api-key": "sk-1", "x-request-id": "me"}
        ) as s:
            assert (await ask(s))["type"] == "response.completed"
            failed = await ask(s)
            assert (failed["type"], failed["status"]) == ("error", 500)
            assert (await ask(s))["type"] == "response.completed"
        assert await at.settled(3) == ["done", "failed", "done"]
    ids = [record.request_id for record in at.records.kept]
    assert ids == ["me", "me.2", "me.3"]
    usage = at.records.kept[0].usage
    assert usage is not None
    assert usage.total == 10


async def test_vendor_that_keeps_a_response_is_asked_by_its_name() -> None:
    pool = FakePool(told("resp_1"), told("resp_2"))
    async with scene(pool, native("a")) as at, await at.dial() as socket:
        await ask(socket)
        await ask(socket, previous_response_id="resp_1", input="More")
    assert pool.bodies[1]["previous_response_id"] == "resp_1"
    assert pool.bodies[1]["input"] == "More"


async def test_vendor_that_has_lost_it_is_told_what_was_said() -> None:
    lost = refused(
        400, "Previous response with id 'resp_1' not found.", "previous_response_not_found"
    )
    message = {"type": "message", "role": "assistant", "content": []}
    pool = FakePool(told("resp_1", message), lost, told("resp_2"))
    async with scene(pool, native("a")) as at, await at.dial() as socket:
        await ask(socket)
        end = await ask(socket, previous_response_id="resp_1", input=[{"role": "user"}])
    assert end["type"] == "response.completed"
    hello = {"type": "message", "role": "user", "content": "Hi"}
    assert pool.bodies[2]["input"] == [hello, message, {"role": "user"}]
    assert "previous_response_id" not in pool.bodies[2]


async def test_what_may_not_be_stored_is_told_again() -> None:
    pool = FakePool(told("resp_1"), told("resp_2"))
    async with scene(pool, native("a")) as at, await at.dial() as socket:
        await ask(socket, store=False)
        await ask(socket, store=False, previous_response_id="resp_1", input="More")
    assert [item["content"] for item in pool.bodies[1]["input"]] == ["Hi", "More"]
    assert pool.bodies[1]["store"] is False


async def test_unknown_response_is_the_vendors_own_error() -> None:
    lost = refused(
        400, "Previous response with id 'resp_9' not found.", "previous_response_not_found"
    )
    async with scene(FakePool(lost), native("a")) as at, await at.dial() as socket:
        end = await ask(socket, previous_response_id="resp_9")
    assert (end["status"], end["error"]["code"]) == (400, "previous_response_not_found")


async def test_envelope_does_not_reach_the_upstream() -> None:
    pool = FakePool(told("resp_1"))
    async with scene(pool, native("a")) as at, await at.dial() as socket:
        end = await ask(socket, stream_id="lane", generate=True, stream=False, background=False)
    assert end["stream_id"] == "lane"
    assert set(pool.bodies[0]) == {"model", "input", "stream"}
    assert pool.bodies[0]["stream"] is True


async def test_caller_who_leaves_has_the_upstream_let_go_and_the_books_kept() -> None:
    endless = endless_answer()
    async with scene(FakePool(endless)) as at:
        socket = await at.dial()
        await socket.send(b'{"type":"response.create","model":"gpt","input":"Hi"}', text=True)
        await socket.recv()
        socket.transport.abort()
        assert await at.settled(1) == ["client_gone"]
    assert endless.aborted
    assert at.records.kept[0].usage_source == "estimated"


async def test_caller_who_leaves_before_there_is_an_answer_is_noticed() -> None:
    async with scene(FakePool(SILENCE)) as at:
        socket = await at.dial()
        await socket.send(b'{"type":"response.create","model":"gpt","input":"Hi"}', text=True)
        await asyncio.sleep(0.05)
        await socket.close()
        assert await at.settled(1) == ["client_gone"]


async def test_server_that_stops_finishes_the_request_under_way() -> None:
    go_on = asyncio.Event()

    class Slow(FakeResponse):
        async def read(self) -> bytes:
            await go_on.wait()
            return await super().read()

    slow = Slow(*[chunk("hel"), chunk(finish="stop")], content_type=b"text/event-stream")
    async with scene(FakePool(slow)) as at:
        busy, idle = await at.dial(), await at.dial()
        await busy.send(b'{"type":"response.create","model":"gpt","input":"Hi"}', text=True)
        await asyncio.sleep(0.05)
        stop = asyncio.create_task(at.place.server.stop())
        assert (await closing(idle))[0] == 1012
        assert not stop.done()
        go_on.set()
        assert (await ending(busy))["type"] == "response.completed"
        assert (await closing(busy))[0] == 1012
        await stop


async def test_server_that_cuts_says_so() -> None:
    endless = endless_answer()
    async with scene(FakePool(endless)) as at:
        socket = await at.dial()
        await socket.send(b'{"type":"response.create","model":"gpt","input":"Hi"}', text=True)
        await socket.recv()
        force = asyncio.Event()
        force.set()
        await at.place.server.stop(force)
        end = await ending(socket)
        assert (end["type"], end["status"], end["error"]["code"]) == (
            "error",
            503,
            "server_draining",
        )
        assert (await closing(socket))[0] == 1012
        assert await at.settled(1) == ["interrupted"]


async def test_connection_has_a_longest_age() -> None:
    bounds = SessionBounds(session_s=0.1, socket=BOUNDS.socket)
    async with scene(FakePool(), bounds=bounds) as at:
        socket = await at.dial()
        end = await ending(socket)
        assert end["error"]["code"] == "websocket_connection_limit_reached"
        assert (await closing(socket))[0] == 1001


async def test_frame_that_prepares_wants_a_known_model_too() -> None:
    async with scene(FakePool()) as at, await at.dial() as socket:
        end = await ask(socket, model="nope", generate=False)
        assert (end["status"], end["error"]["code"]) == (404, "model_not_found")
        assert (await ask(socket, generate=False))["response"]["output"] == []


async def test_binary_message_is_refused() -> None:
    async with scene(FakePool()) as at, await at.dial() as socket:
        await socket.send(b"{}")
        assert (await ending(socket))["status"] == 400


async def test_nobody_gets_in_without_a_key() -> None:
    async with scene(FakePool()) as at:
        with pytest.raises(InvalidStatus) as refusal:
            await at.dial(additional_headers={})
    assert refusal.value.response.status_code == 401


async def test_many_random_hang_ups_leave_nothing_behind() -> None:
    random = Random(5)
    silences = [endless_answer() for _ in range(200)]
    async with scene(FakePool(*silences)) as at:
        before = len(asyncio.all_tasks())

        async def one() -> None:
            socket = await at.dial()
            for _ in range(random.randrange(3)):
                frame = b'{"type":"response.create","model":"gpt","input":"Hi"}'
                await socket.send(frame, text=True)
                await asyncio.sleep(random.random() * 0.01)
            if random.random() < 0.5:
                socket.transport.abort()
            else:
                await socket.close()

        for _ in range(10):
            await asyncio.gather(*[one() for _ in range(10)])
        await at.settled(20)
        await asyncio.sleep(0.2)
        assert len(asyncio.all_tasks()) <= before + 1
    assert len(at.pool.asked) >= 20
    assert all(response.aborted for response in silences[: len(at.pool.asked)])
