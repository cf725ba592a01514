"""Tools and the choice among them.

The API knows no `none`: the tools are left out then. But tools must be there when the history holds
calls, so they stay, and the loss is named; and where the caller offers none any more, the tools of
the history are declared again by their names.

Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolConfiguration.html;
`providers.md` 4.1.
"""

from __future__ import annotations

from collections.abc import Sequence

from headgate.dialects.bedrock_converse.blocks import LONGEST_NAME, BlockWriter, acceptable_name
from headgate.dialects.bedrock_converse.models import ModelRules
from headgate.dialects.bedrock_converse.wire import NAME
from headgate.dialects.strict_json import invalid
from headgate.dialects.strict_schema import EMPTY, tool_schema
from headgate.ir.loss import Losses
from headgate.ir.request import ChatRequest, CustomTool, Json, NativeTool, Tool, ToolChoice

_AUTO: Json = {"auto": {}}


def encode_tool_config(
    request: ChatRequest,
    called: Sequence[str],
    rules: ModelRules,
    writer: BlockWriter,
    losses: Losses,
) -> Json | None:
    """Write `toolConfig`; `called` names the tools in the history. None if there are no tools.

    Errors: RelayError INVALID_REQUEST for a name that the API refuses.
    """
    if request.parallel_tool_calls is False:
        losses.dropped("parallel_tool_calls", "calls may come in parallel")
    choice = request.tool_choice
    if choice is not None and choice.mode == "none" and not called:
        if request.tools:
            losses.changed("tool_choice", "the tools are left out instead")
        for index in range(len(request.tools)):
            losses.dropped(f"tools[{index}]", "not to be called")
        return None
    tools = _encode_tools(request, rules, writer, losses)
    if not any("cachePoint" not in tool for tool in tools):
        tools = [_declared(name) for name in called]
        if tools:
            losses.changed("tools", "those that the history calls are declared, by name alone")
    if not tools:
        if choice is not None and choice.mode in ("required", "tool"):
            losses.dropped("tool_choice", "there are no tools")
        return None
    written = _encode_choice(choice, losses)
    return {"tools": tools} if written is None else {"tools": tools, "toolChoice": written}


def is_forced(config: Json | None) -> bool:
    """Tell whether the model must call a tool."""
    return config is not None and config.get("toolChoice", _AUTO) != _AUTO


def unforced(config: Json | None, losses: Losses) -> Json | None:
    """Leave the choice to a model that thinks: it cannot be forced to call."""
    if config is None or not is_forced(config):
        return config
    losses.changed("tool_choice", "auto: this model cannot be forced to call")
    return {**config, "toolChoice": _AUTO}


def _encode_choice(choice: ToolChoice | None, losses: Losses) -> Json | None:
    if choice is None:
        return None
    match choice.mode:
        case "required":
            return {"any": {}}
        case "tool":
            return {"tool": {"name": choice.name}}
        case "none":
            losses.changed("tool_choice", "auto: with calls in the history tools must be offered")
    return _AUTO


def _encode_tools(
    request: ChatRequest, rules: ModelRules, writer: BlockWriter, losses: Losses
) -> list[Json]:
    allowed = request.tool_choice.allowed if request.tool_choice is not None else ()
    tools: list[Json] = []
    for index, tool in enumerate(request.tools):
        place = f"tools[{index}]"
        if not isinstance(tool, Tool):
            tools += _foreign_tool(tool, place, losses)
            continue
        if allowed and tool.name not in allowed:
            losses.dropped(place, "not allowed")  # it means the same as offering no others
            continue
        if not acceptable_name(tool.name):
            # Another name could not be turned back when the model calls it.
            message = f"Tool name `{tool.name}` is refused by this upstream"
            raise invalid(f"{message} (at most {LONGEST_NAME} of a-z, 0-9, _, -)", f"{place}.name")
        tools.append({"toolSpec": _tool(tool, place, rules, losses)})
        tools += writer.cache_points(tool.cache, place, tools=True)
    return tools


def _foreign_tool(tool: NativeTool | CustomTool, place: str, losses: Losses) -> list[Json]:
    """Write a vendor's own tool if it is Bedrock's (`systemTool`)."""
    if isinstance(tool, NativeTool) and tool.dialect == NAME:
        return [tool.block]
    vendor = tool.dialect if isinstance(tool, NativeTool) else "OpenAI"
    losses.dropped(place, f"a tool that only {vendor} knows")
    return []


def _tool(tool: Tool, place: str, rules: ModelRules, losses: Losses) -> Json:
    spec: Json = {"name": tool.name}
    if tool.description:
        spec["description"] = tool.description
    if tool.strict and rules.structured:
        spec["strict"] = True
    spec["inputSchema"] = {"json": tool_schema(tool, place, rules.structured, losses)}
    return spec


def _declared(name: str) -> Json:
    return {"toolSpec": {"name": name, "inputSchema": {"json": EMPTY}}}
