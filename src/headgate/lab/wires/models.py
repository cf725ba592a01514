"""Lists of models in each provider's shape.

Source: platform.openai.com/docs/api-reference/models, docs.anthropic.com/en/api/models-list,
ai.google.dev/api/models
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import json

from headgate.lab.wires.openai import CREATED
from headgate.lab.wires.question import Json, Question

CREATED_AT = "2026-11-18T11:06:40Z"


def _openai(name: str) -> Json:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "lab"}


def _anthropic(name: str) -> Json:
    return {"type": "model", "id": name, "display_name": name, "created_at": CREATED_AT}


def _gemini(name: str) -> Json:
    return {
        "name": f"models/{name}",
        "displayName": name,
        "inputTokenLimit": 131_072,
        "outputTokenLimit": 8_192,
        "supportedGenerationMethods": ["generateContent", "countTokens", "embedContent"],
    }


ENTRIES: dict[str, Callable[[str], Json]] = {
    "openai": _openai,
    "anthropic": _anthropic,
    "gemini": _gemini,
}


def listing(question: Question) -> bytes:
    """Spell the list of all models, on one page."""
    names = question.models
    entries = [ENTRIES[question.wire](name) for name in names]
    match question.wire:
        case "anthropic":
            page: Json = {"has_more": False, "first_id": names[0], "last_id": names[-1]}
            return json.encode({"data": entries, **page})
        case "gemini":
            return json.encode({"models": entries})
        case _:
            return json.encode({"object": "list", "data": entries})


def entry(question: Question) -> bytes:
    """Spell one model, whatever its name."""
    return json.encode(ENTRIES[question.wire](question.model))
