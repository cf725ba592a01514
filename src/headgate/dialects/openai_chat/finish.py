"""Why a choice ended: between the family's words and ours.

Source: platform.openai.com/docs/api-reference/chat/object; `providers.md` 9.
"""

from __future__ import annotations

from headgate.ir.loss import Losses
from headgate.ir.reply import Finish, FinishReason

# Every vendor's words (`providers.md` 9.2). What is not here is a natural end.
_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "stop_sequence": "stop_sequence",
    "length": "length",
    "max_tokens": "length",
    "maximum_tokens": "length",
    "MAX_TOKENS": "length",
    "model_length": "length",
    "context_length": "context_full",
    "model_context_window_exceeded": "context_full",
    "tool_calls": "tool_calls",
    "tool_call": "tool_calls",
    "tool_use": "tool_calls",
    "TOOL_CALL": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "content_filtered": "content_filter",
    "sensitive": "content_filter",
    "risk": "content_filter",
    "refusal": "refusal",
    "error": "error",
    "network_error": "error",
    "insufficient_system_resource": "error",
    "abort": "error",
    "repetition": "error",
}
_WORDS: dict[FinishReason, str] = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "context_full": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "pause": "stop",
    "malformed_tool_call": "stop",
    "error": "error",  # not OpenAI's word, but OpenRouter's: a broken answer must not look whole
}


# Reasons that the family's few words do not tell from others.
_BLURRED: dict[FinishReason, str] = {
    "context_full": "the context was full",
    "pause": "the vendor's tools paused: the caller must go on",
    "malformed_tool_call": "the model made a call that makes no sense",
}


def finish_of(raw_reason: str | None, has_calls: bool) -> Finish:
    """Read a finish reason; a natural end of a reply with tool calls means the calls."""
    raw_reason = raw_reason or ""
    reason = _REASONS.get(raw_reason, "stop")
    if reason == "stop" and has_calls:
        reason = "tool_calls"
    return Finish(reason=reason, raw_reason=raw_reason)


def finish_word(finish: Finish) -> str:
    """Write a finish reason."""
    return _WORDS[finish.reason]


def name_finish_losses(finish: Finish, losses: Losses) -> None:
    """Name what a finish reason does not say."""
    if finish.stop_sequence is not None:
        losses.dropped("reply.stop_sequence")
    if finish.reason in _BLURRED:
        losses.changed("reply.finish_reason", _BLURRED[finish.reason])
