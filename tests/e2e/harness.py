"""The real gateway and the lab in one event loop, and a caller for them."""

from __future__ import annotations

import textwrap
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from headgate.app import Gateway, GatewaySettings, start_gateway
from headgate.lab.journal import Received
from headgate.lab.server import Lab, LabSettings, start_lab

KEY = "sk-test-user-0001"


class Reply(msgspec.Struct, kw_only=True):
    """An answer, read to its end. `broken`: the connection broke before the body was whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    broken: bool = False

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def error(self) -> str:
        """The error's message."""
        return str(self.json["error"]["message"])

    @property
    def events(self) -> list[Any]:
        """The JSON of each `data:` line; `[DONE]` stays a string."""
        lines = [line[6:] for line in self.text.splitlines() if line.startswith("data: ")]
        return [line if line == "[DONE]" else msgspec.json.decode(line) for line in lines]

    @property
    def content(self) -> str:
        """The text of an OpenAI answer, whole or streamed."""
        if self.headers.get("content-type", "").startswith("application/json"):
            return str(self.json["choices"][0]["message"]["content"])
        chunks = [event for event in self.events if isinstance(event, dict)]
        deltas = [c["delta"] for chunk in chunks for c in chunk.get("choices", [])]
        return "".join(delta.get("content") or "" for delta in deltas)

    @property
    def place(self) -> str:
        """Which of the lab's places answered: its texts begin with it."""
        return self.content.partition(":")[0]


class Bench:
    """A lab, and gateways in front of it."""

    def __init__(self, lab: Lab, http: aiohttp.ClientSession, folder: Path) -> None:
        self.lab = lab
        self._http = http
        self._folder = folder
        self._gateways: list[Gateway] = []

    async def gateway(self, yaml: str, **changes: Any) -> Gate:
        """Start a gateway; `LAB` in the text stands for the lab's address."""
        path = self._folder / f"api-{len(self._gateways)}.yaml"
        self.write(path, yaml)
        settings = GatewaySettings(config=str(path), host="127.0.0.1", port=0, log="off", **changes)
        running = await start_gateway(settings)
        self._gateways.append(running)
        return Gate(running, self, path)

    def write(self, path: Path, yaml: str) -> None:
        """Write a configuration for a gateway."""
        text = textwrap.dedent(yaml).replace("LAB", self.lab.url)
        path.write_text(text, encoding="utf-8")

    @property
    def places(self) -> list[str]:
        """The lab's places that were asked, in order."""
        return [request.place for request in self.lab.requests]

    @property
    def last(self) -> Received:
        """The latest request that reached the lab."""
        return self.lab.requests[-1]

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Reply:
        """Send a request and read the answer to its end."""
        async with self._http.request(method, url, headers=headers, data=body) as response:
            pieces: list[bytes] = []
            broken = False
            try:
                async for piece in response.content.iter_any():
                    pieces.append(piece)
            except aiohttp.ClientPayloadError:
                broken = True
            names = {name.lower(): value for name, value in response.headers.items()}
            return Reply(
                status=response.status, headers=names, body=b"".join(pieces), broken=broken
            )

    async def close(self) -> None:
        """Stop everything."""
        for running in self._gateways:
            await running.close()


class Gate:
    """A running gateway, and what a caller does with it."""

    def __init__(self, running: Gateway, bench: Bench, path: Path) -> None:
        self.running = running
        self.url = running.url
        self.path = path
        self._bench = bench

    async def post(
        self,
        path: str,
        body: Any,
        key: str | None = KEY,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """POST JSON."""
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return await self._bench.send("POST", self.url + path, _headers(key, headers), data)

    async def get(self, path: str, key: str | None = KEY) -> Reply:
        """GET."""
        return await self._bench.send("GET", self.url + path, _headers(key, None), None)

    async def chat(self, model: str, key: str = KEY, **more: Any) -> Reply:
        """Ask for a chat completion."""
        body = {"model": model, "messages": [{"role": "user", "content": "Hi"}]} | more
        return await self.post("/v1/chat/completions", body, key)

    async def models(self, key: str = KEY) -> list[str]:
        """The ids that `GET /v1/models` lists."""
        reply = await self.get("/v1/models", key)
        return [entry["id"] for entry in reply.json["data"]]


def _headers(key: str | None, more: Mapping[str, str] | None) -> dict[str, str]:
    headers = {"content-type": "application/json"}
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    return headers | dict(more or {})


@asynccontextmanager
async def bench(folder: Path, recordings: Path | None = None) -> AsyncIterator[Bench]:
    """Run a lab for the length of a test."""
    lab = await start_lab(LabSettings(recordings=recordings))
    timeout = aiohttp.ClientTimeout(total=30)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as http:
        made = Bench(lab, http, folder)
        try:
            yield made
        finally:
            await made.close()
            await lab.close()
