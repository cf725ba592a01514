"""How long, how large and how many: what a caller may cost before it is asked to stop.

Source: reliability.md 2.0 (timers) and 2.1 (rows F-C5 to F-C18).
"""

from __future__ import annotations

import msgspec

KIB = 1024
MIB = 1024 * KIB


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of one connection; seconds and bytes."""

    # Time.
    silent_timeout_s: float = 10.0  # connected, and not a byte sent
    header_timeout_s: float = 10.0  # first byte to complete header
    body_idle_s: float = 30.0  # between two pieces of a body
    body_floor_bytes_per_s: float = 1.0 * KIB  # average a body must keep ...
    body_floor_after_s: float = 10.0  # ... from this age on
    keep_alive_s: float = 75.0  # between two requests
    write_stall_s: float = 60.0  # an answer of which the caller takes nothing
    linger_s: float = 2.0  # reading on after a refusal, so that it arrives
    # Size.
    header_bytes: int = 32 * KIB
    header_count: int = 100
    url_bytes: int = 8 * KIB
    body_bytes: int = 64 * MIB  # each, as sent and as unpacked
    body_budget_bytes: int = 512 * MIB  # of all requests together; small bodies do not count
    upload_bytes: int = 512 * MIB  # each, as sent; only routes that take files
    upload_memory_bytes: int = 1 * MIB  # of each; the rest lies in a file
    upload_budget_bytes: int = 4096 * MIB  # of the files of all uploads together
    write_buffer_bytes: int = 64 * KIB
    held_bytes: int = 64 * KIB  # sent ahead of its turn, then reading pauses
