"""Streams for callers of the Responses API, and whole replies, which are how a stream ends.

Items come one after the other, whatever the upstream did: while one is open, what belongs to the
next (parallel calls of OpenAI come interleaved) is kept back.

Source: developers.openai.com/api/reference (streaming events); `recordings.md` 5.3.
"""

from __future__ import annotations

from collections import deque

import msgspec

from headgate.base.failure import Failure
from headgate.dialects.dialect import ReplyContext
from headgate.dialects.openai_responses.call_writer import CallWriter, ThinkingWriter
from headgate.dialects.openai_responses.errors import error_event, failed_error
from headgate.dialects.openai_responses.events import EventWriter
from headgate.dialects.openai_responses.message_writer import MessageWriter
from headgate.dialects.openai_responses.models import NAME
from headgate.dialects.openai_responses.output_items import (
    call_proof_item,
    image_item,
    image_proof_item,
    json_array,
    own_fields,
    reasoning_item,
    text_proof_item,
)
from headgate.dialects.openai_responses.reply import incomplete_reason
from headgate.dialects.openai_responses.response_object import ResponseObject
from headgate.dialects.openai_responses.tools import offered_by
from headgate.dialects.openai_responses.usage import UNSAID_COUNTS
from headgate.ir.collect import replay
from headgate.ir.events import (
    Ended,
    Event,
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    Started,
)
from headgate.ir.loss import drop_block, drop_counts, drop_extras
from headgate.ir.reply import Finish, Reply
from headgate.ir.request import (
    Audio,
    Image,
    Inline,
    Json,
    Opaque,
    Part,
    Refusal,
    Remote,
    Signature,
    Text,
    Thinking,
    ToolCall,
)
from headgate.ir.usage import Usage

_json = msgspec.json.Encoder().encode
_BACKGROUND = frozenset({"queued", "in_progress"})  # a reply that is only a promise
_FAILED = frozenset({"error", "malformed_tool_call"})


def encode_reply(reply: Reply, context: ReplyContext) -> bytes:
    """Write a whole reply: the object with which its stream would end."""
    encoder = ResponsesStreamEncoder(context)
    for event in replay(reply):
        encoder.feed(event)
    return encoder.response


class _Block:
    """A part on its way to the caller."""

    def __init__(self, part: Part, *, live: bool) -> None:
        self.part = part
        self.live = live  # it can be written piece by piece
        self.deltas: list[PartDelta] = []  # not written yet
        self.ended = False
        self.is_spoken = False  # its text has begun in a message
        self.signature = getattr(part, "signature", None)


