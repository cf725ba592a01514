"""Embeddings in the shapes of OpenAI, Gemini, Cohere and Ollama: the same text, the same vector.

Source: platform.openai.com/docs/api-reference/embeddings, ai.google.dev/api/embeddings,
docs.cohere.com/reference/embed, github.com/ollama/ollama/blob/main/docs/api.md
"""

from __future__ import annotations

import base64
import hashlib
import struct

from msgspec import json

from headgate.lab.wires.question import Json, Question, dicts, mapping, whole_number, words

DIMENSIONS = 8
DIMENSIONS_MAX = 4096
INPUTS_MAX = 2048


def vector(text: str, dimensions: int) -> list[float]:
    """Numbers in [-1, 1) drawn from the text's hash; each fits a float32 without loss."""
    seed = hashlib.shake_256(text.encode()).digest(2 * dimensions)
    return [number / 32768 for number in struct.unpack(f"<{dimensions}h", seed)]


def _size(asked: object) -> int:
    return max(1, min(whole_number(asked) or DIMENSIONS, DIMENSIONS_MAX))


def _inputs(value: object) -> list[str]:
    """The texts to embed: one, several, or token ids in their place."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        return []
    if value and isinstance(value[0], int):
        return [" ".join(map(str, value))]
    return [
        " ".join(map(str, item)) if isinstance(item, list) else str(item)
        for item in value[:INPUTS_MAX]
    ]


def openai_embeddings(question: Question) -> bytes:
    """Spell OpenAI embeddings, as floats or as base64 of little-endian float32."""
    body = question.prompt.body
    size = _size(body.get("dimensions"))
    in_base64 = body.get("encoding_format") == "base64"
    texts = _inputs(body.get("input"))
    vectors = [vector(text, size) for text in texts]
    tokens = sum(len(words(text)) for text in texts)
    data: list[Json] = [
        {
            "object": "embedding",
            "index": index,
            "embedding": _packed(numbers) if in_base64 else numbers,
        }
        for index, numbers in enumerate(vectors)
    ]
    return json.encode(
        {
            "object": "list",
            "data": data,
            "model": question.model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
    )


def _packed(numbers: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def cohere_embeddings(question: Question) -> bytes:
    """Spell Cohere embeddings as floats, with what is billed for them."""
    body = question.prompt.body
    texts = _inputs(body.get("texts")) or [
        str(part.get("text", ""))
        for given in dicts(body.get("inputs"))
        for part in dicts(given.get("content"))
    ]
    size = _size(body.get("output_dimension"))
    tokens = sum(len(words(text)) for text in texts)
    meta: Json = {"api_version": {"version": "2"}, "billed_units": {"input_tokens": tokens}}
    return json.encode(
        {
            "id": f"lab-{question.number}",
            "embeddings": {"float": [vector(text, size) for text in texts]},
            "texts": texts,
            "response_type": "embeddings_by_type",
            "meta": meta,
        }
    )


def ollama_embeddings(question: Question) -> bytes:
    """Spell Ollama embeddings."""
    body = question.prompt.body
    texts = _inputs(body.get("input"))
    size = _size(body.get("dimensions"))
    return json.encode(
        {
            "model": question.model,
            "embeddings": [vector(text, size) for text in texts],
            "total_duration": 14_143_917,
            "load_duration": 1_019_500,
            "prompt_eval_count": sum(len(words(text)) for text in texts),
        }
    )


def ollama_embedding(question: Question) -> bytes:
    """Spell the one embedding of Ollama's older endpoint, which counts nothing."""
    prompt = str(question.prompt.body.get("prompt", ""))
    return json.encode({"embedding": vector(prompt, DIMENSIONS)})


def gemini_embedding(question: Question) -> bytes:
    """Spell one Gemini embedding."""
    return json.encode({"embedding": _gemini_values(question.prompt.body)})


def gemini_embeddings(question: Question) -> bytes:
    """Spell a batch of Gemini embeddings."""
    requests = dicts(question.prompt.body.get("requests"))[:INPUTS_MAX]
    return json.encode({"embeddings": [_gemini_values(request) for request in requests]})


def _gemini_values(request: Json) -> Json:
    parts = dicts(mapping(request.get("content")).get("parts"))
    text = " ".join(str(part.get("text", "")) for part in parts)
    return {"values": vector(text, _size(request.get("outputDimensionality")))}
