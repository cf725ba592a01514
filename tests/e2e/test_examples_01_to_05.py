"""The example files 01 to 05, statement by statement of their headers."""

from collections import Counter

import pytest

from tests.e2e.examples import (
    asked,
    credentials,
    example,
    here,
    places,
    says,
    statuses,
    until,
)
from tests.e2e.harness import Bench

pytestmark = here

NOBODY = "No available providers at the moment: "
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


# 01: the smallest file of the seed era.

MIN = "sk-min-user-0001"


async def test_01_models_are_asked_for_at_the_start(bench: Bench) -> None:
    text = example("01")
    gate = await bench.gateway(text)

    async def has_models() -> bool:
        return "lab-hello" in await gate.models(MIN)

    await until(has_models)
    question = bench.lab.requests[0]
    assert (question.method, question.path) == ("GET", "/alpha/v1/models")
    assert question.headers["authorization"] == "Bearer up-alpha-0001"
    assert (await gate.chat("lab-hello", MIN)).place == "alpha"
    assert (await gate.chat("lab-echo", MIN)).status == 200


async def test_01_the_file_is_not_written_to(bench: Bench) -> None:
    gate = await bench.gateway(example("01"))
    before = gate.path.read_bytes()

    async def has_models() -> bool:
        return bool(await gate.models(MIN))

    await until(has_models)
    assert gate.path.read_bytes() == before
    assert [path.name for path in gate.path.parent.iterdir()] == [gate.path.name]


async def test_01_a_list_that_cannot_be_had_does_not_stop_the_gateway(bench: Bench) -> None:
    said: list[str] = []
    gate = await bench.gateway(
        example("01", ("LAB/alpha", "http://127.0.0.1:1/alpha")), warn=said.append
    )

    async def is_said() -> bool:
        return any("alpha" in line and "asked again in" in line for line in said)

    await until(is_said)
    assert await gate.models(MIN) == []
    assert "up-alpha-0001" not in "".join(said)


async def test_01_the_only_key_is_the_admins(bench: Bench) -> None:
    gate = await bench.gateway(example("01").replace("api: up-alpha-0001", "model: [gpt-a]"))
    assert (await gate.chat("gpt-a", MIN)).headers["x-headgate-channel"] == "alpha"


async def test_01_without_a_key_nothing_is_listed(bench: Bench) -> None:
    gate = await bench.gateway(example("01"))
    says(await gate.get("/v1/models", None), 401, "API key")


async def test_01_unknown_model_is_404(bench: Bench) -> None:
    gate = await bench.gateway(example("01"))
    says(await gate.chat("no-such-model", MIN), 404, NOBODY + "no-such-model")


@pytest.mark.parametrize("path", ["/v1/stats", "/v1/api_config"])
async def test_01_administration_waits_for_a_later_issue(bench: Bench, path: str) -> None:
    gate = await bench.gateway(example("01"))
    says(await gate.get(path, MIN), 404, f"There is nothing at {path}.")


# 02: everything that the seed document shows.

ADMIN, USER, WEIGHT = "sk-seed-admin-0001", "sk-seed-user-0002", "sk-seed-weight-0003"
SEED_HOSTS = (
    ("https://api.example-one.test", "LAB/one"),
    ("https://api.anthropic.com", "LAB/ant"),
    ("https://generativelanguage.googleapis.com", "LAB/gem"),
    ("https://api.example-two.test", "LAB/two"),
    ("https://api.example-three.test", "LAB/three"),
)


async def test_02_everything_is_accepted_and_old_names_are_remarked_on(bench: Bench) -> None:
    said: list[str] = []
    await bench.gateway(example("02"), warn=said.append)
    assert len(said) == 2
    assert "Google Vertex AI comes with a later release" in said[0]
    assert 'RATE_LIMIT: an old spelling: write "rate_limit"' in said[1]


