"""The small operations: moderation, token counts, and what is not a chat.

Source: platform.openai.com/docs/api-reference/moderations,
docs.anthropic.com/en/api/messages-count-tokens, ai.google.dev/api/tokens
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import json

from headgate.lab.wires import models
from headgate.lab.wires.openai import texts
from headgate.lab.wires.question import Json, Question, words
from headgate.lab.wires.vectors import gemini_embedding, gemini_embeddings, openai_embeddings

FLAG = "FLAGME"
CATEGORIES = ("harassment", "hate", "self-harm", "sexual", "violence")


def moderations(question: Question) -> bytes:
    """Spell moderation results: a text is bad exactly if it contains FLAGME."""
    asked = question.prompt.body.get("input")
    inputs = asked if isinstance(asked, list) and asked and isinstance(asked[0], str) else [asked]
    return json.encode(
        {
            "id": f"modr-lab-{question.number}",
            "model": question.model,
            "results": [_verdict(" ".join(texts(item))) for item in inputs],
        }
    )


def _verdict(text: str) -> Json:
    flagged = FLAG in text
    bad = {"violence"} if flagged else set()
    return {
        "flagged": flagged,
        "categories": {name: name in bad for name in CATEGORIES},
        "category_scores": {name: 0.99 if name in bad else 0.01 for name in CATEGORIES},
        "category_applied_input_types": {name: ["text"] for name in bad},
    }


def prompt_tokens(question: Question) -> int:
    """One token per word of all texts of the request, and at least one."""
    return max(1, sum(len(words(text)) for text in question.prompt.texts))


def anthropic_count(question: Question) -> bytes:
    """Spell Anthropic's token count."""
    return json.encode({"input_tokens": prompt_tokens(question)})


def gemini_count(question: Question) -> bytes:
    """Spell Gemini's token count."""
    return json.encode({"totalTokens": prompt_tokens(question)})


TASKS: dict[tuple[str, str], Callable[[Question], bytes]] = {
    ("openai", "embeddings"): openai_embeddings,
    ("openai", "moderations"): moderations,
    ("anthropic", "count_tokens"): anthropic_count,
    ("gemini", "countTokens"): gemini_count,
    ("gemini", "embedContent"): gemini_embedding,
    ("gemini", "batchEmbedContents"): gemini_embeddings,
    **{(wire, "models"): models.listing for wire in models.ENTRIES},
    **{(wire, "model"): models.entry for wire in models.ENTRIES},
}
