"""Shortcuts from the text of an api.yaml to what it means."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from headgate.snapshot.compile import compile_snapshot
from headgate.snapshot.document import ConfigError, Document
from headgate.snapshot.facts import Channel, Offer, Route, RouteGroup, Snapshot
from headgate.sources.yaml_file import read_document

ONE_KEY = """
api_keys:
  - api: sk-test-user
"""


def document(text: str, environment: Mapping[str, str] | None = None) -> Document:
    """Read a document called api.yaml."""
    return read_document(textwrap.dedent(text).encode(), "api.yaml", environment or {})


def compiled(
    text: str,
    environment: Mapping[str, str] | None = None,
    discovered: Mapping[str, Sequence[str]] | None = None,
) -> Snapshot:
    """Compile a text that must be right."""
    result = compile_snapshot(document(text, environment), version=1, discovered=discovered)
    assert isinstance(result, Snapshot), [str(error) for error in result]
    return result


def errors(text: str) -> list[str]:
    """Compile a text that must be wrong; give what is said about it."""
    result = compile_snapshot(document(text), version=1)
    assert not isinstance(result, Snapshot)
    assert all(isinstance(error, ConfigError) for error in result)
    return [str(error) for error in result]


def one_channel(options: str, key: str = ONE_KEY) -> Snapshot:
    """Compile a single provider with the given options (indented as the test likes)."""
    return compiled(providers_text(options) + key)


def providers_text(options: str) -> str:
    """Write a `providers` list of one, called p."""
    body = textwrap.indent(textwrap.dedent(options).strip("\n"), "    ")
    return f"providers:\n  - provider: p\n{body}\n"


def channel_of(snapshot: Snapshot, name: str = "p") -> Channel:
    """Find a channel by name."""
    return next(channel for channel in snapshot.channels if channel.name == name)


def offer_of(snapshot: Snapshot, model: str, name: str = "p") -> Offer:
    """Find what a channel offers under a model's name, through the first key."""
    routes = next(iter(snapshot.keys.values())).routes[model]
    found = [r.offer for r in routes if isinstance(r, Route) and r.offer.channel.name == name]
    return found[0]


def route_texts(routes: Sequence[Route | RouteGroup]) -> list[str]:
    """Write routes for reading: `p1`, `p1*5` with a weight, `random[p1 p2]` for a key."""
    texts = []
    for route in routes:
        if isinstance(route, Route):
            text = route.offer.channel.name
        else:
            text = f"{route.strategy}[{' '.join(route_texts(route.routes))}]"
        texts.append(text + (f"*{route.weight}" if route.weight else ""))
    return texts


def routes_of(snapshot: Snapshot, key: str) -> dict[str, list[str]]:
    """Write all routes of a key, by model."""
    return {model: route_texts(routes) for model, routes in snapshot.keys[key].routes.items()}
