"""What nobody reads of an upstream's reply: kept by its path, and named to foreign callers.

Of a stream only a few chunks are looked at so closely: the first, the last ones, and those with
whole messages. Vendors put what they add there, and each of the others is in a hurry.

Source: platform.openai.com/docs/api-reference/chat/object; `recordings.md` 5.2.
"""

from __future__ import annotations

from headgate.dialects.leftovers import keep_unread
from headgate.dialects.lenient_json import objects_of, parsed_object
from headgate.dialects.openai_chat.wire import Delta
from headgate.ir.request import Json

_TOP = frozenset(
    {
        *("id", "object", "created", "model", "choices", "usage", "service_tier"),
        *("system_fingerprint", "x_groq", "error"),
        "obfuscation",  # padding
    }
)
_CHOICE = frozenset(
    {"index", "message", "delta", "finish_reason", "logprobs", "usage", "text", "obfuscation"}
)
_MESSAGE = frozenset({"role", *Delta.__struct_fields__})
_CALL = frozenset({"id", "index", "type", "function", "custom", "extra_content"})


def leftovers_in(data: bytes) -> Json:
    """Look through a reply or a chunk; empty when it is read whole, or is no JSON object."""
    wire = parsed_object(data)
    return {} if wire is None else leftovers_of(wire)


def leftovers_of(wire: Json) -> Json:
    """Give what nobody reads, by its path, such as `choices[0].native_finish_reason`."""
    found: Json = {}
    keep_unread(found, "", wire, _TOP)
    for index, choice in enumerate(objects_of(wire.get("choices"))):
        place = f"choices[{index}]"
        keep_unread(found, place, choice, _CHOICE)
        for name in ("message", "delta"):
            message = choice.get(name)
            if isinstance(message, dict):
                # A delta is a piece of the message: callers know it by that name.
                keep_unread(found, f"{place}.message", message, _MESSAGE)
                for number, call in enumerate(objects_of(message.get("tool_calls"))):
                    keep_unread(found, f"{place}.message.tool_calls[{number}]", call, _CALL)
    return found
