"""From `api_keys[]` to what a caller may do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from headgate.base.money import NanoUsd, nano_usd
from headgate.base.secrets import fingerprint
from headgate.snapshot.choices import key_strategy, loss_policy
from headgate.snapshot.document import Document, KeyEntry, Path
from headgate.snapshot.facts import Key, Strategy
from headgate.snapshot.limits import limit_table
from headgate.snapshot.model_names import ModelNames, Named, Table
from headgate.snapshot.report import Report

_ADMIN = "admin"


class _Draft(NamedTuple):
    """An entry on its way to a key, with what the other entries decide of it."""

    entry: KeyEntry
    path: Path
    routes: Table
    strategy: Strategy
    is_only: bool


def keys_of(document: Document, named: Sequence[Named], report: Report) -> dict[str, Key]:
    """Compile every key, by the text that its caller sends."""
    entries = document.api_keys
    if not entries:
        report.error(("api_keys",), "no key is configured: write at least one")
    strategies = [
        key_strategy(
            entry.preferences.scheduling_algorithm,
            ("api_keys", place, "preferences", "SCHEDULING_ALGORITHM"),
            report,
        )
        for place, entry in enumerate(entries)
    ]
    names = ModelNames(named, entries, strategies, report)
    keys: dict[str, Key] = {}
    for place, entry in enumerate(entries):
        path: Path = ("api_keys", place)
        if not entry.api:
            report.error((*path, "api"), "the key itself is missing")
        elif entry.api in keys:
            report.warn((*path, "api"), "this key is listed twice: the first entry counts")
        else:
            draft = _Draft(entry, path, names.table(place), strategies[place], len(entries) == 1)
            keys[entry.api] = _key(draft, document.enable_moderation, report)
    return keys


def _key(draft: _Draft, moderation: bool, report: Report) -> Key:
    entry, wishes = draft.entry, draft.entry.preferences
    inner = (*draft.path, "preferences")
    key_id = fingerprint(entry.api)
    named_admin = _ADMIN in entry.role.lower()
    if named_admin and entry.role != _ADMIN:
        message = 'the role contains "admin", so the key is an administrator'
        report.warn((*draft.path, "role"), message)
    return Key(
        key_id=key_id,
        role=entry.role or key_id,
        is_admin=draft.is_only or named_admin,
        routes=draft.routes,
        strategy=draft.strategy,
        max_attempts=_attempts(wishes.auto_retry),
        limits=limit_table(wishes.rate_limit, (*inner, "rate_limit"), report),
        moderation=moderation if wishes.enable_moderation is None else wishes.enable_moderation,
        credits=_credits(wishes.credits, (*inner, "credits"), report),
        created_at=wishes.created_at,
        on_loss=loss_policy(wishes.on_loss, (*inner, "on_loss"), report),
    )


def _attempts(auto_retry: bool | int) -> int | None:
    """Read AUTO_RETRY: false is one attempt, a number that many more, true as many as there are."""
    return None if auto_retry is True else 1 + auto_retry


def _credits(text: str, path: Path, report: Report) -> NanoUsd | None:
    """Read dollars. A negative amount (uni-api's -1) is no limit; 0 blocks the key."""
    try:
        amount = nano_usd(text)
    except ValueError:
        report.error(path, "write an amount in dollars, such as 10 or 0.5")
        return None
    return None if amount < 0 else amount
