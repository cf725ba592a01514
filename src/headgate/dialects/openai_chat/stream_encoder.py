"""Streams for callers of Chat Completions: events to chunks.

The caller's chunks differ only in a few bytes, so what surrounds a delta is made once per reply.

Source: platform.openai.com/docs/api-reference/chat-streaming.
"""

from __future__ import annotations

import msgspec

from headgate.dialects.dialect import ReplyContext
from headgate.dialects.media import url_of_source
from headgate.dialects.openai_chat.errors import encode_error_event
from headgate.dialects.openai_chat.finish import finish_word, name_finish_losses
from headgate.dialects.openai_chat.provenance import detail_of, signed_call_id
from headgate.dialects.openai_chat.reply import (
    annotations_of,
    encode_audio,
    encode_image,
    name_part_losses,
    shown_id,
)
from headgate.dialects.openai_chat.usage import encode_usage
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
from headgate.ir.loss import Losses, drop_extras
from headgate.ir.request import (
    Audio,
    Image,
    Inline,
    Json,
    Part,
    Refusal,
    Remote,
    Text,
    Thinking,
    ToolCall,
)

_DONE = b"data: [DONE]\n\n"
_encode = msgspec.json.Encoder().encode


class ChatStreamEncoder:
    """Writes a chat stream. One per reply."""

    def __init__(self, context: ReplyContext) -> None:
        self._context = context
        self._chunk: Json = {}  # what every chunk says
        self._head = b""  # the same as bytes, up to its choices
        self._tail = b""
        self._choices: dict[int, _ChoiceWriter] = {}
        self._is_over = False

    def feed(self, event: Event) -> bytes:
        """Take an event, give the bytes to send."""
        if self._is_over:
            return b""
        match event:
            case PartDelta():
                return self._choices[event.choice].delta(event)
            case PartStarted():
                return self._writer(event.choice).start(event)
            case PartEnded():
                return self._choices[event.choice].end(event.index)
            case Started():
                return self._begin(event) + self._writer(0).role()
            case Finished():
                name_finish_losses(event.finish, self._context.losses)
                return self._writer(event.choice).finish(finish_word(event.finish))
            case Ended():
                self._is_over = True
                return self._usage_chunk(event) + _DONE
            case Failed():
                self._is_over = True
                return encode_error_event(event.failure, self._context.reply_id)

    def _begin(self, started: Started) -> bytes:
        context = self._context
        chunk: Json = {
            "id": shown_id(started.reply_id or context.reply_id),
            "object": "chat.completion.chunk",
            "created": started.created or context.created,
            "model": started.model or context.model,
        }
        if started.service_tier is not None:
            chunk["service_tier"] = started.service_tier
        if started.system_fingerprint is not None:
            chunk["system_fingerprint"] = started.system_fingerprint
        self._chunk = chunk
        self._head = _head(chunk)
        # OpenAI's callers that ask for usage get the key on every chunk.
        self._tail = b'],"usage":null}\n\n' if context.include_usage else b"]}\n\n"
        return b""

    def _writer(self, choice: int) -> _ChoiceWriter:
        writer = self._choices.get(choice)
        if writer is None:
            if not self._head:
                self._begin(Started())
            losses = self._context.losses
            writer = self._choices[choice] = _ChoiceWriter(choice, self._head, self._tail, losses)
        return writer

    def _usage_chunk(self, ended: Ended) -> bytes:
        losses, head = self._context.losses, self._head
        drop_extras(losses, ended.extras, own="")  # the last chunk is gone
        is_shown = self._context.include_usage and ended.usage is not None
        tier = ended.service_tier
        if tier is not None and tier != self._chunk.get("service_tier"):
            head = _head({**self._chunk, "service_tier": tier})
            if not is_shown:
                losses.dropped("reply.service_tier", "told after the last chunk")
        if not self._context.include_usage or ended.usage is None:
            return b""
        return head + b'],"usage":' + _encode(encode_usage(ended.usage)) + b"}\n\n"


def _head(chunk: Json) -> bytes:
    return b"data: " + _encode(chunk)[:-1] + b',"choices":['


class _Growing:
    """A part that is being written: what goes around each piece, and what must wait for its end."""

    def __init__(self, part: Part, before: bytes = b"", after: bytes = b"") -> None:
        self.part = part
        self.before = before
        self.after = after
        self.pieces: list[str] = []
        self.signature = part.signature if isinstance(part, Thinking) else None


