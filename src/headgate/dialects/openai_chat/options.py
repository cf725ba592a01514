"""Tools and options of callers' chat requests, in every vendor's spelling.

Source: platform.openai.com/docs/api-reference/chat/create; vendors' extensions in `providers.md` 5.
"""

from __future__ import annotations

from typing import Any, Literal, cast, get_args

from headgate.dialects.leftovers import Leftovers
from headgate.dialects.openai_chat import wire
from headgate.dialects.openai_chat.content import read_cache_mark
from headgate.dialects.openai_chat.provenance import NAME
from headgate.dialects.strict_json import invalid
from headgate.ir.request import (
    AudioOutput,
    CacheMark,
    CustomTool,
    Effort,
    Json,
    NativeTool,
    Reasoning,
    ResponseFormat,
    Tool,
    ToolChoice,
)

_EFFORTS = frozenset(get_args(Effort))


def read_tools(
    asked: wire.Request, raw: Json, left: Leftovers
) -> tuple[Tool | CustomTool | NativeTool, ...]:
    """Read `tools`, and the legacy `functions` after them."""
    tools: list[Tool | CustomTool | NativeTool] = []
    for index, offered in enumerate(asked.tools or ()):
        given, place = raw["tools"][index], f"tools[{index}]"
        if offered.type == "function":
            if offered.function is None:
                raise invalid("Expected `object`", f"{place}.function")
            left.add(place, given, ("type", "function", "cache_control"))
            left.add(f"{place}.function", given["function"], wire.Function.__struct_fields__)
            tools.append(_tool(offered.function, read_cache_mark(offered.cache_control)))
        elif offered.type == "custom" and offered.custom is not None:
            custom = offered.custom
            left.add(place, given, ("type", "custom"))
            left.add(f"{place}.custom", given["custom"], wire.Custom.__struct_fields__)
            tools.append(
                CustomTool(
                    name=custom.name, description=custom.description or "", format=custom.format
                )
            )
        else:
            tools.append(NativeTool(dialect=NAME, block=given))
    for index, function in enumerate(asked.functions or ()):
        place = f"tools[{len(tools)}].function"
        left.add(place, raw["functions"][index], wire.Function.__struct_fields__)
        tools.append(_tool(function, None))
    return tuple(tools)


def _tool(function: wire.Function, cache: CacheMark | None) -> Tool:
    return Tool(
        name=function.name,
        description=function.description or "",
        schema=function.parameters,
        strict=function.strict,
        cache=cache,
    )


_READ_WHEN_OFF = ("effort", "max_tokens", "enabled")  # there is nothing to exclude then
_MODES: dict[str, Literal["auto", "none", "required"]] = {
    "auto": "auto",
    "none": "none",
    "required": "required",
    "any": "required",  # Mistral's word
}


def read_tool_choice(asked: wire.Request, left: Leftovers) -> ToolChoice | None:
    """Read `tool_choice` or the legacy `function_call`; an unknown form is kept as it is."""
    choice = asked.tool_choice if asked.tool_choice is not None else asked.function_call
    match choice:
        case None:
            return None
        case str(word) if word in _MODES:
            return ToolChoice(mode=_MODES[word])
        case (
            {"function": {"name": str(name)}}
            | {"custom": {"name": str(name)}}
            | {"type": "tool", "name": str(name)}
        ):
            return ToolChoice(mode="tool", name=name)
        case {"name": str(name)} if asked.tool_choice is None:
            return ToolChoice(mode="tool", name=name)
        case {"type": "allowed_tools", "allowed_tools": {"mode": str(mode), "tools": list(tools)}}:
            return ToolChoice(mode=_MODES.get(mode, "auto"), allowed=_allowed_names(tools))
    left.found["tool_choice"] = choice
    return None


def _allowed_names(tools: list[Any]) -> tuple[str, ...]:
    names = []
    for tool in tools:
        match tool:
            case {"function": {"name": str(name)}} | {"custom": {"name": str(name)}}:
                names.append(name)
            case {"name": str(name)}:
                names.append(name)
    return tuple(names)


