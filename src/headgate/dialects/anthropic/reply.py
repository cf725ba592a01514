"""Whole answers of the Messages API, their usage and their stop reasons, both ways.

Source: platform.claude.com/docs/en/api/messages (response) and
/build-with-claude/handling-stop-reasons; `providers.md` 8 and 9; `recordings.md` 5.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from headgate.base.failure import Failure, RelayError, bad_reply
from headgate.dialects.anthropic.blocks import (
    decode_block,
    encode_citation,
    encode_source,
    encode_thinking,
    put_back,
    sealed_id,
)
from headgate.dialects.anthropic.errors import inspect_reply
from headgate.dialects.anthropic.models import NAME
from headgate.dialects.dialect import ReplyContext
from headgate.dialects.leftovers import Leftovers, by_place
from headgate.dialects.lenient_json import arguments_object, object_of, parsed_object
from headgate.dialects.strict_json import Reader
from headgate.ir.loss import Losses, change_citations, drop_block, drop_counts, drop_extras
from headgate.ir.reply import Choice, Finish, FinishReason, Reply
from headgate.ir.request import (
    Audio,
    Citation,
    File,
    Image,
    Json,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from headgate.ir.usage import Usage, clamped

# stop_reason -> our word, and the other way.
STOP_REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "model_context_window_exceeded": "context_full",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    "pause_turn": "pause",
    "compaction": "stop",
}
_WRITTEN: dict[FinishReason, str] = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "context_full": "model_context_window_exceeded",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
    "pause": "pause_turn",
    "malformed_tool_call": "end_turn",
}
# Counts that `usage` has no word for.
UNSAID_COUNTS = ("audio_input", "audio_output", "image_input", "image_output")
_COUNTS = (
    "input_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "output_tokens",
)


class _UsageOnly(msgspec.Struct):
    usage: dict[str, Any] | None = None


_USAGE_DECODER = msgspec.json.Decoder(_UsageOnly)


def decode_reply(body: bytes) -> Reply:
    """Read a whole answer. Errors: RelayError, UPSTREAM_BAD_REPLY or what an error object says."""
    failure = inspect_reply(body)
    if failure is not None:
        raise RelayError(failure)
    reader = Reader(parsed_object(body))
    try:
        return _decode(reader)
    except RelayError as error:
        raise RelayError(bad_reply(error.failure.message)) from None


def _decode(reader: Reader) -> Reply:
    left = Leftovers()
    blocks = reader.items("content")
    parts = tuple(decode_block(b, f"content[{i}]", left) for i, b in enumerate(blocks))
    usage = reader.mapping("usage")
    finish = decode_finish(reader.text("stop_reason"), reader.text("stop_sequence"), parts)
    reply = Reply(
        reply_id=reader.text("id") or "",
        model=reader.text("model") or "",
        choices=(Choice(parts=parts, finish=finish),),
        usage=None if usage is None else decode_usage(usage),
        service_tier=None if usage is None else decode_tier(usage),
    )
    reader.rest.pop("type", None)
    reader.rest.pop("role", None)
    left.add("", {key: value for key, value in reader.rest.items() if value is not None})
    return msgspec.structs.replace(reply, extras=left.extras(NAME))


def decode_finish(
    stop_reason: str | None, stop_sequence: str | None, parts: Iterable[Part]
) -> Finish:
    """Read why the answer ended; a vendor that forgets to say `tool_use` is put right."""
    reason = STOP_REASONS.get(stop_reason or "end_turn", "stop")
    if reason == "stop" and any(isinstance(part, ToolCall) for part in parts):
        reason = "tool_calls"
    return Finish(reason=reason, raw_reason=stop_reason or "", stop_sequence=stop_sequence)


def encode_stop_reason(finish: Finish) -> str:
    """Write why the answer ended, in the vendor's own word where there was one."""
    if STOP_REASONS.get(finish.raw_reason) == finish.reason:
        return finish.raw_reason
    return _WRITTEN.get(finish.reason, "end_turn")


