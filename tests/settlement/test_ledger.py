"""Credits are never lost and never made up (`uni-api.md` 5.4; 6.2, case 99)."""

from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)

from headgate.base.failure import FailureKind, RelayError
from headgate.base.money import NanoUsd
from headgate.settlement.ledger import Hold, MemoryLedger
from headgate.snapshot.facts import Key
from tests.facts import key

T = TypeVar("T")

PLENTY = NanoUsd(10**18)


def with_credits(amount: int | None, key_id: str = "key1") -> Key:
    return key([], key_id=key_id, credits=amount)


def at_once(step: Coroutine[Any, Any, T]) -> T:
    """Run a step of the memory ledger, which never waits for anything."""
    try:
        step.send(None)
    except StopIteration as result:
        value: T = result.value
        return value
    raise AssertionError("the memory ledger waited")


def left(ledger: MemoryLedger, of: Key) -> int:
    """Ask what could still be set aside."""
    try:
        hold = at_once(ledger.reserve(of, "asks for all", PLENTY))
    except RelayError:
        return 0
    assert hold is not None
    at_once(ledger.release(hold))
    return hold.amount


async def test_key_without_credits_is_not_held_to_any() -> None:
    assert await MemoryLedger().reserve(with_credits(None), "h1", PLENTY) is None


async def test_ledger_that_enforces_nothing_holds_nobody_to_anything() -> None:
    assert await MemoryLedger(enforces=False).reserve(with_credits(0), "h1", PLENTY) is None


async def test_hold_is_what_the_request_may_cost() -> None:
    hold = await MemoryLedger().reserve(with_credits(100), "h1", NanoUsd(30))
    assert hold == Hold(hold_id="h1", account_id="key1", amount=NanoUsd(30))


async def test_last_money_may_be_spent_on_a_larger_request() -> None:
    hold = await MemoryLedger().reserve(with_credits(100), "h1", NanoUsd(300))
    assert hold is not None
    assert hold.amount == 100


@pytest.mark.parametrize("amount", [0, -5])
async def test_no_credits_means_no_request(amount: int) -> None:
    with pytest.raises(RelayError, match="Balance is insufficient, please check") as refused:
        await MemoryLedger().reserve(with_credits(amount), "h1", NanoUsd(1))
    assert refused.value.failure.kind is FailureKind.BALANCE_EXHAUSTED
    assert refused.value.failure.http_status == 429


async def test_money_held_for_one_request_is_not_there_for_the_next() -> None:
    ledger, of = MemoryLedger(), with_credits(100)
    await ledger.reserve(of, "h1", NanoUsd(100))
    with pytest.raises(RelayError):
        await ledger.reserve(of, "h2", NanoUsd(1))


async def test_released_money_can_be_spent() -> None:
    ledger, of = MemoryLedger(), with_credits(100)
    hold = await ledger.reserve(of, "h1", NanoUsd(100))
    assert hold is not None
    await ledger.release(hold)
    assert (left(ledger, of), ledger.spent(of)) == (100, 0)


async def test_a_hold_is_charged_once() -> None:
    ledger, of = MemoryLedger(), with_credits(100)
    hold = await ledger.reserve(of, "h1", NanoUsd(50))
    assert hold is not None
    for _ in range(2):
        await ledger.settle(hold, NanoUsd(20))
    await ledger.release(hold)
    assert (left(ledger, of), ledger.spent(of)) == (80, 20)


async def test_reply_that_cost_more_than_was_left_ends_the_credits() -> None:
    ledger, of = MemoryLedger(), with_credits(100)
    hold = await ledger.reserve(of, "h1", NanoUsd(100))
    assert hold is not None
    await ledger.settle(hold, NanoUsd(130))
    assert (left(ledger, of), ledger.spent(of)) == (0, 130)


async def test_one_id_is_never_two_holds() -> None:
    ledger = MemoryLedger()
    await ledger.reserve(with_credits(100), "h1", NanoUsd(10))
    with pytest.raises(ValueError, match="h1 is open"):
        await ledger.reserve(with_credits(100, "key2"), "h1", NanoUsd(10))


async def test_raised_credits_count_at_once() -> None:
    ledger = MemoryLedger()
    hold = await ledger.reserve(with_credits(100), "h1", NanoUsd(100))
    assert hold is not None
    await ledger.settle(hold, NanoUsd(100))
    assert left(ledger, with_credits(150)) == 50


class Accounting(RuleBasedStateMachine):
    """Any interleaving of requests, with the books kept a second time beside it."""

    holds: Bundle[Hold] = Bundle("holds")

    def __init__(self) -> None:
        super().__init__()
        self.ledger = MemoryLedger()
        self.keys = {name: with_credits(1000, name) for name in ("a", "b")}
        self.open: dict[str, Hold] = {}
        self.ended: list[Hold] = []
        self.spent = dict.fromkeys(self.keys, 0)
        self.count = 0

    @rule(target=holds, name=st.sampled_from(["a", "b"]), estimate=st.integers(0, 600))
    def reserve(self, name: str, estimate: int) -> Any:
        self.count += 1
        try:
            hold = at_once(
                self.ledger.reserve(self.keys[name], f"h{self.count}", NanoUsd(estimate))
            )
        except RelayError:
            assert self.expected_rest(name) <= 0
            return multiple()
        assert hold is not None
        assert hold.amount == min(estimate, self.expected_rest(name))
        self.open[hold.hold_id] = hold
        return hold

    @rule(hold=consumes(holds), cost=st.integers(0, 700))
    def settle(self, hold: Hold, cost: int) -> None:
        at_once(self.ledger.settle(hold, NanoUsd(cost)))
        self.end(hold, cost)

    @rule(hold=consumes(holds))
    def release(self, hold: Hold) -> None:
        at_once(self.ledger.release(hold))
        self.end(hold, 0)

    @rule(which=st.integers(0, 20), cost=st.integers(0, 700))
    def settle_again(self, which: int, cost: int) -> None:
        if self.ended:
            at_once(self.ledger.settle(self.ended[which % len(self.ended)], NanoUsd(cost)))

    def end(self, hold: Hold, cost: int) -> None:
        del self.open[hold.hold_id]
        self.ended.append(hold)
        self.spent[hold.account_id] += cost

    def expected_rest(self, name: str) -> int:
        held = sum(hold.amount for hold in self.open.values() if hold.account_id == name)
        assert held >= 0
        return 1000 - self.spent[name] - held

    @invariant()
    def books_agree(self) -> None:
        for name, of in self.keys.items():
            assert self.ledger.spent(of) == self.spent[name]
            assert left(self.ledger, of) == max(self.expected_rest(name), 0)


TestAccounting = Accounting.TestCase
