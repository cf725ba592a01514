"""Which attempt follows which failure."""

from collections.abc import Sequence
from random import Random

from headgate.base.failure import Failure, FailureKind
from headgate.routing.credentials import CredentialPool
from headgate.routing.failover import Failover
from headgate.routing.health import Health, Rest
from headgate.snapshot.facts import Offer, RateLimit, Window
from tests.facts import channel, offer

A, B = offer(channel("a", ["a1"])), offer(channel("b", ["b1"]))
MANY = offer(channel("m", ["m1", "m2", "m3"]))


def tried(offers: Sequence[Offer], *failures: FailureKind, limit: int | None = None) -> list[str]:
    """Keys tried, in order, when the attempts fail in the given ways."""
    failover = Failover(offers, CredentialPool(Health(), Random(1)), limit)
    steps = [failover.next(0.0)]
    steps += [failover.next(0.0, Failure(kind=kind, message="")) for kind in failures]
    return [step.credential.label for step in steps if step is not None]


def test_overloaded_channel_is_left_for_the_next() -> None:
    assert tried([A, B], FailureKind.UPSTREAM_OVERLOADED) == ["a1", "b1"]


def test_callers_mistake_is_not_retried() -> None:
    assert tried([A, B], FailureKind.INVALID_REQUEST) == ["a1"]


def test_single_key_of_a_single_channel_is_tried_once() -> None:
    assert tried([A], FailureKind.UPSTREAM_ERROR) == ["a1"]


def test_each_key_of_a_channel_is_tried() -> None:
    failures = [FailureKind.UPSTREAM_ERROR] * 3
    assert tried([MANY], *failures) == ["m1", "m2", "m3"]


def test_channels_take_turns_before_second_keys() -> None:
    failures = [FailureKind.UPSTREAM_ERROR] * 4
    assert tried([MANY, A], *failures) == ["m1", "a1", "m2", "m3"]


def test_retry_switched_off_means_one_attempt() -> None:
    assert tried([A, B], FailureKind.UPSTREAM_ERROR, limit=1) == ["a1"]


def test_retry_number_bounds_the_attempts() -> None:
    failures = [FailureKind.UPSTREAM_ERROR] * 3
    assert tried([MANY], *failures, limit=2) == ["m1", "m2"]


def test_limited_keys_are_named_as_the_reason() -> None:
    limited = offer("a", credential_limit=RateLimit(windows=(Window(1, 60.0),)))
    pool = CredentialPool(Health(), Random(1))
    Failover([limited], pool).next(0.0)
    failover = Failover([limited], pool)
    assert failover.next(20.0) is None
    assert failover.refusal is not None
    assert failover.refusal.retry_after_s == 40.0
    assert failover.refusal.http_status == 429


def test_attempt_on_offers_that_rest_says_so() -> None:
    rest = Rest(60.0, "500 upstream_error")
    pool = CredentialPool(Health(), Random(1))
    attempt = Failover([A], pool, rest=rest).next(0.0)
    assert attempt is not None
    assert attempt.rest is rest
