"""A key's own limits, and the one of all keys together."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import msgspec

from headgate.admission.counters import Counters
from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.snapshot.facts import Key, RateLimit, Snapshot

_EVERYBODY = "*"


class Allowance(msgspec.Struct, frozen=True):
    """What is left of the tightest limit after this request: for the rate-limit headers."""

    limit: int
    remaining: int
    reset_s: float


async def check_global(facts: Snapshot, counters: Counters, now_s: float) -> None:
    """Count any authenticated request, GETs included, against the limit of all keys together.

    Errors: RelayError RATE_LIMITED.
    """
    limit = facts.settings.rate_limit
    if limit is not None and limit.windows:
        await _take(_EVERYBODY, limit, counters, now_s)


async def check_key(
    key: Key, model: str, limit: RateLimit | None, counters: Counters, now_s: float
) -> Allowance | None:
    """Count a request for a model against the key's limit; each model has its own window.

    Errors: RelayError RATE_LIMITED.
    """
    if limit is None or not limit.windows:
        return None
    scope = f"{key.key_id}\n{model}"
    await _take(scope, limit, counters, now_s)
    return Allowance(*counters.remaining(scope, limit, now_s))


def check_prompt(limit: RateLimit | None, prompt_tokens: Callable[[], int]) -> None:
    """Refuse a prompt that is longer than a limit's `tpr` allows; it is measured only if one does.

    Errors: RelayError REQUEST_TOO_LARGE.
    """
    if limit is None or limit.tokens_per_request is None:
        return
    tokens = prompt_tokens()
    if tokens > limit.tokens_per_request:
        raise RelayError(
            Failure(
                kind=FailureKind.REQUEST_TOO_LARGE,
                message=f"The request body is too long: about {tokens} tokens, where "
                f"{limit.tokens_per_request} per request are allowed.",
            )
        )


async def _take(scope: str, limit: RateLimit, counters: Counters, now_s: float) -> None:
    wait_s = await counters.take(scope, limit, now_s)
    if wait_s > 0:
        # The text is uni-api's: scripts match it.
        raise RelayError(
            Failure(
                kind=FailureKind.RATE_LIMITED,
                message="Too many requests",
                retry_after_s=max(1, ceil(wait_s)),
                limit=counters.remaining(scope, limit, now_s)[0],
            )
        )
