"""What is retried, who rests, what the caller is told: cases 29 to 53 (`uni-api.md` 6.2)."""

import asyncio

import pytest

from tests.e2e.harness import KEY, Bench

PLAIN = "cooldown_period: 0"


def config(*places: str, preferences: str = PLAIN, key_more: str = "", api: str = "up") -> str:
    """Channels named like the lab's places, in this order."""
    lines = ["providers:"]
    for place in places:
        lines += [
            f"  - provider: {place}",
            f"    base_url: LAB/{place}/v1/chat/completions",
            f"    api: {api}",
            "    model: [gpt-m]",
        ]
    lines += ["api_keys:", f"  - api: {KEY}", "    role: admin"]
    if key_more:
        lines += [f"    preferences: {{{key_more}}}"]
    lines += [f"preferences: {{{preferences}}}"]
    return "\n".join(lines)


async def test_case_29_single_failing_key_is_asked_once(bench: Bench) -> None:
    gate = await bench.gateway(config("e500"))
    reply = await gate.chat("gpt-m")
    assert reply.status == 500
    assert reply.error.startswith("All gpt-m error: ")
    assert reply.json["error"]["attempts"][0].startswith("e500: 500 ")
    assert bench.places == ["e500"]


async def test_case_30_each_key_of_a_channel_is_tried(bench: Bench) -> None:
    gate = await bench.gateway(config("e500", api="[k1, k2, k3]"))
    assert (await gate.chat("gpt-m")).status == 500
    used = [request.headers["authorization"] for request in bench.lab.requests]
    assert used == ["Bearer k1", "Bearer k2", "Bearer k3"]


@pytest.mark.parametrize("status", [400, 413])
async def test_case_31_callers_mistakes_are_not_retried(bench: Bench, status: int) -> None:
    gate = await bench.gateway(config(f"e{status}", "ok1"))
    reply = await gate.chat("gpt-m")
    assert reply.status == status
    assert "error" in reply.json
    assert "All gpt-m error" not in reply.text
    assert bench.places == [f"e{status}"]


@pytest.mark.parametrize(
    "place", ["e401", "e403", "e404", "e422", "e429", "e500", "e502", "e503", "e529", "html"]
)
async def test_case_32_upstreams_failures_are_retried(bench: Bench, place: str) -> None:
    gate = await bench.gateway(config(place, "ok1"))
    reply = await gate.chat("gpt-m")
    assert (reply.status, reply.place) == (200, "ok1")
    assert bench.places == [place, "ok1"]


async def test_case_32_unreachable_channel_is_passed_over(bench: Bench) -> None:
    text = config("dead", "ok1").replace("LAB/dead", "http://127.0.0.1:1/dead")
    gate = await bench.gateway(text)
    assert (await gate.chat("gpt-m")).place == "ok1"


async def test_case_32_timeout_is_retried(bench: Bench) -> None:
    gate = await bench.gateway(config("hang", "ok1", preferences=f"{PLAIN}, model_timeout: 0.3"))
    assert (await gate.chat("gpt-m")).place == "ok1"
    assert bench.places == ["hang", "ok1"]


async def test_case_33_retry_switched_off(bench: Bench) -> None:
    gate = await bench.gateway(config("e500", "ok1", key_more="AUTO_RETRY: false"))
    reply = await gate.chat("gpt-m")
    assert reply.status == 500
    assert "All gpt-m error" not in reply.text
    assert bench.places == ["e500"]


async def test_case_34_number_of_retries(bench: Bench) -> None:
    gate = await bench.gateway(config("e500", "e502", "ok1", key_more="AUTO_RETRY: 1"))
    assert (await gate.chat("gpt-m")).status == 502
    assert bench.places == ["e500", "e502"]


