"""Streams of the Messages API toward a caller.

Blocks come one after the other and are counted without gaps, whatever the upstream did: while
one is open, what belongs to the next (parallel calls of OpenAI come interleaved) is kept back.

Source: platform.claude.com/docs/en/build-with-claude/streaming.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import msgspec

from headgate.dialects.anthropic.blocks import encode_signature, sealed_id
from headgate.dialects.anthropic.errors import encode_error_event
from headgate.dialects.anthropic.models import NAME
from headgate.dialects.anthropic.reply import (
    UNSAID_COUNTS,
    broken_off,
    encode_citations,
    encode_part,
    encode_stop_reason,
    encode_usage,
    name_finish_losses,
    name_part_losses,
)
from headgate.dialects.dialect import ReplyContext
from headgate.dialects.framing.sse import frame_bytes
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
from headgate.ir.loss import Losses, drop_counts, drop_extras
from headgate.ir.reply import Finish
from headgate.ir.request import Audio, Image, Inline, Json, Part, Refusal, Text, Thinking, ToolCall
from headgate.ir.usage import Usage

_json = msgspec.json.Encoder().encode
_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_CLOSE = b"}}\n\n"
_TOLD_WITH_REASON = frozenset(["container", "stop_details"])
# Blocks whose input arrives in pieces, in the vendor's own streams too.
_INPUT_KINDS = frozenset(["tool_use", "server_tool_use", "mcp_tool_use"])


class _Block:
    """A part on its way to the caller."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.deltas: list[PartDelta] = []  # not written yet
        self.ended = False
        self.index = -1
        self.opening = b""  # of a text delta's bytes, up to the text
        # Custom calls must become JSON, and blocks of other kinds have no deltas: both wait.
        self.live = (
            isinstance(part, Text | Refusal)
            or (isinstance(part, Thinking) and not part.redacted)
            or (isinstance(part, ToolCall) and not part.custom)
        )


class AnthropicStreamEncoder:
    """Writes a stream for a caller. See `StreamEncoder`. There is one choice: the first."""

    def __init__(self, context: ReplyContext) -> None:
        self._context = context
        self._begun = False
        self._over = False
        self._known_usage: Usage | None = None
        self._known_tier: str | None = None
        self._finish = Finish(reason="stop")
        self._blocks: dict[int, _Block] = {}
        self._waiting: deque[_Block] = deque()
        self._current: _Block | None = None
        self._count = 0

    def feed(self, event: Event) -> bytes:
        """Take an event, give the bytes to send."""
        if self._over:
            return b""
        match event:
            case PartDelta(choice=0):
                return self._delta(event)
            case PartStarted(choice=0):
                block = _Block(event.part)
                self._blocks[event.index] = block
                self._waiting.append(block)
                return self._begin(Started()) + self._advance()
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
                self._over = True
                return encode_error_event(event.failure, self._context.reply_id)
            case _:  # other choices
                self._context.losses.dropped("reply.choices", "there is one answer, the first")
                return b""

    def _delta(self, event: PartDelta) -> bytes:
        block = self._current
        if block is None or self._blocks[event.index] is not block:
            self._blocks[event.index].deltas.append(event)
            return b""
        # The hot path: a piece of text for the block that is open.
        if event.signature is None and not event.citations and event.logprobs is None:
            return block.opening + _json(event.text) + _CLOSE if event.text else b""
        return b"".join(_pieces(block, event, self._context.losses))

    def _begin(self, event: Started) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        self._known_usage, self._known_tier = event.usage, event.service_tier
        message: Json = {
            "id": event.reply_id or self._context.reply_id,
            "type": "message",
            "role": "assistant",
            "model": event.model or self._context.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": encode_usage(event.usage, event.service_tier),
        }
        return _frame({"type": "message_start", "message": message})

    def _advance(self) -> bytes:
        """Close the open block if it has ended, and open what waits, in order."""
        written: list[bytes] = []
        while True:
            if self._current is not None:
                if not self._current.ended:
                    break
                written.append(_block_stop(self._current.index))
                self._current = None
            if not self._waiting or not (self._waiting[0].live or self._waiting[0].ended):
                break
            block = self._waiting.popleft()
            if block.live:
                written += self._open(block)
            else:
                written += self._write_whole(block)
        return b"".join(written)

    def _open(self, block: _Block) -> Iterator[bytes]:
        block.index = self._count
        self._count += 1
        self._current = block
        name_part_losses(block.part, self._context.losses)
        block.opening = _opening(block.index, *_delta_kind(block.part))
        yield _block_start(block.index, _empty_block(block.part))
        for delta in [_first_delta(block.part), *block.deltas]:
            yield from _pieces(block, delta, self._context.losses)
        block.deltas.clear()

    def _write_whole(self, block: _Block) -> Iterator[bytes]:
        losses = self._context.losses
        if any(delta.logprobs is not None for delta in block.deltas):
            losses.dropped("reply.logprobs")
        wire = encode_part(_completed(block), losses)
        if wire is None:
            return
        index = self._count
        self._count += 1
        kind = str(wire.get("type"))
        if kind in _INPUT_KINDS and wire.get("input"):
            yield _block_start(index, {**wire, "input": {}})
            opening = _opening(index, "input_json_delta", "partial_json")
            yield opening + _json(_json(wire["input"]).decode()) + _CLOSE
        elif kind == "compaction":
            yield _block_start(index, {**wire, "content": None})
            yield _opening(index, "compaction_delta", "content") + _json(wire["content"]) + _CLOSE
        else:
            yield _block_start(index, wire)
        yield _block_stop(index)

    def _end(self, event: Ended) -> bytes:
        begun = self._begin(Started())
        for block in self._blocks.values():
            block.ended = True
        rest = self._advance()
        self._over = True
        failure = broken_off(self._finish)
        if failure is not None:
            return begun + rest + encode_error_event(failure, self._context.reply_id)
        usage = event.usage if event.usage is not None else self._known_usage
        self._name_losses(event, usage)
        message_delta = {
            "type": "message_delta",
            "delta": {
                "stop_reason": encode_stop_reason(self._finish),
                "stop_sequence": self._finish.stop_sequence,
            },
            "usage": encode_usage(usage, event.service_tier or self._known_tier),
        }
        self._restore(message_delta, event.extras.get(NAME, {}))
        return begun + rest + _frame(message_delta) + _STOP

    def _restore(self, message_delta: Json, left: Json) -> None:
        """Put back what this dialect's own reply said beside; its blocks are gone already."""
        for path, value in left.items():
            if "." in path:
                self._context.losses.dropped(f"reply.{path}", "told after its block")
            elif path in _TOLD_WITH_REASON:
                message_delta["delta"][path] = value
            else:
                message_delta[path] = value

    def _name_losses(self, event: Ended, usage: Usage | None) -> None:
        losses = self._context.losses
        name_finish_losses(self._finish, losses)
        drop_counts(losses, usage, UNSAID_COUNTS)
        drop_extras(losses, event.extras, NAME)


