"""Long tool loops by the vendors' own SDKs, from every front door to every wire.

The lab's vendors look closely: calls without results, results without calls, thinking that comes
back changed, missing or from another vendor are refused. In each loop the first channel fails now
and then, so the second goes on with what the first has signed.
"""

from __future__ import annotations

import base64

import cohere
import httpx
import pytest
from msgspec import Struct

from tests.e2e.agents import AGENTS, PNG, Errand, Story, result
from tests.e2e.harness import KEY, Bench

CALLS = 6
LONG_CALLS = 20
MODEL = "the-model"


class Upstream(Struct, frozen=True):
    """A wire of the lab: how a channel is configured to use it."""

    model: str
    path: str
    more: tuple[str, ...] = ("api: up-key",)


AWS = (
    "engine: aws",
    "region: us-east-1",
    # Written plainly, the lab's own key would become the lab's address.
    r'aws_access_key: "AKIAL\u0041B"',
    "aws_secret_key: lab-secret",
)
UPSTREAMS = {
    "openai_chat": Upstream("gpt-5.1", "/v1/chat/completions"),
    "openai_responses": Upstream("gpt-5.1", "/v1/responses"),
    "anthropic": Upstream("claude-sonnet-4-5", "/v1/messages"),
    "gemini": Upstream("gemini-3-pro", "/v1beta"),
    "bedrock_converse": Upstream("anthropic.claude-sonnet-4-5-20250929-v1:0", "", AWS),
    "cohere": Upstream("command-a-reasoning", "/v2/chat", ("engine: cohere", "api: up-key")),
    "ollama": Upstream("qwen3", "", ("engine: ollama",)),
}
# Vendors who demand their own reasoning back.
SIGNING = ("openai_responses", "anthropic", "gemini", "bedrock_converse")
# OpenAI Chat has no words for a tool's error or picture.
SHOWING = ("openai_responses", "anthropic", "gemini")


def channel(wire: str, place: str) -> str:
    """One channel to a place of the lab, which behaves as its name says."""
    upstream = UPSTREAMS[wire]
    lines = [f"base_url: LAB/{place}{upstream.path}", *upstream.more]
    lines.append(f'model: ["{upstream.model}": {MODEL}]')
    return f"\n  - provider: {wire}.{place}\n    " + "\n    ".join(lines)


def config(*channels: str) -> str:
    """The channels in order, none of which rests after a failure."""
    return (
        f"providers:{''.join(channels)}\n"
        f"api_keys:\n  - api: {KEY}\n    model: [all]\n"
        "    preferences: {SCHEDULING_ALGORITHM: fixed_priority}\n"
        "preferences: {cooldown_period: 0}\n"
    )


def failing_over(wire: str, loop: str) -> str:
    """A channel that fails now and then, and one that does not."""
    return config(channel(wire, f"flaky-{loop}"), channel(wire, loop))


async def run(bench: Bench, door: str, yaml: str, errand: Errand, calls: int) -> Story:
    """Run a loop to its end, and see that nobody had anything to complain of."""
    gate = await bench.gateway(yaml)
    story = await AGENTS[door](gate, errand)
    assert [request.displeasure for request in bench.lab.requests if request.displeasure] == []
    assert [arguments.get("number") for _, arguments in story.calls] == [*range(1, calls + 1)]
    assert [number for number in range(1, calls + 1) if result(number) not in story.text] == []
    assert min(story.tokens) > 0
    return story


def assert_failed_over(bench: Bench) -> None:
    """The first channel has failed at least once, and the second was there."""
    assert {request.status for request in bench.lab.requests} == {200, 503}
    assert len(set(bench.places)) == 2


def assert_shown(bench: Bench, door: str) -> None:
    """The tool's picture and the tool's error have arrived."""
    pictures = {PNG, base64.urlsafe_b64encode(base64.b64decode(PNG)).decode()}
    bodies = [request.body.decode() for request in bench.lab.requests]
    assert door not in SHOWING or any(picture in bodies[-1] for picture in pictures)
    assert all(result(number) in bodies[-1] for number in range(1, CALLS + 1))


@pytest.mark.parametrize("wire", UPSTREAMS)
@pytest.mark.parametrize("door", AGENTS)
async def test_streamed_loop_with_parallel_calls(bench: Bench, door: str, wire: str) -> None:
    yaml = failing_over(wire, f"parallel-signed-loop-{CALLS}")
    story = await run(bench, door, yaml, Errand(model=MODEL), CALLS)
    assert [name for name, _ in story.calls] == ["look", "listen"] * (CALLS // 2)
    assert_failed_over(bench)
    assert_shown(bench, door)
    assert wire not in SIGNING or "mull over turn" in "".join(story.thoughts)


@pytest.mark.parametrize("wire", UPSTREAMS)
@pytest.mark.parametrize("door", AGENTS)
async def test_loop_without_streams(bench: Bench, door: str, wire: str) -> None:
    yaml = failing_over(wire, f"signed-loop-{CALLS}")
    story = await run(bench, door, yaml, Errand(model=MODEL, stream=False), CALLS)
    assert_failed_over(bench)
    assert_shown(bench, door)
    assert wire not in SIGNING or "mull over turn" in "".join(story.thoughts)


# What passes through as it is cannot be mended: there the vendor itself says what is missing.
FORGETFUL = [(door, wire) for door in AGENTS for wire in SIGNING if door != wire]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("door", "wire"), FORGETFUL)
async def test_client_that_forgets_its_thinking(
    bench: Bench, door: str, wire: str, stream: bool
) -> None:
    loop = "parallel-signed-loop" if stream else "signed-loop"
    errand = Errand(model=MODEL, stream=stream, forgetful=True)
    await run(bench, door, failing_over(wire, f"{loop}-{CALLS}"), errand, CALLS)
    assert_failed_over(bench)


