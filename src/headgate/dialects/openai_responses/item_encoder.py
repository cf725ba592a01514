"""Turns as the `input` items of an upstream, and the first system text as its `instructions`.

Source: developers.openai.com/api/reference (responses, input items); `providers.md` 2.2.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

from headgate.dialects.leftovers import by_place
from headgate.dialects.openai_responses.content import (
    is_plain,
    name_text_losses,
    own_annotations,
    write_part,
)
from headgate.dialects.openai_responses.models import NAME
from headgate.dialects.openai_responses.provenance import is_replayable, own_item
from headgate.ir.loss import Losses
from headgate.ir.request import (
    Audio,
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

ERROR_WORDS = "The tool reported an error."
_LONGEST_ID = 64
_Placed = tuple[int, Part]  # a part and its number in its turn


def encode_turns(
    turns: Sequence[Turn], losses: Losses, *, stored: bool
) -> tuple[str | None, list[Json]]:
    """Write turns: the `instructions`, if they begin with a plain system text, and the items."""
    instructions = _instructions(turns)
    custom = {
        part.call_id
        for turn in turns
        for part in turn.parts
        if isinstance(part, ToolCall) and part.custom
    }
    items: list[Json] = []
    for index, turn in enumerate(turns):
        if index == 0 and instructions is not None:
            continue
        items += _Writer(turn, f"messages[{index}]", losses, custom, stored=stored).items()
    return instructions, items


def _instructions(turns: Sequence[Turn]) -> str | None:
    match turns:
        case [Turn(role="system", parts=(Text(text=text) as part,), name="") as turn, *_] if (
            text and part == Text(text=text) and not turn.extras
        ):
            return text
    return None


class _Writer:
    """Writes one turn."""

    def __init__(
        self, turn: Turn, place: str, losses: Losses, custom: set[str], *, stored: bool
    ) -> None:
        self._turn = turn
        self._place = place
        self._losses = losses
        self._custom = custom  # ids of the calls of free-text tools
        self._stored = stored
        self._left: Mapping[str, Json] = by_place(turn.extras.get(NAME, {}))
        self._has_message = False

    def items(self) -> list[Json]:
        """Write the turn's items."""
        if self._turn.name:
            self._losses.dropped(f"{self._place}.name")
        for dialect, fields in self._turn.extras.items():
            if dialect != NAME:
                for path in fields:
                    self._losses.dropped(f"{self._place}.{path}")
        if self._turn.role == "assistant":
            return self._assistants()
        return self._others()

    def _at(self, index: int) -> str:
        return f"{self._place}.content[{index}]"

    # ------------------------------------------------------- everybody but the assistant

    def _others(self) -> list[Json]:
        """Write results, each an item of its own, then the rest as one message."""
        items: list[Json] = []
        rest: list[_Placed] = []
        is_tools = self._turn.role == "tool"
        for index, part in enumerate(self._turn.parts):
            if isinstance(part, ToolResult):
                items.append(self._result(part, index) | (self._fields("") if is_tools else {}))
            elif is_tools and isinstance(part, Opaque) and part.dialect == NAME:
                items.append(dict(part.block))
            else:
                rest.append((index, part))
        if rest or not items:
            role = "user" if is_tools else self._turn.role
            fields = {} if is_tools else self._fields("")
            items.append({"role": role, "content": self._content(rest), **fields})
        return items

    def _content(self, parts: Sequence[_Placed]) -> str | list[Json]:
        written: list[Json] = []
        for index, part in parts:
            block = write_part(part, self._at(index), self._losses)
            if block is not None:
                written.append(block | self._fields(f"content[{index}]"))
        if not parts:
            return ""
        if is_plain(written):
            text: str = written[0]["text"]
            return text
        return written

    def _result(self, result: ToolResult, index: int) -> Json:
        place = self._at(index)
        written: list[Json] = []
        for number, part in enumerate(result.content):
            where = f"{place}.content[{number}]"
            if isinstance(part, Audio):
                self._losses.dropped(where, "a tool cannot answer with sound here")
                continue
            block = write_part(part, where, self._losses)
            if block is not None:
                written.append(block | self._fields(f"content[{index}].content[{number}]"))
        if result.is_error:
            self._losses.changed(f"{place}.is_error", "said in words")
            written.insert(0, {"type": "input_text", "text": ERROR_WORDS})
        if result.cache is not None:
            self._losses.dropped(f"{place}.cache_control")
        custom = result.call_id in self._custom
        output: str | list[Json] = written or ""
        if is_plain(written):
            output = written[0]["text"]
        return {
            "type": "custom_tool_call_output" if custom else "function_call_output",
            "call_id": _shortened(result.call_id),
            "output": output,
        }

    # --------------------------------------------------------------- the assistant

    def _assistants(self) -> list[Json]:
        """Write what the assistant did, in order; texts in a row are one message."""
        items: list[Json] = []
        said: list[_Placed] = []
        for index, part in enumerate(self._turn.parts):
            if isinstance(part, Text | Refusal) or _is_spoken(part):
                said.append((index, part))
                continue
            if said:
                items.append(self._message(said))
                said = []
            item = self._item(part, index)
            if item is not None:
                items.append(item)
        if said:
            items.append(self._message(said))
        return items

    def _message(self, said: Sequence[_Placed]) -> Json:
        first = said[0][0]
        fields = self._fields(f"content[{first}].message" if self._has_message else "")
        self._has_message = True
        content = [
            self._output_part(part, index) | self._fields(f"content[{index}]")
            for index, part in said
        ]
        if is_plain(content) and "id" not in fields:
            return {"role": "assistant", "content": content[0]["text"], **fields}
        for block in content:
            if block["type"] == "output_text":
                block.setdefault("annotations", [])
        message: Json = {"type": "message", "role": "assistant", "content": content}
        if "id" in fields:
            message["status"] = "completed"
        return {**message, **fields}

    def _output_part(self, part: Part, index: int) -> Json:
        place = self._at(index)
        if isinstance(part, Refusal):
            return {"type": "refusal", "refusal": part.text}
        if isinstance(part, Audio):
            self._losses.changed(place, "audio, sent as its transcript")
            return {"type": "output_text", "text": part.transcript}
        if not isinstance(part, Text):  # never: `said` holds nothing else
            return {"type": "output_text", "text": ""}
        name_text_losses(part, place, self._losses)
        block: Json = {"type": "output_text", "text": part.text}
        if notes := own_annotations(part, place, self._losses):
            block["annotations"] = notes
        return block

    def _item(self, part: Part, index: int) -> Json | None:
        place = self._at(index)
        match part:
            case Thinking():
                return self._reasoning(part, place)
            case ToolCall():
                return self._call(part, index)
            case Image(source=Inline(media_type=media_type, data=data)):
                fields = self._fields(f"content[{index}]")
                if "id" in fields:
                    form = media_type.removeprefix("image/")
                    kind = {"type": "image_generation_call", "status": "completed"}
                    return {**kind, "output_format": form, "result": data, **fields}
                self._losses.dropped(place, "an assistant's message holds no media")
            case Opaque(dialect=dialect, block=block) if dialect == NAME:
                return dict(block)
            case Opaque(dialect=dialect):
                self._losses.dropped(place, f"only {dialect} knows it")
            case _:
                self._losses.dropped(place, "no such item of an assistant")
        return None

    def _reasoning(self, part: Thinking, place: str) -> Json | None:
        if part.signature is None or part.signature.origin != NAME:
            self._losses.dropped(place, "reasoning without a proof of this vendor")
            return None
        item = own_item(part)
        if not is_replayable(item, stored=self._stored):
            self._losses.dropped(place, "reasoning that only the vendor's store could hold")
            return None
        return item

    def _call(self, call: ToolCall, index: int) -> Json:
        place = self._at(index)
        if call.signature is not None:
            self._losses.dropped(f"{place}.signature", f"it is {call.signature.origin}'s")
        if call.cache is not None:
            self._losses.dropped(f"{place}.cache_control")
        called: Json = {"call_id": _shortened(call.call_id), "name": call.name}
        fields = self._fields(f"content[{index}]")
        if call.custom:
            return {"type": "custom_tool_call", **called, "input": call.arguments, **fields}
        # Servers refuse empty arguments; a call without any has an empty object.
        return {"type": "function_call", **called, "arguments": call.arguments or "{}", **fields}

    def _fields(self, path: str) -> Json:
        """Give what nobody had a word for at this path."""
        return self._left.get(path, {})


def _is_spoken(part: Part) -> bool:
    return isinstance(part, Audio) and bool(part.transcript)


def _shortened(call_id: str) -> str:
    """Keep a call's id within the API's limit: some clients' ids have a proof inside."""
    if len(call_id) <= _LONGEST_ID:
        return call_id
    mark = f"_{zlib.crc32(call_id.encode()):08x}"
    return call_id[: _LONGEST_ID - len(mark)] + mark
