"""Real traffic of Converse and ConverseStream: every answer is read, whole and in any split.

The expectations are computed here, straight from the raw JSON, by other means than the dialect's.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.base.frames import Frame
from headgate.dialects.bedrock_converse import BEDROCK_CONVERSE
from headgate.dialects.framing.aws_event_stream import message_bytes
from headgate.ir.collect import collect
from headgate.ir.events import Event
from headgate.ir.reply import Reply
from headgate.ir.request import Opaque, Part, Text, Thinking, ToolCall
from headgate.upstream.classify import classify

Json = dict[str, Any]

BESIDE = Path(__file__).resolve().parents[4] / "shared" / "recordings"
ROOT = Path(os.environ.get("HEADGATE_RECORDINGS", BESIDE))
REASONS = {
    "end_turn": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
}


def recordings(endpoint: str) -> Iterator[Json]:
    if not (ROOT / "index.jsonl").is_file():
        pytest.skip(f"no recordings at {ROOT}; set HEADGATE_RECORDINGS")
    for line in (ROOT / "index.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["endpoint"] == endpoint:
            yield json.loads((ROOT / row["file"]).read_text(encoding="utf-8"))


def answered(endpoint: str) -> list[Json]:
    return [each for each in recordings(endpoint) if each["response"]["status"] == 200]


def body_of(recording: Json) -> bytes:
    """The bytes of a stream; of one recording only the decoded frames were kept."""
    response = recording["response"]
    if "base64" in response:
        return base64.b64decode(response["base64"])
    return b"".join(
        message_bytes(json.dumps(frame["payload"]).encode(), frame["headers"])
        for frame in response["eventstream"]
    )


def frames_of(*pieces: bytes) -> list[Frame]:
    decoder = BEDROCK_CONVERSE.frame_decoder()
    return [frame for piece in pieces for frame in decoder.feed(piece)] + decoder.end()


def read(frames: list[Frame]) -> Reply:
    decoder = BEDROCK_CONVERSE.stream_decoder()
    events: list[Event] = []
    for frame in frames:
        events += decoder.feed(frame)
    return collect(events + decoder.end())


def counts_in(usage: Json) -> tuple[int, int, int, int]:
    return (
        usage["inputTokens"],
        usage.get("cacheReadInputTokens", 0),
        usage.get("cacheWriteInputTokens", 0),
        usage["outputTokens"],
    )


def counts_of(reply: Reply) -> tuple[int, int, int, int]:
    assert reply.usage is not None
    assert reply.usage.total == sum(counts_of_usage(reply))
    return counts_of_usage(reply)


def counts_of_usage(reply: Reply) -> tuple[int, int, int, int]:
    usage = reply.usage
    assert usage is not None
    return usage.input, usage.cache_read, usage.cache_write, usage.output


def said_in(content: list[Json]) -> list[tuple[str, Any]]:
    """List what wire blocks say."""
    said: list[tuple[str, Any]] = []
    for block in content:
        reasoning = block.get("reasoningContent", {})
        if "text" in block:
            said.append(("text", block["text"]))
        elif "reasoningText" in reasoning:
            told = reasoning["reasoningText"]
            said.append(("thinking", (told["text"], told.get("signature", ""))))
        elif "redactedContent" in reasoning:
            said.append(("redacted", base64.b64decode(reasoning["redactedContent"]).decode()))
        elif "toolUse" in block and block["toolUse"].get("type") != "server_tool_use":
            use = block["toolUse"]
            said.append(("call", (use["toolUseId"], use["name"], use["input"])))
        elif "citationsContent" in block:
            cited = block["citationsContent"]
            text = "".join(each["text"] for each in cited["content"])
            said.append(("cited", (text, cited["citations"])))
        else:
            said.append(("other", block))
    return said


def said_by(parts: tuple[Part, ...]) -> list[tuple[str, Any]]:
    """List the same of the parts of a reply."""
    said: list[tuple[str, Any]] = []
    for part in parts:
        match part:
            case Text(text=text, citations=()):
                said.append(("text", text))
            case Text(text=text, citations=citations):
                said.append(("cited", (text, [each.native for each in citations])))
            case Thinking(redacted=True, signature=signature):
                said.append(("redacted", signature.value if signature else ""))
            case Thinking(text=text, signature=signature):
                said.append(("thinking", (text, signature.value if signature else "")))
            case ToolCall():
                said.append(("call", (part.call_id, part.name, json.loads(part.arguments))))
            case Opaque(block=block):
                said.append(("other", block))
    return said


def joined(frames: list[Json]) -> list[Json]:
    """Put the blocks of a stream together, as ConverseStream's documentation tells to."""
    blocks: dict[int, Json] = {}
    inputs: dict[int, str] = {}
    for frame in frames:
        payload = frame["payload"]
        index = payload.get("contentBlockIndex", 0)
        if frame["headers"].get(":event-type") == "contentBlockStart":
            blocks[index] = json.loads(json.dumps(payload["start"]))
        if frame["headers"].get(":event-type") != "contentBlockDelta":
            continue
        block = blocks.setdefault(index, {})
        delta = payload["delta"]
        if "text" in delta:
            block["text"] = block.get("text", "") + delta["text"]
        if "citation" in delta:
            block.setdefault("citations", []).append(delta["citation"])
        if "toolUse" in delta:
            inputs[index] = inputs.get(index, "") + delta["toolUse"]["input"]
        if "toolResult" in delta:
            block["toolResult"].setdefault("content", []).extend(delta["toolResult"])
        reasoning = delta.get("reasoningContent", {})
        if "redactedContent" in reasoning:
            block["reasoningContent"] = reasoning
        elif reasoning:
            told = block.setdefault("reasoningContent", {"reasoningText": {"text": ""}})
            told = told["reasoningText"]
            told["text"] += reasoning.get("text", "")
            if "signature" in reasoning:
                told["signature"] = reasoning["signature"]
    for index, text in inputs.items():
        blocks[index]["toolUse"]["input"] = json.loads(text or "{}")
    return [
        finished(block) for _, block in sorted(blocks.items()) if block and block != {"text": ""}
    ]


