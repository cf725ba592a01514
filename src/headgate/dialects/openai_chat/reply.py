"""Whole replies: `chat.completion` objects to the IR and back.

Source: platform.openai.com/docs/api-reference/chat/object; vendors' variants are in
`recordings.md` 5.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from headgate.base.failure import RelayError, bad_reply
from headgate.base.ids import new_id
from headgate.dialects.dialect import ReplyContext
from headgate.dialects.leftovers import restore
from headgate.dialects.lenient_json import (
    arguments_text,
    compact,
    objects_of,
    parsed_object,
    text_of,
)
from headgate.dialects.media import source_of_url, url_of_source
from headgate.dialects.openai_chat.errors import decode_error, failure_of
from headgate.dialects.openai_chat.finish import finish_of, finish_word, name_finish_losses
from headgate.dialects.openai_chat.leftovers import leftovers_of
from headgate.dialects.openai_chat.provenance import (
    NAME,
    extra_content_signature,
    reasoning_fields,
    signed_call_id,
    thinking_of,
)
from headgate.dialects.openai_chat.sources import sources_of, without_sources
from headgate.dialects.openai_chat.usage import encode_usage, usage_in
from headgate.ir.loss import Losses, change_citations, drop_block, drop_extras
from headgate.ir.reply import Choice, Reply
from headgate.ir.request import (
    Audio,
    Citation,
    File,
    Image,
    Inline,
    Json,
    Opaque,
    Part,
    Refusal,
    Remote,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Uploaded,
)

# ------------------------------------------------------------------------ decoding


def decode_reply(body: bytes) -> Reply:
    """Read a `chat.completion`.

    Errors: RelayError when it is no JSON object, has no choices, or is an error inside a 200.
    """
    wire = parsed_object(body)
    if wire is None:
        raise RelayError(bad_reply("the upstream's body is not a JSON object"))
    choices = wire.get("choices")
    if not isinstance(choices, list) or not choices:
        error = decode_error(wire)
        raise RelayError(failure_of(error) if error else bad_reply("the reply has no choices"))
    found = [_choice(choice) for choice in choices if isinstance(choice, dict)]
    left = leftovers_of(wire)
    if found and (cited := _cited(found[0], left)) is not None:
        found[0], left = cited, without_sources(left)
    return Reply(
        reply_id=text_of(wire.get("id")),
        model=text_of(wire.get("model")),
        choices=tuple(found),
        usage=usage_in(body),
        created=int(created) if isinstance(created := wire.get("created"), int | float) else 0,
        service_tier=text_of(wire.get("service_tier")) or None,
        system_fingerprint=text_of(wire.get("system_fingerprint")) or None,
        extras={NAME: left} if left else {},
    )


def _choice(wire: Json) -> Choice:
    message = wire.get("message")
    parts = _message_parts(message if isinstance(message, dict) else {})
    has_calls = any(isinstance(part, ToolCall) for part in parts)
    logprobs = wire.get("logprobs")
    says_logprobs = isinstance(logprobs, dict) and any(logprobs.values())
    index = wire.get("index")
    return Choice(
        index=index if isinstance(index, int) else 0,
        parts=tuple(parts),
        finish=finish_of(text_of(wire.get("finish_reason")), has_calls),
        logprobs=logprobs if says_logprobs else None,
    )


def _cited(choice: Choice, left: Json) -> Choice | None:
    """Give the sources that stand beside the choices to the last text; None without either."""
    known = {c.url for part in choice.parts if isinstance(part, Text) for c in part.citations}
    sources = sources_of(left, known)
    parts = _with_citations(list(choice.parts), sources)
    return msgspec.structs.replace(choice, parts=tuple(parts)) if parts != [*choice.parts] else None


def _message_parts(message: Json) -> list[Part]:
    """Read a message; empty values (Snowflake writes all of them) give nothing."""
    thinking = next(
        (
            text
            for name in ("reasoning_content", "reasoning")
            if (text := text_of(message.get(name)))
        ),
        "",
    )
    parts: list[Part] = list(thinking_of(thinking, objects_of(message.get("reasoning_details"))))
    content = content_parts(message.get("content"))
    citations = tuple(citation_of(note) for note in objects_of(message.get("annotations")))
    parts += _with_citations(content, citations)
    if refusal := text_of(message.get("refusal")):
        parts.append(Refusal(text=refusal))
    audio = message.get("audio")
    if isinstance(audio, dict) and (audio.get("data") or audio.get("id")):
        parts.append(audio_of(audio))
    parts += [image for block in objects_of(message.get("images")) if (image := image_of(block))]
    parts += [call for wire in objects_of(message.get("tool_calls")) if (call := call_of(wire))]
    legacy = message.get("function_call")
    if isinstance(legacy, dict) and legacy.get("name"):
        parts.append(_function_call(legacy, ""))
    return parts


def content_parts(content: object) -> list[Part]:
    """Read `content`: text, a list of blocks (Mistral, Databricks), or an object (Cloudflare)."""
    if isinstance(content, dict):
        return [Text(text=compact(content))]
    if not isinstance(content, list):
        text = text_of(content)
        return [Text(text=text)] if text else []
    return [part for block in objects_of(content) if (part := _block(block)) is not None]


def _block(block: Json) -> Part | None:
    match block:
        case {"type": "text", "text": str(text)}:
            return Text(text=text) if text else None
        case {"type": "thinking", "thinking": thinking}:
            text = _joined_texts(thinking)
            return Thinking(text=text) if text else None
        case {"type": "reasoning", "summary": summary}:
            text = _joined_texts(summary)
            return Thinking(text=text) if text else None
        case {"type": "image_url"}:
            return image_of(block)
        case _:
            return Opaque(dialect=NAME, block=block)


def _joined_texts(value: object) -> str:
    if isinstance(value, str):
        return value
    return "".join(text_of(block.get("text")) for block in objects_of(value))


def _with_citations(parts: list[Part], citations: tuple[Citation, ...]) -> list[Part]:
    """Give the annotations to the last text."""
    for index in range(len(parts) - 1, -1, -1):
        part = parts[index]
        if isinstance(part, Text) and citations:
            parts[index] = Text(text=part.text, citations=part.citations + citations)
            break
    return parts


def citation_of(annotation: Json) -> Citation:
    """Read an entry of `annotations`."""
    found = annotation.get("url_citation")
    link: Mapping[str, Any] = found if isinstance(found, dict) else {}
    start, end = link.get("start_index"), link.get("end_index")
    return Citation(
        url=text_of(link.get("url")),
        title=text_of(link.get("title")),
        cited_text=text_of(link.get("content")),
        start=start if isinstance(start, int) else None,
        end=end if isinstance(end, int) else None,
        origin=NAME,
        native=annotation,
    )


def audio_of(wire: Json) -> Audio:
    """Read `audio`. Its format is the one that the request asked for; the reply does not say it."""
    expires_at = wire.get("expires_at")
    return Audio(
        source=Inline("", text_of(wire.get("data"))),
        transcript=text_of(wire.get("transcript")),
        audio_id=text_of(wire.get("id")),
        expires_at=expires_at if isinstance(expires_at, int) and expires_at else None,
    )


def image_of(block: Json) -> Image | None:
    """Read an `image_url` block of a reply."""
    match block.get("image_url"):
        case {"url": str(url)} if url:
            return Image(source=source_of_url(url))
        case str(url) if url:
            return Image(source=source_of_url(url))
    return None


def call_of(wire: Json) -> ToolCall | None:
    """Read an entry of `tool_calls`."""
    call_id = text_of(wire.get("id"))
    custom = wire.get("custom")
    if isinstance(custom, dict) and custom.get("name"):
        return ToolCall(
            call_id=call_id or new_id("call_"),
            name=text_of(custom["name"]),
            arguments=text_of(custom.get("input")),
            custom=True,
        )
    function = wire.get("function")
    if not isinstance(function, dict):
        return None
    call = _function_call(function, call_id)
    signature = extra_content_signature(wire.get("extra_content"))
    return msgspec.structs.replace(call, signature=signature)


def _function_call(function: Json, call_id: str) -> ToolCall:
    return ToolCall(
        call_id=call_id or new_id("call_"),
        name=text_of(function.get("name")),
        arguments=arguments_text(function.get("arguments")),
    )


# ------------------------------------------------------------------------ encoding


def encode_reply(reply: Reply, context: ReplyContext) -> bytes:
    """Write a `chat.completion`."""
    wire: Json = {
        "id": shown_id(reply.reply_id or context.reply_id),
        "object": "chat.completion",
        "created": reply.created or context.created,
        "model": reply.model or context.model,
        "choices": [_encode_choice(choice, context.losses) for choice in reply.choices],
    }
    drop_extras(context.losses, reply.extras, NAME)
    if reply.usage is not None:
        wire["usage"] = encode_usage(reply.usage)
    if reply.service_tier is not None:
        wire["service_tier"] = reply.service_tier
    if reply.system_fingerprint is not None:
        wire["system_fingerprint"] = reply.system_fingerprint
    restore(wire, {NAME: reply.extras.get(NAME, {})}, NAME, context.losses, "reply")
    return msgspec.json.encode(wire)


def shown_id(reply_id: str) -> str:
    """Give a reply's id the look that OpenAI's clients know, keeping the upstream's in it."""
    return reply_id if reply_id.startswith("chatcmpl") else f"chatcmpl-{reply_id}"


