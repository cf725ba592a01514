"""The example files 06 to 10, statement by statement of their headers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.e2e.examples import (
    example,
    here,
    places,
    proxy_to_lab,
    says,
    statuses,
    vendors_at_lab,
)
from tests.e2e.harness import Bench, Gate, Reply

pytestmark = here

FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
WAITS = "comes with a later release of headgate"

# 06: time bounds and heart-beats. The upstream needs 1.5 s in place of 3 s, to keep this short.

TIMED = "sk-t-admin"
QUICKER = (("LAB/slow3/", "LAB/slow1.5/"), ("LAB/slow2/", "LAB/slow1.5/"))


async def test_06_an_upstream_that_is_too_slow_is_504(bench: Bench) -> None:
    gate = await bench.gateway(example("06", *QUICKER))
    says(await gate.chat("gpt-slow-1s", TIMED), 504, "Request timed out after 1 seconds")


async def test_06_a_renamed_model_has_the_bound_of_its_upstream_name(bench: Bench) -> None:
    gate = await bench.gateway(example("06", *QUICKER, ("gpt-upstream-x: 4", "gpt-upstream-x: 1")))
    says(await gate.chat("pretty", TIMED), 504, "Request timed out after 1 seconds")


async def test_06_heartbeats_come_before_the_data_of_a_stream(bench: Bench) -> None:
    gate = await bench.gateway(example("06", *QUICKER))
    reply = await gate.chat("gpt-ka", TIMED, stream=True)
    assert reply.status == 200
    assert reply.text.startswith(": keepalive\n\ndata: ")
    assert reply.events[-1] == "[DONE]"


async def test_06_after_a_heartbeat_a_failure_is_an_event(bench: Bench) -> None:
    gate = await bench.gateway(example("06", *QUICKER, ("gpt-slow-1s: 1", "gpt-ka: 1.2")))
    reply = await gate.chat("gpt-ka", TIMED, stream=True)
    assert reply.status == 200
    assert reply.text.startswith(": keepalive\n\n")
    assert "timed out" in reply.events[-1]["error"]["message"]
    assert "[DONE]" not in reply.text


async def test_06_without_a_stream_there_are_no_heartbeats(bench: Bench) -> None:
    gate = await bench.gateway(example("06", *QUICKER))
    reply = await gate.chat("gpt-ka", TIMED)
    assert reply.json["object"] == "chat.completion"


async def test_06_an_interval_beyond_the_timeout_is_ignored(bench: Bench) -> None:
    shorter = (("{default: 5}", "{default: 2}"), ("{default: 25}", "{default: 2.1}"))
    gate = await bench.gateway(example("06", *QUICKER, *shorter))
    reply = await gate.chat("gpt-ka-toolong", TIMED, stream=True)
    assert reply.text.startswith("data: ")


async def test_06_a_key_of_the_table_may_be_a_part_of_the_name(bench: Bench) -> None:
    gate = await bench.gateway(
        example("06", ("LAB/sub/", "LAB/slow1.5/"), ("gpt-4: 7", "gpt-4: 1"))
    )
    says(await gate.chat("gpt-4-turbo-x", TIMED), 504, "Request timed out after 1 seconds")


@pytest.mark.parametrize("level", ["everyone", "provider"])
async def test_06_a_number_may_stand_for_the_table(bench: Bench, level: str) -> None:
    short = {
        "everyone": ("model_timeout:\n    gpt-4: 7\n    default: 60", "model_timeout: 1"),
        "provider": ("model_timeout: {default: 5}", "model_timeout: 1"),
    }
    gate = await bench.gateway(example("06", *QUICKER, short[level]))
    model = {"everyone": "gpt-ka", "provider": "gpt-ka-toolong"}[level]
    says(await gate.chat(model, TIMED), 504, "Request timed out after 1 seconds")


async def test_06_a_rule_of_the_policy_that_fits_lifts_the_models_bound(bench: Bench) -> None:
    broad = ("match: {stream: false, endpoint: /v1/images/*}", "match: {stream: false}")
    gate = await bench.gateway(example("06", *QUICKER, broad))
    assert (await gate.chat("gpt-slow-1s", TIMED)).status == 200


async def test_06_the_rule_with_the_most_conditions_counts(bench: Bench) -> None:
    upstream = ("LAB/policy/v1/responses", "LAB/slow1.5/v1/chat/completions")
    rules = (
        ("endpoint: /v1/responses,", "endpoint: /v1/chat/completions,"),
        ("timeout: 45", "timeout: 1"),
    )
    gate = await bench.gateway(example("06", upstream, *rules))
    reply = await gate.chat("gpt-5-policy", TIMED, stream=True)
    says(reply, 504, "Request timed out after 1 seconds")


@pytest.mark.parametrize(
    ("path", "stream"),
    [
        ("/v1/chat/completions", False),
        ("/v1/responses", False),
        ("/v1/responses", True),
        ("/v1/messages", False),
    ],
)
async def test_06_the_responses_upstream_is_asked(bench: Bench, path: str, stream: bool) -> None:
    said: list[str] = []
    gate = await bench.gateway(example("06"), warn=said.append)
    assert not any(WAITS in line for line in said), said
    body = {"model": "gpt-5-policy", "max_tokens": 50, "stream": stream}
    words = [{"role": "user", "content": "Hi"}]
    words_at = {"input": words} if path == "/v1/responses" else {"messages": words}
    reply = await gate.post(path, body | words_at, TIMED)
    assert reply.status == 200
    assert "policy: Hello from the lab." in reply.text or stream
    assert bench.last.path == "/policy/v1/responses"


async def test_06_a_rule_for_compactions_holds_on_the_path_of_responses(bench: Bench) -> None:
    """The rule gives 180 s; here 1 s, so that one sees which requests it holds for."""
    slow = ("LAB/policy/v1/responses", "LAB/slow1.5/v1/responses")
    short = ("timeout: {first_byte: 180}", "timeout: {first_byte: 1}")
    # The rule for this model has more conditions, and would win.
    others = ("engine: gpt, role: admin}", "engine: gpt, role: nobody}")
    gate = await bench.gateway(example("06", slow, short, others))
    body = {"model": "gpt-5-policy", "input": [{"role": "user", "content": "Hi"}]}
    assert (await gate.post("/v1/responses", body, TIMED)).status == 200
    late = await gate.post("/v1/responses/compact", body, TIMED)
    says(late, 504, "Request timed out after 1 seconds")


# 07: the shape of upstream requests.

SHAPED = "sk-o-admin"
SHAPED_HOSTS = (
    ("https://api.anthropic.com", "LAB/ant"),
    ("https://generativelanguage.googleapis.com", "LAB/gem"),
)


async def shaped(bench: Bench, model: str, **more: Any) -> Any:
    """Ask for a model of the file 07; give the body that reached the upstream."""
    gate = await bench.gateway(example("07", *SHAPED_HOSTS))
    reply = await gate.chat(model, SHAPED, **more)
    assert reply.status == 200, reply.text
    return bench.last.json


async def test_07_overrides_are_merged_then_removed(bench: Bench) -> None:
    body = await shaped(bench, "gpt-ov", user="me", temperature=1, metadata={"team": "x"})
    assert (body["temperature"], body["metadata"]) == (0.5, {"team": "x", "src": "gw"})
    assert not {"user", "top_p", "gpt-ov-alias", "__remove__"} & set(body)


async def test_07_the_requested_models_block_comes_on_top(bench: Bench) -> None:
    body = await shaped(bench, "gpt-ov-alias", user="me", metadata={"team": "x"})
    assert (body["model"], body["temperature"], body["top_p"]) == ("gpt-ov", 0.5, 0.1)
    assert not {"user", "metadata", "gpt-ov-alias", "__remove__"} & set(body)


@pytest.mark.parametrize(
    ("tools", "left"),
    [([{"type": "web_search"}, FUNCTION], [FUNCTION]), ([{"type": "web_search"}], None)],
)
async def test_07_items_of_lists_are_removed_and_an_empty_list_too(
    bench: Bench, tools: list[Any], left: list[Any] | None
) -> None:
    assert (await shaped(bench, "gpt-ovpath", tools=tools)).get("tools") == left


async def test_07_an_override_of_stream_forces_the_upstream_call(bench: Bench) -> None:
    gate = await bench.gateway(example("07"))
    reply = await gate.chat("gpt-st", SHAPED, stream=True)
    assert reply.place == "st"
    assert reply.events[-1] == "[DONE]"
    assert bench.last.json.get("stream") in (None, False)


@pytest.mark.parametrize(("sent", "received"), [("mine", "mine"), (None, "fixed")])
async def test_07_headers_are_fixed_or_passed_through(
    bench: Bench, sent: str | None, received: str
) -> None:
    gate = await bench.gateway(example("07"))
    body = {"model": "gpt-hd", "messages": [{"role": "user", "content": "Hi"}]}
    headers = {} if sent is None else {"X-Foo": sent}
    assert (await gate.post("/v1/chat/completions", body, SHAPED, headers)).status == 200
    assert bench.last.headers["x-team"] == "blue"
    assert bench.last.headers["x-foo"] == received


async def test_07_a_proxy_that_is_not_there_is_a_clear_error_without_its_password(
    bench: Bench,
) -> None:
    gate = await bench.gateway(example("07", ("127.0.0.1:1080", "127.0.0.1:1")))
    reply = await gate.chat("gpt-px", SHAPED)
    says(reply, 503, "All gpt-px error: ")
    assert "pass" not in reply.text


async def test_07_a_providers_proxy_wins_and_direct_opts_out(bench: Bench) -> None:
    nowhere = ("# proxy: http://127.0.0.1:3128", "proxy: http://127.0.0.1:1")
    direct = ("headers: {X-Team", "proxy: direct\n      headers: {X-Team")
    async with proxy_to_lab() as proxy:
        own = ("socks5://user:pass@127.0.0.1:1080", proxy)
        text = example("07", nowhere, direct, own)
        text = vendors_at_lab(text, bench)
        gate = await bench.gateway(text)
        assert await statuses(gate, 1, "gpt-px", SHAPED) == [200]
        assert await statuses(gate, 1, "gpt-hd", SHAPED) == [200]
        assert await statuses(gate, 1, "gpt-st", SHAPED) == [503]
        await gate.running.close()  # before its proxy


@pytest.mark.parametrize(
    ("suffix", "thinking"),
    [
        ("", None),
        ("-think", {"type": "enabled", "budget_tokens": 4096}),
        ("-think-2048", {"type": "enabled", "budget_tokens": 2048}),
    ],
)
async def test_07_suffixes_make_claude_think(
    bench: Bench, suffix: str, thinking: dict[str, Any] | None
) -> None:
    body = await shaped(
        bench, f"claude-3-7-sonnet{suffix}", max_tokens=8000, temperature=0.2, top_p=0.5
    )
    assert body["model"] == "claude-3-7-sonnet-20250219"
    assert body.get("thinking") == thinking
    if thinking:
        assert body["temperature"] == 1
        assert not {"top_p", "top_k"} & set(body)
    else:
        assert body["temperature"] == 0.2


@pytest.mark.parametrize(
    ("model", "budget", "tools"),
    [
        ("gemini-2.5-flash", None, None),
        ("gemini-2.5-flash-think-24576-search", 24576, [{"google_search": {}}]),
        ("gemini-2.5-flash-think-0", 0, None),
        ("gemini-2.5-pro-search", None, [{"google_search": {}}, {"url_context": {}}]),
    ],
)
async def test_07_suffixes_and_overrides_make_gemini_think_and_search(
    bench: Bench, model: str, budget: int | None, tools: list[Any] | None
) -> None:
    body = await shaped(bench, model)
    config = body.get("generationConfig", {}).get("thinkingConfig", {})
    assert config.get("thinkingBudget") == budget
    assert body.get("tools") == tools


@pytest.mark.parametrize(
    ("alias", "model", "effort"),
    [
        ("gpt-5-high", "gpt-5", "high"),
        ("gpt-oss-120b-low", "gpt-oss-120b", "low"),
        ("grok-3-mini-high", "grok-3-mini", "high"),
    ],
)
async def test_07_suffixes_set_the_reasoning_effort(
    bench: Bench, alias: str, model: str, effort: str
) -> None:
    body = await shaped(bench, alias)
    assert (body["model"], body["reasoning_effort"]) == (model, effort)


# 08: one provider per dialect.

DIALECTS = "sk-d-admin"


@asynccontextmanager
async def everything_at_lab(bench: Bench, *changes: tuple[str, str]) -> AsyncIterator[Gate]:
    """Serve file 08 so that each vendor's host, whatever its name, is the lab."""
    async with proxy_to_lab() as proxy:
        text = vendors_at_lab(example("08", *changes), bench)
        gate = await bench.gateway(f"{text}\npreferences: {{proxy: '{proxy}'}}\n")
        yield gate
        await gate.running.close()  # before its proxy


