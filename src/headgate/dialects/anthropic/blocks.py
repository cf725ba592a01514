"""Content blocks of the Messages API and parts of the IR: what requests and replies share.

Source: platform.claude.com/docs/en/api/messages (content blocks); `providers.md` 2.3.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

from headgate.dialects.anthropic.models import NAME
from headgate.dialects.leftovers import Leftovers
from headgate.dialects.lenient_json import compact
from headgate.dialects.media import plain_text
from headgate.dialects.seals import ENVELOPE, opened, packed, sealed, unpacked
from headgate.dialects.strict_json import Reader
from headgate.ir.request import (
    CacheMark,
    Citation,
    File,
    Image,
    Inline,
    Json,
    Opaque,
    Part,
    Remote,
    Signature,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Uploaded,
)

# A call's id has another vendor's proof inside, where that vendor wants it back.
_SIGNED_ID = re.compile(r"(.*)__hg1__([a-z_]+)__([A-Za-z0-9_-]+)", re.DOTALL)
_CITED_URL = "web_search_result_location"
_NESTED = ("source", "citations", "cache_control")


def decode_block(value: Any, place: str, leftovers: Leftovers) -> Part:
    """Read one content block; what we have no word for becomes `Opaque`, whole.

    Errors: RelayError INVALID_REQUEST on a wrong type, with the place.
    """
    reader = Reader(value, place)
    decode = _DECODERS.get(str(reader.rest.pop("type", "")))
    kept = Leftovers(leftovers.root, leftovers.named)
    part = None if decode is None else decode(reader, kept)
    if part is None:
        return Opaque(dialect=NAME, block=dict(value))
    kept.add(place, reader.rest)
    leftovers.found.update(kept.found)
    return part


def _text(reader: Reader, kept: Leftovers) -> Part:
    return Text(
        text=reader.text("text") or "",
        cache=decode_cache(reader, kept),
        citations=tuple(
            decode_citation(native)
            for native in reader.items("citations")
            if isinstance(native, dict)
        ),
    )


def _image(reader: Reader, kept: Leftovers) -> Part | None:
    source = _decode_source(reader, kept)
    if source is None:
        return None
    return Image(source=source, cache=decode_cache(reader, kept))


def _document(reader: Reader, kept: Leftovers) -> Part | None:
    source = _decode_source(reader, kept)
    if source is None:
        return None
    citations = reader.reader("citations")
    enabled = citations is not None and bool(citations.flag("enabled"))
    if citations is not None:
        kept.add(citations.place, citations.rest)
    return File(
        source=source,
        name=reader.text("title") or "",
        cache=decode_cache(reader, kept),
        citations_enabled=enabled,
    )


def _thinking(reader: Reader, _kept: Leftovers) -> Part:
    signature = decode_signature(reader.text("signature") or "")
    return Thinking(text=reader.text("thinking") or "", signature=signature)


def _redacted_thinking(reader: Reader, _kept: Leftovers) -> Part:
    return Thinking(redacted=True, signature=decode_signature(reader.text("data") or ""))


def _tool_use(reader: Reader, kept: Leftovers) -> Part:
    arguments = reader.rest.pop("input", None)
    call_id, signature = opened_id(reader.text("id") or "")
    return ToolCall(
        call_id=call_id,
        name=reader.required_text("name"),
        arguments=compact({} if arguments is None else arguments),
        signature=signature,
        cache=decode_cache(reader, kept),
    )


def _tool_result(reader: Reader, kept: Leftovers) -> Part:
    content = reader.rest.pop("content", None)
    parts: list[Text | Image | File | Opaque] = []
    if isinstance(content, str):
        parts = [Text(text=content)] if content else []
    elif content is not None:
        reader.rest["content"] = content
        for index, block in enumerate(reader.items("content")):
            part = decode_block(block, f"{reader.place}.content[{index}]", kept)
            parts.append(part if _fits_result(part) else Opaque(dialect=NAME, block=block))
    return ToolResult(
        call_id=opened_id(reader.required_text("tool_use_id"))[0],
        content=tuple(parts),
        is_error=bool(reader.flag("is_error")),
        cache=decode_cache(reader, kept),
    )


_DECODERS: dict[str, Callable[[Reader, Leftovers], Part | None]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "thinking": _thinking,
    "redacted_thinking": _redacted_thinking,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
}


def decode_cache(reader: Reader, kept: Leftovers) -> CacheMark | None:
    """Take `cache_control`."""
    mark = reader.reader("cache_control")
    if mark is None:
        return None
    mark.rest.pop("type", None)  # "ephemeral" is the only one
    ttl = mark.text("ttl")
    kept.add(mark.place, mark.rest)
    return CacheMark(ttl)


def encode_cache(mark: CacheMark) -> Json:
    """Write `cache_control`."""
    return {"type": "ephemeral"} if mark.ttl is None else {"type": "ephemeral", "ttl": mark.ttl}


def decode_citation(native: Json) -> Citation:
    """Read one citation; offsets are into the document cited, not into our text, so not kept."""
    return Citation(
        url=str(native.get("url") or ""),
        title=str(native.get("title") or native.get("document_title") or ""),
        cited_text=str(native.get("cited_text") or ""),
        origin=NAME,
        native=native,
    )


def encode_citation(citation: Citation) -> Json | None:
    """Write a citation. None if this dialect has no form for it."""
    if citation.origin == NAME and citation.native is not None:
        return citation.native
    if not citation.url:
        return None
    return {
        "type": _CITED_URL,
        "url": citation.url,
        "title": citation.title,
        "cited_text": citation.cited_text,
        "encrypted_index": "",
    }


def encode_signature(signature: Signature | None, *, redacted: bool = False) -> str:
    """Write a proof as a signature of this dialect, whoever made it."""
    if signature is None:
        return ""
    if signature.origin == NAME:
        return signature.value
    return sealed("redacted" if redacted else "thinking", signature)


def decode_signature(text: str) -> Signature | None:
    """Read a signature back: whose is it? An empty one, or a broken envelope, proves nothing."""
    if text.startswith(ENVELOPE):
        seal = opened(text)
        return None if seal is None else seal.signature
    return Signature(NAME, text) if text else None


def sealed_id(call: ToolCall) -> str:
    """Write a call's id with the proof inside that another vendor wants back (Gemini does)."""
    if call.signature is None or call.signature.origin == NAME:
        return call.call_id
    value = packed(call.signature.value)
    return f"{call.call_id}__hg1__{call.signature.origin}__{value}"


