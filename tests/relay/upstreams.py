"""Upstreams without a network: what they answer is written down, what they were asked is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, cast

import msgspec

from headgate.admission.admit import Gate
from headgate.admission.counters import MemoryCounters
from headgate.admission.key_directory import SnapshotKeys
from headgate.base.clock import ManualClock
from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.dialects.dialect import ReplyContext
from headgate.relay.attempts import Attempts
from headgate.relay.call import Call
from headgate.relay.need import need_of
from headgate.relay.questioner import Questioner
from headgate.relay.stages import Stages
from headgate.relay.upstream_body import Translation
from headgate.routing.credentials import CredentialPool
from headgate.routing.health import Health
from headgate.routing.plan import Router
from headgate.settlement.ledger import MemoryLedger
from headgate.settlement.usage_record import UsageRecord
from headgate.snapshot.facts import Key, Settings, Snapshot, Timeouts
from headgate.upstream.client_pool import ClientPool
from headgate.upstream.http1 import HttpRequest
from headgate.upstream.response import pump_by_reading
from tests.calls import call

DOWN = Failure(kind=FailureKind.UPSTREAM_UNREACHABLE, message="Unable to connect to service")
CUT = Failure(kind=FailureKind.UPSTREAM_INTERRUPTED, message="Connection closed unexpectedly")


class Silence:
    """An upstream that has nothing to say until somebody gives up."""


SILENCE = Silence()
Piece = bytes | Failure | Silence


class FakeResponse:
    """An answer in pieces. `aborted`: its reader let go before the end."""

    def __init__(
        self, *pieces: Piece, status: int = 200, content_type: bytes = b"application/json"
    ) -> None:
        self.status = status
        self.headers = [(b"content-type", content_type)]
        self.aborted = False
        self._pieces = list(pieces)

    def header(self, name: bytes) -> bytes | None:
        return dict(self.headers).get(name)

    async def read(self) -> bytes:
        if not self._pieces:
            return b""
        piece = self._pieces.pop(0)
        if isinstance(piece, Silence):
            await asyncio.Event().wait()
        if isinstance(piece, Failure):
            raise RelayError(piece)
        return cast(bytes, piece)

    async def pump(self, sink: Callable[[bytes], bool]) -> bool:
        return await pump_by_reading(self, sink)

    async def read_all(self, limit_bytes: int) -> bytes:
        pieces = []
        while piece := await self.read():
            pieces.append(piece)
        return b"".join(pieces)

    def release(self) -> None:
        """Nothing to keep."""

    def abort(self) -> None:
        self.aborted = bool(self._pieces)


Answering = FakeResponse | Failure | Silence


class FakePool:
    """Answers one request after the other; `asked` keeps them."""

    def __init__(self, *answers: Answering, each: Callable[[], None] | None = None) -> None:
        self.asked: list[HttpRequest] = []
        self.timeouts: list[Timeouts] = []
        self._answers = list(answers)
        self._each = each

    async def send(self, request: HttpRequest, timeouts: Timeouts) -> FakeResponse:
        self.asked.append(request)
        self.timeouts.append(timeouts)
        if self._each is not None:
            self._each()
        answer = self._answers.pop(0)
        if isinstance(answer, Silence):
            await asyncio.Event().wait()
        if isinstance(answer, Failure):
            raise RelayError(answer)
        return cast(FakeResponse, answer)

    @property
    def channels(self) -> str:
        """Names of the channels asked (`tests/facts.py` puts them into the path)."""
        return "".join(request.target.split("/")[1] for request in self.asked)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(body) for body in self.sent]

    @property
    def sent(self) -> list[bytes]:
        """The bodies as they went out."""
        bodies = (request.body for request in self.asked)
        return [body if isinstance(body, bytes) else b"".join(body.pieces()) for body in bodies]


class Caller:
    """Who a stream is written to: keeps the pieces, and can be waited for."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.paused = False
        self._news = asyncio.Event()

    def send(self, data: bytes) -> None:
        self.pieces.append(data)
        self._news.set()

    async def drain(self) -> None:
        """Everything is taken at once."""

    async def has(self, count: int) -> None:
        """Wait for so many pieces."""
        while len(self.pieces) < count:
            self._news.clear()
            await self._news.wait()

    @property
    def text(self) -> bytes:
        return b"".join(self.pieces)


class Records:
    """A `UsageSink` that keeps the records."""

    def __init__(self) -> None:
        self.kept: list[UsageRecord] = []
        self.arrived = asyncio.Event()

    async def record(self, record: UsageRecord) -> None:
        self.kept.append(record)
        self.arrived.set()


def stages(
    pool: FakePool,
    of: Key,
    *,
    settings: Settings | None = None,
    clock: ManualClock | None = None,
    ledger: MemoryLedger | None = None,
    records: Records | None = None,
) -> Stages:
    """Join real stages, for one key "sk-1", around an upstream without a network."""
    snapshot = Snapshot(version=1, keys={"sk-1": of}, channels=(), settings=settings or Settings())
    health, random = Health(), Random(1)
    return Stages(
        facts=lambda: snapshot,
        clock=clock or ManualClock(),
        gate=Gate(SnapshotKeys(), MemoryCounters()),
        ledger=ledger or MemoryLedger(),
        router=Router(health, random),
        health=health,
        credentials=CredentialPool(health, random),
        client=cast(ClientPool, pool),
        sink=records or Records(),
    )


def attempts(of: Key, joined: Stages, asked: Call | None = None) -> Attempts:
    """Plan a request, and be ready to try it."""
    asked = asked or call()
    need = need_of(asked, joined.router.outline(of.routes.get(asked.model, ())))
    plan = joined.router.plan(of, need, joined.clock.monotonic_s())
    questioner = Questioner(
        asked=asked,
        call=asked,
        translation=Translation(asked),
        pool=joined.client,
        settings=joined.facts().settings,
        context=ReplyContext(model="gpt", reply_id="r1", created=1),
        policy=of.on_loss,
    )
    return Attempts(questioner, of, plan, joined)


def reply(text: str = "hello", **changes: Any) -> FakeResponse:
    """Answer a chat request with a whole reply of OpenAI's wire."""
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
    }
    return FakeResponse(msgspec.json.encode(body | changes))


def refused(status: int, message: str = "no", code: str | None = None) -> FakeResponse:
    """Answer with OpenAI's error object."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return FakeResponse(msgspec.json.encode({"error": error}), status=status)


def chunk(text: str | None = None, finish: str | None = None, model: str = "gpt") -> bytes:
    """Write one frame of OpenAI's stream."""
    delta = {} if text is None else {"role": "assistant", "content": text}
    data = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    return b"data: " + msgspec.json.encode(data) + b"\n\n"


USAGE = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt",'
    b'"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}\n\n'
)
DONE = b"data: [DONE]\n\n"
WHOLE_STREAM: Sequence[bytes] = (chunk("hel"), chunk("lo"), chunk(finish="stop"), USAGE, DONE)


def stream(*pieces: Piece) -> FakeResponse:
    """Answer with a stream; without pieces, with a whole one that says hello."""
    return FakeResponse(*(pieces or WHOLE_STREAM), content_type=b"text/event-stream")
