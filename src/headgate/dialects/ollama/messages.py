"""Turns of the IR as the messages of Ollama's chat.

Its rules: content is one text; pictures stand beside it as bare base64; a call's arguments are an
object; a tool's answer names its tool.

Source: docs.ollama.com/api/chat, /capabilities/tool-calling; `providers.md` 4.12.
"""

from __future__ import annotations

from collections.abc import Sequence

from headgate.dialects.lenient_json import arguments_object
from headgate.dialects.media import plain_text
from headgate.ir.loss import Losses
from headgate.ir.request import (
    Audio,
    File,
    Image,
    Inline,
    Json,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from headgate.ir.tool_messages import answers_first

NAME = "ollama"
_ROLES = {"system": "system", "developer": "system", "assistant": "assistant"}
_BETWEEN = "\n"  # texts of one message, where the IR has several


def arrange(turns: Sequence[Turn], losses: Losses) -> list[Json]:
    """Write all turns; what has no place in them is named."""
    messages: list[Json] = []
    tools: dict[str, str] = {}  # call id -> the tool's name
    for index, turn in enumerate(turns):
        for part in turn.parts:
            if isinstance(part, ToolCall):
                tools[part.call_id] = part.name
        written = _Writer(turn, f"messages[{index}]", tools, losses).messages()
        for dialect, fields in turn.extras.items():
            if dialect == NAME and written:
                written[-1].update(fields)
                continue
            for key in fields:
                losses.dropped(f"messages[{index}].{key}")
        messages += written
    return answers_first(messages)


class _Writer:
    """One turn on its way to the wire: usually one message."""

    def __init__(self, turn: Turn, place: str, tools: dict[str, str], losses: Losses) -> None:
        self._turn = turn
        self._place = place
        self._tools = tools
        self._losses = losses
        self._texts: list[str] = []
        self._images: list[str] = []
        self._thoughts: list[str] = []
        self._calls: list[Json] = []

    def messages(self) -> list[Json]:
        """Tool results first, each a message, then what else the turn says."""
        if self._turn.name:
            self._losses.dropped(f"{self._place}.name")
        results: list[Json] = []
        for index, part in enumerate(self._turn.parts):
            place = f"{self._place}.content[{index}]"
            if getattr(part, "cache", None) is not None:
                self._losses.dropped(f"{place}.cache_control")
            if isinstance(part, ToolResult) and self._turn.role in ("user", "tool"):
                results.append(self._result(part, place))
            else:
                self._add(part, place)
        return [*results, *self._rest()]

    def _rest(self) -> list[Json]:
        found = (
            ("thinking", "".join(self._thoughts)),
            ("images", self._images),
            ("tool_calls", self._calls),
        )
        more: Json = {name: value for name, value in found if value}
        if not (more or self._texts):
            return []
        role = _ROLES.get(self._turn.role, "user")
        return [{"role": role, "content": _BETWEEN.join(self._texts), **more}]

    def _add(self, part: Part, place: str) -> None:
        role = self._turn.role
        match part:
            case Thinking() if role == "assistant" and part.text and not part.redacted:
                self._name_signature(part, place)
                self._thoughts.append(part.text)
            case ToolCall() if role == "assistant":
                self._calls.append(self._call(part, place))
            case Image() if role in ("user", "tool"):
                self._image(part, place)
            case _:
                text = self._text(part, place)
                self._texts += [text] if text else []

    def _text(self, part: Part, place: str) -> str:
        """Write a part as words. "": it says nothing, or it is named."""
        match part:
            case Text(text=text):
                if part.citations:
                    self._losses.dropped(f"{place}.citations")
                self._name_signature(part, place)
                return text
            case File() if (plain := plain_text(part.source)) is not None:
                self._losses.changed(place, "a file, sent as text")
                return f"{part.name}\n\n{plain}" if part.name else plain
            case Audio(transcript=transcript) if transcript:
                self._losses.changed(place, "audio, sent as its transcript")
                return transcript
            case Refusal(text=text) if text:
                self._losses.changed(place, "a refusal, sent as text")
                return text
            case Opaque(dialect=dialect):
                self._losses.dropped(place, f"only {dialect} knows it")
                return ""
        self._losses.dropped(place, f"no such part in a message of role {self._turn.role}")
        return ""

    def _image(self, part: Image, place: str) -> None:
        if not isinstance(part.source, Inline):
            self._losses.dropped(place, "a picture is read from the request only, not from afar")
            return
        if part.detail not in (None, "auto"):
            self._losses.dropped(f"{place}.image_url.detail")
        self._name_signature(part, place)
        self._images.append(part.source.data)

    def _call(self, part: ToolCall, place: str) -> Json:
        arguments = arguments_object(part.arguments)
        if arguments is None:
            arguments = {"arguments": part.arguments}
            self._losses.changed(place, "the arguments are not a JSON object; sent inside one")
        self._name_signature(part, place)
        call: Json = {"function": {"name": part.name, "arguments": arguments}}
        return {"id": part.call_id, "type": "function", **call} if part.call_id else call

    def _result(self, part: ToolResult, place: str) -> Json:
        texts = []
        for index, inner in enumerate(part.content):
            here = f"{place}.content[{index}]"
            if getattr(inner, "cache", None) is not None:
                self._losses.dropped(f"{here}.cache_control")
            if isinstance(inner, Image):
                self._losses.changed(place, "pictures of a tool's answer follow from the user")
                self._image(inner, here)
            elif text := self._text(inner, here):
                texts.append(text)
        content = _BETWEEN.join(texts)
        if part.is_error:
            self._losses.changed(f"{place}.is_error", "said in words")
            content = f"Error: {content}" if content else "Error"
        message: Json = {"role": "tool", "content": content}
        if name := part.name or self._tools.get(part.call_id, ""):
            message["tool_name"] = name
        if part.call_id:
            message["tool_call_id"] = part.call_id
        return message

    def _name_signature(self, part: Text | Image | Thinking | ToolCall, place: str) -> None:
        if part.signature is not None:
            self._losses.dropped(f"{place}.signature", "a proof for another vendor")
