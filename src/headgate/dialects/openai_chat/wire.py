"""What of OpenAI's Chat Completions wire is typed: the caller's request, and an upstream's chunks.

Partial on purpose: only what is translated. Requests are validated strictly, with the place in the
error; upstream replies leniently, since every vendor has its own idea of the types.

Source: platform.openai.com/docs/api-reference/chat; vendors' variants in `recordings.md` 5.2.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, Struct

from headgate.dialects.lenient_json import compact, one_or_more
from headgate.ir.request import Json

# ------------------------------------------------------------------ the caller's request


class Function(Struct):
    """A function offered; legacy `functions` entries have the same form."""

    name: str
    description: str | None = None
    parameters: Json | None = None
    strict: bool | None = None


class Custom(Struct):
    """A custom (free text) tool offered."""

    name: str
    description: str | None = None
    format: Json | None = None


class OfferedTool(Struct):
    """One entry of `tools`. Mistral's callers leave `type` out."""

    type: str = "function"
    function: Function | None = None
    custom: Custom | None = None
    cache_control: Json | None = None


class CalledFunction(Struct):
    """The function of a call. Some clients give the arguments as an object."""

    name: str
    arguments: str | Json | None = None


class CalledCustom(Struct):
    """The custom tool of a call."""

    name: str
    input: str = ""


class MadeCall(Struct):
    """One entry of an assistant message's `tool_calls`."""

    id: str = ""
    type: str | None = None
    function: CalledFunction | None = None
    custom: CalledCustom | None = None
    extra_content: Json | None = None


class Message(Struct):
    """One entry of `messages`."""

    role: str
    content: str | list[Any] | None = None
    name: str | None = None
    tool_calls: list[MadeCall] | None = None
    tool_call_id: str | None = None
    function_call: CalledFunction | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[Json] | None = None
    audio: Json | None = None
    cache_control: Json | None = None


class Request(Struct):
    """The body of POST /v1/chat/completions."""

    model: str
    messages: list[Message]
    stream: bool | None = None
    stream_options: Json | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    tools: list[OfferedTool] | None = None
    tool_choice: str | Json | None = None
    functions: list[Function] | None = None
    function_call: str | Json | None = None
    parallel_tool_calls: bool | None = None
    response_format: Json | None = None
    reasoning_effort: str | None = None
    reasoning: Json | None = None
    thinking: Json | None = None
    enable_thinking: bool | None = None
    thinking_budget: int | None = None
    verbosity: str | None = None
    modalities: list[str] | None = None
    audio: Json | None = None
    user: str | None = None
    metadata: dict[str, str] | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    safety_identifier: str | None = None
    store: bool | None = None


# ------------------------------------------------------------------ an upstream's chunks


class FunctionPiece(Struct, gc=False):
    """A piece of a called function."""

    name: str | None = None
    arguments: str | None = None


class CustomPiece(Struct, gc=False):
    """A piece of a called custom tool."""

    name: str | None = None
    input: str | None = None


class CallPiece(Struct):
    """A piece of a tool call. `extra_content` is where Gemini's OpenAI path keeps signatures."""

    index: int | None = None
    id: str | None = None
    function: FunctionPiece | None = None
    custom: CustomPiece | None = None
    extra_content: Json | None = None


class Delta(Struct):
    """What a chunk adds to a choice."""

    content: str | list[Any] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[Json] | None = None
    tool_calls: list[CallPiece] | None = None
    function_call: FunctionPiece | None = None
    audio: Json | None = None
    images: list[Json] | None = None
    annotations: list[Json] | None = None


class ChunkChoice(Struct):
    """One choice of a chunk. `message` is Perplexity's cumulative text, MiniMax' final one."""

    index: int = 0
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None
    logprobs: Json | None = None
    usage: Raw = Raw(b"null")


class Chunk(Struct):
    """One frame of a stream."""

    id: str | None = None
    model: str | None = None
    created: int | None = None
    choices: list[ChunkChoice] | None = None
    usage: Raw = Raw(b"null")
    x_groq: Raw = Raw(b"null")
    error: Raw = Raw(b"null")
    service_tier: str | None = None
    system_fingerprint: str | None = None


