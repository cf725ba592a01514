"""What the image and audio endpoints of the OpenAI family have in common: usage, errors, events.

Sources: platform.openai.com/docs/api-reference/images, .../audio, .../images-streaming; what
vendors really count is in `providers.md` 8 and the recordings (`recordings.md` 5.11).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from headgate.base.failure import Failure, bad_reply
from headgate.base.frames import Frame
from headgate.dialects.dialect import Fields
from headgate.dialects.lenient_json import parsed_object
from headgate.dialects.openai_chat.errors import decode_error, failure_of
from headgate.ir.usage import Usage, clamped

_NULL = b"null"
_fields = msgspec.json.Decoder(Fields)


class TaskWire(msgspec.Struct, frozen=True, kw_only=True):
    """How one kind of task is answered.

    `endings` are the types of the events that end a stream, `families` what the types of its
    events begin with. `is_answer` looks at a whole JSON reply, `usage` reads one, or the last event
    of a stream. `events` writes a whole JSON reply as the stream that was asked for, and `wrapped`
    does so for one that is no JSON.
    """

    endings: frozenset[str]
    families: tuple[str, ...]
    is_answer: Callable[[Fields], bool]
    usage: Callable[[Fields], Usage | None]
    events: Callable[[Fields], bytes]
    wrapped: Callable[[bytes], bytes] | None = None

    def inspect_reply(self, body: bytes) -> Failure | None:
        """Tell what is wrong with a whole JSON reply: an error inside a 200, or no answer."""
        fields = fields_of(body)
        if fields is None:
            return bad_reply("the upstream's answer is not a JSON object")
        if self.is_answer(fields):
            return None
        error = decode_error(parsed_object(body) or {})
        return bad_reply("the upstream's answer is empty") if error is None else failure_of(error)


def fields_of(data: bytes) -> Fields | None:
    """Decode the top level only: an image inside is not copied. None if it is no object."""
    try:
        return _fields.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def has(fields: Fields, name: str) -> bool:
    """Whether there is a value that is not null."""
    return name in fields and bytes(fields[name]) != _NULL


def text_of(fields: Fields, name: str) -> str:
    """Read a string; "" if there is none."""
    value = value_of(fields, name)
    return value if isinstance(value, str) else ""


def value_of(fields: Fields, name: str) -> object:
    """Read a value of an upstream's; None if there is none, or none that can be read."""
    try:
        return msgspec.json.decode(fields[name]) if name in fields else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def event_failure(frame: Frame, fields: Fields) -> Failure | None:
    """Tell an event that says that something went wrong."""
    is_error = frame.event == "error" or text_of(fields, "type") == "error"
    if not is_error and not has(fields, "error"):
        return None
    error = decode_error(parsed_object(frame.data) or {})
    return bad_reply("the upstream sent an error event") if error is None else failure_of(error)


def task_usage(fields: Fields) -> Usage | None:
    """Read `usage`: tokens in either spelling, or a duration. None if it tells of neither."""
    wire = _object(fields, "usage")
    output = clamped(wire.get("output_tokens", wire.get("completion_tokens")))
    prompt = clamped(wire.get("input_tokens", wire.get("prompt_tokens")))
    # Mistral leaves the audio out of the prompt, but not out of the total.
    whole = max(prompt, clamped(wire.get("total_tokens")) - output)
    seconds = clamped_up(wire.get("seconds", wire.get("prompt_audio_seconds")))
    if not (output or whole or seconds):
        return None
    inside = _details(wire, "input_token_details", "input_tokens_details", "prompt_tokens_details")
    outside = _details(wire, "output_tokens_details", "completion_tokens_details")
    cached = min(clamped(inside.get("cached_tokens")), whole)
    return Usage(
        input=whole - cached,
        cache_read=cached,
        output=output,
        audio_input=min(clamped(inside.get("audio_tokens")) or whole - prompt, whole - cached),
        image_input=min(clamped(inside.get("image_tokens")), whole - cached),
        audio_output=min(clamped(outside.get("audio_tokens")), output),
        image_output=min(clamped(outside.get("image_tokens")), output),
        audio_seconds=seconds,
    )


def clamped_up(value: object) -> int:
    """Read a number of seconds, every begun one counted."""
    if isinstance(value, float) and math.isfinite(value):
        value = math.ceil(value)
    return clamped(value)


def _object(fields: Fields, name: str) -> Mapping[str, Any]:
    value = value_of(fields, name)
    return value if isinstance(value, dict) else {}


def _details(wire: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    return next((value for name in names if isinstance(value := wire.get(name), dict)), {})
