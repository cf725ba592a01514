"""From the base URL an operator wrote to the root that a row's paths are appended to.

uni-api's base URL is normally the complete endpoint (`https://h/v1/chat/completions`), but also a
host, or a host with a version; each vendor has its own usual forms. See `uni-api.md` 1.7.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from headgate.providers.provider import Root

AZURE_API_VERSION = "2025-01-01-preview"
AZURE_MODELS_API_VERSION = "2024-05-01-preview"

# What a complete URL may end with, longest first, so that no suffix hides a longer one.
_ENDPOINTS = (
    "/images/generations",
    "/images/variations",
    "/audio/transcriptions",
    "/audio/translations",
    "/responses/compact",
    "/chat/completions",
    "/audio/speech",
    "/images/edits",
    "/completions",
    "/moderations",
    "/embeddings",
    "/responses",
    "/messages",
    "/rerank",
    "/search",
)
_COHERE_PATH = re.compile(r"/(?:compatibility/)?v\d+(?:/.*)?$")
_OLLAMA_PATH = re.compile(r"/(?:api|v1)(?:/.*)?$")
_JINA_HOSTS = frozenset({"api.jina.ai", "s.jina.ai"})
_VERSION = re.compile(r"/v\d+[a-z0-9]*$")


def complete_url(base_url: str) -> Root:
    """Strip the endpoint from a complete URL: its siblings live beside it.

    A URL without an endpoint is taken as it is, so `https://h` gives `/chat/completions` and not
    `/v1/chat/completions`: as in uni-api, and right for hosts such as api.deepseek.com.
    """
    parts = urlsplit(base_url)
    return Root(_origin(base_url) + _without_endpoint(parts.path), parts.query)


def anthropic(base_url: str) -> Root:
    """Find the versioned root: `https://h`, `.../anthropic`, `.../v1` and `.../v1/messages`."""
    parts = urlsplit(base_url)
    path = _without_endpoint(parts.path)
    if path == parts.path.rstrip("/") and not _VERSION.search(path):
        path += "/v1"
    return Root(_origin(base_url) + path, parts.query)


def gemini(base_url: str) -> Root:
    """Find the versioned root: `https://h`, `.../v1beta`, and a URL that goes on to a model."""
    parts = urlsplit(base_url)
    path = parts.path.partition("/models")[0].rstrip("/")
    return Root(_origin(base_url) + (path if _VERSION.search(path) else path + "/v1beta"))


def azure(base_url: str) -> Root:
    """Keep the host; deployments are addressed below it. An api-version in the URL is kept."""
    parts = urlsplit(base_url)
    return Root(_origin(base_url), _azure_query(parts.query, AZURE_API_VERSION))


def azure_models(base_url: str) -> Root:
    """Keep a Foundry URL `.../models/chat/completions`, with or without its api-version."""
    root = complete_url(base_url)
    return Root(root.url, _azure_query(root.query, AZURE_MODELS_API_VERSION))


def cohere(base_url: str) -> Root:
    """Find what stands before the versions: `https://h`, `.../v2/chat`, `.../compatibility/v1`."""
    return _before(base_url, _COHERE_PATH)


def ollama(base_url: str) -> Root:
    """Find what stands before `/api` and `/v1`: `https://h`, `.../api/chat`, `.../v1`."""
    return _before(base_url, _OLLAMA_PATH)


def jina_search(base_url: str) -> Root:
    """Find where Jina searches: a host of its own; `/search` beside the rest on any other server.

    Source: docs.jina.ai (https://s.jina.ai/).
    """
    parts = urlsplit(base_url)
    if parts.hostname not in _JINA_HOSTS:
        return Root(complete_url(base_url).url + "/search")
    port = f":{parts.port}" if parts.port else ""
    return Root(f"{parts.scheme}://s.jina.ai{port}/")


def host(base_url: str) -> Root:
    """Keep the host alone: the row's paths are absolute."""
    return Root(_origin(base_url))


def cloudflare(base_url: str) -> Root:
    """Find `.../accounts/{account}/ai`, whatever follows it."""
    path, mark, _ = urlsplit(base_url).path.partition("/ai/")
    return Root(_origin(base_url) + (path + "/ai" if mark else path.rstrip("/")))


def bedrock(base_url: str) -> Root:
    """Keep everything before `/model/`: the host, or a path of a gateway before it."""
    path = urlsplit(base_url).path.partition("/model/")[0]
    return Root(_origin(base_url) + path.rstrip("/"))


def _before(base_url: str, path: re.Pattern[str]) -> Root:
    parts = urlsplit(base_url)
    return Root(_origin(base_url) + path.sub("", parts.path.rstrip("/")), parts.query)


def _origin(base_url: str) -> str:
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}"


def _without_endpoint(path: str) -> str:
    path = path.rstrip("/")
    for endpoint in _ENDPOINTS:
        if path.endswith(endpoint):
            return path.removesuffix(endpoint)
    return path


def _azure_query(query: str, api_version: str) -> str:
    if "api-version=" in query:
        return query
    return f"{query}&api-version={api_version}".lstrip("&")
