"""A caller's request, as the edge hands it to the relay."""

from __future__ import annotations

from typing import Any

import msgspec

from headgate.providers.provider import Operation
from headgate.relay.call import Call

HELLO = [{"role": "user", "content": "hello"}]


def call(body: dict[str, Any] | bytes | None = None, **changes: Any) -> Call:
    """Make a call from a body; without one, a chat request that says hello."""
    if body is None:
        body = {"model": "gpt", "messages": HELLO}
    sent = body if isinstance(body, bytes) else msgspec.json.encode(body)
    facts: dict[str, Any] = {
        "request_id": "r1",
        "operation": Operation.CHAT,
        "dialect": "openai_chat",
        "path": "/v1/chat/completions",
        "model": "gpt",
        "fields": msgspec.json.decode(sent, type=dict[str, msgspec.Raw]),
        "body": sent,
        "headers": [],
        "received_s": 0.0,
    }
    return Call(**(facts | changes))
