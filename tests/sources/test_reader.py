from __future__ import annotations

from typing import TypeVar

import msgspec
import pytest

from headgate.snapshot.document import (
    KeyEntry,
    KeyPreferences,
    KeyRule,
    ModelName,
    Preferences,
    ProviderEntry,
    ProviderPreferences,
    TimeoutBounds,
    TimeoutPolicyEntry,
    key_path,
)
from headgate.sources.reader import Reader
from headgate.sources.yaml_tree import read_tree

T = TypeVar("T", bound=msgspec.Struct)


def read(kind: type[T], text: str) -> T:
    """Read a Struct from a text without errors."""
    found, reader = attempt(kind, text)
    assert reader.errors == []
    return found


def attempt(kind: type[T], text: str) -> tuple[T, Reader]:
    """Read a Struct, and give the reader with what it noted."""
    root = read_tree(text.encode()).root
    assert root is not None
    reader = Reader({"SET": "from-env"})
    return reader.struct(kind, root, ()), reader


def noted(kind: type[msgspec.Struct], text: str) -> list[str]:
    """List errors, then warnings, as `key: message`."""
    _, reader = attempt(kind, text)
    return [f"{key_path(p.path)}: {p.message}" for p in (*reader.errors, *reader.warnings)]


def test_numbers_are_names_and_keys_where_text_is_expected() -> None:
    entry = read(ProviderEntry, "{provider: 123, api: 0777, base_url: 5}")
    assert (entry.provider, entry.api, entry.base_url) == ("123", ("0777",), "5")


def test_a_key_without_a_value_is_as_good_as_none() -> None:
    assert read(KeyEntry, "{api: x, model: , role: ~, preferences: }") == KeyEntry(api="x")


def test_variables_are_put_into_values() -> None:
    entry = read(ProviderEntry, "{api: ['${SET}', '${OTHER:-default}'], provider: x}")
    assert entry.api == ("from-env", "default")


def test_a_variable_that_is_not_set_warns() -> None:
    text = "{api: '${NOPE}'}"
    assert noted(KeyEntry, text) == [
        "api: the environment variable NOPE is not set: taken as empty"
    ]


def test_models_are_names_or_maps_from_upstream_to_alias() -> None:
    entry = read(ProviderEntry, "{model: [a, {b: c, d: 5}, {e: }, 4]}")
    assert entry.model == (
        ModelName("a", "a"),
        ModelName("b", "c"),
        ModelName("d", "5"),
        ModelName("e", "e"),
        ModelName("4", "4"),
    )


def test_a_single_model_needs_no_list() -> None:
    assert read(ProviderEntry, "model: a").model == (ModelName("a", "a"),)


@pytest.mark.parametrize("text", ["provider: x", "{provider: x, model: }"])
def test_models_that_are_left_out_are_told_from_an_empty_list(text: str) -> None:
    assert read(ProviderEntry, text).model is None


def test_rules_may_carry_a_weight() -> None:
    entry = read(KeyEntry, "model: [all, p/*: 5, {gpt-4: 3, <a/b>: }]")
    assert entry.model == (
        KeyRule("all"),
        KeyRule("p/*", 5),
        KeyRule("gpt-4", 3),
        KeyRule("<a/b>"),
    )


def test_a_weight_must_be_a_whole_number_above_0() -> None:
    assert noted(KeyEntry, "model: [p/*: 0.5, q/*: -1, r/*: 0]") == [
        "model[0]: write a whole number",
        "model[1]: a weight is a whole number above 0",
        "model[2]: a weight of 0 is no weight: the channel is tried after weighted ones",
    ]


@pytest.mark.parametrize("kind", [ProviderPreferences, Preferences])
def test_one_timeout_may_stand_for_all_models(
    kind: type[ProviderPreferences] | type[Preferences],
) -> None:
    assert read(kind, "model_timeout: 5").model_timeout == {"default": 5.0}
    assert read(kind, "model_timeout: {gpt-4: 7, default: 9}").model_timeout == {
        "gpt-4": 7.0,
        "default": 9.0,
    }


