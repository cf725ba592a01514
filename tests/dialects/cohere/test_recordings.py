"""Real traffic of Cohere's v2 chat: what is read, and what is written of the same questions.

The expectations are computed here, straight from the raw JSON, by other means than the wire's.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from headgate.dialects.cohere import COHERE
from headgate.dialects.dialect import Target
from headgate.dialects.openai_chat import OPENAI_CHAT
from headgate.ir.collect import collect, replay
from headgate.ir.events import Event
from headgate.ir.loss import Losses
from headgate.ir.reply import Reply
from headgate.ir.request import Text, Thinking, ToolCall

Json = dict[str, Any]

BESIDE = Path(__file__).resolve().parents[4] / "shared" / "recordings"
ROOT = Path(os.environ.get("HEADGATE_RECORDINGS", BESIDE))
FINISH = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop_sequence",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
}

# OpenAI's schemas must have a name, which is nobody's wish here.
NAME_OF_SCHEMA = "response_format.json_schema.name"


def recordings() -> Iterator[Json]:
    if not (ROOT / "index.jsonl").is_file():
        pytest.skip(f"no recordings at {ROOT}; set HEADGATE_RECORDINGS")
    for line in (ROOT / "index.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["endpoint"] == "v2_chat":
            yield json.loads((ROOT / row["file"]).read_text(encoding="utf-8"))


def accumulated(sse: str) -> Json:
    """Join a stream's events into the body that the same answer has when it is whole."""
    message: Json = {"content": {}, "tool_calls": {}, "citations": [], "tool_plan": ""}
    whole: Json = {"message": message}
    for line in sse.replace("\r\n", "\n").split("\n"):
        if not line.startswith("data:") or line[5:].strip() == "[DONE]":
            continue
        event = json.loads(line[5:])
        delta = event.get("delta") or {}
        index = event.get("index")
        inner = delta.get("message") or {}
        match event["type"]:
            case "message-start":
                whole["id"] = event["id"]
            case "content-start":
                message["content"][index] = inner["content"]
            case "content-delta":
                for key, value in inner["content"].items():
                    message["content"][index][key] += value
            case "tool-plan-delta":
                message["tool_plan"] += inner["tool_plan"]
            case "tool-call-start":
                message["tool_calls"][index] = inner["tool_calls"]
            case "tool-call-delta":
                arguments = inner["tool_calls"]["function"]["arguments"]
                message["tool_calls"][index]["function"]["arguments"] += arguments
            case "citation-start":
                message["citations"].append(inner["citations"])
            case "message-end":
                whole |= delta
    message["content"] = list(message["content"].values())
    message["tool_calls"] = list(message["tool_calls"].values())
    return whole


def decoded(sse: str, step: int = 0) -> list[Event]:
    """Decode a stream, cut into chunks of `step` bytes (0: not cut)."""
    data = sse.encode()
    chunks = [data[i : i + step] for i in range(0, len(data), step)] if step else [data]
    frames, decoder = COHERE.frame_decoder(), COHERE.stream_decoder()
    found = [frame for chunk in chunks for frame in frames.feed(chunk)] + frames.end()
    return [event for frame in found for event in decoder.feed(frame)] + decoder.end()


