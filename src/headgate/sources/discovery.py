"""Asking upstreams for their models, for channels that list none.

Source: `uni-api.md` 1.1 (discovery), `providers.md` 1 and 5 (shapes of model lists).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from headgate.providers.provider import Operation
from headgate.snapshot.facts import Channel, Headers

# (url, headers, proxy) -> the body of a successful GET. Raises RelayError, OSError or TimeoutError.
Fetch = Callable[[str, Headers, str | None], Awaitable[bytes]]

_MOST_PAGES = 20
_MOST_MODELS = 10_000


class DiscoveryError(Exception):
    """An upstream's answer is no list of models."""


async def models_of(channel: Channel, fetch: Fetch) -> tuple[str, ...]:
    """Ask a channel for its models, page by page, in the upstream's order.

    Errors: `DiscoveryError`, and whatever `fetch` raises.
    """
    credential = channel.credentials[0]
    endpoint = channel.endpoints[Operation.MODELS][0]
    headers = (*channel.provider.headers, *channel.headers, *credential.headers)
    names: dict[str, None] = {}
    page = ""
    for _ in range(_MOST_PAGES):
        query = "&".join(filter(None, (credential.query, page)))
        mark = "&" if "?" in endpoint.url else "?"
        url = f"{endpoint.url}{mark}{query}" if query else endpoint.url
        found, page = read_page(await fetch(url, headers, channel.proxy))
        names |= dict.fromkeys(found)
        if not page or len(names) > _MOST_MODELS:
            break
    return tuple(names)[:_MOST_MODELS]


def read_page(body: bytes) -> tuple[list[str], str]:
    """Read one page of a model list: the names, and the query of the next page ("": no more).

    Shape: OpenAI `{"data": [{"id"}]}` or a bare array; Anthropic the same with `has_more` and
    `last_id`; Gemini `{"models": [{"name": "models/..."}], "nextPageToken"}`.
    Errors: `DiscoveryError`.
    """
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise DiscoveryError("the answer is not JSON") from None
    if isinstance(answer, list):
        return _names(answer), ""
    if not isinstance(answer, Mapping):
        raise DiscoveryError("the answer is not a list of models")
    if isinstance(answer.get("models"), list):
        token = answer.get("nextPageToken")
        return _names(answer["models"]), _next("pageToken", token)
    if isinstance(answer.get("data"), list):
        more = answer.get("has_more") is True
        return _names(answer["data"]), _next("after_id", answer.get("last_id") if more else None)
    raise DiscoveryError("the answer is not a list of models")


def _names(entries: list[Any]) -> list[str]:
    found = []
    for entry in entries:
        name = (entry.get("id") or entry.get("name")) if isinstance(entry, Mapping) else entry
        if isinstance(name, str) and name and name.isprintable():
            found.append(name.removeprefix("models/"))
    return found


def _next(parameter: str, value: object) -> str:
    return f"{parameter}={quote(value, safe='')}" if isinstance(value, str) and value else ""
