"""Chat requests of callers, read into the IR.

What has no word in the IR is kept under its path (`store`, `tools[0].eager_input_streaming`), so
that nothing is lost silently: our own encoder puts it back, others name it as a loss.

Source: platform.openai.com/docs/api-reference/chat/create; vendors' extensions in `providers.md` 5.
"""

from __future__ import annotations

from typing import Any, Literal, cast, get_args

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.dialects.openai_chat import wire
from headgate.dialects.openai_chat.content import read_cache_mark, read_content
from headgate.dialects.openai_chat.places import Leftovers, misshapen, refuse
from headgate.dialects.openai_chat.provenance import NAME, signature_in, thinking_of
from headgate.dialects.openai_chat.reply import image_of
from headgate.ir.request import (
    Audio,
    AudioOutput,
    CacheMark,
    ChatRequest,
    CustomTool,
    Effort,
    File,
    Image,
    Json,
    NativeTool,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    ResponseFormat,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    Uploaded,
)

_EFFORTS = frozenset(get_args(Effort))
_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
_TOP_FIELDS = frozenset(wire.Request.__struct_fields__)
_MESSAGE_FIELDS = frozenset(wire.Message.__struct_fields__) | {"images"}
# Fields that go into the IR under their own name.
_SAME_NAME = (
    *("temperature", "top_p", "top_k", "min_p", "seed", "n", "presence_penalty"),
    *("frequency_penalty", "logit_bias", "logprobs", "top_logprobs", "parallel_tool_calls"),
    *("verbosity", "user", "metadata", "service_tier", "prompt_cache_key"),
    *("prompt_cache_retention", "safety_identifier", "store"),
)


def decode_request(body: bytes) -> ChatRequest:
    """Read the body of POST /v1/chat/completions.

    Errors: RelayError INVALID_JSON, or INVALID_REQUEST with the place.
    """
    raw = _decode_json(body)
    try:
        asked = msgspec.convert(raw, wire.Request)
    except msgspec.ValidationError as error:
        raise misshapen(error) from None
    if not asked.messages:
        refuse("there must be at least one message", "messages")
    left = Leftovers()
    left.keep("", raw, _TOP_FIELDS)
    tools = _tools(asked, raw, left)
    return ChatRequest(
        model=asked.model,
        turns=_turns(asked.messages, raw["messages"]),
        stream=bool(asked.stream),
        include_usage=_include_usage(asked.stream_options, left),
        max_tokens=(
            asked.max_completion_tokens
            if asked.max_completion_tokens is not None
            else asked.max_tokens
        ),
        stop=(asked.stop,) if isinstance(asked.stop, str) else tuple(asked.stop or ()),
        tools=tools,
        tool_choice=_tool_choice(asked, left),
        response_format=_response_format(asked.response_format, left),
        reasoning=_reasoning(asked, left),
        modalities=tuple(asked.modalities or ()),
        audio=_audio_output(asked.audio, left),
        extras={NAME: left.found} if left.found else {},
        **{name: getattr(asked, name) for name in _SAME_NAME},
    )


def _decode_json(body: bytes) -> Json:
    try:
        raw = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RelayError(Failure(kind=FailureKind.INVALID_JSON, message=str(error))) from None
    except RecursionError:
        message = "the JSON is nested too deeply"
        raise RelayError(Failure(kind=FailureKind.INVALID_JSON, message=message)) from None
    if not isinstance(raw, dict):
        refuse("the body must be a JSON object", "")
    return raw


# ------------------------------------------------------------------------- messages


def _turns(messages: list[wire.Message], raw: list[Json]) -> tuple[Turn, ...]:
    """Read the messages; each tool message must answer a call made before it."""
    calls = _KnownCalls()
    turns = []
    for index, (message, given) in enumerate(zip(messages, raw, strict=True)):
        place = f"messages[{index}]"
        role = _ROLES.get(message.role)
        if role is None:
            refuse(f"`{message.role}` is not a role", f"{place}.role")
        left = Leftovers()
        left.keep("", given, _MESSAGE_FIELDS)
        if role == "tool":
            parts: list[Part] = [_tool_result(message, place, calls, left)]
        else:
            parts = read_content(message.content, place, left)
            if role == "assistant":
                parts = _assistant_parts(message, given, parts, place, calls)
        turns.append(
            Turn(
                role=role,
                parts=tuple(_marked(parts, message.cache_control)),
                name=(message.name or "") if role != "tool" else "",
                extras={NAME: left.found} if left.found else {},
            )
        )
    return tuple(turns)


