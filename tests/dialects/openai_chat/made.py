"""Made-up requests and replies that Chat Completions can carry without a loss."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from headgate.dialects.openai_chat.provenance import NAME
from headgate.ir.reply import Choice, Finish, Reply
from headgate.ir.request import (
    Audio,
    AudioOutput,
    CacheMark,
    ChatRequest,
    Citation,
    CustomTool,
    File,
    Image,
    Inline,
    NativeTool,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Remote,
    ResponseFormat,
    Signature,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    Uploaded,
)
from headgate.ir.usage import Usage

words = st.text(max_size=10)
texts = st.text(min_size=1, max_size=10)
names = st.text("abcdefgh_", min_size=1, max_size=8)
objects = st.dictionaries(names, st.integers(0, 9) | words, max_size=2)
caches = st.none() | st.builds(CacheMark, ttl=st.none() | st.just("1h"))
links = st.just(Remote(url="https://a.example/b"))


def inline(media_type: str) -> st.SearchStrategy[Inline]:
    """Draw media that the request itself holds."""
    return st.just(Inline(media_type, "iVBORw0KGgo="))


# ------------------------------------------------------------------------ requests

plain_texts = st.builds(Text, text=words, cache=caches)
user_parts: st.SearchStrategy[Part] = st.one_of(
    plain_texts,
    st.builds(
        Image,
        source=links | inline("image/png"),
        detail=st.none() | st.just("low"),
        cache=caches,
    ),
    st.builds(Audio, source=inline("audio/wav") | inline("audio/mpeg")),
    st.builds(
        File,
        source=inline("application/pdf") | inline("video/mp4") | st.just(Uploaded("file-1", NAME)),
    ),
    st.builds(Opaque, dialect=st.just(NAME), block=st.just({"type": "document_url", "x": 1})),
)
signatures = st.builds(
    Signature, origin=st.sampled_from(["anthropic", "gemini"]), value=names
) | st.just(Signature(NAME, '{"format":"x-v1","signature":"s","type":"reasoning.text"}'))
encrypted = st.builds(Signature, origin=st.just("anthropic"), value=names) | st.just(
    Signature(NAME, '{"data":"d","format":"x-v1","id":"r","type":"reasoning.encrypted"}')
)


@st.composite
def thoughts(draw: st.DrawFn) -> list[Thinking]:
    """Draw reasoning: nothing, one unsigned text, or signed and encrypted pieces."""
    signed = st.builds(Thinking, text=texts, signature=signatures)
    hidden = st.builds(Thinking, redacted=st.just(True), signature=encrypted)
    return draw(
        st.just([])
        | texts.map(lambda text: [Thinking(text=text)])
        | st.lists(signed | hidden, min_size=1, max_size=2)
    )


@st.composite
def exchanges(draw: st.DrawFn, start: int) -> list[Turn]:
    """Draw what a user says, what the assistant answers or calls, and the tools' results."""
    user = Turn(
        role="user",
        parts=tuple(draw(st.lists(user_parts, min_size=1, max_size=3))),
        name=draw(st.just("") | names),
    )
    calls = [
        ToolCall(
            call_id=f"c{start}_{number}",
            name=draw(names),
            arguments=draw(texts),
            custom=draw(st.booleans()),
        )
        for number in range(draw(st.integers(0, 2)))
    ]
    said = draw(st.lists(st.builds(Text, text=words), min_size=0 if calls else 1, max_size=2))
    refused = [Refusal(text=draw(texts))] if draw(st.booleans()) else []
    parts: tuple[Part, ...] = (*draw(thoughts()), *said, *refused, *calls)
    results = [
        Turn(
            role="tool",
            parts=(
                ToolResult(
                    call_id=call.call_id,
                    name=call.name,
                    content=tuple(draw(st.lists(plain_texts, min_size=1, max_size=2))),
                ),
            ),
        )
        for call in calls
    ]
    return [user, Turn(role="assistant", parts=parts), *results]


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Turn, ...]:
    """Draw system and developer texts, then a few exchanges."""
    first = st.builds(
        Turn,
        role=st.sampled_from(["system", "developer"]),
        parts=st.lists(plain_texts, min_size=1, max_size=2).map(tuple),
    )
    turns = draw(st.lists(first, max_size=2))
    for _ in range(draw(st.integers(1, 2))):
        turns += draw(exchanges(len(turns)))
    return tuple(turns)


