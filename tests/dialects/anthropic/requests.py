"""Made-up requests for property tests: all that the Messages API can say, as it says it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from headgate.ir.request import (
    CacheMark,
    ChatRequest,
    File,
    Image,
    Inline,
    NativeTool,
    Opaque,
    Part,
    Reasoning,
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

names = st.text("abcdefgh_", min_size=1, max_size=8)
words = st.text("abc äß\n€", min_size=1, max_size=12).filter(lambda t: t.strip() == t)
caches = st.none() | st.builds(CacheMark, st.sampled_from([None, "5m", "1h"]))
texts = st.builds(Text, text=words, cache=caches)
sources = st.one_of(
    st.builds(Remote, url=names.map("https://example.org/{}".format)),
    st.builds(Uploaded, file_id=names, dialect=st.just("anthropic")),
)
pictures = st.just(Inline("image/png", "iVBORw0KGgo="))
papers = st.just(Inline("application/pdf", "JVBERg=="))
images = st.builds(Image, source=sources | pictures, cache=caches)
files = st.builds(
    File,
    source=sources | papers | st.just(Inline("text/plain", "YQ==")),
    name=st.just("") | words,
    citations_enabled=st.booleans(),
    cache=caches,
)
opaque = st.builds(
    Opaque,
    dialect=st.just("anthropic"),
    block=st.fixed_dictionaries({"type": st.just("container_upload"), "file_id": names}),
)
objects = st.dictionaries(names, st.integers() | words, max_size=2)
signatures = st.builds(Signature, st.just("anthropic"), names)
thoughts = st.builds(Thinking, text=words, signature=signatures) | st.builds(
    Thinking, redacted=st.just(True), signature=signatures
)
schemas = st.fixed_dictionaries(
    {
        "type": st.just("object"),
        "properties": st.dictionaries(names, st.just({"type": "string"}), max_size=2),
        "additionalProperties": st.just(False),
    }
)
tools = st.builds(
    Tool,
    name=names,
    description=st.just("") | words,
    schema=schemas,
    strict=st.none() | st.just(True),
    cache=caches,
) | st.builds(
    NativeTool,
    dialect=st.just("anthropic"),
    block=st.fixed_dictionaries({"type": st.just("web_search_20250305"), "name": names}),
)
choices = st.none() | st.one_of(
    st.builds(ToolChoice, mode=st.sampled_from(["auto", "none"])),
)
reasonings = st.none() | st.one_of(
    st.builds(Reasoning, budget_tokens=st.integers(1024, 4000), visible=st.none() | st.booleans()),
    st.builds(
        Reasoning,
        adaptive=st.just(True),
        effort=st.none() | st.sampled_from(["low", "medium", "high", "max"]),
    ),
    st.just(Reasoning(effort="none")),
)


@st.composite
def turns(draw: st.DrawFn) -> tuple[Turn, ...]:
    """Draw user and assistant turns by turns, each call answered at once."""
    found: list[Turn] = []
    if draw(st.booleans()):
        found.append(
            Turn(role="system", parts=tuple(draw(st.lists(texts, min_size=1, max_size=2))))
        )
    open_calls: list[str] = []
    for number in range(draw(st.integers(1, 3))):
        parts: list[Part] = [
            ToolResult(
                call_id=call_id,
                content=tuple(draw(st.lists(texts | images | files | opaque, max_size=2))),
                is_error=draw(st.booleans()),
                cache=draw(caches),
            )
            for call_id in open_calls
        ]
        parts += draw(st.lists(texts | images | files | opaque, min_size=1, max_size=2))
        found.append(Turn(role="user", parts=tuple(parts), extras=draw(extras())))
        said: list[Part] = draw(st.lists(thoughts | texts | opaque, min_size=1, max_size=2))
        open_calls = [f"t{number}{i}" for i in range(draw(st.integers(0, 2)))]
        for call_id in open_calls:
            arguments = json.dumps(draw(objects), ensure_ascii=False, separators=(",", ":"))
            said.append(
                ToolCall(call_id=call_id, name=draw(names), arguments=arguments, cache=draw(caches))
            )
        found.append(Turn(role="assistant", parts=tuple(said)))
    return tuple(found)


@st.composite
def extras(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """Draw what only this dialect knows, at the paths where it may stand."""
    paths = st.sampled_from(["msg_field", "another"])
    found = draw(st.dictionaries(paths, objects, max_size=1))
    return {"anthropic": found} if found else {}


@st.composite
def requests(draw: st.DrawFn) -> ChatRequest:
    """Draw a request for a model that takes all of it (the 4.6 generation)."""
    offered = tuple(draw(st.lists(tools, max_size=2)))
    reasoning = draw(reasonings)
    choice = draw(choices) if offered else None
    calm = reasoning is None or reasoning.effort == "none"
    top = draw(
        st.dictionaries(
            st.sampled_from(["container", "mcp_servers", "output_config.task_budget"]),
            objects,
            max_size=2,
        )
    )
    return ChatRequest(
        model="claude-sonnet-4-6",
        turns=draw(turns()),
        stream=draw(st.booleans()),
        max_tokens=draw(st.integers(5000, 60_000)),
        temperature=draw(st.none() | st.sampled_from([0.0, 0.5, 1.0])) if calm else None,
        top_k=draw(st.none() | st.integers(1, 40)) if calm else None,
        stop=tuple(draw(st.lists(words, max_size=2))),
        tools=offered,
        tool_choice=choice,
        parallel_tool_calls=(
            draw(st.none() | st.booleans()) if choice and choice.mode == "auto" else None
        ),
        response_format=draw(
            st.none() | st.builds(ResponseFormat, kind=st.just("json_schema"), schema=schemas)
        ),
        reasoning=reasoning,
        user=draw(st.none() | names),
        service_tier=draw(st.sampled_from([None, "auto", "default"])),
        cache=draw(caches),
        extras={"anthropic": top} if top else {},
    )
