"""A caller's own limit, as its SDK reads it (`ecosystem.md` 5.1)."""

import pytest

from headgate.edge.limit_headers import limit_headers, wait_headers

NOW_S = 1_800_000_000.0  # 2027-01-15T08:00:00Z


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "openai_edits", "gemini"])
def test_most_are_told_as_openai_tells_it(dialect: str) -> None:
    assert limit_headers(dialect, 10, 9, 0.5, NOW_S) == [
        (b"x-ratelimit-limit-requests", b"10"),
        (b"x-ratelimit-remaining-requests", b"9"),
        (b"x-ratelimit-reset-requests", b"1s"),
    ]


@pytest.mark.parametrize(
    ("reset_s", "when"),
    [(0.5, b"2027-01-15T08:00:01Z"), (60, b"2027-01-15T08:01:00Z"), (0, b"2027-01-15T08:00:00Z")],
)
def test_anthropics_callers_are_told_the_moment(reset_s: float, when: bytes) -> None:
    assert limit_headers("anthropic", 10, 9, reset_s, NOW_S) == [
        (b"anthropic-ratelimit-requests-limit", b"10"),
        (b"anthropic-ratelimit-requests-remaining", b"9"),
        (b"anthropic-ratelimit-requests-reset", when),
    ]


@pytest.mark.parametrize(
    ("wait_s", "seconds", "milliseconds"),
    [
        (7.2, b"8", b"7200"),
        (0.0004, b"1", b"1"),
        (0, b"1", b"1"),
        (-5, b"1", b"1"),
        (1e12, b"86400", b"86400000"),
        (float("inf"), b"86400", b"86400000"),
    ],
)
def test_a_wait_is_told_in_seconds_and_in_milliseconds(
    wait_s: float, seconds: bytes, milliseconds: bytes
) -> None:
    assert wait_headers(wait_s) == [(b"retry-after", seconds), (b"retry-after-ms", milliseconds)]
