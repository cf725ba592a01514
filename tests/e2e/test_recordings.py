"""All recorded chat traffic, replayed by the lab, through headgate to a caller at each front door.

Same dialect: what the upstream sent is what the caller gets, but for what must differ. Other
dialects: text, tool calls, finish reason and usage mean the same. The figures are printed; every
miss is listed, and must be explained in `KNOWN`.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from headgate.dialects.bridge import WIRES as BUILT
from tests.e2e.expected import READERS, differences, frames, told
from tests.e2e.harness import KEY, Gate, Reply, bench

FOLDER = Path(
    os.environ.get("HEADGATE_RECORDINGS")
    or Path(__file__).resolve().parents[3] / "shared" / "recordings"
)
PARALLEL = 8
# The endpoint of a recording, and the wire that it is.
WIRES = {
    "chat_completions": "openai_chat",
    "responses": "openai_responses",
    "messages": "anthropic",
    "generateContent": "gemini",
    "streamGenerateContent": "gemini",
    "converse": "bedrock_converse",
    "converse-stream": "bedrock_converse",
    "v2_chat": "cohere",
    "api_chat": "ollama",
}
# Where the lab is asked for a wire, as an operator would write it.
BASE_URLS = {
    "openai_chat": "LAB/x/v1/chat/completions",
    "openai_responses": "LAB/x/v1/responses",
    "anthropic": "LAB/x/v1/messages",
    "gemini": "LAB/x/v1beta",
    "bedrock_converse": "LAB/x",
    "cohere": "LAB/x/v2/chat",
    "ollama": "LAB/x",
}
ENGINES = {"bedrock_converse": "aws", "cohere": "cohere", "ollama": "ollama"}
Row = dict[str, Any]


class Door(NamedTuple):
    """A front door: where a recording is asked for, and with which body."""

    dialect: str
    path: Callable[[str, bool], str]
    body: Callable[[str, bool], Row]


def _messages(model: str, stream: bool) -> Row:
    said = [{"role": "user", "content": "Hi"}]
    return {"model": model, "stream": stream, "max_tokens": 1000, "messages": said}


def _chat(model: str, stream: bool) -> Row:
    usage = {"stream_options": {"include_usage": True}} if stream else {}
    return {
        "model": model,
        "stream": stream,
        "messages": [{"role": "user", "content": "Hi"}],
    } | usage


def _gemini_path(model: str, stream: bool) -> str:
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return f"/v1beta/models/{model}:{verb}"


DOORS = (
    Door("openai_chat", lambda *_: "/v1/chat/completions", _chat),
    Door(
        "openai_responses",
        lambda *_: "/v1/responses",
        lambda model, stream: {"model": model, "stream": stream, "input": "Hi"},
    ),
    Door("anthropic", lambda *_: "/v1/messages", _messages),
    Door(
        "gemini",
        _gemini_path,
        lambda *_: {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
    ),
)

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
SPOKEN = "a spoken answer, which Anthropic's callers get as its transcript"
KNOWN: dict[str, str] = {
    "llamacpp-chat-completions-json-0ec8d875fb": EMPTY,
    "openrouter-chat-completions-json-545f66a030": EMPTY,
    "openrouter-chat-completions-json-eb0a9581e5": EMPTY,
    "minimax-chat-completions-stream-cc1d950c7d": "a transcription without an end: told as cut",
    "anthropic-messages-stream-cdb98b0a09": "a last count of zero does not undo an earlier one",
    "vertex-generatecontent-json-e59986547c": "UNEXPECTED_TOOL_CALL: not a call to be answered",
    "mistral-chat-completions-json-fac16eb270": "the audio is in the details and the total alone",
    "openai-chat-completions-json-5b6efe8e10": SPOKEN,
    "openai-chat-completions-json-cda4ceabf7": SPOKEN,
    "openai-responses-json-5f7a3e8046": "a list of input items: no response, and told so",
    "openai-responses-stream-8ee3bb31f4": "hand-made: the deltas and the items say two things",
    "xai-responses-stream-344fa35ae2": "calls that xAI's own server makes and answers",
    "openrouter-chat-completions-stream-9cbe85e8ca": "an error beside the finish: told as one",
}


def rows() -> list[Row]:
    """The chat interactions that ended well, of the wires that are built."""
    if not (FOLDER / "index.jsonl").is_file():
        pytest.skip("no recordings: set HEADGATE_RECORDINGS, or put them in ../shared/recordings")
    lines = (FOLDER / "index.jsonl").read_text(encoding="utf-8").splitlines()
    found = [msgspec.json.decode(line) for line in lines]
    return [
        row
        for row in found
        if WIRES.get(row["endpoint"]) in BUILT and row["status"] == 200 and row["id"] not in SKIPPED
    ]


# Not answers of a chat at all.
SKIPPED: frozenset[str] = frozenset()


def config(found: list[Row]) -> str:
    """One channel per wire, whose models are the recordings."""
    models: dict[str, list[str]] = defaultdict(list)
    for row in found:
        models[WIRES[row["endpoint"]]].append(f"rec:{row['id']}")
    lines = ["providers:"]
    for wire, names in models.items():
        lines += [f"  - provider: {wire}", f"    base_url: {BASE_URLS[wire]}", "    api: up"]
        if wire in ENGINES:
            lines.append(f"    engine: {ENGINES[wire]}")
        lines.append(f"    preferences: {{dialects: [{wire}]}}")
        lines += ["    model:", *[f'      - "{name}"' for name in names]]
    return "\n".join([*lines, "api_keys:", f"  - api: {KEY}", ""])


async def replayed(gate: Gate, door: Door, row: Row, recording: Row) -> list[str]:
    """Ask for one recording at one door; name what is not as it should be."""
    wire = WIRES[row["endpoint"]]
    response, stream = recording["response"], bool(row["stream"])
    model = f"rec:{row['id']}"
    asked = door.body(model, stream)
    if wire == door.dialect == "openai_chat":
        asked = _own_body(recording, asked)
    reply = await gate.post(door.path(model, stream), asked)
    if row["id"] in FAILURES:
        return [] if FAILURES[row["id"]] in reply.text and "error" in reply.text else [reply.text]
    if reply.status != 200:
        return [f"status {reply.status}: {reply.text[:200]}"]
    if wire == door.dialect:
        return same(response, reply, stream, asked)
    wanted = READERS[wire](response)
    return differences(wanted, READERS[door.dialect](told(reply.body, stream=stream)))


def _own_body(recording: Row, asked: Row) -> Row:
    """The request that was recorded, whose options may change what is shown."""
    body = (recording.get("request") or {}).get("body")
    if not isinstance(body, dict):
        return asked
    return body | {"model": asked["model"], "stream": asked["stream"]}


def same(response: Row, reply: Reply, stream: bool, asked: Row) -> list[str]:
    """Compare an answer that passed through with what was recorded."""
    if not stream:
        got = msgspec.json.decode(reply.body)
        return [] if got == response["body"] else ["the body differs"]
    wanted = frames(response)
    options = asked.get("stream_options")
    hides_usage = "messages" in asked and "max_tokens" not in asked
    if hides_usage and not (isinstance(options, dict) and options.get("include_usage")):
        wanted = [frame for frame in wanted if frame.get("choices") != [] or not frame.get("usage")]
    got = frames({"sse": reply.text})
    return [] if got == wanted else [f"{len(wanted)} frames became {len(got)}"]


class Miss(NamedTuple):
    """A recording that did not arrive at a door as it was."""

    door: str
    recording: str
    problems: str


async def test_recorded_traffic_arrives_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = rows()
    misses: list[Miss] = []
    async with bench(tmp_path, FOLDER) as made:
        gate = await made.gateway(config(found))
        gauge = asyncio.Semaphore(PARALLEL)

        async def one(row: Row) -> None:
            recording = msgspec.json.decode((FOLDER / row["file"]).read_bytes())
            for door in DOORS:
                if door.dialect not in BUILT:
                    continue
                async with gauge:
                    problems = await replayed(gate, door, row, recording)
                if problems:
                    misses.append(Miss(door.dialect, row["id"], "; ".join(problems)))

        await asyncio.gather(*(one(row) for row in found))
    with capsys.disabled():
        report(found, misses)
    assert [miss for miss in misses if miss.recording not in KNOWN] == []
    assert share(found, misses, same_dialect=True) >= 0.995
    assert share(found, misses, same_dialect=False) >= 0.98


def pairs(found: list[Row]) -> list[tuple[str, str, Row]]:
    """Every (door, wire, recording) that was to be an answer."""
    return [
        (door.dialect, WIRES[row["endpoint"]], row)
        for row in found
        for door in DOORS
        if row["id"] not in FAILURES and door.dialect in BUILT
    ]


def share(found: list[Row], misses: list[Miss], *, same_dialect: bool) -> float:
    """How many of a kind arrived as they were."""
    missed = {(miss.door, miss.recording) for miss in misses}
    kind = [
        (door, row["id"]) in missed
        for door, wire, row in pairs(found)
        if (door == wire) is same_dialect
    ]
    assert kind, "the recordings hold none of this kind"
    return 1 - sum(kind) / len(kind)


def report(found: list[Row], misses: list[Miss]) -> None:
    """Print the figures by door and wire, by provider and by feature, and every miss."""
    missed = {(miss.door, miss.recording) for miss in misses}
    by_pair: dict[tuple[str, str], list[bool]] = defaultdict(list)
    by_provider: dict[str, list[bool]] = defaultdict(list)
    by_feature: dict[str, list[bool]] = defaultdict(list)
    for door, wire, row in pairs(found):
        arrived = (door, row["id"]) not in missed
        by_pair[door, wire].append(arrived)
        by_provider[row["provider"]].append(arrived)
        for feature in row.get("features") or ():
            by_feature[feature].append(arrived)
    print()
    for (door, wire), good in sorted(by_pair.items()):
        how = "identical" if door == wire else "equal in meaning"
        print(f"recordings, {wire} to a caller of {door}: {sum(good)} of {len(good)} {how}")
    for name, table in (("provider", by_provider), ("feature", by_feature)):
        told_ = ", ".join(f"{key} {sum(good)}/{len(good)}" for key, good in sorted(table.items()))
        print(f"by {name}: {told_}")
    for miss in sorted(misses):
        why = KNOWN.get(miss.recording, "NOT EXPLAINED")
        print(f"  miss {miss.recording} at {miss.door}: {miss.problems} [{why}]")
