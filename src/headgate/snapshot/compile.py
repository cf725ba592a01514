"""`Document` -> `Snapshot`, or every error with its place.

Everything that can be decided once is decided here, so that a request only looks things up.
Source: `uni-api.md` 1 and 8; `docs/architecture.md` 7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headgate.snapshot.channels import Built, Draft, Shared, build
from headgate.snapshot.document import ConfigError, Document, Path, Preferences
from headgate.snapshot.facts import PriceEntry, RateLimit, Settings, Snapshot
from headgate.snapshot.keys import keys_of
from headgate.snapshot.limits import limits_of
from headgate.snapshot.model_names import Named
from headgate.snapshot.price import read_price
from headgate.snapshot.report import Report
from headgate.snapshot.timeouts import policy_of

_DEFAULT_TIMEOUT_S = 100.0


def compile_snapshot(
    document: Document,
    *,
    version: int,
    now_s: float = 0.0,
    timeout_s: float = _DEFAULT_TIMEOUT_S,
    discovered: Mapping[str, Sequence[str]] | None = None,
) -> Snapshot | list[ConfigError]:
    """Compile a document.

    `timeout_s` counts for models that no table names (the variable TIMEOUT). `discovered` holds
    the models of channels that list none, by channel name. `now_s` is seconds since the epoch.
    """
    report = Report(document)
    if any(problem.path == () for problem in document.errors):
        return report.errors  # nothing could be read, so nothing else is worth saying
    shared = Shared(
        preferences=document.preferences, timeout_s=timeout_s, discovered=discovered or {}
    )
    built, named = _channels(document, shared, report)
    keys = keys_of(document, named, report)
    settings = _settings(document.preferences, report)
    if report.errors:
        return report.errors
    return Snapshot(
        version=version,
        keys=keys,
        channels=tuple(each.channel for each in built),
        settings=settings,
        warnings=report.warnings,
        loaded_at_s=now_s,
    )


def _channels(
    document: Document, shared: Shared, report: Report
) -> tuple[list[Built], list[Named]]:
    if not document.providers:
        report.error(("providers",), "no provider is configured: write at least one")
    built: list[Built] = []
    named: list[Named] = []
    seen: dict[str, int] = {}
    for place, entry in enumerate(document.providers):
        path: Path = ("providers", place)
        name = entry.provider
        if not name:
            report.error((*path, "provider"), "the provider's name is missing")
            continue
        if "/" in name:
            report.warn(
                (*path, "provider"),
                'a name with "/" cannot be used in rules: its models are reached by name only',
            )
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            report.warn(
                (*path, "provider"),
                f'another provider has this name: in logs this one is "{name}#{seen[name]}"',
            )
            name = f"{name}#{seen[name]}"
        found = build(Draft(entry, name, path, shared, report))
        if found is not None:
            built.append(found)
            named.append(Named(entry.provider, found.offers))
    return built, named


def _settings(preferences: Preferences, report: Report) -> Settings:
    prices: list[PriceEntry] = []
    default = Settings().default_price
    for prefix, text in preferences.model_price.items():
        try:
            price = read_price(prefix, text)
        except ValueError as problem:
            report.error(("preferences", "model_price", prefix), str(problem))
            continue
        if prefix == "default":
            default = price
        else:
            prices.append(price)
    return Settings(
        rate_limit=_global_limit(preferences.rate_limit, report),
        error_triggers=_triggers(preferences.error_triggers, report),
        timeout_policy=policy_of(
            preferences.timeout_policy, ("preferences", "timeout_policy"), report
        ),
        prices=tuple(prices),
        default_price=default,
        total_attempts_s=preferences.request_timeout,
        session_affinity=preferences.session_affinity,
    )


def _global_limit(texts: Mapping[str, str], report: Report) -> RateLimit | None:
    path: Path = ("preferences", "rate_limit")
    limits = limits_of(texts, path, report)
    for model in limits.keys() - {"default"}:
        report.warn((*path, model), "the global limit is for all models together: left out")
    return limits.get("default")


def _triggers(texts: Sequence[str], report: Report) -> tuple[str, ...]:
    if not all(texts):
        report.warn(("preferences", "error_triggers"), "an empty text is in every answer: left out")
    return tuple(filter(None, texts))
