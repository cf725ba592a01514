"""Real traffic of everyone who speaks Responses: what is read, and what comes back.

The expectations are computed here, straight from the raw JSON, by other means than the dialect's.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.base.frames import Frame
from headgate.dialects.dialect import ReplyContext, Target
from headgate.dialects.openai_responses import OPENAI_RESPONSES
from headgate.ir.collect import collect, replay
from headgate.ir.events import Event
from headgate.ir.loss import Losses
from headgate.ir.reply import Reply
from headgate.ir.request import Citation, Image, Inline, Opaque, Refusal, Text, Thinking, ToolCall
from tests.dialects.openai_responses.meaning import meaning

Json = dict[str, Any]

BESIDE = Path(__file__).resolve().parents[4] / "shared" / "recordings"
ROOT = Path(os.environ.get("HEADGATE_RECORDINGS", BESIDE))
ENDPOINTS = frozenset(["responses", "responses_compact", "responses_input_tokens"])
CONTEXT = ReplyContext(model="m", reply_id="r", created=0)

# Requests that cannot be read, and why.
REFUSED_REQUESTS = {
    "openai-responses-err-1428a56d93": "a tool without a name; refused by the vendor too",
}
ID_ONLY = "reasoning of which only the vendor's store knows more than the id; the loss is named"
# Requests that do not come back as they were sent, and why.
CHANGED_REQUESTS = {
    "copilot-responses-json-de95a71955": ID_ONLY,
    "openai-responses-json-1cd64c40e5": ID_ONLY,
    "openai-responses-stream-f53a0014db": ID_ONLY,
    "xai-responses-json-d5f828ffba": ID_ONLY,
    "xai-responses-json-e072dc5b9a": ID_ONLY,
    "xai-responses-stream-466f84d52b": ID_ONLY,
    "xai-responses-stream-a136317111": ID_ONLY,
    "openai-responses-json-5f050800f9": "fewer than 16 tokens, raised; the loss is named",
    "openai-responses-json-409f340d33": "a namespace is taken apart, and restored in the reply",
}
# Streams that end in an error.
FAILED_STREAMS = {
    "openai-responses-stream-3fe2716533": FailureKind.UPSTREAM_QUOTA,
    "openai-responses-stream-e77bb8facb": FailureKind.UPSTREAM_ERROR,
}
# Streams that are read in another sense than their last event has, and why.
OTHER_STREAMS = {
    "openai-responses-stream-8ee3bb31f4": "made by hand: its deltas are a part of its text",
    "openrouter-responses-stream-2fb75fd63e": "thinking ends after the text that follows it, so "
    "that its id, which proves nothing, has no place",
}
FINISHES = {
    "max_output_tokens": "length",
    "content_filter": "content_filter",
    "queued": "pause",
    "in_progress": "pause",
}


def recordings() -> Iterator[Json]:
    if not (ROOT / "index.jsonl").is_file():
        pytest.skip(f"no recordings at {ROOT}; set HEADGATE_RECORDINGS")
    for line in (ROOT / "index.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["endpoint"] in ENDPOINTS:
            yield json.loads((ROOT / row["file"]).read_text(encoding="utf-8"))


def report(what: str, misses: dict[str, str], total: int) -> None:
    """Print the score."""
    print(f"{what}: {total - len(misses)} of {total}")
    for name, reason in misses.items():
        print(f"  {name}: {reason}")
    assert total > 0


# ------------------------------------------------------------------------ requests


def test_requests_are_read_and_written_back_in_the_same_meaning() -> None:
    misses: dict[str, str] = {}
    total = 0
    for recording in recordings():
        body, name = (recording["request"] or {}).get("body"), recording["id"]
        if not isinstance(body, dict):
            continue
        total += 1
        body["model"] = body.get("model") or "m"
        try:
            request = OPENAI_RESPONSES.decode_request(json.dumps(body).encode())
        except RelayError as error:
            assert name in REFUSED_REQUESTS, (name, error)
            continue
        assert name not in REFUSED_REQUESTS, name
        target = Target(model=request.model, stream=request.stream)
        written = OPENAI_RESPONSES.encode_request(request, target, Losses("openai_responses"))
        if meaning(written) != meaning(body):
            misses[name] = CHANGED_REQUESTS.get(name, "unexplained")
            if name not in CHANGED_REQUESTS:
                print("sent   ", meaning(body), "\nwritten", meaning(written))
    report("requests", misses, total)
    assert "unexplained" not in misses.values()
    assert len(misses) <= len(CHANGED_REQUESTS)


# ------------------------------------------------------------------------- replies


def said(reply: Reply) -> Json:
    """What a decoded reply says, in the words of the expectations."""
    parts = reply.choices[0].parts
    links = [note for part in parts if isinstance(part, Text) for note in part.citations]
    return {
        "text": "".join(part.text for part in parts if isinstance(part, Text)),
        "refusal": "".join(part.text for part in parts if isinstance(part, Refusal)),
        "thinking": [part.text for part in parts if isinstance(part, Thinking)],
        "proofs": sum(part.signature is not None for part in parts if isinstance(part, Thinking)),
        "calls": [
            (part.call_id, part.name, part.arguments, part.custom)
            for part in parts
            if isinstance(part, ToolCall)
        ],
        "links": [link(note) for note in links],
        "images": [
            part.source.data
            for part in parts
            if isinstance(part, Image) and isinstance(part.source, Inline)
        ],
        "others": [part.block.get("type") for part in parts if isinstance(part, Opaque)],
        "finish": reply.choices[0].finish.reason,
    }


def link(note: Citation) -> Any:
    return note.native


def expected(response: Json, items: list[Json]) -> Json:
    """What a response says, from its raw items."""
    found: Json = {"text": "", "refusal": "", "thinking": [], "proofs": 0, "calls": []}
    found |= {"links": [], "images": [], "others": []}
    for item in items:
        kind = item["type"]
        if kind == "message" and item.get("role") == "assistant":
            for block in item["content"]:
                found["text"] += block.get("text") or ""
                found["refusal"] += block.get("refusal") or ""
                found["links"] += block.get("annotations") or []
        elif kind == "reasoning":
            pieces = item["summary"] or item.get("content") or []
            found["thinking"].append("\n\n".join(piece["text"] for piece in pieces))
            found["proofs"] += 1
        elif kind == "function_call":
            call = (item["call_id"], item["name"], item["arguments"], False)
            found["calls"].append(call)
        elif kind == "custom_tool_call" and not item["call_id"].startswith("xs_call_"):
            found["calls"].append((item["call_id"], item["name"], item["input"], True))
        elif kind == "image_generation_call" and item.get("result"):
            found["images"].append(item["result"])
        else:
            found["others"].append(kind)
    reason = (response.get("incomplete_details") or {}).get("reason") or response.get("status")
    natural = "tool_calls" if found["calls"] else "stop"
    found["finish"] = FINISHES.get(str(reason), natural)
    return found


def tokens(usage: Json | None) -> tuple[int, int, int, int] | None:
    if not usage:
        return None
    read = usage.get("input_tokens_details") or {}
    written = usage.get("output_tokens_details") or {}
    return (
        usage["input_tokens"],
        read.get("cached_tokens", 0),
        max(usage["output_tokens"], 0),  # a deep-research answer tells of -9
        written.get("reasoning_tokens", 0),
    )


def told_tokens(reply: Reply) -> tuple[int, int, int, int] | None:
    usage = reply.usage
    if usage is None:
        return None
    return usage.prompt, usage.cache_read, usage.output, usage.reasoning


def check_answers(kind: str, check: Callable[[Json], str]) -> None:
    """Check every good answer of a kind; `check` says what is wrong, or nothing."""
    misses: dict[str, str] = {}
    total = 0
    for recording in recordings():
        response = recording["response"]
        if response["status"] != 200 or not response.get(kind):
            continue
        total += 1
        if problem := check(recording):
            misses[recording["id"]] = problem
    report(kind, misses, total)
    assert misses == {}


def test_whole_replies_say_what_the_vendor_said() -> None:
    def check(recording: Json) -> str:
        wire = recording["response"]["body"]
        body = json.dumps(wire).encode()
        failure = OPENAI_RESPONSES.inspect_reply(body)
        if failure is not None:
            return f"inspected as {failure}"
        if "output" not in wire:  # counts of tokens, lists of items
            return ""
        reply = OPENAI_RESPONSES.decode_reply(body)
        wanted = expected(wire, wire["output"])
        if said(reply) != wanted:
            return f"{said(reply)} instead of {wanted}"
        usage = OPENAI_RESPONSES.read_usage(body)
        if told_tokens(reply) != tokens(wire.get("usage")) or usage != reply.usage:
            return f"usage {told_tokens(reply)} instead of {wire.get('usage')}"
        return changed_by_writing(reply)

    check_answers("body", check)


def changed_by_writing(reply: Reply) -> str:
    """Write a reply for a caller, whole and as a stream, and read both."""
    written = OPENAI_RESPONSES.encode_reply(reply, CONTEXT)
    if reply.choices[0].parts:
        again = OPENAI_RESPONSES.decode_reply(written)
        if said(again) != said(reply) or told_tokens(again) != told_tokens(reply):
            return f"changed by being written: {said(again)}"
    encoder, decoder = OPENAI_RESPONSES.stream_encoder(CONTEXT), OPENAI_RESPONSES.frame_decoder()
    frames = decoder.feed(b"".join(encoder.feed(event) for event in replay(reply)))
    numbers = [json.loads(frame.data)["sequence_number"] for frame in frames]
    if numbers != list(range(len(frames))):
        return "the numbers have gaps"
    if frames[-1].event not in ("response.completed", "response.incomplete"):
        return ""  # in the background: a promise of an answer has no stream
    streamed = collect(events_of(frames))
    same = said(streamed) == said(reply) and streamed.usage == reply.usage
    return "" if same else f"changed by being streamed: {said(streamed)}"


# ------------------------------------------------------------------------- streams


def frames_of(recording: Json) -> list[Frame]:
    """Cut a stream at the recorded borders of its network chunks, if there are any."""
    stream = recording["response"]["sse"].encode()
    sizes = recording["response"].get("chunk_sizes") or [len(stream)]
    decoder = OPENAI_RESPONSES.frame_decoder()
    frames, start = [], 0
    for size in [*sizes, len(stream)]:
        frames += decoder.feed(stream[start : start + size])
        start += size
    return [*frames, *decoder.end()]


def raw_events(recording: Json) -> list[Json]:
    lines = recording["response"]["sse"].splitlines()
    data = [line[5:].strip() for line in lines if line.startswith("data:")]
    return [json.loads(line) for line in data if line != "[DONE]"]


def events_of(frames: list[Frame]) -> list[Event]:
    decoder = OPENAI_RESPONSES.stream_decoder()
    return [*(event for frame in frames for event in decoder.feed(frame)), *decoder.end()]


def streamed_items(raw: list[Json]) -> list[Json]:
    """The items as `output_item.done` gives them, or as the last event does."""
    done = {e["output_index"]: e["item"] for e in raw if e["type"] == "response.output_item.done"}
    known = dict(enumerate(raw[-1]["response"]["output"])) | done
    return [known[index] for index in sorted(known)]


def test_streams_say_what_the_vendor_said() -> None:
    def check(recording: Json) -> str:
        frames, raw = frames_of(recording), raw_events(recording)
        if OPENAI_RESPONSES.inspect_first(frames[0]) is not None:
            return "the first frame is taken for an error"
        try:
            reply = collect(events_of(frames))
        except RelayError as error:
            kind = error.failure.kind
            return "" if FAILED_STREAMS.get(recording["id"]) == kind else f"failed: {error}"
        wanted = expected(raw[-1]["response"], streamed_items(raw))
        if (said(reply) != wanted) != (recording["id"] in OTHER_STREAMS):
            return f"{said(reply)} instead of {wanted}"
        usage = raw[-1]["response"]["usage"]
        if told_tokens(reply) != tokens(usage):
            return f"usage: {told_tokens(reply)}, not {usage}"
        return changed_by_writing(reply)

    check_answers("sse", check)


def test_a_stream_gives_the_same_events_wherever_it_is_cut() -> None:
    def check(recording: Json) -> str:
        stream = recording["response"]["sse"].encode()
        whole = events_of(frames_of(recording))
        for step in (1, 7, len(stream) // 3 + 1):
            decoder, reader = OPENAI_RESPONSES.frame_decoder(), OPENAI_RESPONSES.stream_decoder()
            if step == 1 and len(stream) > 20_000:
                continue  # seconds for each, and no other borders than of the short ones
            events: list[Event] = []
            for start in range(0, len(stream), step):
                for frame in decoder.feed(stream[start : start + step]):
                    events += reader.feed(frame)
            for frame in decoder.end():
                events += reader.feed(frame)
            if [*events, *reader.end()] != whole:
                return f"other events when cut every {step} bytes"
        return ""

    check_answers("sse", check)


def test_the_meter_tells_what_the_decoder_tells() -> None:
    def check(recording: Json) -> str:
        frames = frames_of(recording)
        meter = OPENAI_RESPONSES.meter(True)
        for frame in frames:
            if OPENAI_RESPONSES.notable(frame.data) or frame.event == "error":
                meter.feed(frame)
        try:
            reply = collect(events_of(frames))
        except RelayError as error:
            found = meter.failure and meter.failure.kind
            return "" if found == error.failure.kind else f"failure {found}"
        if not meter.finished or meter.failure is not None:
            return f"finished {meter.finished}, failure {meter.failure}"
        return "" if meter.usage == reply.usage else f"usage {meter.usage}, not {reply.usage}"

    check_answers("sse", check)


# -------------------------------------------------------------------------- errors


def test_every_error_object_is_understood() -> None:
    misses: dict[str, str] = {}
    total = 0
    for recording in recordings():
        body = recording["response"].get("body")
        if recording["response"]["status"] < 400 or not isinstance(body, dict):
            continue
        total += 1
        error = OPENAI_RESPONSES.decode_error(body)
        tail = json.dumps(error.message, ensure_ascii=False)[-15:-1] if error else ""
        if not tail or tail not in json.dumps(body, ensure_ascii=False):
            misses[recording["id"]] = f"read as {error}"
    report("errors", misses, total)
    assert misses == {}
