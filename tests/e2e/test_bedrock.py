"""Tool loops on a Bedrock that wants Claude's signatures back, from callers of other dialects."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.harness import KEY, Bench, Gate

Json = dict[str, Any]

TURNS = 1
TOOL = {
    "name": "count",
    "description": "counts",
    "parameters": {"type": "object", "properties": {}},
}
# The lab's own key; written plainly, "LAB" would become its address.
BEDROCK = r"""
  - provider: bed
    engine: aws
    base_url: LAB/bed
    region: us-east-1
    aws_access_key: "AKIAL\u0041B"
    aws_secret_key: lab-secret
    model: [lab-signed-loop-1: claude-sonnet-4-5]
"""
ANTHROPIC = """
  - provider: ant
    base_url: LAB/ant/v1/messages
    api: up-ant
    model: [lab-signed-loop-1: claude-sonnet-4-5]
"""


async def gateway(bench: Bench, providers: str) -> Gate:
    wish = "preferences: {SCHEDULING_ALGORITHM: round_robin}"
    keys = f"api_keys:\n  - api: {KEY}\n    model: [all]\n    {wish}\n"
    return await bench.gateway(f"providers:{providers}\n{keys}")


def assembled(events: list[Any]) -> Json:
    """Put a streamed message together, as a client does that knows nothing of reasoning."""
    calls: dict[int, Json] = {}
    text = ""
    for event in events[:-1]:
        for choice in event["choices"]:
            text += choice["delta"].get("content") or ""
            for call in choice["delta"].get("tool_calls", ()):
                known = calls.setdefault(call["index"], {"id": "", "name": "", "arguments": ""})
                known["id"] += call.get("id") or ""
                known["name"] += call["function"].get("name") or ""
                known["arguments"] += call["function"].get("arguments") or ""
    return {"content": text or None, "calls": list(calls.values())}


async def openai_loop(gate: Gate, stream: bool) -> tuple[int, str]:
    """Answer each call; how many there were, and the last words."""
    messages: list[Json] = [{"role": "user", "content": "Go"}]
    tools = [{"type": "function", "function": TOOL}]
    for count in range(TURNS + 1):
        body = {
            "model": "claude-sonnet-4-5",
            "messages": messages,
            "tools": tools,
            "reasoning_effort": "low",
            "stream": stream,
        }
        reply = await gate.post("/v1/chat/completions", body)
        assert reply.status == 200, reply.text
        if stream:
            said = assembled(reply.events)
        else:
            message = reply.json["choices"][0]["message"]
            calls = [{"id": c["id"], **c["function"]} for c in message.get("tool_calls") or ()]
            said = {"content": message["content"], "calls": calls}
        if not said["calls"]:
            return count, str(said["content"])
        asked = [
            {
                "id": call["id"],
                "type": "function",
                "function": {"name": call["name"], "arguments": call["arguments"]},
            }
            for call in said["calls"]
        ]
        messages.append({"role": "assistant", "content": said["content"], "tool_calls": asked})
        for call in said["calls"]:
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": f"r{count}"})
    raise AssertionError("the loop does not end")


async def anthropic_loop(gate: Gate) -> tuple[int, str]:
    """The same in the Messages API, where blocks come back as they were."""
    messages: list[Json] = [{"role": "user", "content": "Go"}]
    tools = [{"name": "count", "input_schema": TOOL["parameters"]}]
    for count in range(TURNS + 1):
        body = {
            "model": "claude-sonnet-4-5",
            "max_tokens": 4000,
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "messages": messages,
            "tools": tools,
        }
        reply = await gate.post("/v1/messages", body)
        assert reply.status == 200, reply.text
        content = reply.json["content"]
        calls = [block for block in content if block["type"] == "tool_use"]
        if not calls:
            return count, "".join(block.get("text", "") for block in content)
        messages.append({"role": "assistant", "content": content})
        results = [
            {"type": "tool_result", "tool_use_id": call["id"], "content": f"r{count}"}
            for call in calls
        ]
        messages.append({"role": "user", "content": results})
    raise AssertionError("the loop does not end")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_forgets_all_reasoning_gets_through_a_loop(
    bench: Bench, stream: bool
) -> None:
    gate = await gateway(bench, BEDROCK)
    count, words = await openai_loop(gate, stream)
    assert count == TURNS
    assert words.endswith("The tool said r0")
    assert [request.displeasure for request in bench.lab.requests if request.displeasure] == []


async def test_a_client_that_gives_blocks_back_gets_through_a_loop(bench: Bench) -> None:
    gate = await gateway(bench, BEDROCK)
    count, words = await anthropic_loop(gate)
    assert (count, words.endswith("The tool said r0")) == (TURNS, True)
    assert [request.displeasure for request in bench.lab.requests if request.displeasure] == []


@pytest.mark.parametrize(
    ("providers", "places"),
    [(ANTHROPIC + BEDROCK, ["ant", "bed"]), (BEDROCK + ANTHROPIC, ["bed", "ant"])],
)
async def test_what_claude_thought_at_one_vendor_goes_on_at_the_other(
    bench: Bench, providers: str, places: list[str]
) -> None:
    gate = await gateway(bench, providers)
    count, words = await anthropic_loop(gate)
    assert (count, words.endswith("The tool said r0")) == (TURNS, True)
    assert bench.places == places
    assert [request.displeasure for request in bench.lab.requests if request.displeasure] == []
