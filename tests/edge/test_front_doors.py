"""Where each family of clients says the model and the wish for a stream."""

import msgspec
import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.edge.front_doors import (
    Asked,
    Reader,
    gemini_stream,
    gemini_whole,
    in_body,
    model_in_path,
    searched,
    whole_in_body,
)
from headgate.edge.request import Request


def asked(
    reader: Reader, body: dict[str, object] | None = None, *, path_model: str = "", query: str = ""
) -> Asked:
    request = Request(
        method="POST",
        path="/",
        query=query,
        params={"model": path_model},
        headers=[],
        fields={},
        client_ip="127.0.0.1",
        body=b"",
        received_s=0.0,
        request_id="r1",
    )
    fields = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in (body or {}).items()}
    return reader(request, fields)


def test_body_says_model_stream_and_usage() -> None:
    found = asked(in_body, {"model": "gpt", "stream": True})
    assert (found.model, found.stream, found.include_usage) == ("gpt", True, False)
    wants_usage: dict[str, object] = {"stream_options": {"include_usage": True}}
    found = asked(in_body, {"model": "gpt"} | wants_usage)
    assert (found.stream, found.include_usage) == (False, False)
    assert asked(in_body, {"model": "gpt", "stream": True} | wants_usage).include_usage


@pytest.mark.parametrize("reader", [in_body, whole_in_body])
def test_body_without_a_model_is_refused(reader: Reader) -> None:
    with pytest.raises(RelayError) as caught:
        asked(reader, {"stream": False})
    assert caught.value.failure.param == "model"


def test_operation_without_streams_has_none() -> None:
    assert not asked(whole_in_body, {"model": "m", "stream": True}).stream


def test_path_names_the_model_whatever_the_body_says() -> None:
    found = asked(model_in_path, {"model": "other", "stream": True}, path_model="deployed")
    assert (found.model, found.stream, found.is_whole) == ("deployed", True, False)
    assert msgspec.json.decode(found.fields["model"]) == "deployed"


def test_gemini_says_model_and_stream_in_its_path() -> None:
    found = asked(gemini_whole, path_model="models/gemini-3")
    assert (found.model, found.stream, found.is_whole) == ("gemini-3", False, True)
    found = asked(gemini_stream, path_model="gemini-3")
    assert (found.stream, found.as_array) == (True, True)


@pytest.mark.parametrize(
    ("query", "is_array"), [("alt=sse", False), ("alt=SSE&key=k", False), ("alt=json", True)]
)
def test_gemini_streams_events_to_those_who_ask(query: str, is_array: bool) -> None:
    assert asked(gemini_stream, path_model="m", query=query).as_array is is_array


@pytest.mark.parametrize("model", ["models/", "x" * 1001])
def test_model_in_a_path_has_a_sensible_length(model: str) -> None:
    with pytest.raises(RelayError) as caught:
        asked(gemini_whole, path_model=model)
    assert caught.value.failure.kind is FailureKind.INVALID_REQUEST


def test_a_search_is_asked_in_the_query_or_in_the_body() -> None:
    found = asked(searched, query="q=Jina+AI%21&num=3&include_answer=true&gl=us&key=sk-mine")
    assert found.model == "search"
    assert not found.is_whole
    values = {name: msgspec.json.decode(raw) for name, raw in found.fields.items()}
    assert values == {
        "q": "Jina AI!",
        "num": 3,
        "include_answer": True,
        "gl": "us",
        "model": "search",
    }
    found = asked(searched, {"q": "body", "model": "web"}, query="q=query&site=a&site=b")
    values = {name: msgspec.json.decode(raw) for name, raw in found.fields.items()}
    assert values == {"q": "body", "model": "web", "site": ["a", "b"]}


@pytest.mark.parametrize("text", ["2024", "true"])
def test_a_question_stays_a_text(text: str) -> None:
    found = asked(searched, query=f"q={text}")
    assert msgspec.json.decode(found.fields["q"]) == text