def _frame(event: Json) -> bytes:
    return frame_bytes(_json(event), event["type"])


def _opening(index: int, kind: str, field: str) -> bytes:
    """Write a delta event up to the value of its one field."""
    return (
        b"event: content_block_delta\n"
        b'data: {"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":'
        % (index, kind.encode(), field.encode())
    )


def _block_start(index: int, block: Json) -> bytes:
    return _frame({"type": "content_block_start", "index": index, "content_block": block})


def _block_stop(index: int) -> bytes:
    return b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n' % index


def _delta_kind(part: Part) -> tuple[str, str]:
    match part:
        case Thinking():
            return "thinking_delta", "thinking"
        case ToolCall():
            return "input_json_delta", "partial_json"
    return "text_delta", "text"


def _empty_block(part: Part) -> Json:
    match part:
        case Thinking():
            return {"type": "thinking", "thinking": "", "signature": ""}
        case ToolCall(name=name):
            return {"type": "tool_use", "id": sealed_id(part), "name": name, "input": {}}
    return {"type": "text", "text": ""}


def _first_delta(part: Part) -> PartDelta:
    """Give what a part said at its start already."""
    match part:
        case Text(text=text, citations=citations):
            return PartDelta(0, text, citations=citations)
        case Thinking(text=text, signature=signature):
            return PartDelta(0, text, signature=signature)
        case Refusal(text=text):
            return PartDelta(0, text)
        case ToolCall(arguments=arguments):
            return PartDelta(0, arguments)
    return PartDelta(0)


def _pieces(block: _Block, delta: PartDelta, losses: Losses) -> Iterator[bytes]:
    """Write a delta; the signature of thinking comes after its text, before the block's end."""
    if delta.text:
        yield block.opening + _json(delta.text) + _CLOSE
    for wire in encode_citations(delta.citations, losses):
        yield _opening(block.index, "citations_delta", "citation") + _json(wire) + _CLOSE
    if delta.signature is not None and isinstance(block.part, Thinking):
        opening = _opening(block.index, "signature_delta", "signature")
        yield opening + _json(encode_signature(delta.signature)) + _CLOSE
    elif delta.signature is not None:
        losses.dropped("reply.signature", f"a proof of {delta.signature.origin}")
    if delta.logprobs is not None:
        losses.dropped("reply.logprobs")


def _completed(block: _Block) -> Part:
    """Join a part that could not be written piece by piece."""
    part = block.part
    text = "".join(delta.text for delta in block.deltas)
    match part:
        case ToolCall(arguments=arguments):
            return msgspec.structs.replace(part, arguments=arguments + text)
        case Image(source=Inline(media_type=media_type, data=data)):
            later = next((d.signature for d in block.deltas if d.signature is not None), None)
            return msgspec.structs.replace(
                part, source=Inline(media_type, data + text), signature=later or part.signature
            )
        case Audio(source=source, transcript=transcript):
            said = "".join(delta.transcript for delta in block.deltas)
            return Audio(source=source, transcript=transcript + said)
        case Thinking(signature=signature):
            later = next((d.signature for d in block.deltas if d.signature is not None), signature)
            return Thinking(redacted=True, signature=later)
    return part
