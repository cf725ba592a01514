"""Which channel serves a request: cases 1 to 16 of uni-api's behaviour (`uni-api.md` 6.2)."""

from collections import Counter

import pytest

from tests.e2e.harness import KEY, Bench, Gate


def providers(*names: str, model: str = "gpt-a", key: str = "up-key") -> str:
    """One channel per name, whose upstream is the lab's place of that name."""
    lines = ["providers:"]
    for name in names:
        lines.append(f"  - provider: {name}")
        lines.append(f"    base_url: LAB/{name}/v1/chat/completions")
        lines.append(f"    api: {key}")
        lines.append(f"    model: [{model}]")
    return "\n".join(lines) + "\n"


def key(*rules: str, algorithm: str | None = None, api: str = KEY, more: str = "") -> str:
    """One caller's key."""
    lines = [f"  - api: {api}", "    model:", *[f"      - {rule}" for rule in rules]]
    if algorithm or more:
        lines.append("    preferences:")
        if algorithm:
            lines.append(f"      SCHEDULING_ALGORITHM: {algorithm}")
        if more:
            lines.append(f"      {more}")
    return "\n".join(lines) + "\n"


async def places(gate: Gate, count: int, model: str = "gpt-a", api: str = KEY) -> list[str]:
    """Where consecutive requests are answered."""
    replies = [await gate.chat(model, api) for _ in range(count)]
    assert [reply.status for reply in replies] == [200] * count, replies[0].text
    return [reply.place for reply in replies]


async def test_case_1_order_of_rules_decides(bench: Bench) -> None:
    gate = await bench.gateway(providers("p1", "p2") + "api_keys:\n" + key("p2/*", "p1/*"))
    assert await places(gate, 4) == ["p2"] * 4


async def test_case_2_plain_model_goes_to_the_first_channel_and_fails_over(bench: Bench) -> None:
    gate = await bench.gateway(providers("p1", "p2") + "api_keys:\n" + key("gpt-a"))
    assert await places(gate, 3) == ["p1"] * 3
    failing = await bench.gateway(providers("e500", "p2") + "api_keys:\n" + key("gpt-a"))
    bench.lab.clear()
    assert await places(failing, 1) == ["p2"]
    assert bench.places == ["e500", "p2"]


async def test_case_3_round_robin(bench: Bench) -> None:
    gate = await bench.gateway(
        providers("a", "b", "c") + "api_keys:\n" + key("all", algorithm="round_robin")
    )
    assert await places(gate, 5) == ["a", "b", "c", "a", "b"]


async def test_case_4_keys_do_not_disturb_each_others_turns(bench: Bench) -> None:
    gate = await bench.gateway(
        providers("a", "b", "c")
        + "api_keys:\n"
        + key("all", algorithm="round_robin")
        + key("all", algorithm="round_robin", api="sk-other")
    )
    mine = []
    for _ in range(3):
        mine += await places(gate, 1)
        await places(gate, 1, api="sk-other")
    assert mine == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("weights", "sequence"),
    [((2, 1), "abaabaaba"), ((5, 1), "abaaaa"), ((5, 3, 2), "abcabacaba")],
    ids=["case 5", "case 6", "case 7"],
)
async def test_cases_5_to_7_weighted_round_robin(
    bench: Bench, weights: tuple[int, ...], sequence: str
) -> None:
    names = "abc"[: len(weights)]
    rules = [f"{name}/*: {weight}" for name, weight in zip(names, weights, strict=True)]
    gate = await bench.gateway(
        providers(*names) + "api_keys:\n" + key(*rules, algorithm="weighted_round_robin")
    )
    assert "".join(await places(gate, len(sequence))) == sequence


async def test_case_8_unweighted_channel_serves_when_the_weighted_fail(bench: Bench) -> None:
    gate = await bench.gateway(
        providers("e500", "e502", "c")
        + "api_keys:\n"
        + key("e500/*: 2", "e502/*: 1", "c/*", algorithm="weighted_round_robin")
    )
    assert await places(gate, 1) == ["c"]


async def test_case_9_single_weight_is_ignored(bench: Bench) -> None:
    gate = await bench.gateway(
        providers("a", "b") + "api_keys:\n" + key("a/*: 5", "b/*", algorithm="weighted_round_robin")
    )
    assert await places(gate, 4) == ["a", "b", "a", "b"]


async def test_case_10_weights_given_as_a_map(bench: Bench) -> None:
    gate = await bench.gateway(
        providers("a", "b")
        + f"""api_keys:
  - api: {KEY}
    model: [a/*, b/*]
    weights: {{a/gpt-a: 1, b/gpt-a: 3}}
    preferences: {{SCHEDULING_ALGORITHM: weighted_round_robin}}
"""
    )
    assert Counter(await places(gate, 8)) == {"a": 2, "b": 6}


async def test_case_11_lottery(bench: Bench) -> None:
    gate = await bench.gateway(
        providers("a", "b") + "api_keys:\n" + key("a/*: 5", "b/*: 1", algorithm="lottery")
    )
    share = Counter(await places(gate, 300))["a"] / 300
    assert share == pytest.approx(0.83, abs=0.08)


async def test_case_12_random(bench: Bench) -> None:
    gate = await bench.gateway(
        providers("a", "b", "c") + "api_keys:\n" + key("all", algorithm="random")
    )
    counts = Counter(await places(gate, 300))
    assert all(count / 300 == pytest.approx(1 / 3, abs=0.12) for count in counts.values())
    assert len(counts) == 3


async def test_case_13_unknown_algorithm_is_round_robin(bench: Bench) -> None:
    gate = await bench.gateway(
        providers("a", "b") + "api_keys:\n" + key("all", algorithm="fastest_first")
    )
    assert await places(gate, 3) == ["a", "b", "a"]


async def test_case_14_key_as_channel(bench: Bench) -> None:
    gate = await bench.gateway(
        providers("p1", "p2", "p3")
        + "api_keys:\n"
        + key("p1/*", "p2/*", algorithm="random", api="sk-pool")
        + key("sk-pool/*", "p3/*")
    )
    assert set(await places(gate, 30)) == {"p1", "p2"}
    failing = await bench.gateway(
        providers("e500", "e502", "p3")
        + "api_keys:\n"
        + key("e500/*", "e502/*", algorithm="random", api="sk-pool")
        + key("sk-pool/*", "p3/*")
    )
    assert await places(failing, 1) == ["p3"]


async def test_case_15_one_model_of_a_key_as_channel(bench: Bench) -> None:
    gate = await bench.gateway(
        providers("p1", model="gpt-a, gpt-b")
        + "api_keys:\n"
        + key("all", api="sk-pool")
        + key("sk-pool/gpt-a")
    )
    assert await places(gate, 1) == ["p1"]
    assert (await gate.chat("gpt-b")).status == 404


async def test_case_16_keys_that_refer_to_each_other(bench: Bench) -> None:
    gate = await bench.gateway(
        providers("p1")
        + "api_keys:\n"
        + key("sk-loop-b/*", api="sk-loop-a")
        + key("sk-loop-a/*", "p1/*", api="sk-loop-b")
    )
    assert await places(gate, 1, api="sk-loop-b") == ["p1"]
