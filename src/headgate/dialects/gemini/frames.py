"""Frames of a stream: the Structs they decode to, and how the bytes are cut.

Source: ai.google.dev/api/generate-content#GenerateContentResponse; `recordings.md` 5.5
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from headgate.base.frames import Frame
from headgate.dialects.framing.json_array import JsonArrayDecoder
from headgate.dialects.framing.sse import SseDecoder
from headgate.ir.request import Json

NO_USAGE = msgspec.Raw(b"null")

# Before a bracket that begins a line: blanks, and at the very beginning a byte order mark.
_BLANKS = b" \t\xef\xbb\xbf"
_BRACKET = re.compile(rb"[%b]*+[\[{]" % _BLANKS)
_BRACKET_BELOW = re.compile(rb"[\r\n]" + _BRACKET.pattern)


class WirePart(msgspec.Struct, rename="camel"):
    """A part, as far as it is understood; all None: look at the frame again."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: Json | None = None
    inline_data: Json | None = None


class WireContent(msgspec.Struct):
    """The parts that are new in this frame."""

    parts: list[WirePart] | None = None


class WireCandidate(msgspec.Struct, rename="camel"):
    """More of one answer."""

    content: WireContent | None = None
    finish_reason: str | int | None = None
    index: int | None = None
    grounding_metadata: Json | None = None
    citation_metadata: Json | None = None
    logprobs_result: Json | None = None


class WireReply(msgspec.Struct, rename="camel"):
    """A frame, or a whole reply: they have the same shape."""

    candidates: list[WireCandidate] | None = None
    usage_metadata: msgspec.Raw = NO_USAGE  # repeated in each frame: only the last one is read
    prompt_feedback: Json | None = None
    model_version: str | None = None
    response_id: str | None = None
    create_time: str | None = None
    error: Any = None


decode_reply_frame = msgspec.json.Decoder(WireReply).decode


class StreamFrameDecoder:
    """Cuts either form of a stream: SSE, or the JSON array of an upstream that ignores `alt=sse`.

    A line that begins with a bracket tells that what follows is JSON. In the middle of SSE that is
    an error, which Google writes without any framing.
    """

    def __init__(self) -> None:
        self._decoder: SseDecoder | JsonArrayDecoder = SseDecoder()
        self._at_line_start = True

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes, give the frames that they complete."""
        if isinstance(self._decoder, JsonArrayDecoder) or not data:
            return self._decoder.feed(data)
        found = _BRACKET.match(data) if self._at_line_start else None
        found = found or _BRACKET_BELOW.search(data)
        if found is None:
            line = data.rstrip(_BLANKS)
            self._at_line_start = line[-1] in b"\r\n" if line else self._at_line_start
            return self._decoder.feed(data)
        at = found.end() - 1
        frames = self._decoder.feed(data[:at]) + self._decoder.end()
        self._decoder = JsonArrayDecoder()
        return frames + self._decoder.feed(data[at:])

    def end(self) -> list[Frame]:
        """Give a last frame that lacked its end mark, if any."""
        return self._decoder.end()
