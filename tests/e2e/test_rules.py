"""What a key may ask for: cases 17 to 28 (`uni-api.md` 6.2)."""

import pytest

from tests.e2e.harness import KEY, Bench

TWO = """
providers:
  - provider: p1
    base_url: LAB/p1/v1/chat/completions
    api: up
    model: [gpt-a, gpt-b, team/gpt-x]
  - provider: p2
    base_url: LAB/p2/v1/chat/completions
    api: up
    model: [gpt-a, team/gpt-x]
"""
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def keys(*entries: str) -> str:
    return "api_keys:\n" + "".join(f"  - {entry}\n" for entry in entries)


async def test_case_17_model_outside_the_rules_is_404_naming_it(bench: Bench) -> None:
    gate = await bench.gateway(TWO + keys(f"{{api: {KEY}, model: [p2/gpt-a]}}"))
    reply = await gate.chat("gpt-b")
    assert reply.status == 404
    assert reply.error == "No available providers at the moment: gpt-b"


async def test_cases_18_and_19_renamed_models(bench: Bench) -> None:
    gate = await bench.gateway(
        f"""
        providers:
          - provider: p1
            base_url: LAB/p1/v1/chat/completions
            api: up
            model: [gpt-up: gpt-alias]
          - provider: p2
            base_url: LAB/p2/v1/chat/completions
            api: up
            model: [both, both: both-alias]
        api_keys:
          - api: {KEY}
        """
    )
    reply = await gate.chat("gpt-alias")
    assert reply.status == 200
    assert bench.last.json["model"] == "gpt-up"
    assert reply.json["model"] == "gpt-alias"
    assert (await gate.chat("gpt-up")).status == 404
    assert await gate.models() == ["gpt-alias", "both", "both-alias"]
    for model in ("both", "both-alias"):
        assert (await gate.chat(model)).status == 200
        assert bench.last.json["model"] == "both"


async def test_cases_20_and_21_models_with_a_slash(bench: Bench) -> None:
    gate = await bench.gateway(
        TWO
        + keys(
            "{api: sk-nested, model: [p2/team/gpt-x]}", '{api: sk-angle, model: ["<team/gpt-x>"]}'
        )
    )
    assert (await gate.chat("team/gpt-x", "sk-nested")).place == "p2"
    assert (await gate.chat("team/gpt-x", "sk-angle")).place == "p1"
    assert await gate.models("sk-nested") == ["team/gpt-x"]
    assert await gate.models("sk-angle") == ["team/gpt-x"]


async def test_case_22_models_that_nobody_offers_are_not_listed(bench: Bench) -> None:
    gate = await bench.gateway(TWO + keys(f"{{api: {KEY}, model: [no-such-model, gpt-a]}}"))
    assert await gate.models() == ["gpt-a"]


@pytest.mark.parametrize("rules", ["", "model: []", "model:"])
async def test_case_23_no_rules_mean_everything(bench: Bench, rules: str) -> None:
    gate = await bench.gateway(TWO + f"api_keys:\n  - api: {KEY}\n    {rules}\n")
    assert await gate.models() == ["gpt-a", "gpt-b", "team/gpt-x"]


async def test_case_24_who_is_admin_sees_the_channel(bench: Bench) -> None:
    single = await bench.gateway(TWO + keys(f"{{api: {KEY}}}"))
    assert (await single.chat("gpt-a")).headers["x-headgate-channel"] == "p1"
    two = await bench.gateway(TWO + keys("{api: sk-a, role: myadmin}", "{api: sk-b, role: user}"))
    assert "x-headgate-channel" in (await two.chat("gpt-a", "sk-a")).headers
    assert "x-headgate-channel" not in (await two.chat("gpt-a", "sk-b")).headers


async def test_case_25_missing_and_unknown_keys_are_401(bench: Bench) -> None:
    gate = await bench.gateway(TWO + keys(f"{{api: {KEY}}}"))
    body = {"model": "gpt-a", "messages": [{"role": "user", "content": "Hi"}]}
    for key in (None, "sk-unknown", f"{KEY}x"):
        reply = await gate.post("/v1/chat/completions", body, key)
        assert reply.status == 401
        assert reply.json["error"]["code"] == "invalid_api_key"
    for header in ("x-api-key", "x-goog-api-key", "api-key"):
        assert (await gate.post("/v1/chat/completions", body, None, {header: KEY})).status == 200
    assert (await gate.get("/v1/models", None)).status == 401


async def test_two_different_keys_are_refused(bench: Bench) -> None:
    gate = await bench.gateway(TWO + keys(f"{{api: {KEY}}}", "{api: sk-b}"))
    body = {"model": "gpt-a", "messages": [{"role": "user", "content": "Hi"}]}
    reply = await gate.post("/v1/chat/completions", body, KEY, {"x-api-key": "sk-b"})
    assert (reply.status, reply.json["error"]["code"]) == (401, "ambiguous_credentials")


async def test_case_26_tools_switched_off(bench: Bench) -> None:
    gate = await bench.gateway(
        TWO.replace("model: [gpt-a, gpt-b", "tools: false\n    model: [gpt-a, gpt-b")
        + keys(f"{{api: {KEY}}}")
    )
    await gate.chat("gpt-a", tools=[TOOL], tool_choice="auto")
    assert not {"tools", "tool_choice"} & set(bench.last.json)


async def test_case_27_images_switched_off(bench: Bench) -> None:
    gate = await bench.gateway(
        TWO.replace("model: [gpt-a, gpt-b", "image: false\n    model: [gpt-a, gpt-b")
        + keys(f"{{api: {KEY}}}")
    )
    text = {"type": "text", "text": "What is this?"}
    await gate.chat("gpt-a", messages=[{"role": "user", "content": [text, IMAGE]}])
    assert bench.last.json["messages"][0]["content"] == [text]


async def test_case_28_prefix_request_takes_the_first_match(bench: Bench) -> None:
    gate = await bench.gateway(TWO + keys(f"{{api: {KEY}}}"))
    await gate.chat("gpt-*")
    assert bench.last.json["model"] == "gpt-a"
    assert (await gate.chat("claude-*")).status == 404


async def test_one_model_by_its_id(bench: Bench) -> None:
    gate = await bench.gateway(TWO + keys(f"{{api: {KEY}}}"))
    assert (await gate.get("/v1/models/team/gpt-x")).json["id"] == "team/gpt-x"
    missing = await gate.get("/v1/models/nothing")
    assert missing.status == 404
    assert "nothing" in missing.error
