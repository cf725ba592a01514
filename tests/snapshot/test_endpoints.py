from __future__ import annotations

import pytest

from headgate.providers.catalog import CATALOG
from headgate.providers.engines import infer_engine, provider_for
from headgate.providers.provider import Auth, Operation
from headgate.snapshot.endpoints import ANONYMOUS, credential, endpoints_of


def urls(base_url: str, engine: str = "") -> dict[str, str]:
    """List what a base URL leads to: operation -> URL (chat's stream URL as "stream")."""
    provider = provider_for(engine or infer_engine(base_url), base_url)
    found = endpoints_of(provider, base_url)
    texts = {operation.value: ways[0].url for operation, ways in found.items()}
    if Operation.CHAT in found and found[Operation.CHAT][0].stream_url:
        texts["stream"] = found[Operation.CHAT][0].stream_url
    return texts


IMAGES = {
    "images": "/images/generations",
    "image_edits": "/images/edits",
    "image_variations": "/images/variations",
}
SPEECH = {"speech": "/audio/speech"}
TRANSCRIPTS = {
    "transcriptions": "/audio/transcriptions",
    "translations": "/audio/translations",
}
MEDIA = IMAGES | SPEECH | TRANSCRIPTS


def below(root: str, paths: dict[str, str]) -> dict[str, str]:
    """Put paths behind a root."""
    return {operation: root + path for operation, path in paths.items()}


def test_siblings_are_built_beside_a_complete_url() -> None:
    assert urls("https://h/v1/chat/completions") == below("https://h/v1", MEDIA) | {
        "chat": "https://h/v1/chat/completions",
        "completions": "https://h/v1/completions",
        "embeddings": "https://h/v1/embeddings",
        "rerank": "https://h/v1/rerank",
        "moderations": "https://h/v1/moderations",
        "realtime": "https://h/v1/realtime?model={model}",
        "objects": "https://h/v1",
        "models": "https://h/v1/models",
    }


@pytest.mark.parametrize(
    ("base_url", "chat"),
    [
        ("https://h/v1", "https://h/v1/chat/completions"),
        ("https://h", "https://h/chat/completions"),
        ("https://api.deepseek.com", "https://api.deepseek.com/chat/completions"),
        ("https://api.openai.com", "https://api.openai.com/v1/chat/completions"),
        ("https://api.openai.com/", "https://api.openai.com/v1/chat/completions"),
        ("https://openrouter.ai", "https://openrouter.ai/api/v1/chat/completions"),
        ("https://api.anthropic.com", "https://api.anthropic.com/v1/messages"),
        (
            "https://x.openai.azure.com/",
            "https://x.openai.azure.com/openai/deployments/{model}/chat/completions"
            "?api-version=2025-01-01-preview",
        ),
        (
            "https://x.openai.azure.com/openai/v1/chat/completions",
            "https://x.openai.azure.com/openai/v1/chat/completions",
        ),
        (
            "https://x.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview",
            "https://x.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview",
        ),
        (
            "https://x.azuredatabricks.net",
            "https://x.azuredatabricks.net/serving-endpoints/{model}/invocations",
        ),
        (
            "https://api.cohere.com/v1/chat",
            "https://api.cohere.com/v2/chat",
        ),
        (
            "https://api.cloudflare.com/client/v4/accounts/acc/ai/run",
            "https://api.cloudflare.com/client/v4/accounts/acc/ai/v1/chat/completions",
        ),
        (
            "https://models.inference.ai.azure.com/chat/completions",
            "https://models.inference.ai.azure.com/chat/completions",
        ),
    ],
)
def test_a_base_url_leads_to_its_chat(base_url: str, chat: str) -> None:
    assert urls(base_url)["chat"] == chat


def test_gemini_asks_for_streams_elsewhere() -> None:
    root = "https://generativelanguage.googleapis.com/v1beta"
    assert urls(root) == {
        "chat": root + "/models/{model}:generateContent",
        "stream": root + "/models/{model}:streamGenerateContent?alt=sse",
        "embeddings": root + "/models/{model}:batchEmbedContents",
        "count_tokens": root + "/models/{model}:countTokens",
        "models": root + "/models",
    }


def test_an_openai_engine_on_a_messages_url_goes_to_its_sibling() -> None:
    assert urls("https://h/v1/messages", "openrouter")["chat"] == "https://h/v1/chat/completions"


def test_a_responses_upstream_has_its_siblings_too() -> None:
    assert urls("https://h/v1/responses") == below("https://h/v1", MEDIA) | {
        "chat": "https://h/v1/responses",
        "compact": "https://h/v1/responses/compact",
        "objects": "https://h/v1",
        "count_tokens": "https://h/v1/responses/input_tokens",
        "completions": "https://h/v1/completions",
        "embeddings": "https://h/v1/embeddings",
        "moderations": "https://h/v1/moderations",
        "models": "https://h/v1/models",
    }


@pytest.mark.parametrize(
    ("engine", "paths"), [("dalle", IMAGES), ("tts", SPEECH), ("whisper", TRANSCRIPTS)]
)
@pytest.mark.parametrize(
    ("base_url", "root"),
    [
        ("https://h/v1", "https://h/v1"),
        ("https://h/v1/", "https://h/v1"),
        ("https://h/v1/chat/completions", "https://h/v1"),
        ("https://h/v1/images/generations", "https://h/v1"),
        ("https://h/v1/images/edits", "https://h/v1"),
        ("https://h/v1/images/variations", "https://h/v1"),
        ("https://h/v1/audio/speech", "https://h/v1"),
        ("https://h/openai/v1/audio/transcriptions", "https://h/openai/v1"),
        ("https://h/v1/audio/translations", "https://h/v1"),
        ("https://api.openai.com", "https://api.openai.com/v1"),
    ],
)
def test_engines_of_one_task_take_every_form_of_url(
    engine: str, paths: dict[str, str], base_url: str, root: str
) -> None:
    assert urls(base_url, engine) == below(root, paths | {"models": "/models"})


