"""Builders of small facts for tests: a channel, an offer, a key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headgate.providers.provider import Operation, Provider
from headgate.snapshot.facts import (
    Channel,
    Credential,
    Endpoint,
    Key,
    Offer,
    Route,
    RouteGroup,
    Timeouts,
)

PROVIDER = Provider(name="openai")


def credential(secret: str) -> Credential:
    """Make a credential whose label is its secret, so that tests can read it."""
    return Credential(label=secret, secret=secret, headers=(("authorization", f"Bearer {secret}"),))


def channel(name: str, keys: Sequence[str] = ("k1",), **changes: Any) -> Channel:
    """Make an OpenAI-speaking channel."""
    facts: dict[str, Any] = {
        "name": name,
        "provider": PROVIDER,
        "engine": "gpt",
        "endpoints": {
            Operation.CHAT: (
                Endpoint(dialect="openai_chat", url=f"http://127.0.0.1:9/{name}/chat/completions"),
            )
        },
        "credentials": tuple(credential(secret) for secret in keys),
        "models": {"gpt": "gpt"},
    }
    return Channel(**(facts | changes))


def offer(of: Channel | str, model: str = "gpt", **changes: Any) -> Offer:
    """Offer a model of a channel, by default under its own name."""
    made = channel(of) if isinstance(of, str) else of
    facts: dict[str, Any] = {
        "channel": made,
        "alias": model,
        "model": model,
        "timeouts": Timeouts(),
    }
    return Offer(**(facts | changes))


def key(routes: Sequence[Route | RouteGroup | Offer], model: str = "gpt", **changes: Any) -> Key:
    """Make a key that may use these routes for one model."""
    table = {model: tuple(Route(offer=r) if isinstance(r, Offer) else r for r in routes)}
    facts: dict[str, Any] = {"key_id": "key1", "role": "user", "is_admin": False, "routes": table}
    return Key(**(facts | changes))
