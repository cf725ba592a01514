"""The official OpenAI SDK, used as its users do, against the real gateway and the lab."""

from typing import Any

import openai
import pytest

from tests.e2e.harness import KEY, Bench, Gate
from tests.e2e.test_streams import MODELS, WEATHER, at


def client(gate: Gate, key: str = KEY) -> openai.AsyncOpenAI:
    """The SDK, pointed at a gateway; its own retries are off so that one call is one request."""
    return openai.AsyncOpenAI(base_url=f"{gate.url}/v1", api_key=key, max_retries=0)


HELLO: list[Any] = [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize("model", MODELS)
async def test_chat(bench: Bench, model: str) -> None:
    gate = await bench.gateway(at("ok1"))
    async with client(gate) as sdk:
        reply = await sdk.chat.completions.create(model=model, messages=HELLO)
    assert reply.choices[0].message.content == "ok1: Hello from the lab."
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


@pytest.mark.parametrize("model", MODELS)
async def test_stream(bench: Bench, model: str) -> None:
    gate = await bench.gateway(at("ok1"))
    text, usage = "", None
    async with client(gate) as sdk:
        stream = await sdk.chat.completions.create(
            model=model, messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
        async for chunk in stream:
            usage = chunk.usage or usage
            for choice in chunk.choices:
                text += choice.delta.content or ""
    assert text == "ok1: Hello from the lab."
    assert usage is not None
    assert usage.completion_tokens > 0


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stream", [True, False])
async def test_tool_loop(bench: Bench, model: str, stream: bool) -> None:
    gate = await bench.gateway(at("tools-parallel"))
    messages: list[Any] = list(HELLO)
    tools: list[Any] = [WEATHER]
    async with client(gate) as sdk:
        if stream:
            async with sdk.chat.completions.stream(
                model=model, messages=messages, tools=tools
            ) as events:
                completion = await events.get_final_completion()
            message: Any = completion.choices[0].message
        else:
            reply = await sdk.chat.completions.create(model=model, messages=messages, tools=tools)
            message = reply.choices[0].message
        calls = message.tool_calls or []
        assert len(calls) == 2
        messages.append(message.model_dump(exclude_none=True, exclude={"parsed"}))
        messages += [{"role": "tool", "tool_call_id": call.id, "content": "-2 C"} for call in calls]
        final = await sdk.chat.completions.create(model=model, messages=messages, tools=tools)
    assert final.choices[0].message.content
    assert final.choices[0].finish_reason == "stop"


async def test_embeddings_in_the_sdks_base64(bench: Bench) -> None:
    gate = await bench.gateway(at("ok1"))
    async with client(gate) as sdk:
        for model in ("gpt-m", "gemini-m"):
            reply = await sdk.embeddings.create(model=model, input=["a", "b"], dimensions=4)
            assert [len(item.embedding) for item in reply.data] == [4, 4]
            assert all(isinstance(x, float) for x in reply.data[0].embedding)


async def test_models(bench: Bench) -> None:
    gate = await bench.gateway(at("ok1"))
    async with client(gate) as sdk:
        listed = [model.id async for model in sdk.models.list()]
        one = await sdk.models.retrieve("gpt-m")
    assert listed[:2] == ["gpt-m", "llama-m"]
    assert one.id == "gpt-m"


async def test_moderations(bench: Bench) -> None:
    gate = await bench.gateway(at("ok1"))
    async with client(gate) as sdk:
        verdict = await sdk.moderations.create(model="gpt-m", input="FLAGME")
    assert verdict.results[0].flagged


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("e400", openai.BadRequestError),
        ("e404", openai.NotFoundError),
        ("e429", openai.RateLimitError),
        ("e500", openai.InternalServerError),
    ],
)
@pytest.mark.parametrize("model", MODELS)
async def test_errors_are_the_sdks_own(
    bench: Bench, place: str, error: type[openai.APIStatusError], model: str
) -> None:
    gate = await bench.gateway(at(place))
    async with client(gate) as sdk:
        with pytest.raises(error) as caught:
            await sdk.chat.completions.create(model=model, messages=HELLO)
    assert caught.value.request_id
    assert caught.value.body is not None


async def test_wrong_key_and_unknown_model(bench: Bench) -> None:
    gate = await bench.gateway(at("ok1"))
    async with client(gate, "sk-wrong") as sdk:
        with pytest.raises(openai.AuthenticationError):
            await sdk.models.list()
    async with client(gate) as sdk:
        with pytest.raises(openai.NotFoundError, match="no-such-model"):
            await sdk.chat.completions.create(model="no-such-model", messages=HELLO)


async def test_broken_stream_raises(bench: Bench) -> None:
    gate = await bench.gateway(at("cut-fin"))
    async with client(gate) as sdk:
        stream = await sdk.chat.completions.create(model="claude-m", messages=HELLO, stream=True)
        with pytest.raises(openai.APIError):
            async for _ in stream:
                pass
