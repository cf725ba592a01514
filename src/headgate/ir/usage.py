"""What a reply consumed, in counts that add up.

Vendors count in different ways (totals with or without the cached part, reasoning inside or
outside the output). Those conventions end at the decoder; here the parts are disjoint.
See `providers.md` 8.
"""

from __future__ import annotations

import math

import msgspec

_MAX_COUNT = 2**53


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Token counts of one reply.

    Units: tokens, never negative. `input + cache_read + cache_write + output` is the total.
    Parts of another count, given for information and for their own prices: `cache_write_1h` of
    `cache_write`; `audio_input`, `image_input` of `input`; `reasoning`, `audio_output`,
    `image_output` of `output`. `web_searches` is a number of requests. What some
    models are billed by instead of tokens: `images` made, `audio_seconds` heard, rounded up, and
    `search_units` of documents ranked.
    `inner_input` and `inner_output` are billed too, but not told to callers: calls that the vendor
    made on its own (compaction, advisors), which its headline counts leave out.
    """

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0
    audio_input: int = 0
    audio_output: int = 0
    image_input: int = 0
    image_output: int = 0
    web_searches: int = 0
    search_units: int = 0
    images: int = 0
    audio_seconds: int = 0
    inner_input: int = 0
    inner_output: int = 0

    @property
    def prompt(self) -> int:
        """Everything that was read: fresh, cached and newly cached input."""
        return self.input + self.cache_read + self.cache_write

    @property
    def total(self) -> int:
        """Everything."""
        return self.prompt + self.output


def clamped(value: object) -> int:
    """Read a count that an upstream reported: a lie (negative, float, text) becomes a sane integer.

    Upstreams have been seen to send negative counts, floats and null (`recordings.md` 5.9).
    """
    if type(value) is int:  # not bool; nearly every count, in every reply's way
        return min(max(value, 0), _MAX_COUNT)
    if not isinstance(value, float) or not math.isfinite(value):
        return 0
    return min(max(int(value), 0), _MAX_COUNT)
