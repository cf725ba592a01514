"""Models in three shapes, and by pages."""

from typing import Any

import msgspec
import pytest
from anthropic.types import ModelInfo

from headgate.base.failure import RelayError
from headgate.edge.model_lists import dialect_of, listed, one
from headgate.edge.request import Request

MODELS = ["a", "b", "c"]


def asking(
    path: str = "/v1/models", query: str = "", headers: dict[bytes, bytes] | None = None
) -> Request:
    return Request(
        method="GET",
        path=path,
        query=query,
        params={},
        headers=list((headers or {}).items()),
        fields=headers or {},
        client_ip="127.0.0.1",
        body=b"",
        received_s=0.0,
        request_id="r1",
    )


def shown(dialect: str, query: str = "") -> Any:
    return msgspec.to_builtins(listed(asking(query=query), dialect, MODELS, 1_700_000_000))


@pytest.mark.parametrize(
    ("request_", "dialect"),
    [
        (asking(), "openai_chat"),
        (asking(headers={b"anthropic-version": b"2023-06-01"}), "anthropic"),
        (asking(headers={b"x-goog-api-key": b"k"}), "gemini"),
        (asking(headers={b"x-goog-api-client": b"genai"}), "gemini"),
        (asking(query="key=k"), "gemini"),
        (asking("/v1beta/models"), "gemini"),
    ],
)
def test_clients_are_told_apart_by_what_they_send(request_: Request, dialect: str) -> None:
    assert dialect_of(request_) == dialect


def test_openai_gets_a_plain_list() -> None:
    entry = {"object": "model", "created": 1_700_000_000, "owned_by": "headgate"}
    assert shown("openai_chat") == {"object": "list", "data": [{"id": m} | entry for m in MODELS]}


def test_entries_for_anthropic_are_what_its_sdk_reads() -> None:
    entries = shown("anthropic")["data"]
    assert [ModelInfo.model_validate(entry).id for entry in entries] == MODELS
    assert entries[0]["created_at"] == "2023-11-14T22:13:20Z"


@pytest.mark.parametrize(
    ("query", "ids", "more"),
    [
        ("limit=1000", ["a", "b", "c"], False),
        ("limit=2", ["a", "b"], True),
        ("limit=2&after_id=a", ["b", "c"], False),
        ("limit=1&after_id=a", ["b"], True),
        ("limit=1&before_id=c", ["b"], True),
        ("limit=9&before_id=c", ["a", "b"], False),
        ("after_id=c", [], False),
    ],
)
def test_anthropic_pages(query: str, ids: list[str], more: bool) -> None:
    page = shown("anthropic", query)
    assert [entry["id"] for entry in page["data"]] == ids
    assert page["has_more"] is more
    assert page["first_id"] == (ids[0] if ids else None)
    assert page["last_id"] == (ids[-1] if ids else None)


def test_gemini_pages_by_token() -> None:
    page = shown("gemini", "pageSize=2")
    assert [entry["name"] for entry in page["models"]] == ["models/a", "models/b"]
    last = shown("gemini", f"pageSize=2&pageToken={page['nextPageToken']}")
    assert [entry["name"] for entry in last["models"]] == ["models/c"]
    assert "nextPageToken" not in last


@pytest.mark.parametrize(
    ("dialect", "query"),
    [
        ("anthropic", "limit=0"),
        ("anthropic", "limit=x"),
        ("anthropic", "limit=00000001" + "0" * 5000),
        ("gemini", "pageSize=" + "9" * 5000),
        ("anthropic", "after_id=nobody"),
        ("gemini", "pageSize=-1"),
        ("gemini", "pageToken=nobody"),
    ],
)
def test_pages_that_there_cannot_be_are_refused(dialect: str, query: str) -> None:
    with pytest.raises(RelayError) as caught:
        shown(dialect, query)
    assert caught.value.failure.param == query.partition("=")[0]


@pytest.mark.parametrize(
    ("dialect", "name"), [("openai_chat", "id"), ("anthropic", "id"), ("gemini", "name")]
)
def test_one_model_is_an_entry_of_the_list(dialect: str, name: str) -> None:
    assert str(one(dialect, "a", 0)[name]).removeprefix("models/") == "a"
