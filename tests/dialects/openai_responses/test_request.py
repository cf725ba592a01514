from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.dialects.dialect import Target
from headgate.dialects.openai_responses.request import (
    decode_request,
    encode_request,
    patch_request,
)
from headgate.dialects.seals import sealed
from headgate.ir.loss import Losses
from headgate.ir.request import (
    AudioOutput,
    CacheMark,
    ChatRequest,
    Reasoning,
    ResponseFormat,
    Signature,
    Text,
    Thinking,
    Turn,
)

OWN = "openai_responses"
SAID = (Turn(role="user", parts=(Text(text="hello"),)),)


def decoded(**fields: Any) -> ChatRequest:
    return decode_request(json.dumps({"model": "m", "input": "hello", **fields}).encode())


def encoded(model: str = "gpt-5.4", **fields: Any) -> tuple[dict[str, Any], list[str]]:
    losses = Losses(OWN)
    request = ChatRequest(model="m", turns=SAID, **fields)
    return encode_request(request, Target(model=model), losses), [loss.field for loss in losses]


# ------------------------------------------------------------------------- reading


def test_options_are_read_into_the_words_of_the_ir() -> None:
    request = decoded(
        instructions="Be brief.",
        max_output_tokens=100,
        temperature=1,
        stream=True,
        store=False,
        include=["reasoning.encrypted_content", "message.output_text.logprobs"],
        top_logprobs=3,
        reasoning={"effort": "low", "summary": "auto"},
        text={"format": {"type": "json_object"}, "verbosity": "low"},
        metadata={"a": "b"},
        prompt_cache_key="k",
    )
    assert request == ChatRequest(
        model="m",
        turns=(Turn(role="system", parts=(Text(text="Be brief."),)), *SAID),
        stream=True,
        max_tokens=100,
        temperature=1.0,
        logprobs=True,
        top_logprobs=3,
        response_format=ResponseFormat(kind="json"),
        reasoning=Reasoning(effort="low", visible=True),
        verbosity="low",
        metadata={"a": "b"},
        prompt_cache_key="k",
        store=False,
    )


def test_a_schema_is_read_whole() -> None:
    form = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}
    assert decoded(text={"format": form}).response_format == ResponseFormat(
        kind="json_schema", name="n", schema={"type": "object"}, strict=True
    )


def test_what_has_no_word_is_kept_by_its_path() -> None:
    kept = {
        "truncation": "auto",
        "background": True,
        "conversation": "conv_1",
        "previous_response_id": "resp_0",
        "prompt": {"id": "p"},
        "max_tool_calls": 3,
        "client_metadata": {"x": 1},
        "context_management": [{"type": "compaction"}],
        "stream_options": {"include_obfuscation": False},
    }
    request = decoded(
        **kept,
        include=["web_search_call.action.sources", "reasoning.encrypted_content"],
        reasoning={"effort": "extreme", "context": "all_turns", "summary": "detailed"},
        text={"format": {"type": "grammar", "syntax": "lark"}, "tone": "dry"},
    )
    assert request.extras[OWN] == {
        **kept,
        "include": ["web_search_call.action.sources"],
        "reasoning.effort": "extreme",
        "reasoning.context": "all_turns",
        "reasoning.summary": "detailed",
        "text.format.type": "grammar",
        "text.format.syntax": "lark",
        "text.tone": "dry",
    }


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"input": None}, "input"),
        ({"model": None}, "model"),
        ({"max_output_tokens": "many"}, "max_output_tokens"),
        ({"instructions": []}, "instructions"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format.name"),
        ({"tools": [{}]}, "tools[0].type"),
        ({"store": "yes"}, "store"),
    ],
)
def test_mistakes_are_refused_with_their_place(fields: dict[str, Any], place: str) -> None:
    with pytest.raises(RelayError) as refusal:
        decoded(**fields)
    assert refusal.value.failure.kind == FailureKind.INVALID_REQUEST
    assert refusal.value.failure.param == place


def test_a_request_may_go_on_without_new_input() -> None:
    assert decoded(input=None, previous_response_id="resp_0").turns == ()


# ------------------------------------------------------------------------- writing


def test_nothing_is_stored_and_reasoning_comes_back_encrypted() -> None:
    assert encoded() == (
        {
            "model": "gpt-5.4",
            "input": [{"role": "user", "content": "hello"}],
            "store": False,
            "include": ["reasoning.encrypted_content"],
        },
        [],
    )
    assert encoded(store=True)[0]["store"] is True


