"""Newline-delimited JSON: bytes to frames.

Source: `providers.md` 2.5 (Ollama native, Cohere v1).
"""

from __future__ import annotations

from headgate.base.failure import RelayError, bad_reply
from headgate.base.frames import Frame
from headgate.dialects.framing.sse import MAX_FRAME_BYTES


class JsonLinesDecoder:
    """Cuts bytes into one frame per line. Blank lines give nothing.

    Errors: RelayError UPSTREAM_BAD_REPLY when one line grows beyond `max_frame_bytes`.
    """

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._pieces: list[bytes] = []
        self._held_bytes = 0

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes, give the frames that they complete."""
        first, *others = data.split(b"\n")
        self._hold(first)
        if not others:
            return []
        lines = [b"".join(self._pieces), *others]
        rest = lines.pop()
        self._pieces, self._held_bytes = [], 0
        self._hold(rest)
        return [Frame(line) for raw in lines if (line := raw.strip())]

    def end(self) -> list[Frame]:
        """Give the last line if its line end is missing."""
        line = b"".join(self._pieces).strip()
        self._pieces, self._held_bytes = [], 0
        return [Frame(line)] if line else []

    def _hold(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._held_bytes += len(piece)
        if self._held_bytes > self._max_frame_bytes:
            raise RelayError(
                bad_reply(f"one stream line is longer than {self._max_frame_bytes} bytes")
            )
