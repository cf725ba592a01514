"""What a WebSocket endpoint does, without a socket: it hears messages and answers with events.

An answer may be a plan of a script, whose server-sent events become messages: so everything
that can happen to a stream can happen to a socket.
"""

from __future__ import annotations

from typing import Protocol

from headgate.lab.plan import Plan
from headgate.lab.wires.question import Json

Reply = list[Json] | Plan


class Talk(Protocol):
    """One endpoint, on one connection."""

    def opened(self) -> list[Json]:
        """Speak first."""

    def heard(self, message: Json) -> Reply:
        """Answer a message."""

    def spelled(self, event: Json) -> Json:
        """Complete an event that is about to be sent."""

    def refused(self, plan: Plan) -> Json:
        """Tell an error that over HTTP would have been a status."""

    def stops(self, message: Json) -> bool:
        """Whether a message ends the answer under way."""

    def stopped(self) -> list[Json]:
        """Say that the answer was ended by the caller."""

    def closed(self) -> None:
        """Forget what lived only on this connection."""