def opened_id(text: str) -> tuple[str, Signature | None]:
    """Take an id and the proof inside it apart."""
    found = _SIGNED_ID.fullmatch(text)
    if found is None:
        return text, None
    call_id, origin, value = found[1], found[2], unpacked(found[3])
    return (text, None) if value is None else (call_id, Signature(origin, value))


def encode_thinking(part: Thinking) -> Json:
    """Write a thinking block."""
    if part.redacted:
        return {
            "type": "redacted_thinking",
            "data": encode_signature(part.signature, redacted=True),
        }
    return {
        "type": "thinking",
        "thinking": part.text,
        "signature": encode_signature(part.signature),
    }


def encode_source(source: Source) -> Json | None:
    """Write where media come from. None for a place that this dialect cannot read."""
    match source:
        case Inline(media_type=media_type, data=data):
            return {"type": "base64", "media_type": media_type, "data": data}
        case Remote(url=url) if url.startswith(("https://", "http://")):
            return {"type": "url", "url": url}
        case Uploaded(file_id=file_id, dialect=dialect) if dialect == NAME:
            return {"type": "file", "file_id": file_id}
    return None


def encode_document_source(source: Source) -> Json | None:
    """Write where a document comes from; plain texts go as text. None if it cannot be read."""
    if not isinstance(source, Inline) or source.media_type == "application/pdf":
        return encode_source(source)
    text = plain_text(source)
    return None if text is None else {"type": "text", "media_type": "text/plain", "data": text}


def put_back(block: Json, place: str, leftovers: Mapping[str, Json]) -> None:
    """Give a block the fields that its decoder had no word for."""
    for key, value in leftovers.get(place, {}).items():
        block.setdefault(key, value)
    for name in _NESTED:
        more = leftovers.get(f"{place}.{name}")
        if more:
            block[name] = {**more, **(block.get(name) or {})}


def _decode_source(reader: Reader, kept: Leftovers) -> Source | None:
    """Take `source`; None for a form that we have no word for."""
    source = reader.reader("source")
    if source is None:
        return None
    found: Source
    match source.text("type"):
        case "base64":
            found = Inline(source.required_text("media_type"), source.required_text("data"))
        case "text":
            media_type = source.text("media_type") or "text/plain"
            data = base64.b64encode(source.required_text("data").encode()).decode()
            found = Inline(media_type, data)
        case "url":
            found = Remote(source.required_text("url"))
        case "file":
            found = Uploaded(source.required_text("file_id"), NAME)
        case _:
            return None
    kept.add(source.place, source.rest)
    return found


def _fits_result(part: Part) -> TypeGuard[Text | Image | File | Opaque]:
    return isinstance(part, Text | Image | File | Opaque)
