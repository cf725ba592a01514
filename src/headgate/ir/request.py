"""A chat request in no vendor's words.

Decoders keep the caller's order and roles; encoders arrange turns as their target demands
(merging roles, moving system texts, splitting tool results).
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Role = Literal["system", "developer", "user", "assistant", "tool"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Json = dict[str, Any]


class CacheMark(msgspec.Struct, frozen=True):
    """A prompt-cache breakpoint after the part (Anthropic `cache_control`); `ttl` "5m" or "1h"."""

    ttl: str | None = None


class Signature(msgspec.Struct, frozen=True):
    """A vendor's proof on reasoning or a tool call; valid only for the dialect that made it."""

    origin: str  # dialect name: "anthropic", "gemini", "openai_chat", ...
    value: str


class Inline(msgspec.Struct, frozen=True, tag="inline"):
    """Media inside the request. `data` is base64 text as the caller sent it."""

    media_type: str
    data: str


class Remote(msgspec.Struct, frozen=True, tag="remote"):
    """Media behind a URL (http, https, gs, ...)."""

    url: str
    media_type: str = ""


class Uploaded(msgspec.Struct, frozen=True, tag="uploaded"):
    """Media uploaded earlier to the vendor of `dialect`."""

    file_id: str
    dialect: str
    media_type: str = ""


Source = Inline | Remote | Uploaded


class Citation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a text came from. `start`/`end` are character offsets in the text part.

    `native` keeps the vendor's own object for the dialect in `origin`.
    """

    url: str = ""
    title: str = ""
    cited_text: str = ""
    start: int | None = None
    end: int | None = None
    origin: str = ""
    native: Json | None = None


class Text(msgspec.Struct, frozen=True, kw_only=True, tag="text", omit_defaults=True):
    """Plain text."""

    text: str
    cache: CacheMark | None = None
    citations: tuple[Citation, ...] = ()
    signature: Signature | None = None  # Gemini signs text parts too


class Image(msgspec.Struct, frozen=True, kw_only=True, tag="image", omit_defaults=True):
    """A picture, in a request or in a reply. `detail` is OpenAI's low | high | auto."""

    source: Source
    detail: str | None = None
    cache: CacheMark | None = None
    signature: Signature | None = None


class Audio(msgspec.Struct, frozen=True, kw_only=True, tag="audio", omit_defaults=True):
    """Sound. In a reply `transcript` is what is said, `audio_id` names it for the next turn."""

    source: Source
    transcript: str = ""
    audio_id: str = ""
    expires_at: int | None = None


class File(msgspec.Struct, frozen=True, kw_only=True, tag="file", omit_defaults=True):
    """A document (PDF, text...) or a video: whatever is not an image or audio."""

    source: Source
    name: str = ""
    cache: CacheMark | None = None
    citations_enabled: bool = False


class Thinking(msgspec.Struct, frozen=True, kw_only=True, tag="thinking", omit_defaults=True):
    """Reasoning of the model.

    `redacted` reasoning has no text, only the vendor's data in `signature`.
    """

    text: str = ""
    signature: Signature | None = None
    redacted: bool = False


class ToolCall(msgspec.Struct, frozen=True, kw_only=True, tag="tool_call", omit_defaults=True):
    """The model wants a tool run. `arguments` is JSON text (free text if `custom`)."""

    call_id: str
    name: str
    arguments: str = ""
    custom: bool = False
    signature: Signature | None = None
    cache: CacheMark | None = None


class Refusal(msgspec.Struct, frozen=True, kw_only=True, tag="refusal"):
    """The model declined, in its own words."""

    text: str = ""


class Opaque(msgspec.Struct, frozen=True, kw_only=True, tag="opaque"):
    """A block that only `dialect` understands; given back to that dialect unchanged."""

    dialect: str
    block: Json


class ToolResult(msgspec.Struct, frozen=True, kw_only=True, tag="tool_result", omit_defaults=True):
    """What a tool answered. `name` may be unknown ("") to dialects that match by id."""

    call_id: str
    content: tuple[Text | Image | Audio | File | Opaque, ...] = ()
    name: str = ""
    is_error: bool = False
    cache: CacheMark | None = None


Part = Text | Image | Audio | File | Thinking | ToolCall | ToolResult | Refusal | Opaque


class Turn(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message. `name` is OpenAI's optional participant name."""

    role: Role
    parts: tuple[Part, ...]
    name: str = ""
    extras: dict[str, Json] = {}  # dialect -> fields of the message that only it knows


class Tool(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A function the caller offers. `schema` is its JSON Schema; None means no parameters."""

    name: str
    description: str = ""
    schema: Json | None = None
    strict: bool | None = None
    cache: CacheMark | None = None


class CustomTool(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """OpenAI's free-text tool; `format` is its grammar object."""

    name: str
    description: str = ""
    format: Json | None = None


class NativeTool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that the vendor of `dialect` runs itself (web search, code execution...)."""

    dialect: str
    block: Json


class ToolChoice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which tools may or must be called.

    `name` goes with mode "tool"; `allowed` narrows auto and required.
    """

    mode: Literal["auto", "none", "required", "tool"]
    name: str = ""
    allowed: tuple[str, ...] = ()

    def allows(self, name: str) -> bool:
        """Whether this tool may be called, if any may."""
        if self.mode == "tool":
            return name == self.name
        return not self.allowed or name in self.allowed


class ResponseFormat(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The form of the answer. With kind "json_schema", `schema` is set."""

    kind: Literal["text", "json", "json_schema"]
    name: str = ""
    description: str = ""
    schema: Json | None = None
    strict: bool | None = None


class Reasoning(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How much to think. `effort` and `budget_tokens` are two spellings; either may be None.

    `effort` "none" switches thinking off. `adaptive` lets the model decide (Anthropic adaptive,
    Gemini budget -1). `visible` asks for the thoughts in the answer (None: the vendor's default).
    """

    effort: Effort | None = None
    budget_tokens: int | None = None
    adaptive: bool = False
    visible: bool | None = None


class AudioOutput(msgspec.Struct, frozen=True, kw_only=True):
    """Spoken answers."""

    voice: str = ""
    format: str = ""


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that a caller asks of a chat model.

    Absent values are None or empty: encoders write only what the caller set (and what their
    target demands, such as Anthropic's `max_tokens`).
    """

    model: str
    turns: tuple[Turn, ...]
    stream: bool = False
    include_usage: bool = False
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    tools: tuple[Tool | CustomTool | NativeTool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    reasoning: Reasoning | None = None
    verbosity: str | None = None
    modalities: tuple[str, ...] = ()
    audio: AudioOutput | None = None
    user: str | None = None
    metadata: dict[str, str] | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    safety_identifier: str | None = None
    store: bool | None = None  # keep the reply at the vendor (OpenAI)
    cache: CacheMark | None = None  # Anthropic's request-wide automatic mark
    extras: dict[str, Json] = {}  # dialect -> top-level fields that only it knows
