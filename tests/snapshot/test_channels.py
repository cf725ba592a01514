from __future__ import annotations

import pytest

from headgate.providers.provider import Operation
from headgate.providers.quirks import max_completion_tokens
from headgate.snapshot.facts import LossPolicy, Override, Strategy, Window
from tests.configs import ONE_KEY, channel_of, compiled, errors, offer_of, one_channel
from tests.configs import providers_text as one

PLAIN = "base_url: https://h/v1\nmodel: [m]\n"


def warned(options: str) -> list[str]:
    """List the warnings of a single provider."""
    return list(one_channel(options).warnings)


def refused(options: str) -> list[str]:
    """List the errors of a single provider, without the file's name."""
    return [error.removeprefix("api.yaml:") for error in errors(one(options) + ONE_KEY)]


def test_a_channel_of_two_lines_has_uni_apis_defaults() -> None:
    channel = channel_of(one_channel(PLAIN))
    assert (channel.engine, channel.provider.name) == ("gpt", "openai-compatible")
    assert (channel.cooldown_s, channel.credential_cooldown_s) == (300.0, 0.0)
    assert channel.credential_quota_cooldown_s == 21_600.0
    assert channel.credential_rate_limit_cooldown_s is None
    assert channel.credential_strategy is Strategy.ROUND_ROBIN
    assert (channel.tools, channel.images, channel.proxy) == (True, True, None)
    assert (channel.on_loss, channel.answer_model) == (LossPolicy.REPORT, "requested")


def test_aliases_lead_to_upstream_models() -> None:
    text = "base_url: https://h/v1\nmodel: [a, {b: c, d: e}, {a: f}]"
    assert channel_of(one_channel(text)).models == {"a": "a", "c": "b", "e": "d", "f": "a"}


def test_an_alias_of_two_models_stands_for_the_last_with_a_warning() -> None:
    text = "base_url: https://h/v1\nmodel: [{a: x}, {b: x}]"
    assert channel_of(one_channel(text)).models == {"x": "b"}
    assert warned(text) == [
        'api.yaml:4:5: providers[0].model: "x" stands for two models: the last one counts'
    ]


def test_a_provider_that_lists_no_models_asks_for_them() -> None:
    text = one("base_url: https://h/v1") + ONE_KEY
    assert channel_of(compiled(text)).discovers
    snapshot = compiled(text, discovered={"p": ["b", "a"]})
    assert list(channel_of(snapshot).models) == ["b", "a"]
    assert list(snapshot.keys["sk-test-user"].routes) == ["b", "a"]


def test_a_provider_without_any_list_says_so() -> None:
    text = "base_url: https://x.openai.azure.com"
    assert not channel_of(one_channel(text)).discovers
    assert warned(text) == [
        "api.yaml:2:5: providers[0]: no models are listed, and this upstream has no list to ask for"
    ]


def test_github_models_has_its_seven_and_lets_client_errors_go_elsewhere() -> None:
    channel = channel_of(one_channel("base_url: https://models.inference.ai.azure.com"))
    assert len(channel.models) == 7
    assert channel.retry_client_errors
    assert not channel.discovers


@pytest.mark.parametrize(
    ("options", "engine", "row"),
    [
        ("project_id: x", "vertex", "vertex"),
        ("cf_account_id: acc", "cloudflare", "cloudflare"),
        ("cf_account_id: acc\nbase_url: https://api.cloudflare.com/", "cloudflare", "cloudflare"),
        ("engine: claude", "claude", "anthropic"),
        ("engine: Gemini\nbase_url: https://h/x", "gemini", "gemini-compatible"),
        ("engine: openrouter\nbase_url: https://h/v1/messages", "openrouter", "openai-compatible"),
        ("base_url: https://h/google-vertex-ai/v1\nproject_id: x", "gpt", "openai-compatible"),
    ],
)
def test_the_engine_comes_from_what_is_written(options: str, engine: str, row: str) -> None:
    channel = channel_of(one_channel(options + "\nmodel: [m]"))
    assert (channel.engine, channel.provider.name) == (engine, row)


def test_cloudflares_address_follows_from_the_account() -> None:
    channel = channel_of(one_channel("cf_account_id: acc\napi: k\nmodel: [m]"))
    assert channel.endpoints[Operation.CHAT][0].url == (
        "https://api.cloudflare.com/client/v4/accounts/acc/ai/v1/chat/completions"
    )


