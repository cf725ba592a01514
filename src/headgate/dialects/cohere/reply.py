"""Whole answers, their usage, finish reasons and log probabilities.

Source: docs.cohere.com/reference/chat (response); `providers.md` 8 and 9, `recordings.md` 5.7.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from headgate.base.failure import RelayError, bad_reply
from headgate.dialects.cohere.citations import PLAN, THOUGHTS, decode_citation, unplaced
from headgate.dialects.cohere.errors import MALFORMED_CALL, inspect_reply
from headgate.dialects.cohere.models import NAME
from headgate.dialects.lenient_json import (
    arguments_text,
    object_of,
    one_or_more,
    parsed_object,
    text_of,
)
from headgate.ir.reply import Choice, Finish, FinishReason, Reply
from headgate.ir.request import Citation, Json, Opaque, Part, Text, Thinking, ToolCall
from headgate.ir.usage import Usage, clamped

REASONS: dict[str, FinishReason] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop_sequence",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR_LIMIT": "context_full",
    "ERROR_TOXIC": "content_filter",
    "ERROR": "malformed_tool_call",  # its other meanings are failures
}
_KNOWN = frozenset(
    {
        *("id", "model", "message", "finish_reason", "usage", "logprobs", "error", "error_type"),
        *("type", "delta"),
    }
)


def decode_reply(body: bytes) -> Reply:
    """Read a whole answer. Errors: RelayError, UPSTREAM_BAD_REPLY or what an error object says."""
    failure = inspect_reply(body)
    if failure is not None:
        raise RelayError(failure)
    wire = parsed_object(body)
    if wire is None:
        raise RelayError(bad_reply("the upstream's answer is not a JSON object"))
    parts = decode_message(object_of(wire.get("message")))
    logprobs = decode_logprobs(one_or_more(wire.get("logprobs")))
    finish = decode_finish(
        text_of(wire.get("finish_reason")), text_of(wire.get("error_type")), parts
    )
    return Reply(
        reply_id=text_of(wire.get("id")),
        model=text_of(wire.get("model")),
        choices=(Choice(parts=parts, finish=finish, logprobs=logprobs),),
        usage=decode_usage(object_of(wire.get("usage"))),
        extras=decode_extras(wire),
    )


def decode_extras(wire: Mapping[str, Any]) -> dict[str, Json]:
    """Keep what there is no word for, of a whole answer or of a stream's end."""
    more = {key: value for key, value in wire.items() if key not in _KNOWN and value is not None}
    return {NAME: more} if more else {}


def decode_message(message: Mapping[str, Any]) -> tuple[Part, ...]:
    """Read an answer's message: the plan, which is a thought before the calls, content, calls.

    Content is a list of blocks, or (in some hosts of the wire) a plain text.
    """
    parts: list[Part] = []
    if plan := text_of(message.get("tool_plan")):
        parts.append(Thinking(text=plan))
    blocks = one_or_more(message.get("content"))
    if text := text_of(message.get("content")):
        blocks = [{"type": "text", "text": text}]
    places: dict[int, int] = {}  # content_index -> index of our part
    for index, block in enumerate(blocks):
        part = decode_block(block)
        if part is not None:
            places[index] = len(parts)
            parts.append(part)
    _attach(parts, places, one_or_more(message.get("citations")))
    parts += [decode_call(call) for call in one_or_more(message.get("tool_calls"))]
    return tuple(parts)


def decode_block(block: Json) -> Part | None:
    """Read a content block; an unknown kind is kept whole. None: it says nothing."""
    match block.get("type"):
        case "text" | None:
            text = text_of(block.get("text"))
            return Text(text=text) if text else None
        case "thinking":
            text = text_of(block.get("thinking"))
            return Thinking(text=text) if text else None
        case _:
            return Opaque(dialect=NAME, block=block)


def decode_call(call: Json) -> ToolCall:
    """Read a finished tool call."""
    function = object_of(call.get("function"))
    return ToolCall(
        call_id=text_of(call.get("id")),
        name=text_of(function.get("name")),
        arguments=arguments_text(function.get("arguments")) or "{}",
    )


def _attach(parts: list[Part], places: Mapping[int, int], citations: Iterable[Json]) -> None:
    """Give citations to the texts that they are about; those of thoughts to the first text."""
    first = next((i for i, part in enumerate(parts) if isinstance(part, Text)), None)
    for wire in citations:
        found = decode_citation(wire)
        place = first
        if wire.get("type") in (PLAN, THOUGHTS):
            found = unplaced(found)
        elif isinstance(index := wire.get("content_index"), int):
            place = places.get(index, first)
        cited = parts[place] if place is not None else None
        if place is None or not isinstance(cited, Text):
            place, cited, found = len(parts), Text(text=""), unplaced(found)
            parts.append(cited)
            first = place
        parts[place] = _with_citations(cited, found)


def _with_citations(part: Text, citations: tuple[Citation, ...]) -> Text:
    return Text(text=part.text, citations=part.citations + citations)


def decode_finish(reason: str, error_type: str, parts: Iterable[Part]) -> Finish:
    """Read why the answer ended; hosts that forget to say TOOL_CALL are put right."""
    found = REASONS.get(reason, "stop")
    if error_type == MALFORMED_CALL:
        found = "malformed_tool_call"
    if found == "stop" and any(isinstance(part, ToolCall) for part in parts):
        found = "tool_calls"
    return Finish(reason=found, raw_reason=reason)


def decode_usage(wire: Mapping[str, Any]) -> Usage | None:
    """Read a `usage` object. None if it tells nothing.

    Shape:  {"billed_units": {"input_tokens", "output_tokens"}, "tokens": {..., "reasoning_tokens",
            "image_tokens"}, "cached_tokens"}.
    Units:  tokens. What is billed counts; `tokens` holds the prompt's template too, and
            `cached_tokens` is a part of that, never of what is billed.
    Errors: none; a missing count is zero, a lie is clamped.
    """
    billed, tokens = object_of(wire.get("billed_units")), object_of(wire.get("tokens"))
    if not (billed or tokens):
        return None
    cached = 0
    if "input_tokens" in billed:
        read = clamped(billed["input_tokens"])
    else:
        whole = clamped(tokens.get("input_tokens"))
        cached = min(clamped(wire.get("cached_tokens")), whole)
        read = whole - cached
    told = billed if "output_tokens" in billed else tokens
    output = clamped(told.get("output_tokens"))
    return Usage(
        input=read,
        cache_read=cached,
        output=output,
        reasoning=min(clamped(tokens.get("reasoning_tokens")), output),
        image_input=min(clamped(tokens.get("image_tokens")), read),
    )


def decode_logprobs(items: Iterable[Json]) -> Json | None:
    """Read log probabilities into OpenAI's object: one entry for each piece of text.

    Shape: [{"text", "token_ids": [int], "logprobs": [float]}]. A piece may be several tokens long;
    its probability is the product of theirs, so their logarithms are added.
    """
    content: list[Json] = []
    for item in items:
        text, values = text_of(item.get("text")), item.get("logprobs")
        known = [value for value in values if _is_number(value)] if isinstance(values, list) else []
        if known:
            piece = {"token": text, "logprob": sum(known), "bytes": list(text.encode())}
            content.append({**piece, "top_logprobs": []})
    return {"content": content, "refusal": None} if content else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
