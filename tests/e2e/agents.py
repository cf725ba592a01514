"""The vendors' own SDKs as agents: each asks, calls its tools, and answers until there is a text.

All run the same errand, so that what a wire gets and gives can be compared. The second result is
an error and the third has a picture, wherever the vendor's dialect has words for it.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import httpx
import msgspec
import openai
from google import genai
from google.genai import types
from msgspec import Struct, field

from tests.e2e.harness import KEY, Gate

QUESTION = "What is the weather in many cities?"
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "number": {"type": "integer"}},
    "required": ["city", "number"],
}
TOOLS = ("look", "listen")
ABOUT = "Looks at a city."
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
    "rkJggg=="
)
FAILS, SHOWS = 2, 3
BUDGET = 1024
MOST_TURNS = 60


class Errand(Struct, frozen=True, kw_only=True):
    """What an agent shall do. `forgetful`: it sends back only what it could not do without.

    `stores`: it relies on the vendor to keep the conversation (Responses).
    """

    model: str
    stream: bool = True
    forgetful: bool = False
    stores: bool = False


class Story(Struct, kw_only=True):
    """How it went: the last text, the calls in order, and what each reply has told."""

    text: str = ""
    calls: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    losses: set[str] = field(default_factory=set)

    def result(self, name: str, arguments: Mapping[str, Any]) -> tuple[int, str]:
        """Do a call: its number, and what comes of it."""
        self.calls.append((name, arguments))
        number = len(self.calls)
        return number, result(number)

    @property
    def listening(self) -> dict[str, Any]:
        """Options of an HTTP client. Certificates, which are slow to load, mean nothing here."""
        return {"event_hooks": {"response": [self.note]}, "verify": False}

    async def note(self, response: Any) -> None:
        """Keep the names of what the gateway could not carry."""
        names = response.headers.get("x-headgate-loss", "")
        self.losses.update(name.strip() for name in names.split(",") if name.strip())


Agent = Callable[[Gate, Errand], Awaitable[Story]]


def result(number: int) -> str:
    """What the tool says to the call of this number."""
    return f"there is no city {number}" if number == FAILS else f"city {number}: -2 C"


# ---------------------------------------------------------------- OpenAI


@asynccontextmanager
async def openai_at(gate: Gate, story: Story) -> AsyncIterator[openai.AsyncOpenAI]:
    """OpenAI's SDK; its own retries are off, so that one turn is one request."""
    async with openai.DefaultAsyncHttpxClient(**story.listening) as http:
        yield openai.AsyncOpenAI(
            base_url=f"{gate.url}/v1", api_key=KEY, max_retries=0, http_client=http
        )


async def openai_chat(gate: Gate, errand: Errand) -> Story:
    """Chat Completions. A forgetful client keeps a reply's text and calls, nothing else."""
    story = Story()
    function: Any = {"description": ABOUT, "parameters": CITY}
    tools: Any = [{"type": "function", "function": {"name": name, **function}} for name in TOOLS]
    messages: list[Any] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": QUESTION},
    ]
    async with openai_at(gate, story) as sdk:
        for _ in range(MOST_TURNS):
            asked: Any = {"model": errand.model, "messages": messages, "tools": tools}
            asked |= {"reasoning_effort": "low", "max_completion_tokens": 4000}
            reply: Any
            if errand.stream:
                usage: Any = {"include_usage": True}
                async with sdk.chat.completions.stream(**asked, stream_options=usage) as stream:
                    reply = await stream.get_final_completion()
            else:
                reply = await sdk.chat.completions.create(**asked)
            story.tokens.append(_least(reply.usage.prompt_tokens, reply.usage.completion_tokens))
            message = reply.choices[0].message
            story.thoughts.append(getattr(message, "reasoning_content", None) or "")
            if not message.tool_calls:
                story.text = message.content
                assert reply.choices[0].finish_reason == "stop"
                return story
            assert reply.choices[0].finish_reason == "tool_calls"
            said = message.model_dump(exclude_none=True, exclude={"parsed"})
            for call in said["tool_calls"]:
                call["function"].pop("parsed_arguments", None)
                call.pop("index", None)
            if errand.forgetful:
                said = _forgotten(said)
            messages.append(said)
            messages += [_chat_result(story, call) for call in message.tool_calls]
    raise AssertionError("the loop does not end")


