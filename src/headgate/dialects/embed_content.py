"""Embeddings for callers who ask as Gemini's clients do: `embedContent`, `batchEmbedContents`.

Towards any upstream the question becomes OpenAI's, which `embeddings.py` writes for all of them;
Gemini's own upstream gets what only it understands as well.
Source: ai.google.dev/api/embeddings.
"""

from __future__ import annotations

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError, bad_reply
from headgate.dialects.dialect import Fields
from headgate.dialects.fields import decoded_fields, field
from headgate.dialects.lenient_json import parsed_object
from headgate.ir.loss import Losses
from headgate.ir.request import Json

_KNOWN = frozenset({"model", "content", "outputDimensionality", "output_dimensionality"})


def as_batch(fields: Fields, model: str, *, single: bool) -> Json:
    """Write a question of either kind as `batchEmbedContents` of the upstream's model.

    Errors: RelayError INVALID_REQUEST naming the place.
    """
    name = f"models/{model}"
    return {"requests": [request | {"model": name} for request in _requests(fields, single)]}


def as_openai(fields: Fields, losses: Losses, *, single: bool) -> Fields:
    """Write a question of either kind as OpenAI's, all texts in one list.

    Errors: RelayError INVALID_REQUEST for parts that are no text.
    """
    texts: list[str] = []
    dimensions: int | None = None
    for index, request in enumerate(_requests(fields, single)):
        place = "" if single else f"requests[{index}]."
        texts.append(_text(request.get("content"), f"{place}content"))
        wanted = request.get("outputDimensionality", request.get("output_dimensionality"))
        dimensions = wanted if isinstance(wanted, int) else dimensions
        for name in request.keys() - _KNOWN:
            losses.dropped(place + name)
    body: Json = {"input": texts, "encoding_format": "float"}
    if dimensions is not None:
        body["dimensions"] = dimensions
    return {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in body.items()}


def of_batch(body: bytes, *, single: bool) -> bytes:
    """Give the answer of `batchEmbedContents` to a caller of either kind.

    Errors: RelayError UPSTREAM_BAD_REPLY when it holds no vector.
    """
    if not single:
        return body
    wire = _answer(body, "embeddings")
    first = {"embedding": wire["embeddings"][0]}
    usage = wire.get("usageMetadata")
    return msgspec.json.encode(first if usage is None else first | {"usageMetadata": usage})


def of_openai(body: bytes, *, single: bool) -> bytes:
    """Write OpenAI's list of vectors as Gemini's.

    Errors: RelayError UPSTREAM_BAD_REPLY when it holds no vector.
    """
    wire = _answer(body, "data")
    vectors = [{"values": entry["embedding"]} for entry in wire["data"]]
    told: Json = {"embedding": vectors[0]} if single else {"embeddings": vectors}
    usage = wire.get("usage")
    if isinstance(usage, dict):
        told["usageMetadata"] = {"promptTokenCount": usage.get("prompt_tokens") or 0}
    return msgspec.json.encode(told)


def _answer(body: bytes, vectors: str) -> Json:
    wire = parsed_object(body) or {}
    found = wire.get(vectors)
    if not isinstance(found, list) or not found:
        raise RelayError(bad_reply("the reply holds no embeddings"))
    return wire


def _requests(fields: Fields, single: bool) -> list[Json]:
    if single:
        return [decoded_fields(fields)]
    found = field(fields, "requests")
    if not isinstance(found, list) or not found:
        raise _refused("`requests` must be a list of at least one request", "requests")
    for index, request in enumerate(found):
        if not isinstance(request, dict):
            raise _refused("a request must be an object", f"requests[{index}]")
    return found


def _text(content: object, place: str) -> str:
    parts = content.get("parts") if isinstance(content, dict) else None
    if isinstance(parts, dict):
        parts = [parts]
    if not isinstance(parts, list) or not parts:
        raise _refused("`parts` must hold at least one text", f"{place}.parts")
    texts = []
    for index, part in enumerate(parts):
        text = part.get("text") if isinstance(part, dict) else None
        if not isinstance(text, str):
            raise _refused("this model takes text only", f"{place}.parts[{index}]")
        texts.append(text)
    return "\n".join(texts)


def _refused(message: str, place: str) -> RelayError:
    failure = Failure(kind=FailureKind.INVALID_REQUEST, message=f"{place}: {message}", param=place)
    return RelayError(failure)