class _KnownCalls:
    """Which calls the assistant has made so far; names serve the legacy form without ids."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.legacy_ids: dict[str, str] = {}


def _assistant_parts(
    message: wire.Message, given: Json, content: list[Part], place: str, calls: _KnownCalls
) -> list[Part]:
    reasoning = message.reasoning_content or message.reasoning or ""
    parts: list[Part] = [*thinking_of(reasoning, message.reasoning_details or ()), *content]
    if message.refusal:
        parts.append(Refusal(text=message.refusal))
    if message.audio is not None and isinstance(audio_id := message.audio.get("id"), str):
        parts.append(Audio(source=Uploaded(audio_id, NAME), audio_id=audio_id))
    images = given.get("images")
    for block in images if isinstance(images, list) else ():
        if isinstance(block, dict) and (image := image_of(block)) is not None:
            parts.append(image)
    for index, made in enumerate(message.tool_calls or ()):
        call = _made_call(made, f"{place}.tool_calls[{index}]")
        calls.names[call.call_id] = call.name
        parts.append(call)
    if message.function_call is not None:
        called = message.function_call
        call_id = f"call_{len(calls.names)}_{called.name}"
        calls.names[call_id] = calls.legacy_ids[called.name] = call_id
        calls.names[call_id] = called.name
        parts.append(
            ToolCall(call_id=call_id, name=called.name, arguments=_arguments(called.arguments))
        )
    return parts


def _made_call(made: wire.MadeCall, place: str) -> ToolCall:
    signature = signature_in(made.id)
    if made.custom is not None and made.function is None:
        return ToolCall(
            call_id=made.id,
            name=made.custom.name,
            arguments=made.custom.input,
            custom=True,
            signature=signature,
        )
    if made.function is None:
        refuse("a tool call must name a function", f"{place}.function")
    return ToolCall(
        call_id=made.id,
        name=made.function.name,
        arguments=_arguments(made.function.arguments),
        signature=signature,
    )


def _arguments(arguments: str | Json | None) -> str:
    if isinstance(arguments, dict):
        return msgspec.json.encode(arguments).decode()
    return arguments or ""


def _tool_result(
    message: wire.Message, place: str, calls: _KnownCalls, left: Leftovers
) -> ToolResult:
    if message.role == "function":
        call_id = calls.legacy_ids.get(message.name or "")
        where = f"{place}.name"
    else:
        call_id, where = message.tool_call_id, f"{place}.tool_call_id"
    if call_id is None or call_id not in calls.names:
        refuse("this answers no tool call of an earlier assistant message", where)
    content = read_content(message.content, place, left)
    for index, part in enumerate(content):
        if not isinstance(part, Text | Image | Audio | File | Opaque):
            refuse("a tool cannot answer with this", f"{place}.content[{index}]")
    allowed = cast("list[Text | Image | Audio | File | Opaque]", content)
    name = message.name or calls.names[call_id]
    return ToolResult(call_id=call_id, content=tuple(allowed), name=name)


def _marked(parts: list[Part], cache_control: Json | None) -> list[Part]:
    """Put a cache mark of the whole message on its last part, where the others have theirs."""
    if cache_control is None or not parts:
        return parts
    last = parts[-1]
    if isinstance(last, Text | Image | File | ToolCall | ToolResult):
        parts[-1] = msgspec.structs.replace(last, cache=read_cache_mark(cache_control))
    return parts


# -------------------------------------------------------------------- tools and options


def _tools(
    asked: wire.Request, raw: Json, left: Leftovers
) -> tuple[Tool | CustomTool | NativeTool, ...]:
    tools: list[Tool | CustomTool | NativeTool] = []
    for index, offered in enumerate(asked.tools or ()):
        given, place = raw["tools"][index], f"tools[{index}]"
        if offered.type == "function":
            if offered.function is None:
                refuse("Expected `object`", f"{place}.function")
            left.keep(place, given, ("type", "function", "cache_control"))
            left.keep(f"{place}.function", given["function"], wire.Function.__struct_fields__)
            tools.append(_tool(offered.function, read_cache_mark(offered.cache_control)))
        elif offered.type == "custom" and offered.custom is not None:
            custom = offered.custom
            tools.append(
                CustomTool(
                    name=custom.name, description=custom.description or "", format=custom.format
                )
            )
        else:
            tools.append(NativeTool(dialect=NAME, block=given))
    tools += [_tool(function, None) for function in asked.functions or ()]
    return tuple(tools)


def _tool(function: wire.Function, cache: CacheMark | None) -> Tool:
    return Tool(
        name=function.name,
        description=function.description or "",
        schema=function.parameters,
        strict=function.strict,
        cache=cache,
    )


_MODES: dict[str, Literal["auto", "none", "required"]] = {
    "auto": "auto",
    "none": "none",
    "required": "required",
    "any": "required",  # Mistral's word
}


def _tool_choice(asked: wire.Request, left: Leftovers) -> ToolChoice | None:
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


def _include_usage(options: Json | None, left: Leftovers) -> bool:
    left.keep("stream_options", options or {}, ("include_usage",))
    return bool((options or {}).get("include_usage"))


def _response_format(given: Json | None, left: Leftovers) -> ResponseFormat | None:
    match given:
        case None:
            return None
        case {"type": "text"}:
            return ResponseFormat(kind="text")
        case {"type": "json_object"}:
            left.keep("response_format", given, ("type",))
            return ResponseFormat(kind="json")
        case {"type": "json_schema", "json_schema": dict(spec)}:
            left.keep(
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


def _reasoning(asked: wire.Request, left: Leftovers) -> Reasoning | None:
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
    if mode == "disabled" or asked.enable_thinking is False or nested.get("enabled") is False:
        effort = "none"
    switched_on = mode in ("enabled", "adaptive", "auto") or asked.enable_thinking is True
    budget = _count(thinking.get("budget_tokens"), nested.get("max_tokens"), asked.thinking_budget)
    adaptive = effort is None and budget is None and (switched_on or bool(nested.get("enabled")))
    exclude = nested.get("exclude")
    left.keep("reasoning", nested, ("effort", "max_tokens", "enabled", "exclude"))
    left.keep("thinking", thinking, ("type", "budget_tokens"))
    if effort is None and budget is None and not adaptive and exclude is None:
        return None
    return Reasoning(
        effort=effort,
        budget_tokens=budget,
        adaptive=adaptive,
        visible=not exclude if isinstance(exclude, bool) else None,
    )


def _count(*values: object) -> int | None:
    return next(
        (value for value in values if isinstance(value, int) and not isinstance(value, bool)), None
    )


def _audio_output(given: Json | None, left: Leftovers) -> AudioOutput | None:
    if given is None:
        return None
    voice, form = given.get("voice"), given.get("format")
    left.keep("audio", given, ("format",) if not isinstance(voice, str) else ("voice", "format"))
    return AudioOutput(
        voice=voice if isinstance(voice, str) else "", format=form if isinstance(form, str) else ""
    )
