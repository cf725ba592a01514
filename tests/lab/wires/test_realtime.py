from __future__ import annotations

import base64
from typing import Any

import pytest
from msgspec import json

from headgate.lab.scripts.answers import say, tool
from headgate.lab.wires.question import Call, Fault, Question
from headgate.lab.wires.realtime import fault_event, frames, read, sound, usage, whole
from tests.lab.asking import events, question, sent


def asked(**more: Any) -> Question:
    return question("realtime", stream=True, **more)


def kinds(found: list[Any]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in found]


def test_a_text_comes_in_the_order_of_the_api() -> None:
    found = events(b"".join(frames(asked(), say(asked(), "a b"))))
    assert kinds(found) == [
        "created", "output_item.added", "conversation.item.added", "content_part.added",
        "output_text.delta", "output_text.delta", "output_text.done", "content_part.done",
        "conversation.item.done", "output_item.done", "done", "rate_limits.updated",
    ]  # fmt: skip
    done = found[-2]["response"]
    assert (done["status"], done["output"][0]["content"][0]["text"]) == ("completed", "a b")
    assert done["usage"]["total_tokens"] == 4


def test_sound_comes_with_its_transcript() -> None:
    answer = say(asked(), "a b")
    spoken = asked(output_modalities=["audio"], audio_bytes=9600)
    found = events(b"".join(frames(spoken, answer)))
    heard = [event["delta"] for event in found if event["type"] == "response.output_audio.delta"]
    assert [base64.b64decode(delta) for delta in heard] == [sound("a"), sound(" b")]
    assert found[-2]["response"]["output"][0]["content"][0]["transcript"] == "a b"
    counts = usage(spoken, answer)
    assert counts is not None
    assert counts["input_token_details"]["audio_tokens"] == 2
    assert counts["output_token_details"] == {"text_tokens": 2, "audio_tokens": 2}
    assert counts["total_tokens"] == counts["input_tokens"] + counts["output_tokens"] == 8


def test_a_tool_is_called() -> None:
    tools = [{"type": "function", "name": "look", "parameters": {"properties": {"city": {}}}}]
    found = events(sent(tool(asked(tools=tools), 0)))
    item = found[-2]["response"]["output"][0]
    assert (item["type"], item["name"]) == ("function_call", "look")
    assert json.decode(item["arguments"]) == {"city": "lab"}
    assert "function_call_arguments.done" in kinds(found)


def test_a_limit_ends_a_response_early() -> None:
    limited = asked(max_output_tokens=1)
    done = json.decode(whole(limited, say(limited, "a b c")))
    assert (done["status"], done["status_details"]["reason"]) == ("incomplete", "max_output_tokens")


@pytest.mark.parametrize(("limit", "expected"), [("inf", None), (3, 3), (None, None)])
def test_there_need_not_be_a_limit(limit: object, expected: int | None) -> None:
    assert read({"input": "a", "max_output_tokens": limit}).max_tokens == expected


def test_an_error_names_the_event_that_caused_it() -> None:
    event = fault_event(Fault(400, "no"), "e1")
    assert (event["type"], event["error"]["message"], event["error"]["event_id"]) == (
        "error",
        "no",
        "e1",
    )


def test_calls_and_texts_go_together() -> None:
    answer = say(asked(), "a", calls=(Call("look", {}),))
    assert len(json.decode(whole(asked(), answer))["output"]) == 2
