"""`GET /v1/responses` as a WebSocket: each `response.create` is a request of its own.

The vendor's rules: the events of a streamed POST without their framing, one response after the
other in the order of asking, `previous_response_id` known for as long as the connection lasts,
`generate: false` to say something before there is anything to answer, `stream_id` echoed. Each
request is admitted, routed, translated and settled like a POST, whatever the upstream speaks.
Source: developers.openai.com/api/docs/guides/websocket-mode; `ecosystem.md` 0.3.
"""

from __future__ import annotations

import asyncio

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.base.ids import new_id
from headgate.dialects.bridge import DIALECTS
from headgate.dialects.dialect import Fields, ReplyContext
from headgate.edge.caller_key import caller_key
from headgate.edge.json_body import decode_fields
from headgate.edge.relay_endpoint import loss_header
from headgate.edge.request import Request
from headgate.edge.responder import Responder
from headgate.edge.response_frames import DIALECT, ResponseFrames, error_event
from headgate.edge.session import STOPPED, End, Ends, SessionBounds, first_of
from headgate.edge.upgrade import Handshake
from headgate.ir.reply import Choice, Finish, Reply
from headgate.ir.usage import Usage
from headgate.providers.provider import Operation
from headgate.relay.call import Call, flag_field, text_field
from headgate.relay.conversations import continued, items_of, unknown_response
from headgate.relay.exchange import Exchange, cut_short
from headgate.relay.lane import interrupted, written
from headgate.relay.relay import relay
from headgate.relay.stages import Stages
from headgate.relay.turns import PREVIOUS, Turn, Turns, previous_id
from headgate.snapshot.facts import LossPolicy
from headgate.upstream.websocket import Message, SocketBounds, WebSocket

PATH = "/v1/responses"

_BOUNDS = SessionBounds(idle_s=1800.0, socket=SocketBounds(message_bytes=64 * 1024 * 1024))
_CREATE = "response.create"
# What is about the frame and not about the response; streams are the only form here.
_ENVELOPE = frozenset({"type", "generate", "stream_id", "stream", "background"})
_NOT_FOUND = "previous_response_not_found"
_LONGEST_LANE = 200
_BETA = b"openai-beta"
_OWN_BETA = "responses_websockets"  # of this transport, so no upstream's that is asked over HTTP


class ResponsesSocket:
    """Serves the Responses API over WebSockets."""

    def __init__(self, stages: Stages, bounds: SessionBounds = _BOUNDS) -> None:
        self._stages = stages
        self._bounds = bounds

    async def __call__(self, request: Request, responder: Responder) -> None:
        """Answer one handshake, and requests until the connection ends."""
        stages = self._stages
        shake = Handshake(request, self._bounds.socket)
        secret = caller_key(request)
        await stages.gate.authenticate(secret, stages.facts(), stages.clock.monotonic_s())
        socket = shake.accept(responder, [])
        try:
            await _Connection(stages, request, secret, socket, self._bounds).run()
        finally:
            responder.leave()


