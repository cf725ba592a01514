"""What routing must know of a request, read only as far as some channel's rules ask for it."""

from __future__ import annotations

from headgate.admission.estimate import prompt_tokens
from headgate.relay.call import Call
from headgate.routing.plan import Need, Outline

_PROMPT_FIELDS = (
    *("messages", "input", "prompt", "contents", "documents", "q", "query"),
    *("content", "requests"),  # of Gemini's embeddings
)
_SHORT_BYTES = 16 * 1024
_BYTES_PER_TOKEN = 4  # of English; other scripts take more bytes and more tokens


def need_of(call: Call, outline: Outline) -> Need:
    """Describe a request for the filters of its model's routes."""
    return Need(
        model=call.model,
        operation=call.operation,
        path=call.path,
        body_bytes=call.size,
        prompt_tokens=estimated_prompt(call) if outline.counts_prompt else 0,
        request_type=request_type(call) if outline.looks_inside else "",
        reasoning_effort=_effort(call) if outline.looks_inside else "",
    )


def bounded_prompt(call: Call) -> int:
    """Bound the prompt's tokens for a hold: a short body's bytes say enough without decoding it."""
    if len(call.body) <= _SHORT_BYTES:
        return len(call.body) // _BYTES_PER_TOKEN
    return estimated_prompt(call)


def estimated_prompt(call: Call) -> int:
    """Estimate the prompt's tokens from whichever field holds it; reads it once only."""
    if call.prompt_tokens is None:
        names = (name for name in _PROMPT_FIELDS if name in call.fields)
        call.prompt_tokens = prompt_tokens(call.value(next(names, "")))
    return call.prompt_tokens


def request_type(call: Call) -> str:
    """uni-api knows one type, "compaction": by path, or by an input item."""
    if call.path.rstrip("/").endswith("/responses/compact"):
        return "compaction"
    items = call.value("input")
    if isinstance(items, list) and any(
        isinstance(item, dict) and item.get("type") == "compaction_trigger" for item in items
    ):
        return "compaction"
    return ""


def _effort(call: Call) -> str:
    effort = call.value("reasoning_effort")
    if effort is None:
        reasoning = call.value("reasoning")
        effort = reasoning.get("effort") if isinstance(reasoning, dict) else None
    return effort if isinstance(effort, str) else ""
