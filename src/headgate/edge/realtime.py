"""`GET /v1/realtime` as a WebSocket: relayed both ways, within bounds, until one side ends it.

Source: platform.openai.com/docs/guides/realtime-websocket; Azure's form of the address:
learn.microsoft.com/azure/ai-foundry/openai/how-to/realtime-audio-websockets.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode

from headgate.base.failure import Failure, FailureKind, RelayError, broke_off
from headgate.edge.caller_key import caller_key
from headgate.edge.relay_endpoint import allowance_headers
from headgate.edge.request import Request
from headgate.edge.responder import Responder
from headgate.edge.session import STOPPED, End, Ends, SessionBounds, first_of
from headgate.edge.upgrade import Handshake
from headgate.providers.provider import Operation
from headgate.relay.call import Call
from headgate.relay.realtime import RealtimeSession, realtime
from headgate.relay.realtime_events import error_event
from headgate.relay.stages import Stages
from headgate.upstream.websocket import CUT, FAILED, REFUSED, Message, WebSocket, sendable

PATH = "/v1/realtime"
_SUBPROTOCOL = "realtime"
_BETA = "openai-beta."  # a subprotocol that stands for a header
_LONGEST_MODEL = 1000
_MODEL = ("model", "deployment")
_KNOWN = frozenset({*_MODEL, "key", "api-key", "api-version"})
_PASSED_ON = frozenset({"intent"})  # a session for transcripts alone
_MOST_TOLD = 2000
_FAMILY = "openai_chat"  # of the headers about limits
_CLEAN_NAME = re.compile(r"[!-+\--~]{1,200}")  # of a header's list


class RealtimeEndpoint:
    """Serves Realtime sessions."""

    def __init__(self, stages: Stages, bounds: SessionBounds | None = None) -> None:
        self._stages = stages
        self._bounds = bounds or SessionBounds()

    async def __call__(self, request: Request, responder: Responder) -> None:
        """Answer one handshake, and relay until the session ends."""
        bounds = self._bounds
        shake = Handshake(request, bounds.socket, (_SUBPROTOCOL,))
        call, query, lost = _asked(request)
        secret = caller_key(request)
        async with realtime(secret, call, self._stages, bounds.socket, query) as session:
            socket = shake.accept(responder, _told(session, lost))
            try:
                await _Conversation(session, socket, bounds).run()
            finally:
                responder.leave()


def _asked(request: Request) -> tuple[Call, str, list[str]]:
    """Read a handshake: the call, the query for the upstream, and what cannot be carried.

    Errors: RelayError INVALID_REQUEST without a model.
    """
    query = dict(parse_qsl(request.query))
    model = next((query[name] for name in _MODEL if query.get(name)), "")
    if not 0 < len(model) <= _LONGEST_MODEL:
        raise RelayError(
            Failure(
                kind=FailureKind.INVALID_REQUEST,
                message="Name the model: /v1/realtime?model=... (or ?deployment=..., as Azure).",
                param="model",
            )
        )
    call = Call(
        request_id=request.request_id,
        operation=Operation.REALTIME,
        dialect="openai_chat",
        path=PATH,
        model=model,
        fields={},
        body=b"",
        headers=[*request.headers, *_beta(request)],
        received_s=request.received_s,
        client_ip=request.client_ip,
        stream=True,
    )
    passed_on = urlencode({name: query[name] for name in query if name in _PASSED_ON})
    unknown = sorted(query.keys() - _KNOWN - _PASSED_ON)
    return call, passed_on, [f"query.{name}" for name in unknown if _CLEAN_NAME.fullmatch(name)]


def _beta(request: Request) -> list[tuple[bytes, bytes]]:
    """What a browser says in a subprotocol because it cannot set the header."""
    offered = (request.header(b"sec-websocket-protocol") or b"").decode("latin-1")
    betas = [
        name.strip().removeprefix(_BETA).replace("-v", "=v")
        for name in offered.split(",")
        if name.strip().startswith(_BETA)
    ]
    return [(b"openai-beta", ",".join(betas).encode("latin-1"))] if betas else []


class _Conversation:
    """The two directions of one session."""

    def __init__(self, session: RealtimeSession, caller: WebSocket, bounds: SessionBounds) -> None:
        self._session = session
        self._caller = caller
        self._ends = Ends(caller, bounds, session.quiet)
        self._expired = _expired(bounds.session_s)

    async def run(self) -> None:
        """Relay until one side leaves, a bound passes, or the server stops."""
        end, ends = STOPPED, self._ends
        try:
            end = await first_of(self._down(), self._up(), ends.gone(), ends.due(self._expired))
        finally:
            session = self._session
            session.outcome, session.failure = end.outcome, end.failure
            session.goodbye = (end.code, end.reason)
            if end.failure is not None:
                self._caller.send(error_event(end.failure, session.call.request_id))
            await self._caller.close(end.code, end.reason)

    async def _up(self) -> End:
        """From the caller to the upstream."""
        caller, session = self._caller, self._session
        upstream = session.upstream
        while (message := await caller.receive()) is not None:
            self._ends.note()
            try:
                data = await session.outgoing(message)
            except RelayError as error:
                caller.send(error_event(error.failure, session.call.request_id))
                await caller.drain()
                continue
            upstream.send(data, is_text=message.is_text)
            await upstream.drain()
        return await self._ends.gone()

    async def _down(self) -> End:
        """From the upstream to the caller."""
        session, upstream = self._session, self._session.upstream
        message: Message | None = session.opening
        while message is not None:
            self._ends.note()
            data = await session.incoming(message)
            self._caller.send(data, is_text=message.is_text)
            await self._caller.drain()
            if session.exhausted is not None:
                return End(REFUSED, session.exhausted.rule.code, "done", session.exhausted)
            message = await upstream.receive()
        if upstream.close_code == CUT:
            return End(FAILED, "the upstream is gone", "interrupted", _broken_off())
        return End(sendable(upstream.close_code), upstream.close_reason)


def _told(session: RealtimeSession, lost: list[str]) -> list[tuple[bytes, bytes]]:
    """What the answer's headers tell: limits, losses, and to admins the channel."""
    grant, offer = session.grant, session.answer.attempt.offer
    told: list[tuple[bytes, bytes]] = []
    if grant.allowance is not None:
        told += allowance_headers(_FAMILY, grant.allowance, 0.0)
    if lost:
        told.append((b"x-headgate-loss", ", ".join(lost).encode()[:_MOST_TOLD]))
    if grant.key.is_admin:
        told.append((b"x-headgate-channel", offer.channel.name.encode()))
        told.append((b"x-headgate-model", offer.model.encode()))
    return told


def _broken_off() -> Failure:
    return broke_off("The upstream broke the session off.")


def _expired(bound_s: float) -> Failure:
    return Failure(
        kind=FailureKind.INVALID_REQUEST,
        message=f"The session has reached its longest duration of {bound_s / 60:g} minutes.",
        code="session_expired",
    )
