"""The type of a catalogue row: one vendor, where it listens and how it is spoken to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from headgate.ir.loss import Losses

Body = dict[str, Any]
# A named pure change to an upstream body: (body, upstream model, alias, losses) -> body. May edit
# it in place; top-level values may still be `msgspec.Raw`, as the caller sent them. What it takes
# away of the caller's, it names.
Quirk = Callable[[Body, str, str, Losses], Body]


class Operation(StrEnum):
    """What a caller wants done."""

    CHAT = "chat"
    COMPLETIONS = "completions"
    COUNT_TOKENS = "count_tokens"
    EMBEDDINGS = "embeddings"
    RERANK = "rerank"
    MODERATIONS = "moderations"
    IMAGES = "images"
    IMAGE_EDITS = "image_edits"
    IMAGE_VARIATIONS = "image_variations"
    SPEECH = "speech"
    TRANSCRIPTIONS = "transcriptions"
    TRANSLATIONS = "translations"
    SEARCH = "search"
    EDITS = "edits"  # of 2021; old clients still ask for it
    REALTIME = "realtime"  # a WebSocket
    COMPACT = "compact"  # shortens a conversation (Responses API)
    OBJECTS = "objects"  # files, batches, threads: what a vendor keeps for a caller
    MODELS = "models"


class Auth(StrEnum):
    """How a credential is shown to the upstream."""

    BEARER = "bearer"  # Authorization: Bearer KEY
    X_API_KEY = "x_api_key"  # x-api-key: KEY (Anthropic)
    API_KEY = "api_key"  # api-key: KEY (Azure)
    QUERY_KEY = "query_key"  # ?key=KEY (Gemini)
    GOOG_API_KEY = "goog_api_key"  # x-goog-api-key: KEY (Gemini, keeps the key out of URLs)
    BASIC_TOKEN = "basic_token"  # Basic base64("token:KEY") (Databricks)  # noqa: S105 - a scheme
    AWS = "aws"  # signed with an access key (SigV4), or a Bedrock API key as a bearer
    NONE = "none"


class Root(msgspec.Struct, frozen=True):
    """What a row's paths are appended to. `query` goes with every request, without the "?"."""

    url: str
    query: str = ""


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One vendor.

    `chat_dialects` are the chat wires it speaks natively, best first. `paths` maps an operation
    (for chat: a dialect name) to the path below the root; `{model}` stands for the upstream
    model. `stream_paths` are for dialects that ask for a stream at another path. `elsewhere` makes
    the roots of operations that do not live below the root of the others. `forms` names the
    wire form of an operation beside chat where it is not that of the first chat dialect. `root`
    makes the root from the base URL that an operator wrote, in whichever of its usual forms;
    None: see `roots.complete_url`. `fixed_models` stand in for a model list that the vendor does
    not give. `retry_client_errors`: 400 and 413 may well succeed elsewhere. `gone` says what to
    use instead of a service that no longer exists, `missing` which release brings the wire of
    this row.
    `traits` are what this upstream of a wire does otherwise than the wire's own vendor, in the
    words of the dialect (`gemini/models.py`).
    """

    name: str
    base_url: str = ""
    auth: Auth = Auth.BEARER
    chat_dialects: tuple[str, ...] = ("openai_chat",)
    paths: Mapping[str, str] = {}
    stream_paths: Mapping[str, str] = {}
    elsewhere: Mapping[str, Callable[[str], Root]] = {}
    forms: Mapping[str, str] = {}
    root: Callable[[str], Root] | None = None
    headers: tuple[tuple[str, str], ...] = ()
    quirks: tuple[Quirk, ...] = ()
    traits: frozenset[str] = frozenset()
    fixed_models: tuple[str, ...] = ()
    retry_client_errors: bool = False
    gone: str = ""
    missing: str = ""
    docs: str = ""
