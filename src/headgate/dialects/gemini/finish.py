"""Why a candidate ended: between Gemini's words and ours.

Source: ai.google.dev/api/generate-content#FinishReason; `providers.md` 9.1
"""

from __future__ import annotations

from headgate.ir.reply import Finish, FinishReason

_FILTERED = (
    "SAFETY RECITATION LANGUAGE BLOCKLIST PROHIBITED_CONTENT SPII IMAGE_SAFETY "
    "IMAGE_PROHIBITED_CONTENT IMAGE_RECITATION MODEL_ARMOR"
)
_MALFORMED = (
    "MALFORMED_FUNCTION_CALL UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS MISSING_THOUGHT_SIGNATURE"
)
_FAILED = "OTHER NO_IMAGE IMAGE_OTHER MALFORMED_RESPONSE"
_OURS: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    **dict.fromkeys(_FILTERED.split(), "content_filter"),
    **dict.fromkeys(_MALFORMED.split(), "malformed_tool_call"),
    **dict.fromkeys(_FAILED.split(), "error"),
}
_THEIRS: dict[FinishReason, str] = {
    "stop": "STOP",
    "stop_sequence": "STOP",
    "tool_calls": "STOP",
    "pause": "STOP",
    "length": "MAX_TOKENS",
    "context_full": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "refusal": "SAFETY",
    "malformed_tool_call": "MALFORMED_FUNCTION_CALL",
    "error": "OTHER",
}
# FinishReason as numbers (clients of the older protobuf surface ask for them).
_NUMBERED = (
    "FINISH_REASON_UNSPECIFIED STOP MAX_TOKENS SAFETY RECITATION OTHER LANGUAGE BLOCKLIST "
    "PROHIBITED_CONTENT SPII MALFORMED_FUNCTION_CALL IMAGE_SAFETY UNEXPECTED_TOOL_CALL "
    "TOO_MANY_TOOL_CALLS"
)
_NO_REASON = "FINISH_REASON_UNSPECIFIED"


def reason_word(value: str | int | None) -> str:
    """Read `finishReason`, a word or its number; "" when the candidate goes on."""
    if isinstance(value, int):
        words = _NUMBERED.split()
        value = words[value] if 0 <= value < len(words) else f"FINISH_REASON_{value}"
    return "" if value is None or value == _NO_REASON else value


def decode_finish(word: str, called: bool) -> Finish:
    """Read why a candidate ended; an unknown word is a natural end.

    Gemini says STOP after function calls too: `called` tells whether there were any.
    """
    reason = _OURS.get(word, "stop")
    return Finish(reason="tool_calls" if called and reason == "stop" else reason, raw_reason=word)


def encode_finish(finish: Finish) -> str:
    """Write `finishReason`: Gemini's own word if it was one."""
    return finish.raw_reason if finish.raw_reason in _OURS else _THEIRS[finish.reason]
