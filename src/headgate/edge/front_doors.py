"""Where a caller's request says which model it wants, and whether it wants a stream.

Most dialects say both in the body. Gemini says them in the path, Azure and the oldest OpenAI
clients name the model there.

Sources: platform.openai.com/docs/api-reference; platform.claude.com/docs/en/api;
ai.google.dev/api/generate-content; learn.microsoft.com/azure/ai-services/openai/reference.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.dialects.dialect import Fields
from headgate.edge.request import Request
from headgate.relay.call import asks_for_usage, flag_field, text_field

_LONGEST_MODEL = 1000
_RESOURCE = "models/"
_SEARCH_MODEL = "search"
_LONGEST_COUNT = 10
_TEXTS = frozenset({"q", "query", "model"})
_FLAGS = {"true": True, "false": False}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a request wants. `fields` are the body's, with what the path says filled in.

    `is_whole`: the body says all of it, so that its bytes may be used as they are. `as_array`: the
    stream is to be one JSON array (Gemini without `alt=sse`).
    """

    model: str
    fields: Fields
    stream: bool = False
    include_usage: bool = False
    is_whole: bool = True
    as_array: bool = False


Reader = Callable[[Request, Fields], Asked]


def in_body(_request: Request, fields: Fields) -> Asked:
    """Read `model` and `stream` from the body.

    Errors: RelayError INVALID_REQUEST naming the field.
    """
    stream = flag_field(fields, "stream")
    return Asked(
        model=text_field(fields, "model"),
        fields=fields,
        stream=stream,
        include_usage=stream and asks_for_usage(fields),
    )


def whole_in_body(_request: Request, fields: Fields) -> Asked:
    """Read `model` from the body of an operation that has no stream."""
    return Asked(model=text_field(fields, "model"), fields=fields)


def model_in_path(request: Request, fields: Fields) -> Asked:
    """Read the model from the path (`/openai/deployments/{model}/...`, `/v1/engines/{model}/...`).

    The path wins: at Azure a `model` in the body is ignored.
    """
    named = fields | {"model": msgspec.Raw(msgspec.json.encode(path_model(request)))}
    asked = in_body(request, named)
    return msgspec.structs.replace(asked, is_whole=False)


def gemini_whole(request: Request, fields: Fields) -> Asked:
    """Read `models/{model}:generateContent` and its like."""
    return Asked(model=path_model(request), fields=fields)


def gemini_stream(request: Request, fields: Fields) -> Asked:
    """Read `models/{model}:streamGenerateContent`, which is an array unless it says `alt=sse`."""
    query = dict(parse_qsl(request.query))
    return Asked(
        model=path_model(request),
        fields=fields,
        stream=True,
        include_usage=True,
        as_array=query.get("alt", "json").lower() != "sse",
    )


def searched(request: Request, fields: Fields) -> Asked:
    """Read a web search from the query, from the body, or from both: the body wins.

    It is uni-api's: its model is called `search` unless the caller says else.
    Errors: RelayError INVALID_REQUEST naming the field.
    """
    found = {name: msgspec.Raw(msgspec.json.encode(v)) for name, v in _query_values(request)}
    fields = found | fields
    if "model" not in fields:
        fields["model"] = msgspec.Raw(msgspec.json.encode(_SEARCH_MODEL))
    return Asked(model=text_field(fields, "model"), fields=fields, is_whole=False)


def _query_values(request: Request) -> list[tuple[str, object]]:
    """The query's values, typed as the JSON of a body would have them; a list if given twice."""
    found: dict[str, list[object]] = {}
    for name, value in parse_qsl(request.query):
        if name != "key":  # the caller's
            found.setdefault(name, []).append(_typed(name, value))
    return [(name, values[0] if len(values) == 1 else values) for name, values in found.items()]


def _typed(name: str, value: str) -> object:
    if name in _TEXTS:
        return value
    if value in _FLAGS:
        return _FLAGS[value]
    is_count = value.isascii() and value.isdigit() and len(value) < _LONGEST_COUNT
    return int(value) if is_count else value


def path_model(request: Request) -> str:
    """Read the model that the path names. Errors: RelayError INVALID_REQUEST."""
    model = request.params["model"].removeprefix(_RESOURCE)
    if not 0 < len(model) <= _LONGEST_MODEL:
        raise RelayError(
            Failure(
                kind=FailureKind.INVALID_REQUEST,
                message=f"The model in the path must have 1 to {_LONGEST_MODEL} characters.",
                param="model",
            )
        )
    return model
