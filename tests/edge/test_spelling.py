"""A failure in the words of the caller's dialect, with the right status and headers."""

from typing import Any

import msgspec
import pytest

from headgate.base.failure import Failure, FailureKind
from headgate.dialects.bridge import DIALECTS
from headgate.edge.spelling import failure_answer

_K = FailureKind


def spelled(
    kind: FailureKind, dialect: str = "openai_chat", **changes: Any
) -> tuple[int, dict[bytes, bytes], dict[str, Any]]:
    """Spell a failure: status, headers by name, decoded body."""
    failure = Failure(**({"kind": kind, "message": "it broke"} | changes))
    status, headers, body = failure_answer(failure, "r1", dialect)
    return status, dict(headers), msgspec.json.decode(body)


def test_openai_callers_get_openais_error_object() -> None:
    status, headers, body = spelled(_K.MODEL_NOT_FOUND, param="model")
    assert status == 404
    assert headers == {b"content-type": b"application/json"}
    assert body["error"]["message"] == "it broke"
    assert body["error"]["param"] == "model"
    assert body["error"]["code"] == "model_not_found"


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_every_dialect_spells_every_kind(dialect: str) -> None:
    for kind in FailureKind:
        status, _, body = spelled(kind, dialect)
        assert 400 <= status < 600
        assert "it broke" in str(body["error"])


def test_upstreams_own_status_is_shown() -> None:
    assert spelled(_K.UPSTREAM_OVERLOADED, status=529)[0] == 529


@pytest.mark.parametrize(
    ("wait_s", "shown"),
    [(0.0, b"1"), (0.2, b"1"), (7.2, b"8"), (1e300, b"86400"), (float("inf"), b"86400")],
)
def test_wait_is_told_in_whole_seconds_up_to_a_day(wait_s: float, shown: bytes) -> None:
    assert spelled(_K.RATE_LIMITED, retry_after_s=wait_s)[1][b"retry-after"] == shown


def test_attempts_stand_in_the_body() -> None:
    lines = ("a: 500 down", "b: 500 down")
    assert spelled(_K.UPSTREAM_ERROR, attempts=lines)[2]["error"]["attempts"] == list(lines)


def test_sdks_are_told_not_to_repeat_what_was_tried_everywhere() -> None:
    _, headers, _ = spelled(_K.UPSTREAM_ERROR, attempts=("a: 500 down",))
    assert headers[b"x-should-retry"] == b"false"


@pytest.mark.parametrize(
    ("kind", "attempts"), [(_K.UPSTREAM_RATE_LIMITED, ("a: 429",)), (_K.DRAINING, ())]
)
def test_sdks_may_repeat_what_passes(kind: FailureKind, attempts: tuple[str, ...]) -> None:
    assert b"x-should-retry" not in spelled(kind, attempts=attempts)[1]


def test_upstreams_own_error_object_goes_on_unchanged() -> None:
    body = b'{"error": {"message": "theirs", "vendor_field": 1}}'
    failure = Failure(kind=_K.INVALID_REQUEST, message="theirs", upstream_body=body)
    assert failure_answer(failure, "r1", "openai_chat")[2] == body


def test_a_wait_is_told_in_both_units() -> None:
    _, headers, _ = spelled(_K.RATE_LIMITED, retry_after_s=0.25)
    assert (headers[b"retry-after"], headers[b"retry-after-ms"]) == (b"1", b"250")
    assert b"x-ratelimit-limit-requests" not in headers


def test_a_spent_limit_is_told_as_anthropic_tells_it() -> None:
    failure = Failure(kind=_K.RATE_LIMITED, message="m", retry_after_s=7.2, limit=15)
    told = dict(failure_answer(failure, "r1", "anthropic", 1_800_000_000.0)[1])
    assert told[b"anthropic-ratelimit-requests-limit"] == b"15"
    assert told[b"anthropic-ratelimit-requests-remaining"] == b"0"
    assert told[b"anthropic-ratelimit-requests-reset"] == b"2027-01-15T08:00:08Z"
    assert not [name for name in told if name.startswith(b"x-ratelimit")]


def test_a_spent_limit_is_told_as_openai_tells_it() -> None:
    _, headers, _ = spelled(_K.RATE_LIMITED, retry_after_s=7.2, limit=15)
    assert headers[b"x-ratelimit-limit-requests"] == b"15"
    assert headers[b"x-ratelimit-remaining-requests"] == b"0"
    assert headers[b"x-ratelimit-reset-requests"] == b"8s"
