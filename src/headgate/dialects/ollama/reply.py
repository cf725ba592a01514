"""What the lines of an answer say; and whole answers, which are streams of one line.

Source: docs.ollama.com/api/chat (response); `providers.md` 8 and 9, `recordings.md` 5.7.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from headgate.dialects.lenient_json import arguments_text, object_of, objects_of, text_of
from headgate.dialects.ollama.messages import NAME
from headgate.ir.reply import Finish, FinishReason
from headgate.ir.request import Json, ToolCall
from headgate.ir.usage import Usage, clamped

REASONS: dict[str, FinishReason] = {"stop": "stop", "length": "length"}
_KNOWN = frozenset(
    {
        *("model", "created_at", "message", "done", "done_reason", "logprobs", "error"),
        *("prompt_eval_count", "eval_count"),
        # How long the machine took: a measurement, no part of the answer.
        *("total_duration", "load_duration", "prompt_eval_duration", "eval_duration"),
    }
)
_KNOWN_OF_MESSAGE = frozenset({"role", "content", "thinking", "tool_calls"})


def decode_call(wire: Json, made_from: str) -> ToolCall:
    """Read a tool call, which always comes whole.

    Older versions give no id: one is made from the call and `made_from`, so that the same bytes
    always give the same, and the calls of other answers another.
    """
    function = object_of(wire.get("function"))
    given = function.get("arguments")
    arguments = "{}" if given is None else arguments_text(given)
    name = text_of(function.get("name"))
    call_id = text_of(wire.get("id")) or _made_id(f"{made_from}|{name}|{arguments}")
    return ToolCall(call_id=call_id, name=name, arguments=arguments)


def _made_id(seed: str) -> str:
    digest = hashlib.blake2s(seed.encode("utf-8", "replace"), digest_size=12).hexdigest()
    return f"call_{digest}"


def decode_created(wire: Mapping[str, Any]) -> int:
    """Read `created_at` as seconds since the epoch; 0 if it is no time."""
    try:
        return max(int(datetime.fromisoformat(text_of(wire.get("created_at"))).timestamp()), 0)
    except (ValueError, OverflowError):
        return 0


def decode_finish(done_reason: str, has_calls: bool) -> Finish:
    """Read why the answer ended; after tool calls the vendor says `stop` all the same."""
    reason = REASONS.get(done_reason, "stop")
    if reason == "stop" and has_calls:
        reason = "tool_calls"
    return Finish(reason=reason, raw_reason=done_reason)


def decode_usage(wire: Mapping[str, Any]) -> Usage | None:
    """Read the counts of the last line. None if it tells none.

    Shape:  {"prompt_eval_count": int, "eval_count": int}; the first is missing, or small, when the
            prompt was cached.
    Units:  tokens. Errors: none; a missing count is zero, a lie is clamped.
    """
    if "prompt_eval_count" not in wire and "eval_count" not in wire:
        return None
    return Usage(
        input=clamped(wire.get("prompt_eval_count")), output=clamped(wire.get("eval_count"))
    )


def decode_logprobs(wire: Mapping[str, Any]) -> Json | None:
    """Read log probabilities, whose entries are OpenAI's."""
    entries = objects_of(wire.get("logprobs"))
    return {"content": entries, "refusal": None} if entries else None


def leftovers(wire: Mapping[str, Any]) -> Json:
    """Find what there is no word for, by its path."""
    found = {key: value for key, value in wire.items() if key not in _KNOWN and value}
    message = object_of(wire.get("message"))
    inner = {key: value for key, value in message.items() if key not in _KNOWN_OF_MESSAGE}
    return found | {f"message.{key}": value for key, value in inner.items() if value}


def extras_of(found: Json) -> dict[str, Json]:
    """Give leftovers as a reply's `extras`."""
    return {NAME: found} if found else {}
