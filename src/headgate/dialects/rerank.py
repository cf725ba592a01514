"""Rerank: Jina's and Cohere's common form for callers; whatever form for the upstream.

Shape:  {"model", "query", "documents": [text or object], "top_n", "return_documents"} and
        {"results": [{"index", "relevance_score", "document"}], "usage", "meta"}.
Sources: docs.cohere.com/reference/rerank, jina.ai/reranker, docs.voyageai.com/docs/reranker,
huggingface.github.io/text-embeddings-inference; `providers.md` 4.18, `recordings.md` 5.11.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import msgspec

from headgate.base.failure import RelayError, bad_reply
from headgate.dialects.dialect import Fields
from headgate.dialects.fields import decoded_fields, field
from headgate.dialects.lenient_json import compact, object_of
from headgate.dialects.openai_chat.errors import decode_error, failure_of
from headgate.dialects.strict_json import invalid
from headgate.ir.loss import Losses
from headgate.ir.request import Json
from headgate.ir.usage import Usage, clamped

_SCORES = ("relevance_score", "score", "logit")  # as forms name it
_LISTS = ("results", "data", "rankings")


class RerankWire(msgspec.Struct, frozen=True, kw_only=True):
    """How one family of upstreams is asked to rank documents.

    `encode_request` takes the caller's fields and the upstream's model, and gives the body; what
    the form has no word for is named. `decode_reply` takes the upstream's body, the caller's
    fields and the model, and gives the body for the caller.
    """

    encode_request: Callable[[Fields, str, Losses], Json]
    decode_reply: Callable[[bytes, Fields, str], tuple[bytes, Usage | None]]


# ------------------------------------------------------------------- the caller's side


class _Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What every form has a word for; `rest` are the other fields."""

    query: str
    documents: list[Any]
    top_n: int | None
    return_documents: bool | None
    rest: Json


def _read(fields: Fields) -> _Wish:
    """Read the caller's question. Errors: RelayError INVALID_REQUEST with the place."""
    rest = decoded_fields(fields)
    rest.pop("model", None)
    query, documents = rest.pop("query", None), rest.pop("documents", None)
    if not isinstance(query, str):
        raise invalid("`query` must be a text", "query")
    if not isinstance(documents, list) or not documents:
        raise invalid("`documents` must be a list of texts or objects, and not empty", "documents")
    for index, document in enumerate(documents):
        if not isinstance(document, str | dict):
            raise invalid("a document is a text or an object", f"documents[{index}]")
    top_n, shown = rest.pop("top_n", None), rest.pop("return_documents", None)
    if top_n is not None and (type(top_n) is not int or top_n < 1):
        raise invalid("`top_n` must be a whole number, and at least 1", "top_n")
    if shown is not None and not isinstance(shown, bool):
        raise invalid("`return_documents` must be true or false", "return_documents")
    return _Wish(query=query, documents=documents, top_n=top_n, return_documents=shown, rest=rest)


def _texts(wish: _Wish, losses: Losses) -> list[str]:
    """Write documents for a form that takes texts only."""
    ranked_by = wish.rest.pop("rank_fields", None)
    names = ranked_by if isinstance(ranked_by, list) else None
    texts = []
    for index, document in enumerate(wish.documents):
        if isinstance(document, str):
            texts.append(document)
            continue
        chosen = {key: document[key] for key in names if key in document} if names else document
        if chosen.keys() == {"text"} and isinstance(chosen["text"], str):
            texts.append(chosen["text"])
        else:
            losses.changed(f"documents[{index}]", "an object, sent as its JSON")
            texts.append(compact(chosen))
    return texts


def _named(body: Json, wish: _Wish, known: Mapping[str, str], losses: Losses) -> Json:
    """Add the fields that the form knows, each under its own name; name the others."""
    for name, value in wish.rest.items():
        if value is None:
            continue
        if name in known:
            body[known[name]] = value
        else:
            losses.dropped(name)
    return body


# -------------------------------------------------------------- reading any form's reply


def _rows(wire: Any) -> list[Json] | None:
    """Find the ranks: a list under one of its names, or bare. None if there is none."""
    found: Any = wire
    if isinstance(wire, dict):
        found = next((wire[name] for name in _LISTS if isinstance(wire.get(name), list)), None)
    if not isinstance(found, list) or not all(map(_is_row, found)):
        return None
    return found


def _is_row(row: object) -> bool:
    if not isinstance(row, dict) or type(row.get("index")) is not int:
        return False
    return any(isinstance(row.get(name), int | float) for name in _SCORES)


def _parsed(body: bytes) -> tuple[Json, list[Json]]:
    """Read a reply: what stands beside the ranks, and the ranks.

    Errors: RelayError when there are none, or an error stands inside the 200.
    """
    try:
        wire = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        wire = None
    rows = _rows(wire)
    if rows is None:
        _refuse(wire)
    return (wire if isinstance(wire, dict) else {}), rows


def _refuse(wire: Any) -> NoReturn:
    error = decode_error(wire) if isinstance(wire, dict) else None
    raise RelayError(failure_of(error) if error else bad_reply("the reply ranks no documents"))


