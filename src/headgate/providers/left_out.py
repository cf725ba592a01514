"""What a channel's `tools: false` and `image: false` take out of a body, in any dialect's spelling.

Each takes the upstream body and names what it leaves out; top-level values may be `msgspec.Raw`,
and those that hold nothing to leave out stay as the caller sent them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from headgate.dialects.fields import decoded
from headgate.ir.loss import Losses
from headgate.providers.provider import Body

_TOOL_FIELDS = (
    *("tools", "tool_choice", "parallel_tool_calls", "max_tool_calls", "functions"),
    "function_call",
    "strict_tools",  # Cohere's
    *("toolConfig", "tool_config"),  # Gemini's and Converse's
)
_NO_TOOLS = "tools: false"

NO_IMAGES = "image: false"
_LEFT_OUT = "(an image was left out here)"
_MESSAGE_FIELDS = ("messages", "contents", "input")
_IMAGE_TYPES = frozenset({"image", "image_url", "input_image", "image_generation_call"})
# Where parts stand within parts: results of tools, and documents made of blocks. Whatever a model
# or a tool wrote as JSON is none of it, however much it looks like a part.
_HOLDERS = (
    *("content", "parts", "output", "source"),
    *("functionResponse", "function_response", "toolResult"),
)


def without_tools(body: Body, losses: Losses) -> Body:
    """Leave out tools and all that speaks of them."""
    for field in _TOOL_FIELDS:
        if field in body:
            losses.dropped(field, _NO_TOOLS)
            del body[field]
    return body


def without_images(body: Body, losses: Losses) -> Body:
    """Leave out image parts, those inside tools' results too.

    A list that held nothing else keeps a few words, since none of the wires takes an empty one, and
    Anthropic no empty text.
    """
    sweep = _Sweep(lambda place: losses.dropped(place, NO_IMAGES))
    for field in _MESSAGE_FIELDS:
        value = body.get(field)
        if isinstance(value, msgspec.Raw):
            if not _may_hold_images(bytes(value)):
                continue
            value = decoded(value, field)
        if isinstance(value, list):
            left = sweep.list(value, field)
            if left != value:
                body[field] = left
    return body


def _may_hold_images(data: bytes) -> bool:
    r"""Every spelling says "image" somewhere, if not hidden in an escape (`\u0069mage`)."""
    return b"image" in data or b"\\u00" in data


class _Sweep:
    """One walk through the messages. `found` is told the place of each image."""

    def __init__(self, found: Callable[[str], None]) -> None:
        self._found = found

    def list(self, parts: list[Any], place: str) -> list[Any]:
        """Copy a list without its images."""
        left: list[Any] = []
        for index, part in enumerate(parts):
            here = f"{place}[{index}]"
            if _is_image(part):
                self._found(here)
            else:
                left.append(self._inside(part, here))
        return left or [_words(parts)] if parts else left

    def _inside(self, part: Any, place: str) -> Any:
        if not isinstance(part, dict):
            return part
        if isinstance(part.get("images"), list) and part["images"]:  # Ollama's, beside the words
            self._found(f"{place}.images")
            part = {name: value for name, value in part.items() if name != "images"}
            part["content"] = part.get("content") or _LEFT_OUT
        for holder in _HOLDERS:
            value = part.get(holder)
            if isinstance(value, list):
                part = part | {holder: self.list(value, f"{place}.{holder}")}
            elif isinstance(value, dict):
                part = part | {holder: self._inside(value, f"{place}.{holder}")}
        return part


def _words(removed: list[Any]) -> dict[str, str]:
    """Say in the list's own dialect that an image was there."""
    kinds = [str(part["type"]) for part in removed if isinstance(part, dict) and "type" in part]
    if not kinds:
        return {"text": _LEFT_OUT}
    responses = any(kind.startswith("input_") for kind in kinds)
    return {"type": "input_text" if responses else "text", "text": _LEFT_OUT}


def _is_image(part: object) -> bool:
    if not isinstance(part, dict):
        return False
    kind = part.get("type")
    if isinstance(kind, str) and kind in _IMAGE_TYPES:
        return True
    if isinstance(part.get("image"), dict):  # Converse
        return True
    names = ("inlineData", "inline_data", "fileData", "file_data")
    media: dict[str, Any] = next(
        (part[name] for name in names if isinstance(part.get(name), dict)), {}
    )
    form = media.get("mimeType") or media.get("mime_type")
    return isinstance(form, str) and form.startswith("image/")