def _encode_choice(choice: Choice, losses: Losses) -> Json:
    name_finish_losses(choice.finish, losses)
    return {
        "index": choice.index,
        "message": _encode_message(choice.parts, losses),
        "logprobs": choice.logprobs,
        "finish_reason": finish_word(choice.finish),
    }


def _encode_message(parts: Iterable[Part], losses: Losses) -> Json:
    texts: list[str] = []
    thinking: list[Thinking] = []
    message: Json = {"role": "assistant", "content": None, "refusal": None}
    for part in parts:
        name_part_losses(part, losses)
        match part:
            case Text(text=text, citations=citations):
                texts.append(text)
                if notes := annotations_of(citations, losses):
                    message.setdefault("annotations", []).extend(notes)
            case Thinking():
                thinking.append(part)
            case Refusal(text=text):
                message["refusal"] = (message["refusal"] or "") + text
            case ToolCall():
                message.setdefault("tool_calls", []).append(encode_call(part))
            case Image(source=(Inline() | Remote()) as source):
                images = message.setdefault("images", [])
                images.append(encode_image(url_of_source(source), len(images)))
            case Audio() if "audio" in message:
                losses.dropped("reply.audio", "all but the first")
            case Audio():
                message["audio"] = encode_audio(part)
            case _:
                pass  # named already
    if texts:
        message["content"] = "".join(texts)
    return message | reasoning_fields(thinking)


