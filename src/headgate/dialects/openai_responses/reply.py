"""Whole responses of an upstream, and how they end; both ways for the end.

Source: developers.openai.com/api/reference (response object); `providers.md` 9, `recordings.md` 5.3
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from headgate.base.failure import RelayError, bad_reply
from headgate.dialects.leftovers import Leftovers
from headgate.dialects.lenient_json import arguments_text, objects_of, parsed_object, text_of
from headgate.dialects.openai_responses.content import citation_of
from headgate.dialects.openai_responses.errors import inspect_reply
from headgate.dialects.openai_responses.models import NAME
from headgate.dialects.openai_responses.provenance import proof_in, read_reasoning
from headgate.dialects.openai_responses.usage import usage_in
from headgate.ir.reply import Choice, Finish, FinishReason, Reply
from headgate.ir.request import (
    Image,
    Inline,
    Json,
    Opaque,
    Part,
    Refusal,
    Signature,
    Text,
    ToolCall,
)

# incomplete_details.reason and status -> our word.
_REASONS: dict[str, FinishReason] = {
    "completed": "stop",
    "max_output_tokens": "length",
    "max_messages": "length",
    "content_filter": "content_filter",
    "steered": "stop",
    "incomplete": "length",
    "failed": "error",
    "cancelled": "error",
    # In the background: the caller must ask again.
    "queued": "pause",
    "in_progress": "pause",
}
_INCOMPLETE: dict[FinishReason, str] = {
    "length": "max_output_tokens",
    "context_full": "max_output_tokens",
    "content_filter": "content_filter",
}
# xAI shows the calls that its own server makes and answers as calls of a free-text tool.
_SERVER_CALL = "xs_call_"

_KNOWN: dict[str, frozenset[str]] = {
    "message": frozenset({"type", "id", "role", "status", "content"}),
    "function_call": frozenset({"type", "id", "status", "call_id", "name", "arguments"}),
    "custom_tool_call": frozenset({"type", "id", "status", "call_id", "name", "input"}),
    "image_generation_call": frozenset({"type", "id", "status", "result", "output_format"}),
}
_MOST_TOLD = 64  # of one kind, however many items a hostile upstream makes up
OUTPUT = "output."  # before the names of items' fields among the leftovers
# What the response says of itself, and what it only repeats of the request.
_KNOWN_FIELDS = frozenset(
    [
        *("id", "object", "created_at", "completed_at", "status", "model", "output", "usage"),
        *("error", "incomplete_details", "service_tier", "output_text", "system_fingerprint"),
        *(
            "instructions",
            "max_output_tokens",
            "max_tool_calls",
            "metadata",
            "previous_response_id",
        ),
        *(
            "parallel_tool_calls",
            "reasoning",
            "store",
            "temperature",
            "text",
            "tool_choice",
            "user",
        ),
        *("tools", "top_p", "top_logprobs", "truncation", "background", "prompt", "conversation"),
        *("prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "tool_usage"),
        *("safety_identifier", "frequency_penalty", "presence_penalty"),
    ]
)


def decode_reply(body: bytes) -> Reply:
    """Read a whole response.

    Errors: RelayError, UPSTREAM_BAD_REPLY or what an error object says.
    """
    failure = inspect_reply(body)
    if failure is not None:
        raise RelayError(failure)
    wire = parsed_object(body)
    if wire is None or not isinstance(wire.get("output"), list):
        raise RelayError(bad_reply("the upstream's response has no output"))
    items = objects_of(wire["output"])
    parts = parts_of(items)
    logprobs = [entry for item in items for entry in logprobs_of(item)]
    choice = Choice(
        parts=tuple(parts),
        finish=finish_of(wire, has_calls=any(isinstance(part, ToolCall) for part in parts)),
        logprobs={"content": logprobs} if logprobs else None,
    )
    left = Leftovers()
    for item in items:
        add_leftovers(left, item)
    left.add("", response_leftovers(wire))
    return Reply(
        reply_id=text_of(wire.get("id")),
        model=text_of(wire.get("model")),
        choices=(choice,),
        usage=usage_in(body),
        created=created_of(wire),
        service_tier=text_of(wire.get("service_tier")) or None,
        system_fingerprint=text_of(wire.get("system_fingerprint")) or None,
        extras=left.extras(NAME),
    )


def created_of(wire: Mapping[str, Any]) -> int:
    """Read when the response was made; 0 if it does not say."""
    created = wire.get("created_at")
    return int(created) if isinstance(created, int | float) else 0


def finish_of(wire: Mapping[str, Any], *, has_calls: bool) -> Finish:
    """Read why the response ended; a natural end of one with calls means the calls."""
    details = wire.get("incomplete_details")
    told = text_of(details.get("reason")) if isinstance(details, dict) else ""
    raw_reason = told or text_of(wire.get("status"))
    reason = _REASONS.get(raw_reason, "stop")
    if reason == "stop" and has_calls:
        reason = "tool_calls"
    return Finish(reason=reason, raw_reason=raw_reason)


def incomplete_reason(finish: Finish) -> str | None:
    """Write why the response is incomplete. None: it is complete, or failed."""
    if _REASONS.get(finish.raw_reason) == finish.reason and finish.reason in _INCOMPLETE:
        return finish.raw_reason if finish.raw_reason != "incomplete" else "max_output_tokens"
    return _INCOMPLETE.get(finish.reason)


# -------------------------------------------------------------------- output items


def parts_of(items: Iterable[Json]) -> list[Part]:
    """Read output items; what only proves another part is put there."""
    found: list[Part] = []
    proofs: dict[str, Signature] = {}  # of calls by id; "": of the next picture
    for item in items:
        seal = proof_in(item) if item.get("type") == "reasoning" else None
        if seal is None:
            found += [proven(part, proofs) for part in item_parts(item)]
        elif seal.kind == "text":
            last = found[-1] if found else None
            if isinstance(last, Text) and last.signature is None:
                found[-1] = msgspec.structs.replace(last, signature=seal.signature)
            else:  # an empty text was signed
                found.append(Text(text="", signature=seal.signature))
        elif seal.signature is not None:
            proofs[seal.call_id] = seal.signature
    return found


def proven(part: Part, proofs: dict[str, Signature]) -> Part:
    """Give a call or a picture the proof on it that came before."""
    match part:
        case ToolCall(call_id=call_id) if call_id in proofs:
            return msgspec.structs.replace(part, signature=proofs.pop(call_id))
        case Image() if "" in proofs:
            return msgspec.structs.replace(part, signature=proofs.pop(""))
    return part


def item_parts(item: Json) -> Iterator[Part]:
    """Read one output item; what only this dialect knows stays opaque."""
    match item.get("type"):
        case "message" if item.get("role", "assistant") == "assistant":
            for block in objects_of(item.get("content")):
                part = content_part(block)
                if part is not None:
                    yield part
        case "reasoning":
            thinking = read_reasoning(item)
            if thinking is not None:
                yield thinking
        case "function_call":
            yield call_of(item)
        case "custom_tool_call" if not is_servers(item):
            yield call_of(item)
        case "image_generation_call" if text_of(item.get("result")):
            form = text_of(item.get("output_format")) or "png"
            yield Image(source=Inline(f"image/{form}", item["result"]))
        case _:
            yield Opaque(dialect=NAME, block=item)


def content_part(block: Json) -> Part | None:
    """Read a content part of a message; None if it is empty."""
    match block.get("type"):
        case "output_text":
            text = text_of(block.get("text"))
            notes = tuple(citation_of(note) for note in objects_of(block.get("annotations")))
            return Text(text=text, citations=notes) if text or notes else None
        case "refusal":
            text = text_of(block.get("refusal"))
            return Refusal(text=text) if text else None
    message: Json = {"type": "message", "role": "assistant", "content": [block]}
    return Opaque(dialect=NAME, block=message)


def call_of(item: Json) -> ToolCall:
    """Read a call."""
    custom = item.get("type") == "custom_tool_call"
    return ToolCall(
        call_id=text_of(item.get("call_id")) or text_of(item.get("id")),
        name=text_of(item.get("name")),
        arguments=arguments_text(item.get("input" if custom else "arguments")),
        custom=custom,
    )


def is_servers(item: Json) -> bool:
    """Tell whether a call is one that the vendor's own server answers."""
    return text_of(item.get("call_id")).startswith(_SERVER_CALL)


def logprobs_of(item: Json) -> list[Json]:
    """Read the logprobs of a message's texts."""
    if item.get("type") != "message":
        return []
    blocks = objects_of(item.get("content"))
    return [entry for block in blocks for entry in objects_of(block.get("logprobs"))]


# ----------------------------------------------------------------------- leftovers


def add_leftovers(left: Leftovers, item: Json) -> None:
    """Keep what an output item says beside what its parts carry, by kind: `output.phase`."""
    known = _KNOWN.get(str(item.get("type")))
    if known is None:
        return  # opaque, or reasoning, which keeps everything in its proof
    for key, value in item.items():
        if key not in known and value is not None:
            told = left.found.setdefault(f"{OUTPUT}{key}", [])
            if len(told) < _MOST_TOLD:
                told.append(value)


def response_leftovers(wire: Mapping[str, Any]) -> Json:
    """What a response says of itself that the IR has no word for."""
    return {
        key: value for key, value in wire.items() if key not in _KNOWN_FIELDS and value is not None
    }