tools = st.one_of(
    st.builds(
        Tool,
        name=names,
        description=words,
        schema=st.none() | objects,
        strict=st.none() | st.booleans(),
        cache=caches,
    ),
    st.builds(CustomTool, name=names, description=words, format=st.none() | objects),
    st.builds(NativeTool, dialect=st.just(NAME), block=st.just({"type": "x:web_search"})),
)
tool_choices = st.one_of(
    st.none(),
    st.builds(ToolChoice, mode=st.sampled_from(["auto", "none", "required"])),
    st.builds(ToolChoice, mode=st.just("tool"), name=names),
    st.builds(
        ToolChoice,
        mode=st.sampled_from(["auto", "required"]),
        allowed=st.lists(names, min_size=1, max_size=2).map(tuple),
    ),
)
formats = st.one_of(
    st.none(),
    st.builds(ResponseFormat, kind=st.sampled_from(["text", "json"])),
    st.builds(
        ResponseFormat,
        kind=st.just("json_schema"),
        name=names,
        description=words,
        schema=objects,
        strict=st.none() | st.booleans(),
    ),
)
efforts = st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh"])
fractions = st.none() | st.floats(0, 1)
counts = st.none() | st.integers(0, 100)


@st.composite
def requests(draw: st.DrawFn) -> ChatRequest:
    """Draw a request that says everything in the family's own words."""
    stream = draw(st.booleans())
    options: dict[str, Any] = {
        "temperature": draw(fractions),
        "top_p": draw(fractions),
        "min_p": draw(fractions),
        "presence_penalty": draw(fractions),
        "frequency_penalty": draw(fractions),
        "top_k": draw(counts),
        "max_tokens": draw(counts),
        "seed": draw(counts),
        "n": draw(counts),
        "top_logprobs": draw(counts),
        "logprobs": draw(st.none() | st.booleans()),
        "parallel_tool_calls": draw(st.none() | st.booleans()),
        "verbosity": draw(st.none() | names),
        "user": draw(st.none() | names),
        "service_tier": draw(st.none() | names),
        "prompt_cache_key": draw(st.none() | names),
        "metadata": draw(st.none() | st.dictionaries(names, words, max_size=1)),
        "logit_bias": draw(st.none() | st.dictionaries(names, st.floats(-9, 9), max_size=1)),
    }
    return ChatRequest(
        model=draw(names),
        turns=draw(conversations()),
        stream=stream,
        include_usage=stream,
        stop=draw(st.lists(words, max_size=2).map(tuple)),
        tools=draw(st.lists(tools, max_size=2).map(tuple)),
        tool_choice=draw(tool_choices),
        response_format=draw(formats),
        reasoning=draw(st.none() | st.builds(Reasoning, effort=efforts)),
        modalities=draw(st.lists(names, max_size=2).map(tuple)),
        audio=draw(st.none() | st.builds(AudioOutput, voice=names, format=names)),
        extras=draw(st.just({}) | st.just({NAME: {"prediction": {"a": 1}, "stream_options.x": 1}})),
        **options,
    )


# ------------------------------------------------------------------------- replies

citations = st.lists(
    st.builds(
        Citation,
        url=names,
        title=names,
        start=st.integers(0, 9),
        end=st.integers(0, 9),
        origin=st.just(NAME),
        native=st.none(),
    ),
    max_size=2,
)
usages = st.builds(
    Usage,
    input=st.integers(50, 99),
    cache_read=st.integers(0, 99),
    cache_write=st.integers(50, 99),
    output=st.integers(50, 99),
    cache_write_1h=st.integers(0, 50),
    reasoning=st.integers(0, 50),
    audio_input=st.integers(0, 50),
    audio_output=st.integers(0, 50),
    image_input=st.integers(0, 50),
    image_output=st.integers(0, 50),
    web_searches=st.integers(0, 3),
)


@st.composite
def choices(draw: st.DrawFn, index: int) -> Choice:
    """Draw a choice in the order in which OpenAI's wire gives its parts."""
    parts: list[Part] = [*draw(thoughts())]
    has_text = draw(st.booleans())
    if has_text:
        parts.append(Text(text=draw(texts)))
    if draw(st.booleans()):
        parts.append(Refusal(text=draw(texts)))
    if draw(st.booleans()):
        audio = Audio(source=Inline("", "AAAA"), transcript=draw(words), audio_id="audio_1")
        parts.append(audio)
    parts += [Image(source=Inline("image/png", "iVBO"))] * draw(st.integers(0, 2))
    calls = [
        ToolCall(call_id=f"c{number}", name=draw(names), arguments=draw(texts), custom=custom)
        for number, custom in enumerate(draw(st.lists(st.booleans(), max_size=2)))
    ]
    word = "tool_calls" if calls else draw(st.sampled_from(["stop", "length", "content_filter"]))
    return Choice(
        index=index,
        parts=(*parts, *calls),
        finish=Finish(reason=word, raw_reason=word),  # type: ignore[arg-type]  # one of the words
        logprobs=draw(st.none() | st.just({"content": [{"token": "a"}]})) if has_text else None,
    )


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """Draw a reply."""
    return Reply(
        reply_id="chatcmpl-" + draw(names),
        model=draw(names),
        created=draw(st.integers(1, 99)),
        choices=tuple(draw(choices(index)) for index in range(draw(st.integers(1, 2)))),
        usage=draw(usages),
        service_tier=draw(st.none() | names),
        system_fingerprint=draw(st.none() | names),
    )
