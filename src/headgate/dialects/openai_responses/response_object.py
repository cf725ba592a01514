"""The response object that a caller sees: what it repeats of the request, and what is new.

SDKs require nearly all of its fields. What it repeats is written once per reply, for each stream
shows the object three times.

Source: developers.openai.com/api/reference (response object).
"""

from __future__ import annotations

import re

import msgspec
from msgspec import Raw

from headgate.dialects.dialect import Fields, ReplyContext
from headgate.dialects.openai_responses.usage import encode_tool_usage, encode_usage
from headgate.ir.request import Json
from headgate.ir.usage import Usage

_json = msgspec.json.Encoder().encode
_UNFIT = re.compile(r"[^A-Za-z0-9_-]")
_PREFIX = "resp_"

# What is repeated, and what counts where the caller said nothing.
_REPEATED: dict[str, Raw] = {
    name: Raw(value)
    for name, value in {
        "background": b"false",
        "instructions": b"null",
        "max_output_tokens": b"null",
        "max_tool_calls": b"null",
        "metadata": b"{}",
        "parallel_tool_calls": b"true",
        "previous_response_id": b"null",
        "prompt_cache_key": b"null",
        "prompt_cache_retention": b"null",
        "reasoning": b'{"effort":null,"summary":null}',
        "safety_identifier": b"null",
        "store": b"true",
        "temperature": b"1.0",
        "text": b'{"format":{"type":"text"}}',
        "tool_choice": b'"auto"',
        "tools": b"[]",
        "top_logprobs": b"0",
        "top_p": b"1.0",
        "truncation": b'"disabled"',
        "user": b"null",
    }.items()
}
_TEXT_FORM = Raw(b'{"type":"text"}')


class ResponseObject:
    """Writes the response object of one reply, at its beginning and at its end."""

    def __init__(self, context: ReplyContext, reply_id: str, model: str, created: int) -> None:
        self.response_id = shown_id(reply_id, context.reply_id)
        head = {
            "id": self.response_id,
            "object": "response",
            "created_at": created or context.created,
            "model": model or context.model,
        }
        self._head = _json(head)[:-1]
        self._tail = b"," + _json(_repeated(context.fields))[1:]
        self._asked_tier = context.fields.get("service_tier") or Raw(b'"auto"')

    @property
    def token(self) -> str:
        """What the ids of this response's items have in common."""
        return self.response_id.removeprefix(_PREFIX)

    def begun(self) -> bytes:
        """Write the object of a response that has only begun."""
        new: Json = {
            "status": "in_progress",
            "error": None,
            "incomplete_details": None,
            "output": [],
            "usage": None,
            "service_tier": self._asked_tier,
        }
        return self._written(new, {})

    def ended(
        self,
        status: str,
        output: bytes,
        *,
        usage: Usage | None = None,
        service_tier: str | None = None,
        incomplete: str | None = None,
        error: Json | None = None,
        extras: Json | None = None,
    ) -> bytes:
        """Write the object of a response that is over; `output` is a JSON array."""
        new: Json = {
            "status": status,
            "error": error,
            "incomplete_details": None if incomplete is None else {"reason": incomplete},
            "output": Raw(output),
            "usage": None if usage is None else encode_usage(usage),
            "service_tier": service_tier,
        }
        if (tool_usage := encode_tool_usage(usage)) is not None:
            new["tool_usage"] = tool_usage
        return self._written(new, extras or {})

    def _written(self, new: Json, extras: Json) -> bytes:
        more = {key: value for key, value in extras.items() if key not in new}
        return self._head + b"," + _json({**new, **more})[1:-1] + self._tail


def shown_id(reply_id: str, own_id: str) -> str:
    """Give a reply's id: an upstream's own if it is a response's, else one made of ours."""
    if reply_id.startswith(_PREFIX):
        return reply_id
    return _PREFIX + _UNFIT.sub("", own_id.removeprefix(_PREFIX))


def _repeated(fields: Fields) -> dict[str, Raw]:
    """Give what the object repeats of the request; null counts as unsaid."""
    found = dict(_REPEATED)
    for name in found:
        value = fields.get(name)
        if value is not None and bytes(value) != b"null":
            found[name] = value
    if (text := fields.get("text")) is not None:
        found["text"] = _with_form(text)
    return found


def _with_form(text: Raw) -> Raw:
    try:
        given: Fields = msgspec.json.decode(text, type=dict[str, Raw])
    except msgspec.DecodeError:
        return _REPEATED["text"]
    if bytes(given.get("format", Raw(b"null"))) == b"null":
        given = {**given, "format": _TEXT_FORM}
    return Raw(_json(given))
