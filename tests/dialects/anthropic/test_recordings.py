"""Real traffic of the Messages API: what is read, and what comes back unchanged.

The expectations are computed here, straight from the raw JSON, by other means than the dialect's.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from headgate.base.failure import RelayError
from headgate.base.frames import Frame
from headgate.dialects.anthropic import ANTHROPIC
from headgate.dialects.dialect import ReplyContext, Target
from headgate.ir.collect import collect, replay
from headgate.ir.events import Event
from headgate.ir.loss import Losses
from headgate.ir.reply import Reply
from headgate.ir.request import Opaque, Text, Thinking, ToolCall

Json = dict[str, Any]

BESIDE = Path(__file__).resolve().parents[4] / "shared" / "recordings"
ROOT = Path(os.environ.get("HEADGATE_RECORDINGS", BESIDE))
ENDPOINTS = frozenset(["messages", "anthropic_raw_predict"])
CONTEXT = ReplyContext(model="m", reply_id="r", created=0)

# Requests that the vendor refused as well.
REFUSED_REQUESTS = {
    "anthropic-messages-err-a316cc57ea": r"Expected `object`, got `bool`.*tools\[0\]",
}
# Requests that do not come back as they were sent, and why.
CHANGED_REQUESTS: dict[str, str] = {
    "anthropic-messages-json-ebc379752a": "an effort alone: here it did not mean thinking, "
    "in the IR (as from OpenAI's reasoning_effort) it does; the same dialect is passed through",
}
# Fields of a tool that say nothing.
UNSAID = [("type", "custom"), ("description", "")]
# Stop reasons that the dialect puts right.
STOPS = {
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    "compaction": "stop",
    None: "stop",
}


def recordings() -> Iterator[Json]:
    if not (ROOT / "index.jsonl").is_file():
        pytest.skip(f"no recordings at {ROOT}; set HEADGATE_RECORDINGS")
    for line in (ROOT / "index.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["endpoint"] in ENDPOINTS:
            yield json.loads((ROOT / row["file"]).read_text(encoding="utf-8"))


def blocks(content: Any) -> list[Any]:
    """Write content in its long form; a string is short for one text block."""
    if content is None:
        return []
    listed = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [block for block in map(block_meaning, listed) if block != {"type": "text", "text": ""}]


def block_meaning(block: Json) -> Json:
    meant = {key: value for key, value in block.items() if value is not None}
    if block["type"] == "tool_result":
        meant["content"] = blocks(block.get("content"))
        meant.setdefault("is_error", False)
    if block["type"] == "thinking":
        meant.setdefault("signature", "")
    return meant


def meaning(body: Json) -> Json:
    """Write a request so that two spellings of the same wish are equal."""
    meant = {key: value for key, value in body.items() if value not in (None, [], "")}
    meant["system"] = blocks(body.get("system"))
    messages: list[Json] = []
    for message in body["messages"]:
        content = blocks(message["content"])
        if messages and messages[-1]["role"] == message["role"]:
            messages[-1]["content"] += content  # the API joins them just so
        else:
            messages.append({"role": message["role"], "content": content})
    meant["messages"] = messages
    meant["stream"] = bool(body.get("stream"))
    if body.get("tools"):
        meant["tools"] = [
            {k: v for k, v in tool.items() if v is not None and (k, v) not in UNSAID}
            for tool in body["tools"]
        ]
    return meant


def expected_usage(wire: Json | None) -> tuple[int, int, int, int] | None:
    if not wire:
        return None
    names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    counts = [wire.get(n) or 0 for n in (*names, "output_tokens")]
    return counts[0], counts[1], counts[2], counts[3]


def told(reply: Reply) -> Reply:
    """A reply as a caller is told it.

    Without the counts of inner calls, which are for the bill, and without the fields of single
    blocks, which are known when the block is told already (and named as lost).
    """
    kept = {path: v for path, v in reply.extras.get("anthropic", {}).items() if "." not in path}
    reply = msgspec.structs.replace(reply, extras={"anthropic": kept} if kept else {})
    if reply.usage is None:
        return reply
    usage = msgspec.structs.replace(reply.usage, inner_input=0, inner_output=0)
    return msgspec.structs.replace(reply, usage=usage)


def usage_of(reply: Reply) -> tuple[int, int, int, int] | None:
    usage = reply.usage
    if usage is None:
        return None
    return usage.input, usage.cache_read, usage.cache_write, usage.output


def content_of(reply: Reply) -> list[tuple[str, Any]]:
    """List what a reply says, part by part."""
    said: list[tuple[str, Any]] = []
    for part in reply.choices[0].parts:
        match part:
            case Text():
                said.append(("text", part.text))
            case Thinking():
                signature = part.signature.value if part.signature else ""
                said.append(("redacted" if part.redacted else "thinking", (part.text, signature)))
            case ToolCall():
                said.append(("tool_use", (part.call_id, part.name, json.loads(part.arguments))))
            case Opaque():
                said.append((part.block["type"], part.block))
    return said


def content_in(content: list[Json]) -> list[tuple[str, Any]]:
    """List the same of a wire message's content."""
    said: list[tuple[str, Any]] = []
    for block in content:
        match block["type"]:
            case "text":
                said.append(("text", block["text"]))
            case "thinking":
                said.append(("thinking", (block["thinking"], block.get("signature", ""))))
            case "redacted_thinking":
                said.append(("redacted", ("", block["data"])))
            case "tool_use":
                said.append(("tool_use", (block["id"], block["name"], block["input"])))
            case kind:
                said.append((kind, block))
    return said


