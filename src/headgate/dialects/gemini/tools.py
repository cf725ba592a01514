"""Tools and tool choice, both directions.

Source: ai.google.dev/api/caching#Tool, .../function-calling; `providers.md` 2.4
"""

from __future__ import annotations

from headgate.dialects.gemini.models import Family
from headgate.dialects.gemini.schema import as_json_schema, from_subset, to_subset
from headgate.dialects.gemini.wire import NAME, fields, objects, text, texts
from headgate.dialects.strict_json import invalid
from headgate.ir.loss import Losses
from headgate.ir.request import CustomTool, Json, NativeTool, Tool, ToolChoice

Tools = tuple[Tool | CustomTool | NativeTool, ...]
_MODES = {"AUTO": "auto", "ANY": "required", "NONE": "none"}


def decode_tools(value: object, place: str) -> tuple[Tools, Json]:
    """Read `tools`.

    Gives the tools, and by function name the fields of its declaration that only Gemini knows.
    """
    tools: list[Tool | CustomTool | NativeTool] = []
    leftovers: Json = {}
    for entry, at in objects(value, place):
        for name, inner in entry.items():
            if name != "functionDeclarations":
                tools.append(NativeTool(dialect=NAME, block={name: inner}))
                continue
            for declaration, where in objects(inner, f"{at}.functionDeclarations"):
                tool = _tool(declaration, where)
                tools.append(tool)
                if declaration:
                    leftovers[tool.name] = declaration
    return tuple(tools), leftovers


def _tool(declaration: Json, place: str) -> Tool:
    """Read one function, taking what is understood out of its declaration."""
    schema = declaration.pop("parametersJsonSchema", None)
    if "parameters" in declaration:
        schema = from_subset(declaration.pop("parameters"))
    if schema is not None and not isinstance(schema, dict):
        raise invalid("Expected an object", f"{place}.parameters")
    return Tool(
        name=text(declaration.pop("name", None), f"{place}.name"),
        description=text(declaration.pop("description", ""), f"{place}.description"),
        schema=schema,
    )


def encode_tools(
    tools: Tools, choice: ToolChoice | None, family: Family, losses: Losses
) -> list[Json]:
    """Write `tools`: all functions in one entry, each native tool in its own.

    "Call one of these, or none" has no word of its own: only the allowed functions are declared.
    """
    narrowed = choice.allowed if choice is not None and choice.mode == "auto" else ()
    functions: list[Json] = []
    natives: list[Json] = []
    for index, tool in enumerate(tools):
        place = f"tools[{index}]"
        match tool:
            case Tool():
                if not narrowed or tool.name in narrowed:
                    functions.append(_declaration(tool, place, family, losses))
                else:
                    losses.dropped(place, "not among the allowed tools, so it is not offered")
            case NativeTool(dialect="gemini"):
                natives.append(tool.block)
            case NativeTool():
                losses.dropped(place, f"a tool of {tool.dialect}")
            case CustomTool():
                losses.dropped(place, "tools with free text input")
    entries: list[Json] = [{"functionDeclarations": functions}] if functions else []
    return entries + natives


def _declaration(tool: Tool, place: str, family: Family, losses: Losses) -> Json:
    declaration: Json = {"name": tool.name}
    if tool.description:
        declaration["description"] = tool.description
    if tool.strict:
        losses.dropped(f"{place}.function.strict")
    if tool.cache is not None:
        losses.dropped(f"{place}.cache_control")
    if tool.schema is None or _takes_nothing(tool.schema):
        return declaration
    cleaned = to_subset(tool.schema)
    lost = cleaned.lost if cleaned.schema.get("type") == "object" else (*cleaned.lost, "anyOf")
    if lost and family.takes_json_schema:
        declaration["parametersJsonSchema"] = as_json_schema(tool.schema)
        return declaration
    if lost:
        losses.changed(f"{place}.function.parameters", ", ".join(lost))
    declaration["parameters"] = cleaned.schema
    return declaration


def _takes_nothing(schema: Json) -> bool:
    """Whether a function has no parameters: Gemini refuses an object without properties."""
    return (
        not schema.get("properties")
        and schema.get("type", "object") == "object"
        and not any(
            schema.get(name) for name in ("$ref", "allOf", "anyOf", "oneOf", "additionalProperties")
        )
    )


def decode_tool_config(value: object, place: str) -> tuple[ToolChoice | None, Json]:
    """Read `toolConfig`: the choice, and the fields that only Gemini knows.

    A mode without a word of ours (VALIDATED) reads as "auto", and is kept among the fields.
    """
    leftovers = fields(value, place)
    if "functionCallingConfig" not in leftovers:
        return None, leftovers
    at = f"{place}.functionCallingConfig"
    config = fields(leftovers["functionCallingConfig"], at)
    names = texts(config.get("allowedFunctionNames", []), f"{at}.allowedFunctionNames")
    mode = text(config.get("mode", "AUTO"), f"{at}.mode").upper()
    if mode not in _MODES or not config.keys() <= {"mode", "allowedFunctionNames"}:
        return ToolChoice(mode="auto", allowed=names), leftovers | {"functionCallingConfig": config}
    del leftovers["functionCallingConfig"]
    if mode == "ANY" and len(names) == 1:
        return ToolChoice(mode="tool", name=names[0]), leftovers
    if mode == "ANY":
        return ToolChoice(mode="required", allowed=names), leftovers
    return ToolChoice(mode="none" if mode == "NONE" else "auto", allowed=names), leftovers


def encode_tool_config(choice: ToolChoice | None, declares: bool) -> Json:
    """Write `toolConfig`; empty when there is nothing to choose from."""
    if choice is None or not declares:
        return {}
    config: Json
    match choice.mode:
        case "tool":
            config = {"mode": "ANY", "allowedFunctionNames": [choice.name]}
        case "required":
            allowed = {"allowedFunctionNames": list(choice.allowed)} if choice.allowed else {}
            config = {"mode": "ANY"} | allowed
        case "none":
            config = {"mode": "NONE"}
        case "auto":
            config = {"mode": "AUTO"}
    return {"functionCallingConfig": config}
