"""Citations of an answer: spans of its text, each with its sources.

Source: docs.cohere.com/docs/rag-citations; `recordings.md` 5.7.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from headgate.dialects.cohere.models import NAME
from headgate.dialects.lenient_json import object_of, one_or_more, text_of
from headgate.ir.request import Citation, Json

PLAN = "PLAN"
THOUGHTS = "THINKING_CONTENT"


def decode_citation(wire: Json) -> tuple[Citation, ...]:
    """Read one citation: one of ours for each of its sources.

    Shape: {"start", "end", "text", "sources": [{"type": "document" | "tool", "id", "document" |
    "tool_output": {...}}], "content_index", "type"}.
    Units:  characters of the content block that `content_index` names.
    """
    sources = one_or_more(wire.get("sources"))
    if not sources:
        return (_citation(wire, {}, wire),)
    return tuple(_citation(wire, source, {**wire, "sources": [source]}) for source in sources)


def _citation(wire: Json, source: Json, native: Json) -> Citation:
    said = object_of(source.get("document")) or object_of(source.get("tool_output"))
    source_id = text_of(source.get("id"))
    url = text_of(said.get("url"))
    if not url and source_id.startswith(("https://", "http://")):
        url = source_id
    return Citation(
        url=url,
        title=text_of(said.get("title")) or source_id,
        cited_text=text_of(said.get("text")) or text_of(said.get("snippet")),
        start=_offset(wire, "start"),
        end=_offset(wire, "end"),
        origin=NAME,
        native=native,
    )


def _offset(wire: Json, key: str) -> int | None:
    value = wire.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def unplaced(citations: Iterable[Citation]) -> tuple[Citation, ...]:
    """Take away the span, for a citation of words that stand elsewhere (in the thoughts)."""
    return tuple(msgspec.structs.replace(each, start=None, end=None) for each in citations)


def encode_citations(citations: Iterable[Citation], content_index: int) -> tuple[list[Json], bool]:
    """Write the citations that came from this vendor, and tell whether there were others."""
    written: list[Json] = []
    foreign = False
    for citation in citations:
        if citation.origin == NAME and citation.native is not None:
            written.append({**citation.native, "content_index": content_index})
        else:
            foreign = True
    return written, foreign
