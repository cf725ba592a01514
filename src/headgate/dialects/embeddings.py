"""Embeddings: OpenAI's form for callers; whatever form for the upstream.

Sources: platform.openai.com/docs/api-reference/embeddings; ai.google.dev/api/embeddings;
docs.cohere.com/reference/embed; docs.ollama.com/api/embed; docs.voyageai.com/docs/embeddings;
jina.ai/embeddings; `providers.md` 4.6, 4.12, 4.18.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import msgspec
from msgspec import Raw

from headgate.base.failure import RelayError, bad_reply
from headgate.dialects.dialect import Fields
from headgate.dialects.fields import decoded, field
from headgate.dialects.lenient_json import parsed_object
from headgate.dialects.openai_chat.errors import decode_error, failure_of
from headgate.dialects.openai_chat.usage import encode_usage, usage_in
from headgate.dialects.strict_json import invalid
from headgate.ir.loss import Losses
from headgate.ir.request import Json
from headgate.ir.usage import Usage, clamped

_FLOAT32_BYTES = 4


class EmbeddingsWire(msgspec.Struct, frozen=True, kw_only=True):
    """How one family of upstreams is asked for embeddings.

    `encode_request` takes the caller's fields and the upstream's model, and gives the body; what
    the form has no word for is named. `decode_reply` takes the upstream's body, the caller's
    fields and the model, and gives the body for the caller.
    """

    encode_request: Callable[[Fields, str, Losses], dict[str, Any]]
    decode_reply: Callable[[bytes, Fields, str], tuple[bytes, Usage | None]]


# ------------------------------------------------------------------- the caller's side


def _wanted_format(fields: Fields) -> str:
    """The caller's `encoding_format`, "" for none: then the vendor's own form is left alone."""
    wanted = field(fields, "encoding_format")
    return wanted if isinstance(wanted, str) else ""


def _texts(fields: Fields) -> list[str]:
    """Read `input` for a form that takes texts only.

    Errors: RelayError INVALID_REQUEST for tokens or anything else that is not text.
    """
    given = field(fields, "input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts:
        raise invalid("`input` must be a text or a list of texts", "input")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            place = f"input[{index}]"
            raise invalid("this model takes text, not tokens", place)
    return texts


_READ_APART = frozenset({"model", "input", "encoding_format"})


def _options(fields: Fields, known: Mapping[str, str], losses: Losses) -> dict[str, Any]:
    """Give the other fields that a form knows, each under its own name, and name the rest."""
    found: dict[str, Any] = {}
    for name, raw in fields.items():
        if name in _READ_APART or bytes(raw) == b"null":
            continue
        if name in known:
            found[known[name]] = decoded(raw, name)
        else:
            losses.dropped(name)
    return found


def packed(numbers: list[float]) -> str:
    """Write a vector as OpenAI does for `base64`: little-endian 32-bit floats."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def unpacked(text: str) -> list[float]:
    """Read a vector from base64. Errors: ValueError when it is not one."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("the vector is not base64") from None
    if len(data) % _FLOAT32_BYTES:
        raise ValueError("the vector is not made of 32-bit floats")
    return list(struct.unpack(f"<{len(data) // _FLOAT32_BYTES}f", data))


def _in_format(vector: object, wanted: str) -> object:
    """Give a vector the caller's form; what is neither a list nor base64 stays as it is."""
    if wanted == "base64" and isinstance(vector, list):
        return packed(vector)
    if wanted == "float" and isinstance(vector, str):
        return unpacked(vector)
    return vector


def _written(vectors: list[Any], fields: Fields, model: str, usage: Usage | None) -> bytes:
    """Write OpenAI's reply. Errors: RelayError when a vector is none."""
    wanted = _wanted_format(fields)
    data = []
    for index, values in enumerate(vectors):
        if not isinstance(values, list):
            raise RelayError(bad_reply(f"embedding {index} has no values"))
        try:
            vector = _in_format(values, wanted)
        except (struct.error, OverflowError):
            raise RelayError(bad_reply(f"embedding {index} holds more than numbers")) from None
        data.append({"object": "embedding", "index": index, "embedding": vector})
    reply: Json = {"object": "list", "data": data, "model": model}
    told = encode_usage(usage or Usage())
    reply["usage"] = {name: told[name] for name in ("prompt_tokens", "total_tokens")}
    return msgspec.json.encode(reply)


