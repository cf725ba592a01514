"""Messages: between our turns and `contents` with `systemInstruction`.

Source: ai.google.dev/api/caching#Content, .../gemini-api/docs/thought-signatures; `providers.md`
2.4 (roles, pairing of calls and results); `peers.md` 5.3 (foreign signatures)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from headgate.dialects.dialect import Target
from headgate.dialects.gemini.models import WEB_URLS, Family, family_of
from headgate.dialects.gemini.parts import (
    FOREIGN_SIGNATURE,
    CallNames,
    decode_part,
    encode_call,
    encode_id,
    encode_source,
    own_signature,
    response_object,
)
from headgate.dialects.gemini.wire import NAME, fields, objects, text
from headgate.dialects.strict_json import invalid
from headgate.ir.loss import Losses
from headgate.ir.request import (
    Audio,
    File,
    Image,
    Json,
    Opaque,
    Part,
    Refusal,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)

_ROLES: dict[str, Role] = {"user": "user", "model": "assistant", "function": "tool", "": "user"}

# ------------------------------------------------------------------ caller -> IR


def decode_system(value: object, place: str) -> Turn:
    """Read `systemInstruction`: a content, or just a text."""
    if isinstance(value, str):
        return Turn(role="system", parts=(Text(text=value),))
    parts = fields(value, place).get("parts", [])
    return Turn(role="system", parts=_parts(parts, CallNames(), f"{place}.parts"))


def decode_contents(value: object, place: str) -> list[Turn]:
    """Read `contents`: a list of contents, one content, or just a text."""
    if isinstance(value, str):
        return [Turn(role="user", parts=(Text(text=value),))]
    calls = CallNames()
    turns = []
    for content, at in objects(value, place):
        role = text(content.pop("role", ""), f"{at}.role")
        if role not in _ROLES:
            raise invalid("Expected `user` or `model`", f"{at}.role")
        parts = _parts(content.pop("parts", []), calls, f"{at}.parts")
        extras = {NAME: content} if content else {}
        turns.append(Turn(role=_ROLES[role], parts=parts, extras=extras))
    return turns


def _parts(value: object, calls: CallNames, place: str) -> tuple[Part, ...]:
    return tuple(decode_part(part, calls, at) for part, at in objects(value, place))


# ------------------------------------------------------------------ IR -> upstream


class Contents(NamedTuple):
    """What the turns become."""

    contents: list[Json]
    system: list[Json]


class _Result(NamedTuple):
    """One tool's answer: its part, and media that the answer cannot hold."""

    call_id: str
    part: Json
    media: list[Json]


class _Content:
    """A content in the making: turns of one side that follow each other."""

    def __init__(self, role: str, fields: Json) -> None:
        self.role = role
        self.fields = fields
        self.parts: list[Json] = []
        self.results: list[_Result] = []
        self.calls: list[str] = []  # ids, in order

    def written(self, calls: list[str]) -> Json:
        """Give the content; results first, in the order of the calls before it."""
        order = {call_id: index for index, call_id in enumerate(calls)}
        results = sorted(self.results, key=lambda result: order.get(result.call_id, len(order)))
        media = [part for result in results for part in result.media]
        parts = [result.part for result in results] + media + self.parts
        return {"role": self.role, "parts": parts} | self.fields


def encode_contents(turns: Iterable[Turn], target: Target, losses: Losses) -> Contents:
    """Write the turns: system texts apart, turns of one side merged, results beside their calls.

    Errors: RelayError INVALID_REQUEST for a tool result that answers no call.
    """
    encoder = _Encoder(target, losses)
    for index, turn in enumerate(turns):
        encoder.add(turn, f"messages[{index}]")
    return encoder.finished()


