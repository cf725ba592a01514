"""Streams of every wire, as long as wished, as the vendors write them; and requests with images.

Source: the vendors' API references, as named in `headgate.dialects`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import json

from headgate.dialects.framing.aws_event_stream import message_bytes
from headgate.dialects.framing.sse import frame_bytes

Json = dict[str, Any]
WORDS = (" headgate", " is", " a", " gate", " at", " the", " head", " of", " a", ' "channel".\n')
IMAGES = 3  # of a request; the rest of its size is a conversation
TURNS = 40


def _words(count: int) -> Iterator[str]:
    return (WORDS[number % len(WORDS)] for number in range(count))


def _chat_chunk(delta: Json, reason: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    head = {"id": "chatcmpl-CkB3j8SsrXHtHUyUJWYqUmKUi0aBa", "object": "chat.completion.chunk"}
    made = {"created": 1765000000, "model": "gpt-5.1-2025-11-13", "service_tier": "default"}
    rest = {"system_fingerprint": "fp_44342fd2be", "choices": [choice], "usage": None}
    return frame_bytes(json.encode({**head, **made, **rest, "obfuscation": "Ab3dE", **more}))


def chat(count: int) -> list[bytes]:
    """OpenAI's chat chunks."""
    usage = {"prompt_tokens": 9, "completion_tokens": count, "total_tokens": 9 + count}
    return [
        _chat_chunk({"role": "assistant", "content": "", "refusal": None}),
        *(_chat_chunk({"content": word}) for word in _words(count)),
        _chat_chunk({}, "stop"),
        _chat_chunk({}, choices=[], usage=usage),
        frame_bytes(b"[DONE]"),
    ]


def responses(count: int) -> list[bytes]:
    """OpenAI's Responses events."""
    ids = {"item_id": "msg_0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e", "output_index": 0}
    place = {**ids, "content_index": 0}
    head = {"id": "resp_0b1c2d3e4f5a6b7c", "object": "response", "created_at": 1765000000}
    item: Json = {"id": ids["item_id"], "type": "message", "role": "assistant"}
    text = "".join(_words(count))
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
    whole = {**item, "status": "completed", "content": [part]}
    model = {"model": "gpt-5.1-2025-11-13"}
    usage = {"input_tokens": 9, "output_tokens": count, "total_tokens": 9 + count}
    begun = {**head, "status": "in_progress", **model, "output": []}
    done = {**head, "status": "completed", **model, "output": [whole], "usage": usage}
    events: list[tuple[str, Json]] = [
        ("created", {"response": begun}),
        ("in_progress", {"response": begun}),
        ("output_item.added", {"output_index": 0, "item": {**item, "content": []}}),
        ("content_part.added", {**place, "part": {**part, "text": ""}}),
        *(
            ("output_text.delta", {**place, "delta": word, "logprobs": [], "obfuscation": "a1B2c3"})
            for word in _words(count)
        ),
        ("output_text.done", {**place, "text": text, "logprobs": []}),
        ("content_part.done", {**place, "part": part}),
        ("output_item.done", {"output_index": 0, "item": whole}),
        ("completed", {"response": done}),
    ]
    return [
        frame_bytes(
            json.encode({"type": f"response.{kind}", "sequence_number": number, **fields}),
            f"response.{kind}",
        )
        for number, (kind, fields) in enumerate(events)
    ]


def messages(count: int) -> list[bytes]:
    """Anthropic's events."""
    usage = {"input_tokens": 9, "cache_read_input_tokens": 0, "output_tokens": 1}
    message: Json = {"id": "msg_01XFDUDYJgAACzvnptvVoYEL", "type": "message", "role": "assistant"}
    message |= {"model": "claude-sonnet-4-5-20250929", "content": [], "usage": usage}
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    block = {"type": "text", "text": ""}
    events: list[Json] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "ping"},
        *(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": word},
            }
            for word in _words(count)
        ),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": end, "usage": {"output_tokens": count}},
        {"type": "message_stop"},
    ]
    return [frame_bytes(json.encode(event), event["type"]) for event in events]


def generated(count: int) -> list[bytes]:
    """Gemini's replies, with the usage in each; lines end in CR LF."""

    def frame(number: int, word: str, **more: str) -> bytes:
        content = {"parts": [{"text": word}], "role": "model"}
        details = [{"modality": "TEXT", "tokenCount": 9}]
        usage = {"promptTokenCount": 9, "candidatesTokenCount": number, "totalTokenCount": 9}
        body = {
            "candidates": [{"content": content, "index": 0, **more}],
            "usageMetadata": {**usage, "promptTokensDetails": details},
            "modelVersion": "gemini-2.5-flash",
            "responseId": "kZ8xafTDLsyqvdIPq6mE8Ak",
        }
        return b"data: %b\r\n\r\n" % json.encode(body)

    return [
        *(frame(number, word) for number, word in enumerate(_words(count))),
        frame(count, "", finishReason="STOP"),
    ]