# -------------------------------------------------------------------- OpenAI upstream


def _patch_openai(fields: Fields, model: str, _losses: Losses) -> dict[str, Any]:
    """Set the model, and name the form that the caller takes for granted."""
    patched: dict[str, Any] = {**fields, "model": model}
    if field(fields, "encoding_format") is None:
        patched["encoding_format"] = "float"
    return patched


class _VectorGlance(msgspec.Struct):
    embedding: Raw


class _ReplyGlance(msgspec.Struct):
    data: list[_VectorGlance]


_glance = msgspec.json.Decoder(_ReplyGlance)
_FIRST_BYTES = {"float": b"[", "base64": b'"'}


def _read_openai(body: bytes, fields: Fields, _model: str) -> tuple[bytes, Usage | None]:
    """Give the reply as it came, unless the upstream chose the other form for its vectors.

    Errors: RelayError when it is no list of vectors, or an error inside a 200.
    """
    try:
        vectors = _glance.decode(body).data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        _refuse(body)
    first_byte = _FIRST_BYTES.get(_wanted_format(fields))
    if first_byte is None or all(bytes(each.embedding)[:1] == first_byte for each in vectors):
        return body, usage_in(body)
    wire = parsed_object(body)
    if wire is None:
        _refuse(body)
    for entry in wire["data"]:
        try:
            entry["embedding"] = _in_format(entry["embedding"], _wanted_format(fields))
        except (ValueError, struct.error, OverflowError) as error:
            raise RelayError(bad_reply(str(error))) from None
    return msgspec.json.encode(wire), usage_in(body)


def _refuse(body: bytes) -> NoReturn:
    error = decode_error(parsed_object(body) or {})
    raise RelayError(failure_of(error) if error else bad_reply("the reply holds no embeddings"))


OPENAI_EMBEDDINGS = EmbeddingsWire(encode_request=_patch_openai, decode_reply=_read_openai)

# -------------------------------------------------------------------- Gemini upstream


def _ask_gemini(fields: Fields, model: str, losses: Losses) -> Json:
    """Write `batchEmbedContents`, which takes one text as well as many.

    Errors: RelayError INVALID_REQUEST for tokens or anything else that is not text.
    """
    options = _options(fields, {"dimensions": "outputDimensionality"}, losses)
    requests = []
    for text in _texts(fields):
        content = {"parts": [{"text": text}]}
        requests.append({"model": f"models/{model}", "content": content, **options})
    return {"requests": requests}


def _read_gemini(body: bytes, fields: Fields, model: str) -> tuple[bytes, Usage | None]:
    """Read the reply of `batchEmbedContents`, or of `embedContent`.

    Errors: RelayError when it holds no vectors.
    """
    wire = parsed_object(body) or {}
    single = wire.get("embedding")
    entries = [single] if isinstance(single, dict) else wire.get("embeddings")
    if not isinstance(entries, list) or not entries:
        _refuse(body)
    vectors = [entry.get("values") if isinstance(entry, dict) else None for entry in entries]
    usage = _gemini_usage(wire.get("usageMetadata"))
    return _written(vectors, fields, model, usage), usage


def _gemini_usage(metadata: object) -> Usage | None:
    """Read the usage that new models give; the older ones tell nothing."""
    if not isinstance(metadata, Mapping):
        return None
    return Usage(input=clamped(metadata.get("promptTokenCount")))


GEMINI_EMBEDDINGS = EmbeddingsWire(encode_request=_ask_gemini, decode_reply=_read_gemini)

# -------------------------------------------------------------------- Cohere upstream

_COHERE_FIELDS = {
    "dimensions": "output_dimension",
    **{name: name for name in ("input_type", "truncate", "max_tokens", "priority")},
}


def _ask_cohere(fields: Fields, model: str, losses: Losses) -> Json:
    """Write the second version of `embed`, whose models must know what the texts are for."""
    body: Json = {
        "model": model,
        "texts": _texts(fields),
        "input_type": "search_document",
        "embedding_types": ["float"],
    }
    return body | _options(fields, _COHERE_FIELDS, losses)


