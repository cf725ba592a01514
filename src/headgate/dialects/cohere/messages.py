"""Turns of the IR as the messages of Cohere's v2 chat.

Its rules: tool results are messages of their own, with texts and documents only; an assistant's
message holds thoughts and texts, or for models that do not think a plan before its calls; nobody's
content is empty. Plain files go into `documents`, where the model can cite them.

Source: docs.cohere.com/reference/chat, /docs/tool-use-overview, /docs/reasoning;
`providers.md` 4.6.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from headgate.dialects.cohere.citations import encode_citations
from headgate.dialects.cohere.models import NAME
from headgate.dialects.lenient_json import arguments_object, compact
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
    Remote,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from headgate.ir.tool_messages import answers_first

_ROLES = {"system": "system", "developer": "system", "assistant": "assistant"}
_DETAILS = frozenset({"auto", "low", "high"})


class Arranged(msgspec.Struct, frozen=True):
    """The wire's `messages`, and the files among them that go beside them."""

    messages: list[Json]
    documents: list[Json]


class Rules(msgspec.Struct, frozen=True):
    """What the model and the rest of the request allow."""

    thinks: bool
    takes_documents: bool  # not together with tools


def arrange(turns: Sequence[Turn], rules: Rules, losses: Losses) -> Arranged:
    """Write all turns; what has no place in them is named."""
    arranged = Arranged([], [])
    for index, turn in enumerate(turns):
        writer = _Writer(turn, f"messages[{index}]", rules, arranged.documents, losses)
        messages = writer.messages()
        for dialect, fields in turn.extras.items():
            if dialect == NAME and messages:
                messages[-1].update(fields)
                continue
            for key in fields:
                losses.dropped(f"messages[{index}].{key}")
        arranged.messages.extend(messages)
    return msgspec.structs.replace(arranged, messages=answers_first(arranged.messages))


