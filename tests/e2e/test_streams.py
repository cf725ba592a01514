"""Streams and conversions end to end: cases 77 to 96 (`uni-api.md` 6.2)."""

from typing import Any

import pytest

from tests.e2e.harness import KEY, Bench

WIRES = f"""
providers:
  - provider: oc
    base_url: LAB/PLACE/v1/chat/completions
    api: up-oc
    model: [gpt-m, llama-m]
  - provider: am
    base_url: LAB/PLACE/v1/messages
    api: up-am
    model: [claude-m, {{claude-3-7-sonnet-20250219: claude-3-7-sonnet-think-2048}}]
  - provider: gg
    base_url: LAB/PLACE/v1beta
    api: up-gg
    model: [gemini-m, gemini-2.5-flash]
api_keys:
  - api: {KEY}
preferences: {{cooldown_period: 0}}
"""
MODELS = ["gpt-m", "claude-m", "gemini-m"]
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell the weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


def at(place: str) -> str:
    """The three wires at one place of the lab."""
    return WIRES.replace("PLACE", place)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("asked", [True, False])
async def test_cases_77_to_79_text_stream(bench: Bench, model: str, asked: bool) -> None:
    gate = await bench.gateway(at("ok1"))
    options: dict[str, Any] = {"stream_options": {"include_usage": True}} if asked else {}
    reply = await gate.chat(model, stream=True, odd_field=1, **options)
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.content == "ok1: Hello from the lab."
    *chunks, last = reply.events
    assert last == "[DONE]"
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    reasons = [c["finish_reason"] for chunk in chunks for c in chunk["choices"]]
    assert [reason for reason in reasons if reason] == ["stop"]
    usages = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
    assert [chunk["choices"] for chunk in chunks if chunk.get("usage")] == ([[]] if asked else [])
    if asked:
        assert usages[0]["prompt_tokens"] > 0
        assert usages[0]["completion_tokens"] > 0
        assert usages[0]["total_tokens"] == (
            usages[0]["prompt_tokens"] + usages[0]["completion_tokens"]
        )
    if model == "gpt-m":
        assert bench.last.json["odd_field"] == 1
        assert bench.last.json["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("model", MODELS)
async def test_whole_answers(bench: Bench, model: str) -> None:
    gate = await bench.gateway(at("ok1"))
    reply = await gate.chat(model)
    assert reply.content == "ok1: Hello from the lab."
    assert reply.json["object"] == "chat.completion"
    assert reply.json["choices"][0]["finish_reason"] == "stop"
    assert reply.json["usage"]["total_tokens"] > 0


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stream", [True, False])
async def test_case_79_thoughts_are_reasoning_content(
    bench: Bench, model: str, stream: bool
) -> None:
    gate = await bench.gateway(at("think"))
    reply = await gate.chat(model, stream=stream, reasoning_effort="low", max_tokens=4096)
    if stream:
        deltas = [c["delta"] for e in reply.events if isinstance(e, dict) for c in e["choices"]]
        thoughts = "".join(delta.get("reasoning_content") or "" for delta in deltas)
    else:
        thoughts = reply.json["choices"][0]["message"]["reasoning_content"]
    assert thoughts
    assert reply.content


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stream", [True, False])
async def test_case_80_parallel_tool_calls(bench: Bench, model: str, stream: bool) -> None:
    gate = await bench.gateway(at("tools-parallel"))
    reply = await gate.chat(model, stream=stream, tools=[WEATHER])
    assert reply.status == 200
    if stream:
        calls: dict[int, dict[str, str]] = {}
        reasons = []
        for event in reply.events[:-1]:
            for choice in event["choices"]:
                reasons.append(choice["finish_reason"])
                for piece in choice["delta"].get("tool_calls") or []:
                    call = calls.setdefault(piece["index"], {"id": "", "arguments": ""})
                    call["id"] += piece.get("id") or ""
                    call["arguments"] += piece["function"].get("arguments") or ""
        made = list(calls.values())
        reason = [r for r in reasons if r]
    else:
        choice = reply.json["choices"][0]
        made = [
            {"id": call["id"], "arguments": call["function"]["arguments"]}
            for call in choice["message"]["tool_calls"]
        ]
        reason = [choice["finish_reason"]]
    assert reason == ["tool_calls"]
    assert len(made) == 2
    assert len({call["id"] for call in made}) == 2
    assert all(call["arguments"].startswith("{") for call in made)


async def test_case_81_tool_history_for_claude(bench: Bench) -> None:
    gate = await bench.gateway(at("ok1"))
    calls = [
        {"id": name, "type": "function", "function": {"name": "weather", "arguments": "{}"}}
        for name in ("c1", "c2")
    ]
    messages = [
        {"role": "user", "content": "U1"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": "R1"},
        {"role": "tool", "tool_call_id": "c2", "content": "R2"},
        {"role": "user", "content": "U2"},
    ]
    reply = await gate.chat("claude-m", messages=messages, tools=[WEATHER])
    assert reply.status == 200
    sent = bench.last.json["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "user"]
    assert [block["id"] for block in sent[1]["content"]] == ["c1", "c2"]
    kinds = [(b["type"], b.get("tool_use_id") or b.get("text")) for b in sent[2]["content"]]
    assert kinds == [("tool_result", "c1"), ("tool_result", "c2"), ("text", "U2")]


async def test_case_82_stop_and_tool_choice_are_translated(bench: Bench) -> None:
    gate = await bench.gateway(at("ok1"))
    asked: dict[str, Any] = {"stop": ["END"], "tools": [WEATHER], "tool_choice": "required"}
    await gate.chat("claude-m", **asked)
    claude = bench.last.json
    assert claude["stop_sequences"] == ["END"]
    assert claude["tool_choice"]["type"] == "any"
    assert "stop" not in claude
    await gate.chat("gemini-m", **asked)
    gemini = bench.last.json
    assert gemini["generationConfig"]["stopSequences"] == ["END"]
    assert gemini["toolConfig"]["functionCallingConfig"]["mode"] == "ANY"


async def test_case_83_thinking_by_suffix(bench: Bench) -> None:
    gate = await bench.gateway(at("ok1"))
    await gate.chat("claude-3-7-sonnet-think-2048", top_p=0.5, temperature=0.2)
    body = bench.last.json
    assert body["model"] == "claude-3-7-sonnet-20250219"
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 2048}
    assert body["temperature"] == 1
    assert "top_p" not in body
    assert body["max_tokens"] == 128000


async def test_case_84_gemini_request(bench: Bench) -> None:
    gate = await bench.gateway(at("ok1"))
    messages = [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "Weather?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city":"Oslo"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "-2 C"},
    ]
    reply = await gate.chat(
        "gemini-2.5-flash", messages=messages, tools=[WEATHER], max_tokens=10**6
    )
    assert reply.status == 200
    body = bench.last.json
    assert "Be short." in body["systemInstruction"]["parts"][0]["text"]
    answer = body["contents"][-1]["parts"][0]["functionResponse"]
    assert answer["name"] == "weather"
    assert body["generationConfig"]["maxOutputTokens"] == 65536
    assert b"additionalProperties" not in bench.last.body
    assert "key=up-gg" not in reply.text


async def test_case_88_azure(bench: Bench) -> None:
    gate = await bench.gateway(
        f"""
        providers:
          - provider: az
            base_url: LAB/ok1
            engine: azure
            api: up-az
            model: [gpt-m]
        api_keys:
          - api: {KEY}
        """
    )
    assert (await gate.chat("gpt-m")).status == 200
    assert bench.last.path.endswith("/openai/deployments/gpt-m/chat/completions")
    assert bench.last.headers["api-key"] == "up-az"


async def test_case_89_any_model_on_an_openai_host(bench: Bench) -> None:
    gate = await bench.gateway(at("ok1").replace("/v1/chat/completions", "/v1"))
    assert (await gate.chat("llama-m")).status == 200
    assert bench.last.path == "/ok1/v1/chat/completions"


async def test_case_91_embeddings(bench: Bench) -> None:
    gate = await bench.gateway(at("ok1"))
    body = {"model": "gpt-m", "input": ["a", "b"], "dimensions": 4}
    reply = await gate.post("/v1/embeddings", body)
    assert reply.status == 200
    assert len(reply.json["data"]) == 2
    assert bench.last.json["dimensions"] == 4
    assert bench.last.json["encoding_format"] == "float"
    gemini = await gate.post("/v1/embeddings", body | {"model": "gemini-m"})
    assert [len(item["embedding"]) for item in gemini.json["data"]] == [4, 4]
    claude = await gate.post("/v1/embeddings", body | {"model": "claude-m"})
    assert claude.status == 404
    assert "claude-m" in claude.error


async def test_legacy_completions_reach_any_chat_upstream(bench: Bench) -> None:
    gate = await bench.gateway(at("ok1"))
    for model in MODELS:
        reply = await gate.post("/v1/completions", {"model": model, "prompt": "Hi"})
        assert reply.status == 200, reply.text
        assert reply.json["object"] == "text_completion"
        assert reply.json["choices"][0]["text"]
        stream = await gate.post(
            "/v1/completions", {"model": model, "prompt": "Hi", "stream": True}
        )
        texts = [e["choices"][0]["text"] for e in stream.events[:-1] if e["choices"]]
        assert "".join(texts)
        assert stream.events[-1] == "[DONE]"


@pytest.mark.parametrize(
    "place", ["sse-crlf", "sse-comments", "sse-no-space", "sse-no-end", "sse-split"]
)
@pytest.mark.parametrize("model", MODELS)
async def test_case_95_every_framing_is_understood(bench: Bench, place: str, model: str) -> None:
    gate = await bench.gateway(at(place))
    reply = await gate.chat(model, stream=True)
    assert "error" not in reply.text
    pieces = [
        line.partition(":")[2].strip()
        for line in reply.text.splitlines()
        if line.startswith("data:")
    ]
    assert pieces[-1] == "[DONE]"


async def test_case_96_orphan_tool_message_is_a_clear_400(bench: Bench) -> None:
    gate = await bench.gateway(at("ok1"))
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "tool", "tool_call_id": "nobody", "content": "R"},
    ]
    reply = await gate.chat("claude-m", messages=messages)
    assert reply.status == 400
    assert "messages[1]" in reply.text