def check(reply: Reply, wire: Json, name: str) -> None:
    """Compare a reply with the raw body."""
    parts, message = reply.choices[0].parts, wire["message"]
    content = message.get("content") or []
    texts = [block["text"] for block in content if block["type"] == "text" and block["text"]]
    thoughts = [block["thinking"] for block in content if block["type"] == "thinking"]
    plan = [message["tool_plan"]] if message.get("tool_plan") else []
    assert [part.text for part in parts if isinstance(part, Text)] == texts, name
    assert [part.text for part in parts if isinstance(part, Thinking)] == plan + thoughts, name
    calls = [
        (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"] or "{}"))
        for call in message.get("tool_calls") or []
    ]
    assert [
        (part.call_id, part.name, json.loads(part.arguments))
        for part in parts
        if isinstance(part, ToolCall)
    ] == calls, name
    wanted = [
        (text, each["text"])
        for each in message.get("citations") or []
        for text in texts[:1]
        for _ in each["sources"]
    ]
    assert [
        (part.text, part.text[citation.start : citation.end])
        for part in parts
        if isinstance(part, Text)
        for citation in part.citations
    ] == wanted, name
    assert reply.reply_id == wire["id"], name
    assert reply.choices[0].finish.reason == FINISH[wire["finish_reason"]], name
    billed = wire["usage"]["billed_units"]
    assert reply.usage is not None
    counts = (reply.usage.input, reply.usage.output)
    assert counts == (billed["input_tokens"], billed["output_tokens"]), name


def test_whole_answers_are_read() -> None:
    count = 0
    for recording in recordings():
        body = recording["response"].get("body")
        if recording["response"]["status"] != 200 or not isinstance(body, dict):
            continue
        count += 1
        data = json.dumps(body).encode()
        assert COHERE.inspect_reply(data) is None
        reply = COHERE.decode_reply(data)
        check(reply, body, recording["id"])
        assert collect(replay(reply)) == reply, recording["id"]
    print(f"cohere answers: {count} of {count} read")
    assert count


def test_streams_are_read_and_any_cut_gives_the_same_events() -> None:
    count = 0
    for recording in recordings():
        sse = recording["response"].get("sse")
        if recording["response"]["status"] != 200 or sse is None:
            continue
        count += 1
        events = decoded(sse)
        frames = COHERE.frame_decoder()
        first = (frames.feed(sse.encode()) + frames.end())[0]
        assert COHERE.inspect_first(first) is None
        whole = accumulated(sse)
        check(collect(events), whole, recording["id"])
        # The same answer, told whole, is the same reply.
        assert collect(events) == COHERE.decode_reply(json.dumps(whole).encode()), recording["id"]
        for step in (1, 2, 3, 7, 100):
            assert decoded(sse, step) == events, (recording["id"], step)
    print(f"cohere streams: {count} of {count} read")
    assert count


def test_refusals_are_read() -> None:
    found = {}
    for recording in recordings():
        if recording["response"]["status"] != 200:
            error = COHERE.decode_error(recording["response"]["body"])
            assert error is not None
            found[recording["response"]["status"]] = error.message
    assert all(found.values())


def meaning(body: Json) -> Json:
    """Write a request so that two spellings of the same wish are equal."""
    # What says nothing: null, an empty list, and streaming that is off.
    meant = {key: value for key, value in body.items() if value not in (None, [], False)}
    for tool in meant.get("tools", []):
        tool["function"] = {k: v for k, v in tool["function"].items() if v != ""}
    messages = []
    for message in meant.pop("messages"):
        content = message.get("content") or []
        listed = [{"type": "text", "text": content}] if isinstance(content, str) else content
        spoken = [block for block in listed if block.get("text") != ""]
        kept = {key: value for key, value in message.items() if value not in (None, [])}
        messages.append(kept | {"content": spoken})
    return {**meant, "messages": messages}


def as_openai(body: Json) -> Json:
    """Write a recorded question in OpenAI's words: the same field by field, but for the names."""
    names = {"p": "top_p", "k": "top_k", "stop_sequences": "stop"}
    asked = {names.get(key, key): value for key, value in body.items() if value not in (None, [])}
    if asked.pop("strict_tools", False):
        for tool in asked["tools"]:
            tool["function"]["strict"] = True
    if "tool_choice" in asked:
        asked["tool_choice"] = asked["tool_choice"].lower()
    form = asked.get("response_format") or {}
    if "json_schema" in form:
        schema = {"name": "x", "schema": form["json_schema"]}
        asked["response_format"] = {"type": "json_schema", "json_schema": schema}
    for message in asked["messages"]:
        content = message.get("content")
        if isinstance(content, list):
            thoughts = [b["thinking"] for b in content if b["type"] == "thinking"]
            if thoughts:
                message["reasoning_content"] = "".join(thoughts)
            message["content"] = [b for b in content if b["type"] != "thinking"]
        if plan := message.pop("tool_plan", None):
            message["reasoning_content"] = plan
        message.pop("citations", None)
    return asked


def test_questions_asked_in_openais_words_are_written_as_they_were_recorded() -> None:
    count = 0
    for recording in recordings():
        body = (recording["request"] or {}).get("body")
        if not isinstance(body, dict) or "document" in json.dumps(body["messages"]):
            continue  # documents as a tool's answer have no word in OpenAI's
        count += 1
        request = OPENAI_CHAT.decode_request(
            json.dumps(as_openai(json.loads(json.dumps(body)))).encode()
        )
        losses = Losses("cohere")
        target = Target(model=request.model, stream=request.stream)
        again = json.loads(msgspec.json.encode(COHERE.encode_request(request, target, losses)))
        assert meaning(again) == meaning(body), recording["id"]
        unnamed = [loss.field for loss in losses if loss.field != NAME_OF_SCHEMA]
        assert unnamed == [], recording["id"]
    print(f"cohere questions: {count} of {count} written as recorded")
    assert count
