"""Streams of every wire, as bytes: made-up ones, and the recorded ones where they are there."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from headgate.base.frames import Frame
from headgate.dialects.bridge import DIALECTS, WIRES
from headgate.dialects.dialect import FrameDecoder, ReplyContext
from headgate.dialects.framing.aws_event_stream import message_bytes
from headgate.ir.collect import replay
from scripts.matrix import features

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "recordings"
FOLDER = Path(os.environ.get("HEADGATE_RECORDINGS", BESIDE))

# The recordings' endpoints by the wire that they speak.
ENDPOINTS: Mapping[str, str] = {
    "chat_completions": "openai_chat",
    "bots_chat_completions": "openai_chat",
    "responses": "openai_responses",
    "messages": "anthropic",
    "anthropic_raw_predict": "anthropic",
    "streamGenerateContent": "gemini",
    "completions": "openai_completions",
    "converse-stream": "bedrock_converse",
    "v2_chat": "cohere",
    "api_chat": "ollama",
}
_MADE_UP = re.compile(rb"call_[0-9a-f]{24}")
CONTEXT = ReplyContext(model="m", reply_id="r", created=1, include_usage=True)


class Stream(NamedTuple):
    """The body of one streamed answer."""

    name: str
    wire: str
    data: bytes


def in_pieces(data: bytes, size: int) -> list[bytes]:
    """Cut into pieces of one size; the last may be shorter."""
    return [data[start : start + size] for start in range(0, len(data), size)]


def cut_at(data: bytes, *places: int) -> list[bytes]:
    """Cut at these places."""
    return [data[a:b] for a, b in pairwise([0, *places, len(data)])]


def settled(data: bytes) -> bytes:
    """Give the ids that we make up for calls without one all the same name."""
    return _MADE_UP.sub(b"call_made_up", data)


def frames_of(decoder: FrameDecoder, *pieces: bytes) -> list[Frame]:
    """Feed all pieces, and end."""
    return [frame for piece in pieces for frame in decoder.feed(piece)] + decoder.end()


# ------------------------------------------------------------------ made up

_AWS = (
    ("messageStart", {"role": "assistant"}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "hm"}}}),
    (
        "contentBlockDelta",
        {"contentBlockIndex": 0, "delta": {"reasoningContent": {"signature": "c2ln"}}},
    ),
    ("contentBlockStop", {"contentBlockIndex": 0}),
    ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "Grüße 🌊"}}),
    ("contentBlockStop", {"contentBlockIndex": 1}),
    (
        "contentBlockStart",
        {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "t1", "name": "weather"}}},
    ),
    ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": '{"city":'}}}),
    ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": '"Ulm"}'}}}),
    ("contentBlockStop", {"contentBlockIndex": 2}),
    (
        "contentBlockDelta",
        {"contentBlockIndex": 3, "delta": {"image": {"source": {"bytes": "aGk="}}}},
    ),
    ("contentBlockStop", {"contentBlockIndex": 3}),
    ("messageStop", {"stopReason": "tool_use"}),
    (
        "metadata",
        {
            "usage": {"inputTokens": 9, "outputTokens": 3, "totalTokens": 12},
            "metrics": {"latencyMs": 5},
            "p": "abc",
        },
    ),
)
_COHERE: tuple[dict[str, Any], ...] = (
    {"type": "message-start", "id": "c1", "delta": {"message": {"role": "assistant"}}},
    {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "I will look"}}},
    {
        "type": "tool-call-start",
        "index": 0,
        "delta": {
            "message": {
                "tool_calls": {
                    "id": "t1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": ""},
                }
            }
        },
    },
    {
        "type": "tool-call-delta",
        "index": 0,
        "delta": {"message": {"tool_calls": {"function": {"arguments": '{"city":"Ulm"}'}}}},
    },
    {"type": "tool-call-end", "index": 0},
    {
        "type": "content-start",
        "index": 0,
        "delta": {"message": {"content": {"type": "text", "text": ""}}},
    },
    {
        "type": "content-delta",
        "index": 0,
        "delta": {"message": {"content": {"text": "Grüße 🌊"}}},
        "logprobs": {"token_ids": [1], "text": "Grüße", "logprobs": [-0.5]},
    },
    {
        "type": "citation-start",
        "index": 0,
        "delta": {
            "message": {
                "citations": {
                    "start": 0,
                    "end": 5,
                    "text": "Grüße",
                    "type": "TEXT_CONTENT",
                    "sources": [{"type": "document", "id": "d1", "document": {"title": "T"}}],
                }
            }
        },
    },
    {"type": "citation-end", "index": 0},
    {"type": "content-end", "index": 0},
    {
        "type": "message-end",
        "id": "c1",
        "delta": {
            "finish_reason": "COMPLETE",
            "usage": {"tokens": {"input_tokens": 9, "output_tokens": 3}},
        },
    },
)
_OLLAMA: tuple[dict[str, Any], ...] = (
    {"model": "q", "created_at": "2025-01-01T00:00:00Z", "message": {"thinking": "hm"}},
    {"model": "q", "message": {"role": "assistant", "content": "Grüße"}, "done": False},
    {
        "model": "q",
        "message": {"content": " 🌊"},
        "logprobs": [{"token": " 🌊", "logprob": -0.5, "bytes": [32]}],
    },
    {
        "model": "q",
        "message": {
            "content": "",
            "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Ulm"}}}],
        },
    },
    {
        "model": "q",
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 9,
        "eval_count": 3,
    },
)


def sse(*events: Mapping[str, Any], named: bool = False) -> bytes:
    """Write objects as server-sent events, by their `type` if they are `named`."""
    return b"".join(
        (b"event: %b\n" % str(event["type"]).encode() if named else b"")
        + b"data: %b\n\n" % msgspec.json.encode(event)
        for event in events
    )


def written(wire: str, body: Mapping[str, Any]) -> bytes:
    """Write a whole reply as a stream of its own dialect."""
    reply = WIRES[wire].decode_reply(msgspec.json.encode(body))
    encoder = DIALECTS[wire].stream_encoder(CONTEXT)
    return b"".join(map(encoder.feed, replay(reply)))


@cache
def made() -> tuple[Stream, ...]:
    """Give streams of every wire; with every feature of replies where callers speak it too."""
    aws = [
        message_bytes(msgspec.json.encode(payload), {":event-type": kind, ":message-type": "event"})
        for kind, payload in _AWS
    ]
    found = [
        Stream("made", "bedrock_converse", b"".join(aws)),
        Stream("made", "cohere", sse(*_COHERE, named=True)),
        Stream("made", "ollama", b"".join(msgspec.json.encode(line) + b"\n" for line in _OLLAMA)),
    ]
    refused = ("15_blocked_prompt", "20_broken", "21_malformed_call")
    for feature in features("replies"):
        for wire, body in feature.bodies.items():
            if wire in DIALECTS and feature.path.stem not in refused:
                found.append(Stream(feature.path.stem, wire, written(wire, body)))
    text = next(one for one in features("replies") if one.path.stem == "01_text")
    elements = [text.bodies["gemini"], {**text.bodies["gemini"], "candidates": []}]
    found.append(Stream("array", "gemini", msgspec.json.format(msgspec.json.encode(elements))))
    chat = written("openai_chat", text.bodies["openai_chat"])
    found.append(Stream("01_text", "openai_completions", chat.replace(b'"delta"', b'"message"')))
    return tuple(found)


# ------------------------------------------------------------------ recorded


def recorded() -> Iterator[Stream]:
    """Read the recorded streams; none where the recordings are not there."""
    if not (FOLDER / "index.jsonl").is_file():
        return
    for line in (FOLDER / "index.jsonl").read_bytes().splitlines():
        row = msgspec.json.decode(line)
        wire = ENDPOINTS.get(row["endpoint"])
        if wire is None or not row["stream"]:
            continue
        data = _bytes_of(msgspec.json.decode((FOLDER / row["file"]).read_bytes())["response"])
        if data:
            yield Stream(row["id"], wire, data)


def some_recorded(most_bytes: int, per_wire: int) -> list[Stream]:
    """Give of each wire some recordings that are not large, spread over all; skip without any."""
    found = []
    small = [stream for stream in recorded() if len(stream.data) <= most_bytes]
    for wire in WIRES:
        of_wire = [stream for stream in small if stream.wire == wire]
        found += of_wire[:: max(1, len(of_wire) // per_wire)][:per_wire]
    if not found:
        pytest.skip(f"no recordings at {FOLDER}; set HEADGATE_RECORDINGS")
    return found


def _bytes_of(response: Mapping[str, Any]) -> bytes:
    for name in ("sse", "ndjson", "text"):
        if isinstance(response.get(name), str):
            return bytes(response[name].encode())
    if "base64" in response:
        return base64.b64decode(response["base64"])
    return b"".join(
        message_bytes(msgspec.json.encode(frame["payload"]), frame["headers"])
        for frame in response.get("eventstream", ())
    )
