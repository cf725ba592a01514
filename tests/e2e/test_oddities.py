"""What nobody should send or answer: every answer is a clear error with an id, never a defect."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.e2e.harness import KEY, Bench, Gate, Reply, bench
from tests.e2e.test_streams import MODELS, WEATHER, at

HELLO: list[Any] = [{"role": "user", "content": "Hi"}]
ODD: list[Any] = [
    None,
    True,
    5,
    -1,
    1.5,
    10**30,
    "x",
    "",
    [],
    {},
    ["a"],
    [None],
    {"a": 1},
    "é\u2028",
]
FIELDS = [
    "stream messages max_tokens max_completion_tokens temperature top_p n stop tools tool_choice",
    "response_format stream_options reasoning_effort user metadata seed logprobs top_logprobs",
    "presence_penalty logit_bias parallel_tool_calls modalities audio functions thinking model",
]
# In a message, all of these are wrong for some wire; none may break anything.
PARTS: list[Any] = [
    5,
    {"type": "text"},
    {"type": "text", "text": 5},
    {"type": "image_url"},
    {"type": "image_url", "image_url": {"url": "data:;base64,%%%"}},
    {"type": "image_url", "image_url": {"url": "ftp://x"}},
    {"type": "input_audio", "input_audio": 5},
    {"type": "file", "file": {"file_id": "x"}},
    {"type": "martian", "martian": 1},
]
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{"}}
MESSAGES: list[Any] = [
    *ODD,
    {"role": "user"},
    {"role": 5, "content": "x"},
    {"role": "martian", "content": "x"},
    {"content": "x"},
    {"role": "assistant", "content": "x", "tool_calls": 5},
    {"role": "assistant", "tool_calls": [5]},
    {"role": "assistant", "tool_calls": [CALL]},
    {"role": "tool", "content": "x"},
    {"role": "function", "name": "f", "content": "x"},
    *[{"role": "user", "content": [part]} for part in PARTS],
]
SCHEMAS: list[Any] = [
    5,
    {"type": "martian", "properties": []},
    {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
    {"type": "object", "anyOf": 5},
]


def is_clear(reply: Reply) -> bool:
    """Whether an answer is one, or an error in OpenAI's shape that is not our defect."""
    if "x-request-id" not in reply.headers or b"up-" in reply.body:
        return False
    if reply.status == 200:
        return not reply.broken
    error = reply.json["error"]
    return (
        reply.status in (400, 404, 413, 422, 502)
        and bool(error["message"])
        and {"type", "param", "code"} <= set(error)
    )


async def unclear(gate: Gate, path: str, bodies: list[Any]) -> list[str]:
    """Send bodies, a few at a time; give those whose answer is not clear."""
    room = asyncio.Semaphore(16)

    async def send(body: Any) -> str | None:
        async with room:
            reply = await gate.post(path, body)
        return None if is_clear(reply) else f"{body!r:.200} -> {reply.status} {reply.text:.300}"

    return [found for found in await asyncio.gather(*map(send, bodies)) if found]


@pytest.mark.parametrize("model", MODELS)
async def test_odd_values_in_chats_are_answered_clearly(bench: Bench, model: str) -> None:
    gate = await bench.gateway(at("ok1"))
    plain = {"model": model, "messages": HELLO}
    fields = " ".join(FIELDS).split()
    bodies: list[Any] = [{**plain, field: value} for field in fields for value in ODD]
    for stream in (False, True):
        whole = {**plain, "stream": stream}
        bodies += [{**whole, "messages": [*HELLO, message]} for message in MESSAGES]
        for schema in SCHEMAS:
            function = {"name": "f", "parameters": schema}
            bodies.append({**whole, "tools": [{"type": "function", "function": function}]})
            shape = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
            bodies.append({**whole, "response_format": shape})
    bodies += [{**plain, "n": 100_000}, {**plain, "tools": [WEATHER] * 300}]
    assert await unclear(gate, "/v1/chat/completions", bodies) == []


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("path", "field"),
    [("completions", "prompt"), ("embeddings", "input"), ("moderations", "input")],
)
async def test_odd_values_elsewhere_are_answered_clearly(
    bench: Bench, model: str, path: str, field: str
) -> None:
    gate = await bench.gateway(at("ok1"))
    bodies: list[Any] = [{"model": model}, *[{"model": model, field: value} for value in ODD]]
    bodies += [{"model": model, field: value} for value in ([[1, 2], [3]], [1, "a"], [[None]])]
    options = ("stream", "n", "echo", "dimensions", "encoding_format", "max_tokens", "logprobs")
    bodies += [{"model": model, field: "Hi", name: value} for name in options for value in ODD]
    assert await unclear(gate, f"/v1/{path}", bodies) == []