def _forgotten(said: dict[str, Any]) -> dict[str, Any]:
    calls = [
        {
            "id": call["id"],
            "type": "function",
            "function": {name: call["function"][name] for name in ("name", "arguments")},
        }
        for call in said["tool_calls"]
    ]
    return {"role": "assistant", "content": said.get("content") or "", "tool_calls": calls}


def _chat_result(story: Story, call: Any) -> Any:
    number, text = story.result(call.function.name, _decoded(call.function.arguments))
    content: Any = [{"type": "text", "text": text}] if number == SHOWS else text
    return {"role": "tool", "tool_call_id": call.id, "content": content}


async def openai_responses(gate: Gate, errand: Errand) -> Story:
    """Responses: items come back with encrypted reasoning, or the vendor stores them."""
    story = Story()
    function: Any = {"type": "function", "description": ABOUT, "parameters": CITY, "strict": False}
    more: Any = {"tools": [{"name": name, **function} for name in TOOLS], "store": errand.stores}
    more |= {"include": ["reasoning.encrypted_content"]} if not errand.stores else {}
    given: list[Any] = [{"role": "user", "content": QUESTION}]
    async with openai_at(gate, story) as sdk:
        for _ in range(MOST_TURNS):
            asked: Any = {"model": errand.model, "input": given, "instructions": "Be brief."}
            asked |= {"reasoning": {"effort": "low", "summary": "auto"}, **more}
            reply: Any
            if errand.stream:
                async with sdk.responses.stream(**asked) as stream:
                    numbers = [event.sequence_number async for event in stream]
                    reply = await stream.get_final_response()
                assert numbers == list(range(len(numbers)))
            else:
                reply = await sdk.responses.create(**asked)
            assert reply.status == "completed"
            story.tokens.append(_least(reply.usage.input_tokens, reply.usage.output_tokens))
            story.thoughts += [
                "".join(part.text for part in (*item.summary, *(item.content or ())))
                for item in reply.output
                if item.type == "reasoning"
            ]
            calls = [item for item in reply.output if item.type == "function_call"]
            if not calls:
                story.text = reply.output_text
                return story
            outputs = [_responses_result(story, call) for call in calls]
            if errand.stores:
                given, more["previous_response_id"] = outputs, reply.id
                continue
            kept = [
                item.model_dump(exclude_none=True, exclude={"parsed_arguments"})
                for item in reply.output
                if not (errand.forgetful and item.type == "reasoning")
            ]
            if errand.forgetful:
                for item in kept:
                    item.pop("id", None)
            given += [*kept, *outputs]
    raise AssertionError("the loop does not end")


def _responses_result(story: Story, call: Any) -> Any:
    number, text = story.result(call.name, _decoded(call.arguments))
    output: Any = text
    if number == SHOWS:
        picture = f"data:image/png;base64,{PNG}"
        output = [
            {"type": "input_text", "text": text},
            {"type": "input_image", "image_url": picture, "detail": "auto"},
        ]
    return {"type": "function_call_output", "call_id": call.call_id, "output": output}


# ---------------------------------------------------------------- Anthropic


async def anthropic_messages(gate: Gate, errand: Errand) -> Story:
    """Messages, with extended thinking. A forgetful client drops the thinking blocks."""
    story = Story()
    tools: Any = [{"name": name, "description": ABOUT, "input_schema": CITY} for name in TOOLS]
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    async with anthropic.DefaultAsyncHttpxClient(**story.listening) as http:
        sdk = anthropic.AsyncAnthropic(
            base_url=gate.url, api_key=KEY, max_retries=0, http_client=http
        )
        for _ in range(MOST_TURNS):
            asked: Any = {"model": errand.model, "max_tokens": 4096, "messages": messages}
            asked |= {"thinking": {"type": "enabled", "budget_tokens": BUDGET}, "tools": tools}
            asked |= {"system": [{"type": "text", "text": "Be brief."}]}
            if errand.stream:
                async with sdk.messages.stream(**asked) as stream:
                    message: Any = await stream.get_final_message()
            else:
                message = await sdk.messages.create(**asked)
            story.tokens.append(_least(message.usage.input_tokens, message.usage.output_tokens))
            story.thoughts += [
                block.thinking for block in message.content if block.type == "thinking"
            ]
            calls = [block for block in message.content if block.type == "tool_use"]
            if not calls:
                assert message.stop_reason == "end_turn"
                story.text = "".join(b.text for b in message.content if b.type == "text")
                return story
            assert message.stop_reason == "tool_use"
            said = [
                block
                for block in message.content
                if not (errand.forgetful and "thinking" in block.type)
            ]
            messages.append({"role": "assistant", "content": said})
            results = [_anthropic_result(story, call) for call in calls]
            messages.append({"role": "user", "content": results})
    raise AssertionError("the loop does not end")


