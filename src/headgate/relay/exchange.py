"""An answered request: what the caller gets, piece by piece, and what it used."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

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


class Exchange:
    """One request's answer.

    `whole` is set for JSON replies. Streams are read with `next()`, which gives b"" at the end.
    While no upstream has answered yet and the channel asks for heart-beats, `next()` gives
    comments: then the status can no longer tell of a failure, so that becomes an error event.
    """

    def __init__(
        self,
        call: Call,
        grant: Grant,
        attempts: Attempts,
        caller: Dialect,
        settle: Callable[[], Awaitable[None]],
    ) -> None:
        self.call = call
        self.grant = grant
        self.settle = settle  # puts the request on the books, before the caller has its end
        self.answer: Answer | None = None
        self.failure: Failure | None = None
        self.first_byte_s: float | None = None
        self.frames_out = 0  # about one token each, for estimates when usage is never told
        self._caller = caller
        self._attempts = attempts
        self._pending: asyncio.Task[Answer] | None = None
        self._keepalive_s = 0.0
        self._is_due = False  # a heart-beat: an interval has passed already
        self._heartbeat_due = False
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
        self._heartbeat_due = self._pending is not None

    async def next(self) -> bytes:
        """The next bytes for the caller; b"" when the reply is over."""
        if self._over:
            return b""
        if self._pending is not None:
            return await self._heartbeat()
        answer = self.answer
        if answer is None:
            return b""
        if answer.lane is None or answer.response is None:
            self._over = True
            return answer.whole or b""
        return await self._more(answer.lane, answer.response)

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
        return self._caller.encode_error_event(failure, self.call.request_id)

    async def _more(self, lane: StreamLane, response: UpstreamResponse) -> bytes:
        while True:
            try:
                data = self._taken_first() or await response.read()
                out = lane.feed(data) if data else lane.end()
            except RelayError as error:
                self._over = True
                response.abort()
                self.failure = error.failure
                return lane.fail(error.failure)
            if lane.failure is not None:
                self.failure = lane.failure
                self._over = True
                response.abort()
                return out
            if not data:
                self._over = True
                return self._counted(out)
            if out:
                return self._counted(out)

    def _taken_first(self) -> bytes:
        """What was read of the stream before it was known to be an answer; b"" after that."""
        if self.answer is None:
            return b""
        data, self.answer.first = self.answer.first, b""
        return data

    async def _heartbeat(self) -> bytes:
        """Pass on what the first answer brought, or give a comment if it is not there yet."""
        if self._heartbeat_due:  # `open()` has waited for this one
            self._heartbeat_due = False
            return KEEPALIVE
        try:
            await self._await_pending()
        except RelayError as error:
            return self.broken_off(error.failure)
        self._is_due = False
        if self._pending is not None:
            return KEEPALIVE
        return await self.next()

    async def _await_pending(self) -> None:
        task = self._pending
        if task is None:
            return
        done, _ = await asyncio.wait([task], timeout=self._keepalive_s)
        if done:
            self._pending = None
            self.answer = task.result()

    def _counted(self, out: bytes) -> bytes:
        self.frames_out += out.count(b"\n\n")
        return out


def cut_short() -> Failure:
    """The gateway is stopping while a reply is still being written."""
    return Failure(kind=FailureKind.DRAINING, message="The gateway is stopping; please ask again.")
