"""What OpenAI's clients of 2021 to 2023 still ask for: edits, and models named in the path."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.examples import says
from tests.e2e.harness import KEY, Bench
from tests.e2e.test_streams import at

EDIT: dict[str, Any] = {"input": "Helo", "instruction": "Fix the spelling", "temperature": 0}
CONVERSE = f"""
providers:
  - {{provider: b, engine: aws, base_url: LAB/ok1, region: us-east-1,
     aws_access_key: AKIALAB, aws_secret_key: lab-secret, model: [aws-m]}}
  - {{provider: c, engine: cohere, base_url: LAB/ok1/v2/chat, api: k, model: [cohere-m]}}
  - {{provider: o, base_url: LAB/ok1/api/chat, api: k, model: [ollama-m]}}
  - {{provider: r, base_url: LAB/ok1/v1/responses, api: k, model: [responses-m]}}
api_keys: [{{api: {KEY}}}]
"""
WIRES = {
    **dict.fromkeys(("gpt-m", "claude-m", "gemini-m"), at("ok1")),
    **dict.fromkeys(("aws-m", "cohere-m", "ollama-m", "responses-m"), ""),
}


@pytest.mark.parametrize("path", ["/v1/edits", "/edits"])
@pytest.mark.parametrize("model", WIRES)
async def test_any_wire_edits_a_text(bench: Bench, model: str, path: str) -> None:
    # Written plainly, the lab's own key would become its address.
    known = CONVERSE.replace("AKIALAB", r'"AKIAL\u0041B"')
    gate = await bench.gateway(WIRES[model] or known)
    reply = await gate.post(path, EDIT | {"model": model})
    assert reply.status == 200, reply.text
    assert reply.json["object"] == "edit"
    assert reply.json["choices"] == [
        {"text": "ok1: Hello from the lab.", "index": 0, "finish_reason": "stop"}
    ]
    usage = reply.json["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0
    assert "Instruction: Fix the spelling" in bench.last.body.decode()
    assert "Helo" in bench.last.body.decode()


async def test_several_edits_are_several_choices(bench: Bench) -> None:
    gate = await bench.gateway(at("ok1"))
    reply = await gate.post("/v1/edits", EDIT | {"model": "gpt-m", "n": 2, "odd": 1})
    assert [choice["index"] for choice in reply.json["choices"]] == [0, 1]
    assert reply.headers["x-headgate-loss"] == "odd"
    assert bench.last.json["n"] == 2


async def test_what_is_no_edit_is_a_clear_400(bench: Bench) -> None:
    gate = await bench.gateway(at("ok1"))
    body = {"model": "gpt-m", "input": "x"}
    says(await gate.post("/v1/edits", body), 400, "instruction")
    says(await gate.post("/v1/edits", EDIT | {"model": "gpt-m", "stream": True}), 400, "no stream")
    assert bench.places == []


async def test_edits_fail_over_and_refuse_in_openais_words(bench: Bench) -> None:
    gate = await bench.gateway(at("e500"))
    says(await gate.post("/v1/edits", EDIT | {"model": "gpt-m"}), 500, "All gpt-m error")


@pytest.mark.parametrize("model", ["gpt-m", "gemini-m"])
async def test_engines_embed(bench: Bench, model: str) -> None:
    gate = await bench.gateway(at("ok1"))
    reply = await gate.post(f"/v1/engines/{model}/embeddings", {"input": ["a", "b"]})
    assert reply.status == 200
    assert [entry["index"] for entry in reply.json["data"]] == [0, 1]
    assert bench.places == ["ok1"]


@pytest.mark.parametrize("model", ["gpt-m", "claude-m", "gemini-m"])
@pytest.mark.parametrize("stream", [False, True])
async def test_engines_complete(bench: Bench, model: str, stream: bool) -> None:
    gate = await bench.gateway(at("ok1"))
    body = {"prompt": "Say", "stream": stream, "model": "another"}
    reply = await gate.post(f"/v1/engines/{model}/completions", body)
    assert reply.status == 200
    replies = reply.events[:-1] if stream else [reply.json]
    assert "".join(c["text"] for r in replies for c in r["choices"]) == "ok1: Hello from the lab."
    assert {r["object"] for r in replies} == {"text_completion"}
    assert {r["model"] for r in replies} == {model}
