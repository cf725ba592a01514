"""The ten example files for uni-api, each against what its header says of compilation."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from headgate.providers.provider import Operation
from headgate.snapshot.compile import compile_snapshot
from headgate.snapshot.facts import Override, Snapshot, Strategy, Window
from headgate.sources.yaml_file import read_document
from tests.configs import channel_of, offer_of, routes_of

ROOT = Path(__file__).parent.parent.parent
FOLDER = Path(os.environ.get("HEADGATE_EXAMPLES", ROOT.parent / "shared" / "examples" / "uni-api"))

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the example files are not here (set HEADGATE_EXAMPLES)"
)


def example(number: str, **environment: str) -> Snapshot:
    """Compile an example, which must load."""
    (path,) = FOLDER.glob(f"{number}-*.yaml")
    result = compile_snapshot(read_document(path.read_bytes(), path.name, environment), version=1)
    assert isinstance(result, Snapshot), [str(error) for error in result]
    return result


def chat_url(snapshot: Snapshot, name: str) -> str:
    """Give where a channel's chat is asked."""
    return channel_of(snapshot, name).endpoints[Operation.CHAT][0].url


def test_01_the_smallest_file_asks_for_models_and_its_only_key_is_an_admin() -> None:
    snapshot = example("01")
    alpha = channel_of(snapshot, "alpha")
    assert alpha.discovers
    assert alpha.endpoints[Operation.MODELS][0].url == "http://127.0.0.1:19000/alpha/v1/models"
    assert alpha.credentials[0].headers == (("authorization", "Bearer up-alpha-0001"),)
    assert snapshot.keys["sk-min-user-0001"].is_admin


def test_02_the_seed_documents_file_means_what_it_meant() -> None:
    snapshot = example("02")
    admin, user, weighted = snapshot.keys.values()
    assert admin.is_admin
    assert list(admin.routes)[:2] == ["gpt-4o", "claude-3-5-sonnet"]
    assert list(admin.routes)[2:] == [
        "gemini-1.5-pro",
        "gemini-1.5-flash",
        "gemini-1.5-flash-exp-0827",
    ]
    routes = routes_of(snapshot, "sk-seed-admin-0001")
    assert routes["claude-3-5-sonnet"] == ["provider_name", "anthropic", "vertex"]
    assert "claude-3-5-sonnet-20240620" not in admin.routes
    assert channel_of(snapshot, "vertex").models["claude-3-5-sonnet"] == (
        "claude-3-5-sonnet@20240620"
    )
    assert routes_of(snapshot, "sk-seed-user-0002") == {
        "claude-3-5-sonnet": ["anthropic"],
        "anthropic/claude-3-5-sonnet": ["other-provider"],
        "text-moderation-latest": ["openai-test"],
    }
    assert user.moderation
    assert user.limits is not None
    assert user.limits.default is not None
    assert user.limits.default.windows == (Window(2, 60.0),)
    other = channel_of(snapshot, "other-provider")
    assert (other.tools, other.images, other.engine) == (False, False, "openrouter")
    assert other.endpoints[Operation.CHAT][0].dialect == "openai_chat"
    assert routes_of(snapshot, "sk-seed-weight-0003")["gemini-1.5-pro-w"] == [
        "gcp1*5",
        "gcp2*3",
        "gcp3*2",
    ]
    assert weighted.strategy is Strategy.WEIGHTED_ROUND_ROBIN
    assert offer_of(snapshot, "gpt-4o", "provider_name").timeouts.first_byte_s == 10.0
    assert len(channel_of(snapshot, "anthropic").credentials) == 2


