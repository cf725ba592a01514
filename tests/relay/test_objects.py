"""Requests about objects go to the account that owns them, and nowhere else."""

from collections.abc import Sequence

import msgspec
import pytest
from msgspec.structs import replace

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.providers.provider import Operation
from headgate.relay.form import FormBody
from headgate.relay.objects import ObjectCall, Objects
from headgate.snapshot.facts import Channel, Endpoint, Key
from tests.calls import call
from tests.facts import channel, key, offer
from tests.relay.test_form import form
from tests.relay.upstreams import FakePool, FakeResponse, refused, stages

FILE = b'{"id":"file-abc123","object":"file"}'


def keeping(name: str, query: str = "", keys: Sequence[str] = ("k1",)) -> Channel:
    """A channel that keeps objects."""
    url = f"http://127.0.0.1:9/{name}/v1{query}"
    endpoints = {Operation.OBJECTS: (Endpoint(dialect="openai_chat", url=url),)}
    return channel(name, keys, endpoints=endpoints)


A, B = keeping("a", keys=("k1", "k2")), keeping("b")
KEY = key([offer(A), offer(B)])


def asking(method: str, path: str, body: bytes = b"", query: str = "") -> ObjectCall:
    return ObjectCall(
        call=call(model="", fields={}), method=method, path=path, query=query, body=body
    )


def told(pool: FakePool) -> list[str]:
    return [f"{request.method} {request.target}" for request in pool.asked]


async def made(pool: FakePool, of: Key = KEY) -> Objects:
    """Objects of a key that has made a file, at whichever channel answered."""
    objects = Objects(of, stages(pool, of))
    asked = asking("POST", "/files")
    answer = await objects.ask(asked)
    objects.note(asked, answer.attempt, FILE)
    return objects


@pytest.mark.parametrize(
    ("path", "object_id"),
    [
        ("/files", ""),
        ("/files/file-1/content", "file-1"),
        ("/fine_tuning/jobs", ""),
        ("/fine_tuning/jobs/ftjob-1/events", "ftjob-1"),
        ("/threads/runs", ""),
        ("/threads/thread_1/runs/run_1", "thread_1"),
        ("/responses/resp_1/cancel", "resp_1"),
    ],
)
def test_path_names_an_object_or_none(path: str, object_id: str) -> None:
    assert asking("GET", path).object_id == object_id


async def test_something_new_goes_to_the_first_who_can_and_fails_over() -> None:
    pool = FakePool(refused(503), FakeResponse(FILE))
    await made(pool)
    assert told(pool) == ["POST /a/v1/files", "POST /b/v1/files"]


async def test_object_is_asked_of_its_owner_with_the_callers_query() -> None:
    pool = FakePool(FakeResponse(FILE), FakeResponse(FILE))
    of = key([offer(keeping("c", "?api-version=1"))])
    objects = await made(pool, of)
    await objects.ask(asking("GET", "/files/file-abc123", query="expand=x"))
    assert told(pool)[1] == "GET /c/v1/files/file-abc123?api-version=1&expand=x"


async def test_credential_that_made_an_object_asks_for_it() -> None:
    pool = FakePool(*(FakeResponse(FILE) for _ in range(4)))
    objects = await made(pool)
    for _ in range(3):
        await objects.ask(asking("GET", "/files/file-abc123"))
    assert len({dict(request.headers)["authorization"] for request in pool.asked}) == 1


async def test_what_belongs_together_is_made_at_one_account() -> None:
    pool = FakePool(refused(503), FakeResponse(FILE), FakeResponse(FILE))
    objects = await made(pool)
    await objects.ask(asking("POST", "/vector_stores", b'{"name":"x"}'))
    assert told(pool)[2] == "POST /b/v1/vector_stores"


async def test_body_that_names_an_object_goes_to_its_owner() -> None:
    pool = FakePool(refused(503), FakeResponse(FILE), FakeResponse(FILE))
    objects = await made(pool)
    await objects.ask(asking("POST", "/batches", b'{"input_file_id":"file-abc123"}'))
    assert told(pool)[2] == "POST /b/v1/batches"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/files/file-other1", b""),
        ("DELETE", "/files/anything", b""),
        ("POST", "/batches", b'{"input_file_id":"file-other1"}'),
    ],
)
async def test_what_is_not_this_keys_is_not_there(method: str, path: str, body: bytes) -> None:
    pool = FakePool(FakeResponse(FILE))
    objects = await made(pool)
    with pytest.raises(RelayError) as caught:
        await objects.ask(asking(method, path, body))
    assert caught.value.failure.kind is FailureKind.NOT_FOUND
    assert len(pool.asked) == 1