async def test_08_the_file_starts_without_any_network(bench: Bench) -> None:
    said: list[str] = []
    gate = await bench.gateway(example("08"), warn=said.append)
    assert len([line for line in said if WAITS in line]) == 5
    models = await gate.models(DIALECTS)
    assert {"gpt-4o", "az-gpt-4o", "search", "o4-mini", "text-embedding-3-large"} <= set(models)


@pytest.mark.parametrize(
    ("model", "host", "path", "header", "value"),
    [
        ("gpt-4o", "api.openai.com", "/v1/chat/completions", "authorization", "Bearer up-oai"),
        (
            "qwen/qwen3-32b",
            "api.example-router.test",
            "/v1/chat/completions",
            "authorization",
            "Bearer up-router",
        ),
        ("claude-sonnet-4-5", "api.anthropic.com", "/v1/messages", "x-api-key", "up-claude"),
        (
            "gemini-2.5-pro",
            "generativelanguage.googleapis.com",
            "/v1beta/models/gemini-2.5-pro:generateContent",
            "x-goog-api-key",
            "up-gem-1",
        ),
        (
            "gemini-2.5-flash",
            "generativelanguage.googleapis.com",
            "/v1beta/openai/chat/completions",
            "authorization",
            "Bearer up-gem-3",
        ),
        (
            "az-gpt-4o",
            "demo-endpoint.openai.azure.com",
            "/openai/deployments/gpt-4o/chat/completions",
            "api-key",
            "up-az",
        ),
        (
            "az-deepseek-r1",
            "demo.services.ai.azure.com",
            "/models/chat/completions",
            "api-key",
            "up-azm",
        ),
        (
            "dbx-claude-sonnet-4",
            "demo.azuredatabricks.net",
            "/serving-endpoints/databricks-claude-sonnet-4/invocations",
            "authorization",
            "Basic dG9rZW46dXAtZGJ4",
        ),
        (
            "command-r-plus",
            "api.cohere.com",
            "/compatibility/v1/chat/completions",
            "authorization",
            "Bearer up-co",
        ),
        (
            "o4-mini",
            "models.inference.ai.azure.com",
            "/chat/completions",
            "authorization",
            "Bearer up-gh",
        ),
        (
            "resp-gpt-5",
            "api.example-resp.test",
            "/v1/responses",
            "authorization",
            "Bearer up-resp",
        ),
        (
            "forced-gemini",
            "my-gemini-proxy.example.test",
            "/some/v1beta/models/gemini-2.5-pro:generateContent",
            "host",
            "",
        ),
    ],
)
async def test_08_each_dialect_is_asked_where_it_listens(
    bench: Bench, model: str, host: str, path: str, header: str, value: str
) -> None:
    async with everything_at_lab(bench) as gate:
        reply = await gate.chat(model, DIALECTS)
    assert bench.last.headers["host"] == f"{host}:{bench.lab.port}"
    assert bench.last.path == path
    assert value in bench.last.headers[header]
    if "databricks" not in path:  # a path that the lab does not know
        assert reply.content.endswith(": Hello from the lab.")


