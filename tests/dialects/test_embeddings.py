from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from headgate.base.failure import FailureKind, RelayError
from headgate.dialects.dialect import Fields
from headgate.dialects.embeddings import (
    EMBEDDINGS,
    GEMINI_EMBEDDINGS,
    OPENAI_EMBEDDINGS,
    packed,
    unpacked,
)
from headgate.ir.usage import Usage

VECTOR = [0.5, -1.25, 0.0]


def fields(**options: Any) -> Fields:
    """Write the caller's fields."""
    return {name: Raw(msgspec.json.encode(value)) for name, value in options.items()}


def reply(*vectors: Any) -> bytes:
    """Write OpenAI's reply."""
    data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return msgspec.json.encode({"object": "list", "data": data, "model": "m", "usage": usage})


def failure_of(body: bytes, family: str) -> FailureKind:
    with pytest.raises(RelayError) as raised:
        EMBEDDINGS[family].decode_reply(body, fields(encoding_format="float"), "m")
    return raised.value.failure.kind


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=8))
def test_a_vector_survives_being_packed(vector: list[float]) -> None:
    assert unpacked(packed(vector)) == vector


def test_a_vector_is_packed_as_openai_does() -> None:
    assert packed([1.0]) == "AACAPw=="


@pytest.mark.parametrize("text", ["?", "AAA=", "AAAA"])
def test_what_is_no_vector_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="vector"):
        unpacked(text)


# -------------------------------------------------------------------- OpenAI upstream


def test_who_names_no_format_gets_numbers() -> None:
    body = OPENAI_EMBEDDINGS.encode_request(fields(input="a", dimensions=8, user="u"), "up")
    assert msgspec.json.decode(msgspec.json.encode(body)) == {
        "input": "a",
        "dimensions": 8,
        "user": "u",
        "model": "up",
        "encoding_format": "float",
    }


def test_an_sdks_base64_is_asked_for() -> None:
    body = OPENAI_EMBEDDINGS.encode_request(fields(input=[1, 2], encoding_format="base64"), "up")
    assert bytes(body["encoding_format"]) == b'"base64"'
    assert bytes(body["input"]) == b"[1,2]"


@pytest.mark.parametrize(
    ("asked", "vector"),
    [("float", VECTOR), ("base64", packed(VECTOR)), (None, VECTOR), (None, "aW50OA==")],
)
def test_a_reply_in_the_right_form_is_not_touched(asked: str | None, vector: Any) -> None:
    body = reply(vector)
    wanted = fields(input="a") if asked is None else fields(encoding_format=asked)
    assert OPENAI_EMBEDDINGS.decode_reply(body, wanted, "m") == (body, Usage(input=3))


@pytest.mark.parametrize(
    ("asked", "given_vector", "vector"),
    [("float", packed(VECTOR), VECTOR), ("base64", VECTOR, packed(VECTOR))],
)
def test_a_reply_in_the_other_form_is_put_right(asked: str, given_vector: Any, vector: Any) -> None:
    body, usage = OPENAI_EMBEDDINGS.decode_reply(
        reply(given_vector, given_vector), fields(encoding_format=asked), "m"
    )
    assert body == reply(vector, vector)
    assert usage == Usage(input=3)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>", FailureKind.UPSTREAM_BAD_REPLY),
        (b"{}", FailureKind.UPSTREAM_BAD_REPLY),
        (b'{"data":' + b"[" * 5000, FailureKind.UPSTREAM_BAD_REPLY),
        (reply("?"), FailureKind.UPSTREAM_BAD_REPLY),
        (b'{"error":{"message":"m","code":429}}', FailureKind.UPSTREAM_RATE_LIMITED),
    ],
)
def test_a_body_without_vectors_is_a_failure(body: bytes, kind: FailureKind) -> None:
    assert failure_of(body, "openai_chat") is kind


# -------------------------------------------------------------------- Gemini upstream


def test_gemini_is_asked_for_a_batch() -> None:
    body = GEMINI_EMBEDDINGS.encode_request(fields(input=["a", "b"], dimensions=8), "up")
    assert body == {
        "requests": [
            {
                "model": "models/up",
                "content": {"parts": [{"text": text}]},
                "outputDimensionality": 8,
            }
            for text in ("a", "b")
        ]
    }


def test_one_text_is_a_batch_of_one() -> None:
    body = GEMINI_EMBEDDINGS.encode_request(fields(input="a"), "up")
    assert [request["content"]["parts"][0]["text"] for request in body["requests"]] == ["a"]


@pytest.mark.parametrize(
    ("given_input", "place"),
    [(None, "input"), ([], "input"), ([1, 2], "input[0]"), (["a", [1]], "input[1]")],
)
def test_tokens_are_refused_with_their_place(given_input: Any, place: str) -> None:
    with pytest.raises(RelayError) as raised:
        GEMINI_EMBEDDINGS.encode_request(fields(input=given_input), "up")
    assert raised.value.failure.kind is FailureKind.INVALID_REQUEST
    assert raised.value.failure.param == place


@pytest.mark.parametrize(
    "answer", [{"embeddings": [{"values": VECTOR}]}, {"embedding": {"values": VECTOR}}]
)
@pytest.mark.parametrize(("asked", "vector"), [("float", VECTOR), ("base64", packed(VECTOR))])
def test_geminis_vectors_come_in_openais_form(answer: Any, asked: str, vector: Any) -> None:
    answer = answer | {"usageMetadata": {"promptTokenCount": 3}}
    body, usage = GEMINI_EMBEDDINGS.decode_reply(
        msgspec.json.encode(answer), fields(encoding_format=asked), "m"
    )
    assert msgspec.json.decode(body) == msgspec.json.decode(reply(vector))
    assert usage == Usage(input=3)


def test_older_models_tell_no_usage() -> None:
    body, usage = GEMINI_EMBEDDINGS.decode_reply(
        b'{"embedding":{"values":[1]}}', fields(input="a"), "m"
    )
    assert usage is None
    assert msgspec.json.decode(body)["usage"] == {"prompt_tokens": 0, "total_tokens": 0}


@pytest.mark.parametrize("body", [b"", b"{}", b'{"embeddings":[]}', b'{"embeddings":[{}]}'])
def test_a_gemini_body_without_vectors_is_a_failure(body: bytes) -> None:
    assert failure_of(body, "gemini") is FailureKind.UPSTREAM_BAD_REPLY
