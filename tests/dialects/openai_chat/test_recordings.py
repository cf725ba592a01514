"""Real traffic of everyone who speaks Chat Completions: what is read, and what comes back.

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
from headgate.dialects.dialect import REASONING_DETAILS, ReplyContext, Target
from headgate.dialects.openai_chat import OPENAI_CHAT
from headgate.ir.collect import collect, replay
from headgate.ir.events import Event
from headgate.ir.loss import Losses
from headgate.ir.reply import Choice, Reply
from headgate.ir.request import Text, Thinking, ToolCall
from tests.dialects.openai_chat.meaning import meaning

Json = dict[str, Any]

BESIDE = Path(__file__).resolve().parents[4] / "shared" / "recordings"
ROOT = Path(os.environ.get("HEADGATE_RECORDINGS", BESIDE))
ENDPOINTS = frozenset(["chat_completions", "bots_chat_completions"])
CONTEXT = ReplyContext(model="m", reply_id="chatcmpl-r", created=0, include_usage=True)

# Requests that cannot be read, and why.
REFUSED_REQUESTS = {
    "huggingface-chat-completions-err-b466d518c0": "no messages; refused by the vendor too",
    "huggingface-chat-completions-err-c7d75f3d6a": "no messages; refused by the vendor too",
    "hyperbolic-chat-completions-err-dacd891668": "no messages; refused by the vendor too",
    "llamacpp-chat-completions-err-0e4c966ef6": "temperature is a text; refused by the vendor too",
    "zhipu-chat-completions-json-64c8a75fea": "the recorder lost the tool_call_id",
    "zhipu-chat-completions-json-c8dce33e45": "the recorder lost the tool_call_id",
}
# Requests that do not come back as they were sent, and why.
CHANGED_REQUESTS = {
    "openrouter-chat-completions-json-be76aeecb4": "a budget for reasoning becomes an effort; the "
    "loss is named, and the same dialect is passed through",
    "openrouter-chat-completions-stream-db3719e8d8": "a budget becomes an effort, as above",
    "ollama-chat-completions-json-b3c0806277": "a picture in a tool's answer, which OpenAI does "
    "not take there, moves into a message of the user",
}
# Answers with status 200 that are none, and why.
FAILED_ANSWERS = {
    "azure-chat-completions-json-64bb9a1331": FailureKind.CONTENT_REFUSED,
    "openrouter-chat-completions-json-c50e1740ce": FailureKind.UPSTREAM_ERROR,
    # Empty answers with a natural end or none at all.
    "llamacpp-chat-completions-json-0ec8d875fb": FailureKind.UPSTREAM_BAD_REPLY,
    "openrouter-chat-completions-json-545f66a030": FailureKind.UPSTREAM_BAD_REPLY,
    "openrouter-chat-completions-json-eb0a9581e5": FailureKind.UPSTREAM_BAD_REPLY,
}
# Streams that end in an error, and whether their first frame tells it already.
FAILED_STREAMS = {
    "groq-chat-completions-stream-1685f479e8": (FailureKind.INVALID_REQUEST, True),
    "groq-chat-completions-stream-35329ddc13": (FailureKind.INVALID_REQUEST, True),
    "openrouter-chat-completions-stream-3fdc27ad8d": (FailureKind.UPSTREAM_ERROR, True),
    "openrouter-chat-completions-stream-9cbe85e8ca": (FailureKind.UPSTREAM_ERROR, False),
    # Transcribed fragments without an end.
    "minimax-chat-completions-stream-cc1d950c7d": (FailureKind.UPSTREAM_INTERRUPTED, False),
    "volcengine-bots-chat-completions-stream-0424f3a6f8": (
        FailureKind.UPSTREAM_INTERRUPTED,
        False,
    ),
}
FINISHES = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "tool_call": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


def recordings() -> Iterator[Json]:
    if not (ROOT / "index.jsonl").is_file():
        pytest.skip(f"no recordings at {ROOT}; set HEADGATE_RECORDINGS")
    for line in (ROOT / "index.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["endpoint"] in ENDPOINTS:
            yield json.loads((ROOT / row["file"]).read_text(encoding="utf-8"))


def report(what: str, misses: dict[str, str], total: int) -> None:
    """Print the score, and fail below 99 %."""
    print(f"{what}: {total - len(misses)} of {total}")
    for name, reason in misses.items():
        print(f"  {name}: {reason}")
    assert total > 0
    assert len(misses) <= total // 100


# ------------------------------------------------------------------------ requests


def request_body(recording: Json) -> Json | None:
    body = (recording["request"] or {}).get("body")
    if not isinstance(body, dict):
        return None
    # Azure's deployments and TGI have the model in the URL; our callers always name one.
    return {**body, "model": body.get("model") or "m"}


def test_requests_are_read_and_written_back_in_the_same_meaning() -> None:
    misses: dict[str, str] = {}
    total = 0
    for recording in recordings():
        body, name = request_body(recording), recording["id"]
        if body is None:
            continue
        total += 1
        try:
            request = OPENAI_CHAT.decode_request(json.dumps(body).encode())
        except RelayError as error:
            assert name in REFUSED_REQUESTS, (name, error)
            continue
        assert name not in REFUSED_REQUESTS, name
        target = Target(
            model=request.model,
            stream=request.stream,
            traits=frozenset({REASONING_DETAILS}),
        )
        written = OPENAI_CHAT.encode_request(request, target, Losses("openai_chat"))
        if meaning(written) != meaning(body):
            misses[name] = CHANGED_REQUESTS.get(name, "unexplained")
            if name not in CHANGED_REQUESTS:
                print("sent   ", meaning(body), "\nwritten", meaning(written))
    report("requests", misses, total)
    assert "unexplained" not in misses.values()


# ------------------------------------------------------------------------- replies


def said(choice: Choice) -> Json:
    """What a decoded choice says, in the words of the expectations."""
    return {
        "text": "".join(part.text for part in choice.parts if isinstance(part, Text)),
        "thinking": "".join(part.text for part in choice.parts if isinstance(part, Thinking)),
        "calls": [
            (part.name, part.arguments) for part in choice.parts if isinstance(part, ToolCall)
        ],
        "finish": choice.finish.reason,
    }


def content_text(content: Any, kind: str) -> str:
    """The text, or the thinking, of `content` in any form."""
    if isinstance(content, dict):
        return json.dumps(content, separators=(",", ":")) if kind == "text" else ""
    if not isinstance(content, list):
        return (content or "") if kind == "text" else ""
    texts = []
    for block in content:
        inner = block.get(kind) if block["type"] == kind else None
        if isinstance(inner, list):
            inner = "".join(piece["text"] for piece in inner)
        texts.append(inner or "")
    return "".join(texts)


def thinking_text(message: Json) -> str:
    """The reasoning of a message or delta; the details repeat the text."""
    text = message.get("reasoning_content") or message.get("reasoning") or ""
    details = message.get("reasoning_details") or []
    told = "".join(detail.get("text") or detail.get("summary") or "" for detail in details)
    return (text or told) + content_text(message.get("content"), "thinking")


def finish(reasons: list[Any], calls: list[Any]) -> str:
    told = [reason for reason in reasons if reason]
    word = FINISHES[told[-1]] if told else "stop"
    return "tool_calls" if word == "stop" and calls else word


def calls_of(message: Json) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for call in message.get("tool_calls") or ():
        function, custom = call.get("function") or {}, call.get("custom") or {}
        name = function.get("name") or custom["name"]
        found.append((name, function.get("arguments") or custom.get("input") or ""))
    legacy = message.get("function_call") or {}
    if legacy.get("name"):
        found.append((legacy["name"], legacy["arguments"]))
    return found


def tokens(usage: Json | None) -> tuple[int, int] | None:
    """Prompt and completion, as the vendor's total says."""
    if not usage or "prompt_tokens" not in usage:
        return None
    prompt, output = usage["prompt_tokens"], usage["completion_tokens"]
    rest = max(usage["total_tokens"] - prompt - output, 0)
    if "prompt_audio_seconds" in usage:  # Mistral: audio is only in the total
        return prompt + rest, output
    return prompt, output + rest


