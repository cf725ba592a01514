"""A caller's request to the relay and back: body to `Call`, exchange to JSON or a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from headgate.admission.rate_limit import Allowance
from headgate.base.failure import RelayError
from headgate.edge.array_stream import ArrayStream
from headgate.edge.caller_key import caller_key
from headgate.edge.front_doors import Reader, in_body
from headgate.edge.json_body import decode_fields
from headgate.edge.limit_headers import Headers, limit_headers
from headgate.edge.request import Request
from headgate.edge.responder import Responder
from headgate.edge.spelling import failure_answer
from headgate.ir.loss import Loss
from headgate.providers.provider import Operation
from headgate.relay.call import Call
from headgate.relay.exchange import Exchange, cut_short
from headgate.relay.relay import relay
from headgate.relay.stages import Stages
from headgate.snapshot.facts import LossPolicy

_JSON = (b"content-type", b"application/json")
STREAM_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),  # nginx would collect the stream otherwise
)
_LONGEST_LOSS_HEADER = 2000


class RelayEndpoint:
    """Serves one operation in one dialect.

    `path` is the operation's one name, whichever spelling of it was asked for: operators' rules
    match on it, and could be bypassed otherwise.
    """

    def __init__(
        self,
        stages: Stages,
        operation: Operation,
        dialect: str,
        path: str,
        reader: Reader = in_body,
    ) -> None:
        self._stages = stages
        self._operation = operation
        self._dialect = dialect
        self._path = path
        self._read = reader

    async def __call__(self, request: Request, responder: Responder) -> None:
        """Answer one request."""
        try:
            call = self._call(request)
            async with relay(caller_key(request), call, self._stages) as exchange:
                if call.stream:
                    await self._stream(exchange, responder)
                else:
                    await self._whole(exchange, responder)
        except RelayError as error:
            if responder.started:  # only `relay()` before the hand-over raises, so: never
                responder.abort()
                raise
            status, headers, body = failure_answer(
                error.failure, request.request_id, self._dialect, self._stages.clock.wall_s()
            )
            responder.start(status, headers, len(body))
            responder.send(body)
            responder.end()

    def _call(self, request: Request) -> Call:
        fields = decode_fields(request.body) if request.method == "POST" else {}
        asked = self._read(request, fields)
        return Call(
            request_id=request.request_id,
            operation=self._operation,
            dialect=self._dialect,
            path=self._path,
            model=asked.model,
            fields=asked.fields,
            body=request.body if asked.is_whole else msgspec.json.encode(asked.fields),
            headers=request.headers,
            received_s=request.received_s,
            client_ip=request.client_ip,
            stream=asked.stream,
            include_usage=asked.include_usage,
            as_array=asked.as_array,
        )

    async def _whole(self, exchange: Exchange, responder: Responder) -> None:
        body = exchange.whole or b""
        await exchange.settle()  # on the books before the caller has it
        responder.answer(200, [_JSON, *self._told(exchange)], body)

    async def _stream(self, exchange: Exchange, responder: Responder) -> None:
        as_array = exchange.call.as_array
        head = (_JSON, *STREAM_HEADERS[1:]) if as_array else STREAM_HEADERS
        responder.start(200, [*head, *self._told(exchange)], None)
        caller = ArrayStream(responder) if as_array else responder
        try:
            await exchange.write_to(caller)
        except asyncio.CancelledError:
            if not responder.closed:  # not the caller: the gateway is stopping
                caller.send(exchange.broken_off(cut_short()))
                caller.end()
            raise
        await exchange.settle()
        caller.end()

    def _told(self, exchange: Exchange) -> Headers:
        return told_headers(exchange, self._stages.clock.wall_s())


def told_headers(exchange: Exchange, wall_s: float) -> Headers:
    """What the answer's headers tell: limits, losses, and to admins the channel."""
    headers: Headers = []
    grant, answer = exchange.grant, exchange.answer
    if grant.allowance is not None:
        headers += allowance_headers(exchange.call.dialect, grant.allowance, wall_s)
    if answer is None:
        return headers
    offer = answer.attempt.offer
    policy = grant.key.on_loss or offer.channel.on_loss
    losses = answer.all_losses
    if losses and policy is not LossPolicy.IGNORE:
        headers.append((b"x-headgate-loss", loss_header(losses)))
    if answer.attempt.rest is not None:
        headers.append((b"x-headgate-resting", b"1"))
    if grant.key.is_admin:
        headers.append((b"x-headgate-channel", offer.channel.name.encode("utf-8")))
        headers.append((b"x-headgate-model", offer.model.encode("utf-8")))
    return headers


def allowance_headers(dialect: str, allowance: Allowance, wall_s: float) -> Headers:
    """Tell what is left of the caller's own limit."""
    return limit_headers(dialect, allowance.limit, allowance.remaining, allowance.reset_s, wall_s)


def loss_header(losses: Sequence[Loss]) -> bytes:
    """Name the losses in one line: `seed, messages[2].content[0];changed`."""
    names = [
        loss.field if loss.action == "dropped" else f"{loss.field};{loss.action}" for loss in losses
    ]
    text = ", ".join(names).encode("ascii", "backslashreplace")
    text = bytes(byte if 0x20 <= byte < 0x7F else 0x3F for byte in text)
    return text if len(text) <= _LONGEST_LOSS_HEADER else text[:_LONGEST_LOSS_HEADER] + b"..."