def deep(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@pytest.mark.parametrize("model", MODELS)
async def test_bodies_that_are_hardly_json_are_answered_clearly(bench: Bench, model: str) -> None:
    gate = await bench.gateway(at("ok1"))
    start = b'{"model":"%b","messages":' % model.encode()
    hi = b'[{"role":"user","content":"%b"}]'
    bodies = [
        start,
        start + deep(100) + b"}",
        start + deep(100_000) + b"}",
        start + hi % b"Hi" + b',"temperature":1e999}',
        start + hi % b"Hi" + b',"seed":' + b"9" * 5000 + b"}",
        start + hi % rb"\ud800" + b"}",
        start + hi % b"\xff" + b"}",
        start + hi % rb"a\u0000b" + b"}",
        start + hi % b"Hi" + b',"model":"x"}',
        b'{"model":NaN}',
        b"{'model':1}",
        b"null",
    ]
    assert await unclear(gate, "/v1/chat/completions", bodies) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/v1/chat/completions",
        "http://no-such-host.invalid/v1/chat/completions",
        "https://PORT/v1/chat/completions",
    ],
    ids=["nobody listens", "no such host", "no TLS there"],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_upstream_that_cannot_be_reached_is_503(bench: Bench, url: str, stream: bool) -> None:
    url = url.replace("PORT", f"127.0.0.1:{bench.lab.port}")
    gate = await bench.gateway(
        at("ok1").replace("base_url: LAB/ok1/v1/chat/completions", f"base_url: {url}")
    )
    reply = await gate.chat("gpt-m", stream=stream)
    assert reply.status == 503
    assert "Unable to connect to service" in reply.error
    assert reply.headers["x-request-id"] == reply.json["error"]["request_id"]


OPENAI = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}}]}
CLAUDE = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hi"}]}
GEMINI = {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}}]}
FOREIGN: list[Any] = [OPENAI, CLAUDE, GEMINI]
STRANGE: list[Any] = [
    *[None, 5, "x", [], {}, {"error": None}, {"error": "boom"}, {"error": {"message": 5}}],
    *[{"choices": None}, {"choices": []}, {"choices": [5]}, {"choices": [{}]}],
    *[{"choices": {"a": 1}}, {"choices": [{"delta": 5}]}, {"choices": [{"message": None}]}],
    *[{"choices": [{"message": 5}]}, {"choices": [{"message": {"content": 5}}]}],
    *[{"type": "message", "content": None}, {"type": "message", "content": [5]}],
    *[{"type": "message", "content": [{"type": 5}]}, {"type": "error"}, {"type": 5}],
    *[{"type": "message_start"}, {"type": "content_block_delta", "index": "x", "delta": 5}],
    *[{"candidates": None}, {"candidates": [5]}, {"candidates": [{"content": 5}]}],
    *[{"candidates": [{"content": {"parts": 5}}]}, {"candidates": [{"content": {"parts": [5]}}]}],
]


def recorded(folder: Path, name: str, answer: dict[str, Any]) -> None:
    """Write an answer that the lab shall give, whatever it is asked."""
    kind = "text/event-stream" if "sse" in answer else "application/json"
    response = {"status": 200, "headers": {"content-type": kind}, **answer}
    recording = {"id": name, "stream": "sse" in answer, "response": response}
    (folder / f"{name}.json").write_bytes(msgspec.json.encode(recording))


