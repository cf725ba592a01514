from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import json

from headgate.lab.plan import SSE_TYPE
from headgate.lab.wires import WIRES
from headgate.lab.wires.question import Fault, Json, Question
from tests.lab.asking import complaint, events

SCRAP = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "role",
                    "content",
                    "text",
                    "type",
                    "parts",
                    "function",
                    "name",
                    "parameters",
                    "source",
                    "toolResult",
                    "toolSpec",
                    "images",
                    "output",
                    "document",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
BODIES: st.SearchStrategy[Json] = st.dictionaries(
    st.sampled_from(
        [
            "model",
            "messages",
            "contents",
            "tools",
            "tool_choice",
            "toolConfig",
            "n",
            "prompt",
            "input",
            "options",
            "inferenceConfig",
            "system",
            "systemInstruction",
            "generationConfig",
            "stream_options",
            "max_tokens",
        ]
    ),
    SCRAP,
)


@pytest.mark.parametrize("name", WIRES)
@settings(max_examples=40)
@given(body=BODIES)
def test_no_body_breaks_the_reader(name: str, body: Json) -> None:
    prompt = WIRES[name].read(body)
    assert prompt.choices >= 1
    assert all(isinstance(tool.schema, dict) for tool in prompt.tools)


@pytest.mark.parametrize("name", WIRES)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 429, 500, 503, 529])
def test_an_error_has_its_message_in_every_wire(name: str, status: int) -> None:
    body: Any = json.decode(WIRES[name].error(Fault(status, "it broke")))
    assert complaint(body) == "it broke"


@pytest.mark.parametrize("name", WIRES)
def test_an_error_event_says_the_same_in_the_framing_of_its_wire(name: str) -> None:
    wire, fault = WIRES[name], Fault(429, "slow down")
    frame = wire.error_frame(Question(wire=name, operation="chat"), fault)
    assert {complaint(event) for event in events(frame) or [json.decode(frame)]} == {"slow down"}
    if wire.stream_type == SSE_TYPE:
        assert frame.endswith((b"\n\n", b"\r\n\r\n"))
    if name in ("openai", "openai_completions", "anthropic", "gemini"):
        assert b"data: " + wire.error(fault) in frame
