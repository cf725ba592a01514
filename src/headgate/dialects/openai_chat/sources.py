"""Where a reply's text comes from, told beside it: Perplexity's and xAI's `citations`.

Shape:  {"citations": [url], "search_results": [{"url", "title", "snippet", "date"}]} at the top of
        a reply, or of every chunk, growing.
Sources: docs.perplexity.ai, docs.x.ai (live search); `recordings.md` 5.2.
"""

from __future__ import annotations

from collections.abc import Collection

from headgate.dialects.lenient_json import objects_of, text_of
from headgate.ir.request import Citation, Json

ORIGIN = "perplexity"
FIELDS = ("citations", "search_results")
_MOST = 256


def sources_of(wire: Json, known: Collection[str] = ()) -> tuple[Citation, ...]:
    """Read both lists, each link once, in the order of `citations`: texts count them, `[1]`.

    `known` are links that the text's annotations have told already (OpenRouter repeats them).
    """
    results = {
        url: result
        for result in objects_of(wire.get("search_results"))
        if (url := text_of(result.get("url")))
    }
    listed = wire.get("citations")
    urls = [url for url in listed if text_of(url)] if isinstance(listed, list) else []
    return tuple(
        _citation(url, results.get(url, {}))
        for url in list(dict.fromkeys([*urls, *results]))[:_MOST]
        if url not in known
    )


def without_sources(left: Json) -> Json:
    """Take out of what nobody reads what has been read here."""
    return {name: value for name, value in left.items() if name not in FIELDS}


def _citation(url: str, result: Json) -> Citation:
    return Citation(
        url=url,
        title=text_of(result.get("title")),
        origin=ORIGIN,
        native=result or None,
    )
