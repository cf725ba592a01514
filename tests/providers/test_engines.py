from __future__ import annotations

import pytest

from headgate.providers.engines import ENGINES, infer_engine, provider_for


@pytest.mark.parametrize(
    ("base_url", "engine", "row"),
    [
        ("https://api.openai.com/v1/chat/completions", "gpt", "openai"),
        ("https://anyone.test/v1/chat/completions", "gpt", "openai-compatible"),
        ("https://anyone.test/v1", "gpt", "openai-compatible"),
        ("https://openrouter.ai/api/v1/chat/completions", "gpt", "openrouter"),
        ("https://api.x.ai/v1/chat/completions", "gpt", "xai"),
        ("https://api.anthropic.com/v1/messages", "claude", "anthropic"),
        ("https://api.anthropic.com", "claude", "anthropic"),
        ("https://anyone.test/anthropic/v1/messages", "claude", "anthropic"),
        ("https://generativelanguage.googleapis.com/v1beta", "gemini", "gemini"),
        ("https://generativelanguage.googleapis.com", "gemini", "gemini"),
        ("https://my-proxy.test/some/v1beta", "gemini", "gemini-compatible"),
        (
            "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
            "gpt",
            "openai-compatible",
        ),
        ("https://aiplatform.googleapis.com/", "vertex", "vertex"),
        ("https://us-central1-aiplatform.googleapis.com/", "vertex", "vertex"),
        ("https://gateway.ai.cloudflare.com/v1/a/g/google-vertex-ai", "vertex", "vertex"),
        ("https://x.openai.azure.com", "azure", "azure"),
        ("https://x.openai.azure.com/openai/v1", "azure", "azure-v1"),
        ("https://x.services.ai.azure.com/models/chat/completions", "azure", "azure-models"),
        ("https://x.eastus.models.ai.azure.com/v1", "gpt", "openai-compatible"),
        ("https://models.inference.ai.azure.com/chat/completions", "gpt", "github-models"),
        ("https://x.azuredatabricks.net", "azure-databricks", "databricks"),
        ("https://bedrock-runtime.us-east-1.amazonaws.com", "aws", "bedrock"),
        ("https://api.cohere.com/v1/chat", "cohere", "cohere"),
        ("https://api.cohere.com/compatibility/v1/chat/completions", "gpt", "openai-compatible"),
        ("https://api.cloudflare.com/", "cloudflare", "cloudflare"),
        ("https://ark.cn-beijing.volces.com/api/v3/responses", "doubao-translation", None),
        ("https://ark.cn-beijing.volces.com/api/v3/chat/completions", "gpt", "openai-compatible"),
        ("https://anyone.test/v1/responses", "gpt", "openai-responses"),
        ("https://api.tavily.com/search", "search", "search"),
        ("https://api.jina.ai/v1/search", "search", "jina"),
        ("https://s.jina.ai/", "gpt", "jina"),
        ("http://localhost:11434/api/chat", "ollama", "ollama"),
        ("http://localhost:11434/v1/chat/completions", "gpt", "openai-compatible"),
        ("https://api.jina.ai/v1/rerank", "gpt", "jina"),
        ("https://api.voyageai.com/v1/embeddings", "gpt", "voyage"),
    ],
)
def test_a_base_url_tells_the_engine_and_the_row(
    base_url: str, engine: str, row: str | None
) -> None:
    assert infer_engine(base_url) == engine
    assert provider_for(engine, base_url).name == (row or "doubao-translate")


def test_engine_wins_over_the_url() -> None:
    assert provider_for("openrouter", "https://h/v1/messages").name == "openai-compatible"
    assert provider_for("gemini", "https://h/v1").name == "gemini-compatible"


def test_every_engine_has_a_row_even_without_a_url() -> None:
    assert all(provider_for(engine, "") for engine in ENGINES)


@pytest.mark.parametrize("engine", ["dalle", "tts", "whisper"])
def test_engines_of_one_task_have_rows_of_their_own_but_not_on_azure(engine: str) -> None:
    for base_url in ("", "https://api.openai.com/v1", "https://h/v1/audio/speech"):
        assert provider_for(engine, base_url).name == engine
    assert provider_for(engine, "https://x.openai.azure.com").name == "azure"
    assert provider_for(engine, "https://x.openai.azure.com/openai/v1").name == "azure-v1"


def test_cohere_on_another_host_is_taken_for_openai_compatible() -> None:
    assert provider_for("cohere", "https://proxy.test/v1").name == "openai-compatible"
