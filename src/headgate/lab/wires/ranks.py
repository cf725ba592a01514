"""Rerank in Jina's and Cohere's shapes: a document ranks by the words it shares with the query.

Source: api.jina.ai/redoc, docs.cohere.com/reference/rerank
"""

from __future__ import annotations

import hashlib

from msgspec import json

from headgate.lab.wires.question import Json, Question, mapping, whole_number, words

DOCUMENTS_MAX = 10_000


def _text(document: object) -> str:
    """The text of a document: a string, or an object that holds it."""
    return document if isinstance(document, str) else str(mapping(document).get("text", ""))


def score(query: str, text: str) -> float:
    """A number in [0, 1): shared words first, and the text's hash where they are as many."""
    asked, said = ({word.strip().lower() for word in words(part)} for part in (query, text))
    share = 0.9 * len(asked & said) / max(1, len(asked))
    breaker = int.from_bytes(hashlib.sha256(text.encode()).digest()[:2]) / (10 << 16)
    return round(share + breaker, 6)


def _ranked(body: Json) -> list[Json]:
    """Index, score and document of the best, as many as were asked for."""
    given = body.get("documents")
    documents = given[:DOCUMENTS_MAX] if isinstance(given, list) else []
    query = str(body.get("query", ""))
    rows: list[Json] = [
        {
            "index": index,
            "relevance_score": score(query, _text(document)),
            "document": {"text": _text(document)},
        }
        for index, document in enumerate(documents)
    ]
    rows.sort(key=lambda row: (-row["relevance_score"], row["index"]))
    return rows[: max(0, whole_number(body.get("top_n")) or len(rows))]


def _tokens(body: Json) -> int:
    given = body.get("documents")
    texts = [_text(document) for document in given] if isinstance(given, list) else []
    return sum(len(words(text)) for text in (str(body.get("query", "")), *texts))


def _without_document(row: Json) -> Json:
    return {name: value for name, value in row.items() if name != "document"}


def jina_rerank(question: Question) -> bytes:
    """Spell ranks in Jina's shape, documents included unless the caller says no."""
    body = question.prompt.body
    rows = _ranked(body)
    if body.get("return_documents") is False:
        rows = [_without_document(row) for row in rows]
    tokens = _tokens(body)
    return json.encode(
        {
            "model": question.model,
            "results": rows,
            "usage": {"total_tokens": tokens, "prompt_tokens": tokens},
        }
    )


def cohere_rerank(question: Question) -> bytes:
    """Spell ranks in the shape of Cohere's second version, which never returns documents."""
    rows = [_without_document(row) for row in _ranked(question.prompt.body)]
    meta: Json = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}
    return json.encode({"id": f"lab-{question.number}", "results": rows, "meta": meta})
