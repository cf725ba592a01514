"""Images and audio: bodies that may be forms with files, answers that may be sound.

The wire is OpenAI's on both sides, so nothing is translated: the model is renamed, the operator's
overrides are laid over the plain fields, and everything else goes on byte for byte.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from headgate.base.failure import (
    EMPTY_REPLY,
    RelayError,
    bad_reply,
    out_of_time,
)
from headgate.dialects.audio import SPEECH, TRANSCRIPTS
from headgate.dialects.bridge import DIALECTS
from headgate.dialects.fields import decoded
from headgate.dialects.framing.sse import SseDecoder
from headgate.dialects.images import IMAGE_EDITS, IMAGES
from headgate.dialects.openai_chat.tasks import TaskWire, event_failure, fields_of
from headgate.ir.usage import Usage
from headgate.providers.provider import Operation
from headgate.relay.call import Call
from headgate.relay.form import Form, FormBody
from headgate.relay.media_lanes import MAX_EVENT_BYTES, BytesLane, EventLane
from headgate.relay.overrides import overridden
from headgate.relay.renaming import Renaming
from headgate.relay.upstream_body import UpstreamBody
from headgate.snapshot.facts import Offer
from headgate.upstream.response import UpstreamResponse

MEDIA: Mapping[Operation, TaskWire] = {
    Operation.IMAGES: IMAGES,
    Operation.IMAGE_EDITS: IMAGE_EDITS,
    Operation.IMAGE_VARIATIONS: IMAGES,
    Operation.SPEECH: SPEECH,
    Operation.TRANSCRIPTIONS: TRANSCRIPTS,
    Operation.TRANSLATIONS: TRANSCRIPTS,
}
MOST_REPLY_BYTES = 64 * 1024 * 1024

_JSON = b"application/json"
_EVENTS = b"text/event-stream"
_BINARY = b"application/octet-stream"
_BYTES_PER_TOKEN = 4


class MediaAnswer(msgspec.Struct, kw_only=True):
    """An upstream's answer: `whole`, or a `lane` with its first bytes."""

    content_type: bytes
    whole: bytes | None = None
    usage: Usage | None = None
    lane: EventLane | BytesLane | None = None
    first: bytes = b""


