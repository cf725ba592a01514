"""From a `providers[]` entry to a `Channel` and its offers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from headgate.providers.catalog import CATALOG
from headgate.providers.engines import (
    AWS,
    CLOUDFLARE,
    CODEX,
    ENGINES,
    GPT,
    VERTEX,
    infer_engine,
    provider_for,
)
from headgate.providers.provider import Auth, Operation, Provider
from headgate.providers.quirks import quirks_for
from headgate.snapshot.aws import aws_credentials, channel_region
from headgate.snapshot.choices import (
    answer_model,
    chat_dialects,
    credential_strategy,
    loss_policy,
)
from headgate.snapshot.document import Path, Preferences, ProviderEntry
from headgate.snapshot.endpoints import ANONYMOUS, credential, endpoints_of
from headgate.snapshot.facts import Channel, Credential, Headers, LossPolicy, Offer, RequestRule
from headgate.snapshot.limits import limit_table
from headgate.snapshot.overrides import OverrideBlocks
from headgate.snapshot.report import Report
from headgate.snapshot.timeouts import patterns, policy_of, seconds_for, timeouts_of

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_BLANK = re.compile(r"[\s\x00-\x1f\x7f]")
_PROXY_SCHEMES = frozenset({"http", "https", "socks5", "socks5h"})
_NO_PROXY = frozenset({"", "direct"})
_RULE_FIELDS = frozenset(
    {"endpoint", "request_model", "upstream_model", "reasoning_effort", "request_type"}
)
_QUOTA_REST_S = 21_600.0
# uni-api never lets an override choose the tier, which decides the price, on these.
_BARRED = {GPT: frozenset({"service_tier"}), CODEX: frozenset({"service_tier"})}


class Shared(msgspec.Struct, frozen=True, kw_only=True):
    """What every channel is compiled with. `timeout_s` counts where no table names a model."""

    preferences: Preferences
    timeout_s: float
    discovered: Mapping[str, Sequence[str]]


class Draft(NamedTuple):
    """An entry on its way to a channel. `name` is unique, unlike the entry's."""

    entry: ProviderEntry
    name: str
    path: Path
    shared: Shared
    report: Report

    def at(self, *names: str) -> Path:
        """The path of an option of the entry."""
        return (*self.path, *names)

    def wish(self, name: str) -> Path:
        """The path of a preference of the entry."""
        return (*self.path, "preferences", name)


class _Upstream(NamedTuple):
    engine: str
    provider: Provider
    base_url: str


class Built(NamedTuple):
    """A channel and what it offers, by alias."""

    channel: Channel
    offers: Mapping[str, Offer]


def build(draft: Draft) -> Built | None:
    """Compile one entry; None (and errors) if it names no usable upstream."""
    upstream = _upstream(draft)
    if upstream is None:
        return None
    channel = _channel(draft, upstream)
    for problem in (upstream.provider.missing, upstream.provider.gone):
        if problem:
            draft.report.warn(draft.path, problem)
    return Built(channel, _offers(draft, channel))


def _upstream(draft: Draft) -> _Upstream | None:
    """Find out who the upstream is: its engine, its row, its base URL."""
    entry, report = draft.entry, draft.report
    engine, base_url = entry.engine.lower(), entry.base_url
    if engine and engine not in ENGINES:
        known = ", ".join(sorted(ENGINES))
        report.error(draft.at("engine"), f"unknown engine: write one of {known}")
        return None
    if base_url and not _usable_url(base_url, frozenset({"http", "https"})):
        message = "write a whole URL, such as https://host/v1/chat/completions"
        report.error(draft.at("base_url"), message)
        return None
    if entry.project_id and "google-vertex-ai" not in base_url:
        engine = engine or VERTEX
    elif entry.cf_account_id:
        engine = engine or CLOUDFLARE
        base_url = CATALOG["cloudflare"].base_url.format(account=entry.cf_account_id)
    elif entry.aws_access_key and not base_url:
        engine = engine or AWS
    if base_url and not engine:
        engine = infer_engine(base_url)
    provider = provider_for(engine, base_url) if engine else None
    base_url = base_url or (provider.base_url if provider else "")
    if provider is None or not base_url:
        report.error(draft.path, "base_url is missing: write the upstream's address")
        return None
    if provider.auth is Auth.AWS and (region := channel_region(entry)):
        base_url = base_url.replace("{region}", region)
    if "{region}" in base_url:
        report.error(draft.path, "region is missing: write it, such as region: us-east-1")
        return None
    if "{" in base_url:
        report.error(draft.path, "cf_account_id is missing: write the account's id")
        return None
    return _Upstream(engine, provider, base_url)