class _Connection:
    """One caller, and the responses that it can go on from."""

    def __init__(
        self,
        stages: Stages,
        request: Request,
        secret: str | None,
        socket: WebSocket,
        bounds: SessionBounds,
    ) -> None:
        self._stages = stages
        self._request = request
        self._headers = _own_headers(request)
        self._secret = secret
        self._socket = socket
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._ends = Ends(socket, bounds, self._quiet)
        self._expired = _expired(bounds.session_s)
        self._turns = Turns()
        self._name = new_id("ws-")
        self._asked = 0

    async def run(self) -> None:
        """Answer until the caller leaves, a bound passes, or the server stops."""
        end, ends = STOPPED, self._ends
        try:
            end = await first_of(self._serve(), ends.gone(), ends.due(self._expired))
        finally:
            if end.failure is not None:
                self._socket.send(error_event(end.failure, self._request.request_id))
            await self._socket.close(end.code, end.reason)

    async def _serve(self) -> End:
        while (message := await self._socket.receive()) is not None:
            self._quiet.clear()
            self._asked += 1
            await self._answer(message)
            await self._socket.drain()
            self._ends.note()
            self._quiet.set()
        return await self._ends.gone()

    async def _answer(self, message: Message) -> None:
        """Answer one frame; whatever is wrong with it, the connection goes on."""
        request_id = self._request.request_id
        if self._asked > 1:
            request_id = f"{request_id}.{self._asked}"
        frames = ResponseFrames(self._socket)
        try:
            fields = _fields_of(message)
            frames.lane = _lane(fields)
            await self._create(request_id, fields, frames)
        except RelayError as error:
            frames.refuse(error.failure, request_id)
        except asyncio.CancelledError:
            if not self._socket.over.is_set() and not frames.is_over:
                frames.refuse(cut_short(), request_id)
            raise

    async def _create(self, request_id: str, fields: Fields, frames: ResponseFrames) -> None:
        generates = bytes(fields.get("generate", msgspec.Raw(b"true"))) != b"false"
        if flag_field(fields, "background"):
            raise _invalid("A response in the background cannot be had here.", "background")
        fields = {name: raw for name, raw in fields.items() if name not in _ENVELOPE}
        previous, new = previous_id(fields), items_of(fields.get("input"))
        turn = self._turns.find(previous) if previous is not None else None
        call = self._call(request_id, fields)
        if turn is not None and not (turn.is_stored and generates):
            call = self._call(request_id, continued(fields, turn.items))
        if not generates:
            await self._prepare(call, frames)
            return
        try:
            await self._relay(call, frames, turn, new)
        except RelayError as error:
            if not _is_forgotten(error.failure):
                raise
            if previous is None or turn is None or not turn.is_stored:
                raise unknown_response(previous or "") from None
            # Who has stored it was not asked, or has lost it; what was said is still here.
            call = self._call(request_id, continued(fields, turn.items))
            await self._relay(call, frames, turn, new)

    async def _relay(
        self, call: Call, frames: ResponseFrames, turn: Turn | None, new: list[msgspec.Raw]
    ) -> None:
        async with relay(self._secret, call, self._stages) as exchange:
            frames.note = _note(exchange)
            try:
                await exchange.write_to(frames)
            except asyncio.CancelledError:
                if not self._socket.over.is_set():
                    exchange.broken_off(cut_short())
                raise
            await exchange.settle()
            if exchange.failure is None:
                self._turns.keep(
                    frames.response_id,
                    (*turn.items, *new) if turn is not None else new,
                    frames.output,
                    is_stored=_is_stored(call.fields),
                )
        if not frames.is_over:
            frames.refuse(exchange.failure or interrupted(), call.request_id)

    async def _prepare(self, call: Call, frames: ResponseFrames) -> None:
        """Answer a frame that wants no answer yet: it is admitted, and can be gone on from."""
        stages = self._stages
        facts, now_s = stages.facts(), stages.clock.monotonic_s()
        grant = await stages.gate.admit(self._secret, call.model, facts, now_s, lambda: 0)
        if grant.model not in grant.key.routes:
            raise RelayError(
                Failure(
                    kind=FailureKind.MODEL_NOT_FOUND,
                    message=f"No available providers at the moment: {grant.model}",
                    param="model",
                )
            )
        created = int(stages.clock.wall_s())
        reply = Reply(
            reply_id=f"resp_{call.request_id}",
            model=call.model,
            created=created,
            choices=(Choice(parts=(), finish=Finish(reason="stop")),),
            usage=Usage(),
        )
        context = ReplyContext(
            model=call.model, reply_id=call.request_id, created=created, fields=call.fields
        )
        frames.send(written(reply, DIALECTS[DIALECT], context, stream=True))
        self._turns.keep(frames.response_id, items_of(call.fields.get("input")))

    def _call(self, request_id: str, fields: Fields) -> Call:
        fields = fields | {"stream": msgspec.Raw(b"true")}
        return Call(
            request_id=request_id,
            operation=Operation.CHAT,
            dialect=DIALECT,
            path=PATH,
            model=text_field(fields, "model"),
            fields=fields,
            body=msgspec.json.encode(fields),
            headers=self._headers,
            received_s=self._stages.clock.monotonic_s(),
            client_ip=self._request.client_ip,
            connection=self._name,
            stream=True,
            include_usage=True,
        )


def _fields_of(message: Message) -> Fields:
    """Read a frame. Errors: RelayError INVALID_REQUEST, INVALID_JSON."""
    if not message.is_text:
        raise _invalid("Send events as text messages.", None)
    fields = decode_fields(message.data)
    kind = text_field(fields, "type")
    if kind != _CREATE:
        raise _invalid(f"Invalid value: '{kind[:80]}'. Supported: '{_CREATE}'.", "type")
    return fields


def _lane(fields: Fields) -> msgspec.Raw | None:
    """Read `stream_id`, which names a lane of requests; here all of them share one."""
    raw = fields.get("stream_id")
    if raw is None or bytes(raw) == b"null":
        return None
    if not bytes(raw).startswith(b'"') or len(bytes(raw)) > _LONGEST_LANE:
        raise _invalid(f"`stream_id` must be a string below {_LONGEST_LANE} bytes", "stream_id")
    return raw


def _own_headers(request: Request) -> list[tuple[bytes, bytes]]:
    headers = []
    for name, value in request.headers:
        if name != _BETA:
            headers.append((name, value))
            continue
        said = [part.strip() for part in value.decode("latin-1").split(",")]
        kept = ",".join(part for part in said if not part.startswith(_OWN_BETA))
        if kept:
            headers.append((name, kept.encode("latin-1")))
    return headers


def _note(exchange: Exchange) -> str:
    """What the request lost on its way, for callers that may know."""
    answer = exchange.answer
    if answer is None or not answer.losses:
        return ""
    policy = exchange.grant.key.on_loss or answer.attempt.offer.channel.on_loss
    return "" if policy is LossPolicy.IGNORE else loss_header(answer.losses).decode()


def _is_stored(fields: Fields) -> bool:
    return bytes(fields.get("store", msgspec.Raw(b"true"))) != b"false"


def _is_forgotten(failure: Failure) -> bool:
    return failure.code == _NOT_FOUND or failure.param == PREVIOUS


def _invalid(message: str, param: str | None) -> RelayError:
    failure = Failure(kind=FailureKind.INVALID_REQUEST, message=message, param=param)
    return RelayError(failure)


def _expired(bound_s: float) -> Failure:
    return Failure(
        kind=FailureKind.INVALID_REQUEST,
        message=f"The connection has reached its longest duration of {bound_s / 60:g} minutes; "
        "open another one to continue.",
        code="websocket_connection_limit_reached",
    )
