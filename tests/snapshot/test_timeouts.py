from __future__ import annotations

from typing import Any

import pytest

from headgate.snapshot.document import (
    Document,
    TimeoutBounds,
    TimeoutPolicyEntry,
    TimeoutRuleEntry,
)
from headgate.snapshot.facts import TimeoutChange
from headgate.snapshot.report import Report
from headgate.snapshot.timeouts import POLICY_FIELDS, patterns, policy_of, seconds_for, timeouts_of


@pytest.mark.parametrize(
    ("own", "common", "seconds"),
    [
        ({"asked": 1.0, "ask": 2.0}, {}, 1.0),  # the name asked for, exactly
        ({"sk": 1.0, "asked-": 2.0, "up": 3.0}, {}, 1.0),  # a part of it, in file order
        ({"UPSTREAM": 1.0, "up": 2.0}, {}, 1.0),  # the upstream's name, without case
        ({"up": 1.0, "default": 9.0}, {}, 1.0),  # and only then the provider's default
        ({"none": 1.0, "default": 9.0}, {"asked": 5.0}, 9.0),
        ({"none": 1.0}, {"asked": 5.0}, 5.0),
        ({}, {"upstream": 5.0, "default": 7.0}, 5.0),
        ({}, {"default": 7.0}, 7.0),
        ({}, {"none": 7.0}, None),
        ({"asked": 0.0}, {"default": 7.0}, 7.0),  # 0 is no timeout that anyone wants
    ],
)
def test_a_models_bound_is_looked_up_in_the_documented_order(
    own: dict[str, float], common: dict[str, float], seconds: float | None
) -> None:
    assert seconds_for("asked", "upstream", own, common) == seconds


def test_a_model_called_default_does_not_take_the_default_for_its_own() -> None:
    assert seconds_for("default", "default", {"default": 1.0, "fault": 2.0}, {}) == 2.0


def test_a_model_timeout_bounds_the_first_byte_and_every_silence() -> None:
    timeouts = timeouts_of(7.0)
    assert (timeouts.first_byte_s, timeouts.idle_s) == (7.0, 7.0)
    assert (timeouts.connect_s, timeouts.total_s) == (15.0, None)


def test_a_policy_keeps_its_default_and_its_rules() -> None:
    entry = TimeoutPolicyEntry(
        default=TimeoutBounds(connect=5.0),
        rules=(
            TimeoutRuleEntry(
                match={"endpoint": "/V1/*", "stream": True, "model": ["A", None, 5]},
                timeout=TimeoutBounds(first_byte=1.0, total=9.0),
            ),
        ),
    )
    policy = policy_of(entry, (), Report(Document()))
    assert policy is not None
    assert policy.default == TimeoutChange(connect_s=5.0)
    assert policy.rules[0].change == TimeoutChange(first_byte_s=1.0, total_s=9.0)
    assert policy.rules[0].match == {
        "endpoint": ("/v1/*",),
        "stream": ("true",),
        "model": ("a", "5"),
    }


def test_no_policy_is_none() -> None:
    assert policy_of(None, (), Report(Document())) is None


@pytest.mark.parametrize(
    ("match", "said"),
    [
        ({"endpont": "x"}, "m.endpont: not a field of a rule"),
        ({}, "m: a rule without conditions never matches"),
        ({"model": None}, "m: a rule without conditions never matches"),
    ],
)
def test_a_rule_that_can_never_match_is_left_out_with_a_warning(
    match: dict[str, Any], said: str
) -> None:
    report = Report(Document())
    assert patterns(match, POLICY_FIELDS, ("m",), report) is None
    assert report.warnings[0].startswith(said)
