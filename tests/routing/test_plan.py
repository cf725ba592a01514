"""Who may serve a request, and in which order (`uni-api.md` 3.1; 6.2, cases 1 to 17, 39 to 43)."""

from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.providers.provider import Operation, Provider
from headgate.routing.health import Health
from headgate.routing.plan import Need, Plan, Rotation, Router, fits, leaves
from headgate.snapshot.facts import (
    Channel,
    Key,
    Offer,
    RateLimit,
    RequestRule,
    Route,
    RouteGroup,
    Strategy,
)
from tests.facts import channel, key, offer

RR = Strategy.ROUND_ROBIN
DOWN = Failure(kind=FailureKind.UPSTREAM_ERROR, message="", status=500)

A, B, C = offer("a"), offer("b"), offer("c")


def need(**changes: Any) -> Need:
    facts: dict[str, Any] = {
        "model": "gpt",
        "operation": Operation.CHAT,
        "path": "/v1/chat/completions",
        "body_bytes": 100,
    }
    return Need(**(facts | changes))


def router(health: Health | None = None) -> Router:
    return Router(health or Health(), Random(7))


def names(plan: Plan) -> str:
    return "".join(offer.channel.name for offer in plan.offers)


def planned(of: Key, **changes: Any) -> str:
    """Channels in the order of trying."""
    return names(router().plan(of, need(**changes), 0.0))


def first_choices(of: Key, turns: int) -> str:
    """First choices of consecutive requests."""
    asked = router()
    return "".join(asked.plan(of, need(), 0.0).offers[0].channel.name for _ in range(turns))


def refusal(of: Key, **changes: Any) -> Failure:
    with pytest.raises(RelayError) as refused:
        router().plan(of, need(**changes), 0.0)
    return refused.value.failure


def resting(*offers: Offer, now_s: float = 0.0) -> Health:
    """Health in which these offers rest, the first one longest."""
    health = Health()
    for ago_s, of in enumerate(offers):
        only = of.channel.credentials[0]
        health.failed(of, only, DOWN, alternatives=2, now_s=now_s - ago_s)
    return health


def group(routes: Sequence[Offer | Route | RouteGroup], label: str, **changes: Any) -> RouteGroup:
    """Make another key, used as a channel."""
    made = tuple(Route(offer=route) if isinstance(route, Offer) else route for route in routes)
    return RouteGroup(
        key_label=label, strategy=changes.pop("strategy", Strategy.FIXED_PRIORITY), routes=made
    )


# ---------------------------------------------------------------- order


def test_rules_order_is_the_order_of_trying() -> None:
    assert planned(key([B, A])) == "ba"


def test_fixed_priority_starts_at_the_first_each_time() -> None:
    assert first_choices(key([A, B]), 3) == "aaa"


def test_round_robin_takes_turns() -> None:
    assert first_choices(key([A, B, C], strategy=RR), 5) == "abcab"


def test_one_keys_turns_are_not_disturbed_by_another() -> None:
    asked = router()
    mine, other = (key([A, B, C], strategy=RR, key_id=name) for name in ("mine", "other"))
    choices = ""
    for _ in range(4):
        choices += names(asked.plan(mine, need(), 0.0))[0]
        asked.plan(other, need(), 0.0)
    assert choices == "abca"


def test_turns_of_models_are_apart() -> None:
    of = key([A, B], strategy=RR)
    of = Key(
        key_id="k",
        role="user",
        is_admin=False,
        strategy=RR,
        routes={"gpt": of.routes["gpt"], "other": of.routes["gpt"]},
    )
    asked = router()
    models = ["gpt", "other", "gpt", "other"]
    assert "".join(names(asked.plan(of, need(model=m), 0.0))[0] for m in models) == "aabb"


def test_weights_are_followed() -> None:
    routes = [Route(offer=A, weight=2), Route(offer=B, weight=1)]
    assert first_choices(key(routes, strategy=Strategy.WEIGHTED_ROUND_ROBIN), 6) == "abaaba"


def test_route_without_weight_is_the_last_resort() -> None:
    routes = [Route(offer=C), Route(offer=A, weight=5), Route(offer=B, weight=1)]
    assert planned(key(routes, strategy=Strategy.WEIGHTED_ROUND_ROBIN)) == "abc"


def test_route_named_twice_is_tried_once_but_takes_two_turns() -> None:
    of = key([A, B, A], strategy=RR)
    assert planned(of) == "ab"
    assert Counter(first_choices(of, 6)) == {"a": 4, "b": 2}


# ---------------------------------------------------------------- another key as a channel


def test_key_as_a_channel_keeps_its_own_order_before_what_follows() -> None:
    pool = group([A, B], "pool")
    assert planned(key([pool, C])) == "abc"