@pytest.mark.parametrize(
    ("place", "status"), [("e400-key", 401), ("e400-unpriced", 502)], ids=["case 36", "case 38"]
)
async def test_cases_36_and_38_a_400_that_is_not_the_callers_is_retried(
    bench: Bench, place: str, status: int
) -> None:
    gate = await bench.gateway(config(place, "ok1"))
    assert (await gate.chat("gpt-m")).place == "ok1"
    alone = await bench.gateway(config(place, api="[k1, k2]"))
    bench.lab.clear()
    reply = await alone.chat("gpt-m")
    assert reply.status == status
    assert bench.places == [place, place]


async def test_case_37_too_long_a_prompt_is_413_and_not_retried(bench: Bench) -> None:
    gate = await bench.gateway(config("e400-long", "ok1"))
    reply = await gate.chat("gpt-m")
    assert reply.status == 413
    assert "Please reduce the length of the messages or completion" in reply.error
    assert bench.places == ["e400-long"]


async def test_case_39_failed_channel_rests(bench: Bench) -> None:
    gate = await bench.gateway(config("e500", "ok1", preferences="cooldown_period: 1"))
    await gate.chat("gpt-m")
    await gate.chat("gpt-m")
    assert bench.places == ["e500", "ok1", "ok1"]
    await asyncio.sleep(1.1)
    await gate.chat("gpt-m")
    assert bench.places[3:] == ["e500", "ok1"]


async def test_case_40_renamed_model_rests_too(bench: Bench) -> None:
    text = config("e500", "ok1", preferences="cooldown_period: 300")
    gate = await bench.gateway(text.replace("[gpt-m]", "[{gpt-up: gpt-m}]"))
    await gate.chat("gpt-m")
    await gate.chat("gpt-m")
    assert bench.places == ["e500", "ok1", "ok1"]


async def test_case_41_when_all_channels_rest_one_is_tried_all_the_same(bench: Bench) -> None:
    gate = await bench.gateway(config("e500", "e502", preferences="cooldown_period: 300"))
    first = await gate.chat("gpt-m")
    assert first.status == 502
    assert len(first.json["error"]["attempts"]) == 2
    second = await gate.chat("gpt-m")
    assert bench.places == ["e500", "e502", "e500"]
    assert "rests" in second.text


async def test_case_42_cooldown_of_zero_is_off(bench: Bench) -> None:
    gate = await bench.gateway(config("e500", "ok1"))
    await gate.chat("gpt-m")
    await gate.chat("gpt-m")
    assert bench.places == ["e500", "ok1"] * 2


async def test_case_43_single_channel_never_rests(bench: Bench) -> None:
    gate = await bench.gateway(config("e404", preferences="cooldown_period: 300"))
    for _ in range(4):
        assert (await gate.chat("gpt-m")).status == 404
    assert bench.places == ["e404"] * 4


@pytest.mark.parametrize("stream", [False, True])
async def test_case_44_error_triggers(bench: Bench, stream: bool) -> None:
    triggers = "cooldown_period: 0, error_triggers: [TRIGGERWORD]"
    gate = await bench.gateway(config("trig", "ok1", preferences=triggers))
    assert (await gate.chat("gpt-m", stream=stream)).place == "ok1"
    alone = await bench.gateway(config("trig", preferences=triggers))
    reply = await alone.chat("gpt-m", stream=stream)
    assert reply.status == 502
    assert "Upstream server returned an empty response." in reply.error


@pytest.mark.parametrize("place", ["empty", "done-first", "200-error", "html"])
async def test_case_45_answers_that_are_none(bench: Bench, place: str) -> None:
    gate = await bench.gateway(config(place, "ok1"))
    stream = place == "done-first"
    assert (await gate.chat("gpt-m", stream=stream)).place == "ok1"
    alone = await bench.gateway(config(place))
    reply = await alone.chat("gpt-m", stream=stream)
    assert reply.status == (429 if place == "200-error" else 502)
    assert reply.error.startswith("All gpt-m error: ")


