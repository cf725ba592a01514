"""Requests for an upstream that speaks Ollama's own chat.

Source: docs.ollama.com/api/chat, /modelfile (parameters), /capabilities/thinking;
`providers.md` 4.12.
"""

from __future__ import annotations

import re

from headgate.dialects.answer_forms import described_schema
from headgate.dialects.dialect import Target
from headgate.dialects.ollama.messages import NAME, arrange
from headgate.dialects.strict_schema import EMPTY
from headgate.ir.custom_tools import as_functions
from headgate.ir.efforts import shared_effort
from headgate.ir.loss import Losses
from headgate.ir.request import ChatRequest, Effort, Json, NativeTool, Reasoning, Tool
from headgate.ir.unsaid import drop_unsaid

# Fields and options of Ollama's own, which callers of any dialect may write beside theirs.
_OWN_FIELDS = frozenset({"keep_alive", "options", "think", "truncate", "shift"})
_OWN_OPTIONS = frozenset(
    {
        *("num_ctx", "num_keep", "num_batch", "num_gpu", "main_gpu", "num_thread", "use_mmap"),
        *("repeat_penalty", "repeat_last_n", "penalize_newline", "typical_p", "tfs_z"),
        *("mirostat", "mirostat_eta", "mirostat_tau"),
    }
)
# A field of ours -> the option that means it.
_OPTIONS = {
    "max_tokens": "num_predict",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
_THINKS_BY_LEVEL = re.compile(r"gpt-oss")  # the others switch their thinking on or off
_LEVELS: dict[Effort, str] = {
    "none": "low",
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}
# What there is no word for at all.
_UNSAID = (
    *("n", "logit_bias", "verbosity", "modalities"),
    *("audio", "user", "metadata", "service_tier"),
    *("prompt_cache_key", "prompt_cache_retention", "safety_identifier", "store"),
    *("cache_control",),
)


def encode_request(request: ChatRequest, target: Target, losses: Losses) -> Json:
    """Write the body for `/api/chat`; what it cannot carry is named in `losses`.

    `stream` is always written: it is on unless switched off.
    """
    request = as_functions(request, losses)
    body: Json = {
        "model": target.model,
        "messages": arrange(request.turns, losses),
        "stream": target.stream,
    }
    if tools := _tools(request, losses):
        body["tools"] = tools
    if (form := _form(request, losses)) is not None:
        body["format"] = form
    if (think := _think(request.reasoning, target.model, losses)) is not None:
        body["think"] = think
    for name in ("logprobs", "top_logprobs"):
        if (value := getattr(request, name)) is not None:
            body[name] = value
    options = _options(request)
    _add_extras(body, options, request, losses)
    if options:
        given = body.get("options")
        body["options"] = {**given, **options} if isinstance(given, dict) else options
    drop_unsaid(request, _UNSAID, losses)
    return body


def _options(request: ChatRequest) -> Json:
    values = {option: getattr(request, name) for name, option in _OPTIONS.items()}
    options = {option: value for option, value in values.items() if value is not None}
    if request.stop:
        options["stop"] = list(request.stop)
    return options


def _form(request: ChatRequest, losses: Losses) -> str | Json | None:
    """Write the answer's form: "json", or the schema itself."""
    asked = request.response_format
    if asked is None or asked.kind == "text":
        return None
    return described_schema(asked, losses) or "json"


def _think(asked: Reasoning | None, model: str, losses: Losses) -> bool | str | None:
    if asked is None:
        return None
    if asked.visible is False:
        losses.dropped("reasoning.visible", "thoughts are always told")
    wish = "reasoning_effort" if asked.budget_tokens is None else "thinking.budget_tokens"
    if not _THINKS_BY_LEVEL.search(model):
        if asked.effort != "none" and not (asked.adaptive and asked.effort is None):
            losses.changed(wish, "thinking is on, without a measure")
            if asked.effort is not None:
                losses.changed("reasoning_effort", "thinking is on, without a measure")
        return asked.effort != "none"
    effort = asked.effort
    if effort is None and asked.budget_tokens is not None:
        effort = shared_effort(max(asked.budget_tokens, 1))  # it thinks, as it always does
        losses.changed(wish, f"sent as {effort}")
    elif asked.budget_tokens:
        losses.dropped(wish, "the effort is said")
    if effort is None:
        return True
    level = _LEVELS[effort]
    if level != effort:
        losses.changed("reasoning_effort", f"sent as {level}")
    return level


def _tools(request: ChatRequest, losses: Losses) -> list[Json]:
    """Write `tools`; there is no choice among them but by what is offered."""
    choice = request.tool_choice
    tools: list[Json] = []
    for index, tool in enumerate(request.tools):
        place = f"tools[{index}]"
        if isinstance(tool, NativeTool):
            losses.dropped(place, f"a tool that only {tool.dialect} knows")
        elif isinstance(tool, Tool) and not _is_offered(tool, request):
            losses.dropped(place, "not among those that the choice allows")
        elif isinstance(tool, Tool):
            tools.append(_function(tool, place, losses))
    if request.parallel_tool_calls is False and tools:
        losses.dropped("parallel_tool_calls", "the model decides")
    if choice is not None and choice.mode in ("required", "tool"):
        losses.dropped("tool_choice", "the model cannot be forced to call")
    return tools


def _is_offered(tool: Tool, request: ChatRequest) -> bool:
    """A choice among some tools, or of none, means the same as offering no others."""
    choice = request.tool_choice
    return choice is None or (choice.mode != "none" and choice.allows(tool.name))


def _function(tool: Tool, place: str, losses: Losses) -> Json:
    if tool.cache is not None:
        losses.dropped(f"{place}.cache_control")
    if tool.strict:
        losses.dropped(f"{place}.function.strict")
    function: Json = {"name": tool.name, "description": tool.description}
    function["parameters"] = tool.schema or EMPTY
    return {"type": "function", "function": function}


def _add_extras(body: Json, options: Json, request: ChatRequest, losses: Losses) -> None:
    """Take what is Ollama's own, in whichever dialect it was written, and name the rest."""
    for dialect, fields in request.extras.items():
        for name, value in fields.items():
            if name in _OWN_OPTIONS:
                options.setdefault(name, value)
            elif dialect == NAME or name in _OWN_FIELDS:
                body.setdefault(name, value)
            else:
                losses.dropped(name, f"a field of {dialect}")
