"""Finding the key that a caller sent.

YAML mode keeps keys in the snapshot; a database brings its own directory behind the same port.
"""

from __future__ import annotations

from typing import Protocol

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.snapshot.facts import Key, Snapshot


class KeyDirectory(Protocol):
    """Where keys are looked up."""

    async def find(self, secret: str, facts: Snapshot) -> Key | None:
        """Find a key by the text that the caller sent."""

    def is_unknown(self, secret: str, facts: Snapshot) -> bool:
        """Whether it is certain, without waiting for anything, that there is no such key."""


class SnapshotKeys:
    """Keys of the configuration file."""

    async def find(self, secret: str, facts: Snapshot) -> Key | None:
        """Look the key up in the snapshot."""
        return facts.keys.get(secret)

    def is_unknown(self, secret: str, facts: Snapshot) -> bool:
        """Look the key up in the snapshot, which has them all."""
        return secret not in facts.keys


def unauthenticated(secret: str | None) -> RelayError:
    """Say that the key is missing or unknown, without repeating it."""
    if secret is None:
        message = (
            "No API key was sent. Send one as `Authorization: Bearer KEY` or in the `x-api-key` "
            "header."
        )
    else:
        message = "Invalid or missing API Key"
    return RelayError(Failure(kind=FailureKind.UNAUTHENTICATED, message=message))
