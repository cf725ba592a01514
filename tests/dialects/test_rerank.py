from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from headgate.base.failure import FailureKind, RelayError
from headgate.dialects.dialect import Fields
from headgate.dialects.rerank import RERANK
from headgate.ir.loss import Losses
from headgate.ir.usage import Usage

Json = dict[str, Any]
BESIDE = Path(__file__).resolve().parents[3] / "shared" / "recordings"
ROOT = Path(os.environ.get("HEADGATE_RECORDINGS", BESIDE))
DOCUMENTS = ["Paris", "London", "Rome"]
SAME = ("openai_chat", "jina", "cohere_v1")
OTHERS = ("cohere", "voyage", "tei")


def fields(**options: Any) -> Fields:
    """Write the caller's fields."""
    asked = {"model": "alias", "query": "capital?", "documents": DOCUMENTS} | options
    return {name: Raw(msgspec.json.encode(value)) for name, value in asked.items()}


def written(form: str, **options: Any) -> tuple[Json, list[str]]:
    losses = Losses(form)
    body = RERANK[form].encode_request(fields(**options), "up", losses)
    return msgspec.json.decode(msgspec.json.encode(body)), [loss.field for loss in losses]


def read(form: str, reply: Any, **options: Any) -> tuple[Json, Usage | None]:
    body, usage = RERANK[form].decode_reply(msgspec.json.encode(reply), fields(**options), "alias")
    return msgspec.json.decode(body), usage


def ranks(*scores: float, key: str = "relevance_score", **more: Any) -> list[Json]:
    return [{"index": index, key: score, **more} for index, score in enumerate(scores)]


# ---------------------------------------------------------------------------- questions


@pytest.mark.parametrize("form", SAME)
def test_the_callers_own_form_is_passed_on_with_all_its_fields(form: str) -> None:
    question = {"query": {"image": "u"}, "documents": [{"a": 1}], "top_n": 2, "odd": [1]}
    assert written(form, **question) == ({"model": "up", **question}, [])


def test_coheres_second_version_takes_texts_and_gives_none_back() -> None:
    body, lost = written("cohere", top_n=2, return_documents=True, max_tokens_per_doc=9, odd=1)
    assert body == {
        "model": "up",
        "query": "capital?",
        "documents": DOCUMENTS,
        "top_n": 2,
        "max_tokens_per_doc": 9,
    }
    assert lost == ["odd"]


def test_voyage_has_another_word_for_the_number() -> None:
    body, lost = written("voyage", top_n=7, return_documents=False, truncation=True)
    assert body == {
        "model": "up",
        "query": "capital?",
        "documents": DOCUMENTS,
        "top_k": 3,
        "return_documents": False,
        "truncation": True,
    }
    assert lost == []


def test_hugging_faces_server_has_one_model_and_ranks_everything() -> None:
    body, lost = written("tei", top_n=1, raw_scores=True, truncation=None)
    assert body == {"query": "capital?", "texts": DOCUMENTS, "raw_scores": True}
    assert lost == []


@pytest.mark.parametrize("form", OTHERS)
def test_objects_go_as_their_text_or_as_json(form: str) -> None:
    objects = [{"text": "a"}, {"title": "t", "body": "b"}, "c"]
    body, lost = written(form, documents=objects)
    assert body.get("documents", body.get("texts")) == ["a", '{"title":"t","body":"b"}', "c"]
    assert lost == ["documents[1]"]
    chosen, _ = written(form, documents=objects[1:], rank_fields=["title"])
    assert chosen.get("documents", chosen.get("texts")) == ['{"title":"t"}', "c"]


@pytest.mark.parametrize("form", OTHERS)
@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"query": None}, "query"),
        ({"query": ["a"]}, "query"),
        ({"documents": "a"}, "documents"),
        ({"documents": []}, "documents"),
        ({"documents": ["a", 5]}, "documents[1]"),
        ({"top_n": 0}, "top_n"),
        ({"top_n": True}, "top_n"),
        ({"top_n": 1.5}, "top_n"),
        ({"return_documents": "yes"}, "return_documents"),
    ],
)
def test_a_wrong_question_is_refused_with_its_place(form: str, options: Json, place: str) -> None:
    with pytest.raises(RelayError) as raised:
        written(form, **options)
    assert raised.value.failure.kind is FailureKind.INVALID_REQUEST
    assert raised.value.failure.param == place


@given(st.sampled_from(OTHERS), st.dictionaries(st.text("abc_", min_size=1), st.integers(1)))
def test_no_field_is_lost_in_silence(form: str, extra: dict[str, int]) -> None:
    body, lost = written(form, **extra)
    assert extra.keys() <= body.keys() | set(lost)


# ------------------------------------------------------------------------------ replies


@pytest.mark.parametrize("form", SAME)
def test_a_reply_of_the_callers_own_form_is_not_touched(form: str) -> None:
    reply = b'{"results": [{"index":1, "relevance_score":0.5}],"usage":{"total_tokens":7},"x":[ ]}'
    assert RERANK[form].decode_reply(reply, fields(), "alias") == (reply, Usage(input=7))


def test_documents_that_were_asked_for_are_put_in() -> None:
    reply, usage = read("openai_chat", {"results": ranks(0.5)}, return_documents=True)
    assert reply["results"] == [{"index": 0, "relevance_score": 0.5, "document": {"text": "Paris"}}]
    assert usage is None
    objects = [{"text": "a", "id": 1}]
    reply, _ = read("cohere", {"results": ranks(0.5)}, documents=objects, return_documents=True)
    assert reply["results"][0]["document"] == objects[0]


