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
    """The text of the last user message that has any, or of the prompt or input."""
    messages = call.value("messages")
    if isinstance(messages, list):
        users = [m for m in messages if isinstance(m, dict) and m.get("role") == "user"]
        return next((text for m in reversed(users) if (text := _text(m.get("content")))), "")
    names = ("prompt", "input", "q", "query")
    return next((text for name in names if (text := _text(call.value(name)))), "")


def _text(content: Any) -> str:
    match content:
        case str():
            return content
        case list():
            return "\n".join(part for item in content if (part := _text(item)))
        case {"text": str(text)}:
            return text
        case _:
            return ""