async def answers_to(tmp_path: Path, answers: list[dict[str, Any]]) -> list[tuple[str, Reply]]:
    """Ask each wire, whole and as a stream, with the upstream giving these answers."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    paths = {"oc": "v1/chat/completions", "am": "v1/messages", "gg": "v1beta"}
    lines = ["providers:"]
    models = []
    for index, answer in enumerate(answers):
        recorded(folder, f"r{index}", answer)
        for wire, path in paths.items():
            model = f"{wire}-{index}"
            url = f"LAB/rec/r{index}/{path}"
            lines.append(f"  - {{provider: {model}, base_url: {url}, api: up-x, model: [{model}]}}")
            models.append(model)
    lines += [f"api_keys: [{{api: {KEY}}}]", "preferences: {cooldown_period: 0}"]
    replies = []
    async with bench(tmp_path, folder) as made:
        gate = await made.gateway("\n".join(lines))
        for model in models:
            for stream in (False, True):
                replies.append((model, await gate.chat(model, stream=stream)))
    return replies


async def test_upstream_of_another_wire_is_a_502_that_says_so(tmp_path: Path) -> None:
    answers: list[dict[str, Any]] = [{"body": reply} for reply in FOREIGN]
    own = {"oc-0", "am-1", "gg-2"}
    for model, reply in await answers_to(tmp_path, answers):
        assert reply.status == (200 if model in own else 502), model
        assert is_clear(reply), f"{model}: {reply.text}"


async def test_strange_answers_are_never_our_defect(tmp_path: Path) -> None:
    answers: list[dict[str, Any]] = [{"body": value} for value in STRANGE]
    answers += [{"text": text} for text in ("", "hello", '{"choices":[{"mess', "<?xml?><e/>", "\0")]
    answers += [{"sse": f"data: {text}\n\n"} for text in ("", "hello", "{", "[DONE]")]
    answers += [{"sse": text} for text in ("", ": hi\n\n")]
    for model, reply in await answers_to(tmp_path, answers):
        assert is_clear(reply), f"{model}: {reply.status} {reply.text}"


def framed(value: Any) -> str:
    return f"data: {msgspec.json.encode(value).decode()}\n\n"


async def test_strange_frames_never_end_a_stream_cleanly(tmp_path: Path) -> None:
    beginnings: list[Any] = [
        {"choices": [{"index": 0, "delta": {"content": "Hi"}}]},
        {"type": "message_start", "message": CLAUDE},
        GEMINI,
    ]
    frames = [framed(value) for value in STRANGE]
    frames.append('data: {"odd":' + deep(5000).decode() + "}\n\n")
    answers = [{"sse": framed(start) + frame} for start in beginnings for frame in frames]
    for index, (model, reply) in enumerate(await answers_to(tmp_path, answers)):
        assert is_clear(reply), f"{model}: {reply.text:.500}"
        if reply.status == 200 and index % 2:
            assert "[DONE]" not in reply.text, f"{model}: {reply.text:.500}"
            assert '"error"' in reply.text, f"{model}: {reply.text:.500}"


async def test_answer_that_is_nested_too_deep_is_a_bad_reply(tmp_path: Path) -> None:
    odd = '"odd":' + deep(5000).decode()
    answers: list[dict[str, Any]] = [
        {"text": f'{{"choices":[{{"message":{{"content":"x"}}}}],{odd}}}'},
        {"text": f'{{"type":"message","content":[],{odd}}}'},
        {"text": f'{{"candidates":[],{odd}}}'},
        {"text": deep(5000).decode()},
    ]
    for model, reply in await answers_to(tmp_path, answers):
        assert is_clear(reply), f"{model}: {reply.text:.300}"


@pytest.mark.parametrize("model", MODELS)
async def test_channel_without_images_and_tools_still_gets_a_whole_request(
    bench: Bench, model: str
) -> None:
    off = "tools: false\n    image: false\n    model:"
    gate = await bench.gateway(at("image-in-echo").replace("model:", off))
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    call = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": [picture]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "-2 C"},
    ]
    reply = await gate.chat(model, messages=messages, tools=[WEATHER], tool_choice="required")
    assert reply.status == 200, reply.text
    assert reply.content.endswith(" 0 tools.")  # and no media
