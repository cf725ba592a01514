"""What reached the lab: the last requests and some counters, bounded in number and bytes."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct, json

REQUESTS_MAX = 1000
BODY_BYTES_MAX = 1 << 20
JOURNAL_BYTES_MAX = 64 << 20
NAMES_MAX = 1000
FRAMES_MAX = 1000
FRAME_BYTES_MAX = 16 << 10
OTHER = "(other)"


class FormNote(Struct, frozen=True):
    """What a multipart body held: the hash of all of it, and each part without a file's bytes."""

    sha256: str
    problem: str
    parts: list[dict[str, Any]]


class FrameNote(Struct, frozen=True):
    """A message or control frame that came on a WebSocket; no `data` where it was too large."""

    kind: str
    size: int
    sha256: str
    data: Any = None


class Received(Struct, kw_only=True):
    """One request as it arrived, and how its answer ended.

    `behaviour` is the name of what answered. `finished` means answered to the end;
    `disconnected` that the caller left before. `body` is cut off after 1 MiB, `body_length` is not.
    Of a multipart body there is the `form` instead. `displeasure` is what a check found wrong with
    the conversation; `target` is the path with its query as it was sent.
    `frames` came on a WebSocket, which ended with `close_code`, 0 if nobody said goodbye.
    """

    number: int
    arrived_at: float
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    body_length: int
    keep_alive: bool = True
    target: str = ""
    place: str = ""
    model: str = ""
    behaviour: str = ""
    stream: bool = False
    status: int = 0
    finished: bool = False
    disconnected: bool = False
    displeasure: str = ""
    bypassed: int = 0
    form: FormNote | None = None
    frames: list[FrameNote] = msgspec.field(default_factory=list)
    frames_total: int = 0
    close_code: int = 0

    @property
    def json(self) -> Any:
        """The body decoded. Raises `msgspec.DecodeError` if it is not JSON."""
        return json.decode(self.body)

    def view(self) -> dict[str, Any]:
        """The request for the lab's own endpoint, with the body as JSON if it is any."""
        fields = msgspec.structs.asdict(self)
        try:
            fields["body"] = json.decode(self.body)
        except msgspec.DecodeError:
            fields["body"] = self.body.decode(errors="replace")
        return fields


class Counters(Struct):
    """Totals since the start or the last clearing; the open ones are of this moment.

    `displeased` are the conversations that a check refused, `bypassed` the signatures that it was
    asked to overlook.
    """

    requests: int = 0
    fast_requests: int = 0
    cancelled: int = 0
    cancelled_streams: int = 0
    displeased: int = 0
    bypassed: int = 0
    by_place: Counter[str] = msgspec.field(default_factory=Counter)
    by_model: Counter[str] = msgspec.field(default_factory=Counter)
    connections_open: int = 0
    answers_open: int = 0
    streams_open: int = 0


class Journal:
    """The last requests, oldest first."""

    def __init__(self) -> None:
        self.counters = Counters()
        self._requests: deque[Received] = deque()
        self._weights: dict[int, int] = {}
        self._bytes = 0
        self._number = 0

    def __iter__(self) -> Iterator[Received]:
        """All requests still kept, oldest first."""
        return iter(self._requests)

    def next_number(self) -> int:
        """The serial number of the next request."""
        self._number += 1
        return self._number

    def add(self, received: Received) -> None:
        """Keep a request, and drop the oldest ones beyond the bounds."""
        self._requests.append(received)
        self._weights.setdefault(received.number, 0)
        self._weigh(received, len(received.body) + _weight(received.form))

    def note(self, received: Received, frame: FrameNote) -> None:
        """Keep a frame of a WebSocket, the first ones whole and the others by their count."""
        received.frames_total += 1
        weight = self._weights.get(received.number, JOURNAL_BYTES_MAX)
        if len(received.frames) >= FRAMES_MAX:
            return
        if frame.size > FRAME_BYTES_MAX or weight + frame.size > BODY_BYTES_MAX:
            frame = msgspec.structs.replace(frame, data=None)
        received.frames.append(frame)
        if frame.data is not None:
            self._weigh(received, frame.size)

    def _weigh(self, received: Received, size: int) -> None:
        """Count what a request keeps in memory, and drop the oldest beyond the bounds."""
        self._weights[received.number] += size
        self._bytes += size
        while len(self._requests) > REQUESTS_MAX or self._bytes > JOURNAL_BYTES_MAX:
            self._bytes -= self._weights.pop(self._requests.popleft().number, 0)

    def opened(self, received: Received) -> None:
        """Count a request whose answer begins."""
        counters = self.counters
        counters.requests += 1
        counters.answers_open += 1
        counters.streams_open += received.stream
        counters.displeased += bool(received.displeasure)
        counters.bypassed += received.bypassed
        _count(counters.by_place, received.place)
        _count(counters.by_model, received.model)

    def closed(self, received: Received) -> None:
        """Count an answer that ended, one way or the other."""
        counters = self.counters
        counters.answers_open -= 1
        counters.streams_open -= received.stream
        counters.cancelled += received.disconnected
        counters.cancelled_streams += received.disconnected and received.stream

    def clear(self) -> None:
        """Forget the requests and totals, not what is open."""
        kept = self.counters
        self._requests.clear()
        self._weights.clear()
        self._bytes = 0
        self.counters = Counters(
            connections_open=kept.connections_open,
            answers_open=kept.answers_open,
            streams_open=kept.streams_open,
        )


def _weight(form: FormNote | None) -> int:
    """What the values of a form keep in memory."""
    return sum(len(part.get("value", "")) for part in form.parts) if form is not None else 0


def _count(counter: Counter[str], name: str) -> None:
    """Count a name; names beyond the bound share one entry."""
    counter[name if name in counter or len(counter) < NAMES_MAX else OTHER] += 1
