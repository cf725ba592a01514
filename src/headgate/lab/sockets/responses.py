"""OpenAI Responses over a WebSocket: each `response.create` is answered like a streamed POST.

A connection remembers its responses even where the caller forbids to store them.

Source: developers.openai.com/api/docs/guides/websocket-mode
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import json
from msgspec.structs import replace

from headgate.lab.plan import CONTENT_TYPE, JSON_TYPE, Plan, Send
from headgate.lab.sockets.talk import Reply
from headgate.lab.wires.openai_other import text_of
from headgate.lab.wires.question import Fault, Json, mapping
from headgate.lab.wires.realtime import fault_event

# What belongs to the frame and not to the request, or makes no sense on a socket.
ENVELOPE = ("type", "generate", "stream_id", "stream", "background")
PREPARED = ("response.created", "response.in_progress", "response.completed")

Answerer = Callable[[Json], Plan]


class Responses:
    """One connection. `answer` makes the plan for a body; `forget` drops a response."""

    def __init__(self, answer: Answerer, forget: Callable[[str], None]) -> None:
        self._answer = answer
        self._forget = forget
        self._stream_id: object = None
        self._unstored = False
        self._own: list[str] = []

    def opened(self) -> list[Json]:
        """The caller speaks first."""
        return []

    def heard(self, message: Json) -> Reply:
        """Answer one request."""
        self._stream_id = message.get("stream_id")
        if message.get("type") != "response.create":
            text = f"Invalid value: '{message.get('type')}'. Supported: 'response.create'."
            return [_error(Fault(400, text, "invalid_request_error", "invalid_value"))]
        body = {name: value for name, value in message.items() if name not in ENVELOPE}
        self._unstored = body.get("store") is False
        plan = self._answer(body | {"stream": True, "store": True})
        return _prepared(plan) if message.get("generate") is False else plan

    def spelled(self, event: Json) -> Json:
        """Name the lane that the caller asked for, and say whether the response is stored."""
        response = event.get("response")
        if self._unstored and isinstance(response, dict):
            event = event | {"response": response | {"store": False}}
            if event["type"] == "response.created":
                self._own.append(str(response["id"]))
        return event if self._stream_id is None else event | {"stream_id": self._stream_id}

    def refused(self, plan: Plan) -> Json:
        """Tell a status and what it would have had for headers."""
        body = b"".join(step.data for step in plan.steps if isinstance(step, Send))
        try:
            inner = mapping(mapping(json.decode(body)).get("error"))
        except msgspec.DecodeError:
            inner = {}
        headers = {name: value for name, value in plan.headers if name != CONTENT_TYPE}
        told: Json = {"type": "error", "status": plan.status}
        told |= {"error": inner or {"message": text_of(body)}}
        return told | {"headers": headers} if headers else told

    def stops(self, _message: Json) -> bool:
        """Nothing but the end of the connection ends an answer."""
        return False

    def stopped(self) -> list[Json]:
        """See `stops`."""
        return []

    def closed(self) -> None:
        """What was not to be stored lived as long as the connection."""
        for response_id in self._own:
            self._forget(response_id)


def _error(fault: Fault) -> Json:
    return fault_event(fault) | {"status": fault.status}


def _prepared(plan: Plan) -> Plan:
    """Take the answer out: the request's state is kept, and nothing is said."""
    if plan.status != 200 or dict(plan.headers).get(CONTENT_TYPE) == JSON_TYPE:
        return plan
    response = mapping(mapping(plan.kept).get("response"))
    response |= {"output": [], "usage": None, "status": "completed"}
    steps = [step for step in plan.steps if not isinstance(step, Send)]
    sends = [step for step in plan.steps if isinstance(step, Send) and _is_prepared(step.data)]
    emptied = [Send(_emptied(step.data)) for step in sends]
    return replace(plan, steps=(*steps, *emptied))


def _is_prepared(frame: bytes) -> bool:
    return frame.startswith(tuple(f"event: {name}\n".encode() for name in PREPARED))


def _emptied(frame: bytes) -> bytes:
    head, _, data = frame.partition(b"data: ")
    event: Json = json.decode(data)
    event["response"] |= {"output": [], "usage": None}
    return head + b"data: " + json.encode(event) + b"\n\n"
