"""What an OpenAI Responses request says.

Source: platform.openai.com/docs/api-reference/responses/create
"""

from __future__ import annotations

from collections.abc import Iterator

from headgate.lab.wires.openai import texts
from headgate.lab.wires.question import Json, Prompt, Tool, dicts, mapping, size_of, whole_number

OUTPUTS = ("function_call_output", "custom_tool_call_output")


def items(value: object) -> list[Json]:
    """The items of an input; a text is one user message."""
    if isinstance(value, str):
        part = {"type": "input_text", "text": value}
        return [{"type": "message", "role": "user", "content": [part]}]
    return dicts(value)


def read(body: Json) -> Prompt:
    """Read a Responses request."""
    given = items(body.get("input"))
    users = [item for item in given if item.get("role") == "user"]
    instructions = body.get("instructions")
    return Prompt(
        model=str(body.get("model") or ""),
        stream=body.get("stream") is True,
        max_tokens=whole_number(body.get("max_output_tokens")),
        texts=(
            *([instructions] if isinstance(instructions, str) else []),
            *(text for item in given for text in _texts(item)),
        ),
        last_text=" ".join(texts(users[-1].get("content"))) if users else "",
        tool_result=_tool_result(given),
        tools=_tools(body),
        media=tuple(note for item in given for part in _parts(item) for note in _media(part)),
        body=body,
        problem=_problem(body, given),
    )


def _problem(body: Json, given: list[Json]) -> str:
    if not given and "prompt" not in body:
        return "Missing required parameter: 'input'."
    limit = whole_number(body.get("max_output_tokens"))
    if limit is not None and limit < 16:
        return (
            "Invalid 'max_output_tokens': integer below minimum value."
            f" Expected a value >= 16, but got {limit} instead."
        )
    for index, tool in enumerate(dicts(body.get("tools"))):
        if tool.get("type") in ("function", "custom") and not tool.get("name"):
            return f"Missing required parameter: 'tools[{index}].name'."
    return ""


def _texts(item: Json) -> Iterator[str]:
    yield from texts(item.get("content") if item.get("type") != "reasoning" else None)
    yield from output_texts(item)


def output_texts(item: Json) -> Iterator[str]:
    """What a tool answered: a text, or parts."""
    if item.get("type") in OUTPUTS:
        yield from texts(item.get("output"))


def _tool_result(given: list[Json]) -> str | None:
    """The texts of the tool outputs at the end."""
    results: list[str] = []
    ends_in_output = bool(given) and given[-1].get("type") in OUTPUTS
    for item in reversed(given):
        if item.get("type") not in OUTPUTS:
            break
        results = [*output_texts(item), *results]
    return " ".join(results) if ends_in_output else None


def _tools(body: Json) -> tuple[Tool, ...]:
    """The functions and custom tools that may be called; a namespace holds more of them."""
    given = dicts(body.get("tools"))
    inner = [tool for space in given for tool in dicts(space.get("tools"))]
    offered = tuple(
        Tool(
            str(tool.get("name", "")), mapping(tool.get("parameters")), tool.get("type") == "custom"
        )
        for tool in (*given, *inner)
        if tool.get("type") in ("function", "custom")
    )
    match body.get("tool_choice"):
        case "none":
            return ()
        case {"type": "function" | "custom", "name": str(name)}:
            return tuple(tool for tool in offered if tool.name == name)
        case _:
            return offered


def _parts(item: Json) -> list[Json]:
    return [*dicts(item.get("content")), *dicts(item.get("output"))]


def _media(part: Json) -> Iterator[str]:
    match part:
        case {"type": "input_image", "image_url": str(url)} if url.startswith("data:"):
            kind, _, data = url.removeprefix("data:").partition(";base64,")
            yield f"{kind} {size_of(data)}"
        case {"type": "input_image", "image_url": str(url)}:
            yield f"image {url}"
        case {"type": "input_audio", "input_audio": {"format": str(kind), "data": data}}:
            yield f"audio/{kind} {size_of(data)}"
        case {"type": "input_file", "filename": str(name)}:
            yield f"file {name}"
        case {"type": "input_file", "file_url": str(url)}:
            yield f"file {url}"
