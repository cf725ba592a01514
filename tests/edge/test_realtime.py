"""A session between a caller and a vendor, both on loopback, and everything that may end it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from headgate.base.money import NanoUsd
from headgate.edge.realtime import RealtimeEndpoint
from headgate.edge.routes import Route
from headgate.edge.session import SessionBounds
from headgate.edge.upgrade import upgrade_required
from headgate.snapshot.facts import Key
from headgate.upstream.websocket import SocketBounds
from tests.edge.wire import Place, serving
from tests.facts import key
from tests.relay.vendor import Desk, Vendor, answering, desk, done, event, offer_of, vendors

SOCKET = SocketBounds(close_s=0.5)
AUTHORIZED = {"Authorization": "Bearer sk-1"}


class Scene:
    """A gateway with one endpoint, its desk and its vendor."""

    def __init__(self, place: Place, at: Desk) -> None:
        self.place = place
        self.at = at

    async def call(self, query: str = "model=gpt", **more: Any) -> ClientConnection:
        options: dict[str, Any] = {"additional_headers": AUTHORIZED, "proxy": None, **more}
        url = f"ws://127.0.0.1:{self.place.port}/v1/realtime?{query}"
        return await connect(url, **options)

    async def settled(self, count: int = 1) -> None:
        """Wait until so many records are kept and nobody is connected."""
        for _ in range(300):
            at = self.at
            nobody = not self.place.server.connection_count and not at.pool.open_connections
            if nobody and len(at.records.kept) >= count:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("it is not settled")

    @property
    def outcomes(self) -> list[str]:
        return [record.outcome for record in self.at.records.kept]


@asynccontextmanager
async def scene(
    vendor: Vendor, bounds: SessionBounds | None = None, of: Key | None = None, **more: Any
) -> AsyncIterator[Scene]:
    async with vendors(vendor), desk(of or key([offer_of(vendor, "a", "gpt-up")], **more)) as at:
        endpoint = RealtimeEndpoint(at.stages, bounds or SessionBounds(socket=SOCKET))
        route = Route(
            methods=("GET",), path="/v1/realtime", handler=upgrade_required, websocket=endpoint
        )
        async with serving(route) as place:
            yield Scene(place, at)


async def heard(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(3.0):
        told: dict[str, Any] = msgspec.json.decode(await socket.recv())
    return told


async def closed(socket: ClientConnection) -> tuple[int, str]:
    """Hear the rest, and how it was closed."""
    try:
        async with asyncio.timeout(5.0):
            while True:
                await socket.recv()
    except ConnectionClosed as end:
        assert end.rcvd is not None
        return end.rcvd.code, end.rcvd.reason


async def test_session_is_relayed_both_ways() -> None:
    vendor = Vendor()
    async with scene(vendor) as at:
        async with await at.call() as socket:
            assert (await heard(socket))["session"]["model"] == "gpt"
            await socket.send(event("session.update", session={"model": "gpt"}), text=True)
            assert (await heard(socket))["session"] == {"model": "gpt"}
            await socket.send(event("response.create"), text=True)
            kinds = [(await heard(socket))["type"] for _ in range(4)]
        await at.settled()
    assert kinds[0::3] == ["response.created", "response.done"]
    assert vendor.heard[0]["session"] == {"model": "gpt-up"}
    assert vendor.closed_with == [1000]
    assert at.outcomes == ["done"]


async def test_callers_headers_that_mean_something_reach_the_vendor_and_its_key_does_not() -> None:
    vendor = Vendor()
    headers = AUTHORIZED | {"OpenAI-Beta": "realtime=v1", "Cookie": "a=b"}
    async with scene(vendor) as at, await at.call(additional_headers=headers) as socket:
        await heard(socket)
    (asked,) = vendor.asked
    assert asked.headers["openai-beta"] == "realtime=v1"
    assert asked.headers["authorization"] == "Bearer k1"
    assert "cookie" not in asked.headers
    assert "content-type" not in asked.headers


async def test_browser_sends_key_and_beta_as_subprotocols() -> None:
    vendor = Vendor()
    names = ("realtime", "openai-insecure-api-key.sk-1", "openai-beta.realtime-v1")
    offered = [Subprotocol(name) for name in names]
    origin = {"Origin": "https://example.com"}
    async with (
        scene(vendor) as at,
        await at.call(additional_headers=origin, subprotocols=offered) as socket,
    ):
        assert socket.subprotocol == "realtime"
        assert socket.response is not None
        assert "sk-1" not in str(socket.response.headers)
    assert vendor.asked[0].headers["openai-beta"] == "realtime=v1"


@pytest.mark.parametrize(
    ("query", "headers", "status", "code"),
    [
        ("model=gpt", {}, 401, "invalid_api_key"),
        ("model=gpt", {"Authorization": "Bearer sk-2"}, 401, "invalid_api_key"),
        ("", AUTHORIZED, 400, "invalid_request_error"),
        ("model=nope", AUTHORIZED, 404, "model_not_found"),
    ],
)
async def test_refusal_comes_before_the_handshake(
    query: str, headers: dict[str, str], status: int, code: str
) -> None:
    vendor = Vendor()
    async with scene(vendor) as at:
        with pytest.raises(InvalidStatus) as refused:
            await at.call(query, additional_headers=headers)
    assert refused.value.response.status_code == status
    assert msgspec.json.decode(refused.value.response.body)["code"] == code
    assert vendor.asked == []


async def test_vendor_that_refuses_is_told_as_http() -> None:
    async with scene(Vendor(refuses=429)) as at:
        with pytest.raises(InvalidStatus) as refused:
            await at.call()
        await at.settled()
    assert refused.value.response.status_code == 429
    assert at.outcomes == ["failed"]


async def test_deployment_names_the_model_as_azure_has_it() -> None:
    vendor = Vendor()
    query = "api-version=2025-04-01&deployment=gpt&intent=transcription"
    async with scene(vendor) as at, await at.call(query) as socket:
        await heard(socket)
    assert vendor.asked[0].path == "/v1/realtime?model=gpt-up&intent=transcription"


async def test_unknown_part_of_the_query_is_named_as_a_loss() -> None:
    async with scene(Vendor()) as at, await at.call("model=gpt&call_id=1&x=2") as socket:
        assert socket.response is not None
        assert socket.response.headers["x-headgate-loss"] == "query.call_id, query.x"


async def test_query_that_is_no_text_for_a_header_breaks_nothing() -> None:
    query = "model=gpt&a%0d%0ax-admin%3a1=1&b%2cc=2&d=3"
    async with scene(Vendor()) as at, await at.call(query) as socket:
        assert socket.response is not None
        assert socket.response.headers["x-headgate-loss"] == "query.d"
        assert "x-admin" not in socket.response.headers


async def test_admin_is_told_who_answers() -> None:
    async with scene(Vendor(), is_admin=True) as at, await at.call() as socket:
        assert socket.response is not None
        assert socket.response.headers["x-headgate-channel"] == "a"
        assert socket.response.headers["x-headgate-model"] == "gpt-up"


async def test_other_model_is_refused_and_the_session_goes_on() -> None:
    vendor = Vendor()
    async with scene(vendor) as at, await at.call() as socket:
        await heard(socket)
        await socket.send(event("session.update", session={"model": "gpt-dear"}), text=True)
        refusal = await heard(socket)
        assert (refusal["type"], refusal["error"]["param"]) == ("error", "session.model")
        await socket.send(event("response.create"), text=True)
        assert (await heard(socket))["type"] == "response.created"
    assert [each["type"] for each in vendor.heard] == ["response.create"]


async def test_vendors_goodbye_reaches_the_caller() -> None:
    async def leaving(_vendor: Vendor, socket: ServerConnection, _heard: dict[str, Any]) -> None:
        await socket.send(done(), text=True)
        await socket.close(4123, "that is all")

    async with scene(Vendor(script=leaving)) as at:
        socket = await at.call()
        await socket.send(event("response.create"), text=True)
        assert await closed(socket) == (4123, "that is all")
        await at.settled()
    (record,) = at.at.records.kept
    assert (record.outcome, record.usage_source) == ("done", "reported")


async def test_vendor_that_breaks_off_is_told_as_an_error() -> None:
    async def breaking(_vendor: Vendor, socket: ServerConnection, _heard: dict[str, Any]) -> None:
        await socket.send(event("response.created", response={}), text=True)
        await socket.send(event("response.output_text.delta", delta="x"), text=True)
        await asyncio.sleep(0.02)
        socket.transport.abort()

    async with scene(Vendor(script=breaking)) as at:
        socket = await at.call()
        await socket.send(event("response.create"), text=True)
        told = [await heard(socket) for _ in range(4)]
        assert told[3]["error"]["code"] == "upstream_interrupted"
        assert (await closed(socket))[0] == 1011
        await at.settled()
    (record,) = at.at.records.kept
    assert (record.outcome, record.usage_source) == ("interrupted", "estimated")


async def test_callers_goodbye_reaches_the_vendor() -> None:
    vendor = Vendor()
    async with scene(vendor) as at:
        socket = await at.call()
        await heard(socket)
        await socket.close(4001, "enough")
        await at.settled()
    assert vendor.closed_with == [4001]


async def test_key_without_credits_left_is_told_and_sent_away() -> None:
    async with scene(Vendor(), credits=NanoUsd(1)) as at:
        socket = await at.call()
        await heard(socket)
        await socket.send(event("response.create"), text=True)
        kinds = [(await heard(socket))["type"] for _ in range(4)]
        assert kinds[3] == "response.done"
        assert (await heard(socket))["error"]["code"] == "insufficient_user_quota"
        assert await closed(socket) == (1008, "insufficient_user_quota")
        with pytest.raises(InvalidStatus) as refused:
            await at.call()
        assert refused.value.response.status_code == 429


async def test_session_ends_when_its_time_is_up() -> None:
    bounds = SessionBounds(session_s=0.1, socket=SOCKET)
    async with scene(Vendor(), bounds) as at:
        socket = await at.call()
        await heard(socket)
        assert (await heard(socket))["error"]["code"] == "session_expired"
        assert await closed(socket) == (1001, "session_expired")
        await at.settled()
    assert at.outcomes == ["done"]


async def test_session_in_which_nothing_is_said_is_closed() -> None:
    bounds = SessionBounds(idle_s=0.15, socket=SOCKET)
    async with scene(Vendor(), bounds) as at:
        socket = await at.call()
        for _ in range(4):
            await socket.send(event("session.update", session={}), text=True)
            await heard(socket)
            await asyncio.sleep(0.06)
        assert await closed(socket) == (1000, "nothing was said for 0.15 s")


async def test_message_beyond_the_bound_ends_the_session() -> None:
    bounds = SessionBounds(socket=SocketBounds(message_bytes=1000, close_s=0.2))
    async with scene(Vendor(), bounds) as at:
        socket = await at.call()
        await heard(socket)
        await socket.send("x" * 2000)
        assert (await closed(socket))[0] == 1009
        await at.settled()


async def test_server_that_stops_waits_for_a_response_and_says_why() -> None:
    go_on = asyncio.Event()

    async def slow(vendor: Vendor, socket: ServerConnection, told: dict[str, Any]) -> None:
        await socket.send(event("response.created", response={}), text=True)
        await go_on.wait()
        await answering(vendor, socket, told)

    async with scene(Vendor(script=slow)) as at:
        socket, idle = await at.call(), await at.call()
        await heard(socket)
        await socket.send(event("response.create"), text=True)
        assert (await heard(socket))["type"] == "response.created"
        stop = asyncio.create_task(at.place.server.stop())
        assert await closed(idle) == (1012, "the gateway is stopping")
        go_on.set()
        assert await closed(socket) == (1012, "the gateway is stopping")
        await stop
    assert at.outcomes == ["done", "done"]


async def test_server_that_does_not_wait_cuts_and_still_settles() -> None:
    async def endless(_vendor: Vendor, socket: ServerConnection, _told: dict[str, Any]) -> None:
        await socket.send(event("response.created", response={}), text=True)
        await socket.send(event("response.output_text.delta", delta="a"), text=True)

    async with scene(Vendor(script=endless)) as at:
        socket = await at.call()
        await heard(socket)
        await socket.send(event("response.create"), text=True)
        await heard(socket)
        await heard(socket)
        force = asyncio.Event()
        force.set()
        await at.place.server.stop(force)
        assert (await closed(socket))[0] == 1012
        await at.settled()
    (record,) = at.at.records.kept
    assert (record.outcome, record.usage_source) == ("interrupted", "estimated")


async def test_vendor_faster_than_the_caller_is_held_back() -> None:
    sent = 0

    async def flooding(_vendor: Vendor, socket: ServerConnection, _told: dict[str, Any]) -> None:
        nonlocal sent
        for _ in range(400):
            await socket.send(event("response.output_audio.delta", delta="A" * 100_000), text=True)
            sent += 1

    async with scene(Vendor(script=flooding)) as at:
        socket = await at.call(max_queue=1)
        await heard(socket)
        await socket.send(event("response.create"), text=True)
        await asyncio.sleep(0.6)
        assert sent < 300
        for _ in range(400):
            await heard(socket)
        await socket.close()


async def test_many_random_hang_ups_leave_nothing_behind() -> None:
    random = Random(3)

    async def chatty(vendor: Vendor, socket: ServerConnection, told: dict[str, Any]) -> None:
        await asyncio.sleep(random.random() * 0.01)
        await answering(vendor, socket, told)

    vendor = Vendor(script=chatty)
    async with scene(vendor) as at:

        async def one() -> None:
            socket = await at.call()
            for _ in range(random.randrange(3)):
                await socket.send(event("response.create"), text=True)
                await asyncio.sleep(random.random() * 0.02)
            if random.random() < 0.5:
                socket.transport.abort()
            else:
                await socket.close()

        await one()
        await at.settled()
        gc.collect()
        tasks = len(asyncio.all_tasks())
        for _ in range(10):
            await asyncio.gather(*[one() for _ in range(10)])
        await at.settled(101)
        await asyncio.sleep(0.3)
        assert len(asyncio.all_tasks()) <= tasks
        assert at.at.ledger._open == {}
        assert vendor.open == 0
        ids = [record.request_id for record in at.at.records.kept]
        assert len(ids) == len(set(ids)) >= 101


async def test_caller_who_leaves_while_a_vendor_is_dialed_leaves_nothing() -> None:
    async with scene(Vendor(is_mute=True)) as at:
        with pytest.raises(TimeoutError):
            await at.call(open_timeout=0.1)
        await at.settled()
    assert at.outcomes == ["client_gone"]


async def test_vendor_that_says_nothing_is_given_up_as_http() -> None:
    async with scene(Vendor(is_mute=True)) as at:
        with pytest.raises(InvalidStatus) as refused:
            await at.call()
        await at.settled()
    assert refused.value.response.status_code == 504
