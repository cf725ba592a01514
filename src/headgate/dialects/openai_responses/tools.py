"""Tools and the choice among them, both ways.

Codex puts tools into namespaces, which no other dialect has: each becomes a tool with one name made
of both, and is called by its own two names again in the reply.

Source: developers.openai.com/api/docs/guides/function-calling; `ecosystem.md` 4.1.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from headgate.dialects.dialect import Fields
from headgate.dialects.leftovers import Leftovers
from headgate.dialects.lenient_json import objects_of
from headgate.dialects.openai_responses.models import NAME
from headgate.dialects.strict_json import Reader, invalid
from headgate.ir.loss import Losses
from headgate.ir.request import CustomTool, Json, NativeTool, Tool, ToolChoice

AnyTool = Tool | CustomTool | NativeTool

_LONGEST_NAME = 64
_UNFIT = re.compile(r"[^A-Za-z0-9_-]")
_NAMED_KINDS = ("function", "custom")
_MODES: dict[str, Literal["auto", "none", "required"]] = {
    "auto": "auto",
    "none": "none",
    "required": "required",
}

# --------------------------------------------------------------------------- names


class Offered:
    """How the tools are called that a caller offers in namespaces."""

    def __init__(self, tools: object) -> None:
        self._flat: dict[tuple[str, str], str] = {}
        self._own: dict[str, tuple[str, str]] = {}
        offered = objects_of(tools)
        taken = {str(tool.get("name")) for tool in offered if tool.get("type") in _NAMED_KINDS}
        for space in offered:
            if space.get("type") == "namespace":
                for tool in objects_of(space.get("tools")):
                    self._take(str(space.get("name")), tool, taken)

    def _take(self, space: str, tool: Json, taken: set[str]) -> None:
        own = (space, str(tool.get("name")))
        if own in self._flat or tool.get("type") not in _NAMED_KINDS:
            return
        flat = _flat_name(*own, taken)
        taken.add(flat)
        self._flat[own] = flat
        self._own[flat] = own

    def flat(self, space: str, name: str) -> str | None:
        """Give the one name of a namespaced tool. None if it is not offered."""
        return self._flat.get((space, name))

    def own(self, flat: str) -> tuple[str | None, str]:
        """Give a tool's namespace, if it has one, and its name in it."""
        return self._own.get(flat, (None, flat))


_NONE = Offered(None)


def offered_by(fields: Fields) -> Offered:
    """Read what the caller of a reply has offered."""
    tools = fields.get("tools")
    if tools is None:
        return _NONE
    try:
        return Offered(msgspec.json.decode(tools))
    except msgspec.DecodeError:
        return _NONE


def _flat_name(space: str, name: str, taken: set[str]) -> str:
    """Make one name of two, always the same, that every vendor takes and no other tool has."""
    glue = "" if space.endswith("__") else "__"
    flat = _UNFIT.sub("_", f"{space}{glue}{name}")
    number = 0
    while len(flat) > _LONGEST_NAME or flat in taken:
        mark = f"_{zlib.crc32(f'{space}/{name}/{number}'.encode()):08x}"
        flat = flat[: _LONGEST_NAME - len(mark)] + mark
        number += 1
    return flat


# ------------------------------------------------------------------------ decoding


def decode_tools(reader: Reader, offered: Offered, left: Leftovers) -> tuple[AnyTool, ...]:
    """Take `tools`. Errors: RelayError INVALID_REQUEST with the place."""
    tools: list[AnyTool] = []
    for index, given in enumerate(reader.items("tools")):
        tool = Reader(given, f"tools[{index}]")
        kind = tool.required_text("type")
        if kind in _NAMED_KINDS:
            tools.append(_tool(tool, kind, f"tools[{len(tools)}]", left))
        elif kind == "namespace":
            tools += _namespace(tool, offered, len(tools), left)
        else:
            tools.append(NativeTool(dialect=NAME, block=given))
    return tuple(tools)


def _tool(tool: Reader, kind: str, path: str, left: Leftovers) -> Tool | CustomTool:
    name = tool.required_text("name")
    description = tool.text("description") or ""
    found: Tool | CustomTool
    if kind == "custom":
        found = CustomTool(name=name, description=description, format=tool.mapping("format"))
    else:
        schema, strict = tool.mapping("parameters"), tool.flag("strict")
        found = Tool(name=name, description=description, schema=schema, strict=strict)
    left.add(path, tool.rest)
    return found


