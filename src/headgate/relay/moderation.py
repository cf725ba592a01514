"""Asking a moderation model about the caller's last words, for keys that want it.

As in uni-api (`ENABLE_MODERATION`) the question goes through the key's own rules, so the key needs
a rule that reaches a moderation model. What cannot be checked does not pass.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.dialects.moderations import flagged
from headgate.providers.provider import Operation
from headgate.relay.call import Call
from headgate.snapshot.facts import Key

# Where dialects keep what was said, and how Gemini's embeddings, Responses and the rest name it.
_TURNS = ("messages", "contents", "input")
_CONTENTS = ("content", "parts")
_PROMPTS = ("prompt", "input", "q", "query", "contents", "content", "requests")
_USER = "user"
_MODELS = ("omni-moderation-latest", "text-moderation-latest")


def moderation_call(call: Call, key: Key) -> Call | None:
    """The question to ask about a request; None if it holds no words of the user.

    Errors: RelayError FORBIDDEN when no rule of the key reaches a moderation model.
    """
    text = last_user_text(call)
    if not text:
        return None
    model = next((model for model in _MODELS if model in key.routes), None)
    if model is None:
        raise RelayError(
            Failure(
                kind=FailureKind.FORBIDDEN,
                message="Moderation is switched on for this key, but none of its model rules "
                f"reaches {_MODELS[0]}.",
            )
        )
    fields = {
        "model": msgspec.Raw(msgspec.json.encode(model)),
        "input": msgspec.Raw(msgspec.json.encode(text)),
    }
    return Call(
        request_id=call.request_id,
        operation=Operation.MODERATIONS,
        dialect="openai_chat",
        path="/v1/moderations",
        model=model,
        fields=fields,
        body=msgspec.json.encode(fields),
        headers=[],
        received_s=call.received_s,
    )


def check_verdict(body: bytes) -> None:
    """Stop a request whose text was flagged. Errors: RelayError CONTENT_REFUSED."""
    if flagged(body):
        raise RelayError(
            Failure(
                kind=FailureKind.CONTENT_REFUSED,
                # uni-api's text, which clients match.
                message="Content did not pass the moral check, please modify and try again.",
            )
        )


def last_user_text(call: Call) -> str:
    """The text of the last user turn that has any, in whichever dialect, or of the prompt."""
    for name in _TURNS:
        turns = call.value(name)
        if isinstance(turns, list) and (name == "messages" or any(map(_is_turn, turns))):
            users = [turn for turn in turns if _is_turn(turn) and turn.get("role", _USER) == _USER]
            return next((text for turn in reversed(users) if (text := _text(turn))), "")
    return next((text for name in _PROMPTS if (text := _text(call.value(name)))), "")


def _is_turn(value: Any) -> bool:
    """Whether this is something that somebody said, and not a text or what a tool gave."""
    return isinstance(value, dict) and any(name in value for name in _CONTENTS)


def _text(content: Any) -> str:
    match content:
        case str():
            return content
        case list():
            return "\n".join(part for item in content if (part := _text(item)))
        case {"text": str(text)}:
            return text
        case dict():
            return next((text for name in _CONTENTS if (text := _text(content.get(name)))), "")
        case _:
            return ""
