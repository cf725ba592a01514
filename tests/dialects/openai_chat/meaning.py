"""What a request means, whatever its spelling; for comparing requests of real traffic.

Written against the raw JSON, by other means than the dialect's.
"""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]

# The family's several words for how much to think, which all become `reasoning_effort`.
_THINKING = ("reasoning", "thinking", "enable_thinking", "thinking_budget", "reasoning_effort")


def meaning(body: Json) -> Json:
    """Give a request without the freedom of spelling."""
    meant = {name: value for name, value in body.items() if value is not None and value != []}
    if "max_completion_tokens" in meant:
        meant["max_tokens"] = meant.pop("max_completion_tokens")
    if isinstance(meant.get("stop"), str):
        meant["stop"] = [meant["stop"]]
    if not meant.get("stream"):
        meant.pop("stream", None)
        meant.pop("stream_options", None)
    else:  # every stream that we ask for tells its usage
        meant["stream_options"] = {**meant.get("stream_options", {}), "include_usage": True}
    meant["messages"] = [message_meaning(message) for message in body["messages"]]
    functions = meant.pop("functions", [])
    tools = [tool_meaning(tool) for tool in meant.get("tools", [])]
    tools += [tool_meaning({"function": function}) for function in functions]
    if tools:
        meant["tools"] = tools
    choice = meant.pop("tool_choice", None) or meant.pop("function_call", None)
    if choice is not None:
        meant["tool_choice"] = choice_meaning(choice)
    given = {name: meant.pop(name) for name in _THINKING if name in meant}
    meant["effort"] = effort_meaning(given)
    if isinstance(meant.get("response_format"), dict):
        spec = {"json_schema": {}, **meant["response_format"]}["json_schema"]
        if spec.get("description") == "":
            spec.pop("description")
    return meant


def effort_meaning(given: Json) -> str:
    """Say how much is thought, as far as `reasoning_effort` has words for it."""
    nested, thinking = given.get("reasoning", {}), given.get("thinking", {})
    if thinking.get("type") == "disabled" or nested.get("enabled") is False:
        return "none"
    if given.get("enable_thinking") is False:
        return "none"
    return str(given.get("reasoning_effort") or nested.get("effort") or "")


def message_meaning(message: Json) -> Json:
    """Give a message without what says nothing."""
    meant = {name: value for name, value in message.items() if value not in (None, [], "")}
    if meant["role"] == "tool":
        meant.pop("name", None)  # it follows from the call
    if meant.get("prefix") is False:
        meant.pop("prefix")
    parts = parts_meaning(meant.pop("content", []))
    mark = meant.pop("cache_control", None)
    if mark is not None and parts:
        parts[-1]["cache_control"] = mark
    thinking = [part["thinking"] for part in parts if "thinking" in part]
    meant["parts"] = [part for part in parts if "thinking" not in part]
    meant["thinking"] = thinking_meaning(meant, thinking)
    meant["tool_calls"] = [call_meaning(call) for call in meant.get("tool_calls", [])]
    return meant


def thinking_meaning(message: Json, blocks: list[Any]) -> tuple[str, list[str]]:
    """Take out the reasoning of a message: its text, and its proofs."""
    text = message.pop("reasoning_content", "") or message.pop("reasoning", "")
    message.pop("reasoning", None)
    details = message.pop("reasoning_details", [])
    told = "".join(detail.get("text") or detail.get("summary") or "" for detail in details)
    proofs = [detail.get("signature") or detail.get("data") for detail in details]
    for block in blocks:
        pieces = block if isinstance(block, list) else [{"text": block}]
        text += "".join(piece["text"] for piece in pieces)
    return told or text, [proof for proof in proofs if proof]


def parts_meaning(content: Any) -> list[Json]:
    """Write content in its long form; empty texts say nothing."""
    listed = [{"type": "text", "text": content}] if isinstance(content, str) else content
    parts = []
    for part in listed:
        meant = {name: value for name, value in part.items() if value is not None}
        if isinstance(meant.get("image_url"), str):
            meant["image_url"] = {"url": meant["image_url"]}
        if meant != {"type": "text", "text": ""}:
            parts.append(meant)
    return parts


def call_meaning(call: Json) -> Json:
    """Give a call with its arguments read; some clients write an object, or leave the type out."""
    function = call.get("function", {})
    arguments = function.get("arguments")
    read = json.loads(arguments or "{}") if not isinstance(arguments, dict) else arguments
    custom = call.get("custom") if call.get("type") == "custom" else None
    return {"id": call.get("id"), "name": function.get("name"), "read": read, "custom": custom}


def tool_meaning(tool: Json) -> Json:
    """Give a tool without what says nothing."""
    meant = {"type": "function", **tool}
    if meant["type"] == "function":
        meant["function"] = {
            name: value for name, value in tool["function"].items() if value not in (None, "")
        }
        meant.pop("name", None)  # the Responses API's place for it, repeated
    return meant


def choice_meaning(choice: Any) -> Any:
    """Give a tool choice in its newest form."""
    if choice == "any":
        return "required"
    if isinstance(choice, dict):
        function = choice.get("function", choice)
        return ("tool", function.get("name"))
    return choice
