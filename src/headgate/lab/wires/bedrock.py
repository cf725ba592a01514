"""Amazon Bedrock's Converse.

Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from __future__ import annotations

import base64
from collections.abc import Iterator

from msgspec import json

from headgate.lab.plan import Headers
from headgate.lab.wires import seals
from headgate.lab.wires.eventstream import EVENTSTREAM_TYPE, event, exception
from headgate.lab.wires.openai import texts
from headgate.lab.wires.question import (
    Answer,
    Call,
    Fault,
    Json,
    Prompt,
    Question,
    Tool,
    dicts,
    mapping,
    size_of,
    tell,
    whole_number,
)
from headgate.lab.wires.wire import Wire

LATENCY_MS = 12
STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool": "tool_use"}
KINDS = {
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
    529: "ServiceUnavailableException",
}
PADDING = "abcdefghijklmnopqrstuvwxyz"


def read(body: Json) -> Prompt:
    """Read a Converse request, or one to count its tokens; its path says model and streaming."""
    body = mapping(mapping(body.get("input")).get("converse")) or body
    messages = dicts(body.get("messages"))
    users = [message for message in messages if message.get("role") == "user"]
    blocks = [block for message in messages for block in dicts(message.get("content"))]
    settings = mapping(body.get("inferenceConfig"))
    return Prompt(
        max_tokens=whole_number(settings.get("maxTokens")),
        texts=(
            *texts(body.get("system")),
            *(text for block in blocks for text in _texts(block)),
        ),
        last_text=" ".join(texts(users[-1].get("content"))) if users else "",
        tool_result=_tool_result(messages),
        tools=_tools(body),
        media=tuple(note for block in blocks for note in _media(block)),
        body=body,
        problem=_problem(messages),
    )


def _problem(messages: list[Json]) -> str:
    if not messages:
        return "1 validation error detected: Value at 'messages' failed to satisfy constraint"
    if any(message.get("role") not in ("user", "assistant") for message in messages):
        return "Value at 'messages.role' failed to satisfy enum value set: [user, assistant]"
    return ""


def _texts(block: Json) -> Iterator[str]:
    """The texts of a block, those inside a tool result too."""
    yield from texts([block])
    yield from result_texts(mapping(block.get("toolResult")))


def result_texts(result: Json) -> Iterator[str]:
    """What a tool answered, JSON in its spelling."""
    for part in dicts(result.get("content")):
        if "json" in part:
            yield json.encode(part["json"]).decode()
        yield from texts([part])


def _tool_result(messages: list[Json]) -> str | None:
    """The text of the tool results in the last message, if it has any."""
    blocks = dicts(messages[-1].get("content")) if messages else []
    results = [block["toolResult"] for block in blocks if "toolResult" in block]
    if not results:
        return None
    return " ".join(text for result in dicts(results) for text in result_texts(result))


def _tools(body: Json) -> tuple[Tool, ...]:
    config = mapping(body.get("toolConfig"))
    specs = (mapping(tool.get("toolSpec")) for tool in dicts(config.get("tools")))
    tools = tuple(
        Tool(str(spec["name"]), mapping(mapping(spec.get("inputSchema")).get("json")))
        for spec in specs
        if "name" in spec
    )
    match config.get("toolChoice"):
        case {"tool": {"name": str(name)}}:
            return tuple(tool for tool in tools if tool.name == name)
        case _:
            return tools


def _media(block: Json) -> Iterator[str]:
    match block:
        case {"image": {"format": str(kind), "source": {"bytes": data}}}:
            yield f"image/{kind} {size_of(data)}"
        case {"document": {"format": str(kind), "source": {"bytes": data}}}:
            yield f"document/{kind} {size_of(data)}"
        case {"video": {"format": str(kind), "source": {"bytes": data}}}:
            yield f"video/{kind} {size_of(data)}"
        case {"toolResult": {"content": list(parts)}}:
            for part in dicts(parts):
                yield from _media(part)


def _usage(answer: Answer) -> Json | None:
    """Spell the usage; `inputTokens` excludes what was read from the cache."""
    if answer.usage is None:
        return None
    used = answer.usage
    counts: Json = {
        "inputTokens": used.prompt - used.cached,
        "outputTokens": used.output + used.reasoning,
        "totalTokens": used.prompt + used.output + used.reasoning,
        "cacheReadInputTokens": used.cached,
        "cacheReadInputTokenCount": used.cached,
        "cacheWriteInputTokens": 0,
        "cacheWriteInputTokenCount": 0,
    }
    return tell(counts, answer.lie)


def _with_usage(reply: Json, answer: Answer) -> Json:
    counts = _usage(answer)
    return reply if counts is None else {"usage": counts} | reply


def _signature(answer: Answer) -> str:
    return seals.seal(seals.CLAUDE, answer.thought)


def _tool_use(question: Question, index: int, call: Call) -> Json:
    return {"toolUseId": f"tooluse_lab_{question.number}_{index}", "name": call.name}


def whole(question: Question, answer: Answer) -> bytes:
    """Spell a reply."""
    content: list[Json] = []
    if answer.thinking:
        thought = {"text": answer.thought, "signature": _signature(answer)}
        content.append({"reasoningContent": {"reasoningText": thought}})
    if answer.redacted:
        content.append({"reasoningContent": {"redactedContent": _redacted(answer)}})
    if answer.pieces or not answer.calls:
        content.append({"text": answer.text})
    content += [
        {"toolUse": _tool_use(question, index, call) | {"input": call.arguments}}
        for index, call in enumerate(answer.calls)
    ]
    reply: Json = {
        "metrics": {"latencyMs": LATENCY_MS},
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": STOP_REASONS[answer.finish],
    }
    return json.encode(_with_usage(reply, answer))


def _redacted(answer: Answer) -> str:
    """Bytes in JSON are base64, and the bytes are what Anthropic's own API has as text."""
    return base64.b64encode(seals.envelope(seals.CLAUDE, answer.redacted).encode()).decode()