def _channel(draft: Draft, upstream: _Upstream) -> Channel:
    entry, common, report = draft.entry, draft.shared.preferences, draft.report
    wishes, provider = entry.preferences, upstream.provider
    dialects = chat_dialects(wishes.dialects, provider, draft.wish("dialects"), report)
    endpoints = endpoints_of(provider, upstream.base_url, dialects)
    lists_none = entry.model is None and not provider.fixed_models
    sizes = (entry.max_request_body_bytes, wishes.max_request_body_bytes)
    cooldown_s = wishes.cooldown_period
    return Channel(
        name=draft.name,
        provider=provider,
        engine=upstream.engine,
        endpoints=endpoints,
        credentials=_credentials(draft, provider),
        models=_models(draft, provider),
        discovers=lists_none and Operation.MODELS in endpoints,
        credential_strategy=credential_strategy(
            wishes.api_key_schedule_algorithm, draft.wish("api_key_schedule_algorithm"), report
        ),
        headers=_headers(draft),
        passthrough_headers=tuple(name.lower() for name in wishes.passthrough_request_headers),
        proxy=_proxy(draft),
        tools=entry.tools,
        images=entry.image,
        cooldown_s=common.cooldown_period if cooldown_s is None else cooldown_s,
        credential_cooldown_s=wishes.api_key_cooldown_period,
        credential_quota_cooldown_s=wishes.api_key_quota_cooldown_period or _QUOTA_REST_S,
        credential_rate_limit_cooldown_s=wishes.api_key_rate_limit_cooldown_period or None,
        retry_client_errors=provider.retry_client_errors,
        max_body_bytes=min((size for size in sizes if size is not None), default=None),
        exclude_endpoints=frozenset(
            "/" + each.strip("/") for each in entry.exclude_endpoints + wishes.exclude_endpoints
        ),
        only_request_types=_lower(entry.only_request_types + wishes.only_request_types),
        exclude_request_types=_lower(entry.exclude_request_types + wishes.exclude_request_types),
        exclude_rules=_exclude_rules(draft),
        search_defaults=wishes.search_defaults,
        timeout_policy=policy_of(wishes.timeout_policy, draft.wish("timeout_policy"), report),
        on_loss=loss_policy(wishes.on_loss, draft.wish("on_loss"), report)
        or loss_policy(common.on_loss, ("preferences", "on_loss"), report)
        or LossPolicy.REPORT,
        answer_model=answer_model(wishes.answer_model, draft.wish("answer_model"), report)
        or answer_model(common.answer_model, ("preferences", "answer_model"), report)
        or "requested",
    )


