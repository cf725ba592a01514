"""Who may ask for objects, how often, and that a line is left of it."""

import asyncio

import pytest

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.base.money import NanoUsd
from headgate.relay.object_visit import visiting
from headgate.relay.objects import ObjectCall
from headgate.relay.stages import Stages
from headgate.snapshot.facts import Key, LimitTable, RateLimit, Window
from tests.calls import call
from tests.facts import key, offer
from tests.relay.test_objects import keeping
from tests.relay.upstreams import FakePool, Records, stages

ROUTES = [offer(keeping("a"))]
KEY = key(ROUTES)
COUNTED = key(ROUTES, credits=NanoUsd(1_000))
MODERATED = key(ROUTES, moderation=True)
ONCE = key(ROUTES, limits=LimitTable(default=RateLimit((Window(1, 60.0),))))


def asking(method: str = "POST", path: str = "/files") -> ObjectCall:
    return ObjectCall(call=call(model="", fields={}), method=method, path=path, query="")


async def visited(joined: Stages, asked: ObjectCall) -> None:
    async with visiting("sk-1", asked, joined) as visit:
        visit.outcome = "done"


async def refusal(of: Key, asked: ObjectCall) -> FailureKind:
    with pytest.raises(RelayError) as caught:
        await visited(stages(FakePool(), of), asked)
    return caught.value.failure.kind


async def test_request_leaves_a_record() -> None:
    records = Records()
    await visited(stages(FakePool(), KEY, records=records), asking())
    (record,) = records.kept
    assert (record.operation, record.outcome, record.status) == ("objects", "done", 200)
    assert (record.key_id, record.cost) == (KEY.key_id, 0)


async def test_failure_is_in_the_record() -> None:
    records = Records()
    failure = Failure(kind=FailureKind.NOT_FOUND, message="No such object: x")
    with pytest.raises(RelayError):
        async with visiting("sk-1", asking(), stages(FakePool(), KEY, records=records)):
            raise RelayError(failure)
    assert [(each.outcome, each.status) for each in records.kept] == [("failed", 404)]


async def test_caller_that_hangs_up_is_in_the_record() -> None:
    records = Records()
    with pytest.raises(asyncio.CancelledError):
        async with visiting("sk-1", asking(), stages(FakePool(), KEY, records=records)):
            raise asyncio.CancelledError
    assert [(each.outcome, each.status) for each in records.kept] == [("client_gone", 499)]


async def test_keys_limit_holds() -> None:
    joined = stages(FakePool(), ONCE)
    await visited(joined, asking("GET"))
    with pytest.raises(RelayError) as caught:
        await visited(joined, asking("GET"))
    assert caught.value.failure.kind is FailureKind.RATE_LIMITED


async def test_key_without_credits_makes_nothing_new_and_sees_what_it_has() -> None:
    broke = key(ROUTES, credits=NanoUsd(0))
    assert await refusal(broke, asking()) is FailureKind.BALANCE_EXHAUSTED
    await visited(stages(FakePool(), broke), asking("GET", "/files/file-abc123"))


@pytest.mark.parametrize("of", [COUNTED, MODERATED])
@pytest.mark.parametrize(
    "path",
    ["/batches", "/fine_tuning/jobs", "/threads/runs", "/threads/thread_1/runs"],
)
async def test_job_that_nobody_can_count_or_check_is_not_started(of: Key, path: str) -> None:
    assert await refusal(of, asking("POST", path)) is FailureKind.FORBIDDEN
    await visited(stages(FakePool(), KEY), asking("POST", path))


async def test_job_under_way_can_be_stopped_and_files_can_be_stored() -> None:
    for path in ("/batches/batch_1/cancel", "/files", "/threads/thread_1/runs/run_1/cancel"):
        await visited(stages(FakePool(), COUNTED), asking("POST", path))


async def test_nothing_is_held_behind_it() -> None:
    joined = stages(FakePool(), COUNTED)
    for _ in range(3):
        await visited(joined, asking())
    hold = await joined.ledger.reserve(COUNTED, "h", NanoUsd(1_000))
    assert hold is not None
    assert hold.amount == 1_000
