from __future__ import annotations

from headgate.lab.wires.searches import jina, tavily, text_edits
from tests.lab.asking import decoded, other


def test_jina_answers_in_its_envelope() -> None:
    reply = decoded(jina(other("jina_search", query={"q": "headgate"})))
    assert (reply["code"], reply["status"], len(reply["data"])) == (200, 20000, 3)
    assert reply["data"][0]["title"] == "ok1: headgate 0"
    assert reply["meta"]["usage"]["tokens"] == 3003


def test_tavily_answers_a_query_and_jina_a_q() -> None:
    reply = decoded(tavily(other("search", query={}, q="a")))
    assert reply["code"] == 200
    asked = other("search")
    asked.prompt.body.update({"query": "a", "max_results": 2})
    reply = decoded(tavily(asked))
    assert (reply["query"], [row["score"] for row in reply["results"]]) == ("a", [0.99, 0.98])


def test_a_search_for_nothing_is_refused() -> None:
    assert jina(other("jina_search")).status == 400
    assert tavily(other("search")).status == 400


def test_an_edit_follows_the_instruction() -> None:
    reply = decoded(text_edits(other("edits", input="a b", instruction="turn", n=2)))
    assert [choice["text"] for choice in reply["choices"]] == ["ok1: turn: a b"] * 2
    assert reply["usage"] == {"prompt_tokens": 3, "completion_tokens": 8, "total_tokens": 11}
    assert text_edits(other("edits", input="a")).status == 400
