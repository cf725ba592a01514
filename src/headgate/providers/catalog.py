"""One row per provider: what uni-api's grammar can name, today.

Facts: `providers.md` 1 (the big table), 4 and 10 (uni-api engines -> rows); `uni-api.md` 1.7.
"""

from __future__ import annotations

from headgate.dialects.dialect import CUSTOM_TOOLS, REASONING_DETAILS
from headgate.providers import roots
from headgate.providers.openai_strict import without_strangers
from headgate.providers.provider import Auth, Operation, Provider
from headgate.providers.quirks import databricks_thinking, without_penalties

_CHAT_PATHS = {
    "openai_chat": "/chat/completions",
    Operation.COMPLETIONS: "/completions",
    Operation.EMBEDDINGS: "/embeddings",
    Operation.MODERATIONS: "/moderations",
    Operation.MODELS: "/models",
}
_IMAGE_PATHS: dict[str, str] = {
    Operation.IMAGES: "/images/generations",
    Operation.IMAGE_EDITS: "/images/edits",
    Operation.IMAGE_VARIATIONS: "/images/variations",
}
_SPEECH_PATHS: dict[str, str] = {Operation.SPEECH: "/audio/speech"}
_TRANSCRIPT_PATHS: dict[str, str] = {
    Operation.TRANSCRIPTIONS: "/audio/transcriptions",
    Operation.TRANSLATIONS: "/audio/translations",
}
_MEDIA_PATHS = _IMAGE_PATHS | _SPEECH_PATHS | _TRANSCRIPT_PATHS
_OPENAI_PATHS = _CHAT_PATHS | _MEDIA_PATHS
# OpenAI's own API, and those who follow it closely: the Responses API too.
_RESPONSES_PATHS = {
    "openai_responses": "/responses",
    Operation.COMPACT: "/responses/compact",
    Operation.COUNT_TOKENS: "/responses/input_tokens",
}
# The other operations of a row whose chat is the Responses API alone.
_OPENAI_FORMS: dict[str, str] = dict.fromkeys(
    (Operation.EMBEDDINGS, Operation.MODERATIONS, Operation.OBJECTS, *_MEDIA_PATHS),
    "openai_chat",
)
_RESPONSES_FORMS: dict[str, str] = dict.fromkeys(
    (Operation.COUNT_TOKENS, Operation.COMPACT), "openai_responses"
)
# Files, batches and the like live below the root itself.
_OBJECT_PATHS = {Operation.OBJECTS: ""}
# A WebSocket: the model is in the query.
_REALTIME_PATHS = {Operation.REALTIME: "/realtime?model={model}"}
_GEMINI_PATHS = {
    "gemini": "/models/{model}:generateContent",
    Operation.COUNT_TOKENS: "/models/{model}:countTokens",
    Operation.EMBEDDINGS: "/models/{model}:batchEmbedContents",
    Operation.MODELS: "/models",
}
_GEMINI_STREAM_PATHS = {"gemini": "/models/{model}:streamGenerateContent?alt=sse"}
_RERANK_PATHS: dict[str, str] = {Operation.RERANK: "/rerank"}
_VECTOR_PATHS: dict[str, str] = {Operation.EMBEDDINGS: "/embeddings", Operation.RERANK: "/rerank"}
_AZURE_DEPLOYMENT = "/openai/deployments/{model}"
_LATER = "comes with a later release of headgate; this release cannot use the channel"