def test_a_wire_of_a_later_release_loads_lists_its_models_and_warns() -> None:
    snapshot = one_channel("project_id: p\nmodel: [m]")
    assert Operation.CHAT not in channel_of(snapshot).endpoints
    assert list(snapshot.keys["sk-test-user"].routes) == ["m"]
    assert "Google Vertex AI comes with a later release" in snapshot.warnings[0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("model: [m]", "2:5: providers[0]: base_url is missing: write the upstream's address"),
        ("engine: gpt", "2:5: providers[0]: base_url is missing: write the upstream's address"),
        ("engine: cloudflare", "2:5: providers[0]: cf_account_id is missing"),
        ("engine: magic", "3:5: providers[0].engine: unknown engine: write one of anthropic, aws"),
        ("base_url: api.openai.com", "3:5: providers[0].base_url: write a whole URL"),
        ("base_url: 'http://['", "3:5: providers[0].base_url: write a whole URL"),
        ("base_url: 'http://h:x'", "3:5: providers[0].base_url: write a whole URL"),
        ("base_url: 'http://h/a b'", "3:5: providers[0].base_url: write a whole URL"),
        ("base_url: 'ftp://h'", "3:5: providers[0].base_url: write a whole URL"),
        (PLAIN + 'api: [a, "b\\nc"]', "5:14: providers[0].api[1]: the key holds characters"),
        (PLAIN + "preferences: {proxy: 'socks9://h'}", "5:19: providers[0].preferences.proxy: wr"),
        (PLAIN + "preferences: {headers: {'a b': c}}", "5:29: providers[0].preferences.headers.a"),
        (
            PLAIN + 'preferences: {headers: {a: "b\\nc"}}',
            "5:29: providers[0].preferences.headers.a",
        ),
        (PLAIN + "preferences: {on_loss: x}", "5:19: providers[0].preferences.on_loss: write one"),
        (PLAIN + "preferences: {api_key_rate_limit: 5/week}", "5:19: providers[0].preferences.api"),
    ],
)
def test_what_cannot_be_used_says_where_and_what_to_write(options: str, said: str) -> None:
    assert refused(options)[0].startswith(said)


def test_every_error_of_every_entry_is_said_at_once() -> None:
    options = "engine: magic\npreferences: {proxy: x, on_loss: y, cooldown_period: z}"
    assert len(refused(options + "\nbase_url: https://h")) == 2
    assert len(refused(options.replace("engine: magic", "base_url: https://h"))) == 3


def test_credentials_are_shown_and_labelled_without_their_secret() -> None:
    one_of_two = channel_of(one_channel(PLAIN + "api: [first-key, 2]")).credentials
    assert [each.secret for each in one_of_two] == ["first-key", "2"]
    assert one_of_two[0].headers == (("authorization", "Bearer first-key"),)
    assert "first" not in one_of_two[0].label


def test_a_channel_without_a_key_is_used_without_one() -> None:
    (anonymous,) = channel_of(one_channel(PLAIN)).credentials
    assert anonymous.headers == ()


def test_an_empty_key_is_left_out_with_a_warning() -> None:
    text = PLAIN + "api: ['${NOT_SET}', k]"
    assert [each.secret for each in channel_of(one_channel(text)).credentials] == ["k"]
    assert warned(text)[-1].endswith("the key is empty: left out")


@pytest.mark.parametrize(
    ("own", "common", "used"),
    [
        ("", "", None),
        ("", "http://g:1", "http://g:1"),
        ("socks5://u:p@h:1", "http://g:1", "socks5://u:p@h:1"),
        ("''", "http://g:1", None),
        ("direct", "http://g:1", None),
    ],
)
def test_a_provider_can_opt_out_of_the_global_proxy(own: str, common: str, used: str) -> None:
    proxy = f"preferences: {{proxy: {own}}}" if own else ""
    text = one(PLAIN + proxy) + ONE_KEY + f"preferences: {{proxy: '{common}'}}"
    assert channel_of(compiled(text)).proxy == used


def test_headers_and_passthrough_names_are_lower_case() -> None:
    options = "preferences: {headers: {X-Team: blue}, passthrough_request_headers: X-Foo}"
    channel = channel_of(one_channel(PLAIN + options))
    assert channel.headers == (("x-team", "blue"),)
    assert channel.passthrough_headers == ("x-foo",)


