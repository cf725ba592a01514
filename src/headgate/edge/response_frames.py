"""A response as messages of a WebSocket: the events of its stream, and errors in their own shape.

Source: developers.openai.com/api/docs/guides/websocket-mode.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headgate.base.failure import Failure
from headgate.dialects.framing.sse import SseDecoder
from headgate.edge.spelling import failure_answer
from headgate.upstream.websocket import WebSocket

DIALECT = "openai_responses"

_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})


class _Response(msgspec.Struct):
    id: str = ""
    output: list[msgspec.Raw] = []


class _Event(msgspec.Struct):
    type: str = ""


class _Ending(msgspec.Struct):
    response: _Response | None = None


_event = msgspec.json.Decoder(_Event)
_ending = msgspec.json.Decoder(_Ending)


class ResponseFrames:
    """Where a response's stream is written to: its events go out as messages.

    An error is kept back: over a WebSocket it has another shape, with a status, which `refuse`
    writes once the whole story is known.
    """

    def __init__(self, socket: WebSocket) -> None:
        self.lane: msgspec.Raw | None = None
        self.note = ""
        self.is_over = False  # the response's own end, or an error, was sent
        self.response_id = ""
        self.output: list[msgspec.Raw] = []
        self._socket = socket
        self._decoder = SseDecoder()

    @property
    def paused(self) -> bool:
        """The caller does not keep up."""
        return self._socket.paused

    async def drain(self) -> None:
        """Wait until the caller has taken what was written."""
        await self._socket.drain()

    def send(self, data: bytes) -> None:
        """Send the events that these bytes complete."""
        for frame in self._decoder.feed(data):
            kind = _type_of(frame.data)
            if kind is None or kind == "error" or frame.event == "error":
                continue
            if kind in _ENDS:
                self._finish(frame.data)
            self._socket.send(self._dressed(frame.data))

    def refuse(self, failure: Failure, request_id: str) -> None:
        """Send a failure."""
        self.is_over = True
        self._socket.send(self._dressed(error_event(failure, request_id)))

    def _finish(self, data: bytes) -> None:
        self.is_over = True
        try:
            response = _ending.decode(data).response
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        if response is not None:
            self.response_id, self.output = response.id, response.output

    def _dressed(self, data: bytes) -> bytes:
        """Add the lane, and to the first event what was lost."""
        data = data.lstrip()  # an upstream's own, passed on as it was written
        if self.lane is not None:
            data = b'{"stream_id":%b,' % bytes(self.lane) + data[1:]
        if self.note:
            note, self.note = msgspec.json.encode(self.note), ""
            data = b'{"x_headgate_loss":%b,' % note + data[1:]
        return data


def error_event(failure: Failure, request_id: str) -> bytes:
    """Spell a failure as the event that ends a request over a WebSocket.

    Shape: {"type": "error", "status", "error": {"type", "code", "message", "param"}, "headers"}.
    """
    status, headers, body = failure_answer(failure, request_id, DIALECT)
    error = _error_in(body) or {"message": failure.message, "code": failure.rule.code}
    event: dict[str, Any] = {"type": "error", "status": status, "error": error}
    told = {
        name.decode(): value.decode("latin-1") for name, value in headers if name != b"content-type"
    }
    if told:
        event["headers"] = told
    return msgspec.json.encode(event)


def _error_in(body: bytes) -> dict[str, Any] | None:
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    error = told.get("error") if isinstance(told, dict) else None
    return error if isinstance(error, dict) else None


def _type_of(data: bytes) -> str | None:
    """Read an event's type; None for what is no event (`[DONE]`), which has no place here."""
    try:
        return _event.decode(data).type
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