_chunk = msgspec.json.Decoder(Chunk)
_object = msgspec.json.Decoder(dict[str, Any])


def decode_chunk(data: bytes) -> Chunk:
    """Decode a chunk, or one whose types are a little off (numbers as floats, objects for lists).

    Errors: msgspec.DecodeError when it is no JSON object or beyond repair.
    """
    try:
        return _chunk.decode(data)
    except msgspec.ValidationError:
        return msgspec.convert(_repaired(_object.decode(data)), Chunk, strict=False)


def _repaired(chunk: Json) -> Json:
    """Straighten what vendors bend."""
    created = chunk.get("created")
    chunk["created"] = int(created) if isinstance(created, float) else created
    for name in ("id", "model", "service_tier", "system_fingerprint"):
        if not isinstance(chunk.get(name), str):
            chunk.pop(name, None)
    for name in ("usage", "x_groq", "error"):
        chunk[name] = Raw(msgspec.json.encode(chunk.get(name)))
    choices = chunk.get("choices")
    chunk["choices"] = one_or_more(choices)
    for choice in chunk["choices"]:
        choice["usage"] = Raw(msgspec.json.encode(choice.get("usage")))
        for name in ("delta", "message"):
            if isinstance(choice.get(name), dict):
                _repair_delta(choice[name])
            else:
                choice[name] = None
        if choice.get("index") is None:
            choice["index"] = 0
        if not isinstance(choice.get("logprobs"), dict):
            choice["logprobs"] = None
    return chunk


def _repair_delta(delta: Json) -> None:
    for name in ("tool_calls", "reasoning_details", "images", "annotations"):
        if delta.get(name) is not None:
            delta[name] = one_or_more(delta[name])
    if isinstance(delta.get("content"), dict):  # Cloudflare answers a JSON schema with an object
        delta["content"] = compact(delta["content"])
    if not isinstance(delta.get("reasoning"), str):
        delta["reasoning"] = None
    for call in delta.get("tool_calls") or ():
        function = call.get("function")
        if isinstance(function, dict) and not isinstance(function.get("arguments"), str | None):
            function["arguments"] = compact(function["arguments"])


# ------------------------------------------------------------- a look without decoding

_NOTHING = frozenset({b"null", b'""', b"[]", b"{}"})


class Glance(Struct):
    """As much of a chunk or reply as tells whether it says something."""

    choices: list[ChoiceGlance] | None = None
    error: Raw = Raw(b"null")

    @property
    def has_error(self) -> bool:
        """Whether there is an `error` that is not empty."""
        return bytes(self.error) not in _NOTHING


class MessageGlance(Struct):
    """The fields of a message or delta in which an answer may be."""

    content: Raw = Raw(b"null")
    reasoning_content: Raw = Raw(b"null")
    reasoning: Raw = Raw(b"null")
    reasoning_details: Raw = Raw(b"null")
    tool_calls: Raw = Raw(b"null")
    function_call: Raw = Raw(b"null")
    refusal: Raw = Raw(b"null")
    audio: Raw = Raw(b"null")
    images: Raw = Raw(b"null")

    @property
    def says_something(self) -> bool:
        """Whether any of the fields is not empty."""
        if bytes(self.content) not in _NOTHING:  # nearly always
            return True
        return any(bytes(getattr(self, name)) not in _NOTHING for name in self.__struct_fields__)


class ChoiceGlance(Struct):
    """One choice of a chunk or reply; `text` is the legacy completions' whole answer."""

    delta: MessageGlance | None = None
    message: MessageGlance | None = None
    text: Raw = Raw(b"null")
    finish_reason: str | None = None

    @property
    def says_something(self) -> bool:
        """Whether there is an answer, or a piece of one, in it."""
        return bytes(self.text) not in _NOTHING or any(
            part.says_something for part in (self.delta, self.message) if part is not None
        )


_glance = msgspec.json.Decoder(Glance)


def glance(data: bytes) -> Glance:
    """Look at a chunk or a reply. Raises msgspec.DecodeError if it has another shape."""
    return _glance.decode(data)
