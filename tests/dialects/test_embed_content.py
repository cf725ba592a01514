"""Gemini's questions for embeddings, and OpenAI's answers to them."""

from typing import Any

import msgspec
import pytest

from headgate.base.failure import RelayError
from headgate.dialects.dialect import Fields
from headgate.dialects.embed_content import as_batch, as_openai, of_batch, of_openai
from headgate.ir.loss import Losses

TEXT = {"content": {"parts": [{"text": "a"}, {"text": "b"}]}}


def fields(body: dict[str, Any]) -> Fields:
    found: Fields = msgspec.json.decode(msgspec.json.encode(body), type=dict[str, msgspec.Raw])
    return found


def asked(body: dict[str, Any], *, single: bool) -> tuple[Any, list[str]]:
    losses = Losses("openai_chat")
    written = as_openai(fields(body), losses, single=single)
    told = {name: msgspec.json.decode(value) for name, value in written.items()}
    return told, [loss.field for loss in losses]


def test_single_text_is_a_batch_of_one() -> None:
    body = TEXT | {"taskType": "RETRIEVAL_QUERY", "model": "models/x"}
    assert as_batch(fields(body), "up", single=True) == {
        "requests": [TEXT | {"taskType": "RETRIEVAL_QUERY", "model": "models/up"}]
    }


def test_batch_is_asked_of_an_openai_upstream_as_a_list() -> None:
    body = {"requests": [TEXT | {"outputDimensionality": 8}, TEXT | {"title": "t"}]}
    told, lost = asked(body, single=False)
    assert told == {"input": ["a\nb", "a\nb"], "encoding_format": "float", "dimensions": 8}
    assert lost == ["requests[1].title"]
    assert asked(TEXT, single=True)[0]["input"] == ["a\nb"]


@pytest.mark.parametrize(
    ("body", "single", "place"),
    [
        ({}, False, "requests"),
        ({"requests": []}, False, "requests"),
        ({"requests": [1]}, False, "requests[0]"),
        ({"requests": [{"content": {}}]}, False, "requests[0].content.parts"),
        ({"content": {"parts": [{"inlineData": {}}]}}, True, "content.parts[0]"),
    ],
)
def test_what_is_no_text_is_refused_with_its_place(
    body: dict[str, Any], single: bool, place: str
) -> None:
    with pytest.raises(RelayError) as caught:
        asked(body, single=single)
    assert caught.value.failure.param == place


def test_answers_have_the_form_that_was_asked_for() -> None:
    batch = b'{"embeddings":[{"values":[0.5]}],"usageMetadata":{"promptTokenCount":3}}'
    assert of_batch(batch, single=False) == batch
    one = {"embedding": {"values": [0.5]}, "usageMetadata": {"promptTokenCount": 3}}
    assert msgspec.json.decode(of_batch(batch, single=True)) == one
    openai = b'{"data":[{"embedding":[0.5]}],"usage":{"prompt_tokens":3,"total_tokens":3}}'
    assert msgspec.json.decode(of_openai(openai, single=True)) == one
    assert msgspec.json.decode(of_openai(openai, single=False))["embeddings"] == [{"values": [0.5]}]
