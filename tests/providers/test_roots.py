from __future__ import annotations

import pytest

from headgate.providers import roots
from headgate.providers.provider import Root


@pytest.mark.parametrize(
    ("base_url", "root"),
    [
        ("https://h/v1/chat/completions", "https://h/v1"),
        ("https://h/v1/chat/completions/", "https://h/v1"),
        ("https://h:8443/a/b/v1/embeddings", "https://h:8443/a/b/v1"),
        ("https://h/v1/responses/compact", "https://h/v1"),
        ("https://h/v1/images/generations", "https://h/v1"),
        ("https://h/v1/audio/speech", "https://h/v1"),
        ("https://h/v1/rerank", "https://h/v1"),
        ("https://h/v1", "https://h/v1"),
        ("https://h/", "https://h"),
        ("https://h", "https://h"),
    ],
)
def test_siblings_live_beside_a_complete_url(base_url: str, root: str) -> None:
    assert roots.complete_url(base_url) == Root(root)


def test_a_query_goes_with_every_sibling() -> None:
    found = roots.complete_url("https://h/v1/chat/completions?key=1")
    assert found == Root("https://h/v1", "key=1")


@pytest.mark.parametrize(
    ("base_url", "root"),
    [
        ("https://api.anthropic.com", "https://api.anthropic.com/v1"),
        ("https://api.anthropic.com/v1", "https://api.anthropic.com/v1"),
        ("https://api.anthropic.com/v1/messages", "https://api.anthropic.com/v1"),
        ("https://h/anthropic", "https://h/anthropic/v1"),
        ("https://h/anthropic/messages", "https://h/anthropic"),
    ],
)
def test_anthropic_roots_have_a_version_unless_the_url_is_complete(
    base_url: str, root: str
) -> None:
    assert roots.anthropic(base_url) == Root(root)


@pytest.mark.parametrize(
    ("base_url", "root"),
    [
        ("https://g", "https://g/v1beta"),
        ("https://g/v1beta/", "https://g/v1beta"),
        ("https://g/v1", "https://g/v1"),
        ("https://g/proxy/v1beta/models/gemini-2.5-pro:generateContent", "https://g/proxy/v1beta"),
    ],
)
def test_gemini_roots_have_a_version(base_url: str, root: str) -> None:
    assert roots.gemini(base_url) == Root(root)


@pytest.mark.parametrize(
    ("base_url", "query"),
    [
        ("https://x.openai.azure.com", "api-version=2025-01-01-preview"),
        ("https://x.openai.azure.com/openai?api-version=2024-10-21", "api-version=2024-10-21"),
        ("https://x.openai.azure.com?a=b", "a=b&api-version=2025-01-01-preview"),
    ],
)
def test_azure_keeps_the_host_and_an_api_version(base_url: str, query: str) -> None:
    assert roots.azure(base_url) == Root("https://x.openai.azure.com", query)


@pytest.mark.parametrize(
    ("base_url", "root"),
    [
        ("https://api.cohere.com", "https://api.cohere.com"),
        ("https://api.cohere.com/v2", "https://api.cohere.com"),
        ("https://api.cohere.com/v1/chat", "https://api.cohere.com"),
        ("https://h/proxy/compatibility/v1/chat/completions", "https://h/proxy"),
        ("https://h/proxy/v2/chat/", "https://h/proxy"),
        ("https://h/proxy", "https://h/proxy"),
    ],
)
def test_cohere_roots_stand_before_all_versions(base_url: str, root: str) -> None:
    assert roots.cohere(base_url) == Root(root)


@pytest.mark.parametrize(
    ("base_url", "root"),
    [
        ("http://localhost:11434", "http://localhost:11434"),
        ("http://localhost:11434/api/chat", "http://localhost:11434"),
        ("http://localhost:11434/v1/", "http://localhost:11434"),
        ("https://h/ollama/api", "https://h/ollama"),
    ],
)
def test_ollama_roots_stand_before_both_of_its_apis(base_url: str, root: str) -> None:
    assert roots.ollama(base_url) == Root(root)


def test_an_azure_models_url_is_kept_and_given_the_api_version_it_needs() -> None:
    url = "https://x.services.ai.azure.com/models/chat/completions"
    assert roots.azure_models(url + "?api-version=1").query == "api-version=1"
    assert roots.azure_models(url) == Root(
        "https://x.services.ai.azure.com/models", "api-version=2024-05-01-preview"
    )


def test_a_host_alone_forgets_the_path() -> None:
    assert roots.host("https://h:1/a?b=c") == Root("https://h:1")


@pytest.mark.parametrize("tail", ["/ai/", "/ai/run/@cf/meta/llama", "/ai/v1/chat/completions"])
def test_cloudflare_roots_end_at_the_account(tail: str) -> None:
    account = "https://api.cloudflare.com/client/v4/accounts/abc"
    assert roots.cloudflare(account + tail) == Root(account + "/ai")


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        (
            "https://bedrock-runtime.us-east-1.amazonaws.com",
            "https://bedrock-runtime.us-east-1.amazonaws.com",
        ),
        ("https://h/model/m/converse", "https://h"),
        ("https://h/aws/bedrock/", "https://h/aws/bedrock"),
        (
            "https://bedrock-runtime.{region}.amazonaws.com",
            "https://bedrock-runtime.{region}.amazonaws.com",
        ),
    ],
)
def test_bedrock_keeps_what_comes_before_the_model(base_url: str, url: str) -> None:
    assert roots.bedrock(base_url).url == url


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("https://api.jina.ai/v1/chat/completions", "https://s.jina.ai/"),
        ("https://s.jina.ai", "https://s.jina.ai/"),
        ("http://api.jina.ai:81/v1", "http://s.jina.ai:81/"),
        ("https://h/jina/v1/rerank", "https://h/jina/v1/search"),
    ],
)
def test_jina_searches_on_a_host_of_its_own(base_url: str, url: str) -> None:
    assert roots.jina_search(base_url).url == url