def finished(block: Json) -> Json:
    if "citations" not in block:
        return block
    content = [{"text": block.get("text", "")}]
    return {"citationsContent": {"content": content, "citations": block["citations"]}}


def test_every_whole_answer_is_read() -> None:
    found = answered("converse")
    for recording in found:
        wire = recording["response"]["body"]
        body = json.dumps(wire).encode()
        assert BEDROCK_CONVERSE.inspect_reply(body) is None
        reply = BEDROCK_CONVERSE.decode_reply(body)
        content = wire["output"]["message"]["content"]
        assert said_by(reply.choices[0].parts) == said_in(content), recording["id"]
        assert reply.choices[0].finish.reason == REASONS[wire["stopReason"]], recording["id"]
        assert counts_of(reply) == counts_in(wire["usage"]), recording["id"]
        assert sum(counts_of(reply)) == wire["usage"]["totalTokens"], recording["id"]
    print(f"\nconverse: {len(found)} answers read")
    assert found


def test_every_stream_is_read() -> None:
    found = answered("converse-stream")
    for recording in found:
        frames = frames_of(body_of(recording))
        raw = recording["response"]["eventstream"]
        assert [f.event for f in frames] == [f["headers"][":event-type"] for f in raw]
        assert [json.loads(f.data) for f in frames] == [f["payload"] for f in raw]
        assert BEDROCK_CONVERSE.inspect_first(frames[0]) is None
        reply = read(frames)
        assert said_by(reply.choices[0].parts) == said_in(joined(raw)), recording["id"]
        told = {f["headers"][":event-type"]: f["payload"] for f in raw}
        reason = REASONS[told["messageStop"]["stopReason"]]
        assert reply.choices[0].finish.reason == reason, recording["id"]
        assert counts_of(reply) == counts_in(told["metadata"]["usage"]), recording["id"]
        assert sum(counts_of(reply)) == told["metadata"]["usage"]["totalTokens"], recording["id"]
        extras = reply.extras.get("bedrock_converse", {})
        assert extras.get("trace") == told["metadata"].get("trace"), recording["id"]
    print(f"\nconverse-stream: {len(found)} answers read")
    assert found


def test_a_stream_fed_byte_by_byte_gives_the_same_frames() -> None:
    for recording in answered("converse-stream"):
        body = body_of(recording)
        assert frames_of(*(body[i : i + 1] for i in range(len(body)))) == frames_of(body)


@settings(max_examples=30)
@given(st.data())
def test_a_stream_in_any_split_gives_the_same_reply(data: st.DataObject) -> None:
    found = answered("converse-stream")
    body = body_of(found[data.draw(st.integers(0, len(found) - 1))])
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=20))
    borders = sorted({0, len(body), *cuts})
    assert read(frames_of(*(body[a:b] for a, b in pairwise(borders)))) == read(frames_of(body))


def test_every_refusal_is_told_in_its_own_words() -> None:
    found = [
        each
        for endpoint in ("converse", "converse-stream")
        for each in recordings(endpoint)
        if each["response"]["status"] != 200
    ]
    for recording in found:
        response = recording["response"]
        error = BEDROCK_CONVERSE.decode_error(response["body"])
        assert error is not None
        assert error.message == response["body"]["message"]
        failure = classify(
            response["status"],
            {},
            json.dumps(response["body"]).encode(),
            BEDROCK_CONVERSE.decode_error,
            now_s=0.0,
        )
        assert failure.message == error.message
        assert failure.status == response["status"]
    assert found
