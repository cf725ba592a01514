"""Identifiers that we make: request ids, reply ids, tool-call ids."""

from __future__ import annotations

import os
from itertools import count

_PREFIX = os.urandom(6).hex()
_COUNTER = count(int.from_bytes(os.urandom(4), "big"))
_KEPT_LENGTH = 128


def new_id(prefix: str = "") -> str:
    """Make an id that no other process makes: random process part, then a counter.

    A counter is enough because ids only need to be distinct, not secret.
    """
    return f"{prefix}{_PREFIX}{next(_COUNTER):012x}"


def accepted_request_id(offered: str | None) -> str | None:
    """Keep a caller's own request id if it is short and printable; else None.

    It goes into logs and headers, so nothing but visible ASCII may pass (S-73).
    """
    if not offered or len(offered) > _KEPT_LENGTH:
        return None
    return offered if offered.isascii() and offered.isprintable() and " " not in offered else None
