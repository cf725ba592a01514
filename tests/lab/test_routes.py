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
        ("/v1/messages", "anthropic", "chat"),
        ("/v1/messages/count_tokens", "anthropic", "count_tokens"),
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