async def test_losses_are_named(bench: Bench) -> None:
    gate = await bench.gateway(at("ok1"))
    reply = await gate.chat("claude-m", seed=1, logprobs=True)
    assert {"seed", "logprobs"} <= set(reply.headers["x-headgate-loss"].split(", "))
    same = await gate.chat("gpt-m", seed=1, logprobs=True)
    assert "x-headgate-loss" not in same.headers


async def test_losses_may_be_refused(bench: Bench) -> None:
    text = at("ok1").replace("api: up-am", "api: up-am\n    preferences: {on_loss: refuse}")
    gate = await bench.gateway(text)
    reply = await gate.chat("claude-m", seed=1)
    assert reply.status == 400
    assert "seed" in reply.error
    assert bench.places == []


@pytest.mark.parametrize("model", MODELS)
async def test_cut_stream_ends_with_an_error_event(bench: Bench, model: str) -> None:
    gate = await bench.gateway(at("cut-fin"))
    reply = await gate.chat(model, stream=True)
    assert "[DONE]" not in reply.text
    assert reply.events[-1]["error"]["message"]


@pytest.mark.parametrize("place", ["json-for-stream", "stream-for-json"])
async def test_upstream_that_answers_in_the_other_form(bench: Bench, place: str) -> None:
    gate = await bench.gateway(at(place))
    stream = place == "json-for-stream"
    reply = await gate.chat("gpt-m", stream=stream)
    assert reply.status == 200
    assert reply.content
    assert ("[DONE]" in reply.text) is stream


async def test_broken_json_is_named_with_its_place(bench: Bench) -> None:
    gate = await bench.gateway(at("ok1"))
    for body in (b'{"model": "gpt-m",', b"", b"[1]", b'{"model": "gpt-m", "x": "\xff"}'):
        reply = await gate.post("/v1/chat/completions", body)
        assert reply.status == 400, body
        assert reply.json["error"]["type"] == "invalid_request_error"
        assert reply.headers["x-request-id"]
    assert bench.places == []


async def test_callers_request_id_is_kept(bench: Bench) -> None:
    gate = await bench.gateway(at("ok1"))
    body = {"model": "gpt-m", "messages": [{"role": "user", "content": "Hi"}]}
    reply = await gate.post("/v1/chat/completions", body, headers={"x-request-id": "mine-1"})
    assert reply.headers["x-request-id"] == "mine-1"
    missing = await gate.post("/v1/chat/completions", body, "wrong", {"x-request-id": "mine-2"})
    assert missing.headers["x-request-id"] == "mine-2"
    assert missing.json["error"]["request_id"] == "mine-2"
