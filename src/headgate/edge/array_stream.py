"""A Gemini stream as one JSON array, for callers that did not ask for `alt=sse`.

Source: ai.google.dev/api/generate-content#method:-models.streamgeneratecontent.
"""

from __future__ import annotations

from headgate.dialects.framing.json_array import JsonArrayEncoder
from headgate.dialects.framing.sse import SseDecoder
from headgate.edge.responder import Responder


class ArrayStream:
    """Stands before a responder: server-sent events in, elements of an array out."""

    def __init__(self, responder: Responder) -> None:
        self._responder = responder
        self._frames = SseDecoder()
        self._array = JsonArrayEncoder()

    @property
    def paused(self) -> bool:
        """The caller does not keep up."""
        return self._responder.paused

    def send(self, data: bytes) -> None:
        """Write the events that these bytes complete; comments have no form in an array."""
        out = b"".join(self._array.feed(frame.data) for frame in self._frames.feed(data))
        if out:
            self._responder.send(out)

    async def drain(self) -> None:
        """Wait until the caller has taken what was written."""
        await self._responder.drain()

    def end(self) -> None:
        """Close the array, and the answer."""
        self._responder.send(self._array.end())
        self._responder.end()
