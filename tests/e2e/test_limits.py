"""Keys' and callers' limits: cases 54 to 66 (`uni-api.md` 6.2)."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.harness import KEY, Bench


def config(place: str, api: str, *, channel: str = "", key: str = "", everyone: str = "") -> str:
    """One channel at a place of the lab, one caller."""
    return f"""
        providers:
          - provider: one
            base_url: LAB/{place}/v1/chat/completions
            api: {api}
            model: [gpt-m, gpt-n]
            preferences: {{{channel}}}
        api_keys:
          - api: {KEY}
            preferences: {{{key}}}
        preferences: {{{everyone or "cooldown_period: 0"}}}
        """


def used(bench: Bench) -> list[str]:
    """The upstream keys that reached the lab."""
    return [r.headers["authorization"].removeprefix("Bearer ") for r in bench.lab.requests]


async def test_case_54_keys_alternate(bench: Bench) -> None:
    gate = await bench.gateway(config("ok1", "[k1, k2]"))
    for _ in range(4):
        await gate.chat("gpt-m")
    assert used(bench) == ["k1", "k2", "k1", "k2"]


async def test_case_54_fixed_priority_with_a_limit(bench: Bench) -> None:
    limits = "api_key_schedule_algorithm: fixed_priority, api_key_rate_limit: 2/min"
    gate = await bench.gateway(config("ok1", "[k1, k2]", channel=limits))
    replies = [await gate.chat("gpt-m") for _ in range(5)]
    assert used(bench) == ["k1", "k1", "k2", "k2"]
    assert replies[-1].status == 429
    assert "All API keys are rate limited and stop auto retry!" in replies[-1].error
    assert int(replies[-1].headers["retry-after"]) >= 1


async def test_case_55_failing_key_rests(bench: Bench) -> None:
    gate = await bench.gateway(
        config("cool", "[bad1, good2]", channel="api_key_cooldown_period: 60")
    )
    assert [(await gate.chat("gpt-m")).status for _ in range(3)] == [200] * 3
    assert used(bench) == ["bad1", "good2", "good2", "good2"]


async def test_case_55_without_a_cooldown_it_is_tried_each_time(bench: Bench) -> None:
    gate = await bench.gateway(config("cool", "[bad1, good2]"))
    for _ in range(2):
        assert (await gate.chat("gpt-m")).status == 200
    assert used(bench) == ["bad1", "good2"] * 2


async def test_case_56_key_without_quota_rests(bench: Bench) -> None:
    gate = await bench.gateway(config("quota", "[q1, q2]"))
    assert [(await gate.chat("gpt-m")).status for _ in range(3)] == [200] * 3
    assert used(bench) == ["q1", "q2", "q2", "q2"]


async def test_case_56_all_keys_resting_says_so_with_the_cause(bench: Bench) -> None:
    gate = await bench.gateway(config("throttled", "[z1, z2]"))
    await gate.chat("gpt-m")
    reply = await gate.chat("gpt-m")
    assert reply.status == 429
    assert "All API keys are rate limited and stop auto retry!" in reply.error
    assert "Rate limit reached" in reply.error


async def test_case_58_limits_of_the_keys_add_up(bench: Bench) -> None:
    gate = await bench.gateway(config("ok1", "[k1, k2]", channel="api_key_rate_limit: 2/min"))
    assert [(await gate.chat("gpt-m")).status for _ in range(5)] == [200] * 4 + [429]


async def test_case_59_several_windows_hold_together(bench: Bench) -> None:
    gate = await bench.gateway(config("ok1", "k", channel='api_key_rate_limit: "15/min,2/day"'))
    assert [(await gate.chat("gpt-m")).status for _ in range(3)] == [200, 200, 429]


async def test_case_60_the_exact_name_beats_a_part_of_it(bench: Bench) -> None:
    limits = "api_key_rate_limit: {gpt: 1000/min, gpt-n: 1/min}"
    gate = await bench.gateway(config("ok1", "k", channel=limits))
    assert [(await gate.chat("gpt-n")).status for _ in range(2)] == [200, 429]
    assert [(await gate.chat("gpt-m")).status for _ in range(3)] == [200] * 3


async def test_case_61_prompt_longer_than_the_limit(bench: Bench) -> None:
    gate = await bench.gateway(config("ok1", "k", channel="api_key_rate_limit: 10/tpr"))
    fits = [{"role": "user", "content": "x" * 40}]
    too_long = [{"role": "user", "content": [{"type": "text", "text": "x" * 44}]}]
    assert (await gate.chat("gpt-m", messages=fits)).status == 200
    reply = await gate.chat("gpt-m", messages=too_long)
    assert reply.status == 413
    assert reply.error == (
        "The request body is too long, No available providers at the moment: gpt-m"
    )


async def test_case_62_callers_limits_by_model(bench: Bench) -> None:
    limits = "rate_limit: {gpt-m: 2/min, default: 3/min}"
    gate = await bench.gateway(config("ok1", "k", key=limits))
    assert [(await gate.chat("gpt-m")).status for _ in range(3)] == [200, 200, 429]
    assert [(await gate.chat("gpt-n")).status for _ in range(4)] == [200] * 3 + [429]
    assert (await gate.get("/v1/models")).status == 200


async def test_limited_caller_is_told_how_long_to_wait(bench: Bench) -> None:
    gate = await bench.gateway(config("ok1", "k", key="rate_limit: 1/min"))
    first = await gate.chat("gpt-m")
    assert first.headers["x-ratelimit-limit-requests"] == "1"
    assert first.headers["x-ratelimit-remaining-requests"] == "0"
    second = await gate.chat("gpt-m")
    assert second.error == "Too many requests"
    assert 1 <= int(second.headers["retry-after"]) <= 60
    assert 1 <= int(second.headers["retry-after-ms"]) <= 60_000


async def test_limited_caller_of_anthropics_dialect_is_told_in_its_headers(bench: Bench) -> None:
    gate = await bench.gateway(config("ok1", "k", key="rate_limit: 1/min"))
    message = {"model": "gpt-m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    for status in (200, 429):
        began = datetime.now(UTC)
        reply = await gate.post("/v1/messages", message)
        assert reply.status == status
        told = {
            name.removeprefix("anthropic-ratelimit-requests-"): value
            for name, value in reply.headers.items()
            if name.startswith("anthropic-ratelimit-")
        }
        assert (told["limit"], told["remaining"]) == ("1", "0")
        reset = datetime.fromisoformat(told["reset"].replace("Z", "+00:00"))
        assert timedelta(0) < reset - began <= timedelta(seconds=62)
        assert "x-ratelimit-limit-requests" not in reply.headers
        assert ("retry-after-ms" in reply.headers) is (status == 429)


async def test_case_63_limit_of_everyone_counts_every_request(bench: Bench) -> None:
    gate = await bench.gateway(config("ok1", "k", everyone="rate_limit: 2/min"))
    statuses = [(await gate.get("/v1/models")).status, (await gate.chat("gpt-m")).status]
    reply = await gate.get("/v1/models")
    assert [*statuses, reply.status] == [200, 200, 429]
    assert reply.error == "Too many requests"


@pytest.mark.parametrize("spelling", ["RATE_LIMIT", "rate_limit"])
async def test_case_64_old_spelling_is_honoured(bench: Bench, spelling: str) -> None:
    gate = await bench.gateway(config("ok1", "k", key=f"{spelling}: 1/min"))
    assert [(await gate.chat("gpt-m")).status for _ in range(2)] == [200, 429]


async def test_case_65_callers_mistake_is_not_counted_against_the_key(bench: Bench) -> None:
    text = config("e400", "k", channel="api_key_rate_limit: 1/min")
    gate = await bench.gateway(text.replace("/v1/chat/completions", "/v1beta"))
    assert [(await gate.chat("gpt-m")).status for _ in range(3)] == [400] * 3
    assert len(bench.places) == 3


async def test_case_99_credits(bench: Bench) -> None:
    gate = await bench.gateway(config("ok1", "k", key="credits: 0.0000001"))
    assert (await gate.chat("gpt-m")).status == 200
    reply = await gate.chat("gpt-m")
    assert reply.status == 429
    assert reply.error == "Balance is insufficient, please check your account."


async def test_a_prompt_over_the_callers_limit_reaches_no_upstream(bench: Bench) -> None:
    gate = await bench.gateway(config("ok1", "k", key='rate_limit: "5/min,3/tpr"'))
    assert (
        await gate.chat("gpt-m", messages=[{"role": "user", "content": "x" * 400}])
    ).status == 413
    assert bench.places == []


async def test_credits_of_zero_cannot_be_used(bench: Bench) -> None:
    gate = await bench.gateway(config("ok1", "k", key="credits: 0"))
    assert (await gate.chat("gpt-m")).status == 429
    assert bench.places == []


async def test_case_103_moderation(bench: Bench) -> None:
    gate = await bench.gateway(
        f"""
        providers:
          - provider: one
            base_url: LAB/ok1/v1/chat/completions
            api: up
            model: [gpt-m, omni-moderation-latest]
        api_keys:
          - api: {KEY}
            preferences: {{ENABLE_MODERATION: true}}
        """
    )
    assert (await gate.chat("gpt-m")).status == 200
    flagged = [{"role": "user", "content": "FLAGME please"}]
    reply = await gate.chat("gpt-m", messages=flagged)
    assert reply.status == 400
    assert reply.error == "Content did not pass the moral check, please modify and try again."
    paths = [request.path for request in bench.lab.requests]
    asked = [path.rpartition("/")[2] for path in paths]
    assert asked == ["moderations", "completions", "moderations"]