@pytest.mark.parametrize("stream", [False, True])
async def test_08_bedrock_is_asked_with_a_signature_for_its_region(
    bench: Bench, stream: bool
) -> None:
    # The lab's own key; written plainly, "LAB" would become its address.
    known = (("AKIAINVENTED", r'"AKIAL\u0041B"'), ("invented/secret", "lab-secret"))
    async with everything_at_lab(bench, *known) as gate:
        reply = await gate.chat("aws-claude-sonnet-4-5", DIALECTS, stream=stream)
    assert reply.status == 200
    if stream:
        said = "".join(
            event["choices"][0]["delta"].get("content", "") for event in reply.events[:-1]
        )
        assert reply.events[-1] == "[DONE]"
    else:
        said = reply.content
    assert said.endswith("Hello from the lab.")
    assert bench.last.headers["host"] == f"bedrock-runtime.us-east-1.amazonaws.com:{bench.lab.port}"
    model = "anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert bench.last.path == f"/model/{model}/converse{'-stream' if stream else ''}"
    key = "AWS4-HMAC-SHA256 Credential=AKIALAB/"
    assert bench.last.headers["authorization"].startswith(key)
    assert "/us-east-1/bedrock/aws4_request" in bench.last.headers["authorization"]


async def test_08_a_key_that_aws_does_not_know_is_the_channels_trouble(bench: Bench) -> None:
    async with everything_at_lab(bench) as gate:
        reply = await gate.chat("aws-claude-sonnet-4-5", DIALECTS)
    says(reply, 403, "The security token included in the request is invalid.")