def _anthropic_result(story: Story, call: Any) -> Any:
    number, text = story.result(call.name, call.input)
    block: Any = {"type": "tool_result", "tool_use_id": call.id, "content": text}
    if number == FAILS:
        block["is_error"] = True
    if number == SHOWS:
        source = {"type": "base64", "media_type": "image/png", "data": PNG}
        block["content"] = [{"type": "text", "text": text}, {"type": "image", "source": source}]
    return block


# ---------------------------------------------------------------- Gemini


async def gemini(gate: Gate, errand: Errand) -> Story:
    """GenerateContent. A forgetful client drops thoughts and thought signatures."""
    story = Story()
    declared = [
        types.FunctionDeclaration(name=name, description=ABOUT, parameters_json_schema=CITY)
        for name in TOOLS
    ]
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=declared)],
        system_instruction="Be brief.",
        thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=BUDGET),
    )
    contents: list[Any] = [types.Content(role="user", parts=[types.Part(text=QUESTION)])]
    async with httpx.AsyncClient(**story.listening) as http:
        options = types.HttpOptions(base_url=gate.url, httpx_async_client=http)
        models = genai.Client(api_key=KEY, http_options=options).aio.models
        for _ in range(MOST_TURNS):
            parts = await _gemini_reply(models, errand, contents, config, story)
            story.thoughts += [part.text or "" for part in parts if part.thought]
            calls = [part.function_call for part in parts if part.function_call is not None]
            if not calls:
                story.text = "".join(part.text or "" for part in parts if not part.thought)
                return story
            if errand.forgetful:
                parts = [
                    part.model_copy(update={"thought_signature": None})
                    for part in parts
                    if not part.thought and part.function_call is not None
                ]
            contents.append(types.Content(role="model", parts=parts))
            answers = [_gemini_result(story, call) for call in calls]
            contents.append(types.Content(role="user", parts=answers))
    raise AssertionError("the loop does not end")


async def _gemini_reply(
    models: Any, errand: Errand, contents: list[Any], config: Any, story: Story
) -> list[types.Part]:
    asked: Any = {"model": errand.model, "contents": contents, "config": config}
    pieces: list[Any] = []
    if errand.stream:
        async for piece in await models.generate_content_stream(**asked):
            pieces.append(piece)
    else:
        pieces.append(await models.generate_content(**asked))
    usage = next(piece.usage_metadata for piece in reversed(pieces) if piece.usage_metadata)
    output = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
    story.tokens.append(_least(usage.prompt_token_count or 0, output))
    assert any(c.finish_reason == "STOP" for piece in pieces for c in piece.candidates or ())
    return [
        part
        for piece in pieces
        for candidate in piece.candidates or ()
        if candidate.content is not None
        for part in candidate.content.parts or ()
    ]


def _gemini_result(story: Story, call: Any) -> types.Part:
    number, text = story.result(call.name or "", call.args or {})
    response = types.FunctionResponse(
        id=call.id, name=call.name, response={"error" if number == FAILS else "output": text}
    )
    if number == SHOWS:
        blob = types.FunctionResponseBlob(mime_type="image/png", data=base64.b64decode(PNG))
        response.parts = [types.FunctionResponsePart(inline_data=blob)]
    return types.Part(function_response=response)


# ---------------------------------------------------------------- what they share


def _least(prompt: int, output: int) -> int:
    """The smaller of the two counts: both must be more than nothing."""
    return min(prompt, output)


def _decoded(arguments: str) -> Mapping[str, Any]:
    decoded: Mapping[str, Any] = msgspec.json.decode(arguments)
    return decoded


AGENTS: Mapping[str, Agent] = {
    "openai_chat": openai_chat,
    "openai_responses": openai_responses,
    "anthropic": anthropic_messages,
    "gemini": gemini,
}
