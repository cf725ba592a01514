"""Web search: one question in uni-api's form for callers; Jina's or Tavily's for the upstream.

Shape:  {"q", "num", ...} and {"code", "status", "data": [{"title", "url", "description",
        "content", "usage", "score", "raw_content"}], "meta"}.
Sources: `uni-api.md` 2.2 and 4.2, `providers.md` 4.19; docs.jina.ai (search),
docs.tavily.com/documentation/api-reference/endpoint/search.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import msgspec

from headgate.base.failure import RelayError, bad_reply
from headgate.dialects.dialect import Fields
from headgate.dialects.fields import decoded_fields
from headgate.dialects.openai_chat.errors import decode_error, failure_of
from headgate.dialects.strict_json import invalid
from headgate.ir.loss import Losses
from headgate.ir.request import Json
from headgate.ir.usage import Usage, clamped

_QUESTIONS = ("q", "query")
_COUNTS = ("num", "max_results")
_PAGE_FIELDS = frozenset({"title", "url", "content", "raw_content", "score"})


class SearchWire(msgspec.Struct, frozen=True, kw_only=True):
    """How one family of upstreams is asked to search.

    `encode_request` takes the caller's fields and the channel's defaults, and gives the body; what
    the form has no word for is named. `decode_reply` takes the upstream's body, and gives the body
    for the caller.
    """

    encode_request: Callable[[Fields, Mapping[str, Any], Losses], Json]
    decode_reply: Callable[[bytes], tuple[bytes, Usage | None]]


# ------------------------------------------------------------------- the caller's side


class _Wish(msgspec.Struct, frozen=True):
    """What every form has a word for; `rest` are the other fields."""

    question: str
    count: int | None
    rest: Json


def _read(fields: Fields) -> _Wish:
    """Read the caller's question. Errors: RelayError INVALID_REQUEST with the place."""
    rest = decoded_fields(fields)
    rest.pop("model", None)
    question = _one_of(rest, _QUESTIONS)
    if not isinstance(question, str) or not question.strip():
        raise invalid("`q` must be a text, and not empty", "q")
    count = _one_of(rest, _COUNTS)
    if count is not None and (type(count) is not int or count < 1):
        raise invalid("`num` must be a whole number, and at least 1", "num")
    return _Wish(question, count, {name: v for name, v in rest.items() if v is not None})


def _one_of(rest: Json, names: tuple[str, ...]) -> Any:
    """Take a field that has several spellings; the first one given counts."""
    found = [value for name in names if (value := rest.pop(name, None)) is not None]
    return found[0] if found else None


def _known(wish: _Wish, names: frozenset[str], losses: Losses) -> Json:
    """Keep the fields that the form knows, and name the others."""
    for name in wish.rest.keys() - names:
        losses.dropped(name)
    return {name: value for name, value in wish.rest.items() if name in names}


# -------------------------------------------------------------- reading any form's reply


def _parsed(body: bytes, place: str) -> tuple[Json, list[Json]]:
    """Read a reply: all of it, and the pages that were found.

    Errors: RelayError when there are none, or an error stands inside the 200.
    """
    try:
        wire = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        wire = None
    pages = wire.get(place) if isinstance(wire, dict) else None
    if not isinstance(wire, dict) or not isinstance(pages, list):
        _refuse(wire)
    return wire, [page for page in pages if isinstance(page, dict)]


def _refuse(wire: Any) -> NoReturn:
    error = decode_error(wire) if isinstance(wire, dict) else None
    raise RelayError(failure_of(error) if error else bad_reply("the reply holds no pages"))


# -------------------------------------------------------------------------- Jina's form

_JINA_FIELDS = frozenset(
    {"gl", "hl", "location", "page", "type", "provider", "fallback", "nfpr"}
    | {"ext", "filetype", "intitle", "loc", "site"}
)


def _ask_jina(fields: Fields, defaults: Mapping[str, Any], losses: Losses) -> Json:
    """Write Jina's form; its channels' defaults are Tavily's words, so only known ones count."""
    wish = _read(fields)
    body = {name: value for name, value in defaults.items() if name in _JINA_FIELDS}
    body |= {"q": wish.question, **_known(wish, _JINA_FIELDS, losses)}
    if wish.count is not None:
        body["num"] = wish.count
    return body


def _as_it_came(body: bytes) -> tuple[bytes, Usage | None]:
    """Give Jina's reply unchanged: it is the callers' form."""
    wire, pages = _parsed(body, "data")
    counts = (page.get("usage") for page in (wire.get("meta"), *pages) if isinstance(page, dict))
    tokens = [clamped(count.get("tokens")) for count in counts if isinstance(count, dict)]
    told = isinstance(wire.get("meta"), dict) and isinstance(wire["meta"].get("usage"), dict)
    return body, Usage(input=tokens[0] if told else sum(tokens), web_searches=1)


JINA_SEARCH = SearchWire(encode_request=_ask_jina, decode_reply=_as_it_came)

# ------------------------------------------------------------------------ Tavily's form

# uni-api's own, where a channel says no `search_defaults`.
_DEFAULTS: Mapping[str, Any] = {
    "topic": "general",
    "search_depth": "basic",
    "chunks_per_source": 3,
    "max_results": 7,
}
_TAVILY_FIELDS = frozenset(
    {"topic", "search_depth", "chunks_per_source", "time_range", "days", "start_date", "end_date"}
    | {"include_answer", "include_raw_content", "include_images", "include_image_descriptions"}
    | {"include_favicon", "include_domains", "exclude_domains", "country", "auto_parameters"}
)


def _ask_tavily(fields: Fields, defaults: Mapping[str, Any], losses: Losses) -> Json:
    wish = _read(fields)
    body = {**_DEFAULTS, **defaults, "query": wish.question}
    body |= _known(wish, _TAVILY_FIELDS, losses)
    if wish.count is not None:
        body["max_results"] = wish.count
    return body


def _as_jina(body: bytes) -> tuple[bytes, Usage | None]:
    """Write Tavily's reply in the callers' form; what stands beside the pages goes into `meta`."""
    wire, pages = _parsed(body, "results")
    beside = {name: value for name, value in wire.items() if name != "results" and value}
    reply = {
        "code": 200,
        "status": 20000,
        "data": [_page(page) for page in pages],
        "meta": beside | {"usage": {"tokens": 0}},
    }
    return msgspec.json.encode(reply), Usage(web_searches=1)


def _page(page: Json) -> Json:
    """Write one page. Tavily's `content` is an excerpt; the page itself comes when asked for."""
    said, whole = page.get("content") or "", page.get("raw_content")
    return {
        "title": page.get("title") or "",
        "url": page.get("url") or "",
        "description": said,
        "content": whole or said,
        "usage": {"tokens": 0},  # it bills by the search
        "score": page.get("score"),
        "raw_content": whole,
    } | {name: value for name, value in page.items() if name not in _PAGE_FIELDS}


TAVILY_SEARCH = SearchWire(encode_request=_ask_tavily, decode_reply=_as_jina)

SEARCH: Mapping[str, SearchWire] = {"jina": JINA_SEARCH, "tavily": TAVILY_SEARCH}
