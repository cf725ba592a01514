"""Every recorded generateContent exchange, of the Gemini API and of Vertex AI.

What the dialect reads is compared with what a few plain lines read from the raw JSON.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.dialects.dialect import Target
from headgate.dialects.gemini import GEMINI
from headgate.dialects.gemini.frames import StreamFrameDecoder
from headgate.dialects.gemini.schema import from_subset
from headgate.dialects.gemini.wire import camel
from headgate.ir.collect import collect
from headgate.ir.loss import Losses
from headgate.ir.reply import Reply
from headgate.ir.request import Text, Thinking, ToolCall
from headgate.providers.catalog import CATALOG

FOLDER = Path(
    os.environ.get("HEADGATE_RECORDINGS")
    or Path(__file__).resolve().parents[4] / "shared" / "recordings"
)
needs_recordings = pytest.mark.skipif(
    not (FOLDER / "index.jsonl").is_file(),
    reason="no recordings: set HEADGATE_RECORDINGS or put them beside the repository",
)
pytestmark = needs_recordings

Json = dict[str, Any]

# Answers that are not read as the raw JSON says, and why that is right.
ODD_REPLIES = {
    "gemini-batchgeneratecontent-json-c568da2523": "a batch job, not a reply",
    "vertex-streamgeneratecontent-stream-7e8a00b3ad": "made-up JSON that is no reply",
    "vertex-streamgeneratecontent-stream-dd8c96216a": "it breaks off with an error",
}
# Requests that do not come back as they were, and why that is right.
ODD_REQUESTS = {
    "gemini-generatecontent-err-084e2e5c34": "JSON mode that Gemini refused is dropped",
    "gemini-streamgeneratecontent-err-b8fafa0594": "JSON mode that Gemini refused is dropped",
    "gemini-streamgeneratecontent-err-ed9f43d101": "text that Gemini refused becomes speech",
    "gemini-streamgeneratecontent-err-13c55ca808": "thinking of a model that does not think",
    "gemini-generatecontent-json-0ffb707a09": "image models get temperature 1, as in uni-api",
    "vertex-generatecontent-json-94cbc830de": "image models get temperature 1, as in uni-api",
    "gemini-streamgeneratecontent-stream-873399b308": "Gemini 3 gets a level for a budget",
    "gemini-generatecontent-json-9b24be504f": "an empty system instruction is left out",
    "vertex-generatecontent-err-ffb71bf0cd": "temperature 1000 that Vertex refused becomes 2",
    "vertex-generatecontent-json-6f74964bf7": "Vertex's limit of 65535 output tokens",
}


def recordings() -> Iterator[tuple[str, Json]]:
    for line in (FOLDER / "index.jsonl").read_bytes().splitlines():
        entry = msgspec.json.decode(line)
        if "enerateContent" in entry["path"]:
            yield entry["id"], msgspec.json.decode((FOLDER / entry["file"]).read_bytes())


def report(capsys: pytest.CaptureFixture[str], what: str, misses: Json, total: int) -> None:
    with capsys.disabled():
        print(f"\ngemini: {what}: {total - len(misses)} of {total}", end="")
        for name, reason in misses.items():
            print(f"\n  missed {name}: {reason}", end="")


# ------------------------------------------------------------------ requests


def plain(value: Any) -> Any:
    """Bring the spellings that mean the same into one."""
    if isinstance(value, dict):
        return {camel(name): plain(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value


def listed(value: Any) -> list[Any]:
    return [value] if isinstance(value, dict) else list(value)


def plain_parts(parts: Any) -> list[Json]:
    found = []
    for part in listed(parts):
        kept = {name: inner for name, inner in part.items() if (name, inner) != ("thought", False)}
        found.append(kept)
    answers = [part for part in found if "functionResponse" in part]
    return answers + [part for part in found if part not in answers]


def plain_request(body: Json) -> Json:
    """Write a request in one of the ways that mean the same.

    Turns are merged, schemas are JSON Schema, functions one list; defaults are left out.
    """
    wire: Json = plain(body)
    wire.pop("model", None)
    contents: list[Json] = []
    for content in wire.get("contents", []):
        role = "model" if content.get("role") == "model" else "user"
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"] += plain_parts(content["parts"])
        else:
            contents.append({"role": role, "parts": plain_parts(content["parts"])})
    wire["contents"] = contents
    if system := wire.get("systemInstruction"):
        wire["systemInstruction"] = {"parts": plain_parts(system["parts"])}
    functions: list[Json] = []
    natives: list[Json] = []
    for tool in listed(wire.pop("tools", [])):
        functions += [plain_function(entry) for entry in tool.pop("functionDeclarations", [])]
        natives += [{name: inner} for name, inner in tool.items()]
    wire["tools"] = functions + natives
    config = wire.setdefault("generationConfig", {})
    schema = from_subset(config.pop("responseSchema", None))
    if (schema := config.pop("responseJsonSchema", schema)) is not None:
        config["schema"] = comparable_schema(schema)
    config.pop("maxOutputTokens", None)
    if not config.get("stopSequences", True):
        del config["stopSequences"]
    match config.get("thinkingConfig"):
        case {"thinkingLevel": str(level)} as thinking:
            thinking["thinkingLevel"] = level.lower()
    wire.pop("safetySettings", None)
    return wire


def plain_function(entry: Json) -> Json:
    schema = from_subset(entry.pop("parameters", None))
    schema = entry.pop("parametersJsonSchema", schema)
    kept = {name: inner for name, inner in entry.items() if inner != ""}
    if schema and schema.get("properties"):
        kept["schema"] = comparable_schema(schema)
    return kept


def comparable_schema(schema: Any) -> Any:
    """Leave what restricts the answer: neither titles nor what says nothing."""
    if isinstance(schema, list):
        return [comparable_schema(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        name: comparable_schema(inner)
        for name, inner in schema.items()
        if not (name == "additionalProperties" and isinstance(inner, bool))
        and name not in {"$schema", "propertyOrdering", "default", "title"}
    }
    if "const" in kept:
        kept["enum"] = [kept.pop("const")]
    match kept.get("anyOf"):
        case [{"type": str(kind)} as branch, {"type": "null"}]:
            del kept["anyOf"]
            kept |= branch | {"type": [kind, "null"]}
    return kept


def in_one_alphabet(value: Any) -> Any:
    """Write media in the base64 that every vendor reads; Google's clients use that of URLs."""
    if isinstance(value, list):
        return [in_one_alphabet(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    data = value.get("data")
    if isinstance(data, str):
        return value | {"data": data.replace("-", "+").replace("_", "/")}
    return {name: in_one_alphabet(inner) for name, inner in value.items()}


def request_miss(name: str, recording: Json) -> str:
    """Tell how a request differs after reading and writing it; "" if not at all."""
    body = recording["request"]["body"]
    request = GEMINI.decode_request(msgspec.json.encode(body))
    model = recording["path"].rpartition("/")[2].partition(":")[0]
    losses = Losses("gemini")
    row = CATALOG.get(name.partition("-")[0])
    traits = frozenset[str]() if row is None else row.traits
    target = Target(model=model, alias=model, traits=traits)
    written = GEMINI.encode_request(request, target, losses)
    before, after = (
        plain_request(in_one_alphabet(body)),
        plain_request(msgspec.json.decode(msgspec.json.encode(written))),
    )
    different = [key for key in before.keys() | after.keys() if before.get(key) != after.get(key)]
    lost = [loss.field for loss in losses if loss.field != "response_format"]
    return f"{sorted(different)} {lost}" if different or lost else ""


def test_recorded_requests_come_back_as_they_were(capsys: pytest.CaptureFixture[str]) -> None:
    total, misses = 0, {}
    for name, recording in recordings():
        request = recording["request"]
        if request is None or "contents" not in request.get("body", {}):
            continue
        total += 1
        if miss := request_miss(name, recording):
            misses[name] = ODD_REQUESTS.get(name, miss)
    report(capsys, "requests", misses, total)
    assert total > 100
    assert misses == ODD_REQUESTS


# ------------------------------------------------------------------ answers


def raw_frames(answer: Json) -> list[Json]:
    """Read the raw JSON of an answer in the plainest way."""
    if "sse" in answer:
        lines = answer["sse"].replace("\r\n", "\n").split("\n")
        return [msgspec.json.decode(line[5:]) for line in lines if line.startswith("data:")]
    return answer["body"] if isinstance(answer["body"], list) else [answer["body"]]


def expected(frames: list[Json]) -> Json:
    """Sum up the first candidate without the dialect's help."""
    told: Json = {"text": "", "thoughts": "", "calls": [], "finish": None, "usage": None}
    for frame in frames:
        told["usage"] = frame.get("usageMetadata") or told["usage"]
        for candidate in frame.get("candidates", [])[:1]:
            told["finish"] = candidate.get("finishReason") or told["finish"]
            for part in candidate.get("content", {}).get("parts", []):
                told["thoughts" if part.get("thought") else "text"] += part.get("text", "")
                call = part.get("functionCall", {})
                if call.get("name"):
                    told["calls"].append((call["name"], call.get("args", {})))
    return told


def seen(reply: Reply) -> Json:
    parts = reply.choices[0].parts
    calls = [part for part in parts if isinstance(part, ToolCall)]
    return {
        "text": "".join(part.text for part in parts if isinstance(part, Text)),
        "thoughts": "".join(part.text for part in parts if isinstance(part, Thinking)),
        "calls": [(call.name, msgspec.json.decode(call.arguments)) for call in calls],
    }


def usage_of(wire: Json | None) -> tuple[int, int, int, int] | None:
    if not wire:
        return None
    count: Callable[[str], int] = lambda name: wire.get(name) or 0  # noqa: E731 - one line, twice
    return (
        count("promptTokenCount") + count("toolUsePromptTokenCount"),
        count("cachedContentTokenCount"),
        count("candidatesTokenCount") + count("thoughtsTokenCount"),
        count("thoughtsTokenCount"),
    )


def reply_miss(reply: Reply, frames: list[Json]) -> str:
    """Tell how a reply differs from the raw JSON; "" if not at all."""
    told = expected(frames)
    usage = reply.usage
    counts = (usage.prompt, usage.cache_read, usage.output, usage.reasoning) if usage else None
    finish = reply.choices[0].finish
    if counts != usage_of(told["usage"]):
        return f"usage {counts}"
    if any("blockReason" in frame.get("promptFeedback", {}) for frame in frames):
        return "" if finish.reason == "content_filter" else f"finish {finish}"
    called = bool(told["calls"]) and told["finish"] in ("STOP", 1)
    if (finish.reason == "tool_calls") != called:
        return f"finish {finish}"
    if told["finish"] not in (finish.raw_reason or None, 1, 2):
        return f"finish {finish}"
    if any("partialArgs" in str(frame) for frame in frames):  # test_partial_args joins them
        told["calls"] = [name for name, _ in told["calls"]]
        return "" if told["calls"] == [name for name, _ in seen(reply)["calls"]] else "calls"
    return str([key for key, value in seen(reply).items() if value != told[key]] or "")


def answers(stream: bool) -> Iterator[tuple[str, Json]]:
    for name, recording in recordings():
        answer = recording["response"]
        streamed = "sse" in answer or isinstance(answer.get("body"), list)
        if answer["status"] == 200 and streamed == stream:
            yield name, answer


def test_recorded_replies_are_read_as_they_say(capsys: pytest.CaptureFixture[str]) -> None:
    total, misses = 0, {}
    for name, answer in answers(stream=False):
        if name in ODD_REPLIES:
            continue
        total += 1
        body = msgspec.json.encode(answer["body"])
        if miss := reply_miss(GEMINI.decode_reply(body), [answer["body"]]):
            misses[name] = miss
        assert GEMINI.read_usage(body) == GEMINI.decode_reply(body).usage, name
    report(capsys, "replies", misses, total)
    assert total > 75
    assert not misses


def chunks(answer: Json) -> list[bytes]:
    """Cut the raw body where the network did; else, to be mean, into pieces of 7 bytes."""
    body = (answer["sse"] if "sse" in answer else answer["text"]).encode()
    sizes = answer.get("chunk_sizes") or [7] * (len(body) // 7 + 1)
    found, at = [], 0
    for size in sizes:
        found.append(body[at : at + size])
        at += size
    return [*found, body[at:]]


def test_recorded_streams_are_read_as_they_say(capsys: pytest.CaptureFixture[str]) -> None:
    total, misses = 0, {}
    for name, answer in answers(stream=True):
        if name in ODD_REPLIES:
            continue
        total += 1
        framer, decoder, meter = StreamFrameDecoder(), GEMINI.stream_decoder(), GEMINI.meter(False)
        frames = [frame for chunk in chunks(answer) for frame in framer.feed(chunk)]
        frames += framer.end()
        for frame in frames:
            assert meter.feed(frame)
        assert GEMINI.inspect_first(frames[0]) is None, name
        events = [event for frame in frames for event in decoder.feed(frame)]
        reply = collect(events + decoder.end())
        if miss := reply_miss(reply, raw_frames(answer)):
            misses[name] = miss
        assert meter.finished and meter.failure is None, name
        assert meter.usage == reply.usage, name
    report(capsys, "streams", misses, total)
    assert total > 50
    assert not misses


def test_an_error_between_the_frames_of_a_stream_is_a_failure() -> None:
    recording = dict(recordings())["vertex-streamgeneratecontent-stream-dd8c96216a"]
    framer, decoder = StreamFrameDecoder(), GEMINI.stream_decoder()
    frames = framer.feed(recording["response"]["sse"].encode()) + framer.end()
    events = [event for frame in frames for event in decoder.feed(frame)]
    with pytest.raises(RelayError) as caught:
        collect(events + decoder.end())
    assert caught.value.failure.kind is FailureKind.UPSTREAM_ERROR


def test_recorded_errors_are_recognised(capsys: pytest.CaptureFixture[str]) -> None:
    total = 0
    for name, recording in recordings():
        answer = recording["response"]
        if answer["status"] < 400:
            continue
        total += 1
        error = GEMINI.decode_error(answer["body"])
        assert error is not None, name
        assert error.status == answer["status"], name
        assert error.message and error.kind, name
        assert GEMINI.inspect_reply(msgspec.json.encode(answer["body"])) is not None, name
    report(capsys, "errors", {}, total)
    assert total > 25
