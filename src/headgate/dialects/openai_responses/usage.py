"""The `usage` object of the Responses API.

Source: developers.openai.com/api/reference (response object); `providers.md` 8, `recordings.md` 5.9
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from headgate.dialects.lenient_json import object_of
from headgate.ir.request import Json
from headgate.ir.usage import Usage, clamped

# Counts that `usage` has no word for.
UNSAID_COUNTS = (
    *("cache_write_1h", "audio_input", "audio_output", "image_input", "image_output"),
    *("search_units", "images", "audio_seconds"),
)
_SEARCH = "web_search_call"


def decode_usage(wire: Mapping[str, Any], web_searches: int = 0) -> Usage | None:
    """Read a `usage` object.

    Shape:  {"input_tokens": int, "input_tokens_details": {"cached_tokens", "cache_write_tokens"},
            "output_tokens": int, "output_tokens_details": {"reasoning_tokens"}}, keys optional.
    Units:  tokens; cached tokens are part of `input_tokens`.
    Errors: none; a missing or senseless count is zero. None if no count is there at all.
    """
    if not ("input_tokens" in wire or "output_tokens" in wire):
        return None
    read, written = (
        object_of(wire.get("input_tokens_details")),
        object_of(wire.get("output_tokens_details")),
    )
    prompt, output = clamped(wire.get("input_tokens")), clamped(wire.get("output_tokens"))
    cache_read = min(clamped(read.get("cached_tokens")), prompt)
    cache_write = min(clamped(read.get("cache_write_tokens")), prompt - cache_read)
    fresh = prompt - cache_read - cache_write
    server_side = object_of(wire.get("server_side_tool_usage_details"))  # xAI
    return Usage(
        input=fresh,
        cache_read=cache_read,
        cache_write=cache_write,
        output=output,
        reasoning=min(clamped(written.get("reasoning_tokens")), output),
        audio_input=min(clamped(read.get("audio_tokens")), fresh),
        audio_output=min(clamped(written.get("audio_tokens")), output),
        image_input=min(clamped(read.get("image_tokens")), fresh),
        image_output=min(clamped(written.get("image_tokens")), output),
        web_searches=web_searches or clamped(server_side.get("web_search_calls")),
    )


def encode_usage(usage: Usage) -> Json:
    """Write a `usage` object."""
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total,
    }


def encode_tool_usage(usage: Usage | None) -> Json | None:
    """Write `tool_usage`, where searches are told. None if there were none."""
    if usage is None or not usage.web_searches:
        return None
    parts = {"image_tokens": 0, "text_tokens": 0}
    images = {"input_tokens": 0, "input_tokens_details": parts, "output_tokens": 0}
    images |= {"output_tokens_details": parts, "total_tokens": 0}
    return {"image_gen": images, "web_search": {"num_requests": usage.web_searches}}


class _Item(Struct):
    """An output item, as far as it may be a billed search."""

    type: str | None = None
    action: Any = None


class _Response(Struct):
    """As much of a response as tells what it cost."""

    usage: dict[str, Any] | None = None
    tool_usage: dict[str, Any] | None = None
    output: list[_Item] | None = None


class _TerminalEvent(Struct):
    """The last event of a stream."""

    response: Raw = Raw(b"null")


_response = msgspec.json.Decoder(_Response)
_event = msgspec.json.Decoder(_TerminalEvent)


def usage_in(body: bytes | Raw) -> Usage | None:
    """Read the usage of a whole response without decoding its texts. None if it tells none."""
    try:
        response = _response.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _usage_alone(body)
    if response.usage is None:
        return None
    items = ((item.type, item.action) for item in response.output or ())
    searches = web_searches(object_of(object_of(response.tool_usage).get("web_search")), items)
    return decode_usage(response.usage, searches)


class _UsageAlone(Struct):
    usage: dict[str, Any] | None = None


_usage_alone_decoder = msgspec.json.Decoder(_UsageAlone)


def _usage_alone(body: bytes | Raw) -> Usage | None:
    """Read the usage of a response whose other fields are not what they should be."""
    try:
        usage = _usage_alone_decoder.decode(body).usage
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if usage is None else decode_usage(usage)


def usage_in_event(data: bytes) -> Usage | None:
    """Read the usage of a stream's last event."""
    try:
        return usage_in(_event.decode(data).response)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def web_searches(told: Mapping[str, Any], items: Iterable[tuple[object, object]]) -> int:
    """Count the searches that are billed apart: as told, or else the items that are searches.

    Opening a page that was found is no search.
    """
    if "num_requests" in told:
        return clamped(told["num_requests"])
    return sum(kind == _SEARCH and _is_search(action) for kind, action in items)


def _is_search(action: object) -> bool:
    return not isinstance(action, dict) or action.get("type", "search") == "search"