def accumulated(sse: str) -> tuple[Json, Json]:
    """Join a stream's events as an SDK does: the whole message, and its usage."""
    message: Json = {}
    content: dict[int, Json] = {}
    inputs: dict[int, str] = {}
    usage: Json = {}
    for line in sse.replace("\r\n", "\n").split("\n"):
        if not line.startswith("data:") or line[5:].strip() == "[DONE]":
            continue
        event = json.loads(line[5:])
        index = event.get("index", 0)
        match event["type"]:
            case "message_start":
                message = event["message"]
                content = dict(enumerate(message["content"]))
                usage |= {k: v for k, v in message["usage"].items() if v}
            case "content_block_start":
                content[index] = event["content_block"]
            case "content_block_delta":
                for key, value in event["delta"].items():
                    if key == "partial_json":
                        inputs[index] = inputs.get(index, "") + value
                    elif key == "citation":
                        (content[index].setdefault("citations", None) or []).append(value)
                    elif key not in ("type", "estimated_tokens"):
                        content[index][key] = (content[index].get(key) or "") + value
            case "content_block_stop":
                if inputs.get(index):
                    content[index]["input"] = json.loads(inputs[index])
            case "message_delta":
                message |= event["delta"]
                usage |= {k: v for k, v in event["usage"].items() if v}
    return message | {"content": list(content.values())}, usage


def decoded(sse: str, step: int = 0) -> list[Event]:
    """Decode a stream, cut into chunks of `step` bytes (0: not cut)."""
    data = sse.encode()
    chunks = [data[i : i + step] for i in range(0, len(data), step)] if step else [data]
    frames, decoder = ANTHROPIC.frame_decoder(), ANTHROPIC.stream_decoder()
    found = [frame for chunk in chunks for frame in frames.feed(chunk)] + frames.end()
    events = [event for frame in found for event in decoder.feed(frame)]
    return events + decoder.end()


def frames_of(sse: str) -> list[Frame]:
    frames = ANTHROPIC.frame_decoder()
    return frames.feed(sse.encode()) + frames.end()


