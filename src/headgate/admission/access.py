"""Which model a key's request means."""

from __future__ import annotations

from headgate.snapshot.facts import Key


def resolved_model(key: Key, asked: str) -> str:
    """Resolve a prefix request ("gpt-*") to the key's first model that fits; else keep the name.

    uni-api matches such requests by prefix (`uni-api.md` 1.5).
    """
    if not asked.endswith("*") or asked in key.routes:
        return asked
    prefix = asked[:-1]
    return next((model for model in key.routes if model.startswith(prefix)), asked)


def listed_models(key: Key) -> list[str]:
    """The models that the key can ask for, in the order of its rules."""
    return list(key.routes)