@pytest.mark.parametrize(
    ("model", "host"),
    [
        ("text-embedding-3-small", "api.openai.com"),
        ("gemini-embedding-001", "generativelanguage.googleapis.com"),
        ("jina-embeddings-v3", "api.jina.ai"),
    ],
)
async def test_08_embeddings_are_asked_beside_the_chat(bench: Bench, model: str, host: str) -> None:
    async with everything_at_lab(bench) as gate:
        reply = await gate.post("/v1/embeddings", {"model": model, "input": "Hi"}, DIALECTS)
    assert reply.status == 200
    assert reply.json["data"][0]["embedding"]
    assert bench.last.headers["host"] == f"{host}:{bench.lab.port}"


async def test_08_moderations_are_asked_beside_the_chat(bench: Bench) -> None:
    async with everything_at_lab(bench) as gate:
        body = {"model": "omni-moderation-latest", "input": "FLAGME"}
        reply = await gate.post("/v1/moderations", body, DIALECTS)
    assert reply.json["results"][0]["flagged"]
    assert bench.last.path == "/v1/moderations"


@pytest.mark.parametrize("status", [400, 413])
async def test_08_github_models_says_400_for_its_own_troubles(bench: Bench, status: int) -> None:
    troubled = (
        "models.inference.ai.azure.com/chat",
        f"models.inference.ai.azure.com/e{status}/chat",
    )
    rules = (
        "  - api: sk-d-search",
        "  - {api: sk-gh, model: [ghm/*, oai/*]}\n  - api: sk-d-search",
    )
    async with everything_at_lab(bench, troubled, rules) as gate:
        reply = await gate.chat("gpt-4o", "sk-gh")
    assert reply.status == 200
    assert [r.headers["host"].partition(":")[0] for r in bench.lab.requests] == [
        "models.inference.ai.azure.com",
        "api.openai.com",
    ]


