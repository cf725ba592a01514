"""From a path to a wire and an operation. Any prefix may stand before the API's own path.

The first segment of that prefix names the imagined provider, or a behaviour: `/ok1/v1/messages`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

SUFFIXES = (
    ("/chat/completions", "openai", "chat"),
    ("/completions", "openai_completions", "chat"),
    ("/embeddings", "openai", "embeddings"),
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
MODELS_PATH = re.compile(r"(?P<prefix>.*)/models(?:/(?P<model>.+))?/?")
VERSION = re.compile(r"v\d+(alpha|beta)?\d*|openai")


class Route(Struct, frozen=True):
    """Where a request goes. `model` and `stream` only if the path says them."""

    wire: str
    operation: str
    place: str
    model: str = ""
    stream: bool = False


def place(prefix: str) -> str:
    """The name in front of the API's path, or `lab` if there is none."""
    name = next(filter(None, prefix.split("/")), "")
    return "lab" if not name or VERSION.fullmatch(name) else name


def route(
    method: str, path: str, headers: Mapping[str, str], query: Mapping[str, str]
) -> Route | None:
    """Find the wire and operation of a request; None if the lab does not offer it."""
    if method == "GET":
        match_ = MODELS_PATH.fullmatch(path)
        if match_ is None:
            return None
        name = match_["model"] or ""
        wire = _models_wire(path, headers, query)
        return Route(wire, "model" if name else "models", place(match_["prefix"]), name)
    if method != "POST":
        return None
    for suffix, wire, operation in SUFFIXES:
        if path.endswith(suffix):
            return Route(wire, operation, place(path.removesuffix(suffix)))
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


def _models_wire(path: str, headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    """Three providers list models at the same path; their credentials tell them apart."""
    if "anthropic-version" in headers or "x-api-key" in headers:
        return "anthropic"
    if "x-goog-api-key" in headers or "key" in query or "/v1beta/models" in path:
        return "gemini"
    return "openai"
