"""What a credential does that signs each request instead of showing a fixed header."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

Signed = tuple[tuple[str, str], ...]


class Signer(Protocol):
    """Proves that we hold a key without sending it. Pure, and hashable as its credential is."""

    def __call__(
        self,
        method: str,
        url: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        now_s: float,
    ) -> Signed:
        """Give the headers to add to a request.

        Shape: `url` with its path and query as they are sent; `headers` with lower-case names, of
        which a signer takes what it wants, without `host`.
        Units: `now_s` seconds since the epoch.
        """
