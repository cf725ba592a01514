"""What OpenAI's own API and Azure's answer with 400, though other servers of the wire take it.

Callers mean it for another model behind the same name, or repeat what another vendor said.
Source: platform.openai.com/docs/api-reference/chat/create ("Unrecognized request argument
supplied: top_k", "string too long ... maximum length 40"); `providers.md` 5.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from headgate.dialects.fields import decoded
from headgate.ir.loss import Losses
from headgate.providers.provider import Body

_FIELDS = ("top_k", "min_p")
_THOUGHTS = ("reasoning_content", "reasoning_details")
_NOTE = "OpenAI refuses it"
_LONGEST_ID = 40
_KEPT_DIGITS = 32
_ID = b'"tool_call_id"'
_WINDOW = 64  # for white space before the id


def without_strangers(body: Body, model: str, alias: str, losses: Losses) -> Body:
    """Leave out fields that OpenAI refuses, and shorten the ids of calls that it finds too long.

    A body that holds none of them is not touched, and its messages are not decoded.
    """
    for field in _FIELDS:
        if field in body:
            del body[field]
            losses.dropped(field, _NOTE)
    messages = body.get("messages")
    if isinstance(messages, msgspec.Raw):
        if not _may_hold_strangers(bytes(messages)):
            return body
        messages = decoded(messages, "messages")
    if isinstance(messages, list):
        accepted = [
            _accepted(message, f"messages[{index}]", losses)
            for index, message in enumerate(messages)
        ]
        if any(ours is not theirs for ours, theirs in zip(accepted, messages, strict=True)):
            body["messages"] = accepted
    return body


def _may_hold_strangers(data: bytes) -> bool:
    """Look at the bytes alone: the names of fields, and the ids that results repeat.

    Two searches for a fixed text, however large the messages are. Names hidden in escapes, which
    no encoder writes, are left to OpenAI's own 400.
    """
    return b'"reasoning_' in data or _has_long_id(data)


def _has_long_id(data: bytes) -> bool:
    """Look for an id without a quote where one must come at the latest."""
    at = data.find(_ID)
    while at >= 0:
        start = at + len(_ID)
        opening = data.find(b'"', start, start + _WINDOW)
        if opening < 0 or data.find(b'"', opening + 1, opening + _LONGEST_ID + 2) < 0:
            return True
        at = data.find(_ID, start)
    return False


def _accepted(message: Any, place: str, losses: Losses) -> Any:
    """Copy a message without what OpenAI refuses; give it itself if there is nothing."""
    if not isinstance(message, dict):
        return message
    for name in _THOUGHTS:
        if name in message:
            if message[name]:
                losses.dropped(f"{place}.{name}", _NOTE)
            message = {key: value for key, value in message.items() if key != name}
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        renamed = [_renamed(call, "id") for call in calls]
        if renamed != calls:
            message = message | {"tool_calls": renamed}
    return _renamed(message, "tool_call_id")


def _renamed(holder: Any, name: str) -> Any:
    """Shorten an id. It says nothing but which result belongs to which call, so nothing is lost."""
    given = holder.get(name) if isinstance(holder, dict) else None
    if not isinstance(given, str) or len(given) <= _LONGEST_ID:
        return holder
    digest = hashlib.sha256(given.encode("utf-8", "surrogatepass")).hexdigest()
    return holder | {name: f"call_{digest[:_KEPT_DIGITS]}"}