@pytest.mark.parametrize(
    ("key", "routes"),
    [
        ("sk-r-order", {"gpt-a": ["p2", "p1"]}),
        ("sk-r-plain", {"gpt-a": ["p1", "p2", "p3"]}),
        ("sk-r-one", {"gpt-a": ["p2"]}),
        ("sk-r-nested-name", {"team/gpt-x": ["p1"]}),
        ("sk-r-angle", {"team/gpt-x": ["p1", "p2"]}),
        ("sk-r-alias", {"short": ["p1"]}),
        ("sk-r-unknown", {}),
        ("sk-r-group", {"gpt-a": ["random[p1 p2]", "p3"], "gpt-b": ["random[p1]"]}),
        ("sk-r-group-one", {"gpt-a": ["random[p1 p2]"]}),
        ("sk-r-loop-b", {"gpt-a": ["p1"], "gpt-b": ["p1"]}),
        ("sk-r-default", {"gpt-a": ["p1", "p2", "p3"], "gpt-b": ["p1"]}),
        ("sk-r-dup", {"gpt-a": ["p1", "p2", "p3", "p1"]}),
    ],
)
def test_03_every_form_of_a_rule(key: str, routes: dict[str, list[str]]) -> None:
    snapshot = example("03")
    found = routes_of(snapshot, key)
    assert {model: found[model] for model in routes} == routes
    if not key.endswith(("order", "group", "loop-b", "default")):
        assert found.keys() == routes.keys()
    assert channel_of(snapshot, "p1").models["short"] == "gpt-very-long-name-2025-01-01"


def test_04_weights_strategies_and_retries() -> None:
    snapshot = example("04")
    keys = snapshot.keys
    assert routes_of(snapshot, "sk-s-wrr")["gpt-s"] == ["ok1*5", "ok2*1", "ok3"]
    assert routes_of(snapshot, "sk-s-single-w")["gpt-s"] == ["ok1*5", "ok2"]
    assert routes_of(snapshot, "sk-s-direct")["gpt-s"] == ["ok1*1", "ok2*3"]
    assert keys["sk-s-wrr21"].strategy is Strategy.SMART_ROUND_ROBIN
    assert keys["sk-s-lottery"].strategy is Strategy.LOTTERY
    assert keys["sk-s-rr"].strategy is Strategy.ROUND_ROBIN
    assert keys["sk-s-fixed"].strategy is Strategy.FIXED_PRIORITY
    attempts = [keys[f"sk-s-{name}"].max_attempts for name in ("retry", "noretry", "retry-n")]
    assert attempts == [None, 1, 3]
    assert channel_of(snapshot, "hot").cooldown_s == 0.0
    assert channel_of(snapshot, "ok1").cooldown_s == 300.0


def test_05_key_pools_limits_and_cooldowns() -> None:
    snapshot = example("05")
    strategies = {channel.name: channel.credential_strategy for channel in snapshot.channels}
    assert strategies["rr"] is Strategy.ROUND_ROBIN
    assert strategies["fixed"] is Strategy.FIXED_PRIORITY
    assert strategies["shuffled"] is Strategy.RANDOM
    assert strategies["smart"] is Strategy.SMART_ROUND_ROBIN
    assert strategies["typo"] is Strategy.ROUND_ROBIN
    assert channel_of(snapshot, "cool").credential_cooldown_s == 60.0
    assert channel_of(snapshot, "quota").credential_quota_cooldown_s == 3600.0
    assert channel_of(snapshot, "throttled").credential_rate_limit_cooldown_s == 120.0
    counts = {}
    for model in ("gem-pro-002", "gem-pro-latest-gpt", "gpt-other", "gpt-tpr"):
        limit = offer_of(snapshot, model, "models").credential_limit
        assert limit is not None
        counts[model] = (limit.windows[0].requests, limit.tokens_per_request)
    assert counts == {
        "gem-pro-002": (500, None),
        "gem-pro-latest-gpt": (1000, None),
        "gpt-other": (4, None),
        "gpt-tpr": (60, 100),
    }
    upper = offer_of(snapshot, "gpt-upper", "upper")
    assert upper.credential_limit is not None
    assert upper.credential_limit.windows == (Window(2, 60.0),)
    assert upper.channel.credential_cooldown_s == 60.0
    limits = snapshot.keys["sk-l-multi"].limits
    assert limits is not None
    assert limits.default is not None
    assert limits.default.windows == (Window(5, 60.0), Window(6, 3600.0))
    assert snapshot.keys["sk-l-old"].limits is not None
    assert snapshot.settings.rate_limit is not None
    assert snapshot.settings.rate_limit.windows == (Window(600, 60.0), Window(100_000, 86_400.0))


