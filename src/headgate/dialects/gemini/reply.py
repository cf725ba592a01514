"""Whole replies, both directions.

Source: ai.google.dev/api/generate-content#GenerateContentResponse; `providers.md` 2.4
"""

from __future__ import annotations

import re

import msgspec

from headgate.base.failure import Failure, bad_reply
from headgate.base.frames import Frame
from headgate.dialects.dialect import ReplyContext
from headgate.dialects.gemini.citations import encode_citations, moved
from headgate.dialects.gemini.errors import decode_error, failure_of
from headgate.dialects.gemini.finish import encode_finish, reason_word
from headgate.dialects.gemini.frames import WireReply, decode_reply_frame
from headgate.dialects.gemini.logprobs import encode_logprobs
from headgate.dialects.gemini.parts import (
    encode_call,
    encode_source,
    is_json_object,
    own_signature,
)
from headgate.dialects.gemini.stream import GeminiStreamDecoder
from headgate.dialects.gemini.usage import decode_usage, encode_usage
from headgate.dialects.gemini.wire import NAME
from headgate.ir.collect import collect
from headgate.ir.loss import Losses, change_citations, drop_block, drop_counts, drop_extras
from headgate.ir.reply import Choice, Finish, Reply
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
from headgate.ir.usage import Usage

# ------------------------------------------------------------------ upstream -> IR


def decode_reply(body: bytes) -> Reply:
    """Read a whole reply: a stream of one frame.

    Errors: RelayError UPSTREAM_BAD_REPLY, or the failure that the body reports.
    """
    decoder = GeminiStreamDecoder(whole=True)
    return collect([*decoder.feed(Frame(body)), *decoder.end()])


def read_usage(body: bytes) -> Usage | None:
    """Read the usage of a whole reply; None if it tells none."""
    try:
        usage = msgspec.json.decode(decode_reply_frame(body).usage_metadata)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return decode_usage(usage) if isinstance(usage, dict) and usage else None


def inspect_reply(body: bytes) -> Failure | None:
    """Tell whether a whole body is an answer.

    An error, something else than a reply, and an answer without any part are failures; but not
    where the limit or a filter left nothing, and not a blocked prompt.
    """
    reply, failure = _read(body)
    if reply is None or failure is not None:
        return failure
    if reply.candidates is None:
        if reply.prompt_feedback is not None:
            return None
        return bad_reply("the upstream's reply has no candidates")
    return _empty(reply)


def inspect_first(frame: Frame) -> Failure | None:
    """Tell whether the first frame of a stream is the beginning of an answer."""
    reply, failure = _read(frame.data)
    if reply is None or failure is not None:
        return failure
    known = (reply.candidates, reply.prompt_feedback, reply.response_id, reply.model_version)
    if all(field is None for field in known):
        return bad_reply("the upstream's first frame is not the beginning of a reply")
    return _empty(reply)


