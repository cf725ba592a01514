"""Made-up requests in which every wish has a mark, to see that none is lost in silence.

A mark is a text that must be found in the upstream's body, unless a loss names the wish.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st

from headgate.dialects.dialect import Target, Wire
from headgate.ir.loss import Losses
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
    Role,
    Signature,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
    Uploaded,
)


class Wish(NamedTuple):
    """Any one of `marks` is in the body, or a loss has one of `names`."""

    marks: tuple[str, ...]
    names: tuple[str, ...]


# A field of the request, a value that no vendor has as its default, and its marks.
OPTIONS: dict[str, tuple[Any, Wish]] = {
    "max_tokens": (54321, Wish(("54321",), ("max_tokens",))),
    "temperature": (0.625, Wish(("0.625",), ("temperature",))),
    "top_p": (0.875, Wish(("0.875",), ("top_p",))),
    "top_k": (37, Wish((":37",), ("top_k",))),
    "min_p": (0.03125, Wish(("0.03125",), ("min_p",))),
    "stop": (("stop-a", "stop-b"), Wish(('"stop-a","stop-b"',), ("stop",))),
    "seed": (471147, Wish(("471147",), ("seed",))),
    "n": (3, Wish((), ("n",))),
    "presence_penalty": (0.375, Wish(("0.375",), ("presence_penalty",))),
    "frequency_penalty": (0.4375, Wish(("0.4375",), ("frequency_penalty",))),
    "logit_bias": ({"50256": -7.5}, Wish(("50256",), ("logit_bias",))),
    "logprobs": (True, Wish(('"logprobs":true',), ("logprobs",))),
    "top_logprobs": (7, Wish(('"top_logprobs":7',), ("top_logprobs",))),
    "parallel_tool_calls": (True, Wish(("",), ())),  # what all of them do anyway
    "reasoning": (
        Reasoning(budget_tokens=3333),
        Wish(("3333",), ("thinking.budget_tokens", "reasoning.budget_tokens")),
    ),
    "verbosity": ("verbosity-x", Wish(("verbosity-x",), ("verbosity",))),
    "modalities": (("text", "audio"), Wish(("modalities",), ("modalities",))),
    "audio": (AudioOutput(voice="voice-x", format="wav"), Wish(("voice-x",), ("audio",))),
    "user": ("user-x", Wish(("user-x",), ("user",))),
    "metadata": ({"key-x": "value-x"}, Wish(("key-x",), ("metadata",))),
    "service_tier": ("tier-x", Wish(("tier-x",), ("service_tier",))),
    "prompt_cache_key": ("cache-x", Wish(("cache-x",), ("prompt_cache_key",))),
    "prompt_cache_retention": ("24h", Wish(("24h",), ("prompt_cache_retention",))),
    "safety_identifier": ("safety-x", Wish(("safety-x",), ("safety_identifier",))),
    "store": (True, Wish(('"store":true',), ("store",))),
    "cache": (CacheMark("1h"), Wish((), ("cache_control",))),
    "response_format": (
        ResponseFormat(
            kind="json_schema",
            name="answer",
            description="schema-words",
            schema={"type": "object", "properties": {"field-x": {"type": "string"}}},
        ),
        Wish(("field-x",), ("response_format",)),
    ),
    "extras": ({"elsewhere": {"strange-x": 1}}, Wish(("strange-x",), ("strange-x",))),
}

_PICTURE = Inline("image/png", "cGljdHVyZQ==")


def _parts(word: str) -> dict[str, tuple[Part, tuple[str, ...]]]:
    """Every kind of part with its marks; a part may lose several things at once."""
    data = base64.b64encode(word.encode()).decode()
    proof = Signature("elsewhere", f"proof-{word}")
    cited = Citation(url=f"https://cite.example/{word}", title="t")
    return {
        "text": (Text(text=word), (word,)),
        "marked text": (Text(text=word, cache=CacheMark()), (word,)),
        "cited text": (Text(text=word, citations=(cited,)), (word,)),
        "picture": (Image(source=Inline("image/png", data), detail="high"), (data,)),
        "far picture": (Image(source=Remote(url=f"https://p.example/{word}")), (word,)),
        "kept picture": (Image(source=Uploaded(word, "elsewhere")), (word,)),
        "sound": (Audio(source=Inline("audio/wav", data)), (data,)),
        "said sound": (Audio(source=Inline("audio/wav", data), transcript=word), (word,)),
        "paper": (File(source=Inline("application/pdf", data), name="n"), (data,)),
        "note": (File(source=Inline("text/plain", data), name="n"), (word, data)),
        "refusal": (Refusal(text=word), (word,)),
        "thought": (Thinking(text=word), (word,)),
        "signed thought": (Thinking(text=word, signature=proof), (word,)),
        "hidden thought": (Thinking(redacted=True, signature=proof), (f"proof-{word}",)),
        "foreign block": (Opaque(dialect="elsewhere", block={"type": word}), (word,)),
    }


KINDS = tuple(_parts(""))
# What else a kind of part wishes for: a mark, and how the loss of it ends.
BESIDES: dict[str, tuple[tuple[str, ...], str]] = {
    "marked text": ((), ".cache_control"),
    "cited text": (("cite.example",), ".citations"),
    "picture": (('"detail":"high"',), ".image_url.detail"),
    "signed thought": (("proof-",), ".signature"),
}


ROLES: st.SearchStrategy[Role] = st.sampled_from(["system", "user", "assistant"])
LAST: Role = "user"


@st.composite
def turns(draw: st.DrawFn) -> tuple[tuple[Turn, ...], list[Wish]]:
    """Draw turns of all roles, with all kinds of parts in each, calls and their results."""
    found: list[Turn] = []
    wishes: list[Wish] = []
    for number, role in enumerate((*draw(st.lists(ROLES, max_size=4)), LAST)):
        kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=3))
        parts: list[Part] = []
        place = f"messages[{len(found)}]"
        for index, kind in enumerate(kinds):
            part, marks = _parts(f"w{number}x{index}q")[kind]
            parts.append(part)
            where = f"{place}.content[{index}]"
            wishes.append(Wish(marks, (where,)))
            if kind in BESIDES:
                more, suffix = BESIDES[kind]
                wishes.append(Wish(more, (where, where + suffix)))
        turn_name = draw(st.sampled_from(["", f"name{number}x"]))
        if turn_name:
            wishes.append(Wish((turn_name,), (f"{place}.name",)))
        extras = draw(st.sampled_from([{}, {"elsewhere": {f"odd{number}x": 1}}]))
        wishes += [Wish((key,), (f"{place}.{key}",)) for key in extras.get("elsewhere", {})]
        calls = []
        if role == "assistant":
            calls = _calls(draw, number)
            wishes += [
                Wish((_word_of(call),), (f"{place}.content[{len(parts) + i}]",))
                for i, call in enumerate(calls)
            ]
        everything = (*parts, *calls)
        found.append(Turn(role=role, parts=everything, name=turn_name, extras=extras))
        for call in calls:
            found.append(_result(draw, call, len(found), wishes))
    return tuple(found), wishes


def _calls(draw: st.DrawFn, number: int) -> list[ToolCall]:
    return [
        ToolCall(
            call_id=f"c{number}x{index}",
            name=f"tool{index}",
            arguments=f'{{"arg{number}x{index}":1}}' if is_json else f"free{number}x{index}",
            custom=custom,
        )
        for index, (is_json, custom) in enumerate(
            draw(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=2))
        )
    ]


def _word_of(call: ToolCall) -> str:
    return call.arguments.removeprefix('{"').removesuffix('":1}')


def _result(draw: st.DrawFn, call: ToolCall, number: int, wishes: list[Wish]) -> Turn:
    word = f"r{number}x"
    kinds = draw(st.lists(st.sampled_from(["text", "picture", "paper", "note"]), max_size=2))
    drawn = [_parts(f"{word}{index}q")[kind] for index, kind in enumerate(kinds)]
    content = tuple(part for part, _ in drawn if isinstance(part, Text | Image | File))
    place = f"messages[{number}].content[0]"
    wishes += [Wish(m, (place, f"{place}.content[{i}]")) for i, (_, m) in enumerate(drawn)]
    is_error = draw(st.booleans())
    if is_error:
        wishes.append(Wish(('"error"',), (f"{place}.is_error",)))
    result = ToolResult(call_id=call.call_id, name=call.name, content=content, is_error=is_error)
    return Turn(role="tool", parts=(result,))


TOOLS: tuple[tuple[Any, tuple[str, ...], str], ...] = (
    (Tool(name="tool0", description="words-a", schema={"type": "object"}), ("words-a",), ""),
    (Tool(name="tool1", description="words-b", strict=True), ('"strict', "strict_"), ".strict"),
    (Tool(name="tool2", description="words-c", cache=CacheMark()), ("~",), ".cache_control"),
    (CustomTool(name="tool3", description="words-d", format={"g": "gram-x"}), ("gram-x",), ""),
    (NativeTool(dialect="elsewhere", block={"type": "native-x"}), ("native-x",), ""),
)


@st.composite
def requests(draw: st.DrawFn) -> tuple[ChatRequest, list[Wish]]:
    """Draw a request and all that it wishes for."""
    spoken, wishes = draw(turns())
    names = draw(st.lists(st.sampled_from(sorted(OPTIONS)), unique=True))
    chosen = draw(st.lists(st.sampled_from(TOOLS), unique_by=lambda row: row[1], max_size=3))
    for index, (_, marks, suffix) in enumerate(chosen):
        place = f"tools[{index}]"
        is_strict = suffix == ".strict"
        names_of = (f"{place}.function.strict", f"{place}.strict") if is_strict else ()
        wishes.append(Wish(marks, names_of or (place, place + suffix)))
    wishes += [OPTIONS[name][1] for name in names]
    request = ChatRequest(
        model="asked",
        turns=spoken,
        tools=tuple(tool for tool, _, _ in chosen),
        **{name: OPTIONS[name][0] for name in names},
    )
    return request, wishes


def lost_in_silence(
    wire: Wire, model: str, request: ChatRequest, wishes: Iterable[Wish]
) -> list[Wish]:
    """Translate, and list the wishes that are neither in the body nor among the losses."""
    losses = Losses(wire.name)
    target = Target(model=model, stream=request.stream)
    body = msgspec.json.encode(wire.encode_request(request, target, losses)).decode()
    named = {loss.field for loss in losses}

    def is_kept(wish: Wish) -> bool:
        return any(mark in body for mark in wish.marks)

    return [wish for wish in wishes if not (is_kept(wish) or named & set(wish.names))]
