"""Tools and the choice among them: custom tools, the vendor's own, names and schemas.

Source: platform.claude.com/docs/en/agents-and-tools/tool-use; `providers.md` 2.3.
"""

from __future__ import annotations

from collections.abc import Mapping

from headgate.dialects.anthropic.blocks import decode_cache, encode_cache, put_back
from headgate.dialects.anthropic.messages import acceptable_name
from headgate.dialects.anthropic.models import NAME, ModelRules
from headgate.dialects.claude_thinking import Thoughts
from headgate.dialects.leftovers import Leftovers
from headgate.dialects.lenient_json import compact
from headgate.dialects.strict_json import Reader, invalid
from headgate.dialects.strict_schema import tool_schema
from headgate.ir.loss import Losses
from headgate.ir.request import ChatRequest, CustomTool, Json, NativeTool, Tool, ToolChoice


def decode_tools(reader: Reader, left: Leftovers) -> tuple[Tool | NativeTool, ...]:
    """Take `tools`."""
    tools: list[Tool | NativeTool] = []
    for index, fields in enumerate(reader.items("tools")):
        tool = Reader(fields, f"tools[{index}]")
        if tool.rest.get("type") not in (None, "custom"):
            tools.append(NativeTool(dialect=NAME, block=dict(fields)))
            continue
        tool.rest.pop("type", None)
        tools.append(
            Tool(
                name=tool.required_text("name"),
                description=tool.text("description") or "",
                schema=tool.mapping("input_schema"),
                strict=tool.flag("strict"),
                cache=decode_cache(tool, left),
            )
        )
        left.add(tool.place, tool.rest)
    return tuple(tools)


def decode_tool_choice(reader: Reader, left: Leftovers) -> tuple[ToolChoice | None, bool | None]:
    """Take `tool_choice`; beside it, whether calls may come in parallel."""
    choice = reader.reader("tool_choice")
    if choice is None:
        return None, None
    match choice.text("type"):
        case "auto":
            found = ToolChoice(mode="auto")
        case "any":
            found = ToolChoice(mode="required")
        case "none":
            found = ToolChoice(mode="none")
        case "tool":
            found = ToolChoice(mode="tool", name=choice.required_text("name"))
        case other:
            raise invalid(f"Invalid enum value '{other}'", "tool_choice.type")
    single = choice.flag("disable_parallel_tool_use")
    left.add(choice.place, choice.rest)
    return found, None if single is None else not single


def encode_tools(
    request: ChatRequest, rules: ModelRules, leftovers: Mapping[str, Json], losses: Losses
) -> list[Json]:
    """Write `tools`. Errors: RelayError INVALID_REQUEST for a name that the API refuses."""
    allowed = request.tool_choice.allowed if request.tool_choice is not None else ()
    tools: list[Json] = []
    for index, tool in enumerate(request.tools):
        place = f"tools[{index}]"
        if isinstance(tool, NativeTool):
            if tool.dialect == NAME:
                tools.append(tool.block)
            else:
                losses.dropped(place, f"a tool that only {tool.dialect} knows")
            continue
        if allowed and tool.name not in allowed:
            # A list of allowed tools means the same as offering no others.
            losses.dropped(place, "not among the allowed tools, so it is not offered")
            continue
        if not acceptable_name(tool.name):
            # Another name could not be turned back when the model calls it.
            raise invalid(f"Tool name `{tool.name}` is refused by this upstream", f"{place}.name")
        encoded = (
            _encode_custom_tool(tool, place, losses)
            if isinstance(tool, CustomTool)
            else _encode_tool(tool, place, rules, losses)
        )
        put_back(encoded, place, leftovers)
        tools.append(encoded)
    return tools


def _encode_tool(tool: Tool, place: str, rules: ModelRules, losses: Losses) -> Json:
    encoded: Json = {"name": tool.name}
    if tool.description:
        encoded["description"] = tool.description
    encoded["input_schema"] = tool_schema(tool, place, rules.structured, losses)
    if tool.strict is not None and rules.structured:
        encoded["strict"] = tool.strict
    if tool.cache is not None:
        encoded["cache_control"] = encode_cache(tool.cache)
    return encoded


def _encode_custom_tool(tool: CustomTool, place: str, losses: Losses) -> Json:
    losses.changed(place, "a free-text tool; called as a function with the text in `input`")
    encoded: Json = {"name": tool.name}
    words = [tool.description] if tool.description else []
    if tool.format is not None:
        words.append(f"Format of `input`: {compact(tool.format)}")
    if words:
        encoded["description"] = "\n\n".join(words)
    encoded["input_schema"] = {
        "type": "object",
        "properties": {"input": {"type": "string"}},
        "required": ["input"],
    }
    return encoded


def encode_tool_choice(request: ChatRequest, tools: list[Json], losses: Losses) -> Json | None:
    """Write `tool_choice`. None if nothing was asked, or there is nothing to choose from."""
    if not tools:
        if request.tool_choice is not None and request.tool_choice.mode in ("required", "tool"):
            losses.dropped("tool_choice", "there are no tools")
        if request.parallel_tool_calls is False:
            losses.dropped("parallel_tool_calls", "there are no tools")
        return None
    choice: Json | None = None
    if request.tool_choice is not None:
        match request.tool_choice.mode:
            case "required":
                choice = {"type": "any"}
            case "tool":
                choice = {"type": "tool", "name": request.tool_choice.name}
            case mode:
                choice = {"type": mode}
    parallel = request.parallel_tool_calls
    if parallel is False and choice is None:
        choice = {"type": "auto"}
    if parallel is not None and choice is not None and choice["type"] != "none":
        choice["disable_parallel_tool_use"] = not parallel
    elif parallel is False:
        losses.dropped("parallel_tool_calls", "there are to be no calls")
    return choice


def unforced(choice: Json, rules: ModelRules, thoughts: Thoughts, losses: Losses) -> Json:
    """Models that always think refuse a forced call."""
    forced = choice["type"] in ("any", "tool")
    if not forced or not (thoughts.on or rules.thinking == "always"):
        return choice
    losses.changed("tool_choice", "auto: this model cannot be forced to call")
    kept = {key: value for key, value in choice.items() if key != "name"}
    return {**kept, "type": "auto"}