class _Writer:
    """One turn on its way to the wire: usually one message."""

    def __init__(
        self, turn: Turn, place: str, rules: Rules, documents: list[Json], losses: Losses
    ) -> None:
        self._turn = turn
        self._place = place
        self._rules = rules
        self._documents = documents
        self._losses = losses

    def messages(self) -> list[Json]:
        """Tool results first, each a message, then what else the turn says."""
        if self._turn.name:
            self._losses.dropped(f"{self._place}.name")
        found: list[Json] = []
        rest: list[tuple[str, Part]] = []
        for index, part in enumerate(self._turn.parts):
            place = f"{self._place}.content[{index}]"
            if getattr(part, "cache", None) is not None:
                self._losses.dropped(f"{place}.cache_control")
            if isinstance(part, ToolResult) and self._turn.role in ("user", "tool"):
                found.append(self._result(part, place))
                rest += self._moved(part, place)
            else:
                rest.append((place, part))
        if rest:
            is_assistant = self._turn.role == "assistant"
            message = self._assistant(rest) if is_assistant else self._said(rest)
            found += [message] if message.keys() != {"role"} else []
        return found

    def _said(self, parts: Sequence[tuple[str, Part]]) -> Json:
        """Write what the user or the system says."""
        blocks = [block for place, part in parts for block in self._block(part, place)]
        message: Json = {"role": _ROLES.get(self._turn.role, "user")}
        if blocks:
            message["content"] = shortened(blocks)
        return message

    def _block(self, part: Part, place: str) -> list[Json]:
        match part:
            case Text(text=text):
                if part.citations:
                    self._losses.dropped(f"{place}.citations")
                self._name_signature(part, place)
                return [{"type": "text", "text": text}] if text else []
            case Image() if self._turn.role in ("user", "tool"):
                return self._image(part, place)
            case File() if self._turn.role in ("user", "tool"):
                return self._file(part, place)
            case Audio(transcript=transcript) if transcript:
                self._losses.changed(place, "audio, sent as its transcript")
                return [{"type": "text", "text": transcript}]
            case Refusal(text=text) if text:
                self._losses.changed(place, "a refusal, sent as text")
                return [{"type": "text", "text": text}]
            case Opaque(dialect=dialect, block=block) if dialect == NAME:
                return [dict(block)]
        self._losses.dropped(place, f"no such part in a message of role {self._turn.role}")
        return []

    def _image(self, part: Image, place: str) -> list[Json]:
        match part.source:
            case Inline(media_type=media_type, data=data):
                url = f"data:{media_type};base64,{data}"
            case Remote(url=url) if url.startswith(("https://", "http://", "data:")):
                pass
            case _:
                self._losses.dropped(place, "an image from a place that is not read")
                return []
        image: Json = {"url": url}
        if part.detail in _DETAILS:
            image["detail"] = part.detail
        elif part.detail is not None:
            self._losses.dropped(f"{place}.image_url.detail")
        self._name_signature(part, place)
        return [{"type": "image_url", "image_url": image}]

    def _file(self, part: File, place: str) -> list[Json]:
        text = plain_text(part.source)
        if text is None:
            self._losses.dropped(place, "only plain text files are read")
            return []
        if self._rules.takes_documents:
            self._losses.changed(place, "sent as one of the request's documents")
            document = {"id": f"doc:{len(self._documents)}", "data": _document_data(part, text)}
            self._documents.append(document)
            return []
        self._losses.changed(place, "a file, sent as text")
        return [{"type": "text", "text": f"{part.name}\n\n{text}" if part.name else text}]

    def _assistant(self, parts: Sequence[tuple[str, Part]]) -> Json:
        has_calls = any(isinstance(part, ToolCall) for _, part in parts)
        blocks: list[Json] = []
        plan: list[str] = []
        calls: list[Json] = []
        citations: list[Json] = []
        for place, part in parts:
            match part:
                case ToolCall():
                    calls.append(self._call(part, place))
                case Thinking():
                    thought = self._thought(part, place, has_calls)
                    if thought and self._rules.thinks:
                        blocks.append({"type": "thinking", "thinking": thought})
                    elif thought:
                        plan.append(thought)
                case Text(citations=given) if given and part.text:
                    found, foreign = encode_citations(given, len(blocks))
                    if foreign:
                        self._losses.dropped(f"{place}.citations", "not this vendor's")
                    citations += found
                    self._name_signature(part, place)
                    blocks.append({"type": "text", "text": part.text})
                case _:
                    blocks += self._block(part, place)
        message: Json = {"role": "assistant"}
        found_fields = (
            ("tool_plan", "\n".join(plan)),
            ("content", blocks),
            ("citations", citations),
            ("tool_calls", calls),
        )
        return message | {name: value for name, value in found_fields if value}

    def _thought(self, part: Thinking, place: str, has_calls: bool) -> str:
        """Give a thought's text, whoever thought it, where the model can read one. "": nowhere."""
        if part.redacted or not part.text:
            self._losses.dropped(place, "thinking that only its own vendor can read")
            return ""
        if not (self._rules.thinks or has_calls):
            self._losses.dropped(place, "this model does not think")
            return ""
        self._name_signature(part, place)
        return part.text

    def _call(self, part: ToolCall, place: str) -> Json:
        arguments = part.arguments if part.arguments.strip() else "{}"
        if arguments_object(arguments) is None:
            arguments = compact({"arguments": arguments})
            self._losses.changed(place, "the arguments are not a JSON object; sent inside one")
        self._name_signature(part, place)
        function = {"name": part.name, "arguments": arguments}
        return {"id": part.call_id, "type": "function", "function": function}

    def _result(self, part: ToolResult, place: str) -> Json:
        blocks: list[Json] = []
        for index, inner in enumerate(part.content):
            here = f"{place}.content[{index}]"
            if getattr(inner, "cache", None) is not None:
                self._losses.dropped(f"{here}.cache_control")
            match inner:
                case Text(text=text) if part.is_error and text:
                    self._losses.changed(f"{place}.is_error", "a document with `error`")
                    blocks.append(_document_block({"error": text}))
                case File() if (plain := plain_text(inner.source)) is not None:
                    blocks.append(_document_block(_document_data(inner, plain)))
                case Text() | Opaque():
                    blocks += self._block(inner, here)
        if part.is_error and not any(isinstance(inner, Text) for inner in part.content):
            self._losses.dropped(f"{place}.is_error")
        return {"role": "tool", "tool_call_id": part.call_id, "content": shortened(blocks)}

    def _moved(self, part: ToolResult, place: str) -> list[tuple[str, Part]]:
        """Find the media of a tool's answer, which follow in a message of the user."""
        moved: list[tuple[str, Part]] = []
        for index, inner in enumerate(part.content):
            is_media = isinstance(inner, Image | Audio) or (
                isinstance(inner, File) and plain_text(inner.source) is None
            )
            if is_media:
                self._losses.changed(place, "media of a tool's answer go into a user's message")
                moved.append((f"{place}.content[{index}]", inner))
        return moved

    def _name_signature(self, part: Text | Image | Thinking | ToolCall, place: str) -> None:
        if part.signature is not None:
            self._losses.dropped(f"{place}.signature", "a proof for another vendor")


def shortened(blocks: list[Json]) -> str | list[Json]:
    """Write a single plain text as a string; every model takes that."""
    if not blocks:
        return ""
    if len(blocks) == 1 and blocks[0].keys() == {"type", "text"}:
        text: str = blocks[0]["text"]
        return text
    return blocks


def _document_block(data: Json) -> Json:
    return {"type": "document", "document": {"data": data}}


def _document_data(part: File, text: str) -> Json:
    return {"title": part.name, "text": text} if part.name else {"text": text}
