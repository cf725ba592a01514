"""The time bounds of an attempt (`uni-api.md` 1.9)."""

from typing import Any

import pytest

from headgate.relay.timeouts import timeouts_for
from headgate.snapshot.facts import (
    Settings,
    TimeoutChange,
    TimeoutPolicy,
    TimeoutRule,
    Timeouts,
)
from tests.calls import call
from tests.facts import channel, key, offer

ONE_SECOND = Timeouts(first_byte_s=1.0)


def rule(match: dict[str, tuple[str, ...]], **bounds: float) -> TimeoutRule:
    return TimeoutRule(match=match, change=TimeoutChange(**bounds))


def policy(*rules: TimeoutRule, **default: float) -> TimeoutPolicy:
    return TimeoutPolicy(default=TimeoutChange(**default), rules=rules)


def bounds(
    of_all: TimeoutPolicy | None = None,
    of_channel: TimeoutPolicy | None = None,
    **asked: Any,
) -> Timeouts:
    """Bounds of a chat attempt on channel "a", engine "gpt", gpt-alias -> gpt-up, by role "user".

    The model's own bound on the first byte is one second.
    """
    made = offer(
        channel("a", timeout_policy=of_channel), "gpt-up", alias="gpt-alias", timeouts=ONE_SECOND
    )
    return timeouts_for(made, call(**asked), key([]), Settings(timeout_policy=of_all))


def first_byte_s(of_all: TimeoutPolicy | None = None, **more: Any) -> float:
    return bounds(of_all, **more).first_byte_s


def test_without_a_policy_the_models_own_bounds_hold() -> None:
    assert bounds() == ONE_SECOND


def test_default_replaces_what_it_names() -> None:
    assert bounds(policy(connect_s=3.0)) == Timeouts(first_byte_s=1.0, connect_s=3.0)


def test_channels_default_wins_over_the_global_one() -> None:
    assert first_byte_s(policy(first_byte_s=5.0), of_channel=policy(first_byte_s=6.0)) == 6.0


def test_global_rule_wins_over_the_channels_default() -> None:
    ruled = policy(rule({"stream": ("false",)}, first_byte_s=5.0))
    assert first_byte_s(ruled, of_channel=policy(first_byte_s=6.0)) == 5.0


def test_channels_rule_wins_over_all() -> None:
    of_channel = policy(rule({"stream": ("false",)}, first_byte_s=7.0), first_byte_s=6.0)
    ruled = policy(rule({"stream": ("false",)}, first_byte_s=5.0), first_byte_s=4.0)
    assert first_byte_s(ruled, of_channel=of_channel) == 7.0


def test_rule_may_ask_for_a_type_of_request() -> None:
    ruled = policy(rule({"request_type": ("compaction",)}, first_byte_s=5.0))
    assert first_byte_s(ruled) == 1.0
    assert first_byte_s(ruled, path="/v1/responses/compact") == 5.0


def test_rule_with_the_most_conditions_counts_alone() -> None:
    of_all = policy(
        rule({"stream": ("false",)}, first_byte_s=2.0, connect_s=9.0),
        rule({"stream": ("false",), "method": ("post",)}, first_byte_s=3.0),
        rule({"stream": ("false",), "role": ("user",)}, first_byte_s=4.0),
    )
    assert bounds(of_all) == Timeouts(first_byte_s=3.0)


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({"total_s": 600.0}, Timeouts(first_byte_s=600.0, total_s=600.0)),
        ({"idle_s": 30.0}, Timeouts(first_byte_s=30.0, idle_s=30.0)),
        (
            {"total_s": 600.0, "idle_s": 30.0},
            Timeouts(first_byte_s=600.0, idle_s=30.0, total_s=600.0),
        ),
        (
            {"first_byte_s": 5.0, "total_s": 600.0},
            Timeouts(first_byte_s=5.0, total_s=600.0),
        ),
    ],
)
def test_total_or_idle_bound_lifts_a_short_model_timeout(
    named: dict[str, float], expected: Timeouts
) -> None:
    assert bounds(policy(rule({"stream": ("false",)}, **named))) == expected


def test_bound_on_the_first_byte_holds_beside_a_total_one_of_another_policy() -> None:
    of_channel = policy(rule({"stream": ("false",)}, total_s=600.0))
    assert bounds(policy(first_byte_s=5.0), of_channel) == Timeouts(first_byte_s=5.0, total_s=600.0)


@pytest.mark.parametrize(
    ("name", "patterns"),
    [
        ("endpoint", ("/v1/chat/*",)),
        ("endpoint", ("/v1/chat/completions",)),
        ("stream", ("false",)),
        ("method", ("post",)),
        ("engine", ("claude", "gpt")),
        ("provider", ("a",)),
        ("model", ("gpt-alias",)),
        ("model", ("gpt-up",)),
        ("request_model", ("gpt-al*",)),
        ("upstream_model", ("gpt-up",)),
        ("role", ("*",)),
    ],
)
def test_rule_may_match_on(name: str, patterns: tuple[str, ...]) -> None:
    assert first_byte_s(policy(rule({name: patterns}, first_byte_s=5.0))) == 5.0


@pytest.mark.parametrize(
    ("name", "patterns"),
    [
        ("stream", ("true",)),
        ("engine", ("gp",)),
        ("request_model", ("gpt-up",)),
        ("upstream_model", ("gpt-alias",)),
        ("role", ("admin",)),
        ("weather", ("*",)),
    ],
)
def test_rule_that_does_not_match_changes_nothing(name: str, patterns: tuple[str, ...]) -> None:
    assert first_byte_s(policy(rule({name: patterns}, first_byte_s=5.0))) == 1.0


def test_streams_have_their_own_rules() -> None:
    of_all = policy(rule({"stream": ("true",)}, idle_s=20.0))
    assert bounds(of_all, stream=True).idle_s == 20.0
    assert bounds(of_all, stream=False) == ONE_SECOND
