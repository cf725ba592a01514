"""Content parts of messages and of tools' outputs, both ways; annotations of texts.

Source: developers.openai.com/api/reference (responses, input items).
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Sequence
from typing import Any

from headgate.dialects.leftovers import Leftovers
from headgate.dialects.lenient_json import text_of
from headgate.dialects.media import audio_format, audio_type, source_of_url, url_of_source
from headgate.dialects.openai_responses.models import NAME
from headgate.dialects.strict_json import Reader, invalid
from headgate.ir.loss import Losses
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
    Source,
    Text,
    Uploaded,
)

# Files uploaded through Chat Completions are the same vendor's, in the same store.
_SAME_STORE = frozenset({NAME, "openai_chat"})
_PDF = "application/pdf"

# ------------------------------------------------------------------------ reading


def read_content(reader: Reader, key: str, path: str, left: Leftovers) -> list[Part]:
    """Take content: nothing, a text, or parts. Unknown kinds of parts stay opaque.

    `path` is where the content is in its turn, for leftovers. Errors: RelayError INVALID_REQUEST.
    """
    value = reader.rest.pop(key, None)
    if value is None:
        return []
    if isinstance(value, str):
        return [Text(text=value)]
    reader.rest[key] = value
    if not isinstance(value, list):
        raise reader.refuse(key, "str | array")
    blocks = reader.items(key)
    place = f"{reader.place}.{key}"
    return [
        read_part(block, f"{place}[{i}]", f"{path}[{i}]", left) for i, block in enumerate(blocks)
    ]


def read_part(block: Any, place: str, path: str, left: Leftovers) -> Part:
    """Read one content part."""
    if isinstance(block, str):
        return Text(text=block)
    reader = Reader(block, place)
    read = _READERS.get(str(reader.rest.pop("type", "")))
    if read is None:
        return Opaque(dialect=NAME, block=block)
    part = read(reader)
    if part is None:
        return Opaque(dialect=NAME, block=block)
    if reader.rest.get("logprobs") == []:
        reader.rest.pop("logprobs")
    left.add(path, reader.rest)
    return part


def _text(reader: Reader) -> Part:
    text = reader.text("text")
    if text is None:
        raise invalid("Object missing required field `text`", f"{reader.place}.text")
    notes = reader.items("annotations")
    citations = tuple(citation_of(note) for note in notes if isinstance(note, dict))
    return Text(text=text, citations=citations)


def _refusal(reader: Reader) -> Part:
    return Refusal(text=reader.required_text("refusal"))


def _image(reader: Reader) -> Part:
    url = reader.rest.pop("image_url", None)
    if isinstance(url, dict):  # Chat's spelling
        url = url.get("url")
    file_id = reader.text("file_id")
    detail = reader.text("detail")
    if isinstance(url, str) and url:
        return Image(source=source_of_url(url), detail=detail)
    if not file_id:
        raise invalid("an image needs `image_url` or `file_id`", reader.place)
    return Image(source=Uploaded(file_id, NAME), detail=detail)


def _file(reader: Reader) -> Part:
    name = reader.text("filename") or ""
    file_id, url, data = (reader.text(key) for key in ("file_id", "file_url", "file_data"))
    if data:
        return File(source=_file_source(data, name), name=name)
    if url:
        return File(source=Remote(url), name=name)
    if not file_id:
        raise invalid("a file needs `file_id`, `file_url` or `file_data`", reader.place)
    return File(source=Uploaded(file_id, NAME), name=name)


def _file_source(data: str, name: str) -> Inline | Remote:
    """Read `file_data`: a `data:` URL, or bare base64, of which only the name tells the type."""
    if ":" in data[:12]:
        return source_of_url(data)
    return Inline(mimetypes.guess_type(name)[0] or _PDF, data)


def _audio(reader: Reader) -> Part | None:
    audio = reader.reader("input_audio")
    if audio is None:
        raise invalid("Object missing required field `input_audio`", reader.place)
    form = audio.text("format") or "wav"
    data = audio.required_text("data")
    if audio.rest:
        return None  # it says more than we have words for
    return Audio(source=Inline(audio_type(form), data))


_READERS: dict[str, Callable[[Reader], Part | None]] = {
    "input_text": _text,
    "output_text": _text,
    "text": _text,
    "refusal": _refusal,
    "input_image": _image,
    "input_file": _file,
    "input_audio": _audio,
}


def citation_of(annotation: Json) -> Citation:
    """Read an annotation: a link, or a file that was found."""
    start, end = annotation.get("start_index"), annotation.get("end_index")
    return Citation(
        url=text_of(annotation.get("url")),
        title=text_of(annotation.get("title")) or text_of(annotation.get("filename")),
        start=start if isinstance(start, int) else None,
        end=end if isinstance(end, int) else None,
        origin=NAME,
        native=annotation,
    )


# ------------------------------------------------------------------------ writing


def write_part(part: Part, place: str, losses: Losses) -> Json | None:
    """Write a content part of a user or of a tool's output. None if it is not sent; it is named."""
    match part:
        case Text():
            name_text_losses(part, place, losses)
            if part.citations:
                losses.dropped(f"{place}.citations")
            return {"type": "input_text", "text": part.text}
        case Image():
            return _write_image(part, place, losses)
        case File():
            return _write_file(part, place, losses)
        case Audio(source=Inline(media_type=media_type, data=data)):
            sound = {"data": data, "format": audio_format(media_type)}
            return {"type": "input_audio", "input_audio": sound}
        case Refusal(text=text):
            losses.changed(place, "a refusal, sent as text")
            return {"type": "input_text", "text": text}
        case Opaque(dialect=dialect, block=block) if dialect == NAME:
            return dict(block)
        case Opaque(dialect=dialect):
            losses.dropped(place, f"only {dialect} knows it")
        case _:
            losses.dropped(place, "no such part in a message of this role")
    return None


