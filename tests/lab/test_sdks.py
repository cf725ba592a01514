"""The vendors' own clients run tool loops against the lab: their shapes are the real ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import cohere
import httpx
import openai
import pytest
from google import genai
from google.genai import types
from openai.types.responses import Response

from headgate.lab.server import Lab, LabSettings, start_lab
from tests.lab.asking import OFFERS, WEATHER

TURNS = 20
QUESTION = "What is the weather in twenty cities?"
LOOPS = ("loop", "signed-loop")


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    running = await start_lab(LabSettings())
    yield running
    await running.close()


def openai_at(lab: Lab, place: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{lab.url}/{place}/v1", api_key="k", max_retries=0)


@asynccontextmanager
async def cohere_at(lab: Lab, place: str) -> AsyncIterator[cohere.AsyncClientV2]:
    async with httpx.AsyncClient() as http:
        yield cohere.AsyncClientV2(
            api_key="k",
            base_url=f"{lab.url}/{place}",
            httpx_client=http,
            log_warning_experimental_features=False,
        )


def result(turn: int) -> str:
    return f"city {turn}: -2 C"


def check(lab: Lab, text: str) -> None:
    """The loop has come to its end, and nobody was displeased."""
    assert all(result(turn) in text for turn in range(TURNS))
    assert [row.displeasure for row in lab.requests if row.displeasure] == []
    assert (lab.counters.requests, lab.counters.displeased) == (TURNS + 1, 0)


@pytest.mark.parametrize("place", LOOPS)
async def test_openai_chat_completions(lab: Lab, place: str) -> None:
    async with openai_at(lab, place) as client:
        messages: list[Any] = [{"role": "user", "content": QUESTION}]
        for turn in range(TURNS + 1):
            async with client.chat.completions.stream(
                model="m", messages=messages, **OFFERS["openai"]
            ) as stream:
                message = (await stream.get_final_completion()).choices[0].message
            if not message.tool_calls:
                return check(lab, message.content or "")
            messages.append(message)
            for call in message.tool_calls:
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result(turn)})
    raise AssertionError("the loop has no end")


@pytest.mark.parametrize("place", LOOPS)
@pytest.mark.parametrize("store", [False, True])
async def test_openai_responses(lab: Lab, place: str, *, store: bool) -> None:
    async with openai_at(lab, place) as client:
        given: list[Any] = [{"role": "user", "content": QUESTION}]
        more: dict[str, Any] = {"include": ["reasoning.encrypted_content"]}
        for turn in range(TURNS + 1):
            async with client.responses.stream(
                model="m", input=given, store=store, **more, **OFFERS["responses"]
            ) as stream:
                numbers = [event.sequence_number async for event in stream]
                reply = await stream.get_final_response()
            assert numbers == list(range(len(numbers)))
            calls = [item for item in reply.output if item.type == "function_call"]
            if not calls:
                return check(lab, reply.output_text)
            outputs = [
                {"type": "function_call_output", "call_id": call.call_id, "output": result(turn)}
                for call in calls
            ]
            if store:
                given, more = outputs, {"previous_response_id": reply.id}
            else:
                given += [*(item.model_dump(exclude_none=True) for item in reply.output), *outputs]
    raise AssertionError("the loop has no end")


@pytest.mark.parametrize("place", LOOPS)
async def test_anthropic_messages(lab: Lab, place: str) -> None:
    async with anthropic.AsyncAnthropic(
        base_url=f"{lab.url}/{place}", api_key="k", max_retries=0
    ) as client:
        messages: list[Any] = [{"role": "user", "content": QUESTION}]
        for turn in range(TURNS + 1):
            async with client.messages.stream(
                model="m",
                max_tokens=4096,
                messages=messages,
                thinking={"type": "enabled", "budget_tokens": 1024},
                **OFFERS["anthropic"],
            ) as stream:
                message = await stream.get_final_message()
            calls = [block for block in message.content if block.type == "tool_use"]
            if not calls:
                return check(
                    lab, "".join(block.text for block in message.content if block.type == "text")
                )
            messages.append({"role": "assistant", "content": message.content})
            results = [
                {"type": "tool_result", "tool_use_id": call.id, "content": result(turn)}
                for call in calls
            ]
            messages.append({"role": "user", "content": results})
    raise AssertionError("the loop has no end")


@pytest.mark.parametrize("place", LOOPS)
async def test_gemini(lab: Lab, place: str) -> None:
    declared = types.FunctionDeclaration(name="look", parameters_json_schema=WEATHER)
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[declared])])
    contents: list[Any] = [types.Content(role="user", parts=[types.Part(text=QUESTION)])]
    async with httpx.AsyncClient() as http:
        options = types.HttpOptions(base_url=f"{lab.url}/{place}", httpx_async_client=http)
        models = genai.Client(api_key="k", http_options=options).aio.models
        for turn in range(TURNS + 1):
            parts: list[types.Part] = []
            async for piece in await models.generate_content_stream(
                model="m", contents=contents, config=config
            ):
                assert piece.candidates is not None
                content = piece.candidates[0].content
                parts += (content.parts if content is not None else None) or []
            calls = [part.function_call for part in parts if part.function_call is not None]
            if not calls:
                return check(lab, "".join(part.text or "" for part in parts if not part.thought))
            contents.append(types.Content(role="model", parts=parts))
            answers = [
                types.Part.from_function_response(
                    name=call.name or "", response={"result": result(turn)}
                )
                for call in calls
            ]
            contents.append(types.Content(role="user", parts=answers))
    raise AssertionError("the loop has no end")


@pytest.mark.parametrize("place", LOOPS)
async def test_cohere(lab: Lab, place: str) -> None:
    async with cohere_at(lab, place) as client:
        messages: list[Any] = [{"role": "user", "content": QUESTION}]
        tools: Any = OFFERS["cohere"]["tools"]
        for turn in range(TURNS + 1):
            reply = await client.chat(model="m", messages=messages, tools=tools)
            if not reply.message.tool_calls:
                return check(
                    lab, "".join(getattr(part, "text", "") for part in reply.message.content or ())
                )
            messages.append(reply.message)
            for call in reply.message.tool_calls:
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result(turn)})
    raise AssertionError("the loop has no end")


async def test_cohere_streams_and_ranks(lab: Lab) -> None:
    async with cohere_at(lab, "think") as client:
        text = ""
        async for event in client.chat_stream(
            model="m", messages=[cohere.UserChatMessageV2(content="hi")]
        ):
            if event.type == "content-delta":
                assert event.delta is not None
                assert event.delta.message is not None
                assert event.delta.message.content is not None
                text += event.delta.message.content.text or ""
        assert text == "think: Hello from the lab."
        ranks = await client.rerank(
            model="m", query="red fish", documents=["a dog", "one red fish"]
        )
        assert [row.index for row in ranks.results] == [1, 0]
        vectors = await client.embed(model="m", texts=["a", "b"], input_type="search_document")
        assert [len(row) for row in vectors.embeddings.float_ or ()] == [8, 8]


async def test_openai_keeps_its_responses(lab: Lab) -> None:
    async with openai_at(lab, "ok1") as client:
        first = await client.responses.create(model="m", input="hi there")
        assert (await client.responses.retrieve(first.id)).output_text == first.output_text
        listed = await client.responses.input_items.list(first.id)
        assert len(listed.data) == 1
        counted = await client.responses.input_tokens.count(model="m", input="one two three")
        assert counted.input_tokens == 3
        packed = await client.responses.compact(model="m", previous_response_id=first.id)
        assert packed.output[-1].type == "compaction"
        queued = await client.responses.create(model="m", input="hi", background=True)
        assert queued.status == "queued"
        assert (await client.responses.cancel(queued.id)).status == "cancelled"
        await client.responses.delete(first.id)
        with pytest.raises(openai.NotFoundError):
            await client.responses.retrieve(first.id)
        with pytest.raises(openai.BadRequestError) as raised:
            await client.responses.create(model="m", input="and?", previous_response_id=first.id)
        assert raised.value.code == "previous_response_not_found"


async def answer(clients: Iterable[openai.AsyncOpenAI], given: list[Any]) -> Response:
    """Ask one after the other until one of them answers."""
    include: list[Any] = ["reasoning.encrypted_content"]
    for client in clients:
        try:
            return await client.responses.create(
                model="m", input=given, store=False, include=include, **OFFERS["responses"]
            )
        except openai.InternalServerError:
            continue
    raise AssertionError("nobody answered")


async def test_a_caller_of_a_flaky_loop_must_go_elsewhere(lab: Lab) -> None:
    given: list[Any] = [{"role": "user", "content": QUESTION}]
    text = ""
    async with openai_at(lab, "flaky-signed-loop") as flaky, openai_at(lab, "signed-loop") as good:
        for turn in range(TURNS + 1):
            reply = await answer((flaky, good), given)
            given += [item.model_dump(exclude_none=True) for item in reply.output]
            given += [
                {"type": "function_call_output", "call_id": item.call_id, "output": result(turn)}
                for item in reply.output
                if item.type == "function_call"
            ]
            text = reply.output_text
    assert result(TURNS - 1) in text
    # Turns 3, 6, ... 21.
    assert lab.counters.by_place["signed-loop"] == 7
    assert lab.counters.displeased == 0
