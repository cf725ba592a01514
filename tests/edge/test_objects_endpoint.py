"""Objects over HTTP: what is passed on, what is listed, and responses that we keep ourselves."""

import asyncio
from typing import Any

import msgspec
import pytest

from headgate.edge.objects_endpoint import object_routes
from headgate.relay.stages import Stages
from tests.edge.wire import Answer, request, serving
from tests.relay.test_objects import FILE, KEY
from tests.relay.upstreams import CUT, FakePool, FakeResponse, refused, stages

BEARER = "Authorization: Bearer sk-1\r\n"
RESPONSE = msgspec.json.encode({"id": "resp_1", "output": [{"a": 1}]})


async def asked(joined: Stages, *wanted: tuple[str, str] | tuple[str, str, bytes]) -> list[Answer]:
    """Ask in turn: (method, target, body)."""
    async with serving(*object_routes(joined, ("/v1",))) as place:
        return [
            await place.ask(request(method, target, body[0] if body else b"", BEARER))
            for method, target, *body in wanted
        ]


def joined(*answers: Any) -> Stages:
    return stages(FakePool(*answers), KEY)


async def test_answer_is_passed_on_with_its_type() -> None:
    content = FakeResponse(b"one,", b"two", content_type=b"text/csv")
    made, read = await asked(
        joined(FakeResponse(FILE), content),
        ("POST", "/v1/batches", b"{}"),
        ("GET", "/v1/batches/file-abc123/content"),
    )
    assert (made.status, made.body) == (200, FILE)
    assert (read.body, read.headers["content-type"]) == (b"one,two", "text/csv")


async def test_list_holds_the_keys_own_objects_alone() -> None:
    empty, _, page = await asked(
        joined(FakeResponse(FILE), FakeResponse(FILE)),
        ("GET", "/v1/batches"),
        ("POST", "/v1/batches", b"{}"),
        ("GET", "/v1/batches?limit=1"),
    )
    assert msgspec.json.decode(empty.body)["data"] == []
    listed = msgspec.json.decode(page.body)
    assert listed["data"] == [msgspec.json.decode(FILE)]
    assert (listed["first_id"], listed["has_more"]) == ("file-abc123", False)


async def test_object_that_is_gone_upstream_is_left_out_of_the_list() -> None:
    *_, page = await asked(
        joined(FakeResponse(FILE), refused(404)),
        ("POST", "/v1/batches", b"{}"),
        ("GET", "/v1/batches"),
    )
    assert msgspec.json.decode(page.body)["data"] == []


async def test_response_that_we_keep_is_ours_to_show_and_delete() -> None:
    kept = joined()
    now_s = kept.clock.monotonic_s()
    fields = {"input": msgspec.Raw(b'"hi"')}
    kept.stores.conversations.remember("key1", fields, RESPONSE, now_s)
    shown, items, cancel, deleted, gone = await asked(
        kept,
        ("GET", "/v1/responses/resp_1"),
        ("GET", "/v1/responses/resp_1/input_items"),
        ("POST", "/v1/responses/resp_1/cancel", b"{}"),
        ("DELETE", "/v1/responses/resp_1"),
        ("GET", "/v1/responses/resp_1"),
    )
    assert shown.body == RESPONSE
    assert msgspec.json.decode(items.body)["data"][0]["content"] == "hi"
    assert cancel.status == 400
    assert msgspec.json.decode(deleted.body)["deleted"] is True
    assert gone.status == 404


@pytest.mark.parametrize(
    ("method", "target", "body", "status"),
    [
        ("GET", "/v1/files/file-other1", b"", 404),
        ("POST", "/v1/batches", b"{", 400),
    ],
)
async def test_refusals_are_told(method: str, target: str, body: bytes, status: int) -> None:
    (answer,) = await asked(joined(), (method, target, body))
    assert answer.status == status
    assert msgspec.json.decode(answer.body)["error"]["message"]