def told_tokens(reply: Reply) -> tuple[int, int] | None:
    return None if reply.usage is None else (reply.usage.prompt, reply.usage.output)


def expected_whole(body: Json) -> list[Json]:
    # Azure leaves the message out when its filter has taken everything.
    messages = [choice.get("message", {}) for choice in body["choices"]]
    return [
        {
            "text": content_text(message.get("content"), "text"),
            "thinking": thinking_text(message),
            "calls": calls_of(message),
            "finish": finish([choice.get("finish_reason")], calls_of(message)),
        }
        for choice, message in zip(body["choices"], messages, strict=True)
    ]


def check_answers(kind: str, check: Callable[[Json], str]) -> None:
    """Check every good answer of a kind; `check` says what is wrong, or nothing."""
    misses: dict[str, str] = {}
    total = 0
    for recording in recordings():
        response = recording["response"]
        if response["status"] >= 300 or not response.get(kind):
            continue
        total += 1
        if problem := check(recording):
            misses[recording["id"]] = problem
    report(kind, misses, total)
    assert misses == {}


def test_whole_replies_say_what_the_vendor_said() -> None:
    def check(recording: Json) -> str:
        body = json.dumps(recording["response"]["body"]).encode()
        failure = OPENAI_CHAT.inspect_reply(body)
        expected_failure = FAILED_ANSWERS.get(recording["id"])
        if failure is not None or expected_failure is not None:
            found = failure and failure.kind
            return "" if found == expected_failure else f"inspected as {found}"
        reply = OPENAI_CHAT.decode_reply(body)
        expected = expected_whole(recording["response"]["body"])
        if [said(choice) for choice in reply.choices] != expected:
            return f"{[said(choice) for choice in reply.choices]} instead of {expected}"
        wanted = tokens(recording["response"]["body"].get("usage"))
        if told_tokens(reply) != wanted or OPENAI_CHAT.read_usage(body) != reply.usage:
            return f"usage {told_tokens(reply)} instead of {wanted}"
        again = OPENAI_CHAT.decode_reply(OPENAI_CHAT.encode_reply(reply, CONTEXT))
        same = [said(choice) for choice in again.choices] == expected
        return "" if same else "changed by being written"

    check_answers("body", check)


