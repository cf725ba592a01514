from __future__ import annotations

import pytest

from headgate.lab.routes import Route, place, route


def at(path: str, method: str = "POST", **headers: str) -> Route | None:
    return route(method, path, {name.replace("_", "-"): text for name, text in headers.items()}, {})


@pytest.mark.parametrize(
    ("path", "wire", "operation"),
    [
        ("/v1/chat/completions", "openai", "chat"),
        ("/v1/completions", "openai_completions", "chat"),
        ("/v1/embeddings", "openai", "embeddings"),
        ("/v1/moderations", "openai", "moderations"),
        ("/v1/images/generations", "openai", "images"),
        ("/v1/images/edits", "openai", "image_edits"),
        ("/v1/images/variations", "openai", "image_variations"),
        ("/v1/audio/speech", "openai", "speech"),
        ("/v1/audio/transcriptions", "openai", "transcriptions"),
        ("/v1/audio/translations", "openai", "translations"),
        ("/v1/edits", "openai", "edits"),
        ("/search", "openai", "search"),
        ("/v1/messages", "anthropic", "chat"),
        ("/v1/messages/count_tokens", "anthropic", "count_tokens"),
        ("/v1/responses", "responses", "chat"),
        ("/v1/responses/compact", "responses", "compact"),
        ("/v1/responses/input_tokens", "responses", "input_tokens"),
        ("/model/a.b-v1:0/converse", "bedrock", "chat"),
        ("/model/a.b-v1:0/count-tokens", "bedrock", "count_tokens"),
        ("/v2/chat", "cohere", "chat"),
        ("/v2/embed", "cohere", "embed"),
        ("/v2/rerank", "cohere", "rerank"),
        ("/v1/rerank", "openai", "rerank"),
        ("/rerank", "openai", "rerank"),
        ("/api/chat", "ollama", "chat"),
        ("/api/embed", "ollama", "embed"),
        ("/api/embeddings", "ollama", "embeddings"),
        ("/v1beta/models/g:generateContent", "gemini", "chat"),
        ("/v1beta/models/g:countTokens", "gemini", "countTokens"),
        ("/v1beta/models/g:embedContent", "gemini", "embedContent"),
        ("/v1beta/models/g:batchEmbedContents", "gemini", "batchEmbedContents"),
    ],
)
def test_the_end_of_a_path_names_wire_and_operation(path: str, wire: str, operation: str) -> None:
    for prefix, name in (("", "lab"), ("/ok1", "ok1"), ("/models", "models")):
        found = at(prefix + path)
        assert found is not None
        assert (found.wire, found.operation, found.place) == (wire, operation, name)


def test_a_gemini_path_carries_model_and_streaming() -> None:
    assert at("/g/v1beta/models/rec:a-1:streamGenerateContent") == Route(
        "gemini", "chat", "g", "rec:a-1", stream=True
    )


def test_a_bedrock_path_carries_model_and_streaming() -> None:
    arn = "arn:aws:bedrock:us-east-1:1:inference-profile/x"
    assert at(f"/b/model/{arn}/converse-stream") == Route("bedrock", "chat", "b", arn, stream=True)


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("GET", "/ok1/v1/responses/resp_1", "response"),
        ("DELETE", "/ok1/v1/responses/resp_1", "delete_response"),
        ("GET", "/ok1/v1/responses/resp_1/input_items", "input_items"),
        ("POST", "/ok1/v1/responses/resp_1/cancel", "cancel_response"),
    ],
)
def test_a_stored_response_has_its_operations(method: str, path: str, operation: str) -> None:
    assert at(path, method) == Route("responses", operation, "ok1", ids=("resp_1",))


def test_the_models_of_three_providers_are_told_apart_by_the_credential() -> None:
    assert at("/v1/models", "GET") == Route("openai", "models", "lab")
    assert at("/v1/models", "GET", x_api_key="k") == Route("anthropic", "models", "lab")
    assert at("/v1beta/models", "GET", x_goog_api_key="k") == Route("gemini", "models", "lab")
    assert at("/models/v1/models/team/x", "GET") == Route("openai", "model", "models", "team/x")


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/"), ("GET", "/v1/chat/completions"), ("PUT", "/v1/messages"), ("POST", "/m:shout")],
)
def test_what_the_lab_does_not_offer_has_no_route(method: str, path: str) -> None:
    assert at(path, method) is None


def test_a_version_is_no_place() -> None:
    assert [place(prefix) for prefix in ("", "/", "/v1", "/v1beta", "/openai/v1")] == ["lab"] * 5
    assert place("/e500/v1") == "e500"


def test_an_old_path_carries_the_model() -> None:
    assert at("/ok1/v1/engines/ada/embeddings") == Route("openai", "embeddings", "ok1", "ada")


@pytest.mark.parametrize(("path", "query"), [("/jina/search", {}), ("/jina/", {"q": "a"})])
def test_a_search_may_be_a_get(path: str, query: dict[str, str]) -> None:
    assert route("GET", path, {}, query) == Route("openai", "jina_search", "jina")


def test_jina_searches_at_the_root_of_a_host_of_its_own() -> None:
    assert at("/", host="s.jina.ai:80") == Route("openai", "jina_search", "lab")


def test_the_longest_path_of_an_object_is_the_right_one() -> None:
    found = at("/ok1/v1/vector_stores/vs_1/files/file-1", "DELETE")
    assert found is not None
    assert (found.place, found.ids) == ("ok1", ("vs_1", "file-1"))
    assert found.operation == "DELETE /vector_stores/{}/files/{}"
