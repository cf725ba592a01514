"""Chat requests for upstreams of the OpenAI family.

Written in the family's widest spelling (`max_tokens`, `reasoning_effort`, cache marks, reasoning
given back as `reasoning_content`). What one vendor renames or refuses is a quirk of its row.

Source: platform.openai.com/docs/api-reference/chat/create.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from headgate.dialects.dialect import REASONING_DETAILS, Fields, Target
from headgate.dialects.leftovers import restore
from headgate.dialects.media import audio_format, is_video, url_of_source
from headgate.dialects.openai_chat.provenance import (
    DETAILED,
    NAME,
    reasoning_fields,
    unsigned_call_id,
    with_unsigned_ids,
)
from headgate.ir.efforts import shared_effort
from headgate.ir.loss import Losses
from headgate.ir.request import (
    Audio,
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
    Remote,
    ResponseFormat,
    Source,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    Uploaded,
)
from headgate.ir.tool_messages import answers_first

_SAME_NAME = (
    *("max_tokens", "temperature", "top_p", "top_k", "min_p", "seed", "n", "presence_penalty"),
    *("frequency_penalty", "logit_bias", "logprobs", "top_logprobs", "parallel_tool_calls"),
    *("verbosity", "user", "metadata", "service_tier", "prompt_cache_key"),
    *("prompt_cache_retention", "safety_identifier", "store"),
)
_EFFORT_WORDS: dict[Effort, str] = {"max": "xhigh"}


def encode_request(request: ChatRequest, target: Target, losses: Losses) -> Json:
    """Write the body of a chat completion; what it cannot carry is named in `losses`."""
    body: Json = {"model": target.model, "messages": _messages(request.turns, target, losses)}
    if target.stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    for name in _SAME_NAME:
        if (value := getattr(request, name)) is not None:
            body[name] = value
    if request.stop:
        body["stop"] = list(request.stop)
    if request.modalities:
        body["modalities"] = list(request.modalities)
    if request.audio is not None:
        body["audio"] = {"voice": request.audio.voice, "format": request.audio.format}
    if request.reasoning is not None:
        _write_reasoning(request.reasoning, body, losses)
    if request.response_format is not None:
        body["response_format"] = _response_format(request.response_format)
    if tools := _tools(request.tools, losses):
        body["tools"] = tools
    if request.tool_choice is not None:
        body["tool_choice"] = _tool_choice(request.tool_choice, request.tools)
    if request.cache is not None:
        losses.dropped("cache_control", "no mark for the whole request")
    restore(body, request.extras, NAME, losses)
    return body


# ------------------------------------------------------------------------- messages


def _messages(turns: Sequence[Turn], target: Target, losses: Losses) -> list[Json]:
    messages: list[Json] = []
    for index, turn in enumerate(turns):
        written = _turn(turn, f"messages[{index}]", target, losses)
        if turn.extras and written:
            restore(written[-1], turn.extras, NAME, losses, f"messages[{index}]")
        messages += written
    return answers_first(messages)


def _turn(turn: Turn, place: str, target: Target, losses: Losses) -> list[Json]:
    """Write one turn: its tool results each as a message, then what else there is.

    Pictures in a tool's answer follow in a message of the user: tool messages hold only text.
    """
    messages: list[Json] = []
    rest: list[tuple[str, Part]] = []
    for index, part in enumerate(turn.parts):
        where = f"{place}.content[{index}]"
        if isinstance(part, ToolResult):
            messages.append(_tool_message(part, where, losses))
            moved = [piece for piece in part.content if isinstance(piece, Image | Audio | File)]
            if moved:
                losses.changed(where, "media of a tool's answer go into a message of the user")
            rest += [(where, piece) for piece in moved]
        else:
            rest.append((where, part))
    if turn.role == "assistant":
        return [*messages, _assistant(turn, rest, target, losses)]
    if rest or not messages:
        role = "user" if turn.role == "tool" else turn.role
        message: Json = {"role": role, "content": _content(rest, losses)}
        if turn.name:
            message["name"] = turn.name
        messages.append(message)
    return messages


def _tool_message(result: ToolResult, place: str, losses: Losses) -> Json:
    texts = [(place, part) for part in result.content if isinstance(part, Text | Opaque)]
    if result.is_error:
        losses.dropped(f"{place}.is_error")
    message: Json = {"role": "tool", "tool_call_id": unsigned_call_id(result.call_id)}
    message["content"] = _content(texts, losses)
    if result.cache is not None and not _mark_last(message, result.cache):
        losses.dropped(f"{place}.cache_control", "there is no text to bear the mark")
    return message


def _mark_last(message: Json, cache: CacheMark) -> bool:
    """Put a cache mark on the last text of a message. False if there is none."""
    if isinstance(message["content"], str) and message["content"]:
        message["content"] = [{"type": "text", "text": message["content"]}]
    if message["content"]:
        message["content"][-1]["cache_control"] = _cache_control(cache)
    return bool(message["content"])


def _assistant(
    turn: Turn, parts: Iterable[tuple[str, Part]], target: Target, losses: Losses
) -> Json:
    thinking: list[Thinking] = []
    calls: list[Json] = []
    content: list[tuple[str, Part]] = []
    message: Json = {"role": "assistant", "content": None}
    for place, part in parts:
        match part:
            case Thinking():
                thinking += _own_thinking(part, place, target, losses)
            case ToolCall():
                calls.append(_call(part, place, losses))
            case Refusal(text=text):
                message["refusal"] = text
            case Audio(audio_id=audio_id) if audio_id:
                message["audio"] = {"id": audio_id}
            case Image() | Audio() | File():
                losses.dropped(place, "an assistant's message holds no media")
            case _:
                content.append((place, part))
    if content:
        message["content"] = _content(content, losses)
    if turn.name:
        message["name"] = turn.name
    message |= reasoning_fields(thinking)
    if calls:
        message["tool_calls"] = calls
    return message


def _own_thinking(part: Thinking, place: str, target: Target, losses: Losses) -> list[Thinking]:
    """Leave out a proof that this upstream has not made; of hidden thoughts nothing stays."""
    signature = part.signature
    if (
        signature is None
        or signature.origin == NAME
        or (REASONING_DETAILS in target.traits and signature.origin in DETAILED)
    ):
        return [part]
    if part.redacted:
        losses.dropped(place, f"reasoning that only {signature.origin} can read")
        return []
    losses.dropped(f"{place}.signature", f"it is {signature.origin}'s")
    return [Thinking(text=part.text)]


def _call(call: ToolCall, place: str, losses: Losses) -> Json:
    call_id = unsigned_call_id(call.call_id)
    if call.signature is not None:
        losses.dropped(f"{place}.signature", f"it is {call.signature.origin}'s")
    if call.cache is not None:
        losses.dropped(f"{place}.cache_control", "no mark on a call")
    if call.custom:
        custom = {"name": call.name, "input": call.arguments}
        return {"id": call_id, "type": "custom", "custom": custom}
    # Several vendors refuse empty arguments; OpenAI writes "{}" for a call without any.
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    return {"id": call_id, "type": "function", "function": function}


# ---------------------------------------------------------------------- content parts


def _content(parts: Sequence[tuple[str, Part]], losses: Losses) -> str | list[Json]:
    """Write content: one plain text as a string, which every vendor takes, else a list."""
    match parts:
        case []:
            return ""
        case [(place, Text(text=text, cache=None) as part)]:
            _name_text_losses(part, place, losses)
            return text
    blocks = [_block(part, place, losses) for place, part in parts]
    return [block for block in blocks if block is not None]


def _block(part: Part, place: str, losses: Losses) -> Json | None:
    match part:
        case Text(text=text, cache=cache):
            _name_text_losses(part, place, losses)
            return _with_cache({"type": "text", "text": text}, cache)
        case Image(source=source, detail=detail, cache=cache):
            if isinstance(source, Uploaded):
                losses.dropped(place, "uploaded to another vendor")
                return None
            image: Json = {"url": url_of_source(source)}
            if detail is not None:
                image["detail"] = detail
            return _with_cache({"type": "image_url", "image_url": image}, cache)
        case Audio(source=source):
            return _audio_block(source, place, losses)
        case File():
            return _file_block(part, place, losses)
        case Refusal(text=text):
            return {"type": "refusal", "refusal": text}
        case Opaque(dialect=dialect, block=block) if dialect == NAME:
            return block
        case Opaque(dialect=dialect):
            losses.dropped(place, f"only {dialect} knows it")
            return None
        case _:
            losses.dropped(place, "no place for it in a message of this role")
            return None


def _name_text_losses(part: Text, place: str, losses: Losses) -> None:
    if part.citations:
        losses.dropped(f"{place}.citations")
    if part.signature is not None:
        losses.dropped(f"{place}.signature", f"it is {part.signature.origin}'s")


def _audio_block(source: Source, place: str, losses: Losses) -> Json | None:
    if isinstance(source, Uploaded):
        losses.dropped(place, "uploaded to another vendor")
        return None
    if isinstance(source, Remote):
        data, form = source.url, audio_format(source.media_type)
    else:
        data, form = source.data, audio_format(source.media_type)
    return {"type": "input_audio", "input_audio": {"data": data, "format": form}}


def _file_block(part: File, place: str, losses: Losses) -> Json | None:
    source = part.source
    if part.citations_enabled:
        losses.dropped(f"{place}.citations")
    if isinstance(source, Uploaded):
        if source.dialect != NAME:
            losses.dropped(place, "uploaded to another vendor")
            return None
        file: Json = {"file_id": source.file_id}
    elif is_video(source):
        block = {"type": "video_url", "video_url": {"url": url_of_source(source)}}
        return _with_cache(block, part.cache)
    else:
        file = {"file_data": url_of_source(source)}
    if part.name:
        file["filename"] = part.name
    return _with_cache({"type": "file", "file": file}, part.cache)


def _with_cache(block: Json, cache: CacheMark | None) -> Json:
    return block if cache is None else {**block, "cache_control": _cache_control(cache)}


def _cache_control(cache: CacheMark) -> Json:
    return {"type": "ephemeral"} if cache.ttl is None else {"type": "ephemeral", "ttl": cache.ttl}


# -------------------------------------------------------------------- tools and options


def _tools(tools: Sequence[Tool | CustomTool | NativeTool], losses: Losses) -> list[Json]:
    written: list[Json] = []
    for index, tool in enumerate(tools):
        match tool:
            case Tool():
                written.append(
                    _with_cache({"type": "function", "function": _function(tool)}, tool.cache)
                )
            case CustomTool():
                custom: Json = {"name": tool.name}
                if tool.description:
                    custom["description"] = tool.description
                if tool.format is not None:
                    custom["format"] = tool.format
                written.append({"type": "custom", "custom": custom})
            case NativeTool(dialect=dialect, block=block) if dialect == NAME:
                written.append(block)
            case NativeTool(dialect=dialect):
                losses.dropped(f"tools[{index}]", f"only {dialect} runs it")
    return written


def _function(tool: Tool) -> Json:
    function: Json = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.schema is not None:
        function["parameters"] = tool.schema
    if tool.strict is not None:
        function["strict"] = tool.strict
    return function


def _tool_choice(choice: ToolChoice, tools: Sequence[Tool | CustomTool | NativeTool]) -> str | Json:
    custom = {tool.name for tool in tools if isinstance(tool, CustomTool)}

    def named(name: str) -> Json:
        kind = "custom" if name in custom else "function"
        return {"type": kind, kind: {"name": name}}

    if choice.mode == "tool":
        return named(choice.name)
    if choice.allowed:
        allowed = {"mode": choice.mode, "tools": [named(name) for name in choice.allowed]}
        return {"type": "allowed_tools", "allowed_tools": allowed}
    return choice.mode


def _response_format(asked: ResponseFormat) -> Json:
    if asked.kind == "text":
        return {"type": "text"}
    if asked.kind == "json":
        return {"type": "json_object"}
    spec: Json = {"name": asked.name or "answer", "schema": asked.schema or {}}
    if asked.description:
        spec["description"] = asked.description
    if asked.strict is not None:
        spec["strict"] = asked.strict
    return {"type": "json_schema", "json_schema": spec}


def _write_reasoning(reasoning: Reasoning, body: Json, losses: Losses) -> None:
    """Write `reasoning_effort`, the family's only common word."""
    effort = reasoning.effort
    if effort is None and reasoning.budget_tokens is not None:
        effort = shared_effort(reasoning.budget_tokens)
        losses.changed("reasoning.budget_tokens", f"as effort {effort}")
    elif reasoning.budget_tokens is not None and (effort, reasoning.budget_tokens) != ("none", 0):
        losses.dropped("reasoning.budget_tokens", "the effort is said")
    if reasoning.visible is not None:
        losses.dropped("reasoning.visible")
    if effort is None:
        if reasoning.adaptive:
            losses.dropped("thinking", "whether to think is for the model to say, or its default")
        return
    body["reasoning_effort"] = _EFFORT_WORDS.get(effort, effort)
    if effort in _EFFORT_WORDS:
        losses.changed("reasoning.effort", f"as {_EFFORT_WORDS[effort]}")


# ------------------------------------------------------------------------ pass-through

_TRUE = msgspec.Raw(b"true")


def patch_request(fields: Fields, target: Target) -> Fields:
    """Set the model, and ask for usage in a stream; every other byte stays as it was sent.

    But the ids in which we have put a signature of Gemini's are shortened: OpenAI refuses them.
    """
    patched = dict(fields)
    patched["model"] = msgspec.Raw(msgspec.json.encode(target.model))
    if "messages" in fields:
        patched["messages"] = with_unsigned_ids(fields["messages"])
    if target.stream:
        patched["stream_options"] = _with_usage(fields.get("stream_options"))
    return patched


def _with_usage(options: msgspec.Raw | None) -> msgspec.Raw:
    if options is None or bytes(options) == b"null":
        return msgspec.Raw(b'{"include_usage":true}')
    try:
        given: Fields = msgspec.json.decode(options, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return options  # no object: the upstream will say what it thinks of it
    return msgspec.Raw(msgspec.json.encode({**given, "include_usage": _TRUE}))
