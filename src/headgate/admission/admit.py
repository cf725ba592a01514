"""From a caller's key to the right to run: who is it, what may it do, within which limits."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from headgate.admission.access import resolved_model
from headgate.admission.counters import Counters
from headgate.admission.key_directory import KeyDirectory, unauthenticated
from headgate.admission.rate_limit import (
    Allowance,
    check_global,
    check_key,
    check_prompt,
)
from headgate.snapshot.facts import Key, Snapshot


class Grant(msgspec.Struct, frozen=True):
    """The right to run one request."""

    key: Key
    model: str
    allowance: Allowance | None = None


class Gate:
    """Lets requests in."""

    def __init__(self, keys: KeyDirectory, counters: Counters) -> None:
        self._keys = keys
        self._counters = counters

    async def authenticate(self, secret: str | None, facts: Snapshot, now_s: float) -> Key:
        """Find the caller's key, and count the request against the limit of all keys.

        Errors: RelayError UNAUTHENTICATED, RATE_LIMITED.
        """
        key = await self._keys.find(secret, facts) if secret else None
        if key is None:
            raise unauthenticated(secret)
        await check_global(facts, self._counters, now_s)
        return key

    async def visit(self, secret: str | None, scope: str, facts: Snapshot, now_s: float) -> Key:
        """Let a request in that is for no model; `scope` stands for one where limits are named.

        Errors: RelayError UNAUTHENTICATED, RATE_LIMITED.
        """
        key = await self.authenticate(secret, facts, now_s)
        if key.limits is not None:
            limit = key.limits.limit_for(scope)
            await check_key(key, scope, limit, self._counters, now_s)
        return key

    def glance(self, secret: str | None, facts: Snapshot) -> None:
        """Refuse who certainly has no key, before anything of the request is read or counted.

        Errors: RelayError UNAUTHENTICATED.
        """
        if not secret or self._keys.is_unknown(secret, facts):
            raise unauthenticated(secret)

    async def admit(
        self,
        secret: str | None,
        model: str,
        facts: Snapshot,
        now_s: float,
        prompt_tokens: Callable[[], int],
    ) -> Grant:
        """Let a request for a model in. `prompt_tokens` is asked only where a limit wants to know.

        Errors: RelayError UNAUTHENTICATED, RATE_LIMITED, REQUEST_TOO_LARGE.
        """
        key = await self.authenticate(secret, facts, now_s)
        model = resolved_model(key, model)
        check_prompt(facts.settings.rate_limit, prompt_tokens)
        if key.limits is None or model not in key.routes:
            return Grant(key, model)
        limit = key.limits.limit_for(model)
        check_prompt(limit, prompt_tokens)
        return Grant(key, model, await check_key(key, model, limit, self._counters, now_s))
