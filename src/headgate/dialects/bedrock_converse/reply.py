"""Whole answers of the Converse API, their usage and their stop reasons.

Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html (response syntax);
`providers.md` 8 and 9; `recordings.md` 5.6.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from headgate.base.failure import RelayError
from headgate.dialects.bedrock_converse.errors import content_of, inspect_reply
from headgate.dialects.bedrock_converse.wire import NAME, decode_redacted, decode_signature
from headgate.dialects.lenient_json import compact, objects_of, parsed_object
from headgate.ir.reply import Choice, Finish, FinishReason, Reply
from headgate.ir.request import (
    Citation,
    Image,
    Inline,
    Json,
    Opaque,
    Part,
    Text,
    Thinking,
    ToolCall,
)
from headgate.ir.usage import Usage, clamped

STOP_REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "model_context_window_exceeded": "context_full",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "refusal": "refusal",
    "malformed_tool_use": "malformed_tool_call",
    "malformed_model_output": "malformed_tool_call",
}
_READ = frozenset(["output", "stopReason", "usage", "metrics", "serviceTier"])
_SERVER_TOOL = "server_tool_use"


def decode_reply(body: bytes) -> Reply:
    """Read a whole answer. Errors: RelayError, UPSTREAM_BAD_REPLY or what an error object says."""
    failure = inspect_reply(body)
    if failure is not None:
        raise RelayError(failure)
    reply = parsed_object(body) or {}
    parts = tuple(map(decode_block, content_of(reply) or []))
    stop_reason = reply.get("stopReason")
    more = reply.get("additionalModelResponseFields")
    finish = decode_finish(stop_reason if isinstance(stop_reason, str) else None, more, parts)
    usage = reply.get("usage")
    return Reply(
        reply_id="",  # Converse names neither the reply nor the model
        model="",
        choices=(Choice(parts=parts, finish=finish),),
        usage=decode_usage(usage) if isinstance(usage, dict) else None,
        service_tier=decode_tier(reply),
        extras=decode_extras(reply),
    )


def decode_block(block: Any) -> Part:
    """Read one content block; what we have no word for becomes `Opaque`, whole."""
    if not isinstance(block, dict):
        return Opaque(dialect=NAME, block={"unknown": block})
    part: Part | None = None
    match block:
        case {"text": str(text)}:
            part = Text(text=text)
        case {"reasoningContent": {"reasoningText": dict(told)}}:
            signature = decode_signature(str(told.get("signature") or ""))
            part = Thinking(text=str(told.get("text") or ""), signature=signature)
        case {"reasoningContent": {"redactedContent": str(data)}} if data:
            part = Thinking(redacted=True, signature=decode_redacted(data))
        case {"toolUse": dict(use)} if not is_server_tool(use):
            part = _tool_call(use)
        case {"citationsContent": dict(cited)}:
            part = _cited(cited)
        case {"image": {"format": str(form), "source": {"bytes": str(data)}}}:
            part = Image(source=Inline(f"image/{form}", data))
    return part or Opaque(dialect=NAME, block=block)


def is_server_tool(use: Mapping[str, Any]) -> bool:
    """Tell whether a call is one that Bedrock answers itself."""
    return use.get("type") == _SERVER_TOOL


def decode_citation(native: Json) -> Citation:
    """Read one citation; offsets are into the document cited, not into our text, so not kept."""
    location = native.get("location")
    web = location.get("web") if isinstance(location, dict) else None
    texts = [source.get("text") for source in objects_of(native.get("sourceContent"))]
    return Citation(
        url=str(web.get("url") or "") if isinstance(web, dict) else "",
        title=str(native.get("title") or ""),
        cited_text="".join(text for text in texts if isinstance(text, str)),
        origin=NAME,
        native=native,
    )


def decode_finish(stop_reason: str | None, more: Any, parts: Iterable[Part]) -> Finish:
    """Read why the answer ended; a model that forgets to say `tool_use` is put right."""
    reason = STOP_REASONS.get(stop_reason or "end_turn", "stop")
    if reason == "stop" and any(isinstance(part, ToolCall) for part in parts):
        reason = "tool_calls"
    return Finish(reason=reason, raw_reason=stop_reason or "", stop_sequence=_stop_sequence(more))


def decode_usage(wire: Mapping[str, Any]) -> Usage:
    """Read a Converse `usage` object.

    Shape:  {"inputTokens", "outputTokens", "totalTokens", "cacheReadInputTokens",
            "cacheWriteInputTokens", "cacheDetails": [{"ttl", "inputTokens"}]}; some answers spell
            the cached ones `...TokenCount`, or both ways.
    Units:  tokens. `inputTokens` excludes both cache counts, so the parts just add up.
    Errors: none; a missing count is zero, a lie is clamped.
    """
    written = _either(wire, "cacheWriteInputTokens", "cacheWriteInputTokenCount")
    details = wire.get("cacheDetails")
    hour = sum(
        clamped(detail.get("inputTokens"))
        for detail in (details if isinstance(details, list) else ())
        if isinstance(detail, dict) and detail.get("ttl") == "1h"
    )
    return Usage(
        input=clamped(wire.get("inputTokens")),
        cache_read=_either(wire, "cacheReadInputTokens", "cacheReadInputTokenCount"),
        cache_write=written,
        output=clamped(wire.get("outputTokens")),
        cache_write_1h=min(hour, written),
    )


def decode_tier(told: Mapping[str, Any]) -> str | None:
    """Read which tier served the request."""
    tier = told.get("serviceTier")
    kind = tier.get("type") if isinstance(tier, dict) else None
    return kind if isinstance(kind, str) else None


def decode_extras(told: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Keep what only Converse says of an answer: a guardrail's trace, a model's own fields."""
    left = {key: value for key, value in told.items() if key not in _READ and value is not None}
    if _stop_sequence(left.get("additionalModelResponseFields")) is not None:
        del left["additionalModelResponseFields"]  # we asked for it, and it has been read
    return {NAME: left} if left else {}


def _tool_call(use: Json) -> Part | None:
    name, given = use.get("name"), use.get("input")
    if not isinstance(name, str):
        return None
    arguments = given if isinstance(given, str) else compact({} if given is None else given)
    return ToolCall(call_id=str(use.get("toolUseId") or ""), name=name, arguments=arguments)


def _cited(cited: Json) -> Part | None:
    texts, citations = cited.get("content") or [], cited.get("citations") or []
    if not isinstance(texts, list) or not isinstance(citations, list):
        return None
    if any(not isinstance(t, dict) or not isinstance(t.get("text"), str) for t in texts):
        return None
    return Text(
        text="".join(text["text"] for text in texts),
        citations=tuple(
            decode_citation(native) for native in citations if isinstance(native, dict)
        ),
    )


def _stop_sequence(more: Any) -> str | None:
    """Find the stop sequence among the fields that we asked for; streams put it into `delta`."""
    if not isinstance(more, dict):
        return None
    inner = more.get("delta")
    found = (inner if isinstance(inner, dict) else more).get("stop_sequence")
    return found if isinstance(found, str) else None


def _either(wire: Mapping[str, Any], name: str, other: str) -> int:
    value = wire.get(name)
    return clamped(wire.get(other) if value is None else value)
