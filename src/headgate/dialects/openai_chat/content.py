"""Content of callers' messages: OpenAI's parts, and those that other vendors have added.

Source: platform.openai.com/docs/api-reference/chat/create#messages.
"""

from __future__ import annotations

from typing import Any

from headgate.dialects.leftovers import Leftovers
from headgate.dialects.media import audio_source, source_of_url, video_type
from headgate.dialects.openai_chat.provenance import NAME
from headgate.dialects.strict_json import invalid
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
    Text,
    Thinking,
    Uploaded,
)


def read_content(content: str | list[Any] | None, place: str, left: Leftovers) -> list[Part]:
    """Read `content`: nothing, a text, or parts. Unknown kinds of parts stay opaque.

    Errors: RelayError INVALID_REQUEST with the place.
    """
    if content is None:
        return []
    if isinstance(content, str):
        return [Text(text=content)]
    return [
        _part(block, f"{place}.content[{index}]", index, left)
        for index, block in enumerate(content)
    ]


def _part(block: object, place: str, index: int, left: Leftovers) -> Part:
    if isinstance(block, str):
        return Text(text=block)
    if not isinstance(block, dict):
        raise invalid("a content part must be an object", place)
    kind = block.get("type")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        return Opaque(dialect=NAME, block=block)
    assert isinstance(kind, str)  # noqa: S101  # only a string finds a reader
    left.add(f"content[{index}]", block, ("type", kind, "cache_control"))
    inner = block.get(kind)
    if isinstance(inner, dict):
        left.add(f"content[{index}].{kind}", inner, _read_of(kind, inner))
    return reader(block, place)


def _read_of(kind: str, inner: Json) -> tuple[str, ...]:
    """Name the fields that are read of what a part holds."""
    if kind == "file" and isinstance(inner.get("file_id"), str):
        return ("file_id", "filename")  # and not the data beside it
    return _FIELDS.get(kind, ())


def _text_part(block: Json, place: str) -> Part:
    return Text(
        text=_str(block.get("text"), f"{place}.text"),
        cache=read_cache_mark(block.get("cache_control")),
    )


def _image_part(block: Json, place: str) -> Part:
    given = block.get("image_url")
    if isinstance(given, str):  # Mistral's spelling
        given = {"url": given}
    if not isinstance(given, dict):
        raise invalid("Expected `object`", f"{place}.image_url")
    detail = given.get("detail")
    return Image(
        source=source_of_url(_str(given.get("url"), f"{place}.image_url.url")),
        detail=detail if isinstance(detail, str) else None,
        cache=read_cache_mark(block.get("cache_control")),
    )


def _audio_part(block: Json, place: str) -> Part:
    given = block.get("input_audio")
    if not isinstance(given, dict):
        raise invalid("Expected `object`", f"{place}.input_audio")
    data = _str(given.get("data"), f"{place}.input_audio.data")
    form = given.get("format")
    return Audio(source=audio_source(data, form if isinstance(form, str) else "wav"))


def _file_part(block: Json, place: str) -> Part:
    given = block.get("file")
    if not isinstance(given, dict):
        raise invalid("Expected `object`", f"{place}.file")
    name = given.get("filename")
    cache = read_cache_mark(block.get("cache_control"))
    label = name if isinstance(name, str) else ""
    if isinstance(file_id := given.get("file_id"), str):
        return File(source=Uploaded(file_id, NAME), name=label, cache=cache)
    data = _str(given.get("file_data"), f"{place}.file.file_data")
    source = source_of_url(data)
    if ":" not in data[:12]:  # bare base64, which OpenAI's own documentation also shows
        source = Inline("application/pdf", data)
    return File(source=source, name=label, cache=cache)


def _video_part(block: Json, place: str) -> Part:
    given = block.get("video_url")
    if not isinstance(given, dict):
        raise invalid("Expected `object`", f"{place}.video_url")
    url = _str(given.get("url"), f"{place}.video_url.url")
    return File(
        source=source_of_url(url, video_type(url)),
        cache=read_cache_mark(block.get("cache_control")),
    )


def _refusal_part(block: Json, place: str) -> Part:
    return Refusal(text=_str(block.get("refusal"), f"{place}.refusal"))


def _thinking_part(block: Json, place: str) -> Part:
    """Read Mistral's thinking block."""
    thinking = block.get("thinking")
    if isinstance(thinking, list):
        texts = [piece.get("text") for piece in thinking if isinstance(piece, dict)]
        return Thinking(text="".join(text for text in texts if isinstance(text, str)))
    return Thinking(text=_str(thinking, f"{place}.thinking"))


_FIELDS = {
    "image_url": ("url", "detail"),
    "input_audio": ("data", "format"),
    "file": ("file_data", "filename"),
    "video_url": ("url",),
}
_READERS = {
    "text": _text_part,
    "image_url": _image_part,
    "input_audio": _audio_part,
    "file": _file_part,
    "video_url": _video_part,
    "refusal": _refusal_part,
    "thinking": _thinking_part,
}


def _str(value: object, place: str) -> str:
    if not isinstance(value, str):
        raise invalid("Expected `str`", place)
    return value


def read_cache_mark(cache_control: object) -> CacheMark | None:
    """Read Anthropic's `cache_control`, which OpenRouter and others take here as well."""
    if not isinstance(cache_control, dict):
        return None
    ttl = cache_control.get("ttl")
    return CacheMark(ttl=ttl if isinstance(ttl, str) else None)
