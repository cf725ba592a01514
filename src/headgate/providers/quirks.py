"""What OpenAI-wire upstreams want otherwise, as named pure functions on the upstream body.

Each takes (body, upstream model, alias, losses), gives the body back, edited in place, and names
what of the caller's the upstream does not get. Top-level values may be `msgspec.Raw`. A model
without quirks keeps its pass-through byte for byte, so `quirks_for` chooses by name when the
configuration is compiled, not per request.
Facts: `uni-api.md` 1.11, `providers.md` 5.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from headgate.dialects.fields import decoded
from headgate.ir.loss import Losses
from headgate.providers.left_out import without_tools
from headgate.providers.provider import Body, Provider, Quirk

_FORMATTING = "Formatting re-enabled. "
_GOOGLE_SEARCH = {"type": "function", "function": {"name": "googleSearch"}}
_THINKING_BUDGET = 4096


def max_completion_tokens(body: Body, model: str, alias: str, losses: Losses) -> Body:
    """OpenAI's reasoning models refuse `max_tokens`."""
    limit = body.pop("max_tokens", None)
    if limit is not None and body.setdefault("max_completion_tokens", limit) != limit:
        losses.dropped("max_tokens", "max_completion_tokens was given too")
    return body


def without_temperature(body: Body, model: str, alias: str, losses: Losses) -> Body:
    """GPT-5 and gpt-oss refuse any temperature but their own."""
    return _without(body, ("temperature",), losses, neutral=1)


def without_top_p(body: Body, model: str, alias: str, losses: Losses) -> Body:
    """GPT-5.2 refuses `top_p`."""
    return _without(body, ("top_p",), losses, neutral=1)


def effort_from_alias(body: Body, model: str, alias: str, losses: Losses) -> Body:
    """An alias that ends in "high" or "low" asks for that reasoning effort."""
    effort = "high" if alias.lower().endswith("high") else "low"
    if _decoded(body, "reasoning_effort") not in (None, effort):
        losses.changed("reasoning_effort", "the model's name says another")
    body["reasoning_effort"] = effort
    return body


def default_temperature(body: Body, model: str, alias: str, losses: Losses) -> Body:
    """DeepSeek advises 0.6 for its reasoning models."""
    body.setdefault("temperature", 0.6)
    return body


def formatting_reenabled(body: Body, model: str, alias: str, losses: Losses) -> Body:
    """o3-mini writes no Markdown unless the system text begins with OpenAI's magic words."""
    messages = _decoded(body, "messages")
    if not isinstance(messages, list):
        return body
    for message in messages:
        if not (isinstance(message, dict) and message.get("role") in {"system", "developer"}):
            continue
        text = message.get("content")
        if isinstance(text, str) and not text.startswith(_FORMATTING):
            message["content"] = _FORMATTING + text
    return body


def no_tools(body: Body, model: str, alias: str, losses: Losses) -> Body:
    """chatgpt-4o-latest knows no tools."""
    return without_tools(body, losses)


def without_penalties(body: Body, model: str, alias: str, losses: Losses) -> Body:
    """Leave out the penalties, which xAI's reasoning models refuse."""
    return _without(body, ("frequency_penalty", "presence_penalty"), losses, neutral=0)


def google_search_tool(body: Body, model: str, alias: str, losses: Losses) -> Body:
    """A Gemini model behind an OpenAI front searches by a function of this name (`-search`)."""
    tools = _decoded(body, "tools")
    tools = tools if isinstance(tools, list) else []
    if _GOOGLE_SEARCH not in tools:
        body["tools"] = [*tools, _GOOGLE_SEARCH]
    return body


def databricks_thinking(body: Body, model: str, alias: str, losses: Losses) -> Body:
    """An alias with "think" makes a Claude on Databricks think; a trailing number is the budget."""
    if "think" not in alias.lower():
        return body
    tail = alias.rpartition("-")[2]
    limit = _decoded(body, "max_tokens")
    budget = int(tail) if tail.isascii() and tail.isdigit() else _THINKING_BUDGET
    if isinstance(limit, int) and budget >= limit:
        budget = _THINKING_BUDGET
    thinking = {"type": "enabled", "budget_tokens": budget}
    for name, value in (("thinking", thinking), ("temperature", 1)):
        if _decoded(body, name) not in (None, value):
            losses.changed(name, "the model's name asks for thinking")
        body[name] = value
    return _without(body, ("top_p", "top_k"), losses)


_BY_MODEL: tuple[tuple[re.Pattern[str], Quirk], ...] = (
    (re.compile(r"gpt-5|o[1-9](-|$)"), max_completion_tokens),
    (re.compile(r"gpt-5|gpt-oss"), without_temperature),
    (re.compile(r"gpt-5\.2"), without_top_p),
    (re.compile(r"deepseek-r"), default_temperature),
    (re.compile(r"o3-mini"), formatting_reenabled),
    (re.compile(r"chatgpt-4o-latest$"), no_tools),
)
_TAKES_EFFORT = re.compile(r"gpt-5|gpt-oss|grok-3-mini")


def quirks_for(provider: Provider, model: str, alias: str) -> tuple[Quirk, ...]:
    """Choose the changes for a model of an OpenAI-wire upstream; none for most.

    Names are matched behind an organisation ("openai/gpt-5" is GPT-5), without case.
    """
    name = model.rpartition("/")[2].lower()
    alias = alias.lower()
    found = [quirk for pattern, quirk in _BY_MODEL if pattern.match(name)]
    if alias.endswith(("high", "low")) and _TAKES_EFFORT.match(name):
        found.append(effort_from_alias)
    if name.startswith("gemini") and "-search" in alias:
        found.append(google_search_tool)
    return (*provider.quirks, *found)


def _without(
    body: Body, names: tuple[str, ...], losses: Losses, *, neutral: float | None = None
) -> Body:
    """Take fields out. One that says no more than the model does anyway (`neutral`) is no loss."""
    for name in names:
        if name in body:
            if _decoded(body, name) not in (None, neutral):
                losses.dropped(name, "the model refuses it")
            del body[name]
    return body


def _decoded(body: Body, field: str) -> Any:
    """Give a top-level value, decoded in place if it was still as the caller sent it."""
    value = body.get(field)
    if isinstance(value, msgspec.Raw):
        value = body[field] = decoded(value, field)
    return value
