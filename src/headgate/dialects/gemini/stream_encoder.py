"""Writing a stream for a caller: events in, bytes out.

Text goes out as it comes; function calls and media only whole, as Gemini sends them; finish reasons
and usage in the last frame.
Source: ai.google.dev/api/generate-content#method:-models.streamgeneratecontent; `providers.md` 2.4
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from headgate.dialects.dialect import ReplyContext
from headgate.dialects.framing.json_array import JsonArrayEncoder
from headgate.dialects.framing.sse import frame_bytes
from headgate.dialects.gemini.citations import encode_citations, moved
from headgate.dialects.gemini.errors import encode_error
from headgate.dialects.gemini.finish import encode_finish
from headgate.dialects.gemini.logprobs import encode_logprobs
from headgate.dialects.gemini.parts import own_signature
from headgate.dialects.gemini.reply import (
    UNSAID_COUNTS,
    encode_part,
    name_finish_losses,
    name_logprob_losses,
    name_part_losses,
    restore,
)
from headgate.dialects.gemini.usage import encode_usage
from headgate.dialects.gemini.wire import NAME
from headgate.ir.collect import LogprobPieces
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
from headgate.ir.loss import Losses, change_citations, drop_counts, drop_extras
from headgate.ir.reply import Finish
from headgate.ir.request import (
    Audio,
    Citation,
    File,
    Image,
    Inline,
    Json,
    Part,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
)

_encode = msgspec.json.Encoder().encode


def sse_encoder(context: ReplyContext) -> GeminiStreamEncoder:
    """Write SSE (`alt=sse`)."""
    return GeminiStreamEncoder(context, frame_bytes, bytes)


def array_encoder(context: ReplyContext) -> GeminiStreamEncoder:
    """Write one JSON array, as Gemini does without `alt=sse`."""
    array = JsonArrayEncoder()
    return GeminiStreamEncoder(context, array.feed, array.end)


class GeminiStreamEncoder:
    """Writes the frames of one reply. `frame` frames a frame's JSON, `close` ends the stream."""

    def __init__(
        self,
        context: ReplyContext,
        frame: Callable[[bytes], bytes],
        close: Callable[[], bytes],
    ) -> None:
        self._context = context
        self._frame = frame
        self._close = close
        self._over = False
        self._tail = b""  # what each frame ends with: the model and the reply's id
        self._tier: str | None = None
        self._choices: dict[int, _Choice] = {}

    def feed(self, event: Event) -> bytes:
        """Take an event, give the bytes to send."""
        if self._over:
            return b""
        match event:
            case PartDelta():
                return self._choice(event.choice).delta(event, self)
            case PartStarted():
                return self._choice(event.choice).begin(event, self)
            case PartEnded():
                return self._choice(event.choice).end(event, self)
            case Started():
                return self._start(event)
            case Finished():
                self._choice(event.choice).finish = event.finish
                name_finish_losses(event.finish, self._context.losses)
                return b""
            case Ended():
                return self._end(event)
            case Failed():
                self._over = True
                error = encode_error(event.failure, self._context.reply_id)
                return self._frame(_encode(error)) + self._close()

    def write(self, part: bytes, choice: int) -> bytes:
        """Write a frame with one part."""
        head = b'{"candidates":[{"content":{"parts":[%b],"role":"model"},"index":%d}],' % (
            part,
            choice,
        )
        return self._frame(head + self._tail)

    def _choice(self, index: int) -> _Choice:
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice(index, self._context.losses)
        return choice

    def _start(self, event: Started) -> bytes:
        names = {
            "modelVersion": event.model or self._context.model,
            "responseId": event.reply_id or self._context.reply_id,
        }
        self._tail = _encode(names)[1:]
        self._tier = event.service_tier
        return b""

    def _end(self, event: Ended) -> bytes:
        self._over = True
        last: Json = {"candidates": [choice.last() for choice in self._choices.values()]}
        losses, tier = self._context.losses, event.service_tier or self._tier
        drop_counts(losses, event.usage, UNSAID_COUNTS)
        drop_extras(losses, event.extras, NAME)
        if event.usage is not None:
            last["usageMetadata"] = encode_usage(event.usage)
            if tier:
                last["usageMetadata"]["serviceTier"] = tier
        elif tier:
            losses.dropped("reply.service_tier", "told beside usage only")
        restore(last, event.extras.get(NAME, {}))
        return self._frame(_encode(last)[:-1] + b"," + self._tail) + self._close()