async def test_objects_of_two_accounts_do_not_go_together() -> None:
    pool = FakePool(FakeResponse(FILE), refused(503), FakeResponse(FILE))
    objects = await made(pool)
    asked = asking("POST", "/files")
    answer = await objects.ask(asked)
    objects.note(asked, answer.attempt, b'{"id":"file-def456"}')
    with pytest.raises(RelayError, match="different accounts"):
        await objects.ask(asking("POST", "/batches", b'["file-abc123","file-def456"]'))


async def test_object_that_was_deleted_is_forgotten() -> None:
    objects = await made(FakePool(FakeResponse(FILE), FakeResponse(b"{}")))
    asked = asking("DELETE", "/files/file-abc123")
    answer = await objects.ask(asked)
    objects.note(asked, answer.attempt, b'{"id":"file-abc123","deleted":true}')
    assert objects.listed("files") == []
    with pytest.raises(RelayError):
        await objects.ask(asked)


async def test_ids_inside_an_answer_are_known_as_well() -> None:
    pool = FakePool(FakeResponse(FILE), FakeResponse(b"{}"), FakeResponse(FILE))
    objects = await made(pool)
    asked = asking("GET", "/files/file-abc123")
    answer = await objects.ask(asked)
    objects.note(asked, answer.attempt, b'{"output_file_id":"file-out999"}')
    await objects.ask(asking("GET", "/files/file-out999/content"))
    assert objects.listed("files") == ["file-abc123"]  # not the caller's own making


async def test_upstreams_refusal_is_told() -> None:
    objects = Objects(KEY, stages(FakePool(refused(400)), KEY))
    with pytest.raises(RelayError) as caught:
        await objects.ask(asking("POST", "/batches", b"{}"))
    assert caught.value.failure.http_status == 400


async def test_key_without_such_a_channel_is_told() -> None:
    of = key([offer("plain")])
    with pytest.raises(RelayError, match="No channel of this key keeps vector stores") as caught:
        await Objects(of, stages(FakePool(), of)).ask(asking("POST", "/vector_stores"))
    assert caught.value.failure.kind is FailureKind.UNSUPPORTED_OPERATION


async def test_last_failure_is_told_when_nobody_takes_it() -> None:
    down = Failure(kind=FailureKind.UPSTREAM_UNREACHABLE, message="Unable to connect")
    with pytest.raises(RelayError, match="Unable to connect"):
        await Objects(KEY, stages(FakePool(down, down), KEY)).ask(asking("POST", "/files"))


# ---------------------------------------------------------------------- other keys' objects


async def is_refused(objects: Objects, asked: ObjectCall) -> FailureKind:
    with pytest.raises(RelayError) as caught:
        await objects.ask(asked)
    return caught.value.failure.kind


@pytest.mark.parametrize(
    "body",
    [
        rb'{"input_file_id":"file\u002dvictim1"}',
        rb'{"input_file_id":"\u0066ile-victim1"}',
        rb'{"input_file_id":"file\u002Dvictim1","input_file_id":"file-abc123"}',
        b'{"tool_resources":{"file_search":{"vector_store_ids":["vs_victim1"]}}}',
    ],
)
async def test_id_does_not_hide_in_a_body(body: bytes) -> None:
    pool = FakePool(FakeResponse(FILE))
    objects = await made(pool)
    assert await is_refused(objects, asking("POST", "/batches", body)) is FailureKind.NOT_FOUND
    assert len(pool.asked) == 1


async def test_tools_and_parameters_are_no_ids() -> None:
    pool = FakePool(FakeResponse(FILE))
    body = b'{"tools":[{"type":"file_search"}],"hyperparameters":{"batch_size":4}}'
    await Objects(KEY, stages(pool, KEY)).ask(asking("POST", "/assistants", body))
    assert len(pool.asked) == 1


@pytest.mark.parametrize("value", [b"file-victim1", b' ["file-victim1"]'])
async def test_id_does_not_hide_in_a_form(value: bytes) -> None:
    pool = FakePool(FakeResponse(FILE))
    objects = await made(pool)
    sent = form(("file_id", value))
    asked = ObjectCall(
        call=call(model="", form=sent),
        method="POST",
        path="/containers",
        query="",
        body=FormBody(sent, {}),
    )
    assert await is_refused(objects, asked) is FailureKind.NOT_FOUND