async def test_02_an_alias_hides_the_upstream_name_unless_that_is_listed_too(bench: Bench) -> None:
    gate = await bench.gateway(example("02", *SEED_HOSTS))
    assert (await gate.chat("claude-3-5-sonnet", ADMIN)).place == "one"
    assert bench.last.json["model"] == "claude-3-5-sonnet-20240620"
    hidden = "claude-3-5-sonnet-20240620"
    says(await gate.chat(hidden, ADMIN), 404, NOBODY + hidden)
    for alias in ("gemini-1.5-flash-exp-0827", "gemini-1.5-flash"):
        assert (await gate.chat(alias, ADMIN)).place == "gem"
        assert "/models/gemini-1.5-flash-exp-0827:" in bench.last.path


async def test_02_channels_of_one_model_stand_in_for_each_other(bench: Bench) -> None:
    hosts = (("https://api.example-one.test", "LAB/e500"), *SEED_HOSTS[1:])
    gate = await bench.gateway(example("02", *hosts))
    assert await places(gate, 2, "claude-3-5-sonnet", ADMIN) == ["ant", "ant"]
    assert bench.places == ["e500", "ant", "ant"]  # 300 s of rest


async def test_02_the_rules_of_the_admin_list_its_models_in_their_order(bench: Bench) -> None:
    gate = await bench.gateway(example("02"))
    assert await gate.models(ADMIN) == [
        "gpt-4o",
        "claude-3-5-sonnet",
        "gemini-1.5-pro",
        "gemini-1.5-flash",
        "gemini-1.5-flash-exp-0827",
    ]


async def test_02_a_rule_with_brackets_is_a_name_and_one_without_a_provider(bench: Bench) -> None:
    gate = await bench.gateway(example("02", *SEED_HOSTS, ("RATE_LIMIT: 2/min", "")))
    assert (await gate.chat("claude-3-5-sonnet", USER)).place == "ant"
    assert (await gate.chat("anthropic/claude-3-5-sonnet", USER)).place == "two"
    says(await gate.chat("gpt-4o", USER), 404, NOBODY + "gpt-4o")


async def test_02_engine_forces_the_wire_and_tools_and_image_are_switched_off(
    bench: Bench,
) -> None:
    gate = await bench.gateway(example("02", *SEED_HOSTS))
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    words = {"type": "text", "text": "What is this?"}
    reply = await gate.chat(
        "anthropic/claude-3-5-sonnet",
        USER,
        messages=[{"role": "user", "content": [words, picture]}],
        tools=[TOOL],
        tool_choice="auto",
    )
    assert reply.place == "two"
    assert bench.last.path == "/two/v1/chat/completions"
    assert not {"tools", "tool_choice"} & set(bench.last.json)
    assert bench.last.json["messages"][0]["content"] == [words]


