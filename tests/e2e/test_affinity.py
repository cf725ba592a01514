"""A conversation goes on at the channel and credential that answered it, as the lab sees it."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from tests.e2e.harness import KEY, Bench, Gate
from tests.e2e.test_reload import reloaded
from tests.e2e.test_responses_socket import ask, dial

OTHER = "sk-test-other-0002"
MESSAGES = [{"role": "user", "content": "Hi"}]
CLAUDE_CODE = {"user_id": '{"device_id":"d","account_uuid":"","session_id":"s-1"}'}
OPENCODE = {"x-session-affinity": "s-1"}


def config(
    *names: str,
    algorithm: str = "round_robin",
    keys: str = "[up-1, up-2]",
    wishes: str = "cooldown_period: 0",
    common: str = "",
) -> str:
    """One channel per name, whose upstream is the lab's place of that name."""
    lines = ["providers:"]
    for name in names:
        lines.append(f"  - provider: {name}")
        lines.append(f"    base_url: LAB/{name}/v1/chat/completions")
        lines.append(f"    api: {keys}")
        lines.append("    model: [gpt-a]")
        lines.append(f"    preferences: {{{wishes}}}")
    lines.append("api_keys:")
    for key in (KEY, OTHER):
        lines.append(f"  - api: {key}")
        lines.append(f"    model: [{', '.join(f'{name}/*' for name in names)}]")
        lines.append(f"    preferences: {{SCHEDULING_ALGORITHM: {algorithm}}}")
    return "\n".join([*lines, common]) + "\n"


async def served(
    gate: Gate, bench: Bench, headers: dict[str, str] | None = None, key: str = KEY, **more: Any
) -> str:
    """Ask for a chat, and tell which place answered which credential."""
    body = {"model": "gpt-a", "messages": MESSAGES} | more
    reply = await gate.post("/v1/chat/completions", body, key, headers)
    assert reply.status == 200, reply.text
    return at(bench)


def at(bench: Bench) -> str:
    return f"{bench.last.place}/{bench.last.headers['authorization'].removeprefix('Bearer ')}"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"x-claude-code-session-id": "s-1"}, {}),
        ({"session-id": "s-1"}, {}),
        ({"Session_id": "s-1"}, {}),
        (OPENCODE, {}),
        ({}, {"prompt_cache_key": "s-1"}),
    ],
    ids=["Claude Code", "Codex", "Codex before", "opencode", "prompt_cache_key"],
)
async def test_session_stays_while_others_take_turns(
    bench: Bench, headers: dict[str, str], body: dict[str, Any]
) -> None:
    gate = await bench.gateway(config("a", "b", "c"))
    mine, others = set(), []
    for _ in range(6):
        mine.add(await served(gate, bench, headers, **body))
        others.append(await served(gate, bench))
    assert mine == {"a/up-1"}
    assert others == ["b/up-1", "c/up-1", "a/up-2", "b/up-2", "c/up-2", "a/up-1"]


@pytest.mark.parametrize(
    "algorithm",
    ["round_robin", "weighted_round_robin", "smart_round_robin", "lottery", "random"],
)
async def test_sessions_stay_under_every_strategy_that_spreads(
    bench: Bench, algorithm: str
) -> None:
    gate = await bench.gateway(config("a", "b", "c", algorithm=algorithm))
    names = [f"s-{number}" for number in range(12)]
    first = [await served(gate, bench, {"session-id": name}) for name in names]
    again = [await served(gate, bench, {"session-id": name}) for name in names[::-1]]
    assert again == first[::-1]
    assert len(set(first)) > 1


async def test_all_dialects_of_a_session_go_to_one_account(bench: Bench) -> None:
    gate = await bench.gateway(config("a", "b", "c"))
    for _ in range(3):
        assert await served(gate, bench, OPENCODE, stream=True) == "a/up-1"
        claude = {"model": "gpt-a", "messages": MESSAGES, "max_tokens": 9, "metadata": CLAUDE_CODE}
        assert (await gate.post("/v1/messages", claude)).status == 200
        assert at(bench) == "a/up-1"
        codex = {"model": "gpt-a", "input": "Hi", "prompt_cache_key": "s-1", "store": False}
        assert (await gate.post("/v1/responses", codex)).status == 200
        assert at(bench) == "a/up-1"
        gemini = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
        path = "/v1beta/models/gpt-a:generateContent"
        assert (await gate.post(path, gemini, headers=OPENCODE)).status == 200
        assert at(bench) == "a/up-1"