class _Choice:
    """One answer on its way out."""

    def __init__(self, index: int, losses: Losses) -> None:
        self.finish = Finish(reason="stop")
        self._losses = losses
        self._index = index
        self._suffixes: dict[int, bytes] = {}  # of open texts: what follows the text in its part
        self._held: dict[int, _Held] = {}  # parts that only go out whole
        self._texts: list[str] = []
        self._chars = 0  # in all texts
        self._first_char = 0  # of the open text, among them
        self._citations: list[Citation] = []
        self._logprobs = LogprobPieces()

    def begin(self, event: PartStarted, stream: GeminiStreamEncoder) -> bytes:
        """Open a part; what it begins with goes out at once."""
        match event.part:
            case Text(text=text, citations=citations, signature=signature):
                self._suffixes[event.index] = b"}"
                self._first_char = self._chars
                first = PartDelta(event.index, text, self._index, signature, citations)
                return self.delta(first, stream)
            case Thinking(text=text, signature=signature, redacted=False):
                self._suffixes[event.index] = b',"thought":true}'
                return self.delta(PartDelta(event.index, text, self._index, signature), stream)
            case Refusal(text=text) as part:
                name_part_losses(part, self._losses)
                self._suffixes[event.index] = b"}"
                return self.delta(PartDelta(event.index, text, self._index), stream)
            case part:
                self._held[event.index] = _Held(part)
                return b""

    def delta(self, event: PartDelta, stream: GeminiStreamEncoder) -> bytes:
        """Send more of a text; hold back more of anything else."""
        suffix = self._suffixes.get(event.index)
        if suffix is None:
            self._held[event.index].add(event)
            if event.logprobs is not None:
                self._losses.dropped("reply.logprobs", "of what is no text")
            return b""
        if event.citations:
            change_citations(self._losses, event.citations, own="")
            self._citations.extend(moved(event.citations, self._first_char))
        if event.logprobs is not None:
            name_logprob_losses(event.logprobs, self._losses)
            self._logprobs.add(event.logprobs)
        if suffix == b"}":
            self._texts.append(event.text)
            self._chars += len(event.text)
        if (value := own_signature(event.signature)) is not None:
            suffix = b',"thoughtSignature":%b%b' % (_encode(value), suffix)
        elif event.signature is not None:
            self._losses.dropped("reply.signature", f"a proof of {event.signature.origin}")
        if not event.text and value is None:
            return b""
        return stream.write(b'{"text":%b%b' % (_encode(event.text), suffix), self._index)

    def end(self, event: PartEnded, stream: GeminiStreamEncoder) -> bytes:
        """Send a part that was held back."""
        held = self._held.pop(event.index, None)
        if held is None:
            self._suffixes.pop(event.index, None)
            return b""
        written = encode_part(held.joined(), self._losses)
        return stream.write(_encode(written), self._index) if written is not None else b""

    def last(self) -> Json:
        """Give the candidate of the last frame."""
        wire: Json = {
            "content": {"parts": [{"text": ""}], "role": "model"},
            "finishReason": encode_finish(self.finish),
            "index": self._index,
        }
        if self._citations:
            wire["groundingMetadata"] = encode_citations(self._citations, "".join(self._texts))
        if logprobs := self._logprobs.joined():
            wire["logprobsResult"] = encode_logprobs(logprobs)
        return wire


class _Held:
    """A part that grows until it can be sent: a function call or media."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._texts: list[str] = []
        self._transcripts: list[str] = []
        self._signature: Signature | None = None

    def add(self, delta: PartDelta) -> None:
        """Take more of it."""
        self._texts.append(delta.text)
        self._transcripts.append(delta.transcript)
        self._signature = delta.signature or self._signature

    def joined(self) -> Part:
        """Give the whole part."""
        part, more = self._part, "".join(self._texts)
        if isinstance(part, ToolCall):
            signature = self._signature or part.signature
            return replace(part, arguments=part.arguments + more, signature=signature)
        if isinstance(part, Image | Audio | File) and isinstance(part.source, Inline):
            part = replace(part, source=Inline(part.source.media_type, part.source.data + more))
        if isinstance(part, Image):
            return replace(part, signature=self._signature or part.signature)
        if isinstance(part, Audio):
            return replace(part, transcript=part.transcript + "".join(self._transcripts))
        return part