@pytest.mark.parametrize(
    ("model", "missing"),
    [
        ("v-gemini-2.5-flash", "Google Vertex AI"),
        ("v-claude-sonnet-4-5", "Google Vertex AI"),
        ("gemini-3-pro-preview", "Google Vertex AI"),
        ("vx-gemini-2.5-pro", "Google Vertex AI"),
        ("doubao-seed-translation", "Doubao's translation API"),
        ("gpt-5.2-codex", "the ChatGPT Codex backend"),
    ],
)
async def test_08_what_waits_says_so(bench: Bench, model: str, missing: str) -> None:
    gate = await bench.gateway(example("08"))
    says(await gate.chat(model, DIALECTS), 404, f"{missing} {WAITS}")


SEARCHER = "sk-d-search"


@pytest.mark.parametrize("path", ["/v1/search", "/search"])
async def test_08_a_search_goes_to_jina_first(bench: Bench, path: str) -> None:
    async with everything_at_lab(bench) as gate:
        reply = await gate.get(f"{path}?q=green+tea&num=2&topic=news", SEARCHER)
    assert reply.status == 200
    assert (reply.json["code"], reply.json["status"]) == (200, 20000)
    assert reply.json["data"][0]["title"] == "lab: green tea 0"
    assert reply.headers["x-headgate-loss"] == "topic"  # a word of Tavily's
    assert bench.last.headers["host"] == f"s.jina.ai:{bench.lab.port}"
    assert bench.last.path == "/"
    assert bench.last.json == {"q": "green tea", "num": 2}
    assert bench.last.headers["accept"] == "application/json"
    assert bench.last.headers["authorization"] == "Bearer up-jina-1"


async def test_08_a_search_that_jina_cannot_do_goes_to_tavily(bench: Bench) -> None:
    asleep = (
        "api: [up-jina-1, up-jina-2]",
        "api: [up-jina-1]\n    exclude_endpoints: [/v1/search]",
    )
    async with everything_at_lab(bench, asleep) as gate:
        reply = await gate.post("/v1/search", {"query": "green tea"}, SEARCHER)
    page = reply.json["data"][0]
    assert (page["description"], page["score"]) == ("All that the lab knows about green tea.", 0.99)
    assert bench.last.headers["host"] == f"api.tavily.com:{bench.lab.port}"
    assert bench.last.path == "/search"
    assert bench.last.json == {
        "query": "green tea",
        "topic": "general",
        "search_depth": "basic",
        "chunks_per_source": 3,
        "max_results": 7,
    }