class _Encoder:
    def __init__(self, target: Target, losses: Losses) -> None:
        self._family: Family = family_of(target.model)
        self._web_urls = self._family.takes_web_urls or WEB_URLS in target.traits
        self._losses = losses
        self._system: list[Json] = []
        self._contents: list[_Content] = []
        self._names: dict[str, str] = {}  # call id -> function name

    def add(self, turn: Turn, place: str) -> None:
        """Take one turn."""
        if turn.name:
            self._losses.dropped(f"{place}.name")
        for dialect, extras in turn.extras.items():
            if dialect != NAME:
                for name in extras:
                    self._losses.dropped(f"{place}.{name}", f"a field of {dialect}")
        if turn.role in {"system", "developer"}:
            self._add_system(turn, place)
            return
        role = "model" if turn.role == "assistant" else "user"
        content = self._content(role, turn.extras.get(NAME, {}))
        for index, part in enumerate(turn.parts):
            self._add_part(part, content, f"{place}.content[{index}]")

    def finished(self) -> Contents:
        """Give everything; a conversation of system texts alone is sent as the user's."""
        kept = [content for content in self._contents if content.parts or content.results]
        calls: list[str] = []
        contents = []
        for content in kept:
            if self._family.wants_signatures and content.calls:
                _sign_first_call(content.parts)
            contents.append(content.written(calls))
            calls = content.calls or calls
        if self._system and (not contents or not self._family.takes_system):
            self._losses.changed("system", "sent as the first words of the user")
            if not contents or contents[0]["role"] != "user":
                contents.insert(0, {"role": "user", "parts": []})
            contents[0]["parts"] = self._system + contents[0]["parts"]
            self._system = []
        return Contents(contents, self._system)

    def _content(self, role: str, extras: Json) -> _Content:
        """Give the content that a turn goes into: the last one, if it is the same side's."""
        if not self._contents or self._contents[-1].role != role or extras:
            self._contents.append(_Content(role, extras))
        return self._contents[-1]

    def _add_system(self, turn: Turn, place: str) -> None:
        if self._contents:
            self._losses.changed(place, "moved to the system instruction")
        for index, part in enumerate(turn.parts):
            at = f"{place}.content[{index}]"
            match part:
                case Text():
                    self._cut_marks(part, at)
                    if part.text:
                        self._system.append({"text": part.text})
                case Opaque(dialect="gemini"):
                    self._system.append(part.block)
                case _:
                    self._losses.dropped(at, "a system instruction is text")

    def _add_part(self, part: Part, content: _Content, place: str) -> None:
        self._cut_marks(part, place)
        match part:
            case Text():
                self._add_text(part, content, place)
            case Thinking():
                self._add_thinking(part, content, place)
            case Image() | Audio() | File():
                content.parts.extend(self._media(part, place))
            case ToolCall():
                self._add_call(part, content, place)
            case ToolResult():
                content.results.append(self._result(part, place))
            case Refusal():
                self._losses.changed(place, "a refusal is sent as text")
                content.parts.append({"text": part.text})
            case Opaque(dialect="gemini"):
                content.parts.append(part.block)
            case Opaque():
                self._losses.dropped(place, f"a block of {part.dialect}")

    def _cut_marks(self, part: Part, place: str) -> None:
        """Name what hangs on a part and has no word here."""
        if getattr(part, "cache", None) is not None:
            self._losses.dropped(f"{place}.cache_control")
        if getattr(part, "citations", ()):
            self._losses.dropped(f"{place}.citations")
        signature = None if _is_hidden(part) else getattr(part, "signature", None)
        if signature is not None and signature.origin != NAME:
            self._losses.changed(place, f"without the signature of {signature.origin}")

    def _add_text(self, part: Text, content: _Content, place: str) -> None:
        value = own_signature(part.signature)
        if value is not None:
            content.parts.append({"text": part.text, "thoughtSignature": value})
        elif part.text:  # Gemini refuses empty texts
            content.parts.append({"text": part.text})

    def _add_thinking(self, part: Thinking, content: _Content, place: str) -> None:
        """Write thoughts as thoughts, whoever had them; Gemini asks for no proof of these."""
        if _is_hidden(part):
            self._losses.dropped(place, "hidden reasoning of another vendor")
            return
        thought: Json = {"text": part.text, "thought": True}
        if value := own_signature(part.signature):
            thought["thoughtSignature"] = value
        if part.text or "thoughtSignature" in thought:
            content.parts.append(thought)

    def _add_call(self, call: ToolCall, content: _Content, place: str) -> None:
        if call.custom:
            self._losses.changed(place, "free text input is sent as an argument")
        self._names[call.call_id] = call.name
        content.calls.append(call.call_id)
        content.parts.append(encode_call(call))

    def _result(self, result: ToolResult, place: str) -> _Result:
        name = result.name or self._names.get(result.call_id)
        if not name:
            raise invalid(f"A tool result answers no earlier call ({result.call_id!r})", place)
        said: list[str] = []
        media: list[Json] = []
        for index, part in enumerate(result.content):
            at = f"{place}.content[{index}]"
            self._cut_marks(part, at)
            match part:
                case Text():
                    said.append(part.text)
                case Image() | Audio() | File():
                    media.extend(self._media(part, at))
                case Opaque(dialect="gemini"):
                    media.append(part.block)
                case Opaque():
                    self._losses.dropped(at, f"a block of {part.dialect}")
        answer: Json = {"name": name, "response": response_object(said, result.is_error)}
        answer |= encode_id(result.call_id)
        if media and self._family.takes_media_results:
            answer["parts"], media = media, []
        elif media:
            self._losses.changed(place, "media sent beside the tool result")
        return _Result(result.call_id, {"functionResponse": answer}, media)

    def _media(self, part: Image | Audio | File, place: str) -> list[Json]:
        fallback = "image/jpeg" if isinstance(part, Image) else "application/pdf"
        written = encode_source(part.source, self._web_urls, fallback)
        if isinstance(written, str):
            self._losses.dropped(place, written)
            return []
        if isinstance(part, File):
            if part.name:
                self._losses.dropped(f"{place}.file.filename")
            if part.citations_enabled:
                self._losses.dropped(f"{place}.citations")
        if isinstance(part, Image):
            if part.detail not in {None, "auto"}:
                self._losses.dropped(f"{place}.image_url.detail")
            if value := own_signature(part.signature):
                written["thoughtSignature"] = value
        return [written]


def _is_hidden(part: Part) -> bool:
    """Tell reasoning that only its vendor can read."""
    return isinstance(part, Thinking) and part.redacted


def _sign_first_call(parts: list[Json]) -> None:
    """Give the first call of a turn the signature that stands for none."""
    for index, part in enumerate(parts):
        if "functionCall" in part:
            parts[index] = {"thoughtSignature": FOREIGN_SIGNATURE} | part
            return