def broken_off(finish: Finish) -> Failure | None:
    """Tell an answer that its model broke off: no stop reason here would say so."""
    if finish.reason != "error":
        return None
    said = f" ({finish.raw_reason})" if finish.raw_reason else ""
    return bad_reply(f"the upstream broke its answer off{said}")


def name_finish_losses(finish: Finish, losses: Losses) -> None:
    """Name what no stop reason says."""
    if finish.reason == "malformed_tool_call":
        losses.changed("reply.finish_reason", "the model made a call that makes no sense")


def decode_usage(wire: Mapping[str, Any]) -> Usage:
    """Read a Messages API `usage` object.

    Shape:  {"input_tokens": int, "cache_read_input_tokens": int, ...}, keys optional.
    Units:  tokens. `input_tokens` excludes both cache counts, so the parts just add up. Inner
            calls (`iterations`: compaction, advisors) are billed as well, but the counts on top
            need not contain them: what they leave out is kept apart.
    Errors: none; a missing count is zero, a lie is clamped.
    """
    calls = wire.get("iterations")
    inner = [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    read, cached, written, output = (clamped(wire.get(name)) for name in _COUNTS)
    all_read, all_cached, all_written, all_output = (
        sum(clamped(call.get(name)) for call in inner) for name in _COUNTS
    )
    by_age = object_of(wire.get("cache_creation"))
    hour = clamped(by_age.get("ephemeral_1h_input_tokens"))
    written = max(written, hour + clamped(by_age.get("ephemeral_5m_input_tokens")))
    thought = clamped(object_of(wire.get("output_tokens_details")).get("thinking_tokens"))
    return Usage(
        input=read,
        cache_read=cached,
        cache_write=written,
        output=output,
        cache_write_1h=hour,
        reasoning=min(thought, output),
        web_searches=clamped(object_of(wire.get("server_tool_use")).get("web_search_requests")),
        inner_input=max(all_read + all_cached + all_written - read - cached - written, 0),
        inner_output=max(all_output - output, 0),
    )


def encode_usage(usage: Usage | None, service_tier: str | None = None) -> Json:
    """Write a `usage` object; SDKs need one even where nothing is known."""
    counts = usage or Usage()
    wire: Json = {
        "input_tokens": counts.input,
        "cache_creation_input_tokens": counts.cache_write,
        "cache_read_input_tokens": counts.cache_read,
        "output_tokens": counts.output,
    }
    if counts.cache_write:
        wire["cache_creation"] = {
            "ephemeral_5m_input_tokens": max(counts.cache_write - counts.cache_write_1h, 0),
            "ephemeral_1h_input_tokens": counts.cache_write_1h,
        }
    if counts.reasoning:
        wire["output_tokens_details"] = {"thinking_tokens": counts.reasoning}
    if counts.web_searches:
        wire["server_tool_use"] = {"web_search_requests": counts.web_searches}
    if service_tier is not None:
        wire["service_tier"] = "standard" if service_tier == "default" else service_tier
    return wire


def decode_tier(usage: Mapping[str, Any]) -> str | None:
    """Read which tier served the request."""
    tier = usage.get("service_tier")
    if not isinstance(tier, str):
        return None
    return "default" if tier == "standard" else tier


def read_usage(body: bytes) -> Usage | None:
    """Read the usage of a whole answer that is passed through. None if it tells none."""
    try:
        usage = _USAGE_DECODER.decode(body).usage
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if usage is None else decode_usage(usage)


def encode_reply(reply: Reply, context: ReplyContext) -> bytes:
    """Write a whole answer; of several choices the first, for there is only one here.

    Errors: RelayError UPSTREAM_BAD_REPLY for an answer that its model broke off.
    """
    choice = reply.choices[0] if reply.choices else Choice(parts=(), finish=Finish(reason="stop"))
    parts, finish, losses = choice.parts, choice.finish, context.losses
    failure = broken_off(finish)
    if failure is not None:
        raise RelayError(failure)
    if len(reply.choices) > 1:
        losses.dropped("reply.choices", "there is one answer here, the first")
    if choice.logprobs is not None:
        losses.dropped("reply.logprobs")
    name_finish_losses(finish, losses)
    drop_counts(losses, reply.usage, UNSAID_COUNTS)
    drop_extras(losses, reply.extras, NAME)
    leftovers = by_place(reply.extras.get(NAME, {}))
    content = []
    for index, part in enumerate(parts):
        block = encode_part(part, losses)
        if block is not None:
            put_back(block, f"content[{index}]", leftovers)
            content.append(block)
    body: Json = {
        "id": reply.reply_id or context.reply_id,
        "type": "message",
        "role": "assistant",
        "model": reply.model or context.model,
        "content": content,
        "stop_reason": encode_stop_reason(finish),
        "stop_sequence": finish.stop_sequence,
        "usage": encode_usage(reply.usage, reply.service_tier),
    }
    return msgspec.json.encode({**leftovers.get("", {}), **body})


def encode_part(part: Part, losses: Losses) -> Json | None:
    """Write a part of an answer. None for what has no form here; then the loss is named."""
    name_part_losses(part, losses)
    match part:
        case Text():
            return _encode_text(part, losses)
        case Refusal(text=text):
            return {"type": "text", "text": text}
        case Thinking():
            return encode_thinking(part)
        case ToolCall():
            return {
                "type": "tool_use",
                "id": sealed_id(part),
                "name": part.name,
                "input": call_input(part.arguments, part.custom),
            }
        case Image(source=source):
            found = encode_source(source)
            if found is not None:
                return {"type": "image", "source": found}
            losses.dropped("reply.image", "uploaded to another vendor")
        case Audio(transcript=transcript) if transcript:
            return {"type": "text", "text": transcript}
        case Opaque(dialect=dialect, block=block) if dialect == NAME:
            return dict(block)
    return None


def name_part_losses(part: Part, losses: Losses) -> None:
    """Name what of a part there is no word for, beside its growing text."""
    match part:
        case Text(signature=signature) | Image(signature=signature) if signature is not None:
            losses.dropped("reply.signature", f"a proof of {signature.origin}")
        case Refusal():
            losses.changed("reply.refusal", "sent as text")
        case ToolCall(custom=custom, signature=signature):
            if custom:
                losses.changed("reply.tool_calls", "free text, sent as an object with `input`")
            if signature is not None and signature.origin == NAME:
                losses.dropped("reply.signature", "there is none on a call here")
        case Audio(transcript=transcript) if transcript:
            losses.changed("reply.audio", "sent as its transcript")
        case Audio():
            losses.dropped("reply.audio")
        case File():
            losses.dropped("reply.file")
        case ToolResult():
            losses.dropped("reply.tool_result")
        case Opaque(dialect=dialect) if dialect != NAME:
            drop_block(losses, part)


def call_input(arguments: str, custom: bool) -> Json:
    """Write a call's arguments as the object that `input` must be."""
    if custom:
        return {"input": arguments}
    found = arguments_object(arguments)
    return {"arguments": arguments} if found is None else found


def _encode_text(part: Text, losses: Losses) -> Json:
    block: Json = {"type": "text", "text": part.text}
    if citations := encode_citations(part.citations, losses):
        block["citations"] = citations
    return block


def encode_citations(citations: Iterable[Citation], losses: Losses) -> list[Json]:
    """Write the citations that have a form here; what they lose is named."""
    written: list[Json] = []
    for citation in citations:
        wire = encode_citation(citation)
        if wire is None:
            losses.dropped("reply.citations", "those without a link")
        else:
            written.append(wire)
            if citation.origin != NAME and citation.start is not None:
                losses.changed("reply.citations", "without their places in the text")
    change_citations(losses, citations, NAME)
    return written
