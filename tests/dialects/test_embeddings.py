from __future__ import annotations

import json
import os
from pathlib import Path
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
from headgate.ir.loss import Losses
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
    body = OPENAI_EMBEDDINGS.encode_request(
        fields(input="a", dimensions=8, user="u"), "up", Losses("x")
    )
    assert msgspec.json.decode(msgspec.json.encode(body)) == {
        "input": "a",
        "dimensions": 8,
        "user": "u",
        "model": "up",
        "encoding_format": "float",
    }


def test_an_sdks_base64_is_asked_for() -> None:
    body = OPENAI_EMBEDDINGS.encode_request(
        fields(input=[1, 2], encoding_format="base64"), "up", Losses("x")
    )
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
    body = GEMINI_EMBEDDINGS.encode_request(
        fields(input=["a", "b"], dimensions=8), "up", Losses("x")
    )
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
    body = GEMINI_EMBEDDINGS.encode_request(fields(input="a"), "up", Losses("x"))
    assert [request["content"]["parts"][0]["text"] for request in body["requests"]] == ["a"]


@pytest.mark.parametrize(
    ("given_input", "place"),
    [(None, "input"), ([], "input"), ([1, 2], "input[0]"), (["a", [1]], "input[1]")],
)
def test_tokens_are_refused_with_their_place(given_input: Any, place: str) -> None:
    with pytest.raises(RelayError) as raised:
        GEMINI_EMBEDDINGS.encode_request(fields(input=given_input), "up", Losses("x"))
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


def test_gemini_has_no_word_for_the_user() -> None:
    losses = Losses("gemini")
    GEMINI_EMBEDDINGS.encode_request(
        fields(input="a", user="u", encoding_format=None), "up", losses
    )
    assert [loss.field for loss in losses] == ["user"]


# --------------------------------------------------- Cohere, Ollama, Voyage, Jina upstream


def asked(form: str, **options: Any) -> tuple[Any, list[str]]:
    losses = Losses(form)
    body = EMBEDDINGS[form].encode_request(fields(**options), "up", losses)
    return msgspec.json.decode(msgspec.json.encode(body)), [loss.field for loss in losses]


def answered(form: str, answer: Any, **options: Any) -> tuple[Any, Usage | None]:
    body, usage = EMBEDDINGS[form].decode_reply(msgspec.json.encode(answer), fields(**options), "m")
    return msgspec.json.decode(body), usage


def test_cohere_is_told_what_the_texts_are_for() -> None:
    body, lost = asked("cohere", input="a", dimensions=8, user="u", encoding_format="base64")
    assert body == {
        "model": "up",
        "texts": ["a"],
        "input_type": "search_document",
        "embedding_types": ["float"],
        "output_dimension": 8,
    }
    assert lost == ["user"]
    body, lost = asked("cohere", input=["a", "b"], input_type="search_query", truncate="END")
    assert (body["input_type"], body["truncate"], lost) == ("search_query", "END", [])


def test_ollama_takes_texts_and_its_own_options() -> None:
    body, lost = asked("ollama", input="a", dimensions=8, keep_alive="5m", user=None, odd=1)
    assert body == {"model": "up", "input": ["a"], "dimensions": 8, "keep_alive": "5m"}
    assert lost == ["odd"]


@pytest.mark.parametrize("form", ["cohere", "ollama"])
@pytest.mark.parametrize(
    ("given_input", "place"),
    [(None, "input"), ([], "input"), ([1, 2], "input[0]"), (["a", [1]], "input[1]")],
)
def test_tokens_are_refused_by_all_who_take_texts(form: str, given_input: Any, place: str) -> None:
    with pytest.raises(RelayError) as raised:
        asked(form, input=given_input)
    assert raised.value.failure.param == place


@pytest.mark.parametrize(
    ("encoding_format", "written"),
    [(None, {}), ("float", {}), ("base64", {"encoding_format": "base64"})],
)
def test_voyage_is_not_asked_for_floats(encoding_format: Any, written: Any) -> None:
    body, lost = asked(
        "voyage", input=["a"], encoding_format=encoding_format, dimensions=8, input_type="query"
    )
    assert body == {
        "model": "up",
        "input": ["a"],
        "output_dimension": 8,
        "input_type": "query",
        **written,
    }
    assert lost == []
    assert asked("voyage", input="a", user="u")[1] == ["user"]


