"""The official SDK finds the lab's endpoints that are no chat to be OpenAI's."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

import pytest
from openai import AsyncOpenAI, NotFoundError, RateLimitError

from headgate.lab.server import Lab, LabSettings, start_lab
from headgate.lab.wires.speech import audio

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
SOUND = bytes(range(256)) * 100
DIGEST = hashlib.sha256(SOUND).hexdigest()
HELLO = "ok1: Hello from the lab."


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    lab = await start_lab(LabSettings())
    yield lab
    await lab.close()


@pytest.fixture
async def client(lab: Lab) -> AsyncIterator[AsyncOpenAI]:
    async with client_at(lab, "ok1") as client:
        yield client


def client_at(lab: Lab, place: str) -> AsyncOpenAI:
    return AsyncOpenAI(api_key="k", base_url=f"{lab.url}/{place}/v1", max_retries=0, timeout=30)


async def test_images(client: AsyncOpenAI) -> None:
    reply = await client.images.generate(model="gpt-image-1", prompt="a cat", size="256x256", n=2)
    assert reply.usage is not None
    assert (len(reply.data or []), reply.usage.total_tokens) == (2, 546)
    file = ("a.mp3", SOUND)
    kinds = [
        event.type
        async for event in await client.images.edit(
            model="gpt-image-1", prompt="x", image=file, stream=True, partial_images=1
        )
    ]
    assert kinds == ["image_edit.partial_image", "image_edit.completed"]
    varied = await client.images.create_variation(image=file)
    assert DIGEST in str((varied.data or [])[0].revised_prompt)


async def test_audio(client: AsyncOpenAI) -> None:
    spoken = await client.audio.speech.create(model="tts-1", input="hello", voice="alloy")
    assert spoken.content == b"".join(audio("ok1", "hello"))
    file = ("a.mp3", SOUND)
    heard = await client.audio.transcriptions.create(model="whisper-1", file=file)
    assert DIGEST in heard.text
    text = await client.audio.transcriptions.create(
        model="whisper-1", file=file, response_format="srt"
    )
    assert DIGEST in text
    pieces = [
        event
        async for event in await client.audio.transcriptions.create(
            model="gpt-4o-transcribe", file=file, stream=True
        )
    ]
    assert (len(pieces), pieces[-1].type) == (9, "transcript.text.done")
    assert DIGEST in (await client.audio.translations.create(model="whisper-1", file=file)).text


async def test_files_and_batches(client: AsyncOpenAI, lab: Lab) -> None:
    lines = b'{"custom_id":"1","body":{"model":"m"}}\n'
    file = await client.files.create(file=("in.jsonl", lines), purpose="batch")
    assert (await client.files.content(file.id)).content == lines
    assert [each.id async for each in client.files.list()] == [file.id]
    made = await client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    done = await client.batches.retrieve(made.id)
    assert (done.status, done.output_file_id is not None) == ("completed", True)
    async with client_at(lab, "ok2") as elsewhere:
        with pytest.raises(NotFoundError):
            await elsewhere.batches.retrieve(made.id)
    job = await client.fine_tuning.jobs.create(model="m", training_file=file.id)
    assert (await client.fine_tuning.jobs.cancel(job.id)).status == "cancelled"
    assert (await client.files.delete(file.id)).deleted


async def test_uploads_and_vector_stores(client: AsyncOpenAI) -> None:
    upload = await client.uploads.upload_file_chunked(
        file=SOUND, filename="u", bytes=len(SOUND), mime_type="a/b", purpose="assistants",
        part_size=10_000,
    )  # fmt: skip
    assert upload.file is not None
    assert (await client.files.content(upload.file.id)).content == SOUND
    store = await client.vector_stores.create(name="v")
    await client.vector_stores.files.create(store.id, file_id=upload.file.id)
    hits = [hit.file_id async for hit in client.vector_stores.search(store.id, query="q")]
    assert hits == [upload.file.id]


async def test_assistants(client: AsyncOpenAI) -> None:
    assistant = await client.beta.assistants.create(model="m")
    thread = await client.beta.threads.create()
    await client.beta.threads.messages.create(thread.id, role="user", content="hi")
    run = await client.beta.threads.runs.create_and_poll(
        thread_id=thread.id, assistant_id=assistant.id
    )
    assert run.status == "completed"
    async with client.beta.threads.runs.stream(
        thread_id=thread.id, assistant_id=assistant.id
    ) as stream:
        assert "".join([text async for text in stream.text_deltas]) == HELLO
    assert len([each async for each in client.beta.threads.messages.list(thread.id)]) == 3


async def test_realtime(client: AsyncOpenAI) -> None:
    async with client.realtime.connect(model="gpt-realtime") as session:
        await session.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        await session.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "hi"}],
            }
        )
        await session.response.create()
        said, tokens = "", None
        async for event in session:
            if event.type == "response.output_text.delta":
                said += event.delta
            if event.type == "response.done":
                tokens = event.response.usage and event.response.usage.total_tokens
                break
        assert (said, tokens) == (HELLO, 6)


async def test_responses_over_a_websocket(client: AsyncOpenAI) -> None:
    async with client.responses.connect() as connection:
        await connection.response.create(model="m", input="hi")
        async for event in connection:
            if event.type == "response.completed":
                assert event.response.output_text == HELLO
                break


async def test_a_place_refuses_here_too(lab: Lab) -> None:
    async with client_at(lab, "e429") as client:
        with pytest.raises(RateLimitError):
            await client.audio.speech.create(model="tts-1", input="hello", voice="alloy")