def test_models_that_do_not_think_are_not_asked_to() -> None:
    body, lost = encoded("gpt-4o", reasoning=Reasoning(effort="high"))
    assert "include" not in body
    assert "reasoning" not in body
    assert lost == ["reasoning_effort"]
    assert encoded("gpt-4o", reasoning=Reasoning(effort="none"))[1] == []


def test_what_there_is_no_field_for_is_named() -> None:
    body, lost = encoded(
        stop=("x",),
        n=2,
        seed=1,
        top_k=4,
        min_p=0.5,
        presence_penalty=0.5,
        frequency_penalty=0.5,
        logit_bias={"1": 1.0},
        modalities=("text", "audio"),
        audio=AudioOutput(voice="a", format="wav"),
        cache=CacheMark(),
        extras={"gemini": {"labels": {}}},
    )
    assert set(lost) == {
        *("stop", "n", "seed", "top_k", "min_p", "presence_penalty", "frequency_penalty"),
        *("logit_bias", "modalities", "audio", "cache_control", "labels"),
    }
    assert body.keys() == {"model", "input", "store", "include"}


def test_too_few_tokens_are_raised() -> None:
    body, lost = encoded(max_tokens=5)
    assert body["max_output_tokens"] == 16
    assert lost == ["max_tokens"]


@pytest.mark.parametrize(
    ("budget", "effort"), [(0, "none"), (1024, "low"), (8000, "medium"), (32000, "high")]
)
def test_a_budget_becomes_an_effort(budget: int, effort: str) -> None:
    body, lost = encoded(reasoning=Reasoning(budget_tokens=budget))
    assert body["reasoning"] == {"effort": effort}
    assert lost == ["thinking.budget_tokens"]


def test_thoughts_are_shown_to_those_who_want_to_see_them() -> None:
    assert encoded(reasoning=Reasoning(adaptive=True, visible=True))[0]["reasoning"] == {
        "summary": "auto"
    }
    assert "reasoning" not in encoded(reasoning=Reasoning(adaptive=True))[0]


def test_a_schema_always_has_a_name() -> None:
    asked = ResponseFormat(kind="json_schema", schema={"type": "object"}, strict=True)
    assert encoded(response_format=asked)[0]["text"] == {
        "format": {
            "type": "json_schema",
            "name": "answer",
            "schema": {"type": "object"},
            "strict": True,
        }
    }


def test_logprobs_are_asked_for() -> None:
    body, _ = encoded("gpt-4o", logprobs=True, top_logprobs=2)
    assert body["include"] == ["message.output_text.logprobs"]
    assert body["top_logprobs"] == 2


# ------------------------------------------------------------------------ pass-through


def fields_of(body: bytes) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(body, type=dict[str, msgspec.Raw])


def test_a_patch_sets_the_model_and_nothing_else() -> None:
    body = b'{"model":"alias","input":[ {"role":"user","content":"a"} ],"x": 1.50}'
    patched = patch_request(fields_of(body), Target(model="up", stream=True))
    assert bytes(patched["model"]) == b'"up"'
    assert bytes(patched["input"]) == b'[ {"role":"user","content":"a"} ]'
    assert bytes(patched["x"]) == b"1.50"
    assert patched.keys() == {"model", "input", "x"}


def test_a_patch_takes_other_vendors_proofs_out() -> None:
    content = sealed("thinking", Signature("anthropic", "EqQB"))
    item = {"type": "reasoning", "summary": [], "encrypted_content": content}
    body = json.dumps({"model": "m", "input": [item, {"role": "user", "content": "a"}]}).encode()
    patched = patch_request(fields_of(body), Target(model="up"))
    assert json.loads(bytes(patched["input"])) == [{"role": "user", "content": "a"}]


def test_sealed_thinking_never_reaches_an_upstream_by_translation_either() -> None:
    content = sealed("thinking", Signature("anthropic", "EqQB"))
    summary = [{"type": "summary_text", "text": "Hm."}]
    item = {"type": "reasoning", "summary": summary, "encrypted_content": content}
    request = decoded(input=[{"role": "user", "content": "a"}, item])
    assert request.turns[1].parts == (
        Thinking(text="Hm.", signature=Signature("anthropic", "EqQB")),
    )
    losses = Losses(OWN)
    written = encode_request(request, Target(model="gpt-5.4"), losses)
    assert "hg1." not in json.dumps(written)
    assert [loss.field for loss in losses] == ["messages[1].content[0]"]
