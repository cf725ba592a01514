"""From a path to a wire and an operation. Any prefix may stand before the API's own path.

The first segment of that prefix names the imagined provider, or a behaviour: `/ok1/v1/messages`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from headgate.lab.wires.stored_kinds import ROWS

SUFFIXES = (
    ("/chat/completions", "openai", "chat"),
    ("/responses", "responses", "chat"),
    ("/responses/compact", "responses", "compact"),
    ("/responses/input_tokens", "responses", "input_tokens"),
    ("/v2/chat", "cohere", "chat"),
    ("/v2/embed", "cohere", "embed"),
    ("/v2/rerank", "cohere", "rerank"),
    ("/rerank", "openai", "rerank"),
    ("/api/chat", "ollama", "chat"),
    ("/api/embed", "ollama", "embed"),
    ("/api/embeddings", "ollama", "embeddings"),
    ("/completions", "openai_completions", "chat"),
    ("/embeddings", "openai", "embeddings"),
    ("/images/generations", "openai", "images"),
    ("/images/edits", "openai", "image_edits"),
    ("/images/variations", "openai", "image_variations"),
    ("/audio/speech", "openai", "speech"),
    ("/audio/transcriptions", "openai", "transcriptions"),
    ("/audio/translations", "openai", "translations"),
    ("/edits", "openai", "edits"),
    ("/search", "openai", "search"),
    ("/moderations", "openai", "moderations"),
    ("/messages/count_tokens", "anthropic", "count_tokens"),
    ("/messages", "anthropic", "chat"),
)
GEMINI_VERBS = {
    "generateContent": "chat",
    "streamGenerateContent": "chat",
    "countTokens": "countTokens",
    "embedContent": "embedContent",
    "batchEmbedContents": "batchEmbedContents",
}
GEMINI_PATH = re.compile(r"(?P<prefix>.*)/models/(?P<model>.+):(?P<verb>[A-Za-z]+)")
BEDROCK_PATH = re.compile(
    r"(?P<prefix>.*)/model/(?P<model>.+)/(?P<verb>converse(?:-stream)?|count-tokens)"
)
RESPONSE_PATH = re.compile(r"(?P<prefix>.*)/responses/(?P<item>[^/]+)(?:/(?P<verb>[a-z_]+))?")
RESPONSE_OPERATIONS = {
    ("GET", None): "response",
    ("GET", "input_items"): "input_items",
    ("DELETE", None): "delete_response",
    ("POST", "cancel"): "cancel_response",
}
MODELS_PATH = re.compile(r"(?P<prefix>.*)/models(?:/(?P<model>.+))?/?")
ENGINE = re.compile(r".*/engines/(?P<model>[^/]+)")
VERSION = re.compile(r"v\d+(alpha|beta)?\d*|openai")
STORED_PATHS = sorted(
    (
        (row, re.compile("(.*)" + re.escape(row.template).replace(r"\{\}", "([^/]+)") + "/?"))
        for row in ROWS
    ),
    key=lambda found: -found[0].template.count("/"),
)


class Route(Struct, frozen=True):
    """Where a request goes. `model` and `stream` only if the path says them."""

    wire: str
    operation: str
    place: str
    model: str = ""
    stream: bool = False
    ids: tuple[str, ...] = ()


def place(prefix: str) -> str:
    """The name in front of the API's path, or `lab` if there is none."""
    name = next(filter(None, prefix.split("/")), "")
    return "lab" if not name or VERSION.fullmatch(name) else name


def route(
    method: str, path: str, headers: Mapping[str, str], query: Mapping[str, str]
) -> Route | None:
    """Find the wire and operation of a request; None if the lab does not offer it."""
    stored = _stored(method, path) or _response(method, path)
    if stored is not None:
        return stored
    if method == "GET":
        if path.endswith("/search") or (path.endswith("/") and "q" in query):
            return Route("openai", "jina_search", place(path.removesuffix("/search")))
        match_ = MODELS_PATH.fullmatch(path)
        if match_ is None:
            return None
        name = match_["model"] or ""
        wire = _models_wire(path, headers, query)
        return Route(wire, "model" if name else "models", place(match_["prefix"]), name)
    if method != "POST":
        return None
    if path == "/" and headers.get("host", "").startswith("s.jina.ai"):
        return Route("openai", "jina_search", place(""))
    for suffix, wire, operation in SUFFIXES:
        if path.endswith(suffix):
            prefix = path.removesuffix(suffix)
            engine = ENGINE.fullmatch(prefix)
            return Route(wire, operation, place(prefix), engine["model"] if engine else "")
    if (bedrock := BEDROCK_PATH.fullmatch(path)) is not None:
        streams = bedrock["verb"] == "converse-stream"
        operation = "count_tokens" if bedrock["verb"] == "count-tokens" else "chat"
        return Route("bedrock", operation, place(bedrock["prefix"]), bedrock["model"], streams)
    found = GEMINI_PATH.fullmatch(path)
    if found is None or found["verb"] not in GEMINI_VERBS:
        return None
    return Route(
        "gemini",
        GEMINI_VERBS[found["verb"]],
        place(found["prefix"]),
        found["model"],
        found["verb"] == "streamGenerateContent",
    )


def _stored(method: str, path: str) -> Route | None:
    """Find the operation on a stored object; the longest template that fits is the right one."""
    for row, pattern in STORED_PATHS:
        found = pattern.fullmatch(path) if row.method == method else None
        if found is not None:
            prefix, *ids = found.groups()
            return Route("openai", row.name, place(prefix), ids=tuple(ids))
    return None


def _response(method: str, path: str) -> Route | None:
    """Find the operation on a stored response."""
    found = RESPONSE_PATH.fullmatch(path)
    operation = RESPONSE_OPERATIONS.get((method, found["verb"])) if found else None
    if found is None or operation is None:
        return None
    return Route("responses", operation, place(found["prefix"]), ids=(found["item"],))


def _models_wire(path: str, headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    """Three providers list models at the same path; their credentials tell them apart."""
    if "anthropic-version" in headers or "x-api-key" in headers:
        return "anthropic"
    if "x-goog-api-key" in headers or "key" in query or "/v1beta/models" in path:
        return "gemini"
    return "openai"