def name_part_losses(part: Part, losses: Losses) -> None:
    """Name what of a part a message has no place for, beside its growing text."""
    match part:
        case Text(signature=Signature() as signature) | Image(signature=Signature() as signature):
            losses.dropped("reply.signature", f"a proof of {signature.origin}")
        case ToolCall(signature=Signature(origin=origin)) if origin != "gemini":
            losses.dropped("reply.signature", f"a proof of {origin}")
        case Image(source=Uploaded()):
            losses.dropped("reply.image", "uploaded to another vendor")
        case Audio(source=(Remote() | Uploaded())):
            losses.changed("reply.audio", "there is no place for a link to it")
        case File():
            losses.dropped("reply.file")
        case ToolResult():
            losses.dropped("reply.tool_result")
        case Opaque():
            drop_block(losses, part)


def encode_call(call: ToolCall) -> Json:
    """Write an entry of `tool_calls`."""
    call_id = signed_call_id(call)
    if call.custom:
        custom = {"name": call.name, "input": call.arguments}
        return {"id": call_id, "type": "custom", "custom": custom}
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call_id, "type": "function", "function": function}


def annotations_of(citations: Iterable[Citation], losses: Losses) -> list[Json]:
    """Write `annotations`; what has no form here is named."""
    notes = []
    for citation in citations:
        note = _annotation_of(citation)
        if note is None:
            losses.dropped("reply.citations", "those without a link")
            continue
        notes.append(note)
        if citation.origin != NAME and citation.cited_text:
            losses.changed("reply.citations", "without the words that are cited")
    change_citations(losses, citations, NAME)
    return notes


def _annotation_of(citation: Citation) -> Json | None:
    """Write an entry of `annotations`; it has no form for a citation without a link: None."""
    if citation.native is not None and citation.origin == NAME:
        return citation.native
    if not citation.url:
        return None
    link: Json = {"url": citation.url, "title": citation.title}
    link["start_index"] = citation.start if citation.start is not None else 0
    link["end_index"] = citation.end if citation.end is not None else 0
    return {"type": "url_citation", "url_citation": link}


def encode_image(url: str, index: int) -> Json:
    """Write a picture of a reply, in OpenRouter's form: OpenAI's own has no place for one."""
    return {"type": "image_url", "image_url": {"url": url}, "index": index}


def encode_audio(audio: Audio) -> Json:
    """Write `audio`."""
    data = audio.source.data if isinstance(audio.source, Inline) else ""
    return {
        "id": audio.audio_id,
        "data": data,
        "transcript": audio.transcript,
        "expires_at": audio.expires_at or 0,  # the SDKs expect a number
    }
