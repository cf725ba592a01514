"""Time bounds, heart-beats, overrides, headers: cases 67 to 76 (`uni-api.md` 6.2)."""

import time
from typing import Any

import pytest

from tests.e2e.harness import KEY, Bench


def config(place: str, preferences: str, *, models: str = "[gpt-m]", everyone: str = "") -> str:
    """One channel with preferences."""
    return f"""
        providers:
          - provider: one
            base_url: LAB/{place}/v1/chat/completions
            api: up
            model: {models}
            preferences: {{{preferences}}}
        api_keys:
          - api: {KEY}
        preferences: {{cooldown_period: 0{everyone}}}
        """


async def test_case_67_heartbeats_until_the_first_byte(bench: Bench) -> None:
    gate = await bench.gateway(config("slow1", "keepalive_interval: {gpt-m: 0.4}"))
    reply = await gate.chat("gpt-m", stream=True)
    assert reply.status == 200
    assert reply.text.startswith(": keepalive\n\n: keepalive\n\n")
    assert reply.place == "slow1"
    assert reply.events[-1] == "[DONE]"


async def test_case_67_failure_after_a_heartbeat_is_an_error_event(bench: Bench) -> None:
    text = config("slow3", "keepalive_interval: {default: 0.4}, model_timeout: {default: 1}")
    gate = await bench.gateway(text)
    reply = await gate.chat("gpt-m", stream=True)
    assert reply.status == 200
    assert reply.text.startswith(": keepalive\n\n")
    assert "Request timed out after 1 seconds" in reply.events[-1]["error"]["message"]


async def test_case_68_no_heartbeat_beyond_the_timeout_or_without_a_stream(bench: Bench) -> None:
    longer = "keepalive_interval: {default: 0.9}, model_timeout: {default: 0.8}"
    gate = await bench.gateway(config("slow0.5", longer))
    assert ": keepalive" not in (await gate.chat("gpt-m", stream=True)).text
    whole = await bench.gateway(config("slow0.5", "keepalive_interval: {default: 0.2}"))
    reply = await whole.chat("gpt-m")
    assert reply.headers["content-type"] == "application/json"
    assert reply.place == "slow0.5"


async def test_case_69_a_part_of_the_name_finds_the_global_timeout(bench: Bench) -> None:
    everyone = ", model_timeout: {gpt-4: 1, default: 60}"
    gate = await bench.gateway(
        config("slow1.5", "", models="[gpt-4-turbo-x, gpt-3]", everyone=everyone)
    )
    reply = await gate.chat("gpt-4-turbo-x")
    assert reply.status == 504
    assert "Request timed out after 1 seconds" in reply.error
    assert (await gate.chat("gpt-3")).status == 200


async def test_case_70_overrides(bench: Bench) -> None:
    overrides = (
        "post_body_parameter_overrides: {temperature: 0.5, metadata: {src: gw}, "
        "__remove__: [user], gpt-alias: {top_p: 0.1, __remove__: metadata}}"
    )
    gate = await bench.gateway(config("ok1", overrides, models="[gpt-m, {gpt-m: gpt-alias}]"))
    await gate.chat("gpt-m", user="me", temperature=1, metadata={"team": "x"})
    body = bench.last.json
    assert body["temperature"] == 0.5
    assert body["metadata"] == {"team": "x", "src": "gw"}
    assert not {"user", "gpt-alias", "__remove__", "top_p"} & set(body)
    await gate.chat("gpt-alias", user="me")
    body = bench.last.json
    assert body["top_p"] == 0.1
    assert not {"user", "metadata", "gpt-alias"} & set(body)


async def test_case_71_structured_removal(bench: Bench) -> None:
    removal = (
        "post_body_parameter_overrides: {__remove__: "
        "[{path: tools, where_any: [{type: web_search}], drop_empty: true}]}"
    )
    gate = await bench.gateway(config("ok1", removal))
    function = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    await gate.chat("gpt-m", tools=[{"type": "web_search"}, function])
    assert bench.last.json["tools"] == [function]
    await gate.chat("gpt-m", tools=[{"type": "web_search"}])
    assert "tools" not in bench.last.json


async def test_case_72_headers(bench: Bench) -> None:
    headers = "headers: {X-T: v1, X-Foo: fixed}, passthrough_request_headers: [X-Foo]"
    gate = await bench.gateway(config("ok1", headers))
    body = {"model": "gpt-m", "messages": [{"role": "user", "content": "Hi"}]}
    await gate.post("/v1/chat/completions", body, headers={"X-Foo": "mine"})
    assert (bench.last.headers["x-t"], bench.last.headers["x-foo"]) == ("v1", "mine")
    await gate.post("/v1/chat/completions", body)
    assert bench.last.headers["x-foo"] == "fixed"


@pytest.mark.parametrize("level", ["channel", "preferences"])
async def test_case_73_bodies_too_large_for_a_channel(bench: Bench, level: str) -> None:
    text = config("ok1", "max_request_body_bytes: 1KB" if level == "preferences" else "")
    if level == "channel":
        text = text.replace("api: up\n", "api: up\n            max_request_body_bytes: 1KB\n")
    gate = await bench.gateway(text)
    assert (await gate.chat("gpt-m")).status == 200
    reply = await gate.chat("gpt-m", user="x" * 1000)
    assert reply.status == 413
    assert reply.error == ("The request body is too large for all available providers: gpt-m")