_ROWS = (
    Provider(
        name="openai",
        base_url="https://api.openai.com/v1",
        chat_dialects=("openai_chat", "openai_responses"),
        paths=_OPENAI_PATHS | _RESPONSES_PATHS | _REALTIME_PATHS | _OBJECT_PATHS,
        forms=_RESPONSES_FORMS,
        quirks=(without_strangers,),
        traits=frozenset({CUSTOM_TOOLS}),
        docs="https://platform.openai.com/docs/api-reference",
    ),
    Provider(
        name="openai-compatible",
        paths=_OPENAI_PATHS | _REALTIME_PATHS | _RERANK_PATHS | _OBJECT_PATHS,
    ),
    Provider(
        name="openai-responses",
        chat_dialects=("openai_responses",),
        paths={path: url for path, url in _OPENAI_PATHS.items() if path != "openai_chat"}
        | _RESPONSES_PATHS
        | _OBJECT_PATHS,
        forms=_RESPONSES_FORMS | _OPENAI_FORMS,
        traits=frozenset({CUSTOM_TOOLS}),
    ),
    Provider(
        name="openrouter",
        base_url="https://openrouter.ai/api/v1",
        chat_dialects=("openai_chat", "openai_responses", "anthropic"),
        paths=_CHAT_PATHS
        | _RERANK_PATHS
        | {"openai_responses": "/responses", "anthropic": "/messages"}
        | {Operation.IMAGES: "/images", Operation.TRANSCRIPTIONS: "/audio/transcriptions"},
        traits=frozenset({REASONING_DETAILS}),
        docs="https://openrouter.ai/docs/api-reference",
    ),
    Provider(
        name="xai",
        base_url="https://api.x.ai/v1",
        chat_dialects=("openai_chat", "openai_responses"),
        paths=_REALTIME_PATHS
        | _CHAT_PATHS
        | {"openai_responses": "/responses"}
        | {path: _IMAGE_PATHS[path] for path in (Operation.IMAGES, Operation.IMAGE_EDITS)},
        quirks=(without_penalties,),
        docs="https://docs.x.ai/docs/api-reference",
    ),
    Provider(
        name="github-models",
        base_url="https://models.github.ai/inference",
        paths=_OPENAI_PATHS,
        fixed_models=(
            "gpt-4o",
            "gpt-4.1",
            "gpt-4o-mini",
            "o4-mini",
            "o3",
            "text-embedding-3-small",
            "text-embedding-3-large",
        ),
        retry_client_errors=True,
        gone="GitHub Models was retired on 2026-07-30: use another channel",
        docs="https://docs.github.com/en/github-models",
    ),
    Provider(
        name="anthropic",
        base_url="https://api.anthropic.com/v1",
        auth=Auth.X_API_KEY,
        chat_dialects=("anthropic",),
        paths={
            "anthropic": "/messages",
            Operation.COUNT_TOKENS: "/messages/count_tokens",
            Operation.MODELS: "/models",
        },
        root=roots.anthropic,
        headers=(("anthropic-version", "2023-06-01"),),
        docs="https://docs.anthropic.com/en/api",
    ),
    Provider(
        name="gemini",
        base_url="https://generativelanguage.googleapis.com/v1beta",
        auth=Auth.GOOG_API_KEY,
        chat_dialects=("gemini",),
        paths=_GEMINI_PATHS,
        stream_paths=_GEMINI_STREAM_PATHS,
        root=roots.gemini,
        docs="https://ai.google.dev/api",
    ),
    # The same wire on someone else's host, where the key in the URL is what uni-api's users have
    # running; whether the header works there as well, nobody knows.
    Provider(
        name="gemini-compatible",
        auth=Auth.QUERY_KEY,
        chat_dialects=("gemini",),
        paths=_GEMINI_PATHS,
        stream_paths=_GEMINI_STREAM_PATHS,
        root=roots.gemini,
    ),
    Provider(
        name="azure",
        auth=Auth.API_KEY,
        paths={
            "openai_chat": f"{_AZURE_DEPLOYMENT}/chat/completions",
            Operation.COMPLETIONS: f"{_AZURE_DEPLOYMENT}/completions",
            Operation.EMBEDDINGS: f"{_AZURE_DEPLOYMENT}/embeddings",
            Operation.REALTIME: "/openai/realtime?deployment={model}",
        }
        | {
            operation: _AZURE_DEPLOYMENT + path
            for operation, path in _MEDIA_PATHS.items()
            if operation is not Operation.IMAGE_VARIATIONS  # which Azure never had
        },
        root=roots.azure,
        quirks=(without_strangers,),
        docs="https://learn.microsoft.com/en-us/azure/ai-services/openai/reference",
    ),
    Provider(
        name="azure-models",
        auth=Auth.API_KEY,
        paths={"openai_chat": "/chat/completions", Operation.EMBEDDINGS: "/embeddings"},
        root=roots.azure_models,
        docs="https://learn.microsoft.com/en-us/rest/api/aifoundry/modelinference/",
    ),
    Provider(
        name="azure-v1",
        auth=Auth.API_KEY,
        chat_dialects=("openai_chat", "openai_responses"),
        paths=_OPENAI_PATHS | _RESPONSES_PATHS | _REALTIME_PATHS | _OBJECT_PATHS,
        forms=_RESPONSES_FORMS,
        quirks=(without_strangers,),
        traits=frozenset({CUSTOM_TOOLS}),
        docs="https://learn.microsoft.com/en-us/azure/ai-services/openai/api-version-lifecycle",
    ),
    Provider(
        name="databricks",
        auth=Auth.BASIC_TOKEN,
        paths={
            "openai_chat": "/serving-endpoints/{model}/invocations",
            Operation.EMBEDDINGS: "/serving-endpoints/{model}/invocations",
        },
        root=roots.host,
        quirks=(databricks_thinking,),
        docs="https://docs.databricks.com/aws/en/machine-learning/foundation-model-apis/api-reference",
    ),
    Provider(
        name="cohere",
        base_url="https://api.cohere.com",
        chat_dialects=("cohere", "openai_chat"),
        paths={
            "cohere": "/v2/chat",
            "openai_chat": "/compatibility/v1/chat/completions",
            Operation.EMBEDDINGS: "/v2/embed",
            Operation.RERANK: "/v2/rerank",
            Operation.MODELS: "/v1/models?page_size=1000",
        },
        root=roots.cohere,
        docs="https://docs.cohere.com/reference/about",
    ),
    Provider(
        name="ollama",
        base_url="http://localhost:11434",
        chat_dialects=("ollama", "openai_chat"),
        paths={
            "ollama": "/api/chat",
            "openai_chat": "/v1/chat/completions",
            Operation.COMPLETIONS: "/v1/completions",
            Operation.EMBEDDINGS: "/api/embed",
            Operation.MODELS: "/api/tags",
        },
        root=roots.ollama,
        docs="https://docs.ollama.com/api",
    ),
    Provider(
        name="jina",
        base_url="https://api.jina.ai/v1",
        chat_dialects=(),
        paths=_VECTOR_PATHS | {Operation.SEARCH: ""},
        elsewhere={Operation.SEARCH: roots.jina_search},
        forms=dict.fromkeys((Operation.EMBEDDINGS, Operation.RERANK, Operation.SEARCH), "jina"),
        # Its search answers in Markdown otherwise, and reads every page that it finds, for money.
        headers=(("accept", "application/json"), ("x-respond-with", "no-content")),
        docs="https://jina.ai/embeddings",
    ),
    Provider(
        name="voyage",
        base_url="https://api.voyageai.com/v1",
        chat_dialects=(),
        paths=_VECTOR_PATHS,
        forms={Operation.EMBEDDINGS: "voyage", Operation.RERANK: "voyage"},
        docs="https://docs.voyageai.com/reference",
    ),
    Provider(
        name="cloudflare",
        base_url="https://api.cloudflare.com/client/v4/accounts/{account}/ai/",
        paths={
            "openai_chat": "/v1/chat/completions",
            Operation.EMBEDDINGS: "/v1/embeddings",
        },
        root=roots.cloudflare,
        docs="https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility/",
    ),
    Provider(
        name="vertex",
        base_url="https://aiplatform.googleapis.com/",
        auth=Auth.NONE,
        chat_dialects=(),
        traits=frozenset({"web_urls", "output_65535"}),
        missing=f"Google Vertex AI {_LATER}",
    ),
    Provider(
        name="bedrock",
        base_url="https://bedrock-runtime.{region}.amazonaws.com",
        auth=Auth.AWS,
        chat_dialects=("bedrock_converse",),
        paths={"bedrock_converse": "/model/{model_id}/converse"},
        stream_paths={"bedrock_converse": "/model/{model_id}/converse-stream"},
        root=roots.bedrock,
        docs="https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html",
    ),
    Provider(
        name="codex",
        base_url="https://chatgpt.com/backend-api/codex",
        auth=Auth.NONE,
        chat_dialects=(),
        missing=f"the ChatGPT Codex backend {_LATER}",
    ),
    Provider(
        name="doubao-translate", chat_dialects=(), missing=f"Doubao's translation API {_LATER}"
    ),
    # uni-api's engine for web search: Tavily, and who answers as it does.
    Provider(
        name="search",
        base_url="https://api.tavily.com",
        chat_dialects=(),
        paths={Operation.SEARCH: "/search"},
        forms={Operation.SEARCH: "tavily"},
        docs="https://docs.tavily.com/documentation/api-reference/endpoint/search",
    ),
    # uni-api's engines for one task each, on whichever host the URL names.
    Provider(
        name="dalle",
        base_url="https://api.openai.com/v1",
        chat_dialects=(),
        paths=_IMAGE_PATHS | {Operation.MODELS: "/models"},
    ),
    Provider(
        name="tts",
        base_url="https://api.openai.com/v1",
        chat_dialects=(),
        paths=_SPEECH_PATHS | {Operation.MODELS: "/models"},
    ),
    Provider(
        name="whisper",
        base_url="https://api.openai.com/v1",
        chat_dialects=(),
        paths=_TRANSCRIPT_PATHS | {Operation.MODELS: "/models"},
    ),
    Provider(name="media", chat_dialects=(), missing=f"video {_LATER}"),
)

CATALOG = {row.name: row for row in _ROWS}