async def test_08_a_search_fails_over_and_needs_a_question(bench: Bench) -> None:
    jina = "https://api.jina.ai/v1/chat/completions"
    failing = (jina, "LAB/e500/v1/chat/completions\n    engine: jina")
    async with everything_at_lab(bench, failing) as gate:
        reply = await gate.get("/v1/search?q=tea", SEARCHER)
        assert reply.json["meta"]["query"] == "tea"
        assert [request.path for request in bench.lab.requests][-2:] == [
            "/e500/v1/search",
            "/search",
        ]
        says(await gate.get("/v1/search", SEARCHER), 400, "`q` must be a text")
        says(await gate.chat("search", SEARCHER), 404, "can do chat")
        says(await gate.get("/v1/search?q=tea&model=gpt-4o", SEARCHER), 404, "gpt-4o")


async def test_08_images_speech_and_transcripts_are_asked_beside_the_chat(bench: Bench) -> None:
    async with everything_at_lab(bench) as gate:
        image = {"model": "gpt-image-1", "prompt": "A cat"}
        assert (await gate.post("/v1/images/generations", image, DIALECTS)).status == 200
        assert bench.last.path == "/v1/images/generations"
        speech = {"model": "tts-1", "input": "Hi", "voice": "alloy"}
        reply = await gate.post("/v1/audio/speech", speech, DIALECTS)
        assert reply.status == 200
        assert reply.headers["content-type"].startswith("audio/")
        assert bench.last.headers["host"] == f"api.openai.com:{bench.lab.port}"


# 09: roles, credits, prices, moderation, error_triggers, variables.

ENVIRONMENT = {"UP_KEY": "up-from-env"}


async def billed(bench: Bench, *changes: tuple[str, str]) -> Gate:
    """Serve file 09."""
    return await bench.gateway(example("09", *changes), environment=ENVIRONMENT)


async def test_09_variables_are_expanded_and_the_file_is_left_alone(bench: Bench) -> None:
    empty = ("\n  error_triggers:", "\n  proxy: ${NOT_SET}\n  error_triggers:")
    gate = await billed(bench, empty)
    before = gate.path.read_bytes()
    assert await statuses(gate, 1, "gpt-b", "sk-b-admin") == [200]
    assert bench.last.headers["authorization"] == "Bearer up-from-env"
    assert await statuses(gate, 1, "gpt-trig", "sk-b-admin") == [200]
    sent = [request.headers["authorization"] for request in bench.lab.requests]
    assert sent[1:] == ["Bearer fallback-key", "Bearer up-backup"]
    assert gate.path.read_bytes() == before
    assert list(gate.path.parent.iterdir()) == [gate.path]


async def test_09_an_admin_is_who_has_admin_in_the_role(bench: Bench) -> None:
    gate = await billed(bench)
    for key, is_admin in (("sk-b-admin", True), ("sk-b-ops", True), ("sk-b-free", False)):
        assert ("x-headgate-channel" in (await gate.chat("gpt-b", key)).headers) is is_admin


async def test_09_credits_are_spent_at_the_models_price(bench: Bench) -> None:
    gate = await billed(bench)
    left_nano_usd = 100_000
    while left_nano_usd > 0:
        reply = await gate.chat("gpt-b", "sk-b-paid")
        usage = reply.json["usage"]
        left_nano_usd -= 1000 * usage["prompt_tokens"] + 2000 * usage["completion_tokens"]
    reply = await gate.chat("gpt-b", "sk-b-paid")
    says(reply, 429, "Balance is insufficient, please check your account.")
    assert (await gate.get("/v1/models", "sk-b-paid")).status == 200


async def test_09_credits_of_zero_may_not_be_used_and_none_are_unlimited(bench: Bench) -> None:
    gate = await billed(bench)
    reply = await gate.chat("gpt-b", "sk-b-zero")
    says(reply, 429, "Balance is insufficient, please check your account.")
    assert bench.places == []
    assert await statuses(gate, 1, "gpt-b", "sk-b-free") == [200]


