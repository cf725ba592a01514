"""Real traffic of Ollama's chat: what is read, and what is written of the same questions.

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

from headgate.dialects.dialect import Target
from headgate.dialects.ollama import OLLAMA
from headgate.dialects.openai_chat import OPENAI_CHAT
from headgate.ir.collect import collect, replay
from headgate.ir.events import Event
from headgate.ir.loss import Losses
from headgate.ir.reply import Reply
from headgate.ir.request import Text, Thinking, ToolCall

Json = dict[str, Any]

BESIDE = Path(__file__).resolve().parents[4] / "shared" / "recordings"
ROOT = Path(os.environ.get("HEADGATE_RECORDINGS", BESIDE))
OPENAIS = frozenset(
    {"temperature", "top_p", "top_k", "min_p", "seed", "presence_penalty", "frequency_penalty"}
)

# OpenAI's schemas must have a name, which is nobody's wish here.
NAME_OF_SCHEMA = "response_format.json_schema.name"


def recordings() -> Iterator[Json]:
    if not (ROOT / "index.jsonl").is_file():
        pytest.skip(f"no recordings at {ROOT}; set HEADGATE_RECORDINGS")
    for line in (ROOT / "index.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["endpoint"] == "api_chat":
            yield json.loads((ROOT / row["file"]).read_text(encoding="utf-8"))


def accumulated(ndjson: str) -> Json:
    """Join a stream's lines into the body that the same answer has when it is whole."""
    message: Json = {"content": "", "thinking": "", "tool_calls": []}
    whole: Json = {}
    for line in filter(None, ndjson.split("\n")):
        whole = json.loads(line)
        for key, value in (whole.get("message") or {}).items():
            if key != "role":
                message[key] += value
    return {**whole, "message": message}


def decoded(ndjson: str, step: int = 0) -> list[Event]:
    """Decode a stream, cut into chunks of `step` bytes (0: not cut)."""
    data = ndjson.encode()
    chunks = [data[i : i + step] for i in range(0, len(data), step)] if step else [data]
    frames, decoder = OLLAMA.frame_decoder(), OLLAMA.stream_decoder()
    found = [frame for chunk in chunks for frame in frames.feed(chunk)] + frames.end()
    return [event for frame in found for event in decoder.feed(frame)] + decoder.end()


def check(reply: Reply, wire: Json, name: str) -> None:
    """Compare a reply with the raw body."""
    parts, message = reply.choices[0].parts, wire["message"]
    texts = [part.text for part in parts if isinstance(part, Text)]
    thoughts = [part.text for part in parts if isinstance(part, Thinking)]
    assert "".join(texts) == message["content"], name
    assert "".join(thoughts) == message.get("thinking", ""), name
    calls = message.get("tool_calls") or []
    made = [part for part in parts if isinstance(part, ToolCall)]
    assert [(part.name, json.loads(part.arguments)) for part in made] == [
        (call["function"]["name"], call["function"]["arguments"]) for call in calls
    ], name
    assert len({part.call_id for part in made} - {""}) == len(calls), name
    for call, part in zip(calls, made, strict=True):
        assert call.get("id") in (None, part.call_id), name
    reason = {"stop": "stop", "length": "length", "custom": "stop"}[wire["done_reason"]]
    wanted = "tool_calls" if calls and reason == "stop" else reason
    assert reply.choices[0].finish.reason == wanted, name
    counts = (wire.get("prompt_eval_count"), wire.get("eval_count"))
    usage = reply.usage
    if counts == (None, None):
        assert usage is None, name
    else:
        assert usage is not None
        assert (usage.input, usage.output) == (counts[0] or 0, counts[1] or 0), name
    assert reply.model == wire["model"], name


def test_whole_answers_are_read() -> None:
    count = 0
    for recording in recordings():
        body = recording["response"].get("body")
        if recording["response"]["status"] != 200 or not isinstance(body, dict):
            continue
        count += 1
        data = json.dumps(body).encode()
        assert OLLAMA.inspect_reply(data) is None
        reply = OLLAMA.decode_reply(data)
        check(reply, body, recording["id"])
        assert collect(replay(reply)) == reply, recording["id"]
    print(f"ollama answers: {count} of {count} read")
    assert count