@pytest.mark.parametrize("stream", [True, False])
async def test_case_46_error_inside_a_200_has_its_own_status(bench: Bench, stream: bool) -> None:
    gate = await bench.gateway(config("200-error"))
    reply = await gate.chat("gpt-m", stream=stream)
    assert reply.status == 429
    assert "Rate limit reached in the stream." in reply.error


async def test_case_47_broken_stream_is_never_a_clean_end(bench: Bench) -> None:
    for place in ("cut", "cut-fin"):
        gate = await bench.gateway(config(place))
        reply = await gate.chat("gpt-m", stream=True)
        assert reply.status == 200
        assert "[DONE]" not in reply.text
        assert reply.events[-1]["error"]["code"] == "upstream_interrupted"


async def test_case_48_html_page(bench: Bench) -> None:
    gate = await bench.gateway(config("e502"))
    reply = await gate.chat("gpt-m")
    assert reply.status == 502
    assert reply.error.startswith("All gpt-m error: ")


async def test_case_49_nobody_listens(bench: Bench) -> None:
    text = config("dead", "dead2", preferences="cooldown_period: 300")
    gate = await bench.gateway(text.replace("LAB/", "http://127.0.0.1:1/"))
    reply = await gate.chat("gpt-m")
    assert reply.status == 503
    assert "Unable to connect to service" in reply.error
    again = await gate.chat("gpt-m")
    assert len(again.json["error"]["attempts"]) == 2  # nobody rests


async def test_case_50_slow_upstream(bench: Bench) -> None:
    text = config("slow3", preferences="cooldown_period: 0, model_timeout: 1")
    gate = await bench.gateway(text)
    began = asyncio.get_running_loop().time()
    reply = await gate.chat("gpt-m")
    assert reply.status == 504
    assert "Request timed out after 1 seconds" in reply.error
    assert asyncio.get_running_loop().time() - began < 2.0


async def test_case_51_all_attempts_together_have_a_deadline(bench: Bench) -> None:
    bounds = f"{PLAIN}, model_timeout: 0.5, request_timeout: 0.8"
    gate = await bench.gateway(config("hang", "hang", "hang", preferences=bounds))
    began = asyncio.get_running_loop().time()
    reply = await gate.chat("gpt-m")
    assert reply.status == 504
    assert asyncio.get_running_loop().time() - began < 1.3
    assert len(reply.json["error"]["attempts"]) == 2


async def test_case_52_caller_that_leaves_cancels_the_upstream_call(bench: Bench) -> None:
    gate = await bench.gateway(config("hang", "ok1", preferences="cooldown_period: 300"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await gate.chat("gpt-m")
    await asyncio.sleep(0.3)
    assert bench.lab.requests[0].disconnected
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await gate.chat("gpt-m")
    assert bench.places == ["hang", "hang"]  # it does not rest


@pytest.mark.parametrize("place", ["e400", "e413"])
async def test_case_53_callers_mistakes_rest_neither_channel_nor_key(
    bench: Bench, place: str
) -> None:
    resting = "    preferences: {api_key_cooldown_period: 60}\n"
    text = config(place, "ok1", preferences="cooldown_period: 300", api="[k1, k2]")
    text = text.replace("    model: [gpt-m]\n", f"    model: [gpt-m]\n{resting}")
    gate = await bench.gateway(text)
    for _ in range(3):
        assert (await gate.chat("gpt-m")).status == int(place[1:])
    used = [request.headers["authorization"] for request in bench.lab.requests]
    assert used == ["Bearer k1", "Bearer k2", "Bearer k1"]


async def test_several_failures_end_with_the_status_of_the_last(bench: Bench) -> None:
    gate = await bench.gateway(config("e500", "e429", "e503"))
    reply = await gate.chat("gpt-m")
    assert reply.status == 503
    lines = reply.json["error"]["attempts"]
    assert [line.split()[0] + line.split()[1] for line in lines] == [
        "e500:500",
        "e429:429",
        "e503:503",
    ]
    assert "up" not in {word.strip(".,") for line in lines for word in line.split()}
