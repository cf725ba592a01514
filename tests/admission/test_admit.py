"""Only known keys get in, and only as often as they may (`uni-api.md` 6.2, cases 25, 62, 63)."""

from collections.abc import Awaitable

import pytest

from headgate.admission.admit import Gate
from headgate.admission.counters import MemoryCounters
from headgate.admission.key_directory import SnapshotKeys
from headgate.base.failure import FailureKind, RelayError
from headgate.snapshot.facts import Key, LimitTable, RateLimit, Settings, Snapshot, Window
from tests.facts import key, offer

TWO_A_MINUTE = RateLimit((Window(2, 60.0),))


def facts(of: Key, rate_limit: RateLimit | None = None) -> Snapshot:
    settings = Settings(rate_limit=rate_limit)
    return Snapshot(version=1, keys={"sk-1": of}, channels=(), settings=settings)


def gate() -> Gate:
    return Gate(SnapshotKeys(), MemoryCounters())


async def refusal(step: Awaitable[object]) -> FailureKind:
    with pytest.raises(RelayError) as refused:
        await step
    return refused.value.failure.kind


KEY = key([offer("a")])
LIMITED = key([offer("a")], limits=LimitTable(default=TWO_A_MINUTE))


def unmeasured() -> int:
    raise AssertionError("no limit asks for the prompt's length")


async def test_known_key_gets_in() -> None:
    grant = await gate().admit("sk-1", "gpt", facts(KEY), 0.0, unmeasured)
    assert (grant.key, grant.model, grant.allowance) == (KEY, "gpt", None)


@pytest.mark.parametrize("secret", [None, "", "sk-2", "sk-", "sk-11"])
async def test_unknown_key_does_not(secret: str | None) -> None:
    assert await refusal(gate().admit(secret, "gpt", facts(KEY), 0.0, unmeasured)) is (
        FailureKind.UNAUTHENTICATED
    )


async def test_star_is_resolved_before_limits_are_looked_up() -> None:
    grant = await gate().admit("sk-1", "g*", facts(LIMITED), 0.0, unmeasured)
    assert grant.model == "gpt"
    assert grant.allowance is not None


async def test_keys_limit_holds() -> None:
    asked, of = gate(), facts(LIMITED)
    for left in (1, 0):
        grant = await asked.admit("sk-1", "gpt", of, 0.0, unmeasured)
        assert grant.allowance is not None
        assert grant.allowance.remaining == left
    assert (
        await refusal(asked.admit("sk-1", "gpt", of, 59.0, unmeasured)) is FailureKind.RATE_LIMITED
    )
    await asked.admit("sk-1", "gpt", of, 60.0, unmeasured)


async def test_model_that_the_key_may_not_use_is_not_counted() -> None:
    # Model names come from callers: counting each would let them fill our memory.
    asked, of = gate(), facts(LIMITED)
    for number in range(5):
        grant = await asked.admit("sk-1", f"no-such-{number}", of, 0.0, unmeasured)
        assert grant.allowance is None


async def test_limit_of_all_keys_counts_every_request() -> None:
    asked, of = gate(), facts(KEY, rate_limit=TWO_A_MINUTE)
    await asked.authenticate("sk-1", of, 0.0)
    await asked.admit("sk-1", "gpt", of, 0.0, unmeasured)
    assert await refusal(asked.authenticate("sk-1", of, 1.0)) is FailureKind.RATE_LIMITED


async def test_unknown_keys_do_not_use_up_the_limit_of_all() -> None:
    asked, of = gate(), facts(KEY, rate_limit=TWO_A_MINUTE)
    for _ in range(5):
        await refusal(asked.admit("sk-2", "gpt", of, 0.0, unmeasured))
    await asked.admit("sk-1", "gpt", of, 0.0, unmeasured)


async def test_prompt_longer_than_the_keys_limit_is_refused_and_not_counted() -> None:
    limits = LimitTable(default=RateLimit((Window(1, 60.0),), tokens_per_request=10))
    of, asked = facts(key([offer("a")], limits=limits)), gate()
    too_long = asked.admit("sk-1", "gpt", of, 0.0, lambda: 11)
    assert await refusal(too_long) is FailureKind.REQUEST_TOO_LARGE
    assert (await asked.admit("sk-1", "gpt", of, 0.0, lambda: 10)).allowance is not None


async def test_visits_have_a_limit_of_their_own() -> None:
    asked, of = gate(), facts(LIMITED)
    for _ in range(2):
        assert await asked.visit("sk-1", "objects", of, 0.0) is LIMITED
    assert await refusal(asked.visit("sk-1", "objects", of, 0.0)) is FailureKind.RATE_LIMITED
    assert (await asked.admit("sk-1", "gpt", of, 0.0, unmeasured)).key is LIMITED
    assert await refusal(asked.visit("sk-2", "objects", of, 0.0)) is FailureKind.UNAUTHENTICATED


async def test_glance_tells_strangers_and_counts_nothing() -> None:
    asked, of = gate(), facts(LIMITED)
    for _ in range(3):
        asked.glance("sk-1", of)
    for secret in (None, "", "sk-2"):
        with pytest.raises(RelayError) as caught:
            asked.glance(secret, of)
        assert caught.value.failure.kind is FailureKind.UNAUTHENTICATED
    await asked.admit("sk-1", "gpt", of, 0.0, unmeasured)
