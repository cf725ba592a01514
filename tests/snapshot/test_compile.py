from __future__ import annotations

import time

from headgate.snapshot.compile import compile_snapshot
from headgate.snapshot.document import (
    Document,
    KeyEntry,
    KeyRule,
    ModelName,
    Preferences,
    ProviderEntry,
)
from headgate.snapshot.facts import PriceEntry, RateLimit, Snapshot, Window
from tests.configs import ONE_KEY, compiled, document, errors, offer_of, routes_of

PROVIDER = "providers: [{provider: p, base_url: 'http://h/v1', model: [m]}]\n"


def test_a_snapshot_knows_its_version_and_when_it_was_made() -> None:
    result = compile_snapshot(document(PROVIDER + ONE_KEY), version=7, now_s=5.0)
    assert isinstance(result, Snapshot)
    assert (result.version, result.loaded_at_s) == (7, 5.0)


def test_models_that_no_table_names_get_the_timeout_of_the_environment() -> None:
    result = compile_snapshot(document(PROVIDER + ONE_KEY), version=1, timeout_s=33.0)
    assert isinstance(result, Snapshot)
    assert offer_of(result, "m").timeouts.first_byte_s == 33.0


def test_nothing_configured_says_what_is_needed() -> None:
    assert errors("preferences: {}") == [
        "api.yaml: providers: no provider is configured: write at least one",
        "api.yaml: api_keys: no key is configured: write at least one",
    ]


def test_errors_of_every_kind_are_said_at_once_in_file_order() -> None:
    text = """
    providers:
      - base_url: nonsense
      - provider: q
        base_url: nonsense
        tools: maybe
    api_keys:
      - role: x
    preferences:
      model_price: {a: b}
      rate_limit: 1/eon
    """
    assert [error.split(": ")[1] for error in errors(text)] == [
        "providers[0].provider",
        "providers[1].base_url",
        "providers[1].tools",
        "api_keys[0].api",
        "preferences.model_price.a",
        "preferences.rate_limit",
    ]


def test_two_providers_of_one_name_are_both_used_and_told_apart() -> None:
    text = """
    providers:
      - {provider: p, base_url: 'http://h/v1', model: [a, b]}
      - {provider: p, base_url: 'http://i/v1', model: [b, c]}
    api_keys:
      - {api: k, model: [p/*]}
    """
    snapshot = compiled(text)
    assert routes_of(snapshot, "k") == {"a": ["p"], "b": ["p", "p#2"], "c": ["p#2"]}
    assert snapshot.warnings == (
        "api.yaml:4:6: providers[1].provider: another provider has this name: "
        'in logs this one is "p#2"',
    )


def test_a_provider_with_a_slash_is_reached_by_its_models_names_with_a_warning() -> None:
    text = PROVIDER.replace("provider: p,", "provider: a/b,") + ONE_KEY
    snapshot = compiled(text)
    assert routes_of(snapshot, "sk-test-user") == {"m": ["a/b"]}
    assert 'a name with "/" cannot be used in rules' in snapshot.warnings[0]


def test_global_settings_are_taken() -> None:
    text = """
    preferences:
      rate_limit: 600/min,100000/day
      error_triggers: [TRIGGER, '']
      model_price: {gpt-b: '1,2', default: '3, 4'}
      request_timeout: 90
      session_affinity: false
      timeout_policy: {default: {connect: 3}}
    """
    settings = compiled(PROVIDER + ONE_KEY + text.replace("\n    ", "\n")).settings
    assert settings.rate_limit == RateLimit((Window(600, 60.0), Window(100_000, 86_400.0)))
    assert settings.error_triggers == ("TRIGGER",)
    assert settings.prices == (
        PriceEntry(prefix="gpt-b", input_nano_usd=10**9, output_nano_usd=2 * 10**9),
    )
    assert settings.default_price.input_nano_usd == 3 * 10**9
    assert settings.total_attempts_s == 90.0
    assert not settings.session_affinity
    assert settings.timeout_policy is not None
    assert settings.timeout_policy.default.connect_s == 3.0


def test_the_global_limit_may_be_a_map_of_which_the_default_counts() -> None:
    snapshot = compiled(PROVIDER + ONE_KEY + "preferences: {rate_limit: {gpt: 1/s, default: 2/s}}")
    assert snapshot.settings.rate_limit == RateLimit((Window(2, 1.0),))
    assert "the global limit is for all models together" in snapshot.warnings[0]


def test_a_thousand_keys_and_five_hundred_models_compile_in_a_second() -> None:
    models = tuple(ModelName(f"model-{at}", f"model-{at}") for at in range(500))
    providers = tuple(
        ProviderEntry(provider=f"p{at}", base_url="https://h/v1", api=("k",), model=models)
        for at in range(4)
    )
    keys = tuple(
        KeyEntry(api=f"sk-{at:04}", model=(KeyRule(f"p{at % 4}/*"), KeyRule(f"model-{at % 500}")))
        for at in range(1000)
    )
    preferences = Preferences(model_timeout={"model-1": 5.0, "default": 9.0})
    whole = Document(providers=providers, api_keys=keys, preferences=preferences)
    begun_s = time.process_time()
    result = compile_snapshot(whole, version=1)
    assert time.process_time() - begun_s < 1.0
    assert isinstance(result, Snapshot)
    assert len(result.keys["sk-0001"].routes) == 500
