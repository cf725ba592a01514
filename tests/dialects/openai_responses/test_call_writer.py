from __future__ import annotations

import json
from typing import Any

from headgate.dialects.framing.sse import SseDecoder
from headgate.dialects.openai_responses.call_writer import CallWriter, ThinkingWriter
from headgate.dialects.openai_responses.events import EventWriter
from headgate.dialects.openai_responses.tools import Offered
from headgate.dialects.seals import opened
from headgate.ir.request import Signature, ToolCall

NONE = Offered(None)


def shown(data: bytes) -> list[Any]:
    return [json.loads(frame.data) for frame in SseDecoder().feed(data)]


def test_a_call_grows_between_its_beginning_and_its_end() -> None:
    writer = CallWriter(EventWriter(), "fc_1", 0, ToolCall(call_id="c", name="f"), NONE)
    data = writer.begin() + writer.write('{"a"') + writer.write("") + writer.write(":1}")
    written, item = writer.end(None)
    events = shown(data + written)
    assert [event["type"].removeprefix("response.") for event in events] == [
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
    ]
    assert events[0]["item"]["arguments"] == ""
    assert events[0]["item"]["status"] == "in_progress"
    assert events[3]["arguments"] == '{"a":1}'
    assert events[3]["name"] == "f"
    assert events[4]["item"] == json.loads(item)
    assert events[4]["item"]["arguments"] == '{"a":1}'


def test_free_text_has_events_of_its_own() -> None:
    call = ToolCall(call_id="c", name="patch", custom=True)
    writer = CallWriter(EventWriter(), "ctc_1", 0, call, NONE)
    data = writer.begin() + writer.write("***")
    written, _ = writer.end(None)
    events = shown(data + written)
    assert [event["type"].removeprefix("response.") for event in events] == [
        "output_item.added",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
        "output_item.done",
    ]
    assert events[1]["delta"] == events[2]["input"] == events[3]["item"]["input"] == "***"


def test_thinking_is_a_summary_with_its_proof_at_the_end() -> None:
    proof = Signature("anthropic", "EqQB")
    writer = ThinkingWriter(EventWriter(), "rs_1", 0)
    data = writer.begin() + writer.write("Hm") + writer.write(".")
    written, item = writer.end(proof)
    events = shown(data + written)
    assert [event["type"].removeprefix("response.") for event in events] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
    ]
    assert json.loads(item)["summary"] == [{"type": "summary_text", "text": "Hm."}]
    seal = opened(json.loads(item)["encrypted_content"])
    assert seal is not None
    assert seal.signature == proof


def test_thinking_without_words_has_no_summary() -> None:
    writer = ThinkingWriter(EventWriter(), "rs_1", 0)
    data = writer.begin()
    written, _ = writer.end(None)
    assert [event["type"] for event in shown(data + written)] == [
        "response.output_item.added",
        "response.output_item.done",
    ]