async def test_reference_in_a_form_is_a_plain_field() -> None:
    sent = form(("file_id", b"file-abc123", "image/png"))
    asked = ObjectCall(
        call=call(model="", form=sent),
        method="POST",
        path="/containers",
        query="",
        body=FormBody(sent, {}),
    )
    objects = Objects(KEY, stages(FakePool(), KEY))
    assert await is_refused(objects, asked) is FailureKind.INVALID_REQUEST


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/files/file-abc123/content", b'{"id":"file-victim1"}'),
        ("/files/file-abc123", b'{"metadata":{"file_id":"file-victim1"}}'),
        ("/files/file-abc123", b'{"text":{"value":"file-victim1"}}'),
    ],
)
async def test_words_of_a_caller_make_nothing_its_own(path: str, answer: bytes) -> None:
    objects = await made(FakePool(FakeResponse(FILE), FakeResponse(answer)))
    asked = asking("GET", path)
    objects.note(asked, (await objects.ask(asked)).attempt, answer)
    kind = await is_refused(objects, asking("GET", "/files/file-victim1/content"))
    assert kind is FailureKind.NOT_FOUND


async def test_what_another_key_was_given_is_never_this_keys() -> None:
    joined = stages(FakePool(*(FakeResponse(FILE) for _ in range(4))), KEY)
    theirs, mine = (Objects(replace(KEY, key_id=name), joined) for name in ("theirs", "mine"))
    made_by_them, made_by_me = asking("POST", "/files"), asking("POST", "/vector_stores")
    theirs.note(made_by_them, (await theirs.ask(made_by_them)).attempt, b'{"id":"0f-uuid"}')
    attempt = (await mine.ask(made_by_me)).attempt
    mine.note(made_by_me, attempt, b'{"id":"vs_mine111","file_id":"0f-uuid"}')
    for asked in (
        asking("GET", "/files/0f-uuid"),
        asking("POST", "/vector_stores/vs_mine111/files", b'{"file_id":"0f-uuid"}'),
        asking("GET", "/vector_stores/vs_mine111/files/0f-uuid"),
    ):
        assert await is_refused(mine, asked) is FailureKind.NOT_FOUND


async def test_part_of_a_keys_own_object_is_asked_for() -> None:
    pool = FakePool(FakeResponse(FILE), FakeResponse(b"{}"))
    objects = await made(pool)
    await objects.ask(asking("GET", "/files/file-abc123/runs/run_unseen1"))
    assert told(pool)[1].endswith("/runs/run_unseen1")


async def test_deleting_a_part_does_not_forget_the_whole() -> None:
    objects = await made(FakePool(*(FakeResponse(FILE) for _ in range(3))))
    asked = asking("DELETE", "/files/file-abc123/parts")
    objects.note(asked, (await objects.ask(asked)).attempt, b"{}")
    await objects.ask(asking("GET", "/files/file-abc123"))


# ---------------------------------------------------------------------- models, credentials


async def test_model_must_be_the_keys() -> None:
    body = b'{"model":"dear"}'
    asked = ObjectCall(
        call=call(model="dear"), method="POST", path="/assistants", query="", body=body
    )
    objects = Objects(KEY, stages(FakePool(), KEY))
    assert await is_refused(objects, asked) is FailureKind.MODEL_NOT_FOUND


async def test_model_is_asked_for_by_its_name_upstream() -> None:
    of = key([offer(keeping("c"), "upstreams-name")], model="alias")
    fields = {"model": msgspec.Raw(b'"alias"'), "name": msgspec.Raw(b'"x"')}
    pool = FakePool(FakeResponse(b"{}"))
    asked = ObjectCall(
        call=call(model="alias", fields=fields),
        method="POST",
        path="/assistants",
        query="",
        body=b'{"model":"alias","name":"x"}',
    )
    await Objects(of, stages(pool, of)).ask(asked)
    assert pool.bodies == [{"model": "upstreams-name", "name": "x"}]


async def test_upstreams_error_does_not_tell_its_credential() -> None:
    secret = "0123456789abcdef"
    of = key([offer(keeping("c", keys=(secret,)))])
    answer = msgspec.json.encode({"error": {"message": f"bad key {secret}", "type": "x"}})
    objects = Objects(of, stages(FakePool(FakeResponse(answer, status=400)), of))
    with pytest.raises(RelayError) as caught:
        await objects.ask(asking("POST", "/batches", b"{}"))
    assert secret not in str(caught.value.failure)
