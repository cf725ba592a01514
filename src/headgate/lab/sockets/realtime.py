"""OpenAI Realtime: a session with its settings, its conversation and its buffer of sound.

Source: platform.openai.com/docs/api-reference/realtime-client-events
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from headgate.lab.plan import Plan, Send
from headgate.lab.sockets.talk import Reply
from headgate.lab.wires.openai_other import text_of
from headgate.lab.wires.question import Fault, Json, dicts, mapping
from headgate.lab.wires.realtime import BETA_NAMES, fault_event

ITEMS_MAX = 1000
SOUND_MAX = 64 << 20
EMPTY_TURN: Json = {"type": "message", "role": "user", "content": []}

Answerer = Callable[[Json], Plan]


class Realtime:
    """One session. `answer` makes the plan of a response out of a body for the realtime wire."""

    def __init__(self, session_id: str, model: str, answer: Answerer, *, beta: bool) -> None:
        self._answer = answer
        self._beta = beta
        self._events = 0
        self._made = 0
        self._id = session_id
        self._session: Json = {
            "type": "realtime",
            "object": "realtime.session",
            "id": session_id,
            "model": model,
            "output_modalities": ["text"],
            "instructions": "",
            "tools": [],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
        }
        self._items: list[Json] = []
        self._buffered = 0
        self._sound = 0

    def opened(self) -> list[Json]:
        """Tell the session's settings."""
        return [{"type": "session.created", "session": self._session}]

    def heard(self, message: Json) -> Reply:
        """Do what a client event says."""
        known: dict[str, Callable[[Json], Reply]] = {
            "session.update": self._update,
            "conversation.item.create": self._add,
            "conversation.item.retrieve": self._show,
            "conversation.item.delete": self._delete,
            "conversation.item.truncate": self._truncate,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "response.create": self._respond,
            "response.cancel": self._cancel,
        }
        handler = known.get(str(message.get("type")))
        if handler is None:
            return self._fault(message, f"Invalid value: '{message.get('type')}'.")
        return handler(message)

    def spelled(self, event: Json) -> Json:
        """Number an event, and keep what the lab itself has said in the conversation."""
        self._events += 1
        if event.get("type") == "response.output_item.done":
            self._keep(mapping(event.get("item")))
        name = str(event.get("type"))
        if self._beta:
            name = BETA_NAMES.get(name, name)
        return {"event_id": f"event_{self._id}_{self._events}"} | event | {"type": name}

    def refused(self, plan: Plan) -> Json:
        """Tell an error of a response."""
        body = b"".join(step.data for step in plan.steps if isinstance(step, Send))
        message = text_of(body)
        return fault_event(Fault(plan.status, message))

    def stops(self, message: Json) -> bool:
        """Whether the caller has heard enough."""
        return message.get("type") == "response.cancel"

    def stopped(self) -> list[Json]:
        """End a response that was cut short."""
        shown: Json = {"object": "realtime.response", "id": f"resp_{self._id}", "output": []}
        details = {"type": "cancelled", "reason": "client_cancelled"}
        shown |= {"status": "cancelled", "status_details": details, "usage": None}
        return [{"type": "response.done", "response": shown}]

    def closed(self) -> None:
        """A session ends with its connection."""
        self._items.clear()

    # The client events.

    def _fault(self, message: Json, text: str, code: str = "invalid_value") -> list[Json]:
        fault = Fault(400, text, "invalid_request_error", code)
        return [fault_event(fault, message.get("event_id"))]

    def _update(self, message: Json) -> list[Json]:
        update = mapping(message.get("session"))
        if "modalities" in update:
            update = update | {"output_modalities": update["modalities"]}
        self._session |= update | {"id": self._id, "object": "realtime.session"}
        return [{"type": "session.updated", "session": self._session}]

    def _keep(self, item: Json) -> Json:
        """Put an item at the end of the conversation, the oldest dropped first."""
        self._made += 1
        item = {"id": f"item_{self._id}_{self._made}", "object": "realtime.item"} | item
        self._items = [*self._items[1 - ITEMS_MAX :], item]
        return item

    def _added(self, item: Json) -> list[Json]:
        before = self._items[-1]["id"] if self._items else None
        shown = {"previous_item_id": before, "item": self._keep(item | {"status": "completed"})}
        if self._beta:
            return [{"type": "conversation.item.created"} | shown]
        names = ("conversation.item.added", "conversation.item.done")
        return [{"type": name} | shown for name in names]

    def _add(self, message: Json) -> list[Json]:
        item = mapping(message.get("item"))
        if not item.get("type"):
            return self._fault(message, "Missing required parameter: 'item.type'.")
        for part in dicts(item.get("content")):
            self._sound += len(_decoded(part.get("audio")) or b"")
        return self._added(item)

    def _find(self, message: Json) -> Json | None:
        wanted = message.get("item_id")
        return next((item for item in self._items if item["id"] == wanted), None)

    def _absent(self, message: Json) -> list[Json]:
        text = f"Item with item_id '{message.get('item_id')}' not found."
        return self._fault(message, text, "item_not_found")

    def _show(self, message: Json) -> list[Json]:
        item = self._find(message)
        if item is None:
            return self._absent(message)
        return [{"type": "conversation.item.retrieved", "item": item}]

    def _delete(self, message: Json) -> list[Json]:
        item = self._find(message)
        if item is None:
            return self._absent(message)
        self._items.remove(item)
        return [{"type": "conversation.item.deleted", "item_id": item["id"]}]

    def _truncate(self, message: Json) -> list[Json]:
        if self._find(message) is None:
            return self._absent(message)
        names = ("item_id", "content_index", "audio_end_ms")
        return [{"type": "conversation.item.truncated"} | {n: message.get(n) for n in names}]

    def _append(self, message: Json) -> list[Json]:
        sound = _decoded(message.get("audio"))
        if sound is None:
            return self._fault(message, "Invalid 'audio'. Expected base64-encoded audio.")
        if self._buffered + len(sound) > SOUND_MAX:
            return self._fault(message, "The input audio buffer is full.")
        self._buffered += len(sound)
        return []

    def _commit(self, message: Json) -> list[Json]:
        if not self._buffered:
            text = "Error committing input audio buffer: the buffer is empty."
            return self._fault(message, text, "input_audio_buffer_commit_empty")
        self._sound, self._buffered = self._sound + self._buffered, 0
        part = {"type": "input_audio", "transcript": None}
        added = self._added({"type": "message", "role": "user", "content": [part]})
        about = {name: added[0][name] for name in ("previous_item_id",)}
        about |= {"item_id": added[0]["item"]["id"]}
        return [{"type": "input_audio_buffer.committed"} | about, *added]

    def _clear(self, _message: Json) -> list[Json]:
        self._buffered = 0
        return [{"type": "input_audio_buffer.cleared"}]

    def _respond(self, message: Json) -> Reply:
        """Answer the conversation; a response may bring its own settings and input."""
        asked = mapping(message.get("response"))
        if "modalities" in asked:
            asked = asked | {"output_modalities": asked["modalities"]}
        body = self._session | {"input": self._items, "audio_bytes": self._sound} | asked
        body["input"] = dicts(body["input"]) or [EMPTY_TURN]
        self._sound = 0
        return self._answer(body | {"conversation_id": f"conv_{self._id}", "stream": True})

    def _cancel(self, message: Json) -> list[Json]:
        text = "Cancellation failed: no active response found."
        return self._fault(message, text, "response_cancel_not_active")


def _decoded(value: object) -> bytes | None:
    """Base64, None if it is none."""
    if not isinstance(value, str):
        return None
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        return None
