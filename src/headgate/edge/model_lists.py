"""A key's models in the shape that each family of clients expects.

Sources: platform.openai.com/docs/api-reference/models; platform.claude.com/docs/en/api/models-list;
ai.google.dev/api/models; `ecosystem.md` 5.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.edge.request import Request

Shown = dict[str, object]

_OWNER = "headgate"
_MOST = 1000
_LONGEST_COUNT = 10
_DEFAULT_LIMIT = 20  # Anthropic's
_DEFAULT_PAGE = 50  # Gemini's
_GEMINI_ACTIONS = ("generateContent", "countTokens", "embedContent", "batchEmbedContents")


def dialect_of(request: Request) -> str:
    """Tell three families apart that ask for their models at the same path."""
    if request.path.startswith("/v1beta/"):
        return "gemini"
    if request.header(b"anthropic-version") is not None:
        return "anthropic"
    is_google = request.header(b"x-goog-api-key") or request.header(b"x-goog-api-client")
    return "gemini" if is_google or "key=" in request.query else "openai_chat"


def one(dialect: str, model: str, created_s: int) -> Shown:
    """Describe one model."""
    return _ENTRIES[dialect](model, created_s)


def listed(request: Request, dialect: str, models: Sequence[str], created_s: int) -> Shown:
    """Describe the models, by pages where the dialect has them.

    Errors: RelayError INVALID_REQUEST for a page that there cannot be.
    """
    query = dict(parse_qsl(request.query))
    if dialect == "anthropic":
        return _anthropic_page(models, query, created_s)
    if dialect == "gemini":
        return _gemini_page(models, query, created_s)
    return {"object": "list", "data": [_openai(model, created_s) for model in models]}


def _openai(model: str, created_s: int) -> Shown:
    return {"id": model, "object": "model", "created": created_s, "owned_by": _OWNER}


def _anthropic(model: str, created_s: int) -> Shown:
    created = datetime.fromtimestamp(created_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "type": "model",
        "id": model,
        "display_name": model,
        "created_at": created,
        "lifecycle": "active",
        "max_input_tokens": None,
        "max_tokens": None,
        "capabilities": None,
    }


def _gemini(model: str, _created_s: int) -> Shown:
    return {
        "name": f"models/{model}",
        "version": "",
        "displayName": model,
        "supportedGenerationMethods": list(_GEMINI_ACTIONS),
    }


_ENTRIES = {"openai_chat": _openai, "anthropic": _anthropic, "gemini": _gemini}


def _anthropic_page(models: Sequence[str], query: Mapping[str, str], created_s: int) -> Shown:
    """Page by `limit`, `after_id` and `before_id`."""
    limit = _count(query, "limit", _DEFAULT_LIMIT)
    before, after = query.get("before_id"), query.get("after_id")
    start = _place(models, after, "after_id") + 1 if after else 0
    end = _place(models, before, "before_id") if before else len(models)
    if before and not after:
        start = max(start, end - limit)
    page = models[start : min(end, start + limit)]
    return {
        "data": [_anthropic(model, created_s) for model in page],
        "has_more": start > 0 if before else start + len(page) < len(models),
        "first_id": page[0] if page else None,
        "last_id": page[-1] if page else None,
    }


def _gemini_page(models: Sequence[str], query: Mapping[str, str], created_s: int) -> Shown:
    """Page by `pageSize` and `pageToken`; the token is the name of the last model shown."""
    size = _count(query, "pageSize", _DEFAULT_PAGE)
    token = query.get("pageToken")
    start = _place(models, token, "pageToken") + 1 if token else 0
    page = models[start : start + size]
    shown: Shown = {"models": [_gemini(model, created_s) for model in page]}
    if start + len(page) < len(models):
        shown["nextPageToken"] = page[-1]
    return shown


def _count(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name)
    if not text:
        return default
    is_count = text.isascii() and text.isdecimal() and len(text) < _LONGEST_COUNT
    if not (is_count and 0 < int(text) <= _MOST):
        raise _refused(name, f"`{name}` must be a number from 1 to {_MOST}")
    return int(text)


def _place(models: Sequence[str], model: str, name: str) -> int:
    if model not in models:
        raise _refused(name, f"`{name}` names no model of this list")
    return models.index(model)


def _refused(name: str, message: str) -> RelayError:
    return RelayError(Failure(kind=FailureKind.INVALID_REQUEST, message=message, param=name))
