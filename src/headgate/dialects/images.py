"""Images: OpenAI's form for callers and upstreams alike, so there is only an answer to look at.

Sources: platform.openai.com/docs/api-reference/images, .../images-streaming.
"""

from __future__ import annotations

from functools import partial

import msgspec

from headgate.dialects.dialect import Fields
from headgate.dialects.framing.sse import frame_bytes
from headgate.dialects.openai_chat.tasks import TaskWire, has, task_usage
from headgate.ir.usage import Usage

_LISTS = ("data", "images")  # OpenAI's, and Hyperbolic's or Venice's

_list = msgspec.json.Decoder(list[msgspec.Raw])
_objects = msgspec.json.Decoder(list[Fields])


def _is_answer(fields: Fields) -> bool:
    return any(_count(fields, name) for name in _LISTS)


def _count(fields: Fields, name: str) -> int:
    try:
        return len(_list.decode(fields[name])) if has(fields, name) else 0
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 0


def _usage(fields: Fields) -> Usage | None:
    """Read the tokens where they are told, and count the images (an event has one)."""
    told = task_usage(fields) or Usage()
    images = next((count for name in _LISTS if (count := _count(fields, name))), 0)
    if not images and has(fields, "b64_json"):
        images = 1
    return msgspec.structs.replace(told, images=images)


def _events(kind: str, fields: Fields) -> bytes:
    """Write a whole reply as the stream that was asked for: one last event for each image."""
    try:
        images = _objects.decode(fields.get("data", msgspec.Raw(b"[]")))
    except (msgspec.DecodeError, UnicodeDecodeError):
        images = []
    common = {name: value for name, value in fields.items() if name not in ("data", "usage")}
    if "created" in common:
        common["created_at"] = common.pop("created")
    frames = []
    for number, image in enumerate(images, start=1):
        event = {"type": msgspec.Raw(msgspec.json.encode(kind)), **common, **image}
        if number == len(images) and "usage" in fields:
            event["usage"] = fields["usage"]
        frames.append(frame_bytes(msgspec.json.encode(event), kind))
    return b"".join(frames)


def _wire(family: str) -> TaskWire:
    ending = f"{family}.completed"
    return TaskWire(
        endings=frozenset({ending}),
        families=(f"{family}.",),
        is_answer=_is_answer,
        usage=_usage,
        events=partial(_events, ending),
    )


IMAGES = _wire("image_generation")
IMAGE_EDITS = _wire("image_edit")
