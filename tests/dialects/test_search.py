"""Web search: the form of callers, and those of the two vendors (`providers.md` 4.19)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import Raw

from headgate.base.failure import FailureKind, RelayError
from headgate.dialects.dialect import Fields
from headgate.dialects.search import SEARCH
from headgate.ir.loss import Losses
from headgate.ir.usage import Usage

Json = dict[str, Any]
FORMS = ("jina", "tavily")


def fields(**asked: Any) -> Fields:
    """Write the caller's fields."""
    return {name: Raw(msgspec.json.encode(value)) for name, value in asked.items()}


def written(form: str, asked: Json, defaults: Json | None = None) -> tuple[Json, list[str]]:
    losses = Losses(form)
    body = SEARCH[form].encode_request(fields(model="search", **asked), defaults or {}, losses)
    return msgspec.json.decode(msgspec.json.encode(body)), sorted(loss.field for loss in losses)


def read(form: str, reply: Any) -> tuple[Json, Usage | None]:
    body, usage = SEARCH[form].decode_reply(msgspec.json.encode(reply))
    return msgspec.json.decode(body), usage


@pytest.mark.parametrize("name", ["q", "query"])
@pytest.mark.parametrize("count", ["num", "max_results"])
def test_either_vendors_words_ask_both(name: str, count: str) -> None:
    assert written("jina", {name: "tea", count: 2}) == ({"q": "tea", "num": 2}, [])
    body, lost = written("tavily", {name: "tea", count: 2})
    assert (body["query"], body["max_results"], lost) == ("tea", 2, [])


def test_what_a_form_has_no_word_for_is_named() -> None:
    asked = {"q": "tea", "gl": "gb", "topic": "news", "odd": 1, "hl": None}
    assert written("jina", asked) == ({"q": "tea", "gl": "gb"}, ["odd", "topic"])
    body, lost = written("tavily", asked)
    assert (body["topic"], lost) == ("news", ["gl", "odd"])


def test_defaults_are_the_channels_then_uni_apis_and_the_caller_wins() -> None:
    of_uni_api = {"topic": "general", "search_depth": "basic", "chunks_per_source": 3}
    assert written("tavily", {"q": "a"})[0] == of_uni_api | {"max_results": 7, "query": "a"}
    wanted = {"max_results": 2, "topic": "news", "include_answer": True}
    body, _ = written("tavily", {"q": "a", "num": 3, "topic": "finance"}, wanted)
    assert (body["max_results"], body["topic"], body["include_answer"]) == (3, "finance", True)
    assert written("jina", {"q": "a"}, {"gl": "us", "topic": "news"})[0] == {"q": "a", "gl": "us"}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("asked", "place"),
    [({}, "q"), ({"q": " "}, "q"), ({"q": 1}, "q")]
    + [({"q": "a", "num": count}, "num") for count in (0, "3", True, 1.5)],
)
def test_questions_that_are_none_are_refused_with_the_place(
    form: str, asked: Json, place: str
) -> None:
    with pytest.raises(RelayError) as caught:
        written(form, asked)
    assert (caught.value.failure.kind, caught.value.failure.param) == (
        FailureKind.INVALID_REQUEST,
        place,
    )


def test_jinas_answer_is_the_callers_byte_for_byte() -> None:
    page = {"title": "t", "url": "u", "usage": {"tokens": 5}, "odd": 1}
    reply = {"code": 200, "status": 20000, "data": [page], "meta": {"usage": {"tokens": 10_000}}}
    body, usage = SEARCH["jina"].decode_reply(msgspec.json.encode(reply))
    assert body == msgspec.json.encode(reply)
    assert usage == Usage(input=10_000, web_searches=1)
    assert read("jina", {"data": [page, page]})[1] == Usage(input=10, web_searches=1)


def test_tavilys_answer_becomes_the_same_and_nothing_of_it_is_lost() -> None:
    found = {"title": "t", "url": "u", "content": "c", "score": 0.9, "favicon": "f"}
    pages = [found, found | {"raw_content": "whole"}]
    reply = {"query": "tea", "answer": "Yes.", "images": [], "results": pages, "response_time": 1.2}
    body, usage = read("tavily", reply)
    assert usage == Usage(web_searches=1)
    assert (body["code"], body["status"]) == (200, 20000)
    assert body["data"][0] == {
        "title": "t",
        "url": "u",
        "description": "c",
        "content": "c",
        "favicon": "f",
        "score": 0.9,
        "raw_content": None,
        "usage": {"tokens": 0},
    }
    assert (body["data"][1]["description"], body["data"][1]["content"]) == ("c", "whole")
    beside = {"query": "tea", "answer": "Yes.", "response_time": 1.2}
    assert body["meta"] == beside | {"usage": {"tokens": 0}}


@pytest.mark.parametrize("form", FORMS)
def test_an_error_inside_a_200_is_a_failure(form: str) -> None:
    with pytest.raises(RelayError) as caught:
        read(form, {"detail": {"error": "The key has no credits."}})
    assert "no credits" in caught.value.failure.message


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("body", [b"# Markdown", b"[]", b"{}", b'{"data":1,"results":{}}'])
def test_what_holds_no_pages_is_a_bad_reply(form: str, body: bytes) -> None:
    with pytest.raises(RelayError) as caught:
        SEARCH[form].decode_reply(body)
    assert caught.value.failure.kind is FailureKind.UPSTREAM_BAD_REPLY
