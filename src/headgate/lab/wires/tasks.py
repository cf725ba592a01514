"""The small operations: moderation, token counts, and what is not a chat.

Source: platform.openai.com/docs/api-reference/moderations,
docs.anthropic.com/en/api/messages-count-tokens, ai.google.dev/api/tokens
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import json

from headgate.lab.plan import Plan
from headgate.lab.wires import images, models, seals, searches, speech, stored_kinds, transcripts
from headgate.lab.wires.openai import CREATED, texts
from headgate.lab.wires.question import Json, Question, dicts, words
from headgate.lab.wires.ranks import cohere_rerank, jina_rerank
from headgate.lab.wires.vectors import (
    cohere_embeddings,
    gemini_embedding,
    gemini_embeddings,
    ollama_embedding,
    ollama_embeddings,
    openai_embeddings,
)

FLAG = "FLAGME"
STORED_RESPONSE = ("response", "input_items", "delete_response", "cancel_response")
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


def bedrock_count(question: Question) -> bytes:
    """Spell Bedrock's token count."""
    return json.encode({"inputTokens": prompt_tokens(question)})


def gemini_count(question: Question) -> bytes:
    """Spell Gemini's token count."""
    return json.encode({"totalTokens": prompt_tokens(question)})


def responses_count(question: Question) -> bytes:
    """Spell the token count of a Responses input."""
    return json.encode({"object": "response.input_tokens", "input_tokens": prompt_tokens(question)})


def compaction(question: Question) -> bytes:
    """Spell a compacted conversation: what users said, and the rest in an envelope."""
    given = dicts(question.prompt.body.get("input"))
    users = [item for item in given if item.get("role") == "user"]
    text = " ".join(question.prompt.texts)
    packed: Json = {
        "id": f"cmp_lab_{question.number}",
        "type": "compaction",
        "encrypted_content": seals.envelope(seals.OPENAI, text),
    }
    tokens = prompt_tokens(question)
    return json.encode(
        {
            "id": f"resp_lab_{question.number}",
            "object": "response.compaction",
            "created_at": CREATED,
            "output": [*users, packed],
            "usage": {
                "input_tokens": tokens,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": 1,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": tokens + 1,
            },
        }
    )


def remembered(question: Question) -> bytes:
    """What the lab found about a stored response."""
    return question.ready


# What `openai_other` reads.
OTHERS: dict[str, Callable[[Question], Plan]] = {
    "images": images.generations,
    "image_edits": images.edits,
    "image_variations": images.variations,
    "speech": speech.speech,
    "transcriptions": transcripts.transcriptions,
    "translations": transcripts.translations,
    "edits": searches.text_edits,
    "search": searches.tavily,
    "jina_search": searches.jina,
    **dict.fromkeys(stored_kinds.BY_NAME, stored_kinds.answer),
}
TASKS: dict[tuple[str, str], Callable[[Question], bytes | Plan]] = {
    ("openai", "embeddings"): openai_embeddings,
    ("openai", "moderations"): moderations,
    ("openai", "rerank"): jina_rerank,
    ("responses", "compact"): compaction,
    ("responses", "input_tokens"): responses_count,
    **{("responses", name): remembered for name in STORED_RESPONSE},
    ("cohere", "embed"): cohere_embeddings,
    ("cohere", "rerank"): cohere_rerank,
    ("ollama", "embed"): ollama_embeddings,
    ("ollama", "embeddings"): ollama_embedding,
    ("bedrock", "count_tokens"): bedrock_count,
    ("anthropic", "count_tokens"): anthropic_count,
    ("gemini", "countTokens"): gemini_count,
    ("gemini", "embedContent"): gemini_embedding,
    ("gemini", "batchEmbedContents"): gemini_embeddings,
    **{(wire, "models"): models.listing for wire in models.ENTRIES},
    **{(wire, "model"): models.entry for wire in models.ENTRIES},
    **{("openai", name): task for name, task in OTHERS.items()},
}