def name_text_losses(part: Text, place: str, losses: Losses) -> None:
    """Name what a text has that there is no word for."""
    if part.cache is not None:
        losses.dropped(f"{place}.cache_control")
    if part.signature is not None:
        losses.dropped(f"{place}.signature", f"it is {part.signature.origin}'s")


def own_annotations(part: Text, place: str, losses: Losses) -> list[Json]:
    """Write the citations of a text that an upstream of this dialect made."""
    notes = [c.native for c in part.citations if c.origin == NAME and c.native is not None]
    if len(notes) < len(part.citations):
        losses.dropped(f"{place}.citations")
    return notes


def is_plain(blocks: Sequence[Json]) -> bool:
    """Tell whether content is one text, which goes as a string: every server takes that."""
    return len(blocks) == 1 and blocks[0].keys() == {"type", "text"}


def _write_image(part: Image, place: str, losses: Losses) -> Json | None:
    where = _write_source(part.source, "image_url")
    if where is None:
        losses.dropped(place, "uploaded to another vendor")
        return None
    if part.cache is not None:
        losses.dropped(f"{place}.cache_control")
    if part.signature is not None:
        losses.dropped(f"{place}.signature", f"it is {part.signature.origin}'s")
    detail = {} if part.detail is None else {"detail": part.detail}
    return {"type": "input_image", **where, **detail}


def _write_file(part: File, place: str, losses: Losses) -> Json | None:
    where = _write_source(part.source, "file_url")
    if where is None:
        losses.dropped(place, "uploaded to another vendor")
        return None
    if part.cache is not None:
        losses.dropped(f"{place}.cache_control")
    if part.citations_enabled:
        losses.dropped(f"{place}.citations")
    if isinstance(part.source, Inline):
        where = {"file_data": where["file_url"]}
        # Data without a name is refused.
        where["filename"] = part.name or _file_name(part.source.media_type)
    elif part.name and isinstance(part.source, Uploaded):
        where["filename"] = part.name
    elif part.name:
        losses.dropped(f"{place}.filename", "a file behind a URL has no name")
    return {"type": "input_file", **where}


def _file_name(media_type: str) -> str:
    return f"file{mimetypes.guess_extension(media_type) or '.bin'}"


def _write_source(source: Source, url_key: str) -> Json | None:
    match source:
        case Inline() | Remote():
            return {url_key: url_of_source(source)}
        case Uploaded(file_id=file_id, dialect=dialect) if dialect in _SAME_STORE:
            return {"file_id": file_id}
    return None
