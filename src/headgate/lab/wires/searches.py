"""Web search as Jina and Tavily answer it, and OpenAI's forgotten text edits.

Source: jina.ai/reader, docs.tavily.com/documentation/api-reference/endpoint/search,
platform.openai.com/docs/api-reference/edits (archived)
"""

from __future__ import annotations

from msgspec import json

from headgate.lab.plan import Plan, whole
from headgate.lab.wires.openai import CREATED, choices
from headgate.lab.wires.openai_other import missing, number, text
from headgate.lab.wires.question import Json, Question, words

RESULTS_DEFAULT = 3
RESULTS_MAX = 20


def jina(question: Question) -> Plan:
    """Find pages for `?q=`, or for the `q` of a body."""
    asked = question.query.get("q") or text(question, "q")
    if not asked:
        return missing("q")
    pages: list[Json] = [
        {
            "title": _title(question, asked, index),
            "url": _url(asked, index),
            "description": f"Result {index} for {asked}",
            "content": "" if index else f"All that the lab knows about {asked}.",
            "usage": {"tokens": 1000 + index},
        }
        for index in range(RESULTS_DEFAULT)
    ]
    tokens = sum(page["usage"]["tokens"] for page in pages)
    meta = {"usage": {"tokens": tokens}}
    return whole(json.encode({"code": 200, "status": 20000, "data": pages, "meta": meta}))


def tavily(question: Question) -> Plan:
    """Find pages for the `query` of the body; Jina's shape where that has a `q` instead."""
    asked = text(question, "query")
    if not asked:
        return jina(question)
    wanted = number(question.prompt.body.get("max_results"), RESULTS_DEFAULT)
    results: list[Json] = [
        {
            "title": _title(question, asked, index),
            "url": _url(asked, index),
            "content": f"All that the lab knows about {asked}.",
            "score": round(0.99 - index / 100, 2),
            "raw_content": None,
        }
        for index in range(max(0, min(wanted, RESULTS_MAX)))
    ]
    shared: Json = {"query": asked, "answer": None, "images": [], "results": results}
    return whole(json.encode(shared | {"response_time": 0.01}))


def _title(question: Question, asked: str, index: int) -> str:
    return f"{question.place}: {asked} {index}"


def _url(asked: str, index: int) -> str:
    return f"https://pages.lab.invalid/{len(asked)}/{index}"


def text_edits(question: Question) -> Plan:
    """Edit a text by an instruction, as `/v1/edits` did until 2024."""
    instruction = text(question, "instruction")
    if not instruction:
        return missing("instruction")
    edited = f"{question.place}: {instruction}: {text(question, 'input')}"
    count = choices(question.prompt.body)
    entered = len(words(instruction)) + len(words(text(question, "input")))
    written = len(words(edited)) * count
    counts = {"prompt_tokens": entered, "completion_tokens": written}
    reply: Json = {
        "object": "edit",
        "created": CREATED,
        "choices": [{"text": edited, "index": index} for index in range(count)],
        "usage": counts | {"total_tokens": entered + written},
    }
    return whole(json.encode(reply))