@pytest.mark.parametrize("kind", [KeyPreferences, Preferences])
def test_one_rate_limit_may_stand_for_all_models(
    kind: type[KeyPreferences] | type[Preferences],
) -> None:
    assert read(kind, "rate_limit: 5/min").rate_limit == {"default": "5/min"}
    assert read(kind, "rate_limit: {a: 1/s}").rate_limit == {"a": "1/s"}


def test_lists_of_one_need_no_brackets() -> None:
    entry = read(ProviderEntry, "{exclude_endpoints: /v1/x, only_request_types: [a, b]}")
    assert (entry.exclude_endpoints, entry.only_request_types) == (("/v1/x",), ("a", "b"))
    rules = read(ProviderEntry, "exclude_request_rules: {match: {endpoint: x}}")
    assert rules.exclude_request_rules[0].match == {"endpoint": "x"}


def test_a_number_in_a_timeout_policy_is_the_first_byte() -> None:
    policy = read(TimeoutPolicyEntry, "rules: [{match: {model: x}, timeout: 45}]")
    assert policy.rules[0].timeout == TimeoutBounds(first_byte=45.0)


def test_overrides_keep_the_types_that_yaml_means() -> None:
    text = "post_body_parameter_overrides: {a: 1, b: 0.5, c: '1', d: [true, ~], e: {f: 2024-01-01}}"
    assert read(ProviderPreferences, text).post_body_parameter_overrides == {
        "a": 1,
        "b": 0.5,
        "c": "1",
        "d": [True, None],
        "e": {"f": "2024-01-01"},
    }


@pytest.mark.parametrize(
    ("written", "value"),
    [("true", True), ("false", False), ("0", 0), ("2", 2), ("'false'", False)],
)
def test_auto_retry_is_a_flag_or_a_number(written: str, value: bool | int) -> None:
    found = read(KeyPreferences, f"AUTO_RETRY: {written}").auto_retry
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("name", ["SCHEDULING_ALGORITHM", "scheduling_algorithm"])
def test_upper_and_lower_case_are_both_right_for_the_options_that_shout(name: str) -> None:
    found, reader = attempt(KeyPreferences, f"{name}: random")
    assert (found.scheduling_algorithm, reader.warnings) == ("random", [])


def test_old_spellings_are_read_and_remarked_on() -> None:
    found, reader = attempt(ProviderPreferences, "API_KEY_RATE_LIMIT: 2/min")
    assert found.api_key_rate_limit == {"default": "2/min"}
    assert [problem.message for problem in reader.warnings] == [
        'an old spelling: write "api_key_rate_limit"'
    ]


def test_the_right_spelling_counts_where_both_are_given() -> None:
    found, _ = attempt(KeyPreferences, "{rate_limit: 1/s, RATE_LIMIT: 2/s}")
    assert found.rate_limit == {"default": "1/s"}


def test_unknown_options_warn_and_suggest() -> None:
    assert noted(ProviderEntry, "{providr: x, zzz: {a: [1]}}") == [
        'providr: unknown option, ignored: did you mean "provider"?',
        "zzz: unknown option, ignored",
    ]


def test_what_uni_api_wrote_back_is_tolerated_in_silence() -> None:
    assert noted(ProviderEntry, "{_model_dict_cache: {a: b}, tools: true, notes: [x]}") == []


def test_options_that_do_nothing_yet_say_so() -> None:
    assert noted(Preferences, "hedging: {enabled: true}") == [
        "hedging: understood, but this release does nothing with it"
    ]


def test_every_bad_value_is_noted_and_the_rest_is_read() -> None:
    text = """
provider: [x]
tools: perhaps
api: [a, {b: c}, d]
model: {x: [y]}
preferences: {cooldown_period: soon, headers: 5, model_timeout: {a: b}}
base_url: u
"""
    entry, reader = attempt(ProviderEntry, text)
    assert {key_path(problem.path): problem.message for problem in reader.errors} == {
        "provider": "write a single value here, not a list",
        "tools": "write true or false",
        "api[1]": "write a single value here, not a map",
        "model": "write a single value here, not a list",
        "preferences.cooldown_period": "write a number of seconds",
        "preferences.headers": "write a map here, not a single value",
        "preferences.model_timeout.a": "write a number of seconds",
    }
    assert (entry.base_url, entry.api) == ("u", ("a", "d"))
