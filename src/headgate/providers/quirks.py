"""What OpenAI-wire upstreams want otherwise, as named pure functions on the upstream body.

Each takes (body, upstream model, alias) and gives the body back, edited in place. Top-level values
may be `msgspec.Raw`. A model without quirks keeps its pass-through byte for byte, so `quirks_for`
chooses by name when the configuration is compiled, not per request.
Facts: `uni-api.md` 1.11, `providers.md` 5.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from headgate.dialects.fields import decoded
from headgate.providers.provider import Body, Provider, Quirk

_FORMATTING = "Formatting re-enabled. "
_TOOL_FIELDS = (
    *("tools", "tool_choice", "parallel_tool_calls", "functions", "function_call"),
    "strict_tools",  # Cohere's
)
_GEMINI_TOOL_FIELDS = ("toolConfig", "tool_config")
_NO_IMAGE = "(an image was left out here)"
_IMAGE_PARTS = frozenset({"image", "image_url", "input_image"})
_GOOGLE_SEARCH = {"type": "function", "function": {"name": "googleSearch"}}
_THINKING_BUDGET = 4096


def max_completion_tokens(body: Body, model: str, alias: str) -> Body:
    """OpenAI's reasoning models refuse `max_tokens`."""
    limit = body.pop("max_tokens", None)
    if limit is not None:
        body.setdefault("max_completion_tokens", limit)
    return body


def without_temperature(body: Body, model: str, alias: str) -> Body:
    """GPT-5 and gpt-oss refuse any temperature but their own."""
    body.pop("temperature", None)
    return body


def without_top_p(body: Body, model: str, alias: str) -> Body:
    """GPT-5.2 refuses `top_p`."""
    body.pop("top_p", None)
    return body


def effort_from_alias(body: Body, model: str, alias: str) -> Body:
    """An alias that ends in "high" or "low" asks for that reasoning effort."""
    body["reasoning_effort"] = "high" if alias.lower().endswith("high") else "low"
    return body


def default_temperature(body: Body, model: str, alias: str) -> Body:
    """DeepSeek advises 0.6 for its reasoning models."""
    body.setdefault("temperature", 0.6)
    return body


def formatting_reenabled(body: Body, model: str, alias: str) -> Body:
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


def without_tools(body: Body, model: str = "", alias: str = "") -> Body:
    """Leave out tools and all that speaks of them, in any dialect's spelling (`tools: false`)."""
    for field in (*_TOOL_FIELDS, *_GEMINI_TOOL_FIELDS):
        body.pop(field, None)
    return body


def without_images(body: Body, model: str = "", alias: str = "") -> Body:
    """Leave out image parts, in any dialect's spelling (`image: false`).

    A message that held nothing else keeps a few words, since none of the wires takes an empty list
    of parts, and Anthropic no empty text.
    """
    for place, parts_field, empty in (
        ("messages", "content", {"type": "text", "text": _NO_IMAGE}),
        ("contents", "parts", {"text": _NO_IMAGE}),
    ):
        messages = _decoded(body, place)
        for message in messages if isinstance(messages, list) else ():
            if isinstance(message, dict) and message.pop("images", None):  # Ollama's, apart
                message["content"] = message.get("content") or _NO_IMAGE
            parts = message.get(parts_field) if isinstance(message, dict) else None
            if isinstance(parts, list) and any(map(_is_image, parts)):
                left = [part for part in parts if not _is_image(part)]
                typed = any("type" in part for part in parts if isinstance(part, dict))
                message[parts_field] = left or [empty if typed else {"text": _NO_IMAGE}]
    return body


def without_penalties(body: Body, model: str, alias: str) -> Body:
    """Leave out the penalties, which xAI's reasoning models refuse."""
    body.pop("frequency_penalty", None)
    body.pop("presence_penalty", None)
    return body


def google_search_tool(body: Body, model: str, alias: str) -> Body:
    """A Gemini model behind an OpenAI front searches by a function of this name (`-search`)."""
    tools = _decoded(body, "tools")
    tools = tools if isinstance(tools, list) else []
    if _GOOGLE_SEARCH not in tools:
        body["tools"] = [*tools, _GOOGLE_SEARCH]
    return body


def databricks_thinking(body: Body, model: str, alias: str) -> Body:
    """An alias with "think" makes a Claude on Databricks think; a trailing number is the budget."""
    if "think" not in alias.lower():
        return body
    tail = alias.rpartition("-")[2]
    limit = _decoded(body, "max_tokens")
    budget = int(tail) if tail.isascii() and tail.isdigit() else _THINKING_BUDGET
    if isinstance(limit, int) and budget >= limit:
        budget = _THINKING_BUDGET
    body["thinking"] = {"type": "enabled", "budget_tokens": budget}
    body["temperature"] = 1
    body.pop("top_p", None)
    body.pop("top_k", None)
    return body


_BY_MODEL: tuple[tuple[re.Pattern[str], Quirk], ...] = (
    (re.compile(r"gpt-5|o[1-9](-|$)"), max_completion_tokens),
    (re.compile(r"gpt-5|gpt-oss"), without_temperature),
    (re.compile(r"gpt-5\.2"), without_top_p),
    (re.compile(r"deepseek-r"), default_temperature),
    (re.compile(r"o3-mini"), formatting_reenabled),
    (re.compile(r"chatgpt-4o-latest$"), without_tools),
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


def _decoded(body: Body, field: str) -> Any:
    """Give a top-level value, decoded in place if it was still as the caller sent it."""
    value = body.get(field)
    if isinstance(value, msgspec.Raw):
        value = body[field] = decoded(value, field)
    return value


def _is_image(part: object) -> bool:
    if not isinstance(part, dict):
        return False
    if part.get("type") in _IMAGE_PARTS:
        return True
    if isinstance(part.get("image"), dict):  # Converse
        return True
    media = part.get("inlineData") or part.get("inline_data") or part.get("fileData") or {}
    kind = media.get("mimeType") or media.get("mime_type") if isinstance(media, dict) else None
    return isinstance(kind, str) and kind.startswith("image/")