# ------------------------------------------------------------------------- streams


def frames_of(recording: Json) -> list[Frame]:
    """Cut a stream at the recorded borders of its network chunks, if there are any."""
    stream = recording["response"]["sse"].encode()
    decoder = OPENAI_CHAT.frame_decoder()
    frames: list[Frame] = []
    at = 0
    for size in recording["response"].get("chunk_sizes") or [len(stream)]:
        frames += decoder.feed(stream[at : at + size])
        at += size
    return [*frames, *decoder.feed(stream[at:]), *decoder.end()]


def raw_chunks(recording: Json) -> list[Json]:
    lines = recording["response"]["sse"].replace("\r\n", "\n").split("\n")
    data = [line[5:].strip() for line in lines if line.startswith("data:")]
    return [json.loads(each) for each in data if each and each != "[DONE]"]


def expected_streamed(chunks: list[Json]) -> list[Json]:
    """Join the deltas of each choice in the most naive way that can be right."""
    by_index: dict[int, list[Json]] = {}
    for chunk in chunks:
        for choice in chunk.get("choices") or ():
            by_index.setdefault(choice.get("index") or 0, []).append(choice)
    said_by = []
    for _, shares in sorted(by_index.items()):
        deltas = [share.get("delta") or {} for share in shares]
        calls: list[list[str]] = []
        ids: list[str | None] = []
        for piece in (piece for delta in deltas for piece in delta.get("tool_calls") or ()):
            function = piece.get("function") or {}
            if function.get("name") and (not piece.get("id") or piece["id"] not in ids):
                calls.append([function["name"], ""])
                ids.append(piece.get("id"))
            # Nobody in the recordings interleaves calls: a piece belongs to the last one.
            calls[-1][1] += function.get("arguments") or ""
        said_by.append(
            {
                "text": "".join(content_text(delta.get("content"), "text") for delta in deltas),
                "thinking": "".join(thinking_text(delta) for delta in deltas),
                "calls": [tuple(call) for call in calls],
                "finish": finish([share.get("finish_reason") for share in shares], calls),
            }
        )
    return said_by


