"""Who rests after which failure, and for how long."""

import pytest

from headgate.base.failure import Failure, FailureKind
from headgate.routing.health import Health, channel_rest_s, credential_rest_s
from headgate.snapshot.facts import Channel
from tests.facts import channel, offer


def failure(kind: FailureKind, retry_after_s: float | None = None) -> Failure:
    return Failure(kind=kind, message="", retry_after_s=retry_after_s)


def rest_of(
    of: Channel, kind: FailureKind, *, alternatives: int = 2, retry_after_s: float | None = None
) -> tuple[bool, bool]:
    """Whether (the channel, its first credential) rests after a failure."""
    health, made = Health(), offer(of)
    first = of.credentials[0]
    health.failed(made, first, failure(kind, retry_after_s), alternatives=alternatives, now_s=0.0)
    return (
        health.channel_rest(made, 1.0) is not None,
        health.credential_rest(of, first, 1.0) is not None,
    )


def test_failing_channel_rests() -> None:
    assert rest_of(channel("a"), FailureKind.UPSTREAM_ERROR) == (True, False)


def test_only_channel_never_rests() -> None:
    assert rest_of(channel("a"), FailureKind.UPSTREAM_ERROR, alternatives=1) == (False, False)


def test_callers_mistake_cools_nobody() -> None:
    assert rest_of(channel("a", ["k1", "k2"]), FailureKind.INVALID_REQUEST) == (False, False)


def test_unreachable_channel_does_not_rest() -> None:
    assert rest_of(channel("a"), FailureKind.UPSTREAM_UNREACHABLE) == (False, False)


def test_bad_key_rests_but_its_channel_has_others() -> None:
    many = channel("a", ["k1", "k2"], credential_cooldown_s=60.0)
    assert rest_of(many, FailureKind.UPSTREAM_KEY_REFUSED) == (False, True)


def test_bad_only_key_rests_its_channel() -> None:
    assert rest_of(channel("a"), FailureKind.UPSTREAM_KEY_REFUSED) == (True, False)


def test_cooldown_of_zero_is_off() -> None:
    assert rest_of(channel("a", cooldown_s=0.0), FailureKind.UPSTREAM_ERROR) == (False, False)


def test_rest_ends() -> None:
    health, made = Health(), offer(channel("a", cooldown_s=2.0))
    health.failed(
        made,
        made.channel.credentials[0],
        failure(FailureKind.UPSTREAM_ERROR),
        alternatives=2,
        now_s=0.0,
    )
    assert health.channel_rest(made, 1.9) is not None
    assert health.channel_rest(made, 2.0) is None


def test_renamed_model_rests_like_any_other() -> None:
    made = channel("a")
    health = Health()
    renamed = offer(made, "gpt-up", alias="gpt-alias")
    health.failed(
        renamed,
        made.credentials[0],
        failure(FailureKind.UPSTREAM_ERROR),
        alternatives=2,
        now_s=0.0,
    )
    assert health.channel_rest(renamed, 1.0) is not None
    assert health.channel_rest(offer(made, "other"), 1.0) is None


def test_success_ends_a_rest_early() -> None:
    health, made = Health(), offer(channel("a"))
    only = made.channel.credentials[0]
    health.failed(made, only, failure(FailureKind.UPSTREAM_ERROR), alternatives=2, now_s=0.0)
    health.succeeded(made, only)
    assert health.channel_rest(made, 1.0) is None


def test_channel_rests_as_long_as_the_upstream_asks() -> None:
    made = channel("a")
    assert channel_rest_s(made, failure(FailureKind.UPSTREAM_RATE_LIMITED, 7.2)) == 8
    assert channel_rest_s(made, failure(FailureKind.UPSTREAM_ERROR)) == 300.0


@pytest.mark.parametrize(
    ("configured_s", "hint_s", "rest_s"),
    [(120.0, 2.5, 120.0), (2.0, 2.5, 3), (None, 2.5, 3), (None, None, 60.0), (120.0, None, 120.0)],
)
def test_rate_limited_key_rests_as_configured_or_asked(
    configured_s: float | None, hint_s: float | None, rest_s: float
) -> None:
    made = channel("a", credential_rate_limit_cooldown_s=configured_s)
    assert credential_rest_s(made, failure(FailureKind.UPSTREAM_RATE_LIMITED, hint_s)) == rest_s


def test_key_without_quota_rests_for_hours() -> None:
    assert credential_rest_s(channel("a"), failure(FailureKind.UPSTREAM_QUOTA)) == 21_600.0


@pytest.mark.parametrize("hint_s", [float("inf"), 1e300])
def test_endless_wait_is_a_day(hint_s: float) -> None:
    asked = failure(FailureKind.UPSTREAM_RATE_LIMITED, hint_s)
    assert channel_rest_s(channel("a"), asked) == 86_400
    assert credential_rest_s(channel("a"), asked) == 86_400