def test_azure_asks_for_images_and_audio_of_a_deployment() -> None:
    found = urls("https://x.openai.azure.com/")
    root = "https://x.openai.azure.com/openai/deployments/{model}"
    asked = {operation: url.partition("?")[0] for operation, url in found.items()}
    wanted = below(root, {name: path for name, path in MEDIA.items() if name != "image_variations"})
    assert asked.items() >= wanted.items()
    assert "image_variations" not in asked
    assert found["speech"].endswith("/audio/speech?api-version=2025-01-01-preview")


def forms(base_url: str, engine: str = "") -> dict[str, str]:
    """List the forms of what a base URL leads to: operation -> dialects, in order."""
    provider = provider_for(engine or infer_engine(base_url), base_url)
    found = endpoints_of(provider, base_url)
    return {name.value: " ".join(way.dialect for way in ways) for name, ways in found.items()}


def test_cohere_speaks_its_own_words_first_and_openais_as_well() -> None:
    assert urls("https://h/proxy/v2/chat", "cohere") == {
        "chat": "https://h/proxy/v2/chat",
        "embeddings": "https://h/proxy/v2/embed",
        "rerank": "https://h/proxy/v2/rerank",
        "models": "https://h/proxy/v1/models?page_size=1000",
    }
    assert forms("https://api.cohere.com") == {
        "chat": "cohere openai_chat",
        "embeddings": "cohere",
        "rerank": "cohere",
        "models": "cohere",
    }


def test_ollama_speaks_its_own_words_first_and_openais_as_well() -> None:
    assert urls("http://localhost:11434", "ollama") == {
        "chat": "http://localhost:11434/api/chat",
        "completions": "http://localhost:11434/v1/completions",
        "embeddings": "http://localhost:11434/api/embed",
        "models": "http://localhost:11434/api/tags",
    }
    found = forms("http://localhost:11434/api/chat")
    assert (found["chat"], found["embeddings"]) == ("ollama openai_chat", "ollama")


@pytest.mark.parametrize(
    ("base_url", "form"),
    [("https://api.jina.ai/v1/rerank", "jina"), ("https://api.voyageai.com/v1", "voyage")],
)
def test_those_who_only_embed_and_rank_name_their_forms(base_url: str, form: str) -> None:
    root = base_url.removesuffix("/rerank")
    found = urls(base_url)
    searches = found.pop("search", None)
    assert found == below(root, {"embeddings": "/embeddings", "rerank": "/rerank"})
    assert searches == ("https://s.jina.ai/" if form == "jina" else None)
    assert set(forms(base_url).values()) == {form}


def test_others_rank_in_the_common_form() -> None:
    assert forms("https://h/v1")["rerank"] == "openai_chat"
    assert urls("https://openrouter.ai")["rerank"] == "https://openrouter.ai/api/v1/rerank"


def test_vendors_without_an_endpoint_are_not_asked_for_it() -> None:
    assert urls("https://openrouter.ai/api/v1")["images"] == "https://openrouter.ai/api/v1/images"
    assert "speech" not in urls("https://openrouter.ai/api/v1")
    assert urls("https://api.x.ai/v1").keys() >= {"images", "image_edits"}
    assert not urls("https://api.x.ai/v1").keys() & {"speech", "transcriptions", "translations"}


def test_operation_may_have_a_form_of_its_own() -> None:
    found = endpoints_of(CATALOG["openai"], "https://h/v1")
    assert found[Operation.COUNT_TOKENS][0].dialect == "openai_responses"
    assert [each.dialect for each in found[Operation.CHAT]] == ["openai_chat", "openai_responses"]
    assert found[Operation.COMPLETIONS][0].dialect == "openai_completions"


def test_operations_beside_chat_speak_the_vendors_family() -> None:
    gemini = endpoints_of(CATALOG["gemini"], "https://g/v1beta")
    assert gemini[Operation.EMBEDDINGS][0].dialect == "gemini"
    openai = endpoints_of(CATALOG["openai"], "https://h/v1")
    assert openai[Operation.MODERATIONS][0].dialect == "openai_chat"
    responses = endpoints_of(CATALOG["openai-responses"], "https://h/v1")
    assert responses[Operation.SPEECH][0].dialect == "openai_chat"


@pytest.mark.parametrize(
    ("auth", "headers", "query"),
    [
        (Auth.BEARER, (("authorization", "Bearer k&1"),), ""),
        (Auth.X_API_KEY, (("x-api-key", "k&1"),), ""),
        (Auth.API_KEY, (("api-key", "k&1"),), ""),
        (Auth.GOOG_API_KEY, (("x-goog-api-key", "k&1"),), ""),
        (Auth.QUERY_KEY, (), "key=k%261"),
        (Auth.BASIC_TOKEN, (("authorization", "Basic dG9rZW46ayYx"),), ""),
        (Auth.NONE, (), ""),
    ],
)
def test_a_key_is_shown_as_the_row_says(
    auth: Auth, headers: tuple[tuple[str, str], ...], query: str
) -> None:
    shown = credential(auth, "k&1")
    assert (shown.headers, shown.query) == (headers, query)
    assert "k&1" not in shown.label


def test_the_anonymous_credential_shows_nothing() -> None:
    assert (ANONYMOUS.headers, ANONYMOUS.query, ANONYMOUS.secret) == ((), "", "")
