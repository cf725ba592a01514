"""Server-sent events: bytes to frames and back.

Source: html.spec.whatwg.org/multipage/server-sent-events.html; what vendors really send is in
`recordings.md` 5.1 (CR LF, no space after the colon, comments, no blank line at the end).
"""

from __future__ import annotations

from headgate.base.failure import RelayError, bad_reply
from headgate.base.frames import Frame

MAX_FRAME_BYTES = 8 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class SseDecoder:
    """Cuts bytes into frames. Comments and blocks without data give nothing.

    Errors: RelayError UPSTREAM_BAD_REPLY when one frame grows beyond `max_frame_bytes`.
    """

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._held = bytearray()  # of the block that is not complete, lines ended by LF
        self._at_start = True
        self._after_cr = False  # a LF that comes now belongs to the CR before it

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes, give the frames that they complete."""
        if self._after_cr and data:
            data = data.removeprefix(b"\n")
            self._after_cr = False
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        # No blank line, no frame: what is held is not looked at again, so a drip stays linear.
        held = self._held
        if b"\n\n" not in data and not (held.endswith(b"\n") and data.startswith(b"\n")):
            self._hold(data)
            return []
        if held:
            data = bytes(held) + data
            held.clear()
        *blocks, rest = self._past_mark(data).split(b"\n\n")
        self._hold(rest)
        return [frame for block in blocks if (frame := _frame(block)) is not None]

    def end(self) -> list[Frame]:
        """Give the last frame if its blank line is missing."""
        frame = _frame(self._past_mark(bytes(self._held)))
        self._held.clear()
        return [] if frame is None else [frame]

    def _past_mark(self, data: bytes) -> bytes:
        """Leave out a byte order mark at the very beginning."""
        if self._at_start:
            self._at_start = False
            return data.removeprefix(_BOM)
        return data

    def _hold(self, data: bytes) -> None:
        self._held += data
        if len(self._held) > self._max_frame_bytes:
            raise RelayError(
                bad_reply(f"one stream event is longer than {self._max_frame_bytes} bytes")
            )


def _frame(block: bytes) -> Frame | None:
    """Read one block of lines. None if it has no data: a comment, or a proxy's empty heartbeat."""
    # The common shape first: a single data line.
    if block.startswith(b"data: ") and b"\n" not in block:
        return Frame(block[6:]) if len(block) > 6 else None
    event = ""
    data: list[bytes] = []
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            data.append(value)
        elif name == b"event":
            event = value.decode("utf-8", "replace")
    return Frame(b"\n".join(data), event) if any(data) else None


def parse_block(block: bytes) -> Frame | None:
    """Read one whole block, however its lines end. None if it holds no data (a comment)."""
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return _frame(block.strip(b"\n").removeprefix(_BOM))


def cut_at_frame_border(data: bytes) -> int:
    """Tell how many of these bytes are whole blocks; the rest begins an unfinished one."""
    end = data.rfind(b"\n\n") + 2 if b"\n\n" in data else 0
    if b"\r" in data:
        crlf = data.rfind(b"\n\r\n")
        bare = data.rfind(b"\r\r")
        end = max(end, crlf + 3 if crlf >= 0 else 0, bare + 2 if bare >= 0 else 0)
    return end


def frame_bytes(data: bytes, event: str = "") -> bytes:
    """Write one frame. `data` must be a single line (JSON without raw line ends)."""
    if event:
        return b"event: %b\ndata: %b\n\n" % (event.encode(), data)
    return b"data: %b\n\n" % data
