"""Requests for an upstream that speaks Cohere's v2 chat.

Source: docs.cohere.com/reference/chat, /docs/structured-outputs, /docs/reasoning;
`providers.md` 4.6.
"""

from __future__ import annotations

from headgate.dialects.answer_forms import described_schema, in_words
from headgate.dialects.cohere.messages import Rules, arrange
from headgate.dialects.cohere.models import NAME, thinks
from headgate.dialects.cohere.tools import encode_tools
from headgate.dialects.dialect import Target
from headgate.ir.custom_tools import as_functions
from headgate.ir.efforts import BUDGETS
from headgate.ir.loss import Losses
from headgate.ir.request import ChatRequest, Json, Reasoning, ResponseFormat
from headgate.ir.unsaid import drop_unsaid

# Fields of Cohere's own, which callers of any dialect may write beside theirs.
_OWN_FIELDS = frozenset(
    {"documents", "safety_mode", "citation_options", "strict_tools", "priority", "raw_prompting"}
)
_MOST_STOPS = 5
_LEAST_P, _MOST_P = 0.01, 0.99
_MOST_K = 500
# What there is no word for at all.
_UNSAID = (
    *("n", "min_p", "logit_bias", "top_logprobs"),
    *("verbosity", "modalities", "audio", "user"),
    *("metadata", "service_tier", "prompt_cache_key", "prompt_cache_retention"),
    *("safety_identifier", "store", "cache_control"),
)


def encode_request(request: ChatRequest, target: Target, losses: Losses) -> Json:
    """Write the body for `/v2/chat`; what it cannot carry is named in `losses`."""
    request = as_functions(request, losses)
    tools = encode_tools(request, losses)
    has_tools = "tools" in tools
    rules = Rules(thinks(target.model), takes_documents=not has_tools)
    arranged = arrange(request.turns, rules, losses)
    form, instruction = _form(request.response_format, has_tools, losses)
    body: Json = {
        "model": target.model,
        "messages": instruction + arranged.messages,
        "stream": target.stream,
    }
    body |= tools | form | _sampling(request, losses)
    if request.max_tokens is not None:
        body["max_tokens"] = request.max_tokens
    if thinking := _thinking(request, rules.thinks, losses):
        body["thinking"] = thinking
    _add_extras(body, request, losses)
    if arranged.documents:
        given = body.get("documents")
        body["documents"] = [*(given if isinstance(given, list) else []), *arranged.documents]
    drop_unsaid(request, _UNSAID, losses)
    return body


def _sampling(request: ChatRequest, losses: Losses) -> Json:
    found: Json = {}
    if request.temperature is not None:
        found["temperature"] = request.temperature
    if request.top_p is not None:
        found["p"] = _bounded("top_p", request.top_p, _LEAST_P, _MOST_P, losses)
    if request.top_k is not None:
        found["k"] = int(_bounded("top_k", request.top_k, 0, _MOST_K, losses))
    if request.seed is not None and request.seed < 0:
        losses.dropped("seed", "must not be negative")
    elif request.seed is not None:
        found["seed"] = request.seed
    for name in ("frequency_penalty", "presence_penalty"):
        if value := getattr(request, name):
            found[name] = _bounded(name, value, 0, 1, losses)
    if request.stop:
        found["stop_sequences"] = list(request.stop[:_MOST_STOPS])
        if len(request.stop) > _MOST_STOPS:
            losses.changed("stop", f"the first {_MOST_STOPS}")
    if request.logprobs is not None:
        found["logprobs"] = request.logprobs
    return found


def _bounded(name: str, value: float, least: float, most: float, losses: Losses) -> float:
    bounded = min(max(value, least), most)
    if bounded != value:
        losses.changed(name, f"{bounded:g}, the nearest that is taken")
    return bounded


def _form(asked: ResponseFormat | None, has_tools: bool, losses: Losses) -> tuple[Json, list[Json]]:
    """Write the answer's form: as `response_format`, or beside tools as words for the system."""
    if asked is None or asked.kind == "text":
        return {}, []
    schema = described_schema(asked, losses)
    if has_tools:
        losses.changed("response_format", "asked for in a system message: there are tools")
        return {}, [{"role": "system", "content": in_words(schema)}]
    form: Json = {"type": "json_object"}
    if schema:
        form["json_schema"] = schema
    return {"response_format": form}, []


def _thinking(request: ChatRequest, can_think: bool, losses: Losses) -> Json | None:
    """Write `thinking`. Models that can think do so unless told otherwise."""
    asked = request.reasoning
    if asked is None:
        return None
    wish = "reasoning_effort" if asked.budget_tokens is None else "thinking.budget_tokens"
    if not can_think:
        if asked.effort != "none":
            losses.dropped(wish, "this model does not think")
        return None
    if asked.visible is False:
        losses.dropped("reasoning.visible", "thoughts are always told")
    if asked.effort == "none":
        return {"type": "disabled"}
    budget = _budget(asked, request.max_tokens, losses)
    return {"type": "enabled"} if budget is None else {"type": "enabled", "token_budget": budget}


def _budget(asked: Reasoning, max_tokens: int | None, losses: Losses) -> int | None:
    if asked.budget_tokens is not None:
        budget = asked.budget_tokens
        wish = "thinking.budget_tokens"
        if asked.effort is not None:
            losses.dropped("reasoning_effort", "the budget is said")
    elif asked.effort is not None:
        budget, wish = BUDGETS[asked.effort], "reasoning_effort"
    else:
        return None
    if max_tokens is not None and budget >= max_tokens:
        budget = max(max_tokens // 2, 1)
        losses.changed(wish, f"{budget} tokens, to stay below max_tokens")
    return budget


def _add_extras(body: Json, request: ChatRequest, losses: Losses) -> None:
    """Take what is Cohere's own, in whichever dialect it was written, and name the rest."""
    for dialect, fields in request.extras.items():
        for name, value in fields.items():
            if dialect == NAME or name in _OWN_FIELDS:
                body.setdefault(name, value)
            else:
                losses.dropped(name, f"a field of {dialect}")
