from __future__ import annotations

from typing import Any

import pytest
from msgspec import json
from msgspec.structs import replace

from headgate.lab.wires import seals
from headgate.lab.wires.question import Answer, Call, Fault, Usage
from headgate.lab.wires.responses import RESPONSES, kept
from tests.lab.asking import events, question

ANSWER = Answer(pieces=("Hello", " you."), usage=Usage(prompt=5, output=2, reasoning=3, cached=4))
CALLS = (Call("look", {"city": "Oslo"}), Call("patch", {"input": "a = 1"}, custom=True))
MIXED = Answer(pieces=("Look:",), thinking=("mull",), calls=CALLS, finish="tool")
INCLUDE = {"include": ["reasoning.encrypted_content"]}


def asked(**more: Any) -> Any:
    return question("responses", **more)


def whole(answer: Answer, **more: Any) -> Any:
    return json.decode(RESPONSES.whole(asked(**more), answer))


def stream(answer: Answer, **more: Any) -> list[Any]:
    return events(b"".join(RESPONSES.frames(asked(**more), answer)))


def test_a_reply_repeats_its_request_and_counts_thinking_inside() -> None:
    reply = whole(ANSWER, metadata={"a": "b"}, temperature=0.5)
    assert (reply["object"], reply["status"], reply["error"]) == ("response", "completed", None)
    assert (reply["metadata"], reply["temperature"], reply["top_p"]) == ({"a": "b"}, 0.5, 1.0)
    assert reply["output"][0]["content"][0]["text"] == "Hello you."
    assert reply["usage"] == {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 10,
    }
    assert whole(replace(ANSWER, usage=None))["usage"] is None


def test_too_short_a_reply_is_incomplete() -> None:
    reply = whole(replace(ANSWER, finish="length"))
    assert reply["incomplete_details"] == {"reason": "max_output_tokens"}
    assert stream(replace(ANSWER, finish="length"))[-1]["type"] == "response.incomplete"


def test_reasoning_message_and_calls_are_items() -> None:
    reasoning, message, call, custom = whole(MIXED)["output"]
    assert reasoning["summary"] == [{"type": "summary_text", "text": "mull"}]
    assert "encrypted_content" not in reasoning
    assert message["content"][0]["text"] == "Look:"
    assert (call["type"], call["arguments"]) == ("function_call", '{"city":"Oslo"}')
    assert (custom["type"], custom["input"]) == ("custom_tool_call", "a = 1")
    assert call["id"].startswith("fc_")
    assert call["call_id"].startswith("call_")


def test_encrypted_reasoning_comes_only_when_asked_for() -> None:
    reasoning = whole(MIXED, **INCLUDE)["output"][0]
    assert seals.opened(seals.OPENAI, reasoning["encrypted_content"]) == "mull"


def test_a_stream_has_every_event_in_its_order() -> None:
    found = stream(MIXED, **INCLUDE)
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    assert [event["type"].removeprefix("response.") for event in found] == [
        "created", "in_progress",
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta",
        "reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done",
        "output_item.added", "content_part.added", "output_text.delta", "output_text.done",
        "content_part.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.delta",
        "function_call_arguments.done", "output_item.done",
        "output_item.added", "custom_tool_call_input.delta", "custom_tool_call_input.delta",
        "custom_tool_call_input.done", "output_item.done",
        "completed",
    ]  # fmt: skip
    done = [event["item"] for event in found if event["type"] == "response.output_item.done"]
    assert done == found[-1]["response"]["output"] == whole(MIXED, **INCLUDE)["output"]
    added = [event["item"] for event in found if event["type"] == "response.output_item.added"]
    assert [item.get("arguments", item.get("input")) for item in added] == [None, None, "", ""]
    assert found[0]["response"]["status"] == "in_progress"


def test_each_event_of_an_item_names_it() -> None:
    for event in stream(MIXED):
        if "delta" in event:
            assert {"item_id", "output_index"} <= set(event)


def test_a_reply_in_the_background_is_only_queued() -> None:
    reply = whole(ANSWER, background=True)
    assert (reply["status"], reply["output"], reply["usage"]) == ("queued", [], None)


@pytest.mark.parametrize(
    ("more", "running"), [({}, False), ({"store": True}, False), ({"background": True}, True)]
)
def test_a_reply_is_kept_with_its_input(more: Any, *, running: bool) -> None:
    entry = kept(asked(**more), ANSWER)
    assert entry is not None
    assert entry["running"] is running
    assert entry["response"]["status"] == "completed"
    assert entry["input"][0]["content"][0]["text"] == "hi there"


def test_a_caller_may_forbid_to_keep() -> None:
    assert kept(asked(store=False), ANSWER) is None


def test_an_error_in_a_stream_fails_the_reply() -> None:
    error, failed = events(RESPONSES.error_frame(asked(), Fault(429, "slow down")))
    assert error["error"]["code"] == failed["response"]["error"]["code"] == "rate_limit_exceeded"
    assert failed["response"]["status"] == "failed"
