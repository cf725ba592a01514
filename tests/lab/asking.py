"""Ask the lab: questions for the pure scripts, and raw HTTP for the server."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Callable
from typing import Any

from msgspec import Struct, json
from msgspec.structs import replace

from headgate.lab.forms import FormReader
from headgate.lab.plan import Plan, Send
from headgate.lab.server import Lab
from headgate.lab.wires import WIRES, openai_other
from headgate.lab.wires.question import Json, Question

TIMEOUT_S = 5.0
HI: Json = {"model": "m", "messages": [{"role": "user", "content": "hi there"}], "max_tokens": 99}
RESPONSES_HI: Json = {"model": "m", "input": "hi there"}
BEDROCK_HI: Json = {"messages": [{"role": "user", "content": [{"text": "hi there"}]}]}
GEMINI_HI: Json = {"contents": [{"role": "user", "parts": [{"text": "hi there"}]}]}
WEATHER: Json = {"type": "object", "properties": {"city": {"type": "string"}}}
CHAT_WIRES = ("openai", "responses", "anthropic", "gemini", "bedrock", "cohere", "ollama")
FUNCTION: Json = {"type": "function", "function": {"name": "look", "parameters": WEATHER}}
BODIES: dict[str, Json] = {
    "gemini": GEMINI_HI,
    "responses": RESPONSES_HI,
    "realtime": RESPONSES_HI,
    "bedrock": BEDROCK_HI,
}
OFFERS: dict[str, Json] = {
    "openai": {"tools": [FUNCTION]},
    "cohere": {"tools": [FUNCTION]},
    "ollama": {"tools": [FUNCTION]},
    "responses": {"tools": [{"type": "function", "name": "look", "parameters": WEATHER}]},
    "bedrock": {
        "toolConfig": {"tools": [{"toolSpec": {"name": "look", "inputSchema": {"json": WEATHER}}}]}
    },
    "anthropic": {"tools": [{"name": "look", "input_schema": WEATHER}]},
    "gemini": {"tools": [{"functionDeclarations": [{"name": "look", "parameters": WEATHER}]}]},
}


def question(wire: str = "openai", *, stream: bool = False, **more: Any) -> Question:
    """A chat question, as `lab.site` would make it of a body; `more` goes into the body."""
    body = BODIES.get(wire, HI) | {"prompt": "hi there"} | more
    prompt = WIRES[wire].read(body)
    return Question(wire=wire, operation="chat", place="ok1", stream=stream, prompt=prompt)


def sent(plan: Plan) -> bytes:
    """Everything that a plan sends."""
    return b"".join(step.data for step in plan.steps if isinstance(step, Send))


def events(data: bytes) -> list[Any]:
    """The JSON of each event, whatever its framing; `[DONE]` stays a string."""
    if data[:1] == b"\0":
        return [json.decode(payload) for _, payload in messages(data)]
    if data[:1] == b"{" and data.endswith(b"\n"):
        return [json.decode(line) for line in data.splitlines()]
    texts = [line[5:].strip() for line in data.splitlines() if line.startswith(b"data:")]
    return [text.decode() if text == b"[DONE]" else json.decode(text) for text in texts]


def messages(data: bytes) -> list[tuple[dict[str, str], bytes]]:
    """The headers and payload of each message of an AWS event stream, checksums checked."""
    found = []
    while data:
        length, header_length, crc = struct.unpack(">III", data[:12])
        assert crc == zlib.crc32(data[:8])
        assert struct.unpack(">I", data[length - 4 : length])[0] == zlib.crc32(data[: length - 4])
        block, headers = data[12 : 12 + header_length], {}
        while block:
            name, block = block[1 : 1 + block[0]].decode(), block[1 + block[0] :]
            size = struct.unpack(">H", block[1:3])[0]
            headers[name], block = block[3 : 3 + size].decode(), block[3 + size :]
        found.append((headers, data[12 + header_length : length - 4]))
        data = data[length:]
    return found


def said(wire: str, plan: Plan) -> str:
    """The text of an answer, whole or streamed."""
    data = sent(plan)
    replies = events(data) or [json.decode(data)]
    return "".join(_text(wire, reply) for reply in replies if isinstance(reply, dict))


def _text(wire: str, reply: Json) -> str:
    match wire, reply:
        case "openai", {"choices": [{"message": {"content": str(text)}}, *_]}:
            return text
        case "openai", {"choices": [{"delta": {"content": str(text)}}, *_]}:
            return text
        case "openai_completions", {"choices": [{"text": str(text)}, *_]}:
            return text
        case "anthropic", {"content": list(blocks)}:
            return "".join(block.get("text", "") for block in blocks)
        case "anthropic", {"delta": {"text": str(text)}}:
            return text
        case "responses" | "realtime", {"output": list(items)}:
            return "".join(part["text"] for item in items for part in item.get("content", ()))
        case "responses" | "realtime", {
            "type": "response.output_text.delta",
            "delta": str(text),
        }:
            return text
        case "bedrock", {"output": {"message": {"content": list(blocks)}}}:
            return "".join(block.get("text", "") for block in blocks)
        case "bedrock", {"delta": {"text": str(text)}}:
            return text
        case "cohere", {"message": {"content": list(blocks)}}:
            return "".join(block.get("text", "") for block in blocks)
        case "cohere", {"type": "content-delta", "delta": {"message": {"content": content}}}:
            return str(content.get("text", ""))
        case "ollama", {"message": {"content": str(text)}}:
            return text
        case "gemini", {"candidates": [{"content": {"parts": list(parts)}}, *_]}:
            return "".join(part.get("text", "") for part in parts if "thought" not in part)
        case _:
            return ""


def complaint(reply: Any) -> str:
    """The message of an error, whole or in an event, wherever its wire puts it."""
    match reply:
        case {"error": {"message": str(text)}} | {"error": str(text)} | {"message": str(text)}:
            return text
        case {"delta": {"error": str(text)}} | {"response": {"error": {"message": str(text)}}}:
            return text
        case _:
            return ""


def refusal(plan: Plan) -> str:
    """The message of an error answer."""
    return complaint(json.decode(sent(plan)))


class Answered(Struct):
    """What came back over the wire; `body` is unchunked, `complete` if its framing was."""

    status: int
    headers: dict[str, str]
    body: bytes
    complete: bool

    @property
    def json(self) -> Any:
        """The body decoded."""
        return json.decode(self.body)


def request(path: str, body: Any = None, method: str = "POST", **headers: str) -> bytes:
    """The bytes of a request."""
    data = body if isinstance(body, bytes) else json.encode(HI if body is None else body)
    lines = [f"{method} {path} HTTP/1.1", "host: lab", f"content-length: {len(data)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join((*lines, "", "")).encode() + data


async def until(condition: Callable[[], bool]) -> None:
    """Wait for the lab to notice something."""
    async with asyncio.timeout(TIMEOUT_S):
        while not condition():  # noqa: ASYNC110 - the lab counts; it has no event for each count
            await asyncio.sleep(0.01)


async def ask(lab: Lab, path: str, body: Any = None, **more: str) -> Answered:
    """Send one request, and read until the lab closes."""
    async with asyncio.timeout(TIMEOUT_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", lab.port)
        writer.write(request(path, body, connection="close", **more))
        try:
            data = await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()
    return parse(data)


def parse(data: bytes) -> Answered:
    """Split an answer into its parts; nothing at all has status 0."""
    if not data:
        return Answered(0, {}, b"", complete=False)
    head, _, rest = data.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body, complete = _unchunked(rest)
    else:
        body, complete = rest, len(rest) == int(headers.get("content-length", "0"))
    return Answered(int(status.split()[1]), headers, body, complete)


def _unchunked(data: bytes) -> tuple[bytes, bool]:
    body = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            return body, True
        body, data = body + data[:length], data[length + 2 :]
    return body, False


def form(*parts: tuple[str, ...] | tuple[str, str, str, bytes], boundary: bytes = b"lab") -> bytes:
    """A multipart form of fields (name, value) and files (name, filename, type, bytes)."""
    body = b""
    for part in parts:
        head = f'content-disposition: form-data; name="{part[0]}"'
        content: object = part[1]
        if len(part) == 4:
            head += f'; filename="{part[1]}"\r\ncontent-type: {part[2]}'
            content = part[3]
        data = content.encode() if isinstance(content, str) else content
        assert isinstance(data, bytes)
        body += b"--%b\r\n%b\r\n\r\n%b\r\n" % (boundary, head.encode(), data)
    return body + b"--%b--\r\n" % boundary


def other(operation: str, *parts: Any, place: str = "ok1", **more: Any) -> Question:
    """A question that is no chat: `parts` make a form, `more` sets fields; the rest is the body."""
    named = {name: more.pop(name) for name in ("ids", "query", "shelf", "number") if name in more}
    reader = FormReader(b"lab")
    if parts:
        reader.feed(form(*parts))
    found = reader.close() if parts else None
    prompt = replace(openai_other.read(found.fields() if found else more), form=found)
    return Question(
        wire="openai", operation=operation, place=place, model=prompt.model or "lab",
        stream=prompt.stream, prompt=prompt, **named,
    )  # fmt: skip


def decoded(plan: Plan) -> Any:
    """The JSON that a plan sends."""
    return json.decode(sent(plan))
