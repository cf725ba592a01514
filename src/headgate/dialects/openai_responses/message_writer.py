"""The events of one message item: its texts, refusals, citations and logprobs.

Texts that follow each other become one: clients take a message's last text for the whole answer.

Source: developers.openai.com/api/reference (streaming events).
"""

from __future__ import annotations

import msgspec

from headgate.dialects.openai_responses.events import EventWriter
from headgate.dialects.openai_responses.models import NAME
from headgate.dialects.openai_responses.output_items import annotations_of, logprob_entries
from headgate.ir.events import PartDelta
from headgate.ir.loss import Losses
from headgate.ir.request import Citation, Json

_json = msgspec.json.Encoder().encode


class MessageWriter:
    """Writes one message item."""

    def __init__(self, events: EventWriter, item_id: str, output_index: int) -> None:
        self._events = events
        self._where: Json = {"item_id": item_id, "output_index": output_index}
        self._item_id = item_id
        self._output_index = output_index
        self._content: list[Json] = []  # the parts that are complete
        self._open: _OpenPart | None = None

    def begin(self) -> bytes:
        """Write the item's beginning."""
        item = self._item("in_progress", [])
        return self._events.item("added", self._output_index, _json(item))

    def open(self, *, is_text: bool) -> bytes:
        """Begin a text or refusal: in the open content part if that is of its kind."""
        if self._open is not None and self._open.is_text == is_text:
            self._open.begin_text()
            return b""
        written = self._close_part()
        where = {**self._where, "content_index": len(self._content)}
        self._open = _OpenPart(self._events, where, is_text=is_text)
        return written + self._open.begin()

    def write(self, delta: PartDelta, losses: Losses) -> bytes:
        """Write more of the open part."""
        return b"" if self._open is None else self._open.write(delta, losses)

    def end_part(self, losses: Losses) -> bytes:
        """The part of the IR is complete; the content part may go on with the next."""
        return b"" if self._open is None else self._open.end_text(losses)

    def end(self) -> tuple[bytes, bytes]:
        """Write the item's end; give it as well."""
        written = self._close_part()
        item = _json(self._item("completed", self._content))
        return written + self._events.item("done", self._output_index, item), item

    def _close_part(self) -> bytes:
        if self._open is None:
            return b""
        written, part = self._open.end()
        self._content.append(part)
        self._open = None
        return written

    def _item(self, status: str, content: list[Json]) -> Json:
        return {
            "id": self._item_id,
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": content,
        }


class _OpenPart:
    """A content part on its way to the caller."""

    def __init__(self, events: EventWriter, where: Json, *, is_text: bool) -> None:
        self.is_text = is_text
        self._events = events
        self._where = where
        kind = "response.output_text.delta" if is_text else "response.refusal.delta"
        self._delta = events.delta(kind, where, b',"logprobs":[]}' if is_text else b"}")
        self._texts: list[str] = []
        self._length = 0  # of all of them
        self._before = 0  # the length of the texts before the one that is growing
        self._notes: list[Json] = []
        self._spanless: list[Citation] = []  # on all of a text whose end is not known yet
        self._logprobs: list[Json] = []

    def begin(self) -> bytes:
        """Write the part's beginning."""
        return self._events.write(
            "response.content_part.added", {**self._where, "part": self._part("")}
        )

    def begin_text(self) -> None:
        """Another text begins, which is joined to this one."""
        self._before = self._length

    def write(self, delta: PartDelta, losses: Losses) -> bytes:
        """Write a piece, with what comes with it."""
        written = b""
        if delta.logprobs is not None and self.is_text:
            written = self._with_logprobs(delta.text, delta.logprobs, losses)
        elif delta.text:
            written = self._delta.write(delta.text)
        if delta.logprobs is not None and not self.is_text:
            losses.dropped("reply.logprobs", "those of a refusal")
        if delta.text:
            self._texts.append(delta.text)
            self._length += len(delta.text)
        for citation in delta.citations:
            if citation.end is None and citation.origin != NAME:
                self._spanless.append(citation)
            else:
                written += self._cite(citation, losses)
        return written

    def end_text(self, losses: Losses) -> bytes:
        """A text of the IR is complete: now the place of its citations is known."""
        written = b"".join(self._cite(citation, losses) for citation in self._spanless)
        self._spanless.clear()
        return written

    def end(self) -> tuple[bytes, Json]:
        """Write the part's end; give it as well."""
        text = "".join(self._texts)
        part = self._part(text)
        if self.is_text:
            done = {**self._where, "text": text, "logprobs": self._logprobs}
            written = self._events.write("response.output_text.done", done)
        else:
            written = self._events.write("response.refusal.done", {**self._where, "refusal": text})
        done = {**self._where, "part": part}
        return written + self._events.write("response.content_part.done", done), part

    def _with_logprobs(self, text: str, logprobs: Json, losses: Losses) -> bytes:
        entries = logprob_entries(logprobs, losses)
        self._logprobs += entries
        body = {**self._where, "delta": text, "logprobs": entries}
        return self._events.write("response.output_text.delta", body)

    def _cite(self, citation: Citation, losses: Losses) -> bytes:
        length = self._length - self._before
        written = b""
        for note in annotations_of([citation], self._before, length, losses):
            body = {**self._where, "annotation_index": len(self._notes), "annotation": note}
            self._notes.append(note)
            written += self._events.write("response.output_text.annotation.added", body)
        return written

    def _part(self, text: str) -> Json:
        if not self.is_text:
            return {"type": "refusal", "refusal": text}
        return {
            "type": "output_text",
            "text": text,
            "annotations": self._notes,
            "logprobs": self._logprobs,
        }
