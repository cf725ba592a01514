from __future__ import annotations

import pytest

from headgate.base.money import NanoUsd
from headgate.snapshot.facts import Key, LossPolicy, Strategy
from tests.configs import compiled, errors

PROVIDER = "providers: [{provider: p, base_url: 'http://h/v1', model: [m]}]\n"
TWO = PROVIDER + "api_keys:\n  - {api: other}\n  - {api: mine, %s}\n"


def key(options: str = "", top: str = "") -> Key:
    """Compile a key that is not the only one."""
    return compiled(TWO % options + top).keys["mine"]


def test_a_key_of_one_line_has_uni_apis_defaults() -> None:
    found = key()
    assert found.strategy is Strategy.FIXED_PRIORITY
    assert (found.max_attempts, found.limits, found.credits) == (None, None, None)
    assert (found.moderation, found.is_admin, found.on_loss) == (False, False, None)


def test_the_id_is_stable_and_does_not_tell_the_key() -> None:
    assert key().key_id == key("role: x").key_id
    assert "mine" not in key().key_id
    assert key().role == key().key_id


@pytest.mark.parametrize(
    ("role", "is_admin", "warned"),
    [("admin", True, False), ("ops-Admin-night", True, True), ("customer", False, False)],
)
def test_a_role_that_contains_admin_is_an_administrator(
    role: str, is_admin: bool, warned: bool
) -> None:
    snapshot = compiled(TWO % f"role: {role}")
    assert snapshot.keys["mine"].is_admin is is_admin
    assert snapshot.keys["mine"].role == role
    assert bool(snapshot.warnings) is warned


def test_the_only_key_is_an_administrator() -> None:
    assert compiled(PROVIDER + "api_keys: [{api: mine}]").keys["mine"].is_admin


@pytest.mark.parametrize(
    ("written", "attempts"), [("true", None), ("false", 1), ("0", 1), ("2", 3), ("'true'", None)]
)
def test_auto_retry_is_a_number_of_attempts(written: str, attempts: int | None) -> None:
    assert key(f"preferences: {{AUTO_RETRY: {written}}}").max_attempts == attempts


@pytest.mark.parametrize(
    ("written", "money"),
    [("0.0001", 100_000), ("0", 0), ("-1", None), ("5", 5_000_000_000), ("1e-9", 1)],
)
def test_credits_are_nano_dollars_and_0_blocks(written: str, money: int | None) -> None:
    expected = None if money is None else NanoUsd(money)
    assert key(f"preferences: {{credits: {written}}}").credits == expected


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2024-01-01T00:00:00+08:00", 1_704_038_400.0),
        ("'2024-01-01 00:00:00'", 1_704_067_200.0),
    ],
)
def test_created_at_may_be_a_timestamp_or_a_text(written: str, seconds: float) -> None:
    assert key(f"preferences: {{created_at: {written}}}").created_at == seconds


@pytest.mark.parametrize("name", ["rate_limit", "RATE_LIMIT"])
def test_limits_are_found_by_the_requested_model(name: str) -> None:
    limits = key(f"preferences: {{{name}: {{gpt: 2/min, default: 3/min}}}}").limits
    assert limits is not None
    found = [limits.limit_for(model) for model in ("gpt-4", "claude")]
    assert [limit.windows[0].requests for limit in found if limit] == [2, 3]


@pytest.mark.parametrize(
    ("own", "top", "moderated"),
    [("", "", False), ("", "true", True), ("false", "true", False), ("true", "false", True)],
)
def test_the_top_level_moderation_switch_is_the_default(
    own: str, top: str, moderated: bool
) -> None:
    options = f"preferences: {{ENABLE_MODERATION: {own}}}"
    assert key(options, f"ENABLE_MODERATION: {top}\n").moderation is moderated


def test_a_key_may_have_its_own_loss_policy_and_strategy() -> None:
    found = key("preferences: {on_loss: ignore, scheduling_algorithm: Lottery}")
    assert (found.on_loss, found.strategy) == (LossPolicy.IGNORE, Strategy.LOTTERY)


def test_a_key_listed_twice_keeps_its_first_entry() -> None:
    snapshot = compiled(TWO % "role: first" + "  - {api: mine, role: second}\n")
    assert snapshot.keys["mine"].role == "first"
    assert snapshot.warnings == (
        "api.yaml:5:6: api_keys[2].api: this key is listed twice: the first entry counts",
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("preferences: {AUTO_RETRY: -1}", "AUTO_RETRY: write true, false or"),
        ("preferences: {credits: much}", "credits: write an amount in dollars"),
        ("preferences: {created_at: x}", "created_at: write a date and time"),
        ("preferences: {rate_limit: 5/week}", 'rate_limit: unknown unit "week"'),
        ("preferences: {on_loss: x}", "on_loss: write one of"),
    ],
)
def test_what_cannot_be_used_says_where_and_what_to_write(options: str, said: str) -> None:
    (error,) = errors(TWO % options)
    assert error.startswith(f"api.yaml:4:31: api_keys[1].preferences.{said}")


def test_an_entry_without_a_key_is_an_error() -> None:
    assert errors(PROVIDER + "api_keys: [{role: admin}]") == [
        "api.yaml:2:12: api_keys[0].api: the key itself is missing"
    ]