def test_streams_are_read_and_any_cut_gives_the_same_events() -> None:
    count = 0
    for recording in recordings():
        ndjson = recording["response"].get("ndjson")
        if recording["response"]["status"] != 200 or ndjson is None:
            continue
        count += 1
        events = decoded(ndjson)
        frames = OLLAMA.frame_decoder()
        first = (frames.feed(ndjson.encode()) + frames.end())[0]
        assert OLLAMA.inspect_first(first) is None
        check(collect(events), accumulated(ndjson), recording["id"])
        assert collect(events) == OLLAMA.decode_reply(ndjson.encode()), recording["id"]
        for step in (1, 2, 3, 7, 100):
            assert decoded(ndjson, step) == events, (recording["id"], step)
    print(f"ollama streams: {count} of {count} read")
    assert count


def test_refusals_are_read() -> None:
    for recording in recordings():
        if recording["response"]["status"] != 200:
            body = recording["response"].get("body")
            body = json.loads(recording["response"]["text"]) if body is None else body
            error = OLLAMA.decode_error(body)
            assert error is not None
            assert error.message


def as_openai(body: Json) -> Json:
    """Write a recorded question in OpenAI's words."""
    asked = {key: value for key, value in body.items() if value not in ([], "", {})}
    options = asked.pop("options", {})
    asked.setdefault("stream", True)
    for name in OPENAIS & options.keys():
        asked[name] = options.pop(name)
    if "num_predict" in options:
        asked["max_tokens"] = options.pop("num_predict")
    if options:
        asked["options"] = options
    form = asked.pop("format", None)
    if form == "json":
        asked["response_format"] = {"type": "json_object"}
    elif form:
        schema = {"name": "x", "schema": form}
        asked["response_format"] = {"type": "json_schema", "json_schema": schema}
    if asked.pop("think", None) is False:
        asked["reasoning_effort"] = "none"
    calls = 0
    for message in asked["messages"]:
        if "thinking" in message:
            message["reasoning_content"] = message.pop("thinking")
        for call in message.get("tool_calls", []):
            calls += 1
            call["id"] = f"c{calls}"
            call["function"]["arguments"] = json.dumps(call["function"]["arguments"])
        if message.pop("tool_name", None):
            message["tool_call_id"] = f"c{calls}"
    return asked


def meaning(body: Json, given: Json) -> Json:
    """Write a request so that two spellings of the same wish are equal."""
    meant = {key: value for key, value in body.items() if value not in ([], "", {})}
    meant.setdefault("stream", True)
    if "temperature" in given:  # a client's mistake: Ollama reads it among the options only
        meant.pop("temperature", None)
        meant.get("options", {}).pop("temperature", None)
    if given.get("think") is True:  # asked for where the caller can say so
        meant.pop("think", None)
    for message in meant["messages"]:
        message.pop("tool_call_id", None)
        for call in message.get("tool_calls", []):
            call.pop("id", None)
    return {key: value for key, value in meant.items() if value != {}}


def test_questions_asked_in_openais_words_are_written_as_they_were_recorded() -> None:
    count = 0
    for recording in recordings():
        body = (recording["request"] or {}).get("body")
        if not isinstance(body, dict):
            continue
        count += 1
        text = json.dumps(body)
        request = OPENAI_CHAT.decode_request(json.dumps(as_openai(json.loads(text))).encode())
        losses = Losses("ollama")
        target = Target(model=request.model, stream=request.stream)
        again = json.loads(msgspec.json.encode(OLLAMA.encode_request(request, target, losses)))
        assert meaning(again, body) == meaning(json.loads(text), body), recording["id"]
        unnamed = [loss.field for loss in losses if loss.field != NAME_OF_SCHEMA]
        assert unnamed == [], recording["id"]
    print(f"ollama questions: {count} of {count} written as recorded")
    assert count