async def test_answer_that_breaks_off_is_seen_to() -> None:
    cut = FakeResponse(b"half", CUT, content_type=b"text/csv")
    with pytest.raises(asyncio.IncompleteReadError):
        await asked(
            joined(FakeResponse(FILE), cut),
            ("POST", "/v1/batches", b"{}"),
            ("GET", "/v1/batches/file-abc123/content"),
        )


async def test_nobody_without_a_key() -> None:
    async with serving(*object_routes(joined(), ("/v1",))) as place:
        assert (await place.ask(request("GET", "/v1/files"))).status == 401


@pytest.mark.parametrize(
    "target",
    [
        "/v1/batches/file-abc123/..%2Ffile-victim1/content",
        "/v1/batches/file-abc123%2F..%2Ffile-victim1",
        "/v1/batches/file%2Dabc123",
    ],
)
async def test_path_with_escapes_names_nothing(target: str) -> None:
    pool = FakePool(FakeResponse(FILE))
    _, answer = await asked(stages(pool, KEY), ("POST", "/v1/batches", b"{}"), ("GET", target))
    assert answer.status == 404
    assert len(pool.asked) == 1


async def test_callers_key_in_the_query_stays_here() -> None:
    pool = FakePool(FakeResponse(FILE))
    await asked(
        stages(pool, KEY), ("POST", "/v1/batches?key=sk-1&api-key=sk-1&%6bey=sk-1&x=1", b"{}")
    )
    assert pool.asked[0].target == "/a/v1/batches?x=1"


async def test_collection_cannot_be_deleted() -> None:
    (answer,) = await asked(joined(), ("DELETE", "/v1/files"))
    assert answer.status == 405


async def test_content_that_calls_itself_json_makes_nothing_the_callers() -> None:
    *_, answer = await asked(
        joined(FakeResponse(FILE), FakeResponse(b'{"id":"file-victim1"}')),
        ("POST", "/v1/batches", b"{}"),
        ("GET", "/v1/batches/file-abc123/content"),
        ("GET", "/v1/batches/file-victim1/content"),
    )
    assert answer.status == 404


async def test_event_that_comes_in_pieces_tells_its_ids() -> None:
    events = FakeResponse(b'data: {"id":"run_', b'abc123"}\n\n', content_type=b"text/event-stream")
    _, _, run = await asked(
        joined(FakeResponse(b'{"id":"thread_1"}'), events, FakeResponse(b"{}")),
        ("POST", "/v1/threads", b"{}"),
        ("POST", "/v1/threads/thread_1/runs", b"{}"),
        ("POST", "/v1/threads/thread_1/messages", b'{"run_id":"run_abc123"}'),
    )
    assert run.status == 200


async def test_failing_list_says_why() -> None:
    *_, page = await asked(
        joined(FakeResponse(FILE), refused(400, "not now")),
        ("POST", "/v1/batches", b"{}"),
        ("GET", "/v1/batches"),
    )
    assert page.status == 400
    assert b"not now" in page.body


@pytest.mark.parametrize("limit", ["9" * 5000, "0", "%D9%A3", "-1", "x"])
async def test_strange_limit_breaks_nothing(limit: str) -> None:
    (page,) = await asked(joined(), ("GET", f"/v1/files?limit={limit}"))
    assert page.status == 200


async def test_head_of_a_list_and_of_a_kept_response_is_that_of_a_get() -> None:
    kept = joined()
    fields = {"input": msgspec.Raw(b'"hi"')}
    kept.stores.conversations.remember("key1", fields, RESPONSE, kept.clock.monotonic_s())
    async with serving(*object_routes(kept, ("/v1",))) as place:
        for path in ("/v1/files", "/v1/responses/resp_1"):
            caller = await place.call()
            await caller.send(request("HEAD", path, b"", BEARER))
            assert (await caller.answer(to_head=True)).status == 200


@pytest.mark.parametrize("model", [b"5", b'""', b"{}"])
async def test_model_is_a_name(model: bytes) -> None:
    (answer,) = await asked(joined(), ("POST", "/v1/assistants", b'{"model":%b}' % model))
    assert answer.status == 400
