"""Which provider a channel is, read from its base URL or from uni-api's word `engine`.

uni-api looks at the model's name as well: a name without claude, gpt, deepseek and the like made
"openrouter" of any channel. Here that means nothing more than the OpenAI wire on the given URL.
Facts: `uni-api.md` 1.7, `providers.md` 10.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from headgate.providers.catalog import CATALOG
from headgate.providers.provider import Provider

GPT = "gpt"
CLAUDE = "claude"
GEMINI = "gemini"
VERTEX = "vertex"
AZURE = "azure"
CLOUDFLARE = "cloudflare"
AWS = "aws"
COHERE = "cohere"
CODEX = "codex"
OLLAMA = "ollama"
DATABRICKS = "azure-databricks"
SEARCH = "search"
DOUBAO = "doubao-translation"

# Engines whose row does not depend on the host. Spellings of rows are accepted as well.
_ROW_OF_ENGINE = {
    CLAUDE: "anthropic",
    VERTEX: "vertex",
    "vertex-gemini": "vertex",
    "vertex-claude": "vertex",
    DATABRICKS: "databricks",
    AWS: "bedrock",
    CLOUDFLARE: "cloudflare",
    CODEX: "codex",
    DOUBAO: "doubao-translate",
    SEARCH: "search",
    "content-generation": "media",
}
# Engines of one task, which speak OpenAI's wire wherever they are.
_TASK_ENGINES = frozenset({"dalle", "tts", "whisper"})
# Engines that are the OpenAI wire; `o1` is of 2024, the last two are named by their operation.
_OPENAI_ENGINES = frozenset({GPT, "openai", "openrouter", "o1", "embedding", "moderation"})
# Words of uni-api whose row depends on the URL.
_BY_URL = _OPENAI_ENGINES | _TASK_ENGINES | {GEMINI, AZURE, COHERE}
# The catalogue's own names may be written as well: they mean their row, wherever it listens.
ENGINES = frozenset(_ROW_OF_ENGINE) | _BY_URL | CATALOG.keys()

_OPENAI_HOSTS = {
    "api.openai.com": "openai",
    "openrouter.ai": "openrouter",
    "api.x.ai": "xai",
    "models.inference.ai.azure.com": "github-models",
    "models.github.ai": "github-models",
    "api.jina.ai": "jina",
    "s.jina.ai": "jina",
    "api.voyageai.com": "voyage",
    "ai.mongodb.com": "voyage",
}
_COHERE_HOSTS = ("api.cohere.com", "api.cohere.ai")
_OLLAMA_ENDPOINTS = ("/api/chat", "/api/embed")
_GEMINI_HOST = "generativelanguage.googleapis.com"
_CHAT_COMPLETIONS = "/chat/completions"


def infer_engine(base_url: str) -> str:
    """Tell uni-api's engine from a base URL.

    A URL that names an OpenAI-compatible front of another vendor (`/v1beta/openai`,
    `/compatibility/v1/chat/completions`) is what it says.
    """
    parts = urlsplit(base_url)
    host, path = (parts.hostname or "").lower(), parts.path.rstrip("/").lower()
    if path.endswith("/search"):
        return SEARCH
    if host.endswith(".volces.com") and path.endswith("/api/v3/responses"):
        return DOUBAO
    if path.endswith("/v1beta") or (host == _GEMINI_HOST and "/openai" not in path):
        return GEMINI
    if host.endswith("aiplatform.googleapis.com") or "aiplatform.googleapis.com" in path:
        return VERTEX
    if host.endswith("gateway.ai.cloudflare.com") and "google-vertex-ai" in path:
        return VERTEX
    if path.endswith("/v1/messages"):
        return CLAUDE
    if path.endswith(_OLLAMA_ENDPOINTS):
        return OLLAMA
    return _engine_of_host(host, path)


def provider_for(engine: str, base_url: str) -> Provider:
    """Find the catalogue row of an engine (one of `ENGINES`) at a base URL."""
    parts = urlsplit(base_url)
    host, path = (parts.hostname or "").lower(), parts.path.rstrip("/").lower()
    if engine == SEARCH and host.endswith(".jina.ai"):
        return CATALOG["jina"]
    if engine in _ROW_OF_ENGINE:
        return CATALOG[_ROW_OF_ENGINE[engine]]
    if engine in CATALOG and engine not in _BY_URL:
        return CATALOG[engine]
    if engine in _TASK_ENGINES:
        return CATALOG[_azure_row(path) if host.endswith("azure.com") else engine]
    if engine == GEMINI:
        return CATALOG["gemini" if host in {"", _GEMINI_HOST} else "gemini-compatible"]
    if engine == AZURE:
        return CATALOG[_azure_row(path)]
    if engine == COHERE:
        known = host in {"", *_COHERE_HOSTS} or path.endswith(("/v2", "/v2/chat"))
        return CATALOG["cohere"] if known else CATALOG["openai-compatible"]
    if path.endswith(("/v1/responses", "/v1/responses/compact")):
        return CATALOG["openai-responses"]
    return CATALOG[_OPENAI_HOSTS.get(host, "openai-compatible")]


def _engine_of_host(host: str, path: str) -> str:
    if host in _OPENAI_HOSTS or host.endswith(".models.ai.azure.com"):
        return GPT
    if host.endswith("azure.com"):
        return AZURE
    if host.endswith("azuredatabricks.net"):
        return DATABRICKS
    if path.endswith(_CHAT_COMPLETIONS):  # an OpenAI-compatible front says so in its URL
        return GPT
    if host == "api.cloudflare.com":
        return CLOUDFLARE
    if host == "api.anthropic.com":
        return CLAUDE
    if "amazonaws.com" in host:
        return AWS
    return COHERE if host in _COHERE_HOSTS else GPT


def _azure_row(path: str) -> str:
    if "/openai/v1" in path:
        return "azure-v1"
    return "azure-models" if path.partition(_CHAT_COMPLETIONS)[0].endswith("/models") else "azure"
