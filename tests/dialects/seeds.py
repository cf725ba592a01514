"""Right bodies for every place of `entries.py`: what fuzzing begins with."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from scripts.matrix import features
from tests.dialects.streams import made

_FORMS: Mapping[str, tuple[dict[str, Any], ...]] = {
    "embeddings": (
        {"model": "m", "input": ["hello", "there"], "dimensions": 8, "user": "u"},
        {"model": "m", "input": [[1, 2, 3]], "encoding_format": "base64", "input_type": "query"},
    ),
    "rerank": (
        {"model": "m", "query": "q", "documents": ["a", "b"], "top_n": 1, "return_documents": True},
        {"model": "m", "query": "q", "documents": [{"text": "a"}], "max_tokens_per_doc": 9},
    ),
    "search": (
        {"q": "what", "num": 3, "gl": "de", "hl": "en", "page": 1, "site": "example.org"},
        {"query": "what", "max_results": 3, "include_domains": ["a"], "search_depth": "basic"},
    ),
    "embedContent": (
        {"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 8, "taskType": "X"},
    ),
    "batchEmbedContents": (
        {"requests": [{"model": "models/m", "content": {"parts": [{"text": "a"}]}}]},
    ),
    "vectors": (
        {"data": [{"embedding": [0.5, 1], "index": 0}], "usage": {"prompt_tokens": 3}},
        {"data": [{"embedding": "AAAAPwAAgD8="}], "usage": {"total_tokens": 3}},
        {"embeddings": [{"values": [0.5, 1]}], "usageMetadata": {"promptTokenCount": 3}},
        {
            "embeddings": {"float": [[0.5, 1]], "base64": ["AAAAPw=="]},
            "meta": {"billed_units": {"input_tokens": 3}},
        },
        {"embeddings": [[0.5, 1]], "prompt_eval_count": 3, "model": "m"},
        {"error": {"message": "no", "type": "x", "code": 400}},
    ),
    "ranks": (
        {"results": [{"index": 0, "relevance_score": 0.5, "document": {"text": "a"}}]},
        {"data": [{"index": 1, "relevance_score": 0.5}], "usage": {"total_tokens": 3}},
        {"rankings": [{"index": 0, "logit": 0.5}], "meta": {"billed_units": {"search_units": 1}}},
        {"id": "x", "results": [{"index": 0, "score": 1}], "usage": {"search_units": 2}},
    ),
    "found": (
        {"code": 200, "data": [{"title": "t", "url": "https://h/", "usage": {"tokens": 9}}]},
        {"query": "q", "results": [{"title": "t", "url": "u", "content": "c", "score": 0.5}]},
    ),
    "moderations": ({"results": [{"flagged": True, "categories": {"hate": True}}]},),
    "task": (
        {
            "created": 1,
            "data": [{"b64_json": "aGk="}, {"url": "https://h/"}],
            "output_format": "png",
            "usage": {
                "input_tokens": 3,
                "output_tokens": 4,
                "input_tokens_details": {"image_tokens": 1, "text_tokens": 2},
            },
        },
        {"type": "image_generation.completed", "b64_json": "aGk=", "usage": {"total_tokens": 3}},
        {"type": "transcript.text.done", "text": "hi", "usage": {"type": "duration", "seconds": 3}},
        {"text": "hi", "segments": [{"id": 0, "start": 0.0, "text": "hi"}], "duration": 3.5},
        {"images": ["aGk="], "error": {"message": "no"}},
    ),
    "refusal": (
        {"error": {"message": "no", "type": "invalid_request_error", "param": "x", "code": "y"}},
        {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}},
        {
            "error": {
                "code": 429,
                "message": "slow down",
                "status": "RESOURCE_EXHAUSTED",
                "details": [{"@type": "type.googleapis.com/RetryInfo", "retryDelay": "7s"}],
            }
        },
        {"message": "too many", "__type": "ThrottlingException"},
        {"id": "c", "message": "no"},
        {"error": "model not found"},
        {"detail": [{"loc": ["body", "x"], "msg": "wrong"}]},
        {"error_code": 17, "error_msg": "quota"},
    ),
    "count": (),
}


@cache
def seeds(place: str) -> tuple[bytes, ...]:
    """Give right bodies for a place, by its name."""
    kind, _, name = place.partition(" ")
    if kind == "stream":
        return tuple(stream.data for stream in made() if stream.wire == name)
    found: list[Mapping[str, Any]] = list(_FORMS.get(kind, ()))
    if kind in ("request", "look", "count", "decode_fields"):
        wanted = "openai_chat" if kind == "decode_fields" else name
        found += [f.bodies[wanted] for f in features("requests") if wanted in f.bodies]
    if kind in ("reply", "usage"):
        found += [f.bodies[name] for f in features("replies") if name in f.bodies]
    if name == "openai_completions":
        found += [
            {"model": "m", "prompt": "hi", "max_tokens": 5, "suffix": "x", "logprobs": 2},
            {"model": "m", "prompt": ["hi", "ho"], "stream": True, "echo": True, "stop": ["."]},
            {"id": "c", "choices": [{"text": "hi", "index": 0, "finish_reason": "stop"}]},
        ]
    if kind == "look":
        metadata = {"user_id": '{"session_id":"s1","device_id":"d"}'}
        asked = {"model": "m", "metadata": metadata, "n": 2, "max_tokens": 5, "stream": True}
        found += [
            {**asked, "stream_options": {"include_usage": True}, "prompt": "hi"},
            {**asked, "generationConfig": {"maxOutputTokens": 3, "candidateCount": 2}},
            {**asked, "input": [{"role": "user", "content": [{"text": "hi"}]}], "store": False},
        ]
    if place == "embedContent False":
        found += _FORMS["batchEmbedContents"]
    if name == "openai_edits":
        found += [
            {"model": "m", "input": "helo", "instruction": "correct it", "n": 1, "top_p": 0.5},
            {"object": "edit", "choices": [{"text": "hi", "index": 0}], "usage": {}},
        ]
    if name == "gemini" and kind == "count":
        found += [{"generateContentRequest": each} for each in found[:3]]
    return tuple(map(msgspec.json.encode, found))
