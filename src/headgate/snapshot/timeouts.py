"""Time bounds of a model, and the rules of `timeout_policy`. Source: `uni-api.md` 1.8, 1.9."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from headgate.snapshot.document import Path, TimeoutBounds, TimeoutPolicyEntry
from headgate.snapshot.facts import TimeoutChange, TimeoutPolicy, TimeoutRule, Timeouts
from headgate.snapshot.report import Report

POLICY_FIELDS = frozenset(
    {
        "endpoint",
        "stream",
        "request_type",
        "method",
        "engine",
        "provider",
        "model",
        "request_model",
        "upstream_model",
        "role",
    }
)
_DEFAULT = "default"


def seconds_for(
    alias: str, model: str, own: Mapping[str, float], common: Mapping[str, float]
) -> float | None:
    """Look a model up in the provider's table, then in the global one.

    In each: the requested name exactly, the first key that is part of it (file order), the same
    for the upstream name, `default`. Without case. A value of 0 is no value.
    """
    for table in (own, common):
        if not table:
            continue
        for name in (alias.lower(), model.lower()):
            found = _match(name, table)
            if found:
                return found
        if table.get(_DEFAULT):
            return table[_DEFAULT]
    return None


def timeouts_of(first_byte_s: float) -> Timeouts:
    """Make the bounds of a model_timeout: it holds for the first byte, and between two."""
    return Timeouts(first_byte_s=first_byte_s, idle_s=first_byte_s)


def policy_of(entry: TimeoutPolicyEntry | None, path: Path, report: Report) -> TimeoutPolicy | None:
    """Compile a `timeout_policy`."""
    if entry is None:
        return None
    rules = []
    for index, rule in enumerate(entry.rules):
        match = patterns(rule.match, POLICY_FIELDS, (*path, "rules", index, "match"), report)
        if match is not None:
            rules.append(TimeoutRule(match=match, change=_change(rule.timeout)))
    return TimeoutPolicy(default=_change(entry.default), rules=tuple(rules))


def patterns(
    match: Mapping[str, Any], known: frozenset[str], path: Path, report: Report
) -> Mapping[str, tuple[str, ...]] | None:
    """Compile the conditions of a rule to lower-case patterns; None if the rule never matches."""
    found: dict[str, tuple[str, ...]] = {}
    for name, value in match.items():
        if name not in known:
            report.warn(
                (*path, name),
                f"not a field of a rule ({', '.join(sorted(known))}): the rule never matches",
            )
            return None
        values = value if isinstance(value, list) else [value]
        found[name] = tuple(_pattern(one) for one in values if one is not None)
    found = {name: values for name, values in found.items() if values}
    if not found:
        report.warn(path, "a rule without conditions never matches")
        return None
    return found


def _match(name: str, table: Mapping[str, float]) -> float | None:
    if name in table and name != _DEFAULT:
        return table[name]
    for key, value in table.items():
        if key != _DEFAULT and key.lower() in name:
            return value
    return None


def _pattern(value: object) -> str:
    return str(value).lower()


def _change(bounds: TimeoutBounds) -> TimeoutChange:
    named = msgspec.structs.asdict(bounds)
    return TimeoutChange(
        **{f"{name}_s": named[name] for name in ("connect", "write", "first_byte", "idle", "total")}
    )
