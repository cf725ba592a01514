"""The way of a request: admit, hold, plan, attempt, hand over, settle."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from headgate.base.failure import RelayError
from headgate.relay.call import Call
from headgate.relay.exchange import Exchange
from headgate.relay.journey import Journey
from headgate.relay.stages import Stages


@asynccontextmanager
async def relay(secret: str | None, call: Call, stages: Stages) -> AsyncIterator[Exchange]:
    """Hold an open exchange for as long as the edge writes it out; settle on the way out.

    Raises `RelayError` before the exchange is handed over, never after. The task that runs this
    is cancelled at most once (the caller hangs up, or the gateway stops), so the settling runs to
    its end.
    """
    journey = Journey(call, stages)
    try:
        await journey.admit(secret)
        await journey.hold()
        await journey.moderate()
        yield await journey.open()
    except RelayError as error:
        journey.failure = error.failure
        raise
    finally:
        await journey.settle()
