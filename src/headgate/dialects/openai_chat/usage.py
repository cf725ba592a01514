"""The `usage` object of the OpenAI family, in every vendor's arithmetic.

Sources: platform.openai.com/docs/api-reference/chat/object#usage; what vendors really count is in
`recordings.md` 5.9 and `providers.md` 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from headgate.dialects.lenient_json import object_of
from headgate.ir.request import Json
from headgate.ir.usage import Usage, clamped

_NULL = Raw(b"null")
# Where vendors tell the part of the prompt that was read from a cache: the first non-zero counts.
_CACHE_READ = (
    "prompt_cache_hit_tokens",  # DeepSeek
    "cached_tokens",  # Moonshot, Together
    "num_cached_tokens",  # Mistral
    "cache_read_input_tokens",  # Venice, Databricks
)


class _PromptDetails(Struct, forbid_unknown_fields=True):
    cached_tokens: int = 0
    audio_tokens: int = 0
    cache_write_tokens: int = 0


class _CompletionDetails(Struct, forbid_unknown_fields=True):
    reasoning_tokens: int = 0
    audio_tokens: int = 0
    accepted_prediction_tokens: int = 0
    rejected_prediction_tokens: int = 0


class _PlainUsage(Struct, forbid_unknown_fields=True):
    """OpenAI's own object, which most vendors copy; others are read by `decode_usage`."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


_NO_PROMPT_DETAILS = _PromptDetails()
_NO_COMPLETION_DETAILS = _CompletionDetails()
_plain_usage = msgspec.json.Decoder(_PlainUsage)


def _read_plain(data: Raw) -> Usage | None:
    """Read an object that is exactly OpenAI's and adds up: ten times cheaper. None: it is not."""
    try:
        wire = _plain_usage.decode(data)
    except msgspec.ValidationError:
        return None
    prompt, output = wire.prompt_tokens, wire.completion_tokens
    read = wire.prompt_tokens_details or _NO_PROMPT_DETAILS
    written = wire.completion_tokens_details or _NO_COMPLETION_DETAILS
    fresh = prompt - read.cached_tokens - read.cache_write_tokens
    parts = (read.cached_tokens, read.cache_write_tokens, read.audio_tokens)
    adds_up = (
        wire.total_tokens == prompt + output
        and fresh >= read.audio_tokens
        and output >= max(written.reasoning_tokens, written.audio_tokens)
        and min(*parts, written.reasoning_tokens, written.audio_tokens) >= 0
    )
    if not adds_up:
        return None
    return Usage(
        input=fresh,
        cache_read=read.cached_tokens,
        cache_write=read.cache_write_tokens,
        output=output,
        reasoning=written.reasoning_tokens,
        audio_input=read.audio_tokens,
        audio_output=written.audio_tokens,
    )


def decode_usage(wire: Mapping[str, Any]) -> Usage | None:
    """Read a `usage` object.

    Shape:  {"prompt_tokens": int, "completion_tokens": int, "total_tokens": int,
            "prompt_tokens_details": {...}, "completion_tokens_details": {...}}, keys optional.
    Units:  tokens; cached tokens are part of `prompt_tokens`.
    Errors: none; a missing or senseless count is zero. None if no count is there at all.
    """
    if not ("prompt_tokens" in wire or "completion_tokens" in wire or "total_tokens" in wire):
        return None
    read_details = object_of(wire.get("prompt_tokens_details"))
    written_details = object_of(wire.get("completion_tokens_details"))
    prompt = clamped(wire.get("prompt_tokens"))
    output = clamped(wire.get("completion_tokens"))
    reasoning = _first(
        written_details.get("reasoning_tokens"),
        wire.get("reasoning_tokens"),
    )
    audio_input = clamped(read_details.get("audio_tokens"))
    uncounted = clamped(wire.get("total_tokens")) - prompt - output
    if uncounted > 0:
        if "prompt_tokens" not in wire or uncounted == audio_input:
            prompt += uncounted  # MiniMax names no prompt; Mistral leaves audio out of it
        elif "completion_tokens" in wire or reasoning:
            # xAI leaves reasoning out of the completion, Gemini's thoughts are only in the total.
            output += uncounted
            reasoning = max(reasoning, uncounted)
    cache_read = min(
        _first(read_details.get("cached_tokens"), *(wire.get(name) for name in _CACHE_READ)), prompt
    )
    cache_write = min(
        _first(read_details.get("cache_write_tokens"), wire.get("cache_creation_input_tokens")),
        prompt - cache_read,
    )
    fresh = prompt - cache_read - cache_write
    return Usage(
        input=fresh,
        cache_read=cache_read,
        cache_write=cache_write,
        output=output,
        cache_write_1h=min(
            clamped(object_of(wire.get("cache_creation")).get("ephemeral_1h_input_tokens")),
            cache_write,
        ),
        reasoning=min(reasoning, output),
        audio_input=min(audio_input, fresh),
        audio_output=min(clamped(written_details.get("audio_tokens")), output),
        image_input=min(clamped(read_details.get("image_tokens")), fresh),
        image_output=min(clamped(written_details.get("image_tokens")), output),
        web_searches=_first(
            object_of(wire.get("server_tool_use_details")).get("web_search_requests"),
            wire.get("num_search_queries"),
        ),
    )


def encode_usage(usage: Usage) -> Json:
    """Write a `usage` object; counts that only some vendors know appear when they are not zero."""
    prompt_details = {"cached_tokens": usage.cache_read, "audio_tokens": usage.audio_input}
    if usage.cache_write:
        prompt_details["cache_write_tokens"] = usage.cache_write
    if usage.image_input:
        prompt_details["image_tokens"] = usage.image_input
    completion_details = {
        "reasoning_tokens": usage.reasoning,
        "audio_tokens": usage.audio_output,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    }
    if usage.image_output:
        completion_details["image_tokens"] = usage.image_output
    wire: Json = {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.output,
        "total_tokens": usage.total,
        "prompt_tokens_details": prompt_details,
        "completion_tokens_details": completion_details,
    }
    if usage.cache_write_1h:
        wire["cache_creation"] = {"ephemeral_1h_input_tokens": usage.cache_write_1h}
    if usage.web_searches:
        wire["server_tool_use_details"] = {"web_search_requests": usage.web_searches}
    return wire


class _Holder(Struct):
    """Something that may hold usage, and nothing else of it."""

    usage: Raw = _NULL


class _Reply(_Holder):
    """Where vendors put usage: at the top, under `x_groq`, or (Moonshot) in the first choice."""

    x_groq: _Holder | None = None
    choices: list[_Holder] | None = None


_reply = msgspec.json.Decoder(_Reply)
_object_of = msgspec.json.Decoder(dict[str, Any])


def usage_in(body: bytes) -> Usage | None:
    """Read the usage of a chunk or a whole reply without decoding the rest."""
    try:
        reply = _reply.decode(body)
        for holder in (reply, reply.x_groq, *(reply.choices or ())[:1]):
            if holder is None or bytes(holder.usage) == b"null":
                continue
            usage = _read_plain(holder.usage) or decode_usage(_object_of.decode(holder.usage))
            if usage is not None:
                return usage
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None


def _first(*values: object) -> int:
    """The first count that is more than zero."""
    return next((count for value in values if (count := clamped(value))), 0)