async def test_case_74_excluded_endpoints(bench: Bench) -> None:
    gate = await bench.gateway(config("ok1", "exclude_endpoints: [v1/chat/completions/]"))
    assert (await gate.chat("gpt-m")).status == 404
    embedding = await gate.post("/v1/embeddings", {"model": "gpt-m", "input": "Hi"})
    assert embedding.status == 200


async def test_case_75_only_some_types_of_requests(bench: Bench) -> None:
    gate = await bench.gateway(config("ok1", "only_request_types: [compaction]"))
    assert (await gate.chat("gpt-m")).status == 404
    assert (await gate.chat("gpt-m", input=[{"type": "compaction_trigger"}])).status == 200


async def test_case_76_excluded_requests(bench: Bench) -> None:
    rules = (
        "exclude_request_rules: [{match: {endpoint: /v1/chat/completions, "
        "request_model: gpt-m, reasoning_effort: [high]}}]"
    )
    gate = await bench.gateway(config("ok1", rules))
    assert (await gate.chat("gpt-m", reasoning_effort="high")).status == 404
    assert (await gate.chat("gpt-m", reasoning_effort="low")).status == 200


SEEN = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def bare(place: str, preferences: str = "cooldown_period: 0") -> str:
    """One channel that takes neither tools nor images."""
    text = config(place, preferences, models="[gpt-5]")
    return text.replace(
        "api: up\n", "api: up\n            tools: false\n            image: false\n"
    )


async def test_what_a_channel_leaves_out_is_named(bench: Bench) -> None:
    gate = await bench.gateway(bare("ok1"))
    messages = [{"role": "user", "content": [{"type": "text", "text": "Hi"}, SEEN]}]
    asked: dict[str, Any] = {"messages": messages, "tools": [TOOL], "temperature": 0.3}
    reply = await gate.chat("gpt-5", **asked)
    assert reply.headers["x-headgate-loss"] == "temperature, tools, messages[0].content[1]"
    assert bench.last.json["messages"][0]["content"] == messages[0]["content"][:1]
    assert not bench.last.json.keys() & {"tools", "temperature"}
    claude = [{"role": "user", "content": [{"type": "tool_result", "content": [PICTURE]}]}]
    message = {"model": "gpt-5", "max_tokens": 9, "messages": claude, "temperature": 0.3}
    reply = await gate.post("/v1/messages", message)
    assert reply.status == 400  # a result of no call
    plain = [{"role": "user", "content": [{"type": "text", "text": "Hi"}, PICTURE]}]
    reply = await gate.post("/v1/messages", message | {"messages": plain})
    assert set(reply.headers["x-headgate-loss"].split(", ")) == {"temperature", "images"}
    assert b"AAAA" not in bench.last.body


PICTURE = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"},
}


async def test_what_a_channel_leaves_out_may_be_refused(bench: Bench) -> None:
    gate = await bench.gateway(bare("ok1", "on_loss: refuse"))
    assert (await gate.chat("gpt-5")).status == 200
    reply = await gate.chat("gpt-5", tools=[TOOL])
    assert reply.status == 400
    assert "channel one cannot carry: tools (on_loss: refuse)" in reply.error
    assert len(bench.places) == 1


async def test_embeddings_may_be_refused_for_a_loss_too(bench: Bench) -> None:
    text = config("ok1", "on_loss: refuse").replace("v1/chat/completions", "v1beta")
    gate = await bench.gateway(text)
    asked = {"model": "gpt-m", "input": "Hi"}
    assert (await gate.post("/v1/embeddings", asked)).status == 200
    reply = await gate.post("/v1/embeddings", asked | {"user": "u"})
    assert (reply.status, "cannot carry: user" in reply.error) == (400, True)


async def test_unknown_fields_reach_the_upstream_byte_for_byte(bench: Bench) -> None:
    gate = await bench.gateway(config("ok1", ""))
    odd = b'"odd": {"b":1.50, "a" : [1e3,"\\u00e9"],"big":123456789012345678901}'
    body = b'{"model":"gpt-m","messages":[{"role":"user","content":"Hi"}],' + odd + b"}"
    assert (await gate.post("/v1/chat/completions", body)).status == 200
    assert odd.split(b": ", 1)[1] in bench.last.body


@pytest.mark.parametrize("place", ["drip-bytes-300", "hang"])
async def test_a_whole_attempt_is_bounded_by_the_time_of_the_request(
    bench: Bench, place: str
) -> None:
    """A body that trickles keeps every other bound: each byte comes in time."""
    gate = await bench.gateway(config(place, "", everyone=", request_timeout: 1"))
    began_s = time.monotonic()
    reply = await gate.chat("gpt-m")
    assert reply.status == 504
    assert "Request timed out after 1 seconds" in reply.error
    assert time.monotonic() - began_s < 3