# From one vendor to another in mid-conversation, and back.
MIXED = [
    ("anthropic", "gemini"),
    ("anthropic", "openai_chat"),
    ("gemini", "anthropic"),
    ("gemini", "openai_responses"),
    ("openai_responses", "anthropic"),
    ("openai_chat", "gemini"),
    ("openai_chat", "openai_responses"),
    ("bedrock_converse", "gemini"),
]


@pytest.mark.parametrize(("first", "second"), MIXED)
@pytest.mark.parametrize("door", AGENTS)
async def test_failover_that_changes_the_wire(
    bench: Bench, door: str, first: str, second: str
) -> None:
    yaml = config(
        channel(first, f"flaky-signed-loop-{CALLS}"), channel(second, f"signed-loop-{CALLS}")
    )
    await run(bench, door, yaml, Errand(model=MODEL), CALLS)
    assert_failed_over(bench)


# A foreign wire that wants its own reasoning back, for each front door.
LONG = [
    ("openai_chat", "anthropic"),
    ("openai_responses", "gemini"),
    ("anthropic", "openai_responses"),
    ("gemini", "bedrock_converse"),
]


@pytest.mark.parametrize(("door", "wire"), LONG)
async def test_twenty_turns(bench: Bench, door: str, wire: str) -> None:
    yaml = failing_over(wire, f"signed-loop-{LONG_CALLS}")
    await run(bench, door, yaml, Errand(model=MODEL), LONG_CALLS)
    assert_failed_over(bench)


@pytest.mark.soak
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("wire", UPSTREAMS)
@pytest.mark.parametrize("door", AGENTS)
async def test_twenty_turns_from_every_door_to_every_wire(
    bench: Bench, door: str, wire: str, stream: bool
) -> None:
    yaml = failing_over(wire, f"signed-loop-{LONG_CALLS}")
    await run(bench, door, yaml, Errand(model=MODEL, stream=stream), LONG_CALLS)
    assert_failed_over(bench)


EVERY_CHANGE = [(one, other) for one in UPSTREAMS for other in UPSTREAMS if one != other]


@pytest.mark.soak
@pytest.mark.parametrize("forgetful", [False, True])
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("first", "second"), EVERY_CHANGE)
@pytest.mark.parametrize("door", AGENTS)
async def test_every_change_of_the_wire(
    bench: Bench, door: str, first: str, second: str, stream: bool, forgetful: bool
) -> None:
    loop = f"{'parallel-' if stream else ''}signed-loop-{CALLS}"
    yaml = config(channel(first, f"flaky-{loop}"), channel(second, loop))
    # What passes through cannot be mended, so there a client must not forget.
    errand = Errand(model=MODEL, stream=stream, forgetful=forgetful and door not in (first, second))
    await run(bench, door, yaml, errand, CALLS)
    assert_failed_over(bench)


@pytest.mark.parametrize("wire", UPSTREAMS)
async def test_conversation_that_is_stored(bench: Bench, wire: str) -> None:
    # A response that its vendor has stored can only be continued there.
    loop = f"parallel-signed-loop-{CALLS}"
    is_native = wire == "openai_responses"
    yaml = config(channel(wire, loop)) if is_native else failing_over(wire, loop)
    await run(bench, "openai_responses", yaml, Errand(model=MODEL, stores=True), CALLS)
    if not is_native:
        assert_failed_over(bench)


RANKERS = """
providers:
  - provider: first
    engine: cohere
    base_url: LAB/503
    api: up
    model: [rerank-v3.5]
  - provider: second
    engine: {engine}
    base_url: LAB/second
    api: up
    model: [rerank-v3.5]
api_keys:
  - api: {key}
    preferences: {{SCHEDULING_ALGORITHM: fixed_priority}}
"""


@pytest.mark.parametrize("engine", ["cohere", "jina", "voyage"])
async def test_coheres_client_ranks_at_anyones(bench: Bench, engine: str) -> None:
    gate = await bench.gateway(RANKERS.format(engine=engine, key=KEY))
    async with httpx.AsyncClient(verify=False) as http:
        for sdk in (
            cohere.AsyncClientV2(api_key=KEY, base_url=gate.url, httpx_client=http),
            cohere.AsyncClient(api_key=KEY, base_url=gate.url, httpx_client=http),
        ):
            ranks = await sdk.rerank(
                model="rerank-v3.5", query="red fish", documents=["a dog", "one red fish"], top_n=2
            )
            assert [row.index for row in ranks.results] == [1, 0]
            assert ranks.results[0].relevance_score > ranks.results[1].relevance_score
    assert bench.places == ["503", "second", "second"]