def _read_cohere(body: bytes, fields: Fields, model: str) -> tuple[bytes, Usage | None]:
    """Read the reply of `embed`. Errors: RelayError when it holds no vectors."""
    wire = parsed_object(body) or {}
    by_type = wire.get("embeddings")
    vectors = by_type.get("float") if isinstance(by_type, dict) else by_type
    if not isinstance(vectors, list) or not vectors:
        _refuse(body)
    usage = _cohere_usage(wire.get("meta"))
    return _written(vectors, fields, model, usage), usage


def _cohere_usage(meta: object) -> Usage | None:
    billed = meta.get("billed_units") if isinstance(meta, dict) else None
    if not isinstance(billed, dict):
        return None
    pictures = clamped(billed.get("image_tokens"))
    return Usage(input=clamped(billed.get("input_tokens")) + pictures, image_input=pictures)


COHERE_EMBEDDINGS = EmbeddingsWire(encode_request=_ask_cohere, decode_reply=_read_cohere)

# -------------------------------------------------------------------- Ollama upstream

_OLLAMA_FIELDS = {name: name for name in ("dimensions", "truncate", "keep_alive", "options")}


def _ask_ollama(fields: Fields, model: str, losses: Losses) -> Json:
    """Write `/api/embed`."""
    body: Json = {"model": model, "input": _texts(fields)}
    return body | _options(fields, _OLLAMA_FIELDS, losses)


def _read_ollama(body: bytes, fields: Fields, model: str) -> tuple[bytes, Usage | None]:
    """Read the reply of `/api/embed`. Errors: RelayError when it holds no vectors."""
    wire = parsed_object(body) or {}
    vectors = wire.get("embeddings")
    if not isinstance(vectors, list) or not vectors:
        _refuse(body)
    count = wire.get("prompt_eval_count")
    usage = None if count is None else Usage(input=clamped(count))
    return _written(vectors, fields, model, usage), usage


OLLAMA_EMBEDDINGS = EmbeddingsWire(encode_request=_ask_ollama, decode_reply=_read_ollama)

# ------------------------------------------------------------- almost OpenAI's: Voyage, Jina

_VOYAGE_FIELDS = {
    "dimensions": "output_dimension",
    **{name: name for name in ("input_type", "truncation", "output_dimension", "output_dtype")},
}
_JINA_FIELDS = {
    name: name
    for name in ("dimensions", "task", "late_chunking", "truncate", "normalized", "embedding_type")
}


def _ask_voyage(fields: Fields, model: str, losses: Losses) -> Json:
    """Write Voyage's form, which has no word for floats: they come unasked."""
    body: Json = {"model": model, "input": fields.get("input")}
    if _wanted_format(fields) == "base64":
        body["encoding_format"] = "base64"
    return body | _options(fields, _VOYAGE_FIELDS, losses)


def _ask_jina(fields: Fields, model: str, losses: Losses) -> Json:
    """Write Jina's form, which has another word for the vectors' form."""
    body: Json = {"model": model, "input": fields.get("input")}
    body["embedding_type"] = _wanted_format(fields) or "float"
    return body | _options(fields, _JINA_FIELDS, losses)


def _read_total(body: bytes, fields: Fields, model: str) -> tuple[bytes, Usage | None]:
    """Read OpenAI's reply from who tells the total only: OpenAI's SDKs want the prompt's share."""
    read, usage = _read_openai(body, fields, model)
    if usage is None or b'"prompt_tokens"' in read[-500:]:
        return read, usage
    wire = parsed_object(read) or {}
    told = wire.get("usage")
    if not isinstance(told, dict) or "prompt_tokens" in told:
        return read, usage
    usage = Usage(input=clamped(told.get("total_tokens")))
    wire["usage"] = {"prompt_tokens": usage.input, **told}
    return msgspec.json.encode(wire), usage


VOYAGE_EMBEDDINGS = EmbeddingsWire(encode_request=_ask_voyage, decode_reply=_read_total)
JINA_EMBEDDINGS = EmbeddingsWire(encode_request=_ask_jina, decode_reply=_read_total)

# By the form that the upstream's endpoint names.
EMBEDDINGS: Mapping[str, EmbeddingsWire] = {
    "openai_chat": OPENAI_EMBEDDINGS,
    "gemini": GEMINI_EMBEDDINGS,
    "cohere": COHERE_EMBEDDINGS,
    "ollama": OLLAMA_EMBEDDINGS,
    "voyage": VOYAGE_EMBEDDINGS,
    "jina": JINA_EMBEDDINGS,
}
