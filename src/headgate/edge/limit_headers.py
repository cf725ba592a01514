"""A caller's own limit, and how long to wait, in the headers that its SDK knows.

Sources: platform.openai.com/docs/guides/rate-limits, platform.claude.com/docs/en/api/rate-limits;
`ecosystem.md` 5.1. Google's clients read the body.
"""

from __future__ import annotations

from datetime import UTC, datetime
from math import ceil

Headers = list[tuple[bytes, bytes]]

LONGEST_WAIT_S = 86_400.0
_ANTHROPIC = "anthropic"


def limit_headers(
    dialect: str, limit: int, remaining: int, reset_s: float, wall_s: float
) -> Headers:
    """Tell a limit on requests in the family of the caller's dialect; OpenAI's for most.

    Units: `reset_s` seconds from now, which is `wall_s` seconds since the epoch.
    """
    if dialect == _ANTHROPIC:
        reset = datetime.fromtimestamp(wall_s + ceil(reset_s), UTC)
        return [
            (b"anthropic-ratelimit-requests-limit", b"%d" % limit),
            (b"anthropic-ratelimit-requests-remaining", b"%d" % remaining),
            (b"anthropic-ratelimit-requests-reset", reset.strftime("%Y-%m-%dT%H:%M:%SZ").encode()),
        ]
    return [
        (b"x-ratelimit-limit-requests", b"%d" % limit),
        (b"x-ratelimit-remaining-requests", b"%d" % remaining),
        (b"x-ratelimit-reset-requests", b"%ds" % ceil(reset_s)),
    ]


def wait_headers(wait_s: float) -> Headers:
    """Say how long to wait: `retry-after-ms`, which OpenAI's and Anthropic's SDKs read first."""
    wait_s = min(max(wait_s, 0.001), LONGEST_WAIT_S)
    return [
        (b"retry-after", b"%d" % max(1, ceil(wait_s))),
        (b"retry-after-ms", b"%d" % ceil(wait_s * 1000)),
    ]