async def test_02_the_old_spelling_of_the_limit_counts(bench: Bench) -> None:
    gate = await bench.gateway(example("02", *SEED_HOSTS))
    replies = [await gate.chat("claude-3-5-sonnet", USER) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    says(replies[-1], 429, "Too many requests")


async def test_02_texts_are_moderated_first(bench: Bench) -> None:
    gate = await bench.gateway(example("02", *SEED_HOSTS))
    assert (await gate.chat("claude-3-5-sonnet", USER)).status == 200
    assert bench.places == ["three", "ant"]
    flagged = [{"role": "user", "content": "FLAGME"}]
    reply = await gate.chat("claude-3-5-sonnet", USER, messages=flagged)
    says(reply, 400, "Content did not pass the moral check, please modify and try again.")
    assert bench.places == ["three", "ant", "three"]


async def test_02_weights_give_each_provider_its_share_in_uni_apis_order(bench: Bench) -> None:
    gate = await bench.gateway(example("02"))
    found = await places(gate, 10, "gemini-1.5-pro-w", WEIGHT)
    assert "".join(place[-1] for place in found) == "1231213121"


async def test_02_a_timeout_covers_the_names_that_contain_its_key(bench: Bench) -> None:
    shorter = ("gpt-4o: 10", "gpt-4: 1")
    hosts = (("https://api.example-one.test", "LAB/slow2"), *SEED_HOSTS[1:])
    gate = await bench.gateway(example("02", *hosts, shorter))
    says(await gate.chat("gpt-4o", ADMIN), 504, "Request timed out after 1 seconds")


async def test_02_what_waits_says_so(bench: Bench) -> None:
    admin = "role: admin"
    gate = await bench.gateway(
        example("02", (admin, f"{admin}\n  - {{api: sk-v, model: [vertex/*]}}"))
    )
    reply = await gate.chat("claude-3-opus", "sk-v")
    says(reply, 404, "Google Vertex AI comes with a later release")


# 03: the whole grammar of api_keys[].model.


@pytest.mark.parametrize(
    ("key", "model", "order"),
    [
        ("sk-r-all", "gpt-a", "p1 p2 p3"),
        ("sk-r-order", "gpt-a", "p2 p1"),
        ("sk-r-plain", "gpt-a", "p1 p2 p3"),
        ("sk-r-plain", "gpt-b", ""),
        ("sk-r-one", "gpt-a", "p2"),
        ("sk-r-one", "gpt-b", ""),
        ("sk-r-nested-name", "team/gpt-x", "p1"),
        ("sk-r-angle", "team/gpt-x", "p1 p2"),
        ("sk-r-alias", "short", "p1"),
        ("sk-r-alias", "gpt-very-long-name-2025-01-01", ""),
        ("sk-r-unknown", "no-such-model", ""),
        ("sk-r-group", "gpt-b", "p1"),
        ("sk-r-group-one", "gpt-b", ""),
        ("sk-r-loop-b", "gpt-a", "p1"),
        ("sk-r-default", "gpt-a", "p1 p2 p3"),
        ("sk-r-dup", "gpt-a", "p1 p2 p3"),  # p1 once: its only key has just failed
    ],
)
async def test_03_rules_decide_who_is_tried_and_in_which_order(
    bench: Bench, key: str, model: str, order: str
) -> None:
    gate = await bench.gateway(example("03", ("LAB/", "LAB/e500/")))
    reply = await gate.chat(model, key)
    if order:
        assert asked(reply) == order.split()
    else:
        says(reply, 404, NOBODY + model)


async def test_03_a_key_as_channel_comes_whole_and_in_its_own_order(bench: Bench) -> None:
    gate = await bench.gateway(
        example("03", ("LAB/", "LAB/e500/")) + "\npreferences: {cooldown_period: 0}\n"
    )
    orders = [asked(await gate.chat("gpt-a", "sk-r-group")) for _ in range(20)]
    assert {tuple(sorted(order[:2])) for order in orders} == {("p1", "p2")}
    assert {order[0] for order in orders} == {"p1", "p2"}
    assert {order[2] for order in orders} == {"p3"}
    assert set(asked(await gate.chat("gpt-a", "sk-r-group-one"))) == {"p1", "p2"}


async def test_03_an_alias_is_sent_by_its_upstream_name(bench: Bench) -> None:
    gate = await bench.gateway(example("03"))
    reply = await gate.chat("short", "sk-r-alias")
    assert bench.last.json["model"] == "gpt-very-long-name-2025-01-01"
    assert reply.json["model"] == "short"


@pytest.mark.parametrize("rules", ["", "model: []", "model:"])
async def test_03_rules_left_out_mean_all(bench: Bench, rules: str) -> None:
    text = example("03", ("- api: sk-r-default", f"- api: sk-r-default\n    {rules}"))
    gate = await bench.gateway(text)
    assert await gate.models("sk-r-default") == ["gpt-a", "gpt-b", "team/gpt-x", "short"]


@pytest.mark.parametrize(
    ("key", "models"),
    [
        ("sk-r-all", ["gpt-a", "gpt-b", "team/gpt-x", "short"]),
        ("sk-r-angle", ["team/gpt-x"]),
        ("sk-r-nested-name", ["team/gpt-x"]),
        ("sk-r-unknown", []),
        ("sk-r-group-one", ["gpt-a"]),
        ("sk-r-loop-b", ["gpt-a", "gpt-b", "team/gpt-x", "short"]),
    ],
)
async def test_03_models_are_listed_as_they_can_be_asked_for(
    bench: Bench, key: str, models: list[str]
) -> None:
    gate = await bench.gateway(example("03"))
    assert await gate.models(key) == models


async def test_03_a_circle_of_keys_is_remarked_on(bench: Bench) -> None:
    said: list[str] = []
    gate = await bench.gateway(example("03"), warn=said.append)
    assert any("refer to each other in a circle" in line for line in said)
    assert await places(gate, 1, "gpt-b", "sk-r-loop-b") == ["p1"]


# 04: weights, strategies, retries, cooldown.


async def test_04_fixed_priority_starts_at_the_first(bench: Bench) -> None:
    gate = await bench.gateway(example("04"))
    assert await places(gate, 3, "gpt-s", "sk-s-fixed") == ["ok1"] * 3


async def test_04_round_robin_has_a_counter_for_each_key(bench: Bench) -> None:
    gate = await bench.gateway(example("04"))
    assert await places(gate, 2, "gpt-s", "sk-s-rr") == ["ok1", "ok2"]
    await places(gate, 1, "gpt-s", "sk-s-single-w")
    assert await places(gate, 2, "gpt-s", "sk-s-rr") == ["ok3", "ok1"]


async def test_04_random_is_even(bench: Bench) -> None:
    gate = await bench.gateway(example("04"))
    counts = Counter(await places(gate, 150, "gpt-s", "sk-s-rnd"))
    assert all(counts[name] == pytest.approx(50, abs=24) for name in ("ok1", "ok2", "ok3"))


@pytest.mark.parametrize(
    ("key", "sequence"),
    [
        ("sk-s-wrr", "121111121111"),
        ("sk-s-wrr21", "121121121"),
        ("sk-s-single-w", "1212"),
    ],
)
async def test_04_weighted_round_robin_has_uni_apis_sequences(
    bench: Bench, key: str, sequence: str
) -> None:
    gate = await bench.gateway(example("04"))
    found = await places(gate, len(sequence), "gpt-s", key)
    assert "".join(place[-1] for place in found) == sequence


async def test_04_a_channel_without_weight_serves_last(bench: Bench) -> None:
    gate = await bench.gateway(example("04", ("LAB/ok1/", "LAB/e500/"), ("LAB/ok2/", "LAB/e502/")))
    assert await places(gate, 1, "gpt-s", "sk-s-wrr") == ["ok3"]
    assert sorted(bench.places[:2]) == ["e500", "e502"]


async def test_04_lottery_draws_by_weight(bench: Bench) -> None:
    gate = await bench.gateway(example("04"))
    counts = Counter(await places(gate, 180, "gpt-s", "sk-s-lottery"))
    assert counts["ok1"] == pytest.approx(150, abs=25)
    assert counts["ok1"] + counts["ok2"] == 180


async def test_04_weights_may_be_given_as_a_map(bench: Bench) -> None:
    gate = await bench.gateway(example("04"))
    assert Counter(await places(gate, 8, "gpt-s", "sk-s-direct")) == {"ok1": 2, "ok2": 6}


async def test_04_a_failed_channel_is_left_for_300_seconds(bench: Bench) -> None:
    gate = await bench.gateway(example("04"))
    assert await places(gate, 2, "gpt-f", "sk-s-retry") == ["ok1", "ok1"]
    assert bench.places == ["e500", "ok1", "ok1"]


async def test_04_retry_switched_off_shows_the_upstreams_own_error(bench: Bench) -> None:
    gate = await bench.gateway(example("04"))
    reply = await gate.chat("gpt-f", "sk-s-noretry")
    assert reply.status == 500
    assert reply.error == "The lab was told to have an internal error."
    assert bench.places == ["e500"]


async def test_04_a_number_is_the_number_of_retries(bench: Bench) -> None:
    more = ("api: up-4,", "api: [up-4, up-4b, up-4c, up-4d],")
    gate = await bench.gateway(example("04", more, ("LAB/ok1/", "LAB/e503/")))
    await gate.chat("gpt-f", "sk-s-retry-n")
    assert len(bench.places) == 3


@pytest.mark.parametrize("status", [400, 413])
async def test_04_callers_mistakes_are_passed_through(bench: Bench, status: int) -> None:
    gate = await bench.gateway(example("04"))
    reply = await gate.chat(f"gpt-{status}", "sk-s-retry")
    assert reply.status == status
    assert reply.json["error"]["type"] == "invalid_request_error"
    assert bench.places == [f"e{status}"]


async def test_04_a_refused_key_is_retried_elsewhere(bench: Bench) -> None:
    gate = await bench.gateway(example("04"))
    assert await places(gate, 1, "gpt-401", "sk-s-retry") == ["ok1"]
    assert bench.places == ["e401", "ok1"]


async def test_04_a_cooldown_of_zero_tries_the_first_each_time(bench: Bench) -> None:
    gate = await bench.gateway(example("04"))
    assert await places(gate, 2, "gpt-nocool", "sk-s-retry") == ["ok1", "ok1"]
    assert bench.places == ["e500", "ok1"] * 2


async def test_04_a_single_key_is_not_hammered(bench: Bench) -> None:
    gate = await bench.gateway(example("04"))
    reply = await gate.chat("gpt-one500", "sk-s-retry")
    says(reply, 500, "All gpt-one500 error: The lab was told to have an internal error.")
    assert bench.places == ["e500"]


async def test_04_when_both_fail_the_error_is_the_upstreams_and_nobody_is_locked_out(
    bench: Bench,
) -> None:
    gate = await bench.gateway(example("04"))
    first = await gate.chat("gpt-both", "sk-s-retry")
    says(first, 500, "All gpt-both error: ")
    assert asked(first) == ["fail500", "fail500b"]
    second = await gate.chat("gpt-both", "sk-s-retry")
    assert second.status == 500
    assert len(bench.places) == 3  # one is tried although both rest


# 05: pools of upstream keys, limits, cooldowns.

LIMITED = "All API keys are rate limited and stop auto retry!"


async def test_05_keys_take_turns_and_their_limits_add_up(bench: Bench) -> None:
    gate = await bench.gateway(example("05"))
    assert await statuses(gate, 6, "gpt-rr", "sk-l-admin") == [200] * 6
    assert credentials(bench) == ["r1", "r2", "r3"] * 2
    reply = await gate.chat("gpt-rr", "sk-l-admin")
    says(reply, 429, f"All gpt-rr error: {LIMITED}")
    assert 1 <= int(reply.headers["retry-after"]) <= 60


async def test_05_fixed_priority_uses_a_key_up_before_the_next(bench: Bench) -> None:
    gate = await bench.gateway(example("05"))
    assert await statuses(gate, 5, "gpt-fixed", "sk-l-admin") == [200] * 4 + [429]
    assert credentials(bench) == ["k1", "k1", "k2", "k2"]


async def test_05_random_is_one_shuffle_and_then_turns(bench: Bench) -> None:
    gate = await bench.gateway(example("05"))
    await statuses(gate, 6, "gpt-shuffled", "sk-l-admin")
    used = credentials(bench)
    assert sorted(used[:3]) == ["s1", "s2", "s3"]
    assert used[3:] == used[:3]


async def test_05_smart_round_robin_without_history_goes_in_turn(bench: Bench) -> None:
    gate = await bench.gateway(example("05"))
    await statuses(gate, 3, "gpt-smart", "sk-l-admin")
    assert sorted(credentials(bench)) == ["m1", "m2", "m3"]


async def test_05_an_unknown_algorithm_warns_and_goes_in_turn(bench: Bench) -> None:
    said: list[str] = []
    gate = await bench.gateway(example("05"), warn=said.append)
    assert any('"roundrobin" is not known: taken as round_robin' in line for line in said)
    await statuses(gate, 3, "gpt-typo", "sk-l-admin")
    assert credentials(bench) == ["t1", "t2", "t1"]


async def test_05_a_key_that_failed_rests(bench: Bench) -> None:
    gate = await bench.gateway(example("05"))
    assert await statuses(gate, 3, "gpt-cool", "sk-l-admin") == [200] * 3
    assert credentials(bench) == ["bad1", "good2", "good2", "good2"]


async def test_05_a_key_without_quota_rests(bench: Bench) -> None:
    gate = await bench.gateway(example("05"))
    assert await statuses(gate, 3, "gpt-quota", "sk-l-admin") == [200] * 3
    assert credentials(bench) == ["q1", "q2", "q2", "q2"]


async def test_05_throttled_keys_rest_and_the_cause_is_told(bench: Bench) -> None:
    gate = await bench.gateway(example("05"))
    first = await gate.chat("gpt-throttled", "sk-l-admin")
    assert first.status == 429
    assert credentials(bench) == ["z1", "z2"]
    says(await gate.chat("gpt-throttled", "sk-l-admin"), 429, LIMITED)


async def test_05_limits_differ_by_model(bench: Bench) -> None:
    gate = await bench.gateway(example("05"))
    assert await statuses(gate, 5, "gpt-other", "sk-l-admin") == [200] * 4 + [429]
    for model in ("gem-pro-002", "gem-pro-latest-gpt"):
        assert await statuses(gate, 6, model, "sk-l-admin") == [200] * 6


async def test_05_a_prompt_beyond_the_limit_is_413(bench: Bench) -> None:
    gate = await bench.gateway(example("05"))
    fits, too_long = ([{"role": "user", "content": "x" * size}] for size in (400, 404))
    assert (await gate.chat("gpt-tpr", "sk-l-admin", messages=fits)).status == 200
    reply = await gate.chat("gpt-tpr", "sk-l-admin", messages=too_long)
    says(reply, 413, f"The request body is too long, {NOBODY}gpt-tpr")


async def test_05_upper_case_names_are_aliases(bench: Bench) -> None:
    gate = await bench.gateway(example("05"))
    assert await statuses(gate, 5, "gpt-upper", "sk-l-admin") == [200] * 4 + [429]


async def test_05_a_callers_limit_is_by_model_and_its_own(bench: Bench) -> None:
    gate = await bench.gateway(example("05"))
    assert await statuses(gate, 3, "gpt-rr", "sk-l-user") == [200, 200, 429]
    assert await statuses(gate, 4, "gpt-smart", "sk-l-user") == [200] * 3 + [429]
    assert await statuses(gate, 1, "gpt-rr", "sk-l-admin") == [200]
    assert (await gate.get("/v1/models", "sk-l-user")).status == 200
    says(await gate.chat("gpt-rr", "sk-l-user"), 429, "Too many requests")


async def test_05_several_limits_hold_together(bench: Bench) -> None:
    gate = await bench.gateway(example("05"))
    assert await statuses(gate, 6, "gpt-smart", "sk-l-multi") == [200] * 5 + [429]
    wider = await bench.gateway(example("05", ("5/min,6/hour", "60/min,6/hour")))
    assert await statuses(wider, 7, "gpt-smart", "sk-l-multi") == [200] * 6 + [429]


async def test_05_the_old_name_of_the_limit_counts(bench: Bench) -> None:
    gate = await bench.gateway(example("05"))
    assert await statuses(gate, 3, "gpt-smart", "sk-l-old") == [200, 200, 429]


async def test_05_the_global_limit_counts_every_request_of_every_key(bench: Bench) -> None:
    gate = await bench.gateway(example("05", ("600/min,100000/day", "2/min")))
    assert (await gate.get("/v1/models", "sk-l-admin")).status == 200
    assert await statuses(gate, 1, "gpt-smart", "sk-l-multi") == [200]
    says(await gate.get("/v1/models", "sk-l-user"), 429, "Too many requests")
