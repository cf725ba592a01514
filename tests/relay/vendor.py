"""A vendor of Realtime on loopback: says what its script says, and keeps what it heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any

import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from headgate.base.clock import Clock, SystemClock
from headgate.providers.provider import Operation
from headgate.relay.call import Call
from headgate.relay.stages import Stages
from headgate.settlement.ledger import MemoryLedger
from headgate.snapshot.facts import Endpoint, Key, Offer, Settings, Timeouts
from headgate.upstream.client_pool import ClientPool
from tests import facts
from tests.calls import call
from tests.relay.upstreams import Records, stages

USAGE = {
    "total_tokens": 60,
    "input_tokens": 40,
    "output_tokens": 20,
    "input_token_details": {
        "text_tokens": 30,
        "audio_tokens": 10,
        "cached_tokens": 16,
        "cached_tokens_details": {"text_tokens": 12, "audio_tokens": 4},
    },
    "output_token_details": {"text_tokens": 5, "audio_tokens": 15},
}
QUICK = Timeouts(connect_s=1.0, first_byte_s=0.3, write_s=1.0)

Script = Callable[["Vendor", ServerConnection, dict[str, Any]], Awaitable[None]]


def event(kind: str, **more: Any) -> bytes:
    return msgspec.json.encode({"type": kind, "event_id": "e1", **more})


def done(usage: dict[str, Any] | None = USAGE, status: str = "completed") -> bytes:
    return event("response.done", response={"id": "r1", "status": status, "usage": usage})


class Vendor:
    """One vendor. `opening` is what it says first; `refuses` a status instead of the handshake."""

    def __init__(
        self,
        *,
        opening: bytes | None = None,
        refuses: int = 0,
        script: Script | None = None,
        closes: int = 0,
        is_mute: bool = False,
    ) -> None:
        self.asked: list[Request] = []
        self.heard: list[dict[str, Any]] = []
        self.closed_with: list[int] = []
        self.open = 0
        self.url = ""
        self._opening = opening
        self._refuses = refuses
        self._script = script or answering
        self._closes = closes
        self._is_mute = is_mute

    def judge(self, socket: ServerConnection, request: Request) -> Response | None:
        self.asked.append(request)
        if self._refuses:
            return socket.respond(HTTPStatus(self._refuses), '{"error":{"message":"go away"}}')
        return None

    async def talk(self, socket: ServerConnection) -> None:
        self.open += 1
        try:
            if self._closes:
                await socket.close(self._closes, "not today")
                return
            request = socket.request
            model = request.path.partition("model=")[2] if request is not None else ""
            created = event("session.created", session={"id": "s1", "model": model, "voice": "a"})
            if not self._is_mute:
                await socket.send(self._opening or created, text=True)
            with suppress(ConnectionClosed):
                async for message in socket:
                    heard = msgspec.json.decode(message)
                    self.heard.append(heard)
                    await self._script(self, socket, heard)
        finally:
            self.open -= 1
            with suppress(ConnectionClosed):
                await socket.wait_closed()
            self.closed_with.append(socket.close_code or 0)


async def answering(_vendor: Vendor, socket: ServerConnection, heard: dict[str, Any]) -> None:
    """Answer a response.create with two deltas; a session.update as it is."""
    match heard["type"]:
        case "response.create":
            for said in (
                event("response.created", response={"id": "r1"}),
                event("response.output_text.delta", delta="Hel"),
                event("response.output_audio.delta", delta="AAAA"),
                done(),
            ):
                await socket.send(said, text=True)
        case "session.update":
            await socket.send(event("session.updated", session=heard["session"]), text=True)


async def silent(_vendor: Vendor, _socket: ServerConnection, _heard: dict[str, Any]) -> None:
    """Hear, and say nothing."""


@asynccontextmanager
async def vendors(*them: Vendor) -> AsyncIterator[None]:
    """Let vendors listen."""
    servers = []
    for vendor in them:
        server = await serve(
            vendor.talk, "127.0.0.1", 0, process_request=vendor.judge, close_timeout=0.2
        )
        vendor.url = f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        servers.append(server)
    try:
        yield
    finally:
        for server in servers:
            server.close()
            await server.wait_closed()


def offer_of(vendor: Vendor, name: str, model: str = "gpt", keys: Sequence[str] = ("k1",)) -> Offer:
    endpoint = Endpoint(dialect="openai_chat", url=f"{vendor.url}/v1/realtime?model={{model}}")
    of = facts.channel(name, keys, endpoints={Operation.REALTIME: (endpoint,)}, cooldown_s=0.0)
    return facts.offer(of, model, alias="gpt", timeouts=QUICK)


def realtime_call(**changes: Any) -> Call:
    told: dict[str, Any] = {
        "operation": Operation.REALTIME,
        "path": "/v1/realtime",
        "stream": True,
        "received_s": 0.0,
    }
    return call({}, **(told | changes))


class Desk:
    """The stages around a real client, and what they recorded."""

    def __init__(
        self, key: Key, settings: Settings | None = None, clock: Clock | None = None
    ) -> None:
        self.records = Records()
        self.ledger = MemoryLedger()
        self.pool = ClientPool()
        self.key = key
        joined = stages(
            self.pool,  # type: ignore[arg-type]
            key,
            settings=settings,
            ledger=self.ledger,
            records=self.records,
        )
        self.stages: Stages = msgspec.structs.replace(joined, clock=clock or SystemClock())


@asynccontextmanager
async def desk(key: Key, settings: Settings | None = None) -> AsyncIterator[Desk]:
    """Open a desk, and see that nothing stays open behind it."""
    made = Desk(key, settings)
    try:
        yield made
    finally:
        for _ in range(100):
            if made.pool.open_connections == 0:
                break
            await asyncio.sleep(0.01)
        left = made.pool.open_connections
        await made.pool.close()
        assert left == 0
