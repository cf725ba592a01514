"""The defaults that reliability.md 2.0 and 2.1 promise."""

from __future__ import annotations

from headgate.edge.limits import Limits


def test_defaults_are_the_promised_ones() -> None:
    limits = Limits()
    assert (limits.header_timeout_s, limits.silent_timeout_s) == (10, 10)
    assert (limits.body_idle_s, limits.body_floor_bytes_per_s, limits.body_floor_after_s) == (
        (30, 1024, 10)
    )
    assert (limits.keep_alive_s, limits.write_stall_s) == (75, 60)
    assert (limits.header_bytes, limits.header_count, limits.url_bytes) == (32768, 100, 8192)
    assert limits.body_bytes == 64 * 1024 * 1024
    assert limits.write_buffer_bytes == 65536