def frames(question: Question, answer: Answer) -> list[bytes]:
    """Spell a reply as a stream; only tool calls announce their block."""
    events: list[tuple[str, Json]] = [("messageStart", {"role": "assistant"})]
    for index, (start, deltas) in enumerate(_blocks(question, answer)):
        if start:
            events.append(("contentBlockStart", {"contentBlockIndex": index, "start": start}))
        events += [
            ("contentBlockDelta", {"contentBlockIndex": index, "delta": delta}) for delta in deltas
        ]
        events.append(("contentBlockStop", {"contentBlockIndex": index}))
    events.append(("messageStop", {"stopReason": STOP_REASONS[answer.finish]}))
    metadata: Json = {"metrics": {"latencyMs": LATENCY_MS}}
    events.append(("metadata", _with_usage(metadata, answer)))
    return [
        event(name, payload | {"p": PADDING[: 1 + number % len(PADDING)]})
        for number, (name, payload) in enumerate(events)
    ]


def _blocks(question: Question, answer: Answer) -> Iterator[tuple[Json, list[Json]]]:
    """Each content block: what announces it, if anything does, and its deltas."""
    if answer.thinking:
        pieces: list[Json] = [{"reasoningContent": {"text": text}} for text in answer.thinking]
        yield {}, [*pieces, {"reasoningContent": {"signature": _signature(answer)}}]
    if answer.redacted:
        yield {}, [{"reasoningContent": {"redactedContent": _redacted(answer)}}]
    if answer.pieces or not answer.calls:
        yield {}, [{"text": piece} for piece in answer.pieces]
    for index, call in enumerate(answer.calls):
        arguments = json.encode(call.arguments).decode()
        middle = len(arguments) // 2
        parts = (arguments[:middle], arguments[middle:])
        yield (
            {"toolUse": _tool_use(question, index, call)},
            [{"toolUse": {"input": part}} for part in parts],
        )


def _kind(fault: Fault) -> str:
    default = "ValidationException" if fault.status < 500 else "InternalServerException"
    return fault.kind or KINDS.get(fault.status, default)


def error(fault: Fault) -> bytes:
    """Spell an error, whose type stands in a header."""
    return json.encode({"message": fault.message})


def error_headers(fault: Fault) -> Headers:
    """The type of an error, with the address that AWS puts behind it."""
    service = "http://internal.amazon.com/coral/com.amazon.bedrock/"
    return (("x-amzn-errortype", f"{_kind(fault)}:{service}"), ("x-amzn-requestid", "lab"))


def error_frame(_question: Question, fault: Fault) -> bytes:
    """Spell an error inside a stream; events write the type with a small letter."""
    kind = KINDS.get(fault.status, _kind(fault))
    return exception(kind[:1].lower() + kind[1:], {"message": fault.message})


BEDROCK = Wire(
    name="bedrock",
    read=read,
    whole=whole,
    frames=frames,
    error=error,
    error_frame=error_frame,
    last_frame=b"",
    stream_type=EVENTSTREAM_TYPE,
    error_headers=error_headers,
    broken_frame=event("contentBlockDelta", {})[:-4] + b"\0\0\0\0",
)