def test_random_pool_stays_together() -> None:
    of = key([group([A, B], "pool", strategy=Strategy.RANDOM), C])
    asked = router()
    orders = {names(asked.plan(of, need(), 0.0)) for _ in range(40)}
    assert orders == {"abc", "bac"}


def test_pool_inside_a_pool_is_followed() -> None:
    inner = group([B, C], "inner")
    assert planned(key([group([inner, A], "outer")])) == "bca"


def test_pool_that_takes_turns_gives_each_of_its_channels_one() -> None:
    # The pool is first every other time; turns taken while it only stands by would make its own
    # two channels alternate in step with that, and b would never be first.
    of = key([group([A, B], "pool", strategy=RR), C], strategy=RR)
    assert first_choices(of, 8) == "acbcacbc"


def test_turns_of_a_pool_are_those_of_the_key_that_uses_it() -> None:
    asked = router()
    pool = group([A, B], "pool", strategy=RR)
    mine, other = key([pool], key_id="mine"), key([pool], key_id="other")
    choices = ""
    for _ in range(4):
        choices += names(asked.plan(mine, need(), 0.0))[0]
        asked.plan(other, need(), 0.0)
    assert choices == "abab"


def test_pool_without_a_healthy_channel_takes_no_turn() -> None:
    of = key([group([A], "pool"), B, C], strategy=RR)
    asked = router(resting(A))
    choices = [names(asked.plan(of, need(), 1.0)) for _ in range(3)]
    assert choices == ["bc", "cb", "bc"]


# ---------------------------------------------------------------- health


def test_resting_channel_is_left_out() -> None:
    plan = router(resting(A)).plan(key([A, B]), need(), 1.0)
    assert (names(plan), plan.channels, plan.rest) == ("b", 2, None)


def test_channel_that_has_rested_is_back() -> None:
    assert names(router(resting(A)).plan(key([A, B]), need(), 300.0)) == "ab"


def test_when_all_rest_the_one_that_is_ready_first_is_tried() -> None:
    plan = router(resting(A, B, C)).plan(key([A, B, C]), need(), 1.0)
    assert names(plan) == "c"
    assert plan.rest is not None
    assert "500" in plan.rest.reason


def test_only_channel_is_tried_although_it_rests() -> None:
    plan = router(resting(A)).plan(key([A]), need(), 1.0)
    assert names(plan) == "a"
    assert plan.rest is not None


def test_channels_are_counted_by_name() -> None:
    same = channel("a")
    plan = router().plan(key([offer(same), offer(same, alias="other")]), need(), 0.0)
    assert (names(plan), plan.channels) == ("aa", 1)


# ---------------------------------------------------------------- filters


def test_model_that_nobody_offers_is_named() -> None:
    failure = refusal(key([A]), model="gpt-b")
    assert failure.http_status == 404
    assert failure.message == "No available providers at the moment: gpt-b"
    assert failure.param == "model"


def test_channel_that_cannot_do_what_is_asked_is_left_out() -> None:
    unable = offer(channel("a", endpoints={}))
    assert planned(key([unable, B])) == "b"


def test_legacy_completion_may_go_to_a_chat_endpoint() -> None:
    assert planned(key([A]), operation=Operation.COMPLETIONS) == "a"


def test_refusal_of_an_operation_tells_which_release_brings_it() -> None:
    provider = Provider(name="cohere", missing="Its own wire comes with release 0.4.")
    unable = offer(channel("a", endpoints={}, provider=provider))
    failure = refusal(key([unable, offer(channel("b", endpoints={}, provider=provider))]))
    assert failure.kind is FailureKind.UNSUPPORTED_OPERATION
    assert failure.message == (
        "No channel that offers gpt can do chat. Its own wire comes with release 0.4."
    )


EXCLUDING: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    (
        {"exclude_endpoints": frozenset({"/v1/responses/compact"})},
        {"path": "/v1/responses/compact/"},
        {"path": "/v1/responses"},
    ),
    (
        {"only_request_types": frozenset({"compaction"})},
        {"request_type": ""},
        {"request_type": "compaction"},
    ),
    (
        {"exclude_request_types": frozenset({"compaction"})},
        {"request_type": "compaction"},
        {"request_type": ""},
    ),
    (
        {
            "exclude_rules": (
                RequestRule(
                    match={
                        "endpoint": ("/v1/chat/*",),
                        "request_model": ("gpt*",),
                        "reasoning_effort": ("high", "xhigh"),
                    }
                ),
            )
        },
        {"reasoning_effort": "HIGH"},
        {"reasoning_effort": "low"},
    ),
    (
        {"exclude_rules": (RequestRule(match={"upstream_model": ("gpt",)}),)},
        {},
        {"path": "/v1/chat/completions", "model": "renamed"},
    ),
]


