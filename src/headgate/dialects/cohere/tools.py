"""Tools and the choice among them.

Source: docs.cohere.com/docs/tool-use-overview, /docs/structured-outputs; `providers.md` 4.6.
"""

from __future__ import annotations

from headgate.dialects.cohere.models import NAME
from headgate.dialects.strict_schema import EMPTY
from headgate.ir.loss import Losses
from headgate.ir.request import ChatRequest, Json, NativeTool, Tool

_CHOICES = {"required": "REQUIRED", "none": "NONE"}


def encode_tools(request: ChatRequest, losses: Losses) -> Json:
    """Write `tools`, `strict_tools` and `tool_choice`. Free-text tools are functions by now."""
    choice = request.tool_choice  # among some tools: the same as offering no others
    tools: list[Json] = []
    stricts: set[bool] = set()
    for index, tool in enumerate(request.tools):
        place = f"tools[{index}]"
        if isinstance(tool, NativeTool):
            if tool.dialect == NAME:
                tools.append(tool.block)
            else:
                losses.dropped(place, f"a tool that only {tool.dialect} knows")
        elif isinstance(tool, Tool) and choice is not None and not choice.allows(tool.name):
            losses.dropped(place, "not among those that the choice allows")
        elif isinstance(tool, Tool):
            tools.append(_function(tool, place, losses))
            stricts.add(bool(tool.strict))
    found: Json = {"tools": tools} if tools else {}
    if True in stricts:
        found["strict_tools"] = True
        if False in stricts:
            losses.changed("tools", "strict for all of them: there is one switch")
    return found | _choice(request, tools, losses)


def _function(tool: Tool, place: str, losses: Losses) -> Json:
    if tool.cache is not None:
        losses.dropped(f"{place}.cache_control")
    function: Json = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = tool.schema or EMPTY
    return {"type": "function", "function": function}


def _choice(request: ChatRequest, tools: list[Json], losses: Losses) -> Json:
    """Write `tool_choice`; "auto" is said by silence, one tool by offering no other."""
    if request.parallel_tool_calls is False and tools:
        losses.dropped("parallel_tool_calls", "the model decides")
    choice = request.tool_choice
    if choice is None:
        return {}
    mode = "required" if choice.mode == "tool" else choice.mode
    if not tools:
        if mode == "required":
            losses.dropped("tool_choice", "there are no such tools")
        return {}
    return {"tool_choice": _CHOICES[mode]} if mode in _CHOICES else {}
