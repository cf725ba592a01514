from __future__ import annotations

from typing import Any

from msgspec import json

from headgate.lab.wires.question import Json, Prompt, Question
from headgate.lab.wires.ranks import cohere_rerank, jina_rerank, score

BODY: Json = {"query": "red fish", "documents": ["a dog", {"text": "one red fish"}, "red"]}


def ranked(spell: Any, **more: Any) -> Any:
    prompt = Prompt(body=BODY | more)
    return json.decode(spell(Question(wire="cohere", operation="rerank", prompt=prompt)))


def test_shared_words_rank_first_and_scores_are_always_the_same() -> None:
    reply = ranked(jina_rerank)
    assert [row["index"] for row in reply["results"]] == [1, 2, 0]
    assert reply == ranked(jina_rerank)
    assert all(0 <= row["relevance_score"] < 1 for row in reply["results"])
    assert score("a b", "b a") > score("a b", "b") > score("a b", "c")


def test_jina_shows_documents_unless_told_not_to() -> None:
    assert ranked(jina_rerank)["results"][0]["document"] == {"text": "one red fish"}
    hidden = ranked(jina_rerank, return_documents=False)
    assert "document" not in hidden["results"][0]
    assert hidden["usage"]["total_tokens"] == 8


def test_cohere_bills_searches() -> None:
    reply = ranked(cohere_rerank, top_n=1)
    assert len(reply["results"]) == 1
    assert set(reply["results"][0]) == {"index", "relevance_score"}
    assert reply["meta"]["billed_units"] == {"search_units": 1}


def test_odd_bodies_rank_nothing() -> None:
    assert ranked(jina_rerank, documents="none")["results"] == []
    assert len(ranked(jina_rerank, query=None, documents=[7, None])["results"]) == 2
