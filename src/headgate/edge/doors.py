"""Every path that callers may ask for, and who answers it.

Sources: the vendors' API references; `ecosystem.md` 4.1 for what real clients make of them.
"""

from __future__ import annotations

from headgate.edge.front_doors import (
    gemini_stream,
    gemini_whole,
    in_body,
    model_in_path,
    searched,
    whole_in_body,
)
from headgate.edge.media_endpoint import media_routes
from headgate.edge.models_endpoint import ModelsEndpoint
from headgate.edge.objects_endpoint import object_routes
from headgate.edge.realtime import RealtimeEndpoint
from headgate.edge.relay_endpoint import RelayEndpoint
from headgate.edge.responses_socket import ResponsesSocket
from headgate.edge.routes import Route
from headgate.edge.upgrade import upgrade_required
from headgate.providers.provider import Operation
from headgate.relay.stages import Stages

# Where OpenAI's and Anthropic's operations are asked for: as documented; without /v1, and with it
# doubled, as clients with another idea of a base URL have it; and as Azure has it.
_ROOTS = ("/v1", "", "/v1/v1", "/openai/v1")
_DEPLOYMENT = "/openai/deployments/{model}"
_ENGINE = "/v1/engines/{model}"


def routes_of(stages: Stages) -> list[Route]:
    """What callers can ask for."""
    return [
        *_chat_routes(stages),
        *media_routes(stages, (*_ROOTS, _DEPLOYMENT)),
        *_gemini_routes(stages),
        *_models_routes(stages),
        *_socket_routes(stages),
        *object_routes(stages, (*_ROOTS, "/openai")),
    ]


def _chat_routes(stages: Stages) -> list[Route]:
    table = (
        ("/chat/completions", Operation.CHAT, "openai_chat", in_body),
        ("/completions", Operation.COMPLETIONS, "openai_completions", in_body),
        ("/embeddings", Operation.EMBEDDINGS, "openai_chat", whole_in_body),
        ("/moderations", Operation.MODERATIONS, "openai_chat", whole_in_body),
        ("/rerank", Operation.RERANK, "openai_chat", whole_in_body),
        ("/edits", Operation.CHAT, "openai_edits", in_body),
        ("/responses", Operation.CHAT, "openai_responses", in_body),
        ("/responses/compact", Operation.COMPACT, "openai_responses", whole_in_body),
        ("/responses/input_tokens", Operation.COUNT_TOKENS, "openai_responses", whole_in_body),
        ("/messages", Operation.CHAT, "anthropic", in_body),
        ("/messages/count_tokens", Operation.COUNT_TOKENS, "anthropic", whole_in_body),
    )
    routes = []
    for path, operation, dialect, reader in table:
        endpoint = RelayEndpoint(stages, operation, dialect, f"/v1{path}", reader)
        routes += [_post(root + path, endpoint, dialect) for root in _ROOTS]
    rerank = RelayEndpoint(stages, Operation.RERANK, "openai_chat", "/v1/rerank", whole_in_body)
    routes.append(_post("/v2/rerank", rerank, "openai_chat"))  # Cohere's address for the same
    search = RelayEndpoint(stages, Operation.SEARCH, "openai_chat", "/v1/search", searched)
    routes += [
        Route(methods=("GET", "POST"), path=root + "/search", handler=search) for root in _ROOTS
    ]
    for path, operation, dialect, _ in table[:3]:
        endpoint = RelayEndpoint(stages, operation, dialect, f"/v1{path}", model_in_path)
        routes += [_post(root + path, endpoint, dialect) for root in (_DEPLOYMENT, _ENGINE)]
    return routes


def _gemini_routes(stages: Stages) -> list[Route]:
    table = (
        ("generateContent", Operation.CHAT, gemini_whole),
        ("streamGenerateContent", Operation.CHAT, gemini_stream),
        ("countTokens", Operation.COUNT_TOKENS, gemini_whole),
        ("embedContent", Operation.EMBEDDINGS, gemini_whole),
        ("batchEmbedContents", Operation.EMBEDDINGS, gemini_whole),
    )
    routes = []
    for verb, operation, reader in table:
        path = f"/v1beta/models:{verb}"
        endpoint = RelayEndpoint(stages, operation, "gemini", path, reader)
        routes += [
            _post(f"{root}/models/{{model:path}}:{verb}", endpoint, "gemini")
            for root in ("/v1beta", "/v1", "/v1alpha")
        ]
    return routes


def _models_routes(stages: Stages) -> list[Route]:
    models = ModelsEndpoint(stages)
    table = (
        ("/v1/models", "openai_chat"),
        ("/models", "openai_chat"),
        ("/v1/models/{model:path}", "openai_chat"),
        ("/v1beta/models", "gemini"),
        ("/v1beta/models/{model:path}", "gemini"),
    )
    return [
        Route(methods=("GET",), path=path, handler=models, dialect=dialect)
        for path, dialect in table
    ]


def _socket_routes(stages: Stages) -> list[Route]:
    """What is spoken over WebSocket, at Azure's addresses as well."""
    realtime, responses = RealtimeEndpoint(stages), ResponsesSocket(stages)
    return [
        Route(methods=("GET",), path=root + path, handler=upgrade_required, websocket=endpoint)
        for path, endpoint in (("/realtime", realtime), ("/responses", responses))
        for root in (*_ROOTS, "/openai")
    ]


def _post(path: str, handler: RelayEndpoint, dialect: str) -> Route:
    return Route(methods=("POST",), path=path, handler=handler, dialect=dialect)