def test_coheres_reply_keeps_its_id_and_its_units() -> None:
    meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 2}}
    reply, usage = read("cohere", {"id": "r", "results": ranks(0.5, 0.25), "meta": meta})
    assert reply == {
        "id": "r",
        "object": "list",
        "model": "alias",
        "results": ranks(0.5, 0.25),
        "usage": {"prompt_tokens": 0, "total_tokens": 0},
        "meta": meta,
    }
    assert usage == Usage(search_units=2)


def test_voyages_reply_is_rewritten() -> None:
    data = ranks(0.5, document="Paris")
    reply, usage = read("voyage", {"object": "list", "data": data, "usage": {"total_tokens": 43}})
    assert reply["results"] == [{"index": 0, "relevance_score": 0.5, "document": {"text": "Paris"}}]
    assert reply["usage"] == {"prompt_tokens": 43, "total_tokens": 43}
    assert usage == Usage(input=43)


def test_hugging_faces_reply_is_cut_to_what_was_asked_for() -> None:
    reply, usage = read("tei", ranks(0.5, 0.25, 0.125, key="score"), top_n=2)
    assert reply["results"] == ranks(0.5, 0.25)
    assert usage is None


def test_documents_that_nobody_wants_are_left_out() -> None:
    reply, _ = read("voyage", {"data": ranks(0.5, document="Paris")}, return_documents=False)
    assert reply["results"] == ranks(0.5)


def test_a_rank_of_no_document_of_ours_is_passed_on_without_one() -> None:
    rows = [{"index": 9, "relevance_score": 1}, {"index": -1, "relevance_score": 0}]
    reply, _ = read("cohere", {"results": rows}, return_documents=True)
    assert reply["results"] == rows


def test_hosts_that_say_data_are_understood_in_the_same_form() -> None:
    reply, usage = read("openai_chat", {"data": ranks(0.5), "usage": {"prompt_tokens": 5}})
    assert (reply["results"], usage) == (ranks(0.5), Usage(input=5))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>", FailureKind.UPSTREAM_BAD_REPLY),
        (b"{}", FailureKind.UPSTREAM_BAD_REPLY),
        (b"[1]", FailureKind.UPSTREAM_BAD_REPLY),
        (b'{"results":[{"index":0}]}', FailureKind.UPSTREAM_BAD_REPLY),
        (b'{"results":[{"index":"0","relevance_score":1}]}', FailureKind.UPSTREAM_BAD_REPLY),
        (b"[" * 100_000, FailureKind.UPSTREAM_BAD_REPLY),
        (b'{"error":{"message":"m","code":429}}', FailureKind.UPSTREAM_RATE_LIMITED),
    ],
)
def test_a_body_without_ranks_is_a_failure(body: bytes, kind: FailureKind) -> None:
    for form in RERANK:
        with pytest.raises(RelayError) as raised:
            RERANK[form].decode_reply(body, fields(), "m")
        assert raised.value.failure.kind is kind


@given(
    st.sampled_from(OTHERS),
    st.lists(st.floats(-9, 9, allow_nan=False), max_size=3),
    st.none() | st.integers(1, 4),
    st.none() | st.booleans(),
)
def test_any_forms_ranks_come_out_in_the_callers_form(
    form: str, scores: list[float], top_n: int | None, shown: bool | None
) -> None:
    key = "score" if form == "tei" else "relevance_score"
    rows = ranks(*scores, key=key)
    reply = rows if form == "tei" else {"data" if form == "voyage" else "results": rows}
    found, _ = read(form, reply, top_n=top_n, return_documents=shown)
    assert [row["relevance_score"] for row in found["results"]] == scores[:top_n]
    assert all(("document" in row) is bool(shown) for row in found["results"])


# --------------------------------------------------------------------- recorded traffic


def recordings() -> Iterator[Json]:
    if not (ROOT / "index.jsonl").is_file():
        pytest.skip(f"no recordings at {ROOT}; set HEADGATE_RECORDINGS")
    for line in (ROOT / "index.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["endpoint"].endswith("rerank") and row["status"] == 200:
            yield json.loads((ROOT / row["file"]).read_text(encoding="utf-8"))


def form_of(recording: Json) -> str:
    if recording["provider"] == "cohere":
        return "cohere" if recording["path"].startswith("/v2") else "cohere_v1"
    return "voyage" if recording["provider"] == "voyage" else "openai_chat"


def test_recorded_ranks_are_read_whatever_their_form() -> None:
    count = 0
    for recording in recordings():
        count += 1
        wire = recording["response"]["body"]
        asked = (recording["request"] or {}).get("body") or {}
        form = form_of(recording)
        question = {"query": "q", "documents": ["a", "b"]} | asked
        if "top_k" in question:
            question["top_n"] = question.pop("top_k")
        found, usage = read(form, wire, **question)
        rows = wire.get("results") or wire.get("data")
        assert [(row["index"], row["relevance_score"]) for row in found["results"]] == [
            (row["index"], row["relevance_score"]) for row in rows
        ], recording["id"]
        told = wire.get("usage") or {}
        billed = wire.get("meta", {}).get("billed_units", {})
        tokens, units = told.get("total_tokens", 0), billed.get("search_units", 0)
        assert usage == Usage(input=tokens, search_units=units), recording["id"]
        sent, lost = written(form, **question)
        kept = {key: value for key, value in asked.items() if value is not None and key != "model"}
        assert kept.items() <= sent.items(), recording["id"]
        assert lost == [], recording["id"]
    print(f"rerank: {count} of {count} read and asked")
    assert count
