from __future__ import annotations

import msgspec
import pytest

from headgate.snapshot.facts import Headers
from headgate.sources.discovery import DiscoveryError, models_of, read_page
from tests.configs import channel_of, one_channel


class Upstream:
    """Answers with one page after the other, and notes what was asked."""

    def __init__(self, *pages: object) -> None:
        self._pages = [msgspec.json.encode(page) for page in pages]
        self.asked: list[tuple[str, dict[str, str], str | None]] = []

    async def fetch(self, url: str, headers: Headers, proxy: str | None) -> bytes:
        self.asked.append((url, dict(headers), proxy))
        return self._pages[min(len(self.asked), len(self._pages)) - 1]


async def discovered(options: str, *pages: object) -> tuple[tuple[str, ...], Upstream]:
    """Ask an upstream for the models of a channel."""
    upstream = Upstream(*pages)
    channel = channel_of(one_channel(options))
    assert channel.discovers
    return await models_of(channel, upstream.fetch), upstream


async def test_openai_models_keep_their_order() -> None:
    page = {"data": [{"id": "b"}, {"id": "a"}, {"id": "b"}, {"no": "id"}]}
    options = "base_url: https://h/x/v1/chat/completions\napi: k\npreferences: {proxy: http://q:1}"
    models, upstream = await discovered(options, page)
    assert models == ("b", "a")
    expected = ("https://h/x/v1/models", {"authorization": "Bearer k"}, "http://q:1")
    assert upstream.asked == [expected]


async def test_anthropics_pages_are_followed() -> None:
    models, upstream = await discovered(
        "base_url: https://api.anthropic.com/v1/messages\napi: k",
        {"data": [{"id": "a"}], "has_more": True, "last_id": "a"},
        {"data": [{"id": "b"}], "has_more": False, "last_id": "b"},
    )
    assert models == ("a", "b")
    assert [url for url, _, _ in upstream.asked] == [
        "https://api.anthropic.com/v1/models",
        "https://api.anthropic.com/v1/models?after_id=a",
    ]
    assert upstream.asked[0][1] == {"x-api-key": "k", "anthropic-version": "2023-06-01"}


async def test_geminis_pages_are_followed_and_its_names_shortened() -> None:
    models, upstream = await discovered(
        "base_url: https://proxy.test/v1beta\napi: [k1, k2]",
        {"models": [{"name": "models/gemini-a"}], "nextPageToken": "x=1"},
        {"models": [{"name": "models/gemini-b"}]},
    )
    assert models == ("gemini-a", "gemini-b")
    assert [url for url, _, _ in upstream.asked] == [
        "https://proxy.test/v1beta/models?key=k1",
        "https://proxy.test/v1beta/models?key=k1&pageToken=x%3D1",
    ]


async def test_pages_without_end_are_left() -> None:
    page = {"data": [{"id": "a"}], "has_more": True, "last_id": "a"}
    _, upstream = await discovered("base_url: https://h/v1", page)
    assert len(upstream.asked) == 20


def test_a_bare_list_is_a_list_of_models() -> None:
    assert read_page(b'[{"id": "a"}, {"name": "b"}, "c", 5]') == (["a", "b", "c"], "")


@pytest.mark.parametrize(
    "body", [b"<html>", b'{"error": {}}', b"5", b'{"data": 5}', b"\xff", b"[" * 5000]
)
def test_what_is_no_list_of_models_is_refused(body: bytes) -> None:
    with pytest.raises(DiscoveryError):
        read_page(body)
