"""One WebSocket on a connection: the handshake, the messages in, the events out, the end.

The protocol is that of the `websockets` library without its I/O. Messages are answered in their
order; reading goes on meanwhile, because pings, closes and cancellations cannot wait.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable, Sequence

import msgspec
from msgspec import json
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from headgate.lab.answering import HANG_MAX_S, reset
from headgate.lab.journal import FrameNote, Journal, Received
from headgate.lab.plan import (
    CONTENT_TYPE,
    Close,
    Goodbye,
    Hang,
    Head,
    Ping,
    Plan,
    Repeat,
    Reset,
    Send,
    Step,
    Wait,
)
from headgate.lab.sockets.events import EventCutter
from headgate.lab.sockets.talk import Talk
from headgate.lab.wires.question import Json

MESSAGE_MAX = 64 << 20
WAITING_MAX = 1000
TRY_AGAIN_LATER = 1013
GOODBYE_TIMEOUT_S = 2.0
SUBPROTOCOL = "realtime"


class Socket:
    """One WebSocket. `before` are the pauses before the handshake is answered."""

    def __init__(
        self,
        talk: Talk,
        before: tuple[Step, ...],
        received: Received,
        journal: Journal,
        transport: asyncio.Transport,
        writable: Callable[[], asyncio.Future[None] | None],
    ) -> None:
        self._talk = talk
        self._before = before
        self._received = received
        self._journal = journal
        self._transport = transport
        self._writable = writable
        self._protocol = ServerProtocol(
            max_size=MESSAGE_MAX, select_subprotocol=lambda _, offered: _chosen(offered)
        )
        self._messages: deque[str | bytes] = deque()
        self._news = asyncio.Event()
        self._stop = asyncio.Event()
        self._answering = False
        self._cut = False
        self._fragments: list[Frame] = []
        self._early: bytes | None = b""

    # The connection calls these.

    def feed(self, data: bytes) -> None:
        """Read the next bytes; those before the handshake is answered wait for it."""
        if self._early is not None:
            self._early += data
            return
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._on_frame(event)
        self._flush()
        if self._protocol.state is not OPEN:
            self._stop.set()
            self._news.set()

    async def run(self, head: bytes) -> None:
        """Serve until one side ends it."""
        for step in self._before:
            await asyncio.sleep(HANG_MAX_S if isinstance(step, Hang) else _seconds(step))
        self._shake_hands(head)
        await self._tell_all(self._talk.opened())
        while self._protocol.state is OPEN and not self._transport.is_closing():
            if self._messages:
                await self._answer(self._messages.popleft())
                continue
            self._news.clear()
            await self._news.wait()
        await self._end()

    def lost(self) -> tuple[bool, bool]:
        """Forget what lived on the connection. Says whether both said goodbye, and who did not."""
        self._talk.closed()
        theirs, ours = self._protocol.close_rcvd, self._protocol.close_sent
        first = theirs or ours
        self._received.close_code = first.code if first is not None else 0
        finished = theirs is not None and ours is not None
        return finished, not finished and not self._cut

    # Frames in.

    def _on_frame(self, frame: Frame) -> None:
        kind = frame.opcode
        if kind in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._fragments.append(frame)
            if not frame.fin:
                return
            kind = self._fragments[0].opcode
            data = b"".join(part.data for part in self._fragments)
            self._fragments.clear()
            self._on_message(data.decode(errors="replace") if kind is Opcode.TEXT else data)
        else:
            data = bytes(frame.data)
        self._note(kind, data)

    def _on_message(self, message: str | bytes) -> None:
        if self._answering and self._talk.stops(_read(message)):
            self._stop.set()
        elif len(self._messages) < WAITING_MAX:
            self._messages.append(message)
            self._news.set()
        else:
            self._protocol.fail(TRY_AGAIN_LATER, "too many messages wait")

    def _note(self, kind: Opcode, data: bytes) -> None:
        sha256 = hashlib.sha256(data).hexdigest()
        note = FrameNote(kind.name.lower(), len(data), sha256, _shown(data))
        self._journal.note(self._received, note)

    # Events out.

    def _shake_hands(self, head: bytes) -> None:
        self._protocol.receive_data(head)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                response = self._protocol.accept(event)
                self._received.status = response.status_code
                self._protocol.send_response(response)
        self._flush()
        early, self._early = self._early, None
        self.feed(early or b"")

    async def _answer(self, message: str | bytes) -> None:
        reply = self._talk.heard(_read(message))
        if not isinstance(reply, Plan):
            await self._tell_all(reply)
        elif reply.status != 200:
            await self._tell(self._talk.refused(reply))
        else:
            await self._perform(reply)

    async def _perform(self, plan: Plan) -> None:
        """Do the steps of a plan, unless the caller stops it or leaves."""
        self._stop.clear()
        self._answering = True
        is_stream = "event-stream" in dict(plan.headers).get(CONTENT_TYPE, "")
        cutter = EventCutter()
        for step in plan.steps:
            if self._stop.is_set() or self._protocol.state is not OPEN:
                break
            await self._do(step, cutter if is_stream else None)
        else:
            for data in cutter.close():
                await self._tell_data(data)
        self._answering = False
        if self._stop.is_set():
            await self._tell_all(self._talk.stopped())

    async def _do(self, step: Step, cutter: EventCutter | None) -> None:
        match step:
            case Send(data) | Repeat(data):
                await self._send(step, cutter.feed(data) if cutter else [data])
            case Wait() | Hang():
                await self._pause(_seconds(step))
            case Ping():
                self._protocol.send_ping(b"lab")
                self._flush()
            case Goodbye(code):
                await self._say_goodbye(code)
            case Reset():
                self._cut = True
                reset(self._transport)
            case Close():
                self._cut = True
                self._transport.close()
            case Head():
                pass

    async def _send(self, step: Send | Repeat, events: list[bytes]) -> None:
        again = True
        while again and self._protocol.state is OPEN and not self._transport.is_closing():
            for data in events:
                await self._tell_data(data)
            # What holds no event would be repeated without ever giving way.
            again = isinstance(step, Repeat) and bool(events) and not self._stop.is_set()

    async def _pause(self, seconds: float) -> None:
        """Wait, but not longer than the caller wants to hear."""
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return

    async def _tell_data(self, data: bytes) -> None:
        """Send the data of an event, as it is if it is no JSON object."""
        try:
            event = json.decode(data)
        except msgspec.DecodeError:
            event = None
        if isinstance(event, dict):
            await self._tell(event)
        else:
            await self._write(data)

    async def _tell_all(self, events: list[Json]) -> None:
        for event in events:
            await self._tell(event)

    async def _tell(self, event: Json) -> None:
        await self._write(json.encode(self._talk.spelled(event)))

    async def _write(self, data: bytes) -> None:
        if self._protocol.state is not OPEN or self._transport.is_closing():
            return
        self._protocol.send_text(data)
        self._flush()
        await asyncio.sleep(0)
        waiting = self._writable()
        if waiting is not None:
            await waiting

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if self._transport.is_closing():
                return
            if data:
                self._transport.write(data)
            else:
                self._transport.close()

    async def _say_goodbye(self, code: int) -> None:
        self._protocol.send_close(code, "the lab was told to leave")
        self._flush()

    async def _end(self) -> None:
        """Wait a moment for the other's goodbye."""
        if self._protocol.close_sent is not None and self._protocol.close_rcvd is None:
            self._stop.clear()
            await self._pause(GOODBYE_TIMEOUT_S)
        self._transport.close()


def _chosen(offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Browsers name the API as a subprotocol, because they can set no header."""
    return next((name for name in offered if name == SUBPROTOCOL), None)


def _seconds(step: Step) -> float:
    return step.seconds if isinstance(step, Wait) else HANG_MAX_S


def _read(message: str | bytes) -> Json:
    """A message as JSON; what is no object has no type, and is told so."""
    try:
        found = json.decode(message)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _shown(data: bytes) -> object:
    """What the journal shows of a frame: JSON as such, else its text."""
    try:
        return json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return data.decode(errors="replace")