class ResponsesStreamEncoder:
    """Writes a stream for a caller. See `StreamEncoder`. There is one choice: the first."""

    def __init__(self, context: ReplyContext) -> None:
        self.response = b""  # the whole response, once it has ended
        self._context = context
        self._losses = context.losses
        self._offered = offered_by(context.fields)
        self._events = EventWriter()
        self._object: ResponseObject | None = None
        self._is_over = False
        self._known_usage: Usage | None = None
        self._tier: str | None = None
        self._finish = Finish(reason="stop")
        self._items: list[bytes] = []  # those that are done
        self._blocks: dict[int, _Block] = {}
        self._waiting: deque[_Block] = deque()
        self._current: _Block | None = None
        self._message: MessageWriter | None = None
        self._writer: CallWriter | ThinkingWriter | None = None

    def feed(self, event: Event) -> bytes:
        """Take an event, give the bytes to send."""
        if self._is_over:
            return b""
        match event:
            case PartDelta(choice=0):
                block = self._blocks[event.index]
                if block is self._current:
                    return self._piece(block, event)
                block.deltas.append(event)
                return b""
            case PartStarted(choice=0):
                return self._start(event)
            case PartEnded(choice=0):
                self._blocks[event.index].ended = True
                return self._advance()
            case Started():
                return self._begin(event)
            case Finished(choice=0):
                self._finish = event.finish
                return b""
            case Ended():
                return self._end(event)
            case Failed():
                return self._fail(event.failure)
            case _:
                self._losses.dropped("reply.choices", "there is one answer here, the first")
                return b""

    # ------------------------------------------------------------------ the response

    def _begin(self, started: Started) -> bytes:
        if self._object is not None:
            return b""
        if started.system_fingerprint is not None:
            self._losses.dropped("reply.system_fingerprint")
        self._known_usage, self._tier = started.usage, started.service_tier
        self._object = ResponseObject(
            self._context, started.reply_id, started.model, started.created
        )
        begun = self._object.begun()
        return self._events.response("created", begun) + self._events.response("in_progress", begun)

    def _response(self) -> ResponseObject:
        if self._object is None:
            self._object = ResponseObject(self._context, "", "", 0)
        return self._object

    def _end(self, ended: Ended) -> bytes:
        written = self._begin(Started())
        for block in self._blocks.values():
            block.ended = True
        written += self._advance() + self._close_message()
        self._is_over = True
        losses, finish = self._losses, self._finish
        usage = ended.usage if ended.usage is not None else self._known_usage
        drop_counts(losses, usage, UNSAID_COUNTS)
        drop_extras(losses, ended.extras, NAME)
        self._name_finish_losses()
        incomplete = incomplete_reason(finish)
        if finish.reason == "refusal" and not self._has_refusal():
            incomplete = "content_filter"  # an empty answer that calls itself complete says nothing
        status, error = "completed", None
        if finish.reason in _FAILED:
            said = f" ({finish.raw_reason})" if finish.raw_reason else ""
            status = "failed"
            error = {"code": "server_error", "message": f"the model broke its answer off{said}"}
        elif incomplete is not None:
            status = "incomplete"
        elif finish.raw_reason in _BACKGROUND:
            status = finish.raw_reason
        self.response = self._response().ended(
            status,
            json_array(self._items),
            usage=usage,
            service_tier=ended.service_tier or self._tier,
            incomplete=incomplete,
            error=error,
            extras=own_fields(ended.extras.get(NAME, {}), losses),
        )
        return written + self._events.response(status, self.response)

    def _has_refusal(self) -> bool:
        """Whether the model declined in words of its own."""
        return any(isinstance(block.part, Refusal) for block in self._blocks.values())

    def _name_finish_losses(self) -> None:
        finish = self._finish
        if finish.stop_sequence is not None:
            self._losses.dropped("reply.stop_sequence")
        unsaid = finish.reason in ("pause", "refusal", "context_full")
        if unsaid and finish.raw_reason not in _BACKGROUND:
            self._losses.changed("reply.finish_reason", f"it was: {finish.reason}")

    def _fail(self, failure: Failure) -> bytes:
        """Write the error, and the response as far as it came, as the vendor does."""
        written = self._begin(Started())
        self._is_over = True
        written += error_event(failure, self._events.next())
        self.response = self._response().ended(
            "failed", json_array(self._items), error=failed_error(failure)
        )
        return written + self._events.response("failed", self.response)

    # ------------------------------------------------------------------ parts in order

    def _start(self, event: PartStarted) -> bytes:
        part = self._written_as(event.part)
        block = _Block(part, live=self._is_live(part))
        self._blocks[event.index] = block
        self._waiting.append(block)
        return self._begin(Started()) + self._advance()

    def _written_as(self, part: Part) -> Part:
        """Give a part in a kind that this dialect has."""
        match part:
            case Image(source=Remote(url=url)):
                self._losses.changed("reply.image", "a link in the text")
                return Text(text=f"![image]({url})")
            case _:
                return part

    def _is_live(self, part: Part) -> bool:
        match part:
            case Text() | Refusal() | ToolCall():
                return True
            case Thinking(redacted=redacted):
                return not redacted
            case _:
                return False

    def _advance(self) -> bytes:
        """Close the open part if it has ended, and open what waits, in order."""
        written: list[bytes] = []
        while True:
            if self._current is not None:
                if not self._current.ended:
                    break
                written.append(self._close(self._current))
                self._current = None
            if not self._waiting or not (self._waiting[0].live or self._waiting[0].ended):
                break
            block = self._waiting.popleft()
            if block.live:
                written.append(self._open(block))
            else:
                written.append(self._close_message())
                written.append(self._whole(block))
        return b"".join(written)

    def _open(self, block: _Block) -> bytes:
        part = block.part
        self._current = block
        written = b""
        first = PartDelta(0)
        if isinstance(part, Text | Refusal):
            citations = part.citations if isinstance(part, Text) else ()
            first = PartDelta(0, part.text, citations=citations)
        else:
            written = self._close_message()
            if isinstance(part, ToolCall):
                if part.signature is not None:
                    written += self._proof_of_call(part.call_id, part.signature)
                item_id, index = self._next_item("ctc" if part.custom else "fc")
                bare = msgspec.structs.replace(part, arguments="")
                self._writer = CallWriter(self._events, item_id, index, bare, self._offered)
                first = PartDelta(0, part.arguments)
            elif isinstance(part, Thinking):
                self._writer = ThinkingWriter(self._events, *self._next_item("rs"))
                first = PartDelta(0, part.text)
            if self._writer is not None:
                written += self._writer.begin()
        written += self._piece(block, first)
        for delta in block.deltas:
            written += self._piece(block, delta)
        block.deltas.clear()
        return written

    def _piece(self, block: _Block, delta: PartDelta) -> bytes:
        """Write a piece of the open part."""
        if delta.signature is not None:
            block.signature = delta.signature
        if self._writer is not None:
            if delta.logprobs is not None:
                self._losses.dropped("reply.logprobs", "those of no text")
            return self._writer.write(delta.text) if delta.text else b""
        if block.is_spoken and self._message is not None:
            return self._message.write(delta, self._losses)
        if not (delta.text or delta.citations or delta.logprobs):
            return b""  # an empty text is no message
        return self._open_message(block) + self._piece(block, delta)

    def _open_message(self, block: _Block) -> bytes:
        """Begin a text or refusal, in the message that is open or in a new one."""
        written = b""
        if self._message is None:
            item_id, index = self._next_item("msg")
            self._message = MessageWriter(self._events, item_id, index)
            written = self._message.begin()
        block.is_spoken = True
        is_text = isinstance(block.part, Text)
        return written + self._message.open(is_text=is_text)

    def _close(self, block: _Block) -> bytes:
        """End the open part; a message stays open for a text that may follow."""
        part = block.part
        if self._writer is None:
            written = b"" if self._message is None else self._message.end_part(self._losses)
            if block.signature is None:
                return written
            written += self._close_message()
            return written + self._item(text_proof_item(self._next_id("rs"), block.signature))
        written, item = self._writer.end(block.signature)
        self._items.append(item)
        self._writer = None
        late = block.signature
        if isinstance(part, ToolCall) and late is not None and part.signature is None:
            written += self._proof_of_call(part.call_id, late)
        return written

    def _close_message(self) -> bytes:
        if self._message is None:
            return b""
        written, item = self._message.end()
        self._items.append(item)
        self._message = None
        return written

    # ------------------------------------------------------------- items in one piece

    def _whole(self, block: _Block) -> bytes:
        """Write a part that could not be written piece by piece."""
        part, text = block.part, "".join(delta.text for delta in block.deltas)
        for delta in block.deltas:
            block.signature = delta.signature or block.signature
        match part:
            case Thinking():
                whole = Thinking(text=part.text, signature=block.signature, redacted=True)
                return self._item(reasoning_item(self._next_id("rs"), whole))
            case Image(source=Inline(media_type=media_type, data=data)):
                return self._image(Inline(media_type, data + text), block.signature)
            case Image():
                self._losses.dropped("reply.image", "uploaded to another vendor")
            case Audio():
                return self._audio(part, block)
            case Opaque(dialect=dialect, block=body) if dialect == NAME:
                return self._item(body)
            case Opaque():
                drop_block(self._losses, part)
            case _:
                self._losses.dropped(f"reply.{type(part).__name__.lower()}")
        return b""

    def _image(self, source: Inline, signature: Signature | None) -> bytes:
        written = b""
        if signature is not None:
            written = self._item(image_proof_item(self._next_id("rs"), signature))
        item_id, index = self._next_item("ig")
        where: Json = {"item_id": item_id, "output_index": index}
        begun = _json(image_item(item_id, source, status="in_progress"))
        written += self._events.item("added", index, begun)
        for step in ("in_progress", "generating", "completed"):
            written += self._events.write(f"response.image_generation_call.{step}", where)
        done = _json(image_item(item_id, source, status="completed"))
        self._items.append(done)
        return written + self._events.item("done", index, done)

    def _audio(self, part: Audio, block: _Block) -> bytes:
        said = part.transcript + "".join(delta.transcript for delta in block.deltas)
        if not said:
            self._losses.dropped("reply.audio")
            return b""
        self._losses.changed("reply.audio", "sent as its transcript")
        spoken = _Block(Text(text=said), live=True)
        written = self._open(spoken)
        self._current = None
        return written + self._close_message()

    def _proof_of_call(self, call_id: str, signature: Signature) -> bytes:
        return self._item(call_proof_item(self._next_id("rs"), call_id, signature))

    def _item(self, item: Json) -> bytes:
        """Write an item that is whole at once."""
        index, data = len(self._items), _json(item)
        self._items.append(data)
        return self._events.item("added", index, data) + self._events.item("done", index, data)

    def _next_id(self, kind: str) -> str:
        return self._next_item(kind)[0]

    def _next_item(self, kind: str) -> tuple[str, int]:
        """Give the next item's id and place; ids are made of the response's."""
        index = len(self._items)
        return f"{kind}_{self._response().token}_{index}", index