class MediaReading(msgspec.Struct, frozen=True, kw_only=True):
    """How to read the answer to a call.

    `shown_model` is the name to put where the upstream wrote its own; `check` refuses what the
    operator calls a failure; `bound_s` is how long the first bytes may take.
    """

    call: Call
    shown_model: str | None
    check: Callable[[bytes], None]
    bound_s: float

    async def answer(self, response: UpstreamResponse) -> MediaAnswer:
        """Wait until the answer is known to be one.

        Errors: RelayError for an error inside a 200, and the response's.
        """
        kind = response.header(b"content-type") or b""
        word = kind.partition(b";")[0].strip().lower()
        if word == b"text/html":
            raise RelayError(bad_reply("The upstream answered with an HTML page."))
        if word == _EVENTS:
            return await self._events(kind, response)
        if self._is_json(word):
            return self._json(await response.read_all(MOST_REPLY_BYTES))
        wire = MEDIA[self.call.operation]
        if self.call.stream and wire.wrapped is not None:
            first = body = await response.read_all(MOST_REPLY_BYTES)
            answer = MediaAnswer(content_type=_EVENTS, whole=wire.wrapped(body))
        else:
            first = await self._first_bytes(response)
            answer = MediaAnswer(content_type=kind or _BINARY, lane=BytesLane(), first=first)
        if not first and wire is not TRANSCRIPTS:  # of silence there is nothing to write down
            raise RelayError(bad_reply(EMPTY_REPLY))
        return answer

    def _is_json(self, word: bytes) -> bool:
        if word == _JSON or word.endswith(b"+json"):
            return True
        if self.call.operation is Operation.SPEECH or word.startswith((b"image/", b"audio/")):
            return False
        # Some servers say nothing of their JSON, or "text"; but a transcript may be meant as text.
        is_transcript = MEDIA[self.call.operation] is TRANSCRIPTS
        return word == b"" or (not is_transcript and word != _BINARY)

    def _json(self, body: bytes) -> MediaAnswer:
        wire = MEDIA[self.call.operation]
        failure = wire.inspect_reply(body)
        if failure is not None:
            raise RelayError(failure)
        self.check(body)
        fields = fields_of(body) or {}
        usage = wire.usage(fields)
        renaming = self._renaming()
        if renaming is not None and "model" in fields:
            body = renaming.whole(body)
        if not self.call.stream:
            return MediaAnswer(content_type=_JSON, whole=body, usage=usage)
        return MediaAnswer(
            content_type=_EVENTS, whole=wire.events(fields_of(body) or {}), usage=usage
        )

    async def _events(self, kind: bytes, response: UpstreamResponse) -> MediaAnswer:
        """Hold the stream until its first event has shown that it is an answer."""
        decoder = SseDecoder(MAX_EVENT_BYTES)
        pieces: list[bytes] = []
        held = 0
        try:
            async with asyncio.timeout(self.bound_s):
                while True:
                    data = await response.read()
                    pieces.append(data)
                    held += len(data)
                    frames = decoder.feed(data) if data else decoder.end()
                    if frames or not data or held > MAX_EVENT_BYTES:
                        break
        except TimeoutError:
            raise RelayError(out_of_time(self.bound_s)) from None
        if not frames or frames[0].data.startswith(b"[DONE]"):
            raise RelayError(bad_reply(EMPTY_REPLY))
        first = frames[0]
        fields = fields_of(first.data)
        if fields is None:
            raise RelayError(bad_reply("The upstream's stream does not begin with JSON."))
        failure = event_failure(first, fields)
        if failure is not None:
            raise RelayError(failure)
        self.check(first.data)
        wire = MEDIA[self.call.operation]
        lane = EventLane(wire, self.call.request_id, self._renaming())
        return MediaAnswer(content_type=kind, lane=lane, first=b"".join(pieces))

    async def _first_bytes(self, response: UpstreamResponse) -> bytes:
        try:
            async with asyncio.timeout(self.bound_s):
                return await response.read()
        except TimeoutError:
            raise RelayError(out_of_time(self.bound_s)) from None

    def _renaming(self) -> Renaming | None:
        if self.shown_model is None:
            return None
        return Renaming(DIALECTS[self.call.dialect], self.shown_model)


def media_body(call: Call, offer: Offer) -> UpstreamBody:
    """Write the body for an upstream."""
    model = msgspec.Raw(msgspec.json.encode(offer.model))
    fields = {**call.fields, "model": model}
    changed = overridden(fields, offer.overrides) if offer.overrides else fields
    if call.form is None:
        return UpstreamBody(msgspec.json.encode(changed))
    form = FormBody(call.form, _changes(call.form, call.fields, changed))
    return UpstreamBody(b"", form=form)


def estimated(call: Call, prompt: int, lane: object) -> Usage:
    """Estimate the usage of an answer that told none: a text's length says something of it."""
    is_text = MEDIA[call.operation] is TRANSCRIPTS and isinstance(lane, BytesLane)
    written = lane.size // _BYTES_PER_TOKEN if is_text and isinstance(lane, BytesLane) else 0
    return Usage(input=prompt, output=written)


def _changes(
    form: Form, before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, Sequence[str]]:
    """Tell which of a form's fields are to be written anew: those that are not as they came."""
    changes: dict[str, Sequence[str]] = {
        name: _texts(value) for name, value in after.items() if before.get(name) is not value
    }
    gone = before.keys() - after.keys()
    return changes | {part.name: () for part in form.parts if part.name in gone}


def _texts(value: Any) -> Sequence[str]:
    """Write a value as a form's fields: a list as several of one name, null as none."""
    if isinstance(value, msgspec.Raw):
        value = decoded(value, "a field")
    match value:
        case None:
            return ()
        case str():
            return (value,)
        case list():
            return [text for item in value for text in _texts(item)]
        case _:
            return (msgspec.json.encode(value).decode(),)
