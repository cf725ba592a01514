"""Where an answer comes from: grounding and citation metadata, both directions.

Source: ai.google.dev/api/generate-content#GroundingMetadata, #CitationMetadata; `recordings.md` 5.5
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from headgate.dialects.lenient_json import objects_of, text_of
from headgate.ir.request import Citation, Json


def decode_grounding(wire: Json, text: str) -> Iterator[Citation]:
    """Read `groundingMetadata` of a text: a citation for each source of each supported span.

    Shape:  {"groundingChunks": [{"web": {"uri", "title"}}], "groundingSupports":
            [{"segment": {"startIndex", "endIndex", "text"}, "groundingChunkIndices": [int]}]}
    Units:  the wire counts UTF-8 bytes, we count characters.
    """
    sources = [_source(chunk) for chunk in objects_of(wire.get("groundingChunks"))]
    supports = list(objects_of(wire.get("groundingSupports")))
    if not supports:
        yield from (Citation(**source) for source in sources)
    for support in supports:
        segment = support.get("segment")
        span = _span(segment, text) if isinstance(segment, dict) else {}
        indices = support.get("groundingChunkIndices")
        for index in indices if isinstance(indices, list) else []:
            if isinstance(index, int) and 0 <= index < len(sources):
                yield Citation(**sources[index], **span)


def decode_citations(wire: Json, text: str) -> Iterator[Citation]:
    """Read `citationMetadata` (`citations`, at the Gemini API `citationSources`)."""
    for source in objects_of(wire.get("citations", wire.get("citationSources"))):
        yield Citation(
            url=text_of(source.get("uri")),
            title=text_of(source.get("title")),
            **_span(source, text),
        )


def _source(chunk: Json) -> Json:
    found: Json = next((inner for inner in chunk.values() if isinstance(inner, dict)), {})
    return {
        "url": text_of(found.get("uri")),
        "title": text_of(found.get("title")),
        "cited_text": text_of(found.get("text")),
    }


def _span(segment: Json, text: str) -> Json:
    """Find a span of bytes among the characters; nothing if it is not in the text."""
    first, last = segment.get("startIndex", 0), segment.get("endIndex")
    if not isinstance(first, int) or not isinstance(last, int):
        return {}
    data = text.encode()
    start = len(data[:first].decode(errors="ignore"))
    end = len(data[:last].decode(errors="ignore"))
    said = segment.get("text")
    if isinstance(said, str) and text[start:end] != said:
        start = text.find(said)
        end = start + len(said)
    return {"start": start, "end": end} if 0 <= start < end else {}


def encode_citations(citations: list[Citation], text: str) -> Json:
    """Write citations of a text as `groundingMetadata`, one source each."""
    supports: list[Json] = []
    for index, citation in enumerate(citations):
        if citation.start is None or citation.end is None:
            continue
        segment = {
            "startIndex": len(text[: citation.start].encode()),
            "endIndex": len(text[: citation.end].encode()),
            "text": text[citation.start : citation.end],
        }
        supports.append({"segment": segment, "groundingChunkIndices": [index]})
    wire: Json = {"groundingChunks": [_chunk(citation) for citation in citations]}
    return wire | ({"groundingSupports": supports} if supports else {})


def _chunk(citation: Citation) -> Json:
    source = {"uri": citation.url, "title": citation.title}
    if citation.cited_text:
        return {"retrievedContext": source | {"text": citation.cited_text}}
    return {"web": source}


def moved(citations: tuple[Citation, ...], by: int) -> Iterator[Citation]:
    """Count the spans of citations from the first text on."""
    for citation in citations:
        start, end = citation.start, citation.end
        if start is None or end is None:
            yield citation
        else:
            yield msgspec.structs.replace(citation, start=start + by, end=end + by)
