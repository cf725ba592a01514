"""What a Responses request means, whatever its spelling; for comparing requests of real traffic.

Written against the raw JSON, by other means than the dialect's.
"""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]

_NOISE = ("status", "type")


def meaning(body: Json) -> Json:
    """Give a request without the freedom of spelling."""
    meant = {name: value for name, value in body.items() if value not in (None, [], {}, "")}
    for name in ("store", "stream", "include"):  # what we ask for on our own
        meant.pop(name, None)
    wishes = [wish for wish in body.get("include") or () if wish != "reasoning.encrypted_content"]
    if wishes:
        meant["include"] = wishes
    items = meant.pop("input", [])
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    said = [item_meaning(item) for item in items]
    if meant.get("instructions"):
        said.insert(0, {"role": "system", "content": [["text", meant.pop("instructions")]]})
    meant["input"] = said
    if "tools" in meant:
        meant["tools"] = [tool_meaning(tool) for tool in meant["tools"]]
    if isinstance(choice := meant.get("tool_choice"), dict) and "function" in choice:
        meant["tool_choice"] = {"type": "function", "name": choice["function"]["name"]}
    reasoning = {
        {"generate_summary": "summary"}.get(name, name): value
        for name, value in (meant.pop("reasoning", None) or {}).items()
        if value is not None
    }
    if reasoning:
        meant["reasoning"] = reasoning
    return meant


def item_meaning(item: Json) -> Json:
    """Give an item without what says nothing."""
    meant = {name: value for name, value in item.items() if value is not None}
    kind = meant.get("type", "message")
    if kind == "message":
        meant.pop("type", None)
        meant["content"] = content_meaning(meant["content"])
    if kind in ("function_call_output", "custom_tool_call_output"):
        meant["output"] = content_meaning(meant["output"])
    if kind == "reasoning":
        meant = {name: value for name, value in meant.items() if value != []}
        meant.pop("status", None)
    if meant.get("status") == "completed" and kind in ("message", "function_call", kind):
        meant.pop("status")
    return meant


def content_meaning(content: Any) -> Any:
    """Give content as parts, each text as one of the same kind."""
    if isinstance(content, str):
        return [["text", content]]
    found: list[Any] = []
    for block in content:
        if block["type"] in ("input_text", "output_text"):
            rest = {name: value for name, value in block.items() if value not in ([], None)}
            text = rest.pop("text")
            rest.pop("type")
            found.append(["text", text, rest] if rest else ["text", text])
        else:
            found.append({name: value for name, value in block.items() if value is not None})
    return found


def tool_meaning(tool: Json) -> Json:
    """Give a tool; without a word on it, it is not strict toward us."""
    meant = {name: value for name, value in tool.items() if value is not None}
    if meant["type"] == "function":
        meant.setdefault("strict", False)
        if json.dumps(meant.get("parameters") or {}) == "{}":
            meant["parameters"] = {"type": "object", "properties": {}}
    return meant
