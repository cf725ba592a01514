from __future__ import annotations

from typing import Any

from msgspec import json
from msgspec.structs import replace

from headgate.lab.wires.cohere import COHERE, content_texts, read
from headgate.lab.wires.question import Answer, Call, Fault, Usage
from tests.lab.asking import OFFERS, events, question

ANSWER = Answer(pieces=("Hello", " you."), usage=Usage(prompt=5, output=2, reasoning=3, cached=4))
MIXED = Answer(
    thinking=("mull",), calls=(Call("look", {"city": "Oslo"}),), finish="tool", usage=None
)


def asked(**more: Any) -> Any:
    return question("cohere", **more)


def test_a_reply_bills_less_than_it_counts() -> None:
    reply: Any = json.decode(COHERE.whole(asked(), ANSWER))
    assert reply["message"]["content"] == [{"type": "text", "text": "Hello you."}]
    assert reply["finish_reason"] == "COMPLETE"
    assert reply["usage"]["billed_units"] == {"input_tokens": 5, "output_tokens": 2}
    tokens = reply["usage"]["tokens"]
    assert tokens == {"input_tokens": 65, "output_tokens": 5, "reasoning_tokens": 3}
    assert reply["usage"]["cached_tokens"] == 4


def test_a_stream_names_its_events_and_says_done() -> None:
    data = b"".join(COHERE.frames(asked(), ANSWER))
    *found, done = events(data)
    assert done == "[DONE]"
    names = [line[7:].decode() for line in data.splitlines() if line.startswith(b"event: ")]
    assert names == [event["type"] for event in found]
    assert names == [
        "message-start", "content-start", "content-delta", "content-delta", "content-end",
        "message-end",
    ]  # fmt: skip
    assert found[-1]["delta"]["usage"]["billed_units"]["output_tokens"] == 2


def test_thinking_is_a_content_and_a_call_comes_in_parts() -> None:
    reply: Any = json.decode(COHERE.whole(asked(), MIXED))
    assert reply["message"]["content"] == [{"type": "thinking", "thinking": "mull"}]
    assert reply["message"]["tool_calls"][0]["function"]["arguments"] == '{"city":"Oslo"}'
    *every, _done = events(b"".join(COHERE.frames(asked(), MIXED)))
    found = [event for event in every if event["type"].startswith("tool-call")]
    assert [event["type"] for event in found] == [
        "tool-call-start", "tool-call-delta", "tool-call-delta", "tool-call-end",
    ]  # fmt: skip
    calls = [event["delta"]["message"]["tool_calls"] for event in found[:3]]
    assert calls[0]["function"]["name"] == "look"
    assert "".join(call["function"]["arguments"] for call in calls) == '{"city":"Oslo"}'


def test_no_usage_leaves_no_usage() -> None:
    assert b"usage" not in COHERE.whole(asked(), replace(ANSWER, usage=None))


def test_the_reader_sees_documents_and_no_forbidden_tools() -> None:
    documents = [{"type": "document", "document": {"data": {"t": -2}}}]
    message: Any = {"role": "tool", "content": documents}
    assert list(content_texts(message)) == ['{"t":-2}']
    assert read({"messages": [message]}).tool_result == '{"t":-2}'
    assert len(read(OFFERS["cohere"]).tools) == 1
    assert read(OFFERS["cohere"] | {"tool_choice": "NONE"}).tools == ()


def test_an_error_in_a_stream_is_its_end() -> None:
    (event,) = events(COHERE.error_frame(asked(), Fault(429, "slow down")))
    assert event["type"] == "message-end"
    assert event["delta"]["finish_reason"] == "ERROR"
