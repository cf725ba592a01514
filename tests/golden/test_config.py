"""Configurations as files, and beside each what it means: the listing is the grammar.

`make golden` rewrites the meanings; the diff is the review.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from headgate.snapshot.compile import compile_snapshot
from headgate.snapshot.facts import Channel, Key, Offer, Route, RouteGroup, Settings, Snapshot
from headgate.sources.yaml_file import read_document
from tests.configs import route_texts

CASES = sorted((Path(__file__).parent / "config").glob("*.yaml"))
ENVIRONMENT = {"UP_KEY": "up-from-env", "HOST_NAME": "from-env.test"}
REWRITE = os.environ.get("HEADGATE_GOLDEN") == "rewrite"


def meaning(path: Path) -> str:
    """Write down what a configuration means, or everything that is wrong with it."""
    result = compile_snapshot(read_document(path.read_bytes(), path.name, ENVIRONMENT), version=1)
    if not isinstance(result, Snapshot):
        return "\n".join(f"error: {error}" for error in result) + "\n"
    lines = [f"warning: {warning}" for warning in result.warnings]
    lines += settings_lines(result.settings)
    offers = {
        (offer.channel.name, offer.alias): offer
        for key in result.keys.values()
        for routes in key.routes.values()
        for offer in offers_of(routes)
    }
    for channel in result.channels:
        lines += ["", *channel_lines(channel)]
        lines += [
            f"  {line}"
            for name, offer in offers.items()
            if name[0] == channel.name
            for line in offer_lines(offer)
        ]
    for secret, key in result.keys.items():
        lines += ["", *key_lines(secret, key)]
    return "\n".join(lines).lstrip("\n") + "\n"


def offers_of(routes: tuple[Route | RouteGroup, ...]) -> list[Offer]:
    """List the offers behind routes."""
    return [
        offer
        for route in routes
        for offer in ([route.offer] if isinstance(route, Route) else offers_of(route.routes))
    ]


def changed(struct: msgspec.Struct, hidden: frozenset[str]) -> str:
    """Write the fields of a Struct that are not at their default."""
    fields = msgspec.structs.fields(struct)
    values = [(field.name, getattr(struct, field.name), field.default) for field in fields]
    return " ".join(
        f"{name}={text(value)}"
        for name, value, default in values
        if name not in hidden and value not in (default, (), {}, frozenset())
    )


def text(value: object) -> str:
    """Write a value; functions by name, sets in order, enums by value."""
    if isinstance(value, tuple | list) and value and all(callable(each) for each in value):
        return f"[{', '.join(each.__name__ for each in value)}]"
    plain = msgspec.to_builtins(value, order="deterministic")
    return msgspec.json.encode(plain).decode() if not isinstance(plain, str) else plain


def settings_lines(settings: Settings) -> list[str]:
    """Write the settings that differ from the default."""
    told = changed(
        settings,
        frozenset({"default_price"} if settings.default_price == Settings().default_price else ()),
    )
    return [f"settings {told}"] if told else []


def channel_lines(channel: Channel) -> list[str]:
    """Write a channel: who it is, where it is asked, how it differs from the default."""
    hidden = {"name", "provider", "engine", "endpoints", "credentials", "models"}
    told = changed(channel, frozenset(hidden))
    lines = [f"channel {channel.name} = {channel.engine}/{channel.provider.name} {told}".rstrip()]
    for operation, ways in channel.endpoints.items():
        for way in ways:
            lines.append(f"  {operation} {way.dialect} {way.url}")
            lines += [f"  {operation} stream {way.stream_url}"] if way.stream_url else []
    for each in channel.credentials:
        shown = " ".join(f"{name}: {value}" for name, value in each.headers)
        lines.append(f"  credential {shown or each.query or '-'}")
    return lines


def offer_lines(offer: Offer) -> list[str]:
    """Write an offer."""
    name = offer.alias if offer.alias == offer.model else f"{offer.alias} <- {offer.model}"
    told = changed(offer, frozenset({"channel", "alias", "model", "timeouts"}))
    return [f"model {name} {offer.timeouts.first_byte_s:g}s {told}".rstrip()]


def key_lines(secret: str, key: Key) -> list[str]:
    """Write a key and its routes."""
    hidden = {"key_id", "role", "routes", "strategy"} | (set() if key.is_admin else {"is_admin"})
    told = changed(key, frozenset(hidden))
    role = "" if key.role == key.key_id else f" ({key.role})"
    lines = [f"key {secret}{role} {key.strategy} {told}".rstrip()]
    routes = [f"  {model}: {' '.join(route_texts(way))}" for model, way in key.routes.items()]
    return lines + (routes or ["  nothing"])


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_configuration_means_what_is_written_beside_it(path: Path) -> None:
    expected = path.with_suffix(".txt")
    found = meaning(path)
    if REWRITE:
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")


def test_there_are_cases() -> None:
    assert len(CASES) >= 8
