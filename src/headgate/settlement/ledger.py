"""Money is set aside before a request and settled after it.

`Ledger` is the port; `MemoryLedger` serves YAML mode, where a key may carry credits and nothing
outlives the process. A database brings its own behind the same port.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.base.money import NanoUsd
from headgate.snapshot.facts import Key


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Money set aside for one request. Its id is never used twice, and makes ending idempotent."""

    hold_id: str
    account_id: str
    amount: NanoUsd


class Ledger(Protocol):
    """Where holds are kept."""

    async def reserve(self, key: Key, hold_id: str, estimate: NanoUsd) -> Hold | None:
        """Set money aside, at most what the account has left. None: the account is unlimited.

        Errors: RelayError BALANCE_EXHAUSTED when nothing is left; ValueError when a hold of this
        id is open, for one of the two would never be paid.
        """

    async def settle(self, hold: Hold, amount: NanoUsd) -> None:
        """Charge what was used and give back the rest. A second call for a hold does nothing."""

    async def release(self, hold: Hold) -> None:
        """Give all back."""


class _Account:
    __slots__ = ("held", "spent")

    def __init__(self) -> None:
        self.spent = 0
        self.held = 0


class MemoryLedger:
    """Credits of keys, in this process.

    `enforces`: uni-api counts in its database, so without one (DISABLE_DATABASE) it lets all pass.
    """

    def __init__(self, *, enforces: bool = True) -> None:
        self._enforces = enforces
        self._accounts: dict[str, _Account] = {}
        self._open: dict[str, Hold] = {}

    async def reserve(self, key: Key, hold_id: str, estimate: NanoUsd) -> Hold | None:
        """Set aside what the estimate asks, or what is left if that is less."""
        if key.credits is None or not self._enforces:
            return None
        account = self._accounts.setdefault(key.key_id, _Account())
        available = key.credits - account.spent - account.held
        if available <= 0:
            raise RelayError(
                Failure(
                    kind=FailureKind.BALANCE_EXHAUSTED,
                    message="Balance is insufficient, please check your account.",
                )
            )
        if hold_id in self._open:
            raise ValueError(f"hold {hold_id} is open already")
        amount = NanoUsd(min(estimate, available))
        hold = Hold(hold_id=hold_id, account_id=key.key_id, amount=amount)
        account.held += amount
        self._open[hold_id] = hold
        return hold

    async def settle(self, hold: Hold, amount: NanoUsd) -> None:
        """Charge the account."""
        if self._open.pop(hold.hold_id, None) is None:
            return
        account = self._accounts[hold.account_id]
        account.held -= hold.amount
        account.spent += amount

    async def release(self, hold: Hold) -> None:
        """Give the hold back."""
        await self.settle(hold, NanoUsd(0))

    def spent(self, key: Key) -> NanoUsd:
        """What a key has used up since the process started."""
        account = self._accounts.get(key.key_id)
        return NanoUsd(account.spent if account is not None else 0)
