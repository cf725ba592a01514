"""Ask the lab: questions for the pure scripts, and raw HTTP for the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from msgspec import Struct, json

from headgate.lab.plan import Plan, Send
from headgate.lab.server import Lab
from headgate.lab.wires import WIRES
from headgate.lab.wires.question import Json, Question

TIMEOUT_S = 5.0
HI: Json = {"model": "m", "messages": [{"role": "user", "content": "hi there"}], "max_tokens": 99}
GEMINI_HI: Json = {"contents": [{"role": "user", "parts": [{"text": "hi there"}]}]}
WEATHER: Json = {"type": "object", "properties": {"city": {"type": "string"}}}
CHAT_WIRES = ("openai", "anthropic", "gemini")
OFFERS: dict[str, Json] = {
    "openai": {
        "tools": [{"type": "function", "function": {"name": "look", "parameters": WEATHER}}]
    },
    "anthropic": {"tools": [{"name": "look", "input_schema": WEATHER}]},
    "gemini": {"tools": [{"functionDeclarations": [{"name": "look", "parameters": WEATHER}]}]},
}


def question(wire: str = "openai", *, stream: bool = False, **more: Any) -> Question:
    """A chat question, as `lab.site` would make it of a body; `more` goes into the body."""
    body = (GEMINI_HI if wire == "gemini" else HI) | {"prompt": "hi there"} | more
    prompt = WIRES[wire].read(body)
    return Question(wire=wire, operation="chat", place="ok1", stream=stream, prompt=prompt)


def sent(plan: Plan) -> bytes:
    """Everything that a plan sends."""
    return b"".join(step.data for step in plan.steps if isinstance(step, Send))


def events(data: bytes) -> list[Any]:
    """The JSON of each `data:` line; `[DONE]` stays a string."""
    texts = [line[5:].strip() for line in data.splitlines() if line.startswith(b"data:")]
    return [text.decode() if text == b"[DONE]" else json.decode(text) for text in texts]


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
        case "gemini", {"candidates": [{"content": {"parts": list(parts)}}, *_]}:
            return "".join(part.get("text", "") for part in parts if "thought" not in part)
        case _:
            return ""


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