@pytest.mark.parametrize(
    ("encoding_format", "written"), [(None, "float"), ("float", "float"), ("base64", "base64")]
)
def test_jina_has_another_word_for_the_form(encoding_format: Any, written: str) -> None:
    body, lost = asked("jina", input="a", encoding_format=encoding_format, task="text-matching")
    assert body == {
        "model": "up",
        "input": "a",
        "embedding_type": written,
        "task": "text-matching",
    }
    assert lost == []


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        (
            "cohere",
            {"embeddings": {"float": [VECTOR]}, "meta": {"billed_units": {"input_tokens": 3}}},
        ),
        ("cohere", {"embeddings": [VECTOR], "meta": {"billed_units": {"input_tokens": 3}}}),
        ("ollama", {"model": "up", "embeddings": [VECTOR], "prompt_eval_count": 3}),
    ],
)
@pytest.mark.parametrize(("wanted", "vector"), [("float", VECTOR), ("base64", packed(VECTOR))])
def test_others_vectors_come_in_openais_form(
    form: str, answer: Any, wanted: str, vector: Any
) -> None:
    found, usage = answered(form, answer, encoding_format=wanted)
    assert found == msgspec.json.decode(reply(vector))
    assert usage == Usage(input=3)


def test_pictures_are_counted_too() -> None:
    units = {"input_tokens": 3, "image_tokens": 5}
    answer = {"embeddings": {"float": [VECTOR]}, "meta": {"billed_units": units}}
    assert answered("cohere", answer)[1] == Usage(input=8, image_input=5)


@pytest.mark.parametrize("form", ["voyage", "jina"])
def test_a_total_alone_is_the_prompts(form: str) -> None:
    data = [{"object": "embedding", "index": 0, "embedding": VECTOR}]
    found, usage = answered(form, {"data": data, "usage": {"total_tokens": 8}})
    assert found["usage"] == {"prompt_tokens": 8, "total_tokens": 8}
    assert usage == Usage(input=8)
    assert answered(form, msgspec.json.decode(reply(VECTOR)))[1] == Usage(input=3)


@pytest.mark.parametrize("form", ["cohere", "ollama", "voyage", "jina"])
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>", FailureKind.UPSTREAM_BAD_REPLY),
        (b"{}", FailureKind.UPSTREAM_BAD_REPLY),
        (b'{"embeddings":[]}', FailureKind.UPSTREAM_BAD_REPLY),
        (b'{"embeddings":["a"]}', FailureKind.UPSTREAM_BAD_REPLY),
        (b'{"embeddings":{"int8":[[1]]}}', FailureKind.UPSTREAM_BAD_REPLY),
        (b'{"error":{"message":"m","code":429}}', FailureKind.UPSTREAM_RATE_LIMITED),
    ],
)
def test_a_body_without_vectors_is_a_failure_in_every_form(
    form: str, body: bytes, kind: FailureKind
) -> None:
    assert failure_of(body, form) is kind


def test_vectors_that_hold_more_than_numbers_cannot_be_packed() -> None:
    with pytest.raises(RelayError) as raised:
        answered("ollama", {"embeddings": [["x"]]}, encoding_format="base64")
    assert raised.value.failure.kind is FailureKind.UPSTREAM_BAD_REPLY


# --------------------------------------------------------------------- recorded traffic

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "recordings"
ROOT = Path(os.environ.get("HEADGATE_RECORDINGS", BESIDE))


def test_recorded_vectors_are_read_whatever_their_form() -> None:
    if not (ROOT / "index.jsonl").is_file():
        pytest.skip(f"no recordings at {ROOT}; set HEADGATE_RECORDINGS")
    forms = {"v2_embed": "cohere", "api_embed": "ollama"}
    count = 0
    for line in (ROOT / "index.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        form = "voyage" if row["provider"] == "voyage" else forms.get(row["endpoint"])
        if form is None or row["status"] != 200 or "embed" not in row["endpoint"]:
            continue
        count += 1
        wire = json.loads((ROOT / row["file"]).read_text(encoding="utf-8"))["response"]["body"]
        found, usage = answered(form, wire)
        told = wire.get("embeddings")
        vectors = (told["float"] if isinstance(told, dict) else told) or [
            entry["embedding"] for entry in wire["data"]
        ]
        assert [entry["embedding"] for entry in found["data"]] == vectors, row["id"]
        billed = wire.get("meta", {}).get("billed_units", {}).get("input_tokens")
        total = wire.get("usage", {}).get("total_tokens")
        assert usage == Usage(input=billed or wire.get("prompt_eval_count") or total), row["id"]
        assert found["usage"]["prompt_tokens"] == usage.input, row["id"]
    print(f"embeddings of other forms: {count} of {count} read")
    assert count