def _offers(draft: Draft, channel: Channel) -> dict[str, Offer]:
    wishes, common = draft.entry.preferences, draft.shared.preferences
    blocks = OverrideBlocks(
        wishes.post_body_parameter_overrides,
        channel.models.keys(),
        _BARRED.get(channel.engine, frozenset()),
        draft.wish("post_body_parameter_overrides"),
        draft.report,
    )
    limits = limit_table(wishes.api_key_rate_limit, draft.wish("api_key_rate_limit"), draft.report)
    offers = {}
    for alias, model in channel.models.items():
        timeouts = (wishes.model_timeout, common.model_timeout)
        first_byte_s = seconds_for(alias, model, *timeouts) or draft.shared.timeout_s
        intervals = (wishes.keepalive_interval, common.keepalive_interval)
        keepalive_s = seconds_for(alias, model, *intervals)
        overrides = blocks.of(alias)
        offers[alias] = Offer(
            channel=channel,
            alias=alias,
            model=model,
            timeouts=timeouts_of(first_byte_s),
            keepalive_s=keepalive_s if keepalive_s and keepalive_s <= first_byte_s else None,
            credential_limit=limits.limit_for(model) if limits else None,
            quirks=quirks_for(channel.provider, model, alias),
            overrides=overrides.layers,
            stream_override=overrides.stream,
        )
    return offers


def _usable_url(url: str, schemes: frozenset[str]) -> bool:
    try:
        parts = urlsplit(url)
        named = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, brackets that do not close
        return False
    return named and not _BLANK.search(url)


def _credentials(draft: Draft, provider: Provider) -> tuple[Credential, ...]:
    if provider.auth is Auth.AWS:
        return aws_credentials(draft.entry, draft.path, draft.report) or (ANONYMOUS,)
    found = []
    secrets = draft.entry.api
    for index, secret in enumerate(secrets):
        path = (*draft.at("api"), index) if len(secrets) > 1 else draft.at("api")
        if not secret:
            draft.report.warn(path, "the key is empty: left out")
        elif not _HEADER_VALUE.fullmatch(secret):
            draft.report.error(path, "the key holds characters that no header may hold")
        else:
            found.append(credential(provider.auth, secret))
    return tuple(found) or (ANONYMOUS,)


def _models(draft: Draft, provider: Provider) -> dict[str, str]:
    """Collect alias -> upstream model, listed or discovered."""
    listed = draft.entry.model
    if listed is not None:
        models: dict[str, str] = {}
        for model in listed:
            if models.get(model.alias, model.upstream) != model.upstream:
                message = f'"{model.alias}" stands for two models: the last one counts'
                draft.report.warn(draft.at("model"), message)
            models[model.alias] = model.upstream
        return models
    if provider.fixed_models:
        return {model: model for model in provider.fixed_models}
    if Operation.MODELS not in provider.paths:
        message = "no models are listed, and this upstream has no list to ask for"
        draft.report.warn(draft.path, message)
    return {model: model for model in draft.shared.discovered.get(draft.name, ())}


def _headers(draft: Draft) -> Headers:
    found = []
    for name, value in draft.entry.preferences.headers.items():
        if _HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value):
            found.append((name.lower(), value))
        else:
            draft.report.error((*draft.wish("headers"), name), "not a valid HTTP header")
    return tuple(found)


def _proxy(draft: Draft) -> str | None:
    """Choose the proxy. An empty one of the provider's own means none, not the global one."""
    path, proxy = draft.wish("proxy"), draft.entry.preferences.proxy
    if proxy is None:
        path, proxy = ("preferences", "proxy"), draft.shared.preferences.proxy
    if proxy.lower() in _NO_PROXY:
        return None
    if _usable_url(proxy, _PROXY_SCHEMES):
        return proxy
    message = "write a proxy as http://host:port, https://, socks5:// or socks5h://"
    draft.report.error(path, message)
    return None


def _exclude_rules(draft: Draft) -> tuple[RequestRule, ...]:
    found = []
    for path, rules in (
        (draft.at("exclude_request_rules"), draft.entry.exclude_request_rules),
        (draft.wish("exclude_request_rules"), draft.entry.preferences.exclude_request_rules),
    ):
        for index, rule in enumerate(rules):
            match = patterns(rule.match, _RULE_FIELDS, (*path, index, "match"), draft.report)
            if match is not None:
                found.append(RequestRule(match=match, reason=rule.reason))
    return tuple(found)


def _lower(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)