def _usage(wire: Json) -> Usage | None:
    """Read what was consumed. None if it is not told.

    Shape: {"usage": {"total_tokens", "prompt_tokens"}} (Jina and most others), or {"meta":
    {"billed_units": {"search_units", "input_tokens"}, "tokens": {"input_tokens"}}} (Cohere).
    """
    meta, usage = object_of(wire.get("meta")), object_of(wire.get("usage"))
    billed, tokens = object_of(meta.get("billed_units")), object_of(meta.get("tokens"))
    if not (usage or billed or tokens):
        return None
    counts = (
        *(usage.get(name) for name in ("prompt_tokens", "input_tokens", "total_tokens")),
        *(billed.get("input_tokens"), tokens.get("input_tokens")),
    )
    units = (billed.get("search_units"), usage.get("search_units"))
    return Usage(input=_first(counts), search_units=_first(units))


def _first(counts: tuple[object, ...]) -> int:
    return next((count for value in counts if (count := clamped(value))), 0)


def _written(wire: Json, rows: list[Json], fields: Fields, model: str) -> bytes:
    """Write the reply in the caller's form, with the documents if they were asked for."""
    top_n = field(fields, "top_n")
    most = top_n if type(top_n) is int else None
    usage = _usage(wire)
    tokens = usage.input if usage is not None else 0
    reply: Json = {
        "id": wire.get("id"),
        "object": "list",
        "model": model,
        "results": [_result(row, fields) for row in _with_documents(rows[:most], fields)],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        "meta": wire.get("meta"),
    }
    return msgspec.json.encode({name: value for name, value in reply.items() if value is not None})


def _with_documents(rows: list[Json], fields: Fields) -> list[Json]:
    """Add the documents that were asked for where the upstream gives none back."""
    documents = field(fields, "documents") if _wants_documents(fields) else None
    if not isinstance(documents, list):
        return rows
    count = len(documents)
    return [
        {"document": documents[row["index"]], **row} if 0 <= row["index"] < count else row
        for row in rows
    ]


def _result(row: Json, fields: Fields) -> Json:
    score = next(row[name] for name in _SCORES if isinstance(row.get(name), int | float))
    result: Json = {"index": row["index"], "relevance_score": score}
    document = row.get("document", row.get("text"))
    if document is not None and field(fields, "return_documents") is not False:
        result["document"] = {"text": document} if isinstance(document, str) else document
    return result


def _wants_documents(fields: Fields) -> bool:
    return field(fields, "return_documents") is True


# ----------------------------------------------------------------- the same form upstream


def _same(fields: Fields, model: str, _losses: Losses) -> Json:
    return {**fields, "model": model}


def _as_it_came(body: bytes, fields: Fields, model: str) -> tuple[bytes, Usage | None]:
    """Give a reply of the caller's own form unchanged.

    Others who say that they speak it are put right: ranks under another name, and documents that
    were asked for and are not there.
    """
    wire, rows = _parsed(body)
    is_ours = "results" in wire and all("relevance_score" in row for row in rows)
    lacks = _wants_documents(fields) and any("document" not in row for row in rows)
    if is_ours and not lacks:
        return body, _usage(wire)
    return _written(wire, rows, fields, model), _usage(wire)


SAME_FORM = RerankWire(encode_request=_same, decode_reply=_as_it_came)


# ------------------------------------------------------------------------- other forms


def _rewritten(body: bytes, fields: Fields, model: str) -> tuple[bytes, Usage | None]:
    wire, rows = _parsed(body)
    return _written(wire, rows, fields, model), _usage(wire)


_COHERE_FIELDS = {name: name for name in ("max_tokens_per_doc", "priority")}


def _ask_cohere(fields: Fields, model: str, losses: Losses) -> Json:
    """Write Cohere's second version: documents are texts, and never given back."""
    wish = _read(fields)
    body: Json = {"model": model, "query": wish.query, "documents": _texts(wish, losses)}
    if wish.top_n is not None:
        body["top_n"] = wish.top_n
    return _named(body, wish, _COHERE_FIELDS, losses)


COHERE_RERANK = RerankWire(encode_request=_ask_cohere, decode_reply=_rewritten)


def _ask_voyage(fields: Fields, model: str, losses: Losses) -> Json:
    """Write Voyage's form: another word for `top_n`."""
    wish = _read(fields)
    body: Json = {"model": model, "query": wish.query, "documents": _texts(wish, losses)}
    if wish.top_n is not None:
        body["top_k"] = min(wish.top_n, len(wish.documents))
    if wish.return_documents is not None:
        body["return_documents"] = wish.return_documents
    return _named(body, wish, {"truncation": "truncation", "truncate": "truncation"}, losses)


VOYAGE_RERANK = RerankWire(encode_request=_ask_voyage, decode_reply=_rewritten)


def _ask_tei(fields: Fields, model: str, losses: Losses) -> Json:
    """Write the form of Hugging Face's server, which has one model, and ranks all of the texts."""
    del model
    wish = _read(fields)
    body: Json = {"query": wish.query, "texts": _texts(wish, losses)}
    known = {name: name for name in ("truncate", "truncation_direction", "raw_scores")}
    return _named(body, wish, known, losses)


TEI_RERANK = RerankWire(encode_request=_ask_tei, decode_reply=_rewritten)

# By the form that the upstream's endpoint names. Jina's is that of most others: vLLM, llama.cpp,
# OpenRouter, SiliconFlow, Xinference, and Cohere's first version.
RERANK: Mapping[str, RerankWire] = {
    "openai_chat": SAME_FORM,
    "jina": SAME_FORM,
    "cohere_v1": SAME_FORM,
    "cohere": COHERE_RERANK,
    "voyage": VOYAGE_RERANK,
    "tei": TEI_RERANK,
}