async def test_09_without_a_database_credits_are_not_enforced(bench: Bench) -> None:
    said: list[str] = []
    environment = ENVIRONMENT | {"DISABLE_DATABASE": "true"}
    gate = await bench.gateway(example("09"), environment=environment, warn=said.append)
    assert await statuses(gate, 1, "gpt-b", "sk-b-zero") == [200]
    assert "warning: DISABLE_DATABASE is set: credits are not enforced" in said


async def test_09_texts_are_moderated_through_the_keys_own_rules(bench: Bench) -> None:
    gate = await billed(bench)
    assert await statuses(gate, 1, "gpt-b", "sk-b-mod") == [200]
    assert bench.places == ["backup", "bill"]
    flagged = [{"role": "user", "content": "FLAGME"}]
    reply = await gate.chat("gpt-b", "sk-b-mod", messages=flagged)
    says(reply, 400, "Content did not pass the moral check, please modify and try again.")


@pytest.mark.parametrize("stream", [False, True])
async def test_09_an_answer_with_a_trigger_word_is_a_failure(bench: Bench, stream: bool) -> None:
    gate = await billed(bench)
    assert (await gate.chat("gpt-trig", "sk-b-admin", stream=stream)).place == "backup"
    assert bench.places == ["trig", "backup"]
    alone = await billed(bench, ("[gpt-trig, omni-moderation-latest]", "[omni-moderation-latest]"))
    reply = await alone.chat("gpt-trig", "sk-b-admin", stream=stream)
    says(reply, 502, "Upstream server returned an empty response.")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/stats",
        "/v1/api_config",
        "/v1/api_keys_states",
        "/v1/add_credits",
        "/v1/channel_key_rankings",
        "/v1/token_usage",
    ],
)
async def test_09_administration_waits_for_a_later_issue(bench: Bench, path: str) -> None:
    gate = await billed(bench)
    says(await gate.get(path, "sk-b-admin"), 404, f"There is nothing at {path}.")


# 10: the Responses API, filters of requests, video.

COMPACTION = [{"type": "compaction_trigger"}]
HELLO: list[Any] = [{"role": "user", "content": "Hi"}]
NOBODY = "No available providers at the moment: gpt-5.2"


async def respond(
    gate: Gate, key: str, path: str = "/v1/responses", items: list[Any] | None = None, **more: Any
) -> Reply:
    """Ask in the Responses API."""
    body = {"model": "gpt-5.2", "input": items or HELLO} | more
    return await gate.post(path, body, key)


async def test_10_what_waits_is_remarked_on(bench: Bench) -> None:
    said: list[str] = []
    await bench.gateway(example("10"), warn=said.append)
    text = "\n".join(said)
    assert text.count(WAITS) == 1
    assert f"the ChatGPT Codex backend {WAITS}" in text
    for option in ("hedging", "video_providers", "responses_stream_commit_policy"):
        assert f"{option}: understood, but this release does nothing with it" in text


async def test_10_video_waits_and_is_404(bench: Bench) -> None:
    gate = await bench.gateway(example("10"))
    reply = await gate.post("/v1/video/tasks", {"model": "vid-1", "prompt": "Hi"}, "sk-e-admin")
    says(reply, 404, "There is nothing at /v1/video/tasks.")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("key", "place"), [("sk-e-a", "ra"), ("sk-e-c", "rc"), ("sk-e-d", "rd")])
async def test_10_a_response_passes_through_to_its_upstream(
    bench: Bench, key: str, place: str, stream: bool
) -> None:
    gate = await bench.gateway(example("10"))
    reply = await respond(gate, key, stream=stream, odd_field=[1])
    assert reply.status == 200
    assert bench.last.path == f"/{place}/v1/responses"
    assert bench.last.json["odd_field"] == [1]
    whole = reply.events[-1]["response"] if stream else reply.json
    assert whole["output"][-1]["content"][0]["text"] == f"{place}: Hello from the lab."
    if stream:
        assert reply.events[0]["type"] == "response.created"
        assert reply.events[-1]["type"] == "response.completed"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": HELLO}),
        ("/v1/messages", {"messages": HELLO, "max_tokens": 50}),
    ],
)
async def test_10_other_dialects_reach_a_responses_upstream(
    bench: Bench, path: str, body: dict[str, Any]
) -> None:
    gate = await bench.gateway(example("10"))
    reply = await gate.post(path, {"model": "gpt-5.2"} | body, "sk-e-a")
    assert reply.status == 200
    assert "ra: Hello from the lab." in reply.text
    assert bench.last.path == "/ra/v1/responses"


