"""What else is converted on the way: cases 85 to 87 and 90 to 94 (`uni-api.md` 6.2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from tests.e2e.harness import KEY, Bench, bench
from tests.e2e.test_streams import WEATHER, at

LINK = "https://example.test/cat.png"
PICTURE: dict[str, Any] = {"type": "image_url", "image_url": {"url": LINK}}
QUESTION: dict[str, Any] = {"type": "text", "text": "What is this?"}


@pytest.mark.parametrize("model", ["gemini-m", "claude-m"])
@pytest.mark.parametrize("stream", [False, True])
async def test_case_85_signature_of_a_call_comes_back_to_its_vendor(
    bench: Bench, model: str, stream: bool
) -> None:
    gate = await bench.gateway(at("tool"))
    reply = await gate.chat(model, stream=stream, tools=[WEATHER])
    if stream:
        pieces = [
            piece
            for event in reply.events[:-1]
            for choice in event["choices"]
            for piece in choice["delta"].get("tool_calls") or []
        ]
        call = {"id": pieces[0]["id"], "type": "function"}
        arguments = "".join(piece["function"].get("arguments") or "" for piece in pieces)
        call |= {"function": {"name": "weather", "arguments": arguments}}
    else:
        call = reply.json["choices"][0]["message"]["tool_calls"][0]
    history = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "-2 C"},
    ]
    assert (await gate.chat(model, messages=history, tools=[WEATHER])).status == 200
    if model == "gemini-m":
        part = bench.last.json["contents"][1]["parts"][0]
        assert part["functionCall"]["name"] == "weather"
        assert part["thoughtSignature"] == "bGFiLXNpZ25hdHVyZQ=="
    else:
        assert bench.last.json["messages"][1]["content"][0]["name"] == "weather"


async def test_case_85_signature_stays_away_from_other_vendors(bench: Bench) -> None:
    gate = await bench.gateway(at("tool"))
    reply = await gate.chat("gemini-m", tools=[WEATHER])
    call = reply.json["choices"][0]["message"]["tool_calls"][0]
    history = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "-2 C"},
    ]
    assert (await gate.chat("claude-m", messages=history, tools=[WEATHER])).status == 200
    assert b"bGFiLXNpZ25hdHVyZQ" not in bench.last.body


GEMINI_REPLY = {
    "candidates": [
        {
            "content": {"role": "model", "parts": [{"text": "Hello"}]},
            "finishReason": "STOP",
            "index": 0,
        }
    ],
    "usageMetadata": {
        "promptTokenCount": 4,
        "candidatesTokenCount": 3,
        "thoughtsTokenCount": 5,
        "cachedContentTokenCount": 1,
        "totalTokenCount": 12,
    },
    "modelVersion": "gemini-m",
}


@pytest.mark.parametrize("stream", [False, True])
async def test_case_86_usage_of_gemini(tmp_path: Path, stream: bool) -> None:
    body = msgspec.json.encode(GEMINI_REPLY).decode()
    answer = {"sse": f"data: {body}\r\n\r\n"} if stream else {"body": GEMINI_REPLY}
    recording = {"id": "usage", "stream": stream, "response": {"status": 200, **answer}}
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "usage.json").write_bytes(msgspec.json.encode(recording))
    async with bench(tmp_path, folder) as made:
        gate = await made.gateway(at("rec/usage"))
        reply = await gate.chat("gemini-m", stream=stream, stream_options={"include_usage": True})
        usage = reply.events[-2]["usage"] if stream else reply.json["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (4, 8, 12)
    assert usage["prompt_tokens_details"]["cached_tokens"] == 1
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 5


async def test_case_87_gpt_5_takes_max_completion_tokens(bench: Bench) -> None:
    gate = await bench.gateway(at("ok1").replace("[gpt-m,", "[gpt-5, gpt-m,"))
    await gate.chat("gpt-5", max_tokens=5)
    assert bench.last.json["max_completion_tokens"] == 5
    assert "max_tokens" not in bench.last.json
    await gate.chat("gpt-m", max_tokens=5)
    assert bench.last.json["max_tokens"] == 5


async def test_case_87_a_responses_upstream_takes_input_and_max_output_tokens(
    bench: Bench,
) -> None:
    text = at("ok1").replace("[gpt-m,", "[gpt-5, gpt-m,")
    text = text.replace("LAB/ok1/v1/chat/completions", "LAB/ok1/v1/responses")
    gate = await bench.gateway(text)
    reply = await gate.chat("gpt-5", max_tokens=50)
    assert reply.place == "ok1"
    assert bench.last.path == "/ok1/v1/responses"
    assert bench.last.json["max_output_tokens"] == 50
    assert not bench.last.json.keys() & {"max_tokens", "max_completion_tokens", "messages"}
    assert bench.last.json["input"][0]["content"] in ("Hi", [{"type": "input_text", "text": "Hi"}])


async def test_case_90_a_transcripts_form_keeps_file_name_and_fields(bench: Bench) -> None:
    gate = await bench.gateway(at("ok1").replace("[gpt-m,", "[whisper-1, gpt-m,"))
    form = aiohttp.FormData({"model": "whisper-1", "language": "de", "odd": "1"})
    form.add_field("file", b"RIFF0000WAVE", filename="talk.wav", content_type="audio/x-odd")
    headers = {"authorization": f"Bearer {KEY}"}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{gate.url}/v1/audio/transcriptions", data=form, headers=headers) as answer,
    ):
        assert answer.status == 200
    assert bench.last.form is not None
    parts = {part["name"]: part for part in bench.last.form.parts}
    assert {name: parts[name]["value"] for name in ("model", "language", "odd")} == {
        "model": "whisper-1",
        "language": "de",
        "odd": "1",
    }
    file = parts["file"]
    assert (file["filename"], file["content_type"]) == ("talk.wav", "audio/x-odd")


async def test_case_92_link_to_an_image_is_passed_on_and_never_fetched(bench: Bench) -> None:
    gate = await bench.gateway(at("ok1"))
    messages = [{"role": "user", "content": [QUESTION, PICTURE]}]
    await gate.chat("gpt-m", messages=messages)
    assert bench.last.json["messages"] == messages
    await gate.chat("claude-m", messages=messages)
    source = bench.last.json["messages"][0]["content"][1]["source"]
    assert source == {"type": "url", "url": LINK}
    await gate.chat("gemini-2.5-flash", messages=messages)
    parts = bench.last.json["contents"][0]["parts"]
    assert {"fileData": {"fileUri": LINK, "mimeType": "image/png"}} in parts
    assert len(bench.places) == 3


async def test_case_92_model_that_takes_no_links_loses_them_by_name(bench: Bench) -> None:
    gate = await bench.gateway(at("ok1"))
    reply = await gate.chat("gemini-m", messages=[{"role": "user", "content": [QUESTION, PICTURE]}])
    assert reply.headers["x-headgate-loss"] == "messages[0].content[1]"
    assert bench.last.json["contents"][0]["parts"] == [{"text": "What is this?"}]


@pytest.mark.parametrize("model", ["gpt-m", "claude-m", "gemini-m"])
async def test_case_92_link_to_loopback_is_not_fetched(bench: Bench, model: str) -> None:
    gate = await bench.gateway(at("ok1"))
    inside = {"type": "image_url", "image_url": {"url": f"{bench.lab.url}/secret.png"}}
    await gate.chat(model, messages=[{"role": "user", "content": [QUESTION, inside]}])
    assert [request.method for request in bench.lab.requests] == ["POST"]


@pytest.mark.parametrize("model", ["gpt-m", "claude-m", "gemini-m"])
async def test_case_92_inline_image_reaches_every_wire(bench: Bench, model: str) -> None:
    gate = await bench.gateway(at("image-in-echo"))
    inline = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    reply = await gate.chat(model, messages=[{"role": "user", "content": [QUESTION, inline]}])
    assert "image/png" in reply.content
    assert "x-headgate-loss" not in reply.headers


MESSAGE: dict[str, Any] = {"max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}]}


async def test_case_93_messages_for_claude_are_passed_through(bench: Bench) -> None:
    gate = await bench.gateway(at("ok1").replace("[claude-m,", "[{claude-up: claude-m},"))
    odd = b'"odd": {"b":1.50, "a" : [1e3]}'
    body = b'{"model":"claude-m",%b,%b' % (msgspec.json.encode(MESSAGE)[1:-1], odd) + b"}"
    versions = {"anthropic-version": "2026-10-21", "anthropic-beta": "context-1m"}
    reply = await gate.post("/v1/messages", body, headers=versions)
    assert reply.status == 200
    assert reply.json["content"][0]["text"] == "ok1: Hello from the lab."
    assert odd.split(b": ", 1)[1] in bench.last.body
    assert bench.last.json["model"] == "claude-up"
    sent = bench.last.headers
    assert {name: sent[name] for name in versions} == versions


async def test_case_93_what_claude_refuses_is_told_in_its_own_words(bench: Bench) -> None:
    gate = await bench.gateway(at("e400"))
    reply = await gate.post("/v1/messages", MESSAGE | {"model": "claude-m"})
    assert reply.status == 400
    assert reply.json["type"] == "error"
    assert "attempts" not in reply.json["error"]


@pytest.mark.parametrize("model", ["gpt-m", "gemini-m"])
async def test_case_93_messages_reach_other_vendors_as_well(bench: Bench, model: str) -> None:
    gate = await bench.gateway(at("ok1"))
    reply = await gate.post("/v1/messages", MESSAGE | {"model": model})
    assert reply.json["content"][0]["text"] == "ok1: Hello from the lab."


@pytest.mark.parametrize("bytes_sent", [700, 900, 1100])
async def test_case_94_messages_have_no_end_before_message_stop(
    bench: Bench, bytes_sent: int
) -> None:
    gate = await bench.gateway(at(f"cut-fin-{bytes_sent}"))
    reply = await gate.post("/v1/messages", MESSAGE | {"model": "claude-m", "stream": True})
    assert "message_stop" not in reply.text
    assert reply.events[-1]["type"] == "error"


@pytest.mark.parametrize("bytes_sent", [700, 900, 1100])
async def test_case_94_claude_has_not_answered_before_message_stop(
    bench: Bench, bytes_sent: int
) -> None:
    gate = await bench.gateway(at(f"cut-fin-{bytes_sent}"))
    reply = await gate.chat("claude-m", stream=True)
    assert "[DONE]" not in reply.text
    assert "error" in reply.text