def read_include_usage(options: Json | None, left: Leftovers) -> bool:
    """Read whether the stream is to tell its usage."""
    left.add("stream_options", options or {}, ("include_usage",))
    return bool((options or {}).get("include_usage"))


def read_response_format(given: Json | None, left: Leftovers) -> ResponseFormat | None:
    """Read the form of the answer; an unknown one is kept as it is."""
    match given:
        case None:
            return None
        case {"type": "text"}:
            return ResponseFormat(kind="text")
        case {"type": "json_object"}:
            left.add("response_format", given, ("type",))
            return ResponseFormat(kind="json")
        case {"type": "json_schema", "json_schema": dict(spec)}:
            left.add(
                "response_format.json_schema", spec, ("name", "description", "schema", "strict")
            )
            schema, strict = spec.get("schema"), spec.get("strict")
            name, description = spec.get("name"), spec.get("description")
            return ResponseFormat(
                kind="json_schema",
                name=name if isinstance(name, str) else "",
                description=description if isinstance(description, str) else "",
                schema=schema if isinstance(schema, dict) else {},
                strict=strict if isinstance(strict, bool) else None,
            )
    left.found["response_format"] = given
    return None


def read_reasoning(asked: wire.Request, left: Leftovers) -> Reasoning | None:
    """Read how much to think, in any vendor's spelling.

    OpenAI `reasoning_effort`; OpenRouter `reasoning`; Anthropic's own `thinking`, which Zhipu,
    DeepSeek and Volcengine share; Qwen `enable_thinking` and `thinking_budget`.
    """
    nested, thinking = asked.reasoning or {}, asked.thinking or {}
    word = asked.reasoning_effort or nested.get("effort")
    effort: Effort | None = cast("Effort", word) if word in _EFFORTS else None
    if word is not None and effort is None:
        left.found["reasoning_effort"] = word
    mode = thinking.get("type")
    if nested.get("effort") not in (None, word):
        left.found["reasoning.effort"] = nested["effort"]
    if mode == "disabled" or asked.enable_thinking is False or nested.get("enabled") is False:
        if effort not in (None, "none"):
            left.found["reasoning.effort"] = effort  # both were said, and less is safer
        effort = "none"
    is_off = effort == "none"
    switched_on = mode in ("enabled", "adaptive", "auto") or asked.enable_thinking is True
    budget = _budget(
        {
            "thinking.budget_tokens": thinking.get("budget_tokens"),
            "reasoning.max_tokens": nested.get("max_tokens"),
            "thinking_budget": asked.thinking_budget,
        },
        left,
        is_off,
    )
    adaptive = effort is None and budget is None and (switched_on or bool(nested.get("enabled")))
    exclude = None if is_off else nested.get("exclude")
    left.add("reasoning", nested, _READ_WHEN_OFF if is_off else (*_READ_WHEN_OFF, "exclude"))
    left.add("thinking", thinking, ("type", "budget_tokens"))
    if effort is None and budget is None and not adaptive and exclude is None:
        return None
    return Reasoning(
        effort=effort,
        budget_tokens=budget,
        adaptive=adaptive,
        visible=not exclude if isinstance(exclude, bool) else None,
    )


def _budget(said: Json, left: Leftovers, is_off: bool) -> int | None:
    """Take the first number of tokens, unless thinking is off; what else was said is kept."""
    budget: int | None = None
    for place, value in said.items():
        is_count = isinstance(value, int) and not isinstance(value, bool)
        if is_count and not is_off and budget in (None, value):
            budget = value
        elif value is not None:
            left.found[place] = value
    return budget


def read_audio_output(given: Json | None, left: Leftovers) -> AudioOutput | None:
    """Read the voice and the format; a voice that is no name is kept."""
    if given is None:
        return None
    voice, form = given.get("voice"), given.get("format")
    left.add("audio", given, ("format",) if not isinstance(voice, str) else ("voice", "format"))
    return AudioOutput(
        voice=voice if isinstance(voice, str) else "", format=form if isinstance(form, str) else ""
    )