def test_06_timeouts_and_keepalive() -> None:
    snapshot = example("06")
    bounds = {
        alias: (
            offer_of(snapshot, alias, name).timeouts.first_byte_s,
            offer_of(snapshot, alias, name).keepalive_s,
        )
        for alias, name in (
            ("gpt-slow-1s", "slow"),
            ("gpt-ka", "slow"),
            ("pretty", "slow"),
            ("gpt-ka-toolong", "ka-toolong"),
            ("gpt-4-turbo-x", "sub"),
        )
    }
    assert bounds == {
        "gpt-slow-1s": (1.0, None),
        "gpt-ka": (60.0, 1.0),
        "pretty": (4.0, None),
        "gpt-ka-toolong": (5.0, None),
        "gpt-4-turbo-x": (7.0, None),
    }
    policy = channel_of(snapshot, "policy").timeout_policy
    assert policy is not None
    assert [len(rule.match) for rule in policy.rules] == [2, 2, 4]
    assert policy.rules[2].change.first_byte_s == 45.0
    (chat,) = channel_of(snapshot, "policy").endpoints[Operation.CHAT]
    assert (chat.dialect, chat.url) == (
        "openai_responses",
        "http://127.0.0.1:19000/policy/v1/responses",
    )


def test_07_overrides_headers_and_proxies() -> None:
    snapshot = example("07")
    shared, own = offer_of(snapshot, "gpt-ov-alias", "ov").overrides
    assert shared.values == {"temperature": 0.5, "metadata": {"src": "gw"}}
    assert [removal.path for removal in shared.removals] == [("user",)]
    assert own.values == {"top_p": 0.1}
    assert [removal.path for removal in own.removals] == [("metadata",)]
    assert offer_of(snapshot, "gpt-ov", "ov").overrides == (shared,)
    (layer,) = offer_of(snapshot, "gpt-ovpath", "ovpath").overrides
    assert layer.removals[0].drop_empty
    assert layer.removals[0].conditions == ({"type": "web_search"},)
    assert offer_of(snapshot, "gpt-st", "st").stream_override is False
    header = channel_of(snapshot, "hd")
    assert header.headers == (("x-team", "blue"), ("x-foo", "fixed"))
    assert header.passthrough_headers == ("x-foo",)
    assert channel_of(snapshot, "px").proxy == "socks5://user:pass@127.0.0.1:1080"
    assert len(channel_of(snapshot, "cl").models) == 3
    search = offer_of(snapshot, "gemini-2.5-flash-think-24576-search", "gm")
    assert search.overrides == (Override(values={"tools": [{"google_search": {}}]}),)
    effort = offer_of(snapshot, "gpt-oss-120b-low", "eff")
    assert [quirk.__name__ for quirk in effort.quirks] == [
        "without_temperature",
        "effort_from_alias",
    ]