async def test_10_a_chat_upstream_beside_them_is_asked(bench: Bench) -> None:
    gate = await bench.gateway(example("10"))
    assert await places(gate, 1, "gpt-chat-only", "sk-e-admin") == ["chatonly"]
    reply = await respond(gate, "sk-e-admin", model="gpt-chat-only")
    assert reply.json["output"][-1]["content"][0]["text"] == "chatonly: Hello from the lab."
    assert bench.last.path == "/chatonly/v1/chat/completions"
    says(
        await respond(gate, "sk-e-admin", "/v1/responses/compact", model="gpt-chat-only"),
        404,
        "No channel that offers gpt-chat-only can do compact.",
    )


async def test_10_a_compaction_goes_where_compactions_may_go(bench: Bench) -> None:
    gate = await bench.gateway(example("10"))
    reply = await respond(gate, "sk-e-b", "/v1/responses/compact")
    assert reply.status == 200
    assert reply.json["object"] == "response.compaction"
    assert bench.last.path == "/rb/v1/responses/compact"
    # By the path, and for all keys: three of the four upstreams are not for this.
    assert (await respond(gate, "sk-e-admin", "/v1/responses/compact")).status == 200
    assert bench.places == ["rb", "rb"]
    for key in ("sk-e-a", "sk-e-c", "sk-e-d"):
        says(await respond(gate, key, "/v1/responses/compact"), 404, NOBODY)


async def test_10_a_compaction_is_known_by_its_item_as_well(bench: Bench) -> None:
    gate = await bench.gateway(example("10"))
    says(await respond(gate, "sk-e-b"), 404, NOBODY)
    reply = await respond(gate, "sk-e-b", items=[*HELLO, *COMPACTION])
    assert reply.status == 200
    assert bench.last.path == "/rb/v1/responses"
    assert bench.last.json["input"][-1] == COMPACTION[0]
    for key in ("sk-e-c", "sk-e-d"):
        says(await respond(gate, key, items=[*HELLO, *COMPACTION]), 404, NOBODY)
    assert (await respond(gate, "sk-e-a", items=[*HELLO, *COMPACTION])).status == 200


async def test_10_excluded_endpoints_are_never_used(bench: Bench) -> None:
    gate = await bench.gateway(example("10"))
    says(await respond(gate, "sk-e-a", "/v1/responses/compact"), 404, NOBODY)
    message = {"model": "gpt-5.2", "messages": HELLO, "max_tokens": 9}
    refused = await gate.post("/v1/messages", message, "sk-e-d")
    assert (refused.status, NOBODY in refused.error) == (404, True)
    assert (await respond(gate, "sk-e-a")).status == 200
    assert bench.places == ["ra"]


async def test_10_only_request_types_takes_nothing_else(bench: Bench) -> None:
    gate = await bench.gateway(example("10"))
    says(await respond(gate, "sk-e-b"), 404, NOBODY)
    says(await gate.chat("gpt-5.2", "sk-e-b"), 404, NOBODY)
    assert bench.places == []


async def test_10_a_rule_excludes_when_all_of_its_fields_match(bench: Bench) -> None:
    gate = await bench.gateway(example("10"))
    for effort, status in (("high", 404), ("xhigh", 404), ("low", 200)):
        reply = await respond(gate, "sk-e-c", reasoning={"effort": effort})
        assert reply.status == status
    assert (await respond(gate, "sk-e-c")).status == 200
    # Of another endpoint the rule says nothing.
    assert (await gate.chat("gpt-5.2", "sk-e-c", reasoning_effort="high")).status == 200
    misspelt = await bench.gateway(example("10", ("reasoning_effort: [high", "effort: [high")))
    assert (await respond(misspelt, "sk-e-c", reasoning={"effort": "high"})).status == 200


async def test_10_bodies_beyond_the_limit_skip_the_provider(bench: Bench) -> None:
    gate = await bench.gateway(example("10"))
    body = b'{"model":"gpt-5.2","input":"Hi","user":"%b"}'
    filler = b"x" * (1_000_000 - len(body) + 2)
    assert (await gate.post("/v1/responses", body % filler, "sk-e-d")).status == 200
    reply = await gate.post("/v1/responses", body % (filler + b"x"), "sk-e-d")
    says(reply, 413, "The request body is too large for all available providers: gpt-5.2")
