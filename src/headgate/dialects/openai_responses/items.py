"""The caller's `input` as turns.

A flat list of items becomes turns: what the assistant said, thought and called in one go is one
turn, unless two messages follow each other directly. Items that only this dialect knows stay
opaque, each as a part.

Source: developers.openai.com/api/reference (responses, input items); `recordings.md` 5.3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import msgspec

from headgate.dialects.leftovers import Leftovers
from headgate.dialects.lenient_json import compact
from headgate.dialects.openai_responses.content import read_content
from headgate.dialects.openai_responses.models import NAME
from headgate.dialects.openai_responses.provenance import proof_in, read_reasoning
from headgate.dialects.openai_responses.tools import Offered
from headgate.dialects.seals import Seal
from headgate.dialects.strict_json import Reader, invalid, joined
from headgate.ir.request import (
    Audio,
    File,
    Image,
    Inline,
    Json,
    Opaque,
    Part,
    Refusal,
    Role,
    Signature,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
}
_OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output"})
_APPROVAL = "mcp_approval_response"  # the one item from the caller's side not named `*_output`


def read_input(reader: Reader, offered: Offered, *, goes_on: bool) -> list[Turn]:
    """Take `input`: a text, or items. `goes_on`: calls may be in what the upstream remembers.

    Errors: RelayError INVALID_REQUEST with the place.
    """
    value = reader.rest.pop("input", None)
    if value is None:
        return []
    if isinstance(value, str):
        return [Turn(role="user", parts=(Text(text=value),))]
    reader.rest["input"] = value
    if not isinstance(value, list):
        raise reader.refuse("input", "str | array")
    turns = _Turns(offered, goes_on=goes_on)
    for index, item in enumerate(reader.items("input")):
        turns.add(Reader(item, f"input[{index}]"))
    return turns.finish()


class _Turns:
    """Turns while items are added to them."""

    def __init__(self, offered: Offered, *, goes_on: bool) -> None:
        self._offered = offered
        self._goes_on = goes_on
        self._turns: list[Turn] = []
        self._parts: list[Part] = []  # of the assistant's turn that is still growing
        self._left = Leftovers()
        self._has_message = False
        self._calls: dict[str, ToolCall] = {}
        self._proofs: dict[str, Signature] = {}  # of calls yet to come, by id; "": of a picture

    def add(self, item: Reader) -> None:
        """Take one item."""
        kind = item.text("type") or ("message" if "role" in item.rest else "item_reference")
        if kind == "item_reference" and item.rest.keys() != {"id"}:
            raise invalid("Object missing required field `role`", joined(item.place, "role"))
        read = _ITEMS.get(kind)
        if read is not None:
            read(self, item)
        elif kind in _OUTPUTS:
            self._result(item, kind)
        elif kind.endswith("_output") or kind == _APPROVAL:
            self._flush()
            block = {"type": kind, **item.rest}
            self._turns.append(Turn(role="tool", parts=(Opaque(dialect=NAME, block=block),)))
        else:
            self._parts.append(Opaque(dialect=NAME, block={"type": kind, **item.rest}))

    def finish(self) -> list[Turn]:
        """Give the turns."""
        self._flush()
        return self._turns

    def _flush(self) -> None:
        if self._parts:
            parts, extras = tuple(self._parts), self._left.extras(NAME)
            self._turns.append(Turn(role="assistant", parts=parts, extras=extras))
        self._parts, self._left, self._has_message = [], Leftovers(), False

    # ------------------------------------------------------------------ by kind

    def message(self, item: Reader) -> None:
        """Take a message of anybody."""
        found = item.required_text("role")
        role = _ROLES.get(found)
        if role is None:
            raise invalid(f"Invalid enum value '{found}'", joined(item.place, "role"))
        if item.rest.get("content") is None:
            place = joined(item.place, "content")
            raise invalid("Object missing required field `content`", place)
        if role == "assistant":
            self._said(item)
            return
        self._flush()
        left = Leftovers()
        parts = tuple(read_content(item, "content", "content", left))
        _forget_default_status(item)
        left.add("", item.rest)
        self._turns.append(Turn(role=role, parts=parts, extras=left.extras(NAME)))

    def _said(self, item: Reader) -> None:
        """Take a message of the assistant; two of them directly in a row are two turns."""
        if self._parts and isinstance(self._parts[-1], Text | Refusal):
            self._flush()
        content = Leftovers()
        parts = read_content(item, "content", "content", content)
        first = len(self._parts)
        for path, value in content.found.items():
            self._left.found[_moved(path, first)] = value
        self._parts += [_own_message(part) for part in parts]
        _forget_default_status(item)
        self._left.add(f"content[{first}].message" if self._has_message else "", item.rest)
        self._has_message = True

    def reasoning(self, item: Reader) -> None:
        """Take reasoning, or the proof of another vendor that travels as such."""
        seal = proof_in(item.rest)
        if seal is not None:
            self._proven(seal)
            return
        thinking = read_reasoning({"type": "reasoning", **item.rest})
        if thinking is not None:
            self._parts.append(thinking)

    def _proven(self, seal: Seal) -> None:
        """Give a proof back to what it proves."""
        if seal.signature is None:
            return
        if seal.kind == "text":
            last = self._parts[-1] if self._parts else None
            if isinstance(last, Text) and last.signature is None:
                self._parts[-1] = msgspec.structs.replace(last, signature=seal.signature)
            else:  # an empty text was signed
                self._parts.append(Text(text="", signature=seal.signature))
            return
        self._proofs[seal.call_id] = seal.signature  # "" for the next picture
        for index, part in enumerate(self._parts):
            if isinstance(part, ToolCall) and part.call_id == seal.call_id:
                self._parts[index] = msgspec.structs.replace(part, signature=seal.signature)

    def function_call(self, item: Reader) -> None:
        """Take a call."""
        arguments = item.rest.get("arguments")
        if isinstance(arguments, dict):  # some clients give the object itself
            item.rest["arguments"] = compact(arguments)
        self._called(item, item.text("arguments") or "", custom=False)

    def custom_tool_call(self, item: Reader) -> None:
        """Take a call with free text."""
        self._called(item, item.text("input") or "", custom=True)

    def _called(self, item: Reader, arguments: str, *, custom: bool) -> None:
        call_id, name = item.required_text("call_id"), item.required_text("name")
        space = item.rest.get("namespace")
        flat = self._offered.flat(space, name) if isinstance(space, str) else None
        if flat is not None:
            item.rest.pop("namespace")
        call = ToolCall(
            call_id=call_id,
            name=flat or name,
            arguments=arguments,
            custom=custom,
            signature=self._proofs.get(call_id),
        )
        self._calls[call_id] = call
        _forget_default_status(item)
        self._left.add(f"content[{len(self._parts)}]", item.rest)
        self._parts.append(call)

    def image(self, item: Reader) -> None:
        """Take a picture that was made; without its data it is only a reference."""
        data = item.rest.get("result")
        if not isinstance(data, str) or not data:
            block = {"type": "image_generation_call", **item.rest}
            self._parts.append(Opaque(dialect=NAME, block=block))
            return
        item.rest.pop("result")
        media_type = f"image/{item.text('output_format') or 'png'}"
        _forget_default_status(item)
        self._left.add(f"content[{len(self._parts)}]", item.rest)
        signature = self._proofs.pop("", None)
        self._parts.append(Image(source=Inline(media_type, data), signature=signature))

    def _result(self, item: Reader, kind: str) -> None:
        """Take what a tool answered."""
        self._flush()
        call_id = item.required_text("call_id")
        call = self._calls.get(call_id)
        if call is None and not self._goes_on:
            place = joined(item.place, "call_id")
            raise invalid(f"No tool call found for the output of `{call_id}`", place)
        if item.rest.get("output") is None:
            place = joined(item.place, "output")
            raise invalid("Object missing required field `output`", place)
        left = Leftovers()
        content = read_content(item, "output", "content[0].content", left)
        for index, part in enumerate(content):
            if not isinstance(part, Text | Image | Audio | File | Opaque):
                place = f"{item.place}.output[{index}]"
                raise invalid("a tool cannot answer with this", place)
        _forget_default_status(item)
        left.add("", item.rest)
        is_custom = call is not None and call.custom
        if is_custom != (kind == "custom_tool_call_output"):
            left.add("", {"type": kind})
        result = ToolResult(
            call_id=call_id,
            content=tuple(cast("list[Text | Image | Audio | File | Opaque]", content)),
            name=call.name if call is not None else "",
        )
        self._turns.append(Turn(role="tool", parts=(result,), extras=left.extras(NAME)))


_ITEMS: dict[str, Callable[[_Turns, Reader], None]] = {
    "message": _Turns.message,
    "reasoning": _Turns.reasoning,
    "function_call": _Turns.function_call,
    "custom_tool_call": _Turns.custom_tool_call,
    "image_generation_call": _Turns.image,
}


def _forget_default_status(item: Reader) -> None:
    """An item that is complete need not say so."""
    if item.rest.get("status") == "completed":
        item.rest.pop("status")


def _moved(path: str, by: int) -> str:
    """Count a path such as `content[1].x` from the turn's first part on."""
    number, _, rest = path.removeprefix("content[").partition("]")
    return f"content[{int(number) + by}]{rest}"


def _own_message(part: Part) -> Part:
    """Wrap what is unknown in a message: in the assistant's turns opaque parts are whole items."""
    if isinstance(part, Opaque):
        block: Json = {"type": "message", "role": "assistant", "content": [part.block]}
        return Opaque(dialect=NAME, block=block)
    return part


def read_instructions(reader: Reader) -> list[Turn]:
    """Take `instructions`, as the first words of the system."""
    text = reader.text("instructions")
    return [Turn(role="system", parts=(Text(text=text),))] if text else []