class _ChoiceWriter:
    """Writes the chunks of one choice."""

    def __init__(self, choice: int, head: bytes, tail: bytes, losses: Losses) -> None:
        self._losses = losses
        self._before = b'%b{"index":%d,"delta":' % (head, choice)
        self._end = b"}" + tail
        self._after = b',"finish_reason":null' + self._end
        self._parts: dict[int, _Growing] = {}
        self._call_count = 0
        self._thought_count = 0
        self._image_count = 0
        self._has_role = False
        self._has_audio = False

    def role(self) -> bytes:
        """Open the choice as OpenAI does; nothing when that is done."""
        if self._has_role:
            return b""
        self._has_role = True
        return self._chunk({"role": "assistant", "content": ""})

    def finish(self, word: str) -> bytes:
        """Write the chunk with the finish reason."""
        return b'%b%b{},"finish_reason":%b%b' % (
            self.role(),
            self._before,
            _encode(word),
            self._end,
        )

    def start(self, event: PartStarted) -> bytes:
        """Begin a part."""
        part = event.part
        name_part_losses(part, self._losses)
        match part:
            case Text(text=text, citations=citations):
                body = self._grow(event.index, part, b'{"content":', b"}", text)
                if notes := annotations_of(citations, self._losses):
                    body += self._chunk({"annotations": notes})
            case Thinking(text=text):
                body = self._grow(event.index, part, b'{"reasoning_content":', b"}", text)
                self._parts[event.index].pieces.append(text)
            case Refusal(text=text):
                body = self._grow(event.index, part, b'{"refusal":', b"}", text)
            case ToolCall():
                body = self._start_call(event.index, part)
            case Audio() if not self._has_audio:
                self._has_audio = True
                self._parts[event.index] = _Growing(part)
                body = self._chunk({"audio": encode_audio(part)})
            case Audio():  # a message has one sound: a second one would be taken for more of it
                self._losses.dropped("reply.audio", "all but the first")
                self._parts[event.index] = _Growing(Text(text=""))
                body = b""
            case _:  # pictures wait for their end; other parts have no place in a chunk
                self._parts[event.index] = _Growing(part)
                body = b""
        return self.role() + body

    def _grow(self, index: int, part: Part, before: bytes, after: bytes, text: str) -> bytes:
        growing = _Growing(part, self._before + before, after + self._after)
        self._parts[index] = growing
        return growing.before + _encode(text) + growing.after if text else b""

    def _start_call(self, index: int, part: ToolCall) -> bytes:
        number = self._call_count
        self._call_count += 1
        if part.custom:
            kind, name_key, text_key = "custom", "custom", b"input"
        else:
            kind, name_key, text_key = "function", "function", b"arguments"
        called = {"name": part.name, text_key.decode(): part.arguments}
        call = {"index": number, "id": signed_call_id(part), "type": kind, name_key: called}
        before = b'{"tool_calls":[{"index":%d,"%b":{"%b":' % (number, kind.encode(), text_key)
        self._parts[index] = _Growing(part, self._before + before, b"}}]}" + self._after)
        return self._chunk({"tool_calls": [call]})

    def delta(self, delta: PartDelta) -> bytes:
        """Write more of a part."""
        growing = self._parts[delta.index]
        if isinstance(growing.part, Thinking | Image):
            growing.pieces.append(delta.text)
        if not growing.before:
            if delta.logprobs is not None:
                self._losses.dropped("reply.logprobs", "of what is no text")
            return self._audio_piece(delta) if isinstance(growing.part, Audio) else b""
        written = b""
        if delta.logprobs is not None:
            after = growing.after.replace(
                b',"finish_reason"', b',"logprobs":%b,"finish_reason"' % _encode(delta.logprobs), 1
            )
            written = growing.before + _encode(delta.text) + after
        elif delta.text:
            written = growing.before + _encode(delta.text) + growing.after
        if delta.signature is not None:
            growing.signature = delta.signature
            if not isinstance(growing.part, Thinking):
                self._losses.dropped("reply.signature", f"a proof of {delta.signature.origin}")
        if delta.citations and (notes := annotations_of(delta.citations, self._losses)):
            written += self._chunk({"annotations": notes})
        return written

    def end(self, index: int) -> bytes:
        """Complete a part: pictures, and signed thoughts for giving back, go out whole."""
        growing = self._parts.pop(index)
        match growing.part:
            case Thinking(redacted=redacted) if growing.signature is not None:
                text = "".join(growing.pieces)
                signed = Thinking(text=text, signature=growing.signature, redacted=redacted)
                detail = detail_of(signed, self._thought_count)
                self._thought_count += 1
                return self._chunk({"reasoning_details": [detail]})
            case Image(source=(Inline() | Remote()) as source):
                if isinstance(source, Inline):
                    source = Inline(source.media_type, source.data + "".join(growing.pieces))
                image = encode_image(url_of_source(source), self._image_count)
                self._image_count += 1
                return self._chunk({"images": [image]})
        return b""

    def _audio_piece(self, delta: PartDelta) -> bytes:
        piece = {"data": delta.text} if delta.text else {}
        if delta.transcript:
            piece["transcript"] = delta.transcript
        return self._chunk({"audio": piece})

    def _chunk(self, delta: Json) -> bytes:
        return self._before + _encode(delta) + self._after
