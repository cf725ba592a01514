"""Made-up requests and replies that the Responses API can carry without a loss."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from headgate.dialects.openai_responses.models import NAME
from headgate.ir.reply import Choice, Finish, Reply
from headgate.ir.request import (
    Audio,
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
objects = st.dictionaries(names, st.integers(0, 9) | words, min_size=1, max_size=2)
links = st.just(Remote(url="https://a.example/b"))
uploads = st.just(Uploaded("file-1", NAME))


def inline(media_type: str) -> st.SearchStrategy[Inline]:
    """Draw media that the request itself holds."""
    return st.just(Inline(media_type, "iVBORw0KGgo="))


# ------------------------------------------------------------------------ requests

plain_texts = st.builds(Text, text=words)
user_parts: st.SearchStrategy[Part] = st.one_of(
    plain_texts,
    st.builds(
        Image, source=links | uploads | inline("image/png"), detail=st.none() | st.just("low")
    ),
    st.builds(Audio, source=inline("audio/wav") | inline("audio/mpeg")),
    st.builds(File, source=inline("application/pdf") | uploads, name=names),
    st.builds(File, source=links),
    st.builds(Opaque, dialect=st.just(NAME), block=st.just({"type": "input_scent", "x": 1})),
)
result_parts = st.one_of(
    plain_texts,
    st.builds(Image, source=links | inline("image/png")),
    st.builds(File, source=inline("application/pdf"), name=names),
)
proofs = st.builds(Signature, origin=st.sampled_from(["anthropic", "gemini"]), value=texts)
own_proofs = st.just(Signature(NAME, '{"encrypted_content":"gAAAAB","id":"rs_1"}'))
server_items = st.builds(
    Opaque,
    dialect=st.just(NAME),
    block=st.just(
        {"type": "file_search_call", "id": "fs_1", "queries": ["q"], "status": "completed"}
    ),
)
notes: st.SearchStrategy[tuple[Citation, ...]] = st.just(()) | st.just(
    (
        Citation(
            url="https://a.example",
            title="A",
            start=0,
            end=1,
            origin=NAME,
            native={
                "type": "url_citation",
                "url": "https://a.example",
                "title": "A",
                "start_index": 0,
                "end_index": 1,
            },
        ),
    )
)


@st.composite
def exchanges(draw: st.DrawFn, start: int) -> list[Turn]:
    """Draw what a user says, what the assistant thinks, answers and calls, and the results."""
    phase = draw(st.none() | st.just("commentary"))
    user = Turn(role="user", parts=tuple(draw(st.lists(user_parts, min_size=1, max_size=3))))
    calls = [
        ToolCall(
            call_id=f"c{start}_{number}",
            name=draw(names),
            arguments=draw(texts),
            custom=draw(st.booleans()),
        )
        for number in range(draw(st.integers(0, 2)))
    ]
    thoughts = draw(
        st.just([])
        | st.builds(Thinking, text=texts, signature=own_proofs).map(lambda part: [part])
        | st.just([Thinking(redacted=True, signature=draw(own_proofs))])
    )
    spoken = st.builds(Text, text=words, citations=notes) | st.builds(Refusal, text=words)
    said = draw(st.lists(spoken, min_size=1, max_size=2))
    asked = draw(st.lists(server_items, max_size=1))
    kept = {NAME: {"phase": phase}} if phase else {}
    parts: tuple[Part, ...] = (*thoughts, *asked, *said, *calls)
    results = [
        Turn(
            role="tool",
            parts=(
                ToolResult(
                    call_id=call.call_id,
                    name=call.name,
                    content=tuple(draw(st.lists(result_parts, min_size=1, max_size=2))),
                ),
            ),
        )
        for call in calls
    ]
    return [user, Turn(role="assistant", parts=parts, extras=kept), *results]


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Turn, ...]:
    """Draw instructions, system and developer texts, then a few exchanges."""
    first = st.builds(
        Turn,
        role=st.sampled_from(["system", "developer"]),
        parts=st.lists(st.builds(Text, text=texts), min_size=1, max_size=2).map(tuple),
    )
    turns = draw(st.lists(first, max_size=2))
    for _ in range(draw(st.integers(1, 2))):
        turns += draw(exchanges(len(turns)))
    return tuple(turns)


tools = st.one_of(
    st.builds(Tool, name=names, description=words, schema=objects, strict=st.booleans()),
    st.builds(CustomTool, name=names, description=words, format=st.none() | objects),
    st.just(NativeTool(dialect=NAME, block={"type": "web_search", "filters": {"x": 1}})),
)
choices = st.one_of(
    st.builds(ToolChoice, mode=st.sampled_from(["auto", "none", "required"])),
    st.builds(ToolChoice, mode=st.just("tool"), name=names),
    st.builds(
        ToolChoice,
        mode=st.sampled_from(["auto", "required"]),
        allowed=st.lists(names, min_size=1, max_size=2).map(tuple),
    ),
)
formats = st.one_of(
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
efforts = st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max"])
leftovers: dict[str, Any] = {
    "truncation": "auto",
    "reasoning.context": "all_turns",
    "include": ["web_search_call.action.sources"],
    "client_metadata": {"x": 1},
}


@st.composite
def requests(draw: st.DrawFn) -> ChatRequest:
    """Draw a request."""

    def maybe(strategy: st.SearchStrategy[Any]) -> Any:
        return draw(st.none() | strategy)

    return ChatRequest(
        model="gpt-5.4",
        turns=draw(conversations()),
        stream=draw(st.booleans()),
        max_tokens=maybe(st.integers(16, 99)),
        temperature=maybe(st.sampled_from([0.0, 0.5, 1.0])),
        top_p=maybe(st.sampled_from([0.5, 1.0])),
        logprobs=maybe(st.just(True)),
        top_logprobs=maybe(st.integers(0, 5)),
        tools=tuple(draw(st.lists(tools, max_size=2))),
        tool_choice=maybe(choices),
        parallel_tool_calls=maybe(st.booleans()),
        response_format=maybe(formats),
        reasoning=maybe(
            st.builds(Reasoning, effort=efforts, visible=st.none() | st.just(True))
            | st.just(Reasoning(visible=True))
        ),
        verbosity=maybe(st.just("low")),
        user=maybe(names),
        metadata=maybe(st.dictionaries(names, names, min_size=1, max_size=1)),
        service_tier=maybe(st.just("flex")),
        prompt_cache_key=maybe(names),
        prompt_cache_retention=maybe(st.just("24h")),
        safety_identifier=maybe(names),
        store=draw(st.booleans()),
        extras=draw(st.just({}) | st.just({NAME: leftovers})),
    )


# ------------------------------------------------------------------------- replies

reply_texts = st.builds(Text, text=texts, citations=notes, signature=st.none() | proofs)
reply_thoughts = st.one_of(
    st.builds(Thinking, text=texts, signature=st.none() | proofs | own_proofs),
    st.builds(Thinking, redacted=st.just(True), signature=proofs | own_proofs),
    st.builds(Thinking, signature=proofs),  # the vendor keeps the text to itself
)
reply_images = st.builds(
    Image, source=inline("image/png") | inline("image/webp"), signature=st.none() | proofs
)
entry = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}


def divided(parts: list[Part]) -> list[Part]:
    """Part what would be joined: two texts in a row are one here, if the first is not signed."""
    kept: list[Part] = []
    for part in parts:
        last = kept[-1] if kept else None
        joined = isinstance(last, Text) and isinstance(part, Text) and last.signature is None
        if not (joined or (isinstance(last, Refusal) and isinstance(part, Refusal))):
            kept.append(part)
    return kept


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """Draw a reply."""
    calls = [
        ToolCall(
            call_id=f"call.{number}",
            name=draw(names),
            arguments=draw(words),
            custom=draw(st.booleans()),
            signature=draw(st.none() | proofs),
        )
        for number in range(draw(st.integers(0, 2)))
    ]
    refusals = st.builds(Refusal, text=texts)
    others = st.one_of(reply_texts, reply_thoughts, reply_images, refusals, server_items)
    parts: list[Part] = [*divided(draw(st.lists(others, max_size=4))), *calls]
    if calls:
        finish = Finish(reason="tool_calls", raw_reason="completed")
    else:
        finish = draw(
            st.sampled_from(
                [
                    Finish(reason="stop", raw_reason="completed"),
                    Finish(reason="length", raw_reason="max_output_tokens"),
                    Finish(reason="content_filter", raw_reason="content_filter"),
                ]
            )
        )
    spoken = [part for part in parts if isinstance(part, Text | Refusal)]
    has_text = bool(spoken) and isinstance(spoken[0], Text)
    logprobs = {"content": [entry]} if has_text and draw(st.booleans()) else None
    output = draw(st.integers(0, 99))
    return Reply(
        reply_id="resp_1",
        model="gpt-5.4",
        choices=(Choice(parts=tuple(parts), finish=finish, logprobs=logprobs),),
        usage=draw(
            st.none()
            | st.builds(
                Usage,
                input=st.integers(0, 99),
                cache_read=st.integers(0, 9),
                cache_write=st.integers(0, 9),
                output=st.just(output),
                reasoning=st.integers(0, output),
                web_searches=st.integers(0, 2),
            )
        ),
        created=7,
        service_tier=draw(st.none() | st.just("flex")),
        extras=draw(st.just({}) | st.just({NAME: {"content_filters": [{"blocked": False}]}})),
    )