def _read(data: bytes) -> tuple[WireReply | None, Failure | None]:
    try:
        reply = decode_reply_frame(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        error = _listed_error(data)
        return None, error or bad_reply(f"the upstream's reply cannot be read: {wrong}")
    if reply.error is None:
        return reply, None
    error = _listed_error(data)
    return None, error or bad_reply("the upstream reported an error")


def _listed_error(data: bytes) -> Failure | None:
    """Find an error object, alone or in the list that a stream without `alt=sse` is."""
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    error = decode_error(value) if isinstance(value, dict | list) else None
    return failure_of(error) if error is not None else None


def _empty(reply: WireReply) -> Failure | None:
    """Find an answer that ended, for no good reason, before it began."""
    for candidate in reply.candidates or ():
        reason = reason_word(candidate.finish_reason)
        parts = candidate.content.parts if candidate.content is not None else None
        if parts or reason not in {"STOP", "OTHER", "MALFORMED_RESPONSE"}:
            return None
    if not reply.candidates:
        return None
    return bad_reply("the upstream's answer is empty")


# ------------------------------------------------------------------ IR -> caller


def encode_reply(reply: Reply, context: ReplyContext) -> bytes:
    """Write a whole reply for a caller."""
    losses = context.losses
    wire: Json = {"candidates": [_candidate(choice, losses) for choice in reply.choices]}
    drop_counts(losses, reply.usage, UNSAID_COUNTS)
    drop_extras(losses, reply.extras, NAME)
    if reply.usage is None and reply.service_tier:
        losses.dropped("reply.service_tier", "told beside usage only")
    if reply.usage is not None:
        wire["usageMetadata"] = encode_usage(reply.usage)
        if reply.service_tier:
            wire["usageMetadata"]["serviceTier"] = reply.service_tier
    wire["modelVersion"] = reply.model or context.model
    wire["responseId"] = reply.reply_id or context.reply_id
    restore(wire, reply.extras.get(NAME, {}))
    return msgspec.json.encode(wire)


_OF_CANDIDATE = re.compile(r"candidates\[(\d+)\]\.(groundingMetadata\.)?([^.]+)")


def restore(wire: Json, left: Json) -> None:
    """Put back what a reply of this very dialect said beside what is read."""
    by_index = {candidate["index"]: candidate for candidate in wire["candidates"]}
    for path, value in left.items():
        found = _OF_CANDIDATE.fullmatch(path)
        holder = by_index.get(int(found[1])) if found is not None else wire
        if found is not None and found[2] and holder is not None:
            holder = holder.setdefault("groundingMetadata", {})
        if holder is not None:
            holder[path if found is None else found[3]] = value


def _candidate(choice: Choice, losses: Losses) -> Json:
    parts = [encode_part(part, losses) for part in choice.parts]
    name_finish_losses(choice.finish, losses)
    wire: Json = {
        "content": {"parts": [part for part in parts if part is not None], "role": "model"},
        "finishReason": encode_finish(choice.finish),
        "index": choice.index,
    }
    if grounding := _grounding(choice, losses):
        wire["groundingMetadata"] = grounding
    if choice.logprobs is not None:
        name_logprob_losses(choice.logprobs, losses)
        wire["logprobsResult"] = encode_logprobs(choice.logprobs)
    return wire


def _grounding(choice: Choice, losses: Losses) -> Json | None:
    """Write the citations of all texts; Gemini counts from the first text on."""
    said = ""
    citations: list[Citation] = []
    for part in choice.parts:
        if isinstance(part, Text):
            citations.extend(moved(part.citations, len(said)))
            said += part.text
    change_citations(losses, citations, own="")
    return encode_citations(citations, said) if citations else None


# Counts that `usageMetadata` has no word for: what was newly cached is in the prompt's.
UNSAID_COUNTS = ("cache_write", "cache_write_1h", "web_searches")


def name_finish_losses(finish: Finish, losses: Losses) -> None:
    """Name what a finish reason does not say."""
    if finish.stop_sequence is not None:
        losses.dropped("reply.stop_sequence")
    if finish.reason in ("context_full", "pause"):
        losses.changed("reply.finish_reason", f"{finish.reason} has no word here")


def name_logprob_losses(logprobs: Json, losses: Losses) -> None:
    """Name log probabilities of what is no text."""
    if logprobs.get("refusal"):
        losses.dropped("reply.logprobs", "of a refusal")


def name_part_losses(part: Part, losses: Losses) -> None:
    """Name what of a part has no word here, beside its growing text."""
    match part:
        case Thinking(redacted=True):
            losses.dropped("reply.thinking", "hidden reasoning of another vendor")
        case Text() | Thinking() | ToolCall() | Image() if part.signature is not None:
            if part.signature.origin != NAME:
                losses.dropped("reply.signature", f"a proof of {part.signature.origin}")
    match part:
        case Refusal():
            losses.changed("reply.refusal", "sent as text")
        case ToolCall() if part.custom or not is_json_object(part.arguments):
            losses.changed("reply.tool_calls", "free text, sent as an object with `input`")
        case Audio() if part.transcript or part.audio_id or part.expires_at is not None:
            losses.changed("reply.audio", "the sound alone")
        case File(name=name) if name:
            losses.dropped("reply.file.name")
        case ToolResult():
            losses.dropped("reply.tool_result")
        case Opaque(dialect=dialect) if dialect != NAME:
            drop_block(losses, part)


def encode_part(part: Part, losses: Losses) -> Json | None:
    """Write a part of a reply; None if a Gemini caller could not read it. Losses are named."""
    name_part_losses(part, losses)
    match part:
        case Text(text=text, signature=signature):
            return _signed({"text": text}, own_signature(signature))
        case Thinking(text=text, signature=signature, redacted=False):
            return _signed({"text": text, "thought": True}, own_signature(signature))
        case Refusal(text=text):
            return {"text": text}
        case ToolCall():
            return encode_call(part)
        case Image(source=source, signature=signature):
            written = encode_source(source, True, "image/png")
            if isinstance(written, dict):
                return _signed(written, own_signature(signature))
            losses.dropped("reply.image", written)
        case Audio(source=source) | File(source=source):
            written = encode_source(source, True, "application/octet-stream")
            if isinstance(written, dict):
                return written
            losses.dropped("reply.audio" if isinstance(part, Audio) else "reply.file", written)
        case Opaque(dialect="gemini", block=block):
            return block
    return None


def _signed(part: Json, signature: str | None) -> Json:
    return part | {"thoughtSignature": signature} if signature is not None else part