def test_08_every_dialect_is_recognised_and_all_models_are_listed() -> None:
    snapshot = example("08")
    engines = {channel.name: channel.engine for channel in snapshot.channels}
    assert engines == {
        "oai": "gpt",
        "router": "gpt",  # the OpenAI wire; uni-api says openrouter because of the model's name
        "claude": "claude",
        "gemini": "gemini",
        "gemoai": "gpt",
        "vertex": "vertex",
        "vexpress": "vertex",
        "vxgate": "vertex",
        "azure": "azure",
        "azmodels": "azure",
        "dbx": "azure-databricks",
        "aws": "aws",
        "cohere": "cohere",
        "cf": "cloudflare",
        "doubao": "doubao-translation",
        "ghm": "gpt",
        "resp": "gpt",
        "codex": "codex",
        "forced": "gemini",
        "jina": "gpt",
        "tavily": "search",
        "minimax": "gpt",
    }
    assert all(channel.models for channel in snapshot.channels)
    later = {"vertex", "vexpress", "vxgate", "doubao", "codex"}
    unable = {c.name for c in snapshot.channels if Operation.CHAT not in c.endpoints}
    assert unable == later | {"jina", "tavily"}  # which search, and do not chat
    assert all(channel_of(snapshot, name).provider.missing for name in later)
    assert chat_url(snapshot, "router") == "https://api.example-router.test/v1/chat/completions"
    assert chat_url(snapshot, "azmodels").endswith(
        "/models/chat/completions?api-version=2024-05-01-preview"
    )
    assert channel_of(snapshot, "ghm").retry_client_errors
    assert routes_of(snapshot, "sk-d-search") == {"search": ["jina", "tavily"]}
    where = [
        channel_of(snapshot, name).endpoints[Operation.SEARCH][0].url for name in ("jina", "tavily")
    ]
    assert where == ["https://s.jina.ai/", "https://api.tavily.com/search"]
    assert channel_of(snapshot, "tavily").search_defaults["max_results"] == 7
    azure = offer_of(snapshot, "az-gpt-4o", "azure")
    assert azure.overrides[0].values == {"stream_options": {"include_usage": True}}


def test_09_roles_credits_prices_and_variables() -> None:
    snapshot = example("09", UP_KEY="up-from-env")
    secrets = {channel.name: channel.credentials[0].secret for channel in snapshot.channels}
    assert secrets == {"bill": "up-from-env", "trig": "fallback-key", "backup": "up-backup"}
    keys = snapshot.keys
    admins = [name for name, key in keys.items() if key.is_admin]
    assert admins == ["sk-b-admin", "sk-b-ops"]
    credits_ = [keys[f"sk-b-{name}"].credits for name in ("paid", "zero", "free")]
    assert credits_ == [100_000, 0, None]
    assert keys["sk-b-paid"].created_at == 1_704_038_400.0
    assert keys["sk-b-mod"].moderation
    assert [price.prefix for price in snapshot.settings.prices] == ["gpt-b", "gpt-c"]
    assert snapshot.settings.prices[1].output_nano_usd == 480_000_000
    assert snapshot.settings.default_price.output_nano_usd == 2_000_000_000
    assert snapshot.settings.error_triggers[2] == "TRIGGERWORD"


def test_10_filters_of_requests() -> None:
    snapshot = example("10")
    assert channel_of(snapshot, "resp-a").exclude_endpoints == {"/v1/responses/compact"}
    assert channel_of(snapshot, "resp-b").only_request_types == {"compaction"}
    third = channel_of(snapshot, "resp-c")
    assert third.exclude_request_types == {"compaction"}
    assert third.exclude_rules[0].match["reasoning_effort"] == ("high", "xhigh")
    fourth = channel_of(snapshot, "resp-d")
    assert fourth.max_body_bytes == 1_000_000
    assert fourth.exclude_endpoints == {"/v1/messages"}
    assert routes_of(snapshot, "sk-e-c") == {"gpt-5.2": ["resp-c"]}
    policy = snapshot.settings.timeout_policy
    assert policy is not None
    assert (policy.default.first_byte_s, policy.default.total_s) == (8.0, 300.0)


@pytest.mark.parametrize("number", [f"{number:02}" for number in range(1, 11)])
def test_no_warning_or_message_repeats_a_key(number: str) -> None:
    snapshot = example(number)
    secrets = {secret for secret in snapshot.keys if len(secret) > 9}
    assert [w for w in snapshot.warnings for secret in secrets if secret in w] == []