@pytest.mark.parametrize(
    ("common", "own", "seconds"), [("", "", 300.0), ("60", "", 60.0), ("60", "0", 0.0)]
)
def test_a_providers_cooldown_counts_before_the_global_one(
    common: str, own: str, seconds: float
) -> None:
    text = one(PLAIN + f"preferences: {{cooldown_period: {own}}}") + ONE_KEY
    text += f"preferences: {{cooldown_period: {common}}}"
    assert channel_of(compiled(text)).cooldown_s == seconds


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ("max_request_body_bytes: 20MB", 20_000_000),
        ("preferences: {max_request_body_bytes: 25MiB}", 26_214_400),
        ("max_request_body_bytes: 3\npreferences: {max_request_body_bytes: 2}", 2),
        ("", None),
    ],
)
def test_body_limits_hold_at_both_levels(options: str, size: int | None) -> None:
    assert channel_of(one_channel(PLAIN + options)).max_body_bytes == size


def test_exclusions_of_both_levels_are_joined() -> None:
    options = """
exclude_endpoints: [v1/responses/compact/]
only_request_types: Compaction
exclude_request_rules: {match: {upstream_model: GPT-5*}, reason: because}
preferences:
  exclude_endpoints: /v1/messages
  exclude_request_types: [compaction]
  exclude_request_rules: [{match: {reasoning_effort: [high, xhigh]}}, {match: {odd: x}}]
"""
    channel = channel_of(one_channel(PLAIN + options))
    assert channel.exclude_endpoints == {"/v1/responses/compact", "/v1/messages"}
    assert channel.only_request_types == {"compaction"}
    assert channel.exclude_request_types == {"compaction"}
    assert [(rule.match, rule.reason) for rule in channel.exclude_rules] == [
        ({"upstream_model": ("gpt-5*",)}, "because"),
        ({"reasoning_effort": ("high", "xhigh")}, ""),
    ]


def test_key_pool_options_are_taken() -> None:
    options = """
preferences:
  api_key_schedule_algorithm: fixed_priority
  API_KEY_COOLDOWN_PERIOD: 60
  api_key_quota_cooldown_period: 3600
  api_key_rate_limit_cooldown_period: 120
"""
    channel = channel_of(one_channel(PLAIN + options))
    assert channel.credential_strategy is Strategy.FIXED_PRIORITY
    assert channel.credential_cooldown_s == 60.0
    assert channel.credential_quota_cooldown_s == 3600.0
    assert channel.credential_rate_limit_cooldown_s == 120.0


def test_a_key_limit_looks_at_the_upstreams_model() -> None:
    options = "preferences: {api_key_rate_limit: {up: 1/min, default: 2/min}}"
    text = "base_url: https://h/v1\nmodel: [{up-1: x}, up-x]\n" + options
    snapshot = one_channel(text.replace("up-x", "other"))
    for alias, count in (("x", 1), ("other", 2)):
        limit = offer_of(snapshot, alias).credential_limit
        assert limit is not None
        assert limit.windows == (Window(count, 60.0),)


@pytest.mark.parametrize(
    ("interval", "timeout", "keepalive"),
    [("1", "5", 1.0), ("5", "5", 5.0), ("25", "5", None), ("0", "5", None), ("99999", "5", None)],
)
def test_a_keepalive_longer_than_the_timeout_is_ignored(
    interval: str, timeout: str, keepalive: float | None
) -> None:
    options = f"preferences: {{keepalive_interval: {interval}, model_timeout: {timeout}}}"
    assert offer_of(one_channel(PLAIN + options), "m").keepalive_s == keepalive


def test_offers_carry_their_quirks_and_overrides() -> None:
    options = "preferences: {post_body_parameter_overrides: {t: 1, stream: false, x: {t: 2}}}"
    offer = offer_of(one_channel("base_url: https://h/v1\nmodel: [{gpt-5: x}]\n" + options), "x")
    assert max_completion_tokens in offer.quirks
    assert offer.overrides == (Override(values={"t": 1}), Override(values={"t": 2}))
    assert offer.stream_override is False


def test_global_answer_options_hold_unless_a_provider_says_otherwise() -> None:
    common = "preferences: {on_loss: refuse, answer_model: upstream}"
    channel = channel_of(compiled(one(PLAIN) + ONE_KEY + common))
    assert (channel.on_loss, channel.answer_model) == (LossPolicy.REFUSE, "upstream")
    own = "preferences: {on_loss: ignore, answer_model: requested}"
    channel = channel_of(compiled(one(PLAIN + own) + ONE_KEY + common))
    assert (channel.on_loss, channel.answer_model) == (LossPolicy.IGNORE, "requested")