@pytest.mark.parametrize(("rules", "excluded", "served"), EXCLUDING)
def test_channel_is_skipped_for_what_its_rules_exclude(
    rules: dict[str, Any], excluded: dict[str, Any], served: dict[str, Any]
) -> None:
    ruled = channel("a", **rules)
    of = Key(
        key_id="k",
        role="user",
        is_admin=False,
        routes={
            "gpt": (Route(offer=offer(ruled)),),
            "renamed": (Route(offer=offer(ruled, "gpt-up", alias="renamed")),),
        },
    )
    assert refusal(of, **excluded).message == "No available providers at the moment: gpt"
    assert planned(of, **served) == "a"
    assert planned(key([offer(ruled), B]), **excluded) == "b"


@pytest.mark.parametrize("match", [{}, {"weather": ("*",)}])
def test_rule_that_says_nothing_known_excludes_nothing(match: dict[str, tuple[str, ...]]) -> None:
    ruled = channel("a", exclude_rules=(RequestRule(match=match),))
    assert planned(key([offer(ruled)])) == "a"


@pytest.mark.parametrize(
    ("most", "size", "served"),
    [(20_000_000, 20_000_000, "ab"), (20_000_000, 20_000_001, "b"), (None, 10**9, "ab")],
)
def test_body_that_is_too_large_for_a_channel_goes_to_another(
    most: int | None, size: int, served: str
) -> None:
    assert planned(key([offer(channel("a", max_body_bytes=most)), B]), body_bytes=size) == served


def test_body_that_is_too_large_for_all_is_refused() -> None:
    failure = refusal(key([offer(channel("a", max_body_bytes=10))]), body_bytes=11)
    assert failure.http_status == 413
    assert failure.message == "The request body is too large for all available providers: gpt"


def test_prompt_that_is_too_long_for_all_is_refused() -> None:
    short = offer("a", credential_limit=RateLimit(tokens_per_request=10))
    assert planned(key([short]), prompt_tokens=10) == "a"
    failure = refusal(key([short]), prompt_tokens=11)
    assert failure.http_status == 413
    assert failure.message == (
        "The request body is too long, No available providers at the moment: gpt"
    )


def test_size_speaks_last() -> None:
    # Excluded and too large: the request is not refused for a size that nobody else minds.
    excluded = channel("a", exclude_endpoints=frozenset({"/v1/chat/completions"}))
    small = channel("b", max_body_bytes=10)
    assert refusal(key([offer(excluded), offer(small)])).http_status == 413
    assert refusal(key([offer(excluded)])).http_status == 404


def test_excluded_channels_do_not_count_as_alternatives() -> None:
    excluded = offer(channel("a", exclude_endpoints=frozenset({"/v1/chat/completions"})))
    assert router().plan(key([excluded, B]), need(), 0.0).channels == 1


@pytest.mark.parametrize(
    ("value", "patterns", "fitting"),
    [
        ("GPT-4", ("gpt-4",), True),
        ("gpt-4o", ("gpt-4",), False),
        ("gpt-4o", ("gpt-4*",), True),
        ("", ("*",), True),
        ("x", (), False),
    ],
)
def test_patterns_are_text_prefix_or_anything(
    value: str, patterns: tuple[str, ...], fitting: bool
) -> None:
    assert fits(value, patterns) is fitting


# ---------------------------------------------------------------- always


def test_rotation_is_bounded() -> None:
    rotation = Rotation()
    for number in range(100_002):
        rotation.turn(f"k{number}", "gpt", counts=True)
    assert len(rotation._turns) <= 100_000


CHANNELS: list[Channel] = [channel(name) for name in "abcd"]
LEAVES = st.builds(
    Route,
    offer=st.sampled_from([offer(of) for of in CHANNELS]),
    weight=st.none() | st.integers(1, 9),
)
ROUTES = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        RouteGroup,
        key_label=st.sampled_from(["p", "q"]),
        strategy=st.sampled_from(Strategy),
        routes=st.lists(inner, min_size=1, max_size=3).map(tuple),
        weight=st.none() | st.integers(1, 9),
    ),
    max_leaves=6,
)


@given(
    st.lists(ROUTES, min_size=1, max_size=4),
    st.sampled_from(Strategy),
    st.sets(st.sampled_from(CHANNELS), max_size=3),
)
def test_every_healthy_channel_is_planned_once_and_no_other(
    routes: list[Route | RouteGroup], strategy: Strategy, ill: set[Channel]
) -> None:
    asked = router(resting(*(offer(of) for of in ill)))
    known = {offer.channel.name for offer in leaves(routes)}
    healthy = known - {of.name for of in ill}
    for _ in range(3):
        order = names(asked.plan(key(routes, strategy=strategy), need(), 1.0))
        if healthy:
            assert sorted(order) == sorted(healthy)
        else:
            assert len(order) == 1
            assert order in known
