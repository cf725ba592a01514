"""Content blocks for an upstream, written from the parts of a turn.

A block is one key: `{"text": ...}`, `{"image": {...}}`. Media travel as base64 or lie on S3; no
other address is read.

Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html;
`providers.md` 4.1 and 5.1.
"""

from __future__ import annotations

import re
import zlib

from headgate.dialects.bedrock_converse.models import ModelRules
from headgate.dialects.bedrock_converse.wire import CLAUDE, NAME, encode_redacted
from headgate.dialects.lenient_json import arguments_object
from headgate.ir.loss import Losses
from headgate.ir.request import (
    Audio,
    CacheMark,
    File,
    Image,
    Inline,
    Json,
    Opaque,
    Part,
    Refusal,
    Remote,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)

LONGEST_NAME = 64
_LONGEST_ID = 64
_LONGEST_TITLE = 200
_NO_OUTPUT = "(no output)"  # a blank text is refused, and so is a result without any content
_BAD_IN_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_BAD_IN_ID = re.compile(r"[^a-zA-Z0-9_.:-]")
_BAD_IN_TITLE = re.compile(r"[^a-zA-Z0-9\s()\[\]-]")
_BLANKS = re.compile(r"\s+")
_TTLS = frozenset([None, "5m", "1h"])

_IMAGES = {"png": "png", "jpeg": "jpeg", "jpg": "jpeg", "gif": "gif", "webp": "webp"}
_VIDEOS = {
    **{name: name for name in ("mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv")},
    "x-matroska": "mkv",
    "quicktime": "mov",
    "x-flv": "flv",
    "x-ms-wmv": "wmv",
    "3gpp": "three_gp",
    "3gp": "three_gp",
}
_SOUNDS = {
    **{name: name for name in ("mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "webm", "m4a")},
    "mpeg": "mp3",
    "x-wav": "wav",
    "wave": "wav",
    "x-m4a": "m4a",
    "x-matroska": "mka",
    "pcm": "pcm",
    "pcm16": "pcm",
    "l16": "pcm",
}
_DOCUMENTS = {
    **{name: name for name in ("pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md")},
    "application/pdf": "pdf",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/csv": "csv",
    "text/html": "html",
    "text/markdown": "md",
}


class BlockWriter:
    """Writes the blocks of one request, whose documents must all have names of their own."""

    def __init__(self, rules: ModelRules, losses: Losses) -> None:
        self._rules = rules
        self._losses = losses
        self._titles: set[str] = set()

    def blocks(self, part: Part, role: str, place: str) -> list[Json]:
        """Write a part: a block, and a cache point if one is wanted. Names what is not sent."""
        block = self._block(part, role, place)
        if block is None:
            return []
        cache = part.cache if isinstance(part, Text | Image | File | ToolCall) else None
        return [block, *self.cache_points(cache, place)]

    def drop(self, place: str, note: str) -> None:
        """Name something that is not sent."""
        self._losses.dropped(place, note)

    def result(self, part: ToolResult, place: str) -> list[Json]:
        """Write what a tool answered."""
        content: list[Json] = []
        cache = part.cache
        for index, inner in enumerate(part.content):
            here = f"{place}.content[{index}]"
            if isinstance(inner, Audio):
                self._losses.dropped(here, "sound in a tool's result")
                continue
            block = self._block(inner, "tool", here)
            if block is not None:
                content.append(block)
            if not isinstance(inner, Opaque) and inner.cache is not None:
                self._losses.changed(f"{here}.cache_control", "set after the whole result")
                cache = cache or inner.cache
        if not content:
            content.append({"text": _NO_OUTPUT})
        result: Json = {"toolUseId": call_id(part.call_id), "content": content}
        if part.is_error and self._rules.tool_status:
            result["status"] = "error"
        elif part.is_error:
            self._losses.dropped(f"{place}.is_error", "this model knows no failed results")
        return [{"toolResult": result}, *self.cache_points(cache, place)]

    def cache_points(
        self, mark: CacheMark | None, place: str, *, tools: bool = False
    ) -> list[Json]:
        """Write a cache mark as the block that follows what it marks."""
        if mark is None:
            return []
        field = f"{place}.cache_control".removeprefix(".")
        if not (self._rules.cache_tools if tools else self._rules.cache):
            self._losses.dropped(field, "this model caches on its own or never")
            return []
        if mark.ttl not in _TTLS:
            self._losses.dropped(f"{field}.ttl")
            return [{"cachePoint": {"type": "default"}}]
        ttl = {} if mark.ttl is None else {"ttl": mark.ttl}
        return [{"cachePoint": {"type": "default", **ttl}}]

    def _block(self, part: Part, role: str, place: str) -> Json | None:
        """Write one part. None if it is not sent; then the loss is named."""
        match part:
            case Text():
                return self._text(part, place)
            case Opaque(dialect=dialect, block=block) if dialect == NAME:
                return dict(block)
            case Refusal(text=text) if text.strip():
                self._losses.changed(place, "a refusal, sent as text")
                return {"text": text}
            case Audio(transcript=transcript) if role == "assistant" and transcript.strip():
                self._losses.changed(place, "audio, sent as its transcript")
                return {"text": transcript}
            case Thinking() if role == "assistant":
                return self._thinking(part, place)
            case ToolCall() if role == "assistant":
                return self._tool_use(part, place)
            case Image() if role in ("user", "tool"):
                return self._image(part, place)
            case File() if role in ("user", "tool"):
                return self._file(part, place)
            case Audio() if role == "user":
                return self._audio(part, place)
        self._losses.dropped(place, f"no such part in a message of role {role}")
        return None

    def _text(self, part: Text, place: str) -> Json | None:
        if part.signature is not None:
            self._losses.dropped(f"{place}.signature", "a proof for another vendor")
        if not part.text.strip():
            if part.text:
                self._losses.dropped(place, "a text of blanks only is refused")
            return None
        citations = [c.native for c in part.citations if c.origin == NAME and c.native is not None]
        if len(citations) < len(part.citations):
            self._losses.dropped(f"{place}.citations")
        if not citations:
            return {"text": part.text}
        return {"citationsContent": {"content": [{"text": part.text}], "citations": citations}}

    def _thinking(self, part: Thinking, place: str) -> Json | None:
        """Only a proof of the same vendor makes reasoning welcome; elsewhere it is refused."""
        signature = part.signature
        known = (CLAUDE, NAME) if self._rules.claudes_proofs else (NAME,)
        if signature is None or signature.origin not in known:
            self._losses.dropped(place, "thinking that this vendor has not signed")
            return None
        if part.redacted:
            return {"reasoningContent": {"redactedContent": encode_redacted(signature)}}
        text = {"text": part.text, "signature": signature.value}
        return {"reasoningContent": {"reasoningText": text}}

    def _tool_use(self, part: ToolCall, place: str) -> Json:
        arguments = arguments_object(part.arguments)
        if arguments is None:
            arguments = {"arguments": part.arguments}
            self._losses.changed(place, "the arguments are not a JSON object; sent inside one")
        name = part.name
        if not acceptable_name(name):
            name = _BAD_IN_NAME.sub("_", name)[:LONGEST_NAME] or "_"
            self._losses.changed(f"{place}.name", f"sent as {name}")
        if part.signature is not None:
            self._losses.dropped(f"{place}.signature", "a proof for another vendor")
        use = {"toolUseId": call_id(part.call_id), "name": name, "input": arguments}
        return {"toolUse": use}

    def _image(self, part: Image, place: str) -> Json | None:
        if part.detail not in (None, "auto"):
            self._losses.dropped(f"{place}.image_url.detail")
        if part.signature is not None:
            self._losses.dropped(f"{place}.signature", "a proof for another vendor")
        kind, _, subtype = media_type_of(part.source).partition("/")
        form = _IMAGES.get(subtype) if kind == "image" else None
        source = encode_source(part.source)
        if form is None or source is None:
            self._losses.dropped(place, "an image of a type or from a place that is not read")
            return None
        return {"image": {"format": form, "source": source}}

    def _audio(self, part: Audio, place: str) -> Json | None:
        kind, _, subtype = media_type_of(part.source).partition("/")
        form = _SOUNDS.get(subtype) if kind == "audio" else None
        source = encode_source(part.source)
        if form is None or source is None:
            self._losses.dropped(place, "sound of a type or from a place that is not read")
            return None
        return {"audio": {"format": form, "source": source}}

    def _file(self, part: File, place: str) -> Json | None:
        media_type = media_type_of(part.source)
        source = encode_source(part.source)
        kind, _, subtype = media_type.partition("/")
        if source is not None and kind == "video" and subtype in _VIDEOS:
            if part.name:
                self._losses.dropped(f"{place}.name", "videos have none")
            return {"video": {"format": _VIDEOS[subtype], "source": source}}
        form = _DOCUMENTS.get(media_type) or ("txt" if kind == "text" else None)
        if source is None or form is None:
            self._losses.dropped(place, "a file of a type or from a place that is not read")
            return None
        document: Json = {"format": form, "name": self._title(part.name, place), "source": source}
        if part.citations_enabled:
            document["citations"] = {"enabled": True}
        return {"document": document}

    def _title(self, name: str, place: str) -> str:
        """Name a document in the letters that are taken, each by its own name."""
        cleaned = _BLANKS.sub(" ", _BAD_IN_TITLE.sub("-", name)).strip()[:_LONGEST_TITLE]
        title = cleaned or "document"
        number = 1
        while title in self._titles:
            number += 1
            title = f"{(cleaned or 'document')[: _LONGEST_TITLE - 8]} ({number})"
        self._titles.add(title)
        if name and title != name:
            self._losses.changed(f"{place}.name", f"sent as {title}")
        return title


def acceptable_name(name: str) -> bool:
    """Tell whether the API takes a tool's name."""
    return 0 < len(name) <= LONGEST_NAME and not _BAD_IN_NAME.search(name)


def call_id(text: str) -> str:
    """Write a call's id in the letters that the API takes; the same id always gives the same."""
    cleaned = _BAD_IN_ID.sub("_", text)
    if cleaned == text and 0 < len(text) <= _LONGEST_ID:
        return text
    return f"{cleaned[: _LONGEST_ID - 9]}_{zlib.crc32(text.encode(errors='replace')):08x}"


def encode_source(source: Source) -> Json | None:
    """Write where media come from. None for a place that Bedrock cannot read."""
    match source:
        case Inline(data=data) if data:
            return {"bytes": data}
        case Remote(url=url) if url.startswith("s3://"):
            return {"s3Location": {"uri": url}}
    return None


def media_type_of(source: Source) -> str:
    """Tell the media type, for files on S3 by the end of their names if it is not said."""
    media_type = source.media_type.partition(";")[0].strip().lower()
    if media_type or not isinstance(source, Remote):
        return media_type
    ending = source.url.rpartition(".")[2].lower()
    if ending in _DOCUMENTS:
        return ending
    for kind, known in (("image", _IMAGES), ("video", _VIDEOS), ("audio", _SOUNDS)):
        if ending in known:
            return f"{kind}/{ending}"
    return ""