def _namespace(space: Reader, offered: Offered, first: int, left: Leftovers) -> list[AnyTool]:
    """Take a namespace apart; what it says of itself goes in front of its first tool's words."""
    tools: list[AnyTool] = []
    name = space.required_text("name")
    words = space.text("description")
    for index, given in enumerate(space.items("tools")):
        inner = Reader(given, f"{space.place}.tools[{index}]")
        kind = inner.required_text("type")
        if kind not in _NAMED_KINDS:
            block = {"type": "namespace", "name": name, "tools": [given]}
            tools.append(NativeTool(dialect=NAME, block=block))
            continue
        tool = _tool(inner, kind, f"tools[{first + len(tools)}]", left)
        flat = offered.flat(name, tool.name) or tool.name
        if words:
            said = f"{words}\n\n{tool.description}" if tool.description else words
            tool = msgspec.structs.replace(tool, description=said)
            words = None
        tools.append(msgspec.structs.replace(tool, name=flat))
    left.add(f"tools[{first}]", space.rest)
    return tools


def decode_tool_choice(reader: Reader, offered: Offered, left: Leftovers) -> ToolChoice | None:
    """Take `tool_choice`; a form without a word in the IR is kept as it is."""
    choice = reader.rest.pop("tool_choice", None)
    match choice:
        case None:
            return None
        case str(word):
            if word not in _MODES:
                raise invalid(f"Invalid enum value '{word}'", "tool_choice")
            return ToolChoice(mode=_MODES[word])
        case {"type": "function" | "custom", "name": str(name)}:
            return ToolChoice(mode="tool", name=_named(choice, name, offered))
        case {"type": "function", "function": {"name": str(name)}}:  # Chat's spelling
            return ToolChoice(mode="tool", name=name)
        case {"type": "allowed_tools", "mode": "auto" | "required" as mode, "tools": list(tools)}:
            names = _allowed(tools, offered)
            if names:
                return ToolChoice(mode=mode, allowed=names)
        case dict():
            pass
        case _:
            reader.rest["tool_choice"] = choice
            raise reader.refuse("tool_choice", "str | object")
    left.add("", {"tool_choice": choice})
    return None


def _named(entry: Json, name: str, offered: Offered) -> str:
    space = entry.get("namespace")
    return offered.flat(space, name) or name if isinstance(space, str) else name


def _allowed(tools: list[Any], offered: Offered) -> tuple[str, ...] | None:
    """Give the names of allowed tools. None if some have no name (`{"type": "web_search"}`)."""
    names = []
    for tool in tools:
        match tool:
            case {"type": "function" | "custom", "name": str(name)}:
                names.append(_named(tool, name, offered))
            case _:
                return None
    return tuple(names)


# ------------------------------------------------------------------------ encoding


def encode_tools(tools: Sequence[AnyTool], losses: Losses) -> list[Json]:
    """Write `tools`."""
    written: list[Json] = []
    for index, tool in enumerate(tools):
        match tool:
            case Tool():
                written.append(_encode_tool(tool, f"tools[{index}]", losses))
            case CustomTool():
                custom: Json = {"type": "custom", "name": tool.name}
                if tool.description:
                    custom["description"] = tool.description
                if tool.format is not None:
                    custom["format"] = tool.format
                written.append(custom)
            case NativeTool(dialect=dialect, block=block) if dialect == NAME:
                written.append(block)
            case NativeTool(dialect=dialect):
                losses.dropped(f"tools[{index}]", f"only {dialect} runs it")
    return written


def _encode_tool(tool: Tool, place: str, losses: Losses) -> Json:
    if tool.cache is not None:
        losses.dropped(f"{place}.cache_control")
    encoded: Json = {"type": "function", "name": tool.name}
    if tool.description:
        encoded["description"] = tool.description
    encoded["parameters"] = tool.schema or {"type": "object", "properties": {}}
    # Left out, it counts as true here and as false everywhere else.
    encoded["strict"] = bool(tool.strict)
    return encoded


def encode_tool_choice(choice: ToolChoice, tools: Sequence[AnyTool]) -> str | Json:
    """Write `tool_choice`."""
    custom = {tool.name for tool in tools if isinstance(tool, CustomTool)}

    def named(name: str) -> Json:
        return {"type": "custom" if name in custom else "function", "name": name}

    if choice.mode == "tool":
        return named(choice.name)
    if choice.allowed:
        tools_allowed = [named(name) for name in choice.allowed]
        return {"type": "allowed_tools", "mode": choice.mode, "tools": tools_allowed}
    return choice.mode
