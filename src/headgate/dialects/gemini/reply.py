"""Whole replies, both directions.

Source: ai.google.dev/api/generate-content#GenerateContentResponse; `providers.md` 2.4
"""

from __future__ import annotations

import msgspec

from headgate.base.failure import Failure, FailureKind
from headgate.base.frames import Frame
from headgate.dialects.dialect import ReplyContext
from headgate.dialects.gemini.citations import encode_citations, moved
from headgate.dialects.gemini.errors import decode_error, failure_of
from headgate.dialects.gemini.finish import encode_finish, reason_word
from headgate.dialects.gemini.frames import WireReply, decode_reply_frame
from headgate.dialects.gemini.logprobs import encode_logprobs
from headgate.dialects.gemini.parts import encode_call, encode_source, own_signature
from headgate.dialects.gemini.stream import GeminiStreamDecoder
from headgate.dialects.gemini.usage import decode_usage, encode_usage
from headgate.ir.collect import collect
from headgate.ir.reply import Choice, Reply
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
        return _bad_reply("the upstream's reply has no candidates")
    return _empty(reply)


def inspect_first(frame: Frame) -> Failure | None:
    """Tell whether the first frame of a stream is the beginning of an answer."""
    reply, failure = _read(frame.data)
    if reply is None or failure is not None:
        return failure
    known = (reply.candidates, reply.prompt_feedback, reply.response_id, reply.model_version)
    if all(field is None for field in known):
        return _bad_reply("the upstream's first frame is not the beginning of a reply")
    return _empty(reply)


def _read(data: bytes) -> tuple[WireReply | None, Failure | None]:
    try:
        reply = decode_reply_frame(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        error = _listed_error(data)
        return None, error or _bad_reply(f"the upstream's reply cannot be read: {wrong}")
    if reply.error is None:
        return reply, None
    error = _listed_error(data)
    return None, error or _bad_reply("the upstream reported an error")


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
    return _bad_reply("the upstream's answer is empty")


def _bad_reply(message: str) -> Failure:
    return Failure(kind=FailureKind.UPSTREAM_BAD_REPLY, message=message)


# ------------------------------------------------------------------ IR -> caller


def encode_reply(reply: Reply, context: ReplyContext) -> bytes:
    """Write a whole reply for a caller."""
    wire: Json = {"candidates": [_candidate(choice) for choice in reply.choices]}
    if reply.usage is not None:
        wire["usageMetadata"] = encode_usage(reply.usage)
        if reply.service_tier:
            wire["usageMetadata"]["serviceTier"] = reply.service_tier
    wire["modelVersion"] = reply.model or context.model
    wire["responseId"] = reply.reply_id or context.reply_id
    return msgspec.json.encode(wire)


def _candidate(choice: Choice) -> Json:
    parts = [written for part in choice.parts if (written := encode_part(part)) is not None]
    wire: Json = {
        "content": {"parts": parts, "role": "model"},
        "finishReason": encode_finish(choice.finish),
        "index": choice.index,
    }
    if grounding := _grounding(choice):
        wire["groundingMetadata"] = grounding
    if choice.logprobs is not None:
        wire["logprobsResult"] = encode_logprobs(choice.logprobs)
    return wire


def _grounding(choice: Choice) -> Json | None:
    """Write the citations of all texts; Gemini counts from the first text on."""
    said = ""
    citations: list[Citation] = []
    for part in choice.parts:
        if isinstance(part, Text):
            citations.extend(moved(part.citations, len(said)))
            said += part.text
    return encode_citations(citations, said) if citations else None


def encode_part(part: Part) -> Json | None:
    """Write a part of a reply; None if a Gemini caller could not read it."""
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
            return _signed(written, own_signature(signature)) if isinstance(written, dict) else None
        case Audio(source=source) | File(source=source):
            written = encode_source(source, True, "application/octet-stream")
            return written if isinstance(written, dict) else None
        case Opaque(dialect="gemini", block=block):
            return block
    return None


def _signed(part: Json, signature: str | None) -> Json:
    return part | {"thoughtSignature": signature} if signature is not None else part
