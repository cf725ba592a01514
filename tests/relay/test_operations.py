"""Embeddings and moderations: one reply, and no chat in it (`uni-api.md` 6.2, case 91)."""

from typing import Any

import msgspec
import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.ir.usage import Usage
from headgate.providers.provider import Operation
from headgate.relay.call import Call
from headgate.relay.operations import answer_of, body_of
from headgate.snapshot.facts import Endpoint, Key, Override
from tests.calls import call
from tests.facts import channel, key, offer
from tests.relay.upstreams import FakePool, FakeResponse, attempts, stages

OF = offer("a", "embed-up", alias="embed")
EMBEDDINGS = b'{"data":[{"index":0,"embedding":[0.5]}],"usage":{"prompt_tokens":3}}'


def asking(operation: Operation, **body: Any) -> Call:
    return call({"model": "embed", "input": "text"} | body, operation=operation)


def test_embeddings_are_asked_for_as_floats_unless_the_caller_says_else() -> None:
    body = body_of(asking(Operation.EMBEDDINGS, dimensions=8), OF, "openai_chat")
    assert msgspec.json.decode(body.data) == {
        "model": "embed-up",
        "input": "text",
        "dimensions": 8,
        "encoding_format": "float",
    }
    packed = asking(Operation.EMBEDDINGS, encoding_format="base64")
    sent = msgspec.json.decode(body_of(packed, OF, "openai_chat").data)
    assert sent["encoding_format"] == "base64"


def test_embeddings_may_come_from_gemini() -> None:
    sent = msgspec.json.decode(body_of(asking(Operation.EMBEDDINGS), OF, "gemini").data)
    assert sent["requests"][0]["content"] == {"parts": [{"text": "text"}]}


def test_embeddings_name_what_an_upstream_has_no_word_for() -> None:
    body = body_of(asking(Operation.EMBEDDINGS, user="u"), OF, "cohere")
    assert [(loss.dialect, loss.field) for loss in body.losses] == [("cohere", "user")]


RANKING: dict[str, Any] = {"query": "q", "documents": ["a", {"text": "b"}], "top_n": 1}


def test_documents_are_ranked_in_the_form_of_the_upstream() -> None:
    ranking = call({"model": "embed"} | RANKING, operation=Operation.RERANK)
    same = msgspec.json.decode(body_of(ranking, OF, "openai_chat").data)
    assert same == {"model": "embed-up"} | RANKING
    voyage = body_of(ranking, OF, "voyage")
    assert msgspec.json.decode(voyage.data) == {
        "model": "embed-up",
        "query": "q",
        "documents": ["a", "b"],
        "top_k": 1,
    }
    ranks = b'{"data":[{"index":1,"relevance_score":0.5}],"usage":{"total_tokens":3}}'
    data, usage = answer_of(ranking, OF, "voyage", ranks)
    assert msgspec.json.decode(data)["results"] == [{"index": 1, "relevance_score": 0.5}]
    assert usage == Usage(input=3)


def ranking(form: str) -> Key:
    """Offer one model of a channel that ranks in this form, and does not chat."""
    url = "http://127.0.0.1:9/a/rerank"
    of = channel("a", endpoints={Operation.RERANK: (Endpoint(dialect=form, url=url),)})
    return key([offer(of)])


async def test_ranks_travel_the_whole_way() -> None:
    ranks = [{"index": 1, "relevance_score": 0.5}]
    body = {"results": ranks, "meta": {"billed_units": {"search_units": 1}}}
    pool, of = FakePool(FakeResponse(msgspec.json.encode(body))), ranking("cohere")
    asked = call({"model": "gpt", "odd": 1} | RANKING, operation=Operation.RERANK)
    answer = await attempts(of, stages(pool, of), asked).first_answer()
    assert pool.bodies == [{"model": "gpt", "query": "q", "documents": ["a", "b"], "top_n": 1}]
    assert msgspec.json.decode(answer.whole or b"")["results"] == ranks
    assert answer.usage == Usage(search_units=1)
    assert [loss.field for loss in answer.losses] == ["odd"]


@pytest.mark.parametrize("form", ["openai_chat", "jina", "voyage", "cohere", "tei"])
async def test_refusals_of_every_form_are_read(form: str) -> None:
    error = {"message": "query is too odd"} if form == "cohere" else {"detail": "query is too odd"}
    pool = FakePool(FakeResponse(msgspec.json.encode(error), status=400))
    of = ranking(form)
    asked = call({"model": "gpt"} | RANKING, operation=Operation.RERANK)
    with pytest.raises(RelayError) as raised:
        await attempts(of, stages(pool, of), asked).first_answer()
    assert raised.value.failure.http_status == 400
    assert "query is too odd" in raised.value.failure.message


async def test_a_question_without_documents_is_refused_before_any_upstream() -> None:
    pool, of = FakePool(), ranking("voyage")
    asked = call({"model": "gpt", "query": "q"}, operation=Operation.RERANK)
    with pytest.raises(RelayError) as raised:
        await attempts(of, stages(pool, of), asked).first_answer()
    assert raised.value.failure.param == "documents"
    assert pool.asked == []


def test_moderations_keep_their_fields() -> None:
    body = body_of(asking(Operation.MODERATIONS, extra=1), OF, "openai_chat")
    assert msgspec.json.decode(body.data) == {"model": "embed-up", "input": "text", "extra": 1}


def test_operators_overrides_win() -> None:
    of = offer("a", overrides=(Override(values={"dimensions": 4}),))
    body = body_of(asking(Operation.EMBEDDINGS, dimensions=8), of, "openai_chat")
    assert msgspec.json.decode(body.data)["dimensions"] == 4


def test_usage_is_read_from_the_reply() -> None:
    answer = answer_of(asking(Operation.EMBEDDINGS), OF, "openai_chat", EMBEDDINGS)
    assert answer == (EMBEDDINGS, Usage(input=3))


def test_verdict_is_passed_on_as_it_came() -> None:
    verdict = b'{"results": [{"flagged": true, "categories": {"x": true}}]}'
    asked = asking(Operation.MODERATIONS)
    assert answer_of(asked, OF, "openai_chat", verdict)[0] == verdict


@pytest.mark.parametrize("operation", [Operation.EMBEDDINGS, Operation.MODERATIONS])
@pytest.mark.parametrize("data", [b"", b"<html>", b"{}", b'{"error":{"message":"no"}}'])
def test_what_is_no_reply_is_a_failure(operation: Operation, data: bytes) -> None:
    with pytest.raises(RelayError) as failed:
        answer_of(asking(operation), OF, "openai_chat", data)
    assert failed.value.failure.rule.retry
    assert failed.value.failure.kind is not FailureKind.INTERNAL
