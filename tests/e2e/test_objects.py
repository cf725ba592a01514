"""Files, batches, threads through the real gateway, asked for by the official OpenAI SDK.

Two channels share the work, two keys share the channels: an object is found at the account that
made it, and by its own key alone.
"""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest

from tests.e2e.harness import KEY, Bench, Gate

OTHER = "sk-test-other-0002"
CONFIG = f"""
providers:
  - provider: one
    base_url: LAB/one/v1/chat/completions
    api: [up-1, up-2, up-3]
    model: [gpt-4o]
  - provider: two
    base_url: LAB/two/v1/chat/completions
    api: up-1
    model: [gpt-4o]
api_keys:
  - api: {KEY}
    model: [one/*, two/*]
  - api: {OTHER}
    model: [two/*, one/*]
"""


def client(gate: Gate, key: str = KEY) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{gate.url}/v1", api_key=key, max_retries=0)


async def uploaded(sdk: openai.AsyncOpenAI, text: bytes = b'{"a": 1}\n') -> str:
    made = await sdk.files.create(file=("batch.jsonl", text), purpose="batch")
    return made.id


async def test_file_goes_and_comes_back_as_it_was(bench: Bench) -> None:
    gate = await bench.gateway(CONFIG)
    async with client(gate) as sdk:
        file_id = await uploaded(sdk, b"x" * 3_000_000)
        assert (await sdk.files.retrieve(file_id)).bytes == 3_000_000
        content = await sdk.files.content(file_id)
        assert len(content.content) > 0
        assert (await sdk.files.delete(file_id)).deleted
        with pytest.raises(openai.NotFoundError):
            await sdk.files.retrieve(file_id)
    assert set(bench.places) == {"one"}


async def test_object_is_asked_for_with_the_credential_that_made_it(bench: Bench) -> None:
    gate = await bench.gateway(CONFIG)
    async with client(gate) as sdk:
        file_id = await uploaded(sdk)
        made_by = bench.last.headers["authorization"]
        for _ in range(3):
            await sdk.files.retrieve(file_id)
            await sdk.chat.completions.create(
                model="gpt-4o", messages=[{"role": "user", "content": "turns the keys"}]
            )
            await uploaded(sdk)  # beside the others: what belongs together is at one account
        asked = [each for each in bench.lab.requests if "/files" in each.path]
        assert {each.headers["authorization"] for each in asked} == {made_by}
        chats = [each for each in bench.lab.requests if "/chat" in each.path]
        assert len({each.headers["authorization"] for each in chats}) > 1


async def test_batch_goes_where_its_file_is(bench: Bench) -> None:
    gate = await bench.gateway(CONFIG)
    async with client(gate, OTHER) as sdk:
        file_id = await uploaded(sdk)
        made = await sdk.batches.create(
            input_file_id=file_id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        assert (await sdk.batches.retrieve(made.id)).id == made.id
        await sdk.batches.cancel(made.id)
    assert set(bench.places) == {"two"}


async def test_key_sees_its_own_objects_only(bench: Bench) -> None:
    gate = await bench.gateway(CONFIG)
    async with client(gate) as mine, client(gate, OTHER) as theirs:
        file_ids = [await uploaded(mine) for _ in range(3)]
        assert [each.id async for each in mine.files.list()] == file_ids[::-1]
        page = await mine.files.list(limit=2, order="asc")
        assert [each.id for each in page.data] == file_ids[:2]
        assert page.has_more
        assert [each.id async for each in theirs.files.list()] == []
        for ask in (theirs.files.retrieve, theirs.files.content, theirs.files.delete):
            with pytest.raises(openai.NotFoundError, match="No such object"):
                await ask(file_ids[0])
        with pytest.raises(openai.NotFoundError, match=file_ids[0]):
            await theirs.batches.create(
                input_file_id=file_ids[0],
                endpoint="/v1/chat/completions",
                completion_window="24h",
            )


async def test_thread_keeps_to_its_account(bench: Bench) -> None:
    gate = await bench.gateway(CONFIG)
    async with client(gate) as sdk:
        with pytest.warns(DeprecationWarning):
            assistant = await sdk.beta.assistants.create(model="gpt-4o")
            thread = await sdk.beta.threads.create()
            await sdk.beta.threads.messages.create(thread.id, role="user", content="hi")
            run = await sdk.beta.threads.runs.create(thread.id, assistant_id=assistant.id)
            again = await sdk.beta.threads.runs.retrieve(run.id, thread_id=thread.id)
    assert again.id == run.id
    assert set(bench.places) == {"one"}


async def test_upload_fails_over(bench: Bench) -> None:
    gate = await bench.gateway(CONFIG.replace("LAB/one/", "LAB/503/"))
    async with client(gate) as sdk:
        file_id = await uploaded(sdk)
        assert (await sdk.files.retrieve(file_id)).id == file_id
    assert bench.places == ["503", "two", "two"]


async def test_key_without_such_a_channel_is_told(bench: Bench) -> None:
    gate = await bench.gateway(
        f"""
        providers:
          - provider: claude
            base_url: LAB/c/v1/messages
            api: up
            model: [claude]
        api_keys: [{{api: {KEY}}}]
        """
    )
    reply = await gate.get("/v1/files")
    assert (reply.status, reply.json["data"]) == (200, [])
    reply = await gate.post("/v1/batches", {"endpoint": "/v1/embeddings"})
    assert (reply.status, reply.error) == (404, "No channel of this key keeps batches.")


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/files/file-unknown", 404), ("/v1/vector_stores/vs_1/search", 404), ("/files", 401)],
)
async def test_what_is_not_there_is_told(bench: Bench, path: str, status: int) -> None:
    gate = await bench.gateway(CONFIG)
    key: Any = None if status == 401 else KEY
    assert (await gate.get(path, key)).status == status
    assert bench.places == []


async def test_no_spelling_of_an_id_opens_another_keys_file(bench: Bench) -> None:
    gate = await bench.gateway(CONFIG)
    async with client(gate) as sdk:
        file_id = await uploaded(sdk)
    escaped = file_id.replace("-", "\\u002d").encode()
    chat = b'{"model":"gpt-4o","messages":[{"role":"user","content":[{"file":{"file_id":"%b"}}]}]}'
    asked = len(bench.places)
    for path, body in (
        ("/v1/batches", b'{"input_file_id":"%b"}' % escaped),
        ("/v1/containers", b'{"file_ids":["%b"]}' % escaped),
        ("/v1/chat/completions", chat % escaped),
    ):
        assert (await gate.post(path, body, OTHER)).status in (400, 404)
    for path in (f"/v1/files/{file_id}", f"/v1/files/x%2F..%2F{file_id}/content"):
        assert (await gate.get(path, OTHER)).status == 404
    assert len(bench.places) == asked


async def test_stranger_with_a_large_body_is_sent_away_before_it_is_read(bench: Bench) -> None:
    gate = await bench.gateway(CONFIG)
    host, _, port = gate.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = "POST /v1/files HTTP/1.1\r\nHost: a\r\nContent-Length: 500000000\r\n"
    writer.write(f"{head}Content-Type: multipart/form-data; boundary=b\r\n\r\n".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 401")
    writer.close()