async def test_keys_share_no_sessions(bench: Bench) -> None:
    gate = await bench.gateway(config("a", "b", keys="up-1"))
    await served(gate, bench)
    assert await served(gate, bench, OPENCODE) == "b/up-1"
    assert await served(gate, bench, OPENCODE, key=OTHER) == "a/up-1"
    assert await served(gate, bench, OPENCODE) == "b/up-1"
    assert await served(gate, bench, OPENCODE, key=OTHER) == "a/up-1"


async def test_session_stays_with_whoever_answered_after_a_failure(bench: Bench) -> None:
    gate = await bench.gateway(config("503", "b", "c"))
    assert (await served(gate, bench, OPENCODE))[0] == "b"
    bench.lab.clear()
    assert len({await served(gate, bench, OPENCODE) for _ in range(4)}) == 1
    assert bench.places == ["b"] * 4  # nobody asked the channel that fails


async def test_session_leaves_a_key_at_its_limit_and_no_key_is_used_beyond(bench: Bench) -> None:
    gate = await bench.gateway(config("a", wishes="api_key_rate_limit: 2/min"))
    keys = [await served(gate, bench, OPENCODE) for _ in range(4)]
    assert keys == ["a/up-1", "a/up-1", "a/up-2", "a/up-2"]
    body = {"model": "gpt-a", "messages": MESSAGES}
    assert (await gate.post("/v1/chat/completions", body, headers=OPENCODE)).status == 429


async def test_session_leaves_a_key_that_is_refused(bench: Bench) -> None:
    gate = await bench.gateway(
        config("cool", keys="[bad-1, up-2, up-3]", wishes="api_key_cooldown_period: 60")
    )
    assert [await served(gate, bench, OPENCODE) for _ in range(3)] == ["cool/up-2"] * 3
    assert await served(gate, bench) == "cool/up-3"


async def test_fixed_priority_stays_and_its_credentials_stick(bench: Bench) -> None:
    gate = await bench.gateway(config("a", "b", algorithm="fixed_priority"))
    mine, others = set(), set()
    for _ in range(4):
        mine.add(await served(gate, bench, OPENCODE))
        others.add(await served(gate, bench))
    assert (mine, others) == ({"a/up-1"}, {"a/up-2", "a/up-1"})


async def test_off_means_that_every_request_takes_its_turn(bench: Bench) -> None:
    off = "preferences: {session_affinity: false}"
    gate = await bench.gateway(config("a", "b", keys="up-1", common=off))
    places = [await served(gate, bench, OPENCODE) for _ in range(4)]
    assert places == ["a/up-1", "b/up-1"] * 2


async def test_sessions_outlive_a_reload(bench: Bench) -> None:
    gate = await bench.gateway(config("a", "b", "c"))
    await served(gate, bench)
    assert await served(gate, bench, OPENCODE) == "b/up-1"
    await reloaded(bench, gate, config("c", "b"))
    assert [await served(gate, bench, OPENCODE) for _ in range(3)] == ["b/up-1"] * 3


async def test_connection_is_a_conversation(bench: Bench) -> None:
    gate = await bench.gateway(config("a", "b", "c"))
    await served(gate, bench)
    async with await dial(gate) as socket, await dial(gate) as beside:
        for _ in range(4):
            await ask(socket, model="gpt-a", input="Hi", store=False)
            assert at(bench) == "b/up-1"
            await ask(beside, model="gpt-a", input="Hi", store=False)
            assert at(bench) == "c/up-1"
            await served(gate, bench)


async def test_session_goes_on_over_connections_that_name_it(bench: Bench) -> None:
    gate = await bench.gateway(config("a", "b", "c"))
    for _ in range(3):
        async with await dial(gate) as socket:
            await ask(socket, model="gpt-a", input="Hi", prompt_cache_key="s-1", store=False)
            assert at(bench) == "a/up-1"
            await served(gate, bench)


async def test_owner_of_a_file_wins_over_the_session(bench: Bench) -> None:
    gate = await bench.gateway(config("a", "b"))
    await served(gate, bench)
    assert (await served(gate, bench, OPENCODE))[0] == "b"
    async with openai.AsyncOpenAI(base_url=f"{gate.url}/v1", api_key=KEY, max_retries=0) as sdk:
        made = await sdk.files.create(file=("a.pdf", b"%PDF-1.7"), purpose="user_data")
    owner = at(bench)
    assert owner[0] == "a"
    part = {"type": "file", "file": {"file_id": made.id}}
    asked = [{"role": "user", "content": [part]}]
    assert await served(gate, bench, OPENCODE, messages=asked) == owner
    assert await served(gate, bench, OPENCODE) == owner  # now its prompt is cached there
