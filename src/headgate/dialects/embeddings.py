"""Embeddings: OpenAI's form for callers; OpenAI's or Gemini's upstream.

Sources: platform.openai.com/docs/api-reference/embeddings; ai.google.dev/api/embeddings.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import msgspec
from msgspec import Raw

from headgate.base.failure import RelayError
from headgate.dialects.dialect import Fields
from headgate.dialects.openai_chat.errors import bad_reply, decode_error, failure_of
from headgate.dialects.openai_chat.places import refuse
from headgate.dialects.openai_chat.usage import encode_usage, usage_in
from headgate.dialects.openai_chat.wire import decode_object
from headgate.ir.request import Json
from headgate.ir.usage import Usage, clamped

_FLOAT32_BYTES = 4


class EmbeddingsWire(msgspec.Struct, frozen=True, kw_only=True):
    """How one family of upstreams is asked for embeddings.

    `encode_request` takes the caller's fields and the upstream's model, and gives the body.
    `decode_reply` takes the upstream's body, the caller's fields and the model, and gives the body
    for the caller.
    """

    encode_request: Callable[[Fields, str], dict[str, Any]]
    decode_reply: Callable[[bytes, Fields, str], tuple[bytes, Usage | None]]


# ------------------------------------------------------------------- the caller's side


def _value(fields: Fields, name: str) -> Any:
    raw = fields.get(name)
    return None if raw is None else msgspec.json.decode(raw)


def _wanted_format(fields: Fields) -> str:
    """The caller's `encoding_format`, "" for none: then the vendor's own form is left alone."""
    wanted = _value(fields, "encoding_format")
    return wanted if isinstance(wanted, str) else ""


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


# -------------------------------------------------------------------- OpenAI upstream


def _patch_openai(fields: Fields, model: str) -> dict[str, Any]:
    """Set the model, and name the form that the caller takes for granted."""
    patched: dict[str, Any] = {**fields, "model": model}
    if _value(fields, "encoding_format") is None:
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
    except (msgspec.DecodeError, RecursionError):
        _refuse(body)
    first_byte = _FIRST_BYTES.get(_wanted_format(fields))
    if first_byte is None or all(bytes(each.embedding)[:1] == first_byte for each in vectors):
        return body, usage_in(body)
    wire = msgspec.json.decode(body)
    for entry in wire["data"]:
        try:
            entry["embedding"] = _in_format(entry["embedding"], _wanted_format(fields))
        except (ValueError, struct.error) as error:
            raise RelayError(bad_reply(str(error))) from None
    return msgspec.json.encode(wire), usage_in(body)


def _refuse(body: bytes) -> NoReturn:
    error = decode_error(decode_object(body) or {})
    raise RelayError(failure_of(error) if error else bad_reply("the reply holds no embeddings"))


OPENAI_EMBEDDINGS = EmbeddingsWire(encode_request=_patch_openai, decode_reply=_read_openai)

# -------------------------------------------------------------------- Gemini upstream


def _ask_gemini(fields: Fields, model: str) -> Json:
    """Write `batchEmbedContents`, which takes one text as well as many.

    Errors: RelayError INVALID_REQUEST for tokens or anything else that is not text.
    """
    given = _value(fields, "input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts:
        refuse("`input` must be a text or a list of texts", "input")
    options: Json = {}
    if (dimensions := _value(fields, "dimensions")) is not None:
        options["outputDimensionality"] = dimensions
    requests = []
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            place = f"input[{index}]"
            refuse("this model takes text, not tokens", place)
        content = {"parts": [{"text": text}]}
        requests.append({"model": f"models/{model}", "content": content, **options})
    return {"requests": requests}


def _read_gemini(body: bytes, fields: Fields, model: str) -> tuple[bytes, Usage | None]:
    """Read the reply of `batchEmbedContents`, or of `embedContent`.

    Errors: RelayError when it holds no vectors.
    """
    wire = decode_object(body) or {}
    single = wire.get("embedding")
    entries = [single] if isinstance(single, dict) else wire.get("embeddings")
    if not isinstance(entries, list) or not entries:
        _refuse(body)
    wanted = _wanted_format(fields)
    vectors = []
    for index, entry in enumerate(entries):
        values = entry.get("values") if isinstance(entry, dict) else None
        if not isinstance(values, list):
            raise RelayError(bad_reply(f"embedding {index} has no values"))
        try:
            vector = _in_format(values, wanted)
        except struct.error:
            raise RelayError(bad_reply(f"embedding {index} holds more than numbers")) from None
        vectors.append({"object": "embedding", "index": index, "embedding": vector})
    usage = _gemini_usage(wire.get("usageMetadata"))
    reply: Json = {"object": "list", "data": vectors, "model": model}
    told = encode_usage(usage or Usage())
    reply["usage"] = {name: told[name] for name in ("prompt_tokens", "total_tokens")}
    return msgspec.json.encode(reply), usage


def _gemini_usage(metadata: object) -> Usage | None:
    """Read the usage that new models give; the older ones tell nothing."""
    if not isinstance(metadata, Mapping):
        return None
    return Usage(input=clamped(metadata.get("promptTokenCount")))


GEMINI_EMBEDDINGS = EmbeddingsWire(encode_request=_ask_gemini, decode_reply=_read_gemini)

# By the dialect of the upstream's endpoint.
EMBEDDINGS: Mapping[str, EmbeddingsWire] = {
    "openai_chat": OPENAI_EMBEDDINGS,
    "gemini": GEMINI_EMBEDDINGS,
}