def conversed(count: int) -> list[bytes]:
    """Converse's messages, padded against guesses by length."""
    pad = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ"
    events: list[tuple[str, Json]] = [
        ("messageStart", {"p": pad, "role": "assistant"}),
        *(
            (
                "contentBlockDelta",
                {"contentBlockIndex": 0, "delta": {"text": word}, "p": pad[: number % len(pad)]},
            )
            for number, word in enumerate(_words(count))
        ),
        ("contentBlockStop", {"contentBlockIndex": 0, "p": pad}),
        ("messageStop", {"p": pad, "stopReason": "end_turn"}),
        (
            "metadata",
            {"metrics": {"latencyMs": 5}, "usage": {"inputTokens": 9, "outputTokens": count}},
        ),
    ]
    types = {":content-type": "application/json", ":message-type": "event"}
    return [
        message_bytes(json.encode(payload), {":event-type": kind, **types})
        for kind, payload in events
    ]


def cohere(count: int) -> list[bytes]:
    """Cohere's events."""

    def content(kind: str, **fields: str) -> Json:
        return {"type": kind, "index": 0, "delta": {"message": {"content": fields}}}

    usage = {"tokens": {"input_tokens": 9, "output_tokens": count}}
    events: list[Json] = [
        {"id": "c1", "type": "message-start", "delta": {"message": {"role": "assistant"}}},
        content("content-start", type="text", text=""),
        *(content("content-delta", text=word) for word in _words(count)),
        {"type": "content-end", "index": 0},
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": usage}},
    ]
    return [frame_bytes(json.encode(event), event["type"]) for event in events]


def ollama(count: int) -> list[bytes]:
    """Ollama's lines."""

    def line(word: str, **more: Any) -> bytes:
        head = {"model": "qwen3:8b", "created_at": "2025-11-22T04:05:06.123456789Z"}
        message = {"role": "assistant", "content": word}
        return json.encode({**head, "message": message, "done": False, **more}) + b"\n"

    counts = {"prompt_eval_count": 9, "eval_count": count, "total_duration": 5}
    return [*map(line, _words(count)), line("", done=True, done_reason="stop", **counts)]


STREAMS: Mapping[str, Callable[[int], list[bytes]]] = {
    "openai_chat": chat,
    "openai_responses": responses,
    "anthropic": messages,
    "gemini": generated,
    "bedrock_converse": conversed,
    "cohere": cohere,
    "ollama": ollama,
}


# ------------------------------------------------------------------ requests


def _image(size: int) -> str:
    noise = bytes((number * 7919 >> 3) & 0xFF for number in range(4096))
    wanted = size // IMAGES * 3 // 4
    return base64.b64encode((noise * (wanted // len(noise) + 1))[:wanted]).decode()


def _turns() -> Iterator[tuple[str, str]]:
    text = 'Here is a "file" with a path C:\\temp\\x and some words of it.\n' * 4
    return ((("user", "assistant")[number % 2], text) for number in range(TURNS))


def _asked_chat(size: int) -> bytes:
    url = f"data:image/png;base64,{_image(size)}"
    parts: list[Json] = [{"type": "text", "text": "What are these?"}]
    parts += [{"type": "image_url", "image_url": {"url": url}}] * IMAGES
    said = [{"role": role, "content": text} for role, text in _turns()]
    return json.encode({"model": "m", "messages": [*said, {"role": "user", "content": parts}]})


def _asked_responses(size: int) -> bytes:
    url = f"data:image/png;base64,{_image(size)}"
    parts: list[Json] = [{"type": "input_text", "text": "What are these?"}]
    parts += [{"type": "input_image", "image_url": url}] * IMAGES
    said = [{"role": role, "content": text} for role, text in _turns()]
    return json.encode({"model": "m", "input": [*said, {"role": "user", "content": parts}]})


def _asked_messages(size: int) -> bytes:
    source = {"type": "base64", "media_type": "image/png", "data": _image(size)}
    parts: list[Json] = [{"type": "text", "text": "What are these?"}]
    parts += [{"type": "image", "source": source}] * IMAGES
    said = [{"role": role, "content": text} for role, text in _turns()]
    asked = [*said, {"role": "user", "content": parts}]
    return json.encode({"model": "m", "max_tokens": 500, "messages": asked})


def _asked_gemini(size: int) -> bytes:
    parts: list[Json] = [{"text": "What are these?"}]
    parts += [{"inlineData": {"mimeType": "image/png", "data": _image(size)}}] * IMAGES
    said = [
        {"role": "model" if role == "assistant" else role, "parts": [{"text": text}]}
        for role, text in _turns()
    ]
    return json.encode({"contents": [*said, {"role": "user", "parts": parts}]})


REQUESTS: Mapping[str, Callable[[int], bytes]] = {
    "openai_chat": _asked_chat,
    "openai_responses": _asked_responses,
    "anthropic": _asked_messages,
    "gemini": _asked_gemini,
}
