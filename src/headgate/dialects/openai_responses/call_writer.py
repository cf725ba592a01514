"""The events of one call, and of one piece of thinking.

Source: developers.openai.com/api/reference (streaming events).
"""

from __future__ import annotations

import msgspec

from headgate.dialects.openai_responses.events import EventWriter
from headgate.dialects.openai_responses.output_items import (
    call_item,
    reasoning_item,
)
from headgate.dialects.openai_responses.tools import Offered
from headgate.ir.request import Json, Signature, Thinking, ToolCall

_json = msgspec.json.Encoder().encode


class CallWriter:
    """Writes one call."""

    def __init__(
        self, events: EventWriter, item_id: str, index: int, call: ToolCall, offered: Offered
    ) -> None:
        self._events = events
        self._item_id = item_id
        self._index = index
        self._call = call
        self._offered = offered
        self._where: Json = {"item_id": item_id, "output_index": index}
        self._kind = "custom_tool_call_input" if call.custom else "function_call_arguments"
        self._delta = events.delta(f"response.{self._kind}.delta", self._where)
        self._pieces: list[str] = []

    def begin(self) -> bytes:
        """Write the call's beginning."""
        return self._events.item("added", self._index, self._item("in_progress", ""))

    def write(self, text: str) -> bytes:
        """Write more of the arguments."""
        if not text:
            return b""
        self._pieces.append(text)
        return self._delta.write(text)

    def end(self, _proof: Signature | None) -> tuple[bytes, bytes]:
        """Write the call's end; give the item as well."""
        arguments = "".join(self._pieces)
        if self._call.custom:
            done: Json = {**self._where, "input": arguments}
        else:
            name = self._offered.own(self._call.name)[1]
            done = {**self._where, "name": name, "arguments": arguments}
        item = self._item("completed", arguments)
        written = self._events.write(f"response.{self._kind}.done", done)
        return written + self._events.item("done", self._index, item), item

    def _item(self, status: str, arguments: str) -> bytes:
        call = msgspec.structs.replace(self._call, arguments=arguments)
        return _json(call_item(self._item_id, call, self._offered, status=status))


class ThinkingWriter:
    """Writes one piece of thinking, as a summary of one part."""

    def __init__(self, events: EventWriter, item_id: str, index: int) -> None:
        self._events = events
        self._item_id = item_id
        self._index = index
        self._where: Json = {"item_id": item_id, "output_index": index, "summary_index": 0}
        self._delta = events.delta("response.reasoning_summary_text.delta", self._where)
        self._pieces: list[str] = []

    def begin(self) -> bytes:
        """Write the item's beginning; its summary begins when there is something to say."""
        item = {"id": self._item_id, "type": "reasoning", "summary": []}
        return self._events.item("added", self._index, _json(item))

    def write(self, text: str) -> bytes:
        """Write more thoughts."""
        written = b""
        if not self._pieces:
            body = {**self._where, "part": {"type": "summary_text", "text": ""}}
            written = self._events.write("response.reasoning_summary_part.added", body)
        self._pieces.append(text)
        return written + self._delta.write(text)

    def end(self, proof: Signature | None) -> tuple[bytes, bytes]:
        """Write the item's end, with the proof on it; give it as well."""
        text = "".join(self._pieces)
        written = b""
        if self._pieces:
            done = {**self._where, "text": text}
            written = self._events.write("response.reasoning_summary_text.done", done)
            done = {**self._where, "part": {"type": "summary_text", "text": text}}
            written += self._events.write("response.reasoning_summary_part.done", done)
        item = _json(reasoning_item(self._item_id, Thinking(text=text, signature=proof)))
        return written + self._events.item("done", self._index, item), item
