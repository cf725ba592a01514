"""Every value of a caller's request is in the upstream's body, or named as a loss.

Each documented field of each front door, alone and among others, toward each wire and each
generation of models. The bodies are in `bodies/`; what counts as lost is in `bodies/losing.py`.
"""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from headgate.base.failure import RelayError
from headgate.dialects.bridge import DIALECTS, WIRES
from headgate.dialects.dialect import Target
from headgate.ir.loss import Losses
from headgate.ir.request import ChatRequest
from tests.dialects.bodies import anthropic, gemini, openai_chat, openai_responses
from tests.dialects.bodies.losing import Lost, silent_losses
from tests.dialects.bodies.marks import Feature, Json, Marks

BODIES: dict[str, ModuleType] = {
    "openai_chat": openai_chat,
    "openai_responses": openai_responses,
    "anthropic": anthropic,
    "gemini": gemini,
}
DOORS = [name for name in BODIES if name in DIALECTS]
# No chat can be sent to a completions endpoint: it refuses every one, aloud.
CHAT_WIRES = [name for name in WIRES if name != "openai_completions"]
# Models that take different requests; other wires' do not.
MODELS: dict[str, tuple[str, ...]] = {
    "anthropic": (
        *("claude-3-5-haiku-20241022", "claude-sonnet-4-5", "claude-opus-4-6"),
        *("claude-opus-4-8", "somebody-elses"),
    ),
    "bedrock_converse": (
        *("anthropic.claude-3-5-haiku-20241022-v1:0", "us.anthropic.claude-sonnet-4-5-v1:0"),
        *("anthropic.claude-opus-4-8", "us.amazon.nova-2-lite-v1:0", "openai.gpt-oss-20b-1:0"),
        *("amazon.titan-text-express-v1", "somebody-elses"),
    ),
    "cohere": ("command-a-plus-05-2026", "command-r-08-2024"),
    "ollama": ("qwen3:4b", "gpt-oss:20b"),
    "gemini": (
        *("gemini-1.5-pro", "gemini-2.5-flash", "gemini-3-pro-preview", "gemma-3"),
        "somebody-elses",
    ),
}
WAYS = [
    (door, wire, model)
    for door in DOORS
    for wire in CHAT_WIRES
    for model in MODELS.get(wire, ("somebody-elses",))
]


class Anyway(NamedTuple):
    """A value that asks for what happens without it as well: dropping it changes nothing."""

    field: str
    value: object
    wires: tuple[str, ...] = ()  # all, if none is named
    within: str = ""


SCHEMAS_BIND = ("anthropic", "gemini", "bedrock_converse", "cohere", "ollama")  # always
ANYWAY = (
    Anyway("enable_thinking", False),  # a model that does not think, or only if it is told to
    Anyway("strict", True, SCHEMAS_BIND, within="json_schema"),
    Anyway("strict", True, SCHEMAS_BIND, within="format"),
    Anyway("media_type", "text/plain"),
    Anyway("mode", "AUTO"),
    Anyway("enable_thinking", True, ("openai_responses",)),  # its models think unless told not to
    Anyway("thinkingBudget", -1, ("openai_responses",)),
    Anyway("store", False),
    Anyway("status", "completed"),
    Anyway("include", "reasoning.encrypted_content"),  # asked for wherever there is any
    Anyway("tool_choice", "auto", ("anthropic", "cohere", "ollama")),
    Anyway("service_tier", "standard_only", ("cohere", "ollama")),
    # Thoughts are shown wherever there are any.
    Anyway("display", "summarized", ("gemini", "cohere", "ollama")),
    Anyway("includeThoughts", True, ("gemini", "cohere", "ollama")),
)


def is_anyway(lost: Lost, wire: str) -> bool:
    """Tell whether a value asks for nothing else than what happens without it."""
    *way, last = [step for step in lost.path if isinstance(step, str)]
    if "propertyOrdering" in (*way, last):
        return True  # it is the order in which the properties stand
    if last == "enable_thinking" and lost.unread:
        return True  # how much to think is said already
    return any(
        each.field == last
        and each.value == lost.value
        and (not each.wires or wire in each.wires)
        and (not each.within or each.within in way)
        for each in ANYWAY
    )


def asked(door: str, features: list[Feature]) -> Json:
    """Make a request with these features."""
    marks = Marks()
    body: Json = BODIES[door].base(marks)
    for feature in features:
        feature(marks, body)
    return body


def lost(door: str, features: list[Feature], wire: str, model: str) -> list[str]:
    """List what is lost in silence on the way."""
    found = silent_losses(DIALECTS[door], asked(door, features), WIRES[wire], model)
    return [str(each) for each in found if not is_anyway(each, wire)]


@pytest.mark.parametrize(("door", "wire", "model"), WAYS)
def test_no_field_of_a_request_is_lost_in_silence(door: str, wire: str, model: str) -> None:
    silent = {
        feature.__name__: found
        for feature in BODIES[door].FEATURES
        if (found := lost(door, [feature], wire, model))
    }
    assert silent == {}


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_nothing_is_lost_in_silence_among_other_things(data: st.DataObject) -> None:
    door, wire, model = data.draw(st.sampled_from(WAYS))
    features = st.sampled_from(BODIES[door].FEATURES)
    drawn = data.draw(st.lists(features, min_size=2, max_size=6, unique=True))
    try:
        silent = lost(door, drawn, wire, model)
    except RelayError:
        reject()  # two features that no request may have: the caller is told so
    assert silent == []


def test_a_silent_loss_would_be_seen() -> None:
    # The other way round: a wire that forgets the seed, and one value deep inside of a tool.
    def forgetful(request: ChatRequest, target: Target, losses: Losses) -> Json:
        body = WIRES["openai_chat"].encode_request(request, target, losses)
        body.pop("seed", None)
        for tool in body.get("tools", ()):
            tool["function"]["parameters"]["properties"]["count"].pop("minimum")
        return body

    forgetting = msgspec.structs.replace(WIRES["openai_chat"], encode_request=forgetful)
    body = asked("openai_chat", [openai_chat.limits, openai_chat.tools])
    found = silent_losses(DIALECTS["openai_chat"], body, forgetting, "m")
    assert [each.path[-1] for each in found] == ["seed", "minimum"]
