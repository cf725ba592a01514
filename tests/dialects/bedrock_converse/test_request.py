"""Whole requests: what is carried, and that nothing is lost in silence."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.ir.request import (
    AudioOutput,
    CacheMark,
    ChatRequest,
    File,
    Image,
    Inline,
    Json,
    Reasoning,
    Remote,
    ResponseFormat,
    Role,
    Signature,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from tests.dialects.bedrock_converse.asked import (
    CLAUDE,
    CLAUDE_5,
    CLAUDE_37,
    LLAMA,
    NOVA,
    PROOF,
    TITAN,
    assistant,
    carried,
    user,
    written,
)

COHERE = "cohere.command-r-plus-v1:0"
SCHEMA = {"type": "object", "properties": {}, "additionalProperties": False}
FORM = ResponseFormat(kind="json_schema", name="n", description="d", schema=SCHEMA)


def test_a_small_request_is_small() -> None:
    assert carried() == {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}


def test_inference_parameters_have_their_own_object() -> None:
    body = carried(model=NOVA, max_tokens=9, temperature=0.5, top_p=0.9, stop=("a", " "))
    assert body["inferenceConfig"] == {
        "maxTokens": 9,
        "temperature": 0.5,
        "topP": 0.9,
        "stopSequences": ["a", " "],
    }


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (CLAUDE_37, {"top_k": 5}),
        (NOVA, {"inferenceConfig": {"topK": 5}}),
        (COHERE, {"k": 5}),
        ("mistral.mistral-large-2407-v1:0", {"top_k": 5}),
    ],
)
def test_top_k_has_a_name_by_family(model: str, fields: Json) -> None:
    assert carried(model=model, top_k=5)["additionalModelRequestFields"] == fields


@pytest.mark.parametrize(
    ("model", "asked", "inference", "lost"),
    [
        (CLAUDE_37, {"temperature": 1.5}, {"temperature": 1}, {"temperature"}),
        (CLAUDE, {"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5}, {"top_p"}),
        (CLAUDE, {"top_p": 0.9}, {"topP": 0.9}, set()),
        (
            CLAUDE_5,
            {"temperature": 0.5, "top_p": 0.9, "top_k": 3},
            {},
            {"temperature", "top_p", "top_k"},
        ),
        (CLAUDE_5, {"temperature": 1.0}, {}, set()),
        (LLAMA, {"top_k": 3}, {}, {"top_k"}),
        (CLAUDE_37, {"stop": ("a", " ")}, {"stopSequences": ["a"]}, {"stop"}),
        (
            CLAUDE_37,
            {
                "reasoning": Reasoning(budget_tokens=1024),
                "max_tokens": 2000,
                "temperature": 0.5,
                "top_p": 0.96,
                "top_k": 3,
            },
            {"maxTokens": 2000, "topP": 0.96},
            {"temperature", "top_k"},
        ),
    ],
)
def test_what_a_model_refuses_is_left_out_and_named(
    model: str, asked: dict[str, Any], inference: Json, lost: set[str]
) -> None:
    body, named = written(model=model, **asked)
    assert body.get("inferenceConfig", {}) == inference
    assert set(named) == lost


def test_claude_is_asked_which_stop_sequence_it_was() -> None:
    assert carried(stop=("a",))["additionalModelResponseFieldPaths"] == ["/stop_sequence"]
    body, _ = written(stop=("a",), stream=True)
    assert body["additionalModelResponseFieldPaths"] == ["/delta/stop_sequence"]
    assert "additionalModelResponseFieldPaths" not in carried(model=NOVA, stop=("a",))


def test_a_schema_is_enforced_where_the_model_can() -> None:
    text = carried(response_format=FORM)["outputConfig"]["textFormat"]
    assert text["type"] == "json_schema"
    form = text["structure"]["jsonSchema"]
    assert (json.loads(form.pop("schema")), form) == (SCHEMA, {"name": "n", "description": "d"})


@pytest.mark.parametrize(
    ("model", "form"),
    [
        (NOVA, FORM),
        (NOVA, ResponseFormat(kind="json")),
        (CLAUDE, ResponseFormat(kind="json")),
        (CLAUDE, ResponseFormat(kind="json_schema")),
    ],
)
def test_elsewhere_the_system_prompt_asks_for_json(model: str, form: ResponseFormat) -> None:
    body, lost = written(model=model, response_format=form)
    assert "JSON" in body["system"][0]["text"]
    assert "outputConfig" not in body
    name = {"response_format.json_schema.name": ""} if form.name else {}
    assert lost == {"response_format": "asked for in the system prompt", **name}


def test_and_without_a_system_prompt_the_first_message_does() -> None:
    body, _ = written(model=TITAN, response_format=ResponseFormat(kind="json"))
    assert [("JSON" in block["text"]) for block in body["messages"][0]["content"]] == [True, False]
    assert "system" not in body


def test_text_is_what_comes_anyway() -> None:
    assert list(carried(response_format=ResponseFormat(kind="text"))) == ["messages"]


@pytest.mark.parametrize(
    ("tier", "wire", "lost"),
    [
        ("flex", {"type": "flex"}, set()),
        ("default", {"type": "default"}, set()),
        ("auto", None, set()),
        ("scale", None, {"service_tier"}),
    ],
)
def test_tiers(tier: str, wire: Json | None, lost: set[str]) -> None:
    body, named = written(service_tier=tier)
    assert (body.get("serviceTier"), set(named)) == (wire, lost)


def test_metadata_of_letters_that_are_taken() -> None:
    metadata = {"team": "a-b/c", "bad": "ä", "long": "x" * 257} | {f"k{i}": "" for i in range(20)}
    body, lost = written(metadata=metadata)
    assert len(body["requestMetadata"]) == 16
    assert body["requestMetadata"]["team"] == "a-b/c"
    assert {"metadata.bad", "metadata.long", "metadata.k19"} <= set(lost)
    assert len(lost) == len(metadata) - 16


def test_converses_own_words_are_taken_from_any_dialect() -> None:
    guard = {"guardrailIdentifier": "g", "guardrailVersion": "1"}
    body, lost = written(
        top_k=3,
        max_tokens=5,
        model=CLAUDE_37,
        extras={
            "openai_chat": {
                "guardrailConfig": guard,
                "performanceConfig": {"latency": "optimized"},
                "additionalModelRequestFields": {"top_k": 9, "anthropic_beta": ["x"]},
                "additionalModelResponseFieldPaths": ["/x"],
                "odd": 1,
            },
            "anthropic": {"container": "c"},
        },
    )
    assert body["guardrailConfig"] == guard
    assert body["performanceConfig"] == {"latency": "optimized"}
    assert body["additionalModelRequestFields"] == {"top_k": 3, "anthropic_beta": ["x"]}
    assert body["additionalModelResponseFieldPaths"] == ["/x"]
    assert set(lost) == {"odd", "container", "additionalModelRequestFields.top_k"}
    twice = {"additionalModelResponseFieldPaths": ["/x"]}
    _, lost = written(stop=("a",), extras={"openai_chat": twice})
    assert set(lost) == {"additionalModelResponseFieldPaths"}


def test_what_there_is_no_word_for_is_named() -> None:
    fields: dict[str, Any] = {
        "n": 2,
        "seed": 0,
        "min_p": 0.1,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.1,
        "logit_bias": {"1": 2.0},
        "logprobs": True,
        "top_logprobs": 3,
        "verbosity": "low",
        "modalities": ("text", "audio"),
        "audio": AudioOutput(voice="v", format="wav"),
        "user": "u",
        "prompt_cache_key": "k",
        "prompt_cache_retention": "24h",
        "safety_identifier": "s",
        "store": True,
    }
    body, lost = written(**fields)
    assert set(lost) == set(fields)
    assert list(body) == ["messages"]


def test_values_that_change_nothing_are_no_loss() -> None:
    carried(
        n=1,
        presence_penalty=0.0,
        frequency_penalty=0.0,
        logprobs=False,
        modalities=("text",),
        store=False,
        stream=True,
        include_usage=True,
    )


# ---------------------------------------------------------------- nothing lost in silence

# Each value is told apart from all others, so that it can be looked for.
MODELS = st.sampled_from(
    [CLAUDE, CLAUDE_37, CLAUDE_5, NOVA, LLAMA, TITAN, COHERE, "openai.gpt-oss-20b-1:0", "x.new-1"]
)
marks = st.none() | st.builds(CacheMark, st.sampled_from([None, "5m", "1h", "7h"]))


class Marks:
    """Words that stand nowhere else."""

    def __init__(self) -> None:
        self.number = 0

    def word(self, kind: str) -> str:
        self.number += 1
        return f"{kind}q{self.number}z"


@st.composite
def requests(draw: st.DrawFn) -> tuple[ChatRequest, dict[str, str]]:
    """A request, and where each of its words must be named if it does not arrive."""
    words = Marks()
    places: dict[str, str] = {}

    def word(place: str, kind: str = "w") -> str:
        found = words.word(kind)
        places[found] = place
        return found

    def media(place: str) -> Inline | Remote:
        kind = draw(
            st.sampled_from(
                [
                    "image/png",
                    "image/bmp",
                    "application/pdf",
                    "text/plain",
                    "video/mp4",
                    "audio/wav",
                ]
            )
        )
        if draw(st.booleans()):
            return Inline(kind, word(place))
        scheme = draw(st.sampled_from(["s3", "https"]))
        return Remote(f"{scheme}://{word(place)}/x", kind)

    def content(place: str, role: str) -> Any:
        match draw(st.integers(0, 4)):
            case 0:
                return Image(source=media(place), cache=draw(marks))
            case 1:
                return File(source=media(place), name=word(f"{place}.name"), cache=draw(marks))
            case 2 if role == "assistant":
                origin = draw(st.sampled_from(["anthropic", "gemini", "bedrock_converse"]))
                return Thinking(text=word(place), signature=Signature(origin, word(place)))
        return Text(text=word(place), cache=draw(marks))

    turns: list[Turn] = []
    for _ in range(draw(st.integers(1, 3))):
        here = f"messages[{len(turns)}]"
        role: Role = draw(st.sampled_from(["system", "user", "assistant"]))
        count = draw(st.integers(1, 3))
        parts = tuple(content(f"{here}.content[{i}]", role) for i in range(count))
        turns.append(Turn(role=role, parts=parts, name=draw(st.just("") | st.just("bob"))))
    if draw(st.booleans()):
        here = f"messages[{len(turns)}].content[0]"
        call = ToolCall(call_id="t1", name=word(here), arguments=json.dumps({"a": word(here)}))
        turns.append(Turn(role="assistant", parts=(call,)))
        here = f"messages[{len(turns)}].content[0]"
        inner = content(f"{here}.content[0]", "user")
        turns.append(Turn(role="tool", parts=(ToolResult(call_id="t1", content=(inner,)),)))
    tools = tuple(
        Tool(
            name=word(f"tools[{i}]"),
            description=word(f"tools[{i}]"),
            schema={"type": "object", "properties": {word(f"tools[{i}]"): {"minimum": 1}}},
            strict=draw(st.none() | st.booleans()),
            cache=draw(marks),
        )
        for i in range(draw(st.integers(0, 2)))
    )
    choice = draw(
        st.none()
        | st.sampled_from([ToolChoice(mode="auto"), ToolChoice(mode="required")])
        | st.just(ToolChoice(mode="none"))
    )
    if choice is not None and choice.mode == "none":
        places |= {key: "tool_choice" for key, place in places.items() if place.startswith("tools")}
    request = ChatRequest(
        model="m",
        turns=tuple(turns),
        tools=tools,
        tool_choice=choice,
        stop=(word("stop"),),
        metadata={word("metadata"): word("metadata")},
        user=word("user"),
        prompt_cache_key=word("prompt_cache_key"),
        response_format=draw(
            st.none()
            | st.just(
                ResponseFormat(
                    kind="json_schema", schema={"type": "object", "description": word("response")}
                )
            )
        ),
        max_tokens=draw(st.none() | st.just(54_321)),
        temperature=draw(st.none() | st.just(0.4321)),
        top_p=draw(st.none() | st.just(0.9876)),
        top_k=draw(st.none() | st.just(7654)),
        seed=draw(st.none() | st.just(3)),
        reasoning=draw(
            st.none() | st.sampled_from([Reasoning(effort="high"), Reasoning(budget_tokens=4567)])
        ),
        cache=draw(marks),
        extras={"openai_chat": {word("extra", "x"): 1}},
    )
    return request, places


ADDED = {"messages", "tools"}
NUMBERS = {"max_tokens": "54321", "temperature": "0.4321", "top_p": "0.9876", "top_k": "7654"}


@given(requests(), MODELS)
def test_every_field_is_in_the_body_or_among_the_losses(
    made: tuple[ChatRequest, dict[str, str]], model: str
) -> None:
    request, places = made
    fields = {name: getattr(request, name) for name in request.__struct_fields__}
    fields.pop("model")
    body, lost = written(*fields.pop("turns"), model=model, **fields)
    sent = json.dumps(body, ensure_ascii=False)
    for word, place in places.items():
        # "messages" and "tools" tell of what was added, not of what is missing.
        named = word in lost or any(place.startswith(each) for each in set(lost) - ADDED)
        assert word in sent or named or _is_unused(word, request), (word, place)
    for name, value in NUMBERS.items():
        assert getattr(request, name) is None or value in sent or name in lost
    assert request.seed is None or "seed" in lost
    if request.reasoning is not None:
        wishes = {"reasoning_effort", "thinking.budget_tokens"}
        assert "high" in sent or "4567" in sent or "think" in sent or wishes & set(lost)
    marked = [part for turn in request.turns for part in turn.parts if getattr(part, "cache", None)]
    points = sent.count("cachePoint")
    if marked and not points:
        assert any("cache_control" in each or "content" in each for each in lost)
    for index, turn in enumerate(request.turns):
        assert not turn.name or f"messages[{index}].name" in lost


def _is_unused(word: str, request: ChatRequest) -> bool:
    """A word that was drawn for a value which was not drawn."""
    form = request.response_format
    return form is None and word not in repr(request)


def test_thinking_of_another_vendor_is_named_once_for_each_part() -> None:
    thought = Thinking(text="Hm", signature=Signature("gemini", "x"))
    _, lost = written(user("Hi"), assistant(thought, "ok"), user("Go on"))
    assert set(lost) == {"messages[1].content[0]"}
    mine = Thinking(text="Hm", signature=Signature("anthropic", PROOF))
    assert carried(user("Hi"), assistant(mine, "ok"), user("Go on"))
