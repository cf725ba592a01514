"""The type of a catalogue row: one vendor, where it listens and how it is spoken to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import msgspec

Body = dict[str, Any]
# A named pure change to an upstream body: (body, upstream model, alias) -> body. May edit in place.
Quirk = Callable[[Body, str, str], Body]


class Operation(StrEnum):
    """What a caller wants done."""

    CHAT = "chat"
    COMPLETIONS = "completions"
    EMBEDDINGS = "embeddings"
    MODERATIONS = "moderations"
    MODELS = "models"


class Auth(StrEnum):
    """How a credential is shown to the upstream."""

    BEARER = "bearer"  # Authorization: Bearer KEY
    X_API_KEY = "x_api_key"  # x-api-key: KEY (Anthropic)
    API_KEY = "api_key"  # api-key: KEY (Azure)
    QUERY_KEY = "query_key"  # ?key=KEY (Gemini)
    GOOG_API_KEY = "goog_api_key"  # x-goog-api-key: KEY (Gemini, keeps the key out of URLs)
    BASIC_TOKEN = "basic_token"  # Basic base64("token:KEY") (Databricks)
    NONE = "none"


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One vendor.

    `chat_dialects` are the chat wires it speaks natively, best first. `paths` maps an operation
    (for chat: a dialect name) to the path below `base_url`; `{model}` stands for the upstream
    model. `gone` says what to use instead of a service that no longer exists. `unsupported` names
    operations that exist elsewhere but not here, `missing` explains rows whose wire a later
    release brings.
    """

    name: str
    base_url: str = ""
    auth: Auth = Auth.BEARER
    chat_dialects: tuple[str, ...] = ("openai_chat",)
    paths: Mapping[str, str] = {}
    headers: tuple[tuple[str, str], ...] = ()
    quirks: tuple[Quirk, ...] = ()
    missing: str = ""
    docs: str = ""
