"""An answered request: what the caller gets, piece by piece, and what it used."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from headgate.admission.admit import Grant
from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.dialects.dialect import Dialect
from headgate.ir.usage import Usage
from headgate.relay.answer import Answer
from headgate.relay.attempts import Attempts
from headgate.relay.call import Call
from headgate.relay.lane import StreamLane
from headgate.upstream.response import UpstreamResponse

KEEPALIVE = b": keepalive\n\n"


class Caller(Protocol):
    """Where a stream is written to."""

    @property
    def paused(self) -> bool:
        """The caller does not keep up: wait in `drain()`."""

    def send(self, data: bytes) -> None:
        """Write a piece."""

    async def drain(self) -> None:
        """Wait until the caller has taken what was written."""


class Exchange:
    """One request's answer.

    `whole` is set for JSON replies; streams are written with `write_to()`. While no upstream has
    answered yet and the channel asks for heart-beats, that writes comments: then the status can
    no longer tell of a failure, so a failure becomes an error event.
    """

    def __init__(
        self,
        call: Call,
        grant: Grant,
        attempts: Attempts,
        dialect: Dialect,
        settle: Callable[[], Awaitable[None]],
    ) -> None:
        self.call = call
        self.grant = grant
        self.settle = settle  # puts the request on the books, before the caller has its end
        self.answer: Answer | None = None
        self.failure: Failure | None = None
        self.frames_out = 0  # about one token each, for estimates when usage is never told
        self._dialect = dialect
        self._attempts = attempts
        self._pending: asyncio.Task[Answer] | None = None
        self._keepalive_s = 0.0
        self._caller: Caller
        self._lane: StreamLane
        self._over = False

    @property
    def whole(self) -> bytes | None:
        """The JSON reply, or the complete stream if the upstream gave a whole reply."""
        return self.answer.whole if self.answer is not None else None

    @property
    def usage(self) -> Usage | None:
        """What the upstream told of its usage so far."""
        if self.answer is None:
            return None
        if self.answer.lane is not None:
            return self.answer.lane.usage
        return self.answer.usage

    @property
    def completed(self) -> bool:
        """The reply was read to its end, without a failure.

        A caller that has seen the dialect's own end may close before the upstream's body does.
        """
        if self.failure is not None:
            return False
        lane = self.answer.lane if self.answer is not None else None
        return self._over or self.whole is not None or (lane is not None and lane.finished)

    async def open(self, keepalive_s: float | None) -> None:
        """Wait for the first answer; with heart-beats, no longer than the first of them.

        Errors: RelayError when every attempt failed.
        """
        if keepalive_s is None:
            self.answer = await self._attempts.first_answer()
            return
        self._keepalive_s = keepalive_s
        self._pending = asyncio.create_task(self._attempts.first_answer())
        await self._await_pending()

    async def write_to(self, caller: Caller) -> None:
        """Write the stream to its end, as it comes."""
        self._caller = caller
        await self._heartbeats(caller)
        answer = self.answer
        if self._over or answer is None:
            return
        if answer.lane is None or answer.response is None:
            self._over = True
            caller.send(answer.whole or b"")
            return
        self._lane = answer.lane
        first, answer.first = answer.first, b""
        if first:
            self._forward(first)
        await self._pump(answer.lane, answer.response, caller)

    async def close(self) -> None:
        """Let go of the upstream: a reply that was not read to its end is cut."""
        if self._pending is not None:
            self._pending.cancel()
            await asyncio.wait([self._pending])
            if not self._pending.cancelled() and self._pending.exception() is None:
                self.answer = self._pending.result()
            self._pending = None
        if self.answer is not None and self.answer.response is not None and not self._over:
            self.answer.response.abort()

    def broken_off(self, failure: Failure) -> bytes:
        """The caller's error event for a stream that we must end early."""
        self._over = True
        self.failure = failure
        return self._dialect.encode_error_event(failure, self.call.request_id)

    async def _pump(self, lane: StreamLane, response: UpstreamResponse, caller: Caller) -> None:
        """Let the upstream's pieces flow to the caller, no faster than the caller takes them."""
        try:
            while not self._over:
                await caller.drain()
                if await response.pump(self._forward):
                    break
            out = b"" if self._over else lane.end()
        except RelayError as error:
            out = lane.fail(error.failure)
        self._over = True
        self.failure = lane.failure
        if self.failure is not None:
            response.abort()
        if out:
            caller.send(out)

    def _forward(self, data: bytes) -> bool:
        """Translate a piece and write it; False when there is to be no next one for now."""
        lane, caller = self._lane, self._caller
        out = lane.feed(data)
        if out:
            self.frames_out += out.count(b"\ndata:") + out.startswith(b"data:")
            caller.send(out)
        if lane.failure is not None:
            self._over = True
            return False
        return not caller.paused

    async def _heartbeats(self, caller: Caller) -> None:
        """Write comments until the first answer is there, or every attempt has failed."""
        while self._pending is not None:
            caller.send(KEEPALIVE)  # the interval before it was waited for by `open()` or below
            await caller.drain()
            try:
                await self._await_pending()
            except RelayError as error:
                caller.send(self.broken_off(error.failure))

    async def _await_pending(self) -> None:
        task = self._pending
        if task is None:
            return
        done, _ = await asyncio.wait([task], timeout=self._keepalive_s)
        if done:
            self._pending = None
            self.answer = task.result()


def cut_short() -> Failure:
    """The gateway is stopping while a reply is still being written."""
    return Failure(kind=FailureKind.DRAINING, message="The gateway is stopping; please ask again.")
