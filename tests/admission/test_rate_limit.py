"""A key's limits by model, and the one of all keys (`uni-api.md` 1.6; 6.2, cases 59 to 63)."""

import pytest

from headgate.admission.counters import MemoryCounters
from headgate.admission.rate_limit import Allowance, check_global, check_key
from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.snapshot.facts import Key, LimitTable, RateLimit, Settings, Snapshot, Window
from tests.facts import key


def limit(*windows: tuple[int, float]) -> RateLimit:
    return RateLimit(tuple(Window(*window) for window in windows))


def limited(key_id: str = "k", **limits: RateLimit) -> Key:
    default = limits.pop("default", None)
    return key([], key_id=key_id, limits=LimitTable(tuple(limits.items()), default))


async def counted(of: Key, model: str, counters: MemoryCounters, now_s: float) -> Allowance | None:
    limit = of.limits.limit_for(model) if of.limits is not None else None
    return await check_key(of, model, limit, counters, now_s)


async def allowed(of: Key, models: list[str]) -> list[bool]:
    """Whether each of these requests, all at once, gets through."""
    counters, through = MemoryCounters(), []
    for model in models:
        try:
            await counted(of, model, counters, 0.0)
            through.append(True)
        except RelayError:
            through.append(False)
    return through


async def refusal(of: Key, now_s: float) -> Failure:
    counters = MemoryCounters()
    await counted(of, "gpt", counters, 0.0)
    with pytest.raises(RelayError) as refused:
        await counted(of, "gpt", counters, now_s)
    return refused.value.failure


async def test_each_model_has_its_own_window() -> None:
    of = limited(gpt=limit((2, 60.0)), default=limit((3, 60.0)))
    assert await allowed(of, ["gpt"] * 3) == [True, True, False]
    assert await allowed(of, ["a", "b"] * 3) == [True] * 6
    assert await allowed(of, ["a"] * 4) == [True, True, True, False]


async def test_keys_are_apart() -> None:
    counters = MemoryCounters()
    for key_id in ("one", "two"):
        await counted(limited(key_id, default=limit((1, 60.0))), "gpt", counters, 0.0)


async def test_refusal_is_told_in_the_words_that_scripts_match() -> None:
    failure = await refusal(limited(default=limit((1, 60.0))), 20.5)
    assert (failure.kind, failure.http_status) == (FailureKind.RATE_LIMITED, 429)
    assert failure.message == "Too many requests"
    assert failure.retry_after_s == 40


async def test_wait_is_never_told_as_nothing() -> None:
    assert (await refusal(limited(default=limit((1, 60.0))), 59.999)).retry_after_s == 1


async def test_allowance_is_what_is_left_after_this_request() -> None:
    of = limited(default=limit((15, 60.0), (10, 86_400.0)))
    assert await counted(of, "gpt", MemoryCounters(), 0.0) == Allowance(10, 9, 86_400.0)


@pytest.mark.parametrize(
    "of",
    [
        key([]),
        limited(other=limit((1, 60.0))),
        limited(default=RateLimit(tokens_per_request=10)),
    ],
)
async def test_key_without_a_limit_on_the_model_is_not_counted(of: Key) -> None:
    counters = MemoryCounters()
    for _ in range(3):
        assert await counted(of, "gpt", counters, 0.0) is None


async def test_limit_of_all_keys_is_one() -> None:
    facts = Snapshot(
        version=1, keys={}, channels=(), settings=Settings(rate_limit=limit((2, 60.0)))
    )
    counters = MemoryCounters()
    for _ in range(2):
        await check_global(facts, counters, 0.0)
    with pytest.raises(RelayError, match="Too many requests"):
        await check_global(facts, counters, 0.0)


async def test_without_a_limit_of_all_keys_nobody_is_counted() -> None:
    counters = MemoryCounters()
    for _ in range(3):
        await check_global(Snapshot(version=1, keys={}, channels=()), counters, 0.0)