def test_requests_come_back_with_every_field() -> None:
    missed: dict[str, Json] = {}
    count = 0
    for recording in recordings():
        body = (recording["request"] or {}).get("body")
        if not isinstance(body, dict):
            continue
        if recording["id"] in REFUSED_REQUESTS:
            with pytest.raises(RelayError, match=REFUSED_REQUESTS[recording["id"]]):
                ANTHROPIC.decode_request(json.dumps(body).encode())
            continue
        count += 1
        body.setdefault("model", "claude-sonnet-4-5")  # Vertex has it in the URL
        request = ANTHROPIC.decode_request(json.dumps(body).encode())
        losses = Losses("anthropic")
        target = Target(model=request.model, stream=request.stream)
        again = ANTHROPIC.encode_request(request, target, losses)
        want, got = meaning(body), meaning(json.loads(msgspec.json.encode(again)))
        if want != got or len(losses):
            keys = {key for key in want | got if want.get(key) != got.get(key)}
            missed[recording["id"]] = {key: (want.get(key), got.get(key)) for key in keys} | {
                loss.field: loss.note for loss in losses
            }
    unexplained = {name: what for name, what in missed.items() if name not in CHANGED_REQUESTS}
    print(f"anthropic requests: {count - len(missed)} of {count} come back with every field")
    assert unexplained == {}
    assert len(missed) <= count // 100 + len(CHANGED_REQUESTS)


def test_whole_answers_are_read_and_written_again() -> None:
    count = 0
    for recording in recordings():
        body = recording["response"].get("body")
        if recording["response"]["status"] != 200 or not isinstance(body, dict):
            continue
        count += 1
        data = json.dumps(body).encode()
        assert ANTHROPIC.inspect_reply(data) is None
        reply = ANTHROPIC.decode_reply(data)
        assert content_of(reply) == content_in(body["content"]), recording["id"]
        assert reply.choices[0].finish.reason == STOPS[body["stop_reason"]], recording["id"]
        assert usage_of(reply) == expected_usage(body["usage"]), recording["id"]
        assert ANTHROPIC.read_usage(data) == reply.usage
        again = json.loads(ANTHROPIC.encode_reply(reply, CONTEXT))
        assert blocks(again["content"]) == blocks(body["content"]), recording["id"]
        for key in body.keys() - {"content", "usage"}:
            assert again.get(key) == body[key], (recording["id"], key)
    print(f"anthropic answers: {count} of {count} read and written again")
    assert count


def test_streams_give_text_calls_finish_and_usage() -> None:
    counted: Counter[str] = Counter()
    for recording in recordings():
        sse = recording["response"].get("sse")
        if sse is None:
            continue
        counted["streams"] += 1
        message, wire_usage = accumulated(sse)
        reply = collect(decoded(sse))
        assert content_of(reply) == content_in(message["content"]), recording["id"]
        reason = STOPS[message["stop_reason"]]
        assert reply.choices[0].finish.reason == reason, recording["id"]
        assert usage_of(reply) == expected_usage(wire_usage), recording["id"]
        assert decoded(sse, 7) == decoded(sse), recording["id"]

        meter = ANTHROPIC.meter(True)
        frames = frames_of(sse)
        assert all(meter.feed(frame) for frame in frames)
        assert meter.finished
        assert meter.failure is None
        assert meter.usage == reply.usage
        assert ANTHROPIC.inspect_first(frames[0]) is None
        counted["frames"] += len(frames)
    print(f"anthropic streams: {counted['streams']} with {counted['frames']} frames, all read")
    assert counted["streams"]


def test_streams_written_for_a_caller_say_the_same() -> None:
    for recording in recordings():
        sse = recording["response"].get("sse")
        if sse is None:
            continue
        reply = collect(decoded(sse))
        encoder = ANTHROPIC.stream_encoder(CONTEXT)
        written = b"".join(encoder.feed(event) for event in replay(reply)).decode()
        message, _ = accumulated(written)
        assert content_in(message["content"]) == content_of(reply), recording["id"]
        assert collect(decoded(written)) == told(reply), recording["id"]


def test_error_answers_are_recognised() -> None:
    count = 0
    for recording in recordings():
        body = recording["response"].get("body")
        if recording["response"]["status"] < 400:
            continue
        count += 1
        error = ANTHROPIC.decode_error(body)
        assert error is not None, recording["id"]
        assert error.kind == body["error"]["type"]
        assert error.message == body["error"]["message"]
        assert ANTHROPIC.inspect_reply(json.dumps(body).encode()) is not None
    print(f"anthropic errors: {count} of {count} recognised")
    assert count
