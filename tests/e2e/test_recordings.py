"""All recorded chat traffic, replayed by the lab, through headgate to an OpenAI caller.

Same dialect: what the upstream sent is what the caller gets, but for what must differ. Other
dialects: text, tool calls, finish reason and usage mean the same. The figures are printed; every
miss is listed, and must be explained in `KNOWN`.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.e2e.expected import anthropic, differences, frames, gemini, openai
from tests.e2e.harness import KEY, Gate, bench

FOLDER = Path(
    os.environ.get("HEADGATE_RECORDINGS")
    or Path(__file__).resolve().parents[3] / "shared" / "recordings"
)
PARALLEL = 8
WIRES = {
    "chat_completions": "openai",
    "messages": "anthropic",
    "generateContent": "gemini",
    "streamGenerateContent": "gemini",
}
Row = dict[str, Any]

# Recordings with status 200 that are no answers: the caller must get an error, and the first
# channel's failure would fail over. They are checked apart, by the error's own words.
FAILURES = {
    "azure-chat-completions-json-64bb9a1331": "Azure Content management policy",
    "gemini-generatecontent-json-f1c52d871b": "empty",
    "groq-chat-completions-stream-1685f479e8": "tool call validation failed",
    "groq-chat-completions-stream-35329ddc13": "tool call validation failed",
    "openrouter-chat-completions-json-c50e1740ce": "Provider returned error",
    "openrouter-chat-completions-stream-3fdc27ad8d": "EngineCore encountered an issue",
    "vertex-streamgeneratecontent-stream-7e8a00b3ad": "not the beginning of a reply",
    "vertex-streamgeneratecontent-stream-dd8c96216a": "The operation was cancelled",
}

# Misses that are right, and why. By id.
EMPTY = "an answer without content is a failure, as in uni-api (case 45)"
PIECES = "the reader of this test does not join streamed arguments; headgate does"
KNOWN: dict[str, str] = {
    "llamacpp-chat-completions-json-0ec8d875fb": EMPTY,
    "openrouter-chat-completions-json-545f66a030": EMPTY,
    "openrouter-chat-completions-json-eb0a9581e5": EMPTY,
    "minimax-chat-completions-stream-cc1d950c7d": "a transcription without an end: told as cut",
    "anthropic-messages-stream-cdb98b0a09": "a last count of zero does not undo an earlier one",
    "gemini-streamgeneratecontent-stream-2c034fa8c4": PIECES,
    "gemini-streamgeneratecontent-stream-c9b3f67e38": PIECES,
    "vertex-generatecontent-json-e59986547c": "UNEXPECTED_TOOL_CALL: not a call to be answered",
}


def rows() -> list[Row]:
    """The chat interactions that ended well."""
    if not (FOLDER / "index.jsonl").is_file():
        pytest.skip("no recordings: set HEADGATE_RECORDINGS, or put them in ../shared/recordings")
    lines = (FOLDER / "index.jsonl").read_text(encoding="utf-8").splitlines()
    found = [msgspec.json.decode(line) for line in lines]
    return [row for row in found if row["endpoint"] in WIRES and row["status"] == 200]


def config(found: list[Row]) -> str:
    """One channel per wire, whose models are the recordings."""
    models: dict[str, list[str]] = defaultdict(list)
    for row in found:
        models[WIRES[row["endpoint"]]].append(f"rec:{row['id']}")
    paths = {"openai": "v1/chat/completions", "anthropic": "v1/messages", "gemini": "v1beta"}
    lines = ["providers:"]
    for wire, names in models.items():
        lines += [f"  - provider: {wire}", f"    base_url: LAB/x/{paths[wire]}", "    api: up"]
        lines += ["    model:", *[f'      - "{name}"' for name in names]]
    return "\n".join([*lines, "api_keys:", f"  - api: {KEY}", ""])


async def replayed(gate: Gate, row: Row, recording: Row) -> list[str]:
    """Ask for one recording; name what is not as it should be."""
    wire = WIRES[row["endpoint"]]
    response = recording["response"]
    stream = "sse" in response
    body: Row = {"messages": [{"role": "user", "content": "Hi"}]}
    if wire == "openai" and isinstance((recording.get("request") or {}).get("body"), dict):
        body = dict(recording["request"]["body"])
    if wire != "openai" and stream:
        body["stream_options"] = {"include_usage": True}
    body |= {"model": f"rec:{row['id']}", "stream": stream}
    reply = await gate.post("/v1/chat/completions", body)
    if row["id"] in FAILURES:
        return [] if FAILURES[row["id"]] in reply.text and "error" in reply.text else [reply.text]
    if reply.status != 200:
        return [f"status {reply.status}: {reply.text[:200]}"]
    if wire == "openai":
        return same(response, reply.body, stream, body)
    wanted = anthropic(response) if wire == "anthropic" else gemini(response)
    return differences(wanted, openai(reply.body, stream=stream))


def same(response: Row, body: bytes, stream: bool, asked: Row) -> list[str]:
    """Compare an answer that passed through with what was recorded."""
    if not stream:
        got = msgspec.json.decode(body)
        return [] if got == response["body"] else ["the body differs"]
    wanted = frames(response)
    options = asked.get("stream_options")
    if not (isinstance(options, dict) and options.get("include_usage")):
        wanted = [frame for frame in wanted if frame.get("choices") != [] or not frame.get("usage")]
    got = frames({"sse": body.decode()})
    return [] if got == wanted else [f"{len(wanted)} frames became {len(got)}"]


async def test_recorded_traffic_arrives_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = rows()
    async with bench(tmp_path, FOLDER) as made:
        gate = await made.gateway(config(found))
        gauge = asyncio.Semaphore(PARALLEL)
        misses: dict[str, list[str]] = {}

        async def one(row: Row) -> None:
            recording = msgspec.json.decode((FOLDER / row["file"]).read_bytes())
            async with gauge:
                problems = await replayed(gate, row, recording)
            if problems:
                misses[row["id"]] = problems

        await asyncio.gather(*(one(row) for row in found))
    with capsys.disabled():
        report(found, misses)
    unexplained = {name: why for name, why in misses.items() if name not in KNOWN}
    assert not unexplained
    assert share(found, misses, same_dialect=True) >= 0.99
    assert share(found, misses, same_dialect=False) >= 0.97


def share(found: list[Row], misses: dict[str, list[str]], *, same_dialect: bool) -> float:
    """How many of a kind arrived as they were."""
    kind = [
        row
        for row in found
        if (WIRES[row["endpoint"]] == "openai") is same_dialect and row["id"] not in FAILURES
    ]
    assert kind, "the recordings hold none of this kind"
    return 1 - sum(row["id"] in misses for row in kind) / len(kind)


def report(found: list[Row], misses: dict[str, list[str]]) -> None:
    """Print the figures, and every miss with its reason."""
    for wire in ("openai", "anthropic", "gemini"):
        kind = [
            row for row in found if WIRES[row["endpoint"]] == wire and row["id"] not in FAILURES
        ]
        good = sum(row["id"] not in misses for row in kind)
        how = "identical" if wire == "openai" else "equal in meaning"
        print(f"\nrecordings, {wire} upstream: {good} of {len(kind)} {how}", end="")
    print()
    for name, problems in sorted(misses.items()):
        print(f"  miss {name}: {'; '.join(problems)} [{KNOWN.get(name, 'NOT EXPLAINED')}]")