def last_usage(chunks: list[Json]) -> Json | None:
    usages = [chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage") for chunk in chunks]
    return next((usage for usage in reversed(usages) if usage), None)


def events_of(frames: list[Frame]) -> list[Event]:
    decoder = OPENAI_CHAT.stream_decoder()
    return [*(event for frame in frames for event in decoder.feed(frame)), *decoder.end()]


def test_streams_say_what_the_vendor_said() -> None:
    def check(recording: Json) -> str:
        frames, chunks = frames_of(recording), raw_chunks(recording)
        try:
            reply = collect(events_of(frames))
        except RelayError as error:
            found = (error.failure.kind, OPENAI_CHAT.inspect_first(frames[0]) is not None)
            return "" if found == FAILED_STREAMS.get(recording["id"]) else f"failed: {found}"
        if recording["id"] in FAILED_STREAMS or OPENAI_CHAT.inspect_first(frames[0]):
            return "failed in one way only"
        expected = expected_streamed(chunks)
        if [said(choice) for choice in reply.choices] != expected:
            return f"{[said(choice) for choice in reply.choices]} instead of {expected}"
        wanted = tokens(last_usage(chunks))
        return "" if told_tokens(reply) == wanted else f"usage: {told_tokens(reply)}, not {wanted}"

    check_answers("sse", check)


def test_the_meter_tells_what_the_decoder_tells() -> None:
    def check(recording: Json) -> str:
        frames = frames_of(recording)
        meter = OPENAI_CHAT.meter(True)
        for frame in frames:
            if OPENAI_CHAT.notable(frame.data) or frame.event == "error":
                meter.feed(frame)
        try:
            reply = collect(events_of(frames))
        except RelayError as error:
            if error.failure.kind is FailureKind.UPSTREAM_INTERRUPTED:
                return "finished without an end" if meter.finished else ""
            found = meter.failure and meter.failure.kind
            return "" if found == error.failure.kind else f"failure {found}"
        if not meter.finished or meter.failure is not None:
            return f"finished {meter.finished}, failure {meter.failure}"
        return "" if meter.usage == reply.usage else f"usage {meter.usage}, not {reply.usage}"

    check_answers("sse", check)


def test_streams_written_for_callers_are_read_back_the_same() -> None:
    def check(recording: Json) -> str:
        if recording["id"] in FAILED_STREAMS:
            return ""
        reply = collect(events_of(frames_of(recording)))
        encoder, decoder = OPENAI_CHAT.stream_encoder(CONTEXT), OPENAI_CHAT.frame_decoder()
        frames = decoder.feed(b"".join(encoder.feed(event) for event in replay(reply)))
        again = collect(events_of([*frames, *decoder.end()]))
        same = [said(choice) for choice in again.choices] == [
            said(choice) for choice in reply.choices
        ]
        return "" if same and again.usage == reply.usage else "changed by being written"

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
        error = OPENAI_CHAT.decode_error(body)
        tail = json.dumps(error.message, ensure_ascii=False)[-15:-1] if error else ""
        if not tail or tail not in json.dumps(body, ensure_ascii=False):
            misses[recording["id"]] = f"read as {error}"
    report("errors", misses, total)
    assert misses == {}
