"""Chat requests of callers, read into the IR.

What has no word in the IR is kept under its path (`store`, `tools[0].eager_input_streaming`), so
that nothing is lost silently: our own encoder puts it back, others name it as a loss.

Source: platform.openai.com/docs/api-reference/chat/create; vendors' extensions in `providers.md` 5.
"""

from __future__ import annotations

from typing import cast

import msgspec

from headgate.dialects.leftovers import Leftovers
from headgate.dialects.lenient_json import arguments_text, objects_of
from headgate.dialects.openai_chat import wire
from headgate.dialects.openai_chat.content import read_cache_mark, read_content
from headgate.dialects.openai_chat.options import (
    read_audio_output,
    read_include_usage,
    read_reasoning,
    read_response_format,
    read_tool_choice,
    read_tools,
)
from headgate.dialects.openai_chat.provenance import (
    NAME,
    extra_content_signature,
    signature_in,
    thinking_of,
)
from headgate.dialects.openai_chat.reply import image_of
from headgate.dialects.strict_json import invalid, misshapen, parsed
from headgate.ir.request import (
    Audio,
    ChatRequest,
    File,
    Image,
    Json,
    Opaque,
    Part,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Turn,
    Uploaded,
)

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
    raw = parsed(body)
    if not isinstance(raw, dict):
        raise invalid("the body must be a JSON object", "")
    try:
        asked = msgspec.convert(raw, wire.Request)
    except msgspec.ValidationError as error:
        raise misshapen(error) from None
    if not asked.messages:
        raise invalid("there must be at least one message", "messages")
    left = Leftovers()
    left.add("", raw, _TOP_FIELDS)
    tools = read_tools(asked, raw, left)
    return ChatRequest(
        model=asked.model,
        turns=_turns(asked.messages, raw["messages"]),
        stream=bool(asked.stream),
        include_usage=read_include_usage(asked.stream_options, left),
        max_tokens=(
            asked.max_completion_tokens
            if asked.max_completion_tokens is not None
            else asked.max_tokens
        ),
        stop=(asked.stop,) if isinstance(asked.stop, str) else tuple(asked.stop or ()),
        tools=tools,
        tool_choice=read_tool_choice(asked, left),
        response_format=read_response_format(asked.response_format, left),
        reasoning=read_reasoning(asked, left),
        modalities=tuple(asked.modalities or ()),
        audio=read_audio_output(asked.audio, left),
        extras=_extras(asked, left),
        **{name: getattr(asked, name) for name in _SAME_NAME},
    )


def _extras(asked: wire.Request, left: Leftovers) -> dict[str, Json]:
    extras = {NAME: left.found} if left.found else {}
    if asked.max_tokens is not None and asked.max_completion_tokens not in (None, asked.max_tokens):
        # Another limit in the old spelling: no dialect's, so that each of them names it.
        extras["nobody"] = {"max_tokens": asked.max_tokens}
    return extras


# ------------------------------------------------------------------------- messages


def _turns(messages: list[wire.Message], raw: list[Json]) -> tuple[Turn, ...]:
    """Read the messages; each tool message must answer a call made before it."""
    calls = _KnownCalls()
    turns = []
    for index, (message, given) in enumerate(zip(messages, raw, strict=True)):
        place = f"messages[{index}]"
        role = _ROLES.get(message.role)
        if role is None:
            raise invalid(f"`{message.role}` is not a role", f"{place}.role")
        left = Leftovers()
        left.add("", given, _MESSAGE_FIELDS)
        if role == "tool":
            parts: list[Part] = [_tool_result(message, place, calls, left)]
        else:
            parts = read_content(message.content, place, left)
            if role == "assistant":
                parts = _assistant_parts(message, given, parts, place, calls)
                _keep_of_assistant(given, left)
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
            ToolCall(call_id=call_id, name=called.name, arguments=arguments_text(called.arguments))
        )
    return parts


def _keep_of_assistant(given: Json, left: Leftovers) -> None:
    """Keep what nobody reads of an assistant's calls, sound and pictures."""
    for index, made in enumerate(given.get("tool_calls") or ()):
        place = f"tool_calls[{index}]"
        left.add(place, made, (*wire.MadeCall.__struct_fields__, "index"))
        left.add(f"{place}.function", made.get("function") or {}, ("name", "arguments"))
        left.add(f"{place}.custom", made.get("custom") or {}, ("name", "input"))
    left.add("audio", given.get("audio") or {}, ("id",))
    for index, block in enumerate(objects_of(given.get("images"))):
        left.add(f"images[{index}]", block, ("type", "image_url", "index"))


def _made_call(made: wire.MadeCall, place: str) -> ToolCall:
    signature = signature_in(made.id) or extra_content_signature(made.extra_content)
    if made.custom is not None and made.function is None:
        return ToolCall(
            call_id=made.id,
            name=made.custom.name,
            arguments=made.custom.input,
            custom=True,
            signature=signature,
        )
    if made.function is None:
        raise invalid("a tool call must name a function", f"{place}.function")
    return ToolCall(
        call_id=made.id,
        name=made.function.name,
        arguments=arguments_text(made.function.arguments),
        signature=signature,
    )


def _tool_result(
    message: wire.Message, place: str, calls: _KnownCalls, left: Leftovers
) -> ToolResult:
    if message.role == "function":
        call_id = calls.legacy_ids.get(message.name or "")
        where = f"{place}.name"
    else:
        call_id, where = message.tool_call_id, f"{place}.tool_call_id"
    if call_id is None or call_id not in calls.names:
        raise invalid("this answers no tool call of an earlier assistant message", where)
    content = read_content(message.content, place, left)
    for index, part in enumerate(content):
        if not isinstance(part, Text | Image | Audio | File | Opaque):
            raise invalid("a tool cannot answer with this", f"{place}.content[{index}]")
    allowed = cast("list[Text | Image | Audio | File | Opaque]", content)
    name = calls.names[call_id]
    if message.name not in (None, name):  # it follows from the call
        left.found["name"] = message.name
    return ToolResult(call_id=call_id, content=tuple(allowed), name=name)


def _marked(parts: list[Part], cache_control: Json | None) -> list[Part]:
    """Put a cache mark of the whole message on its last part, where the others have theirs."""
    if cache_control is None or not parts:
        return parts
    last = parts[-1]
    if isinstance(last, Text | Image | File | ToolCall | ToolResult):
        parts[-1] = msgspec.structs.replace(last, cache=read_cache_mark(cache_control))
    return parts
