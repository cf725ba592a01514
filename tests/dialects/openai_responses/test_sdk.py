"""What we write for callers, held against the types of OpenAI's own SDK."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from msgspec import structs
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from headgate.base.failure import Failure, FailureKind
from headgate.dialects.dialect import ReplyContext
from headgate.dialects.openai_responses import OPENAI_RESPONSES
from headgate.ir.collect import replay
from headgate.ir.events import Event, Failed, PartDelta, PartStarted, Started
from headgate.ir.reply import Reply
from headgate.ir.request import Text
from tests.dialects.openai_responses.made import replies

ASKED = {
    "model": "m",
    "input": "hello",
    "instructions": "Be brief.",
    "max_output_tokens": 100,
    "metadata": {"a": "b"},
    "reasoning": {"effort": "low", "summary": "auto"},
    "text": {"verbosity": "low"},
    "tool_choice": {"type": "function", "name": "f"},
    "tools": [
        {"type": "function", "name": "f", "parameters": {"type": "object"}},
        {"type": "custom", "name": "c"},
        {
            "type": "namespace",
            "name": "n",
            "description": "d",
            "tools": [{"type": "function", "name": "g"}],
        },
    ],
    "service_tier": "flex",
    "user": "u",
}
FIELDS = {name: msgspec.Raw(json.dumps(value).encode()) for name, value in ASKED.items()}
ANY_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def context(fields: dict[str, msgspec.Raw]) -> ReplyContext:
    return ReplyContext(model="m", reply_id="r", created=7, fields=fields)


def written(events: list[Event], fields: dict[str, msgspec.Raw]) -> list[dict[str, Any]]:
    """Write events as a stream; give what each frame holds."""
    encoder = OPENAI_RESPONSES.stream_encoder(context(fields))
    data = b"".join(encoder.feed(event) for event in events)
    frames = OPENAI_RESPONSES.frame_decoder().feed(data)
    found = [json.loads(frame.data) for frame in frames]
    assert [frame.event for frame in frames] == [event["type"] for event in found]
    return found


def checked(events: list[dict[str, Any]]) -> None:
    """Check events one by one against the SDK, and what they must be to each other."""
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    begun: dict[int, str] = {}
    done: list[Any] = []
    for event in events:
        assert ANY_EVENT.validate_python(event).type == event["type"]
        if event["type"] == "response.output_item.added":
            assert event["output_index"] == len(begun) == len(done)  # one item at a time
            begun[event["output_index"]] = event["item"]["id"]
        elif event["type"] == "response.output_item.done":
            assert event["item"]["id"] == begun[event["output_index"]]
            done.append(event["item"])
        elif "item_id" in event:
            assert event["item_id"] == begun[event["output_index"]]
            assert event["output_index"] == len(done)
    assert events[-1]["response"]["output"] == done


@pytest.mark.parametrize("fields", [{}, FIELDS], ids=["bare", "full"])
@given(reply=replies())
@settings(max_examples=40, deadline=None)
def test_streams_are_what_the_sdk_takes(fields: dict[str, msgspec.Raw], reply: Reply) -> None:
    events = written(list(replay(reply)), fields)
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    checked(events)


@pytest.mark.parametrize("fields", [{}, FIELDS], ids=["bare", "full"])
@given(reply=replies())
@settings(max_examples=40, deadline=None)
def test_replies_are_what_the_sdk_takes(fields: dict[str, msgspec.Raw], reply: Reply) -> None:
    body = OPENAI_RESPONSES.encode_reply(reply, context(fields))
    assert Response.model_validate_json(body).id == "resp_1"
    last = written(list(replay(reply)), fields)[-1]
    assert last["response"] == json.loads(body)


@given(reply=replies())
@settings(max_examples=20, deadline=None)
def test_the_sdk_joins_the_texts_of_a_reply(reply: Reply) -> None:
    choice = reply.choices[0]
    texts = [part.text for part in choice.parts if isinstance(part, Text)]
    body = OPENAI_RESPONSES.encode_reply(structs.replace(reply, extras={}), context({}))
    assert Response.model_validate_json(body).output_text == "".join(texts)


def test_a_broken_stream_is_what_the_sdk_takes() -> None:
    failure = Failure(kind=FailureKind.UPSTREAM_RATE_LIMITED, message="slow down", code="slow")
    events: list[Event] = [
        Started(reply_id="resp_1"),
        PartStarted(0, Text(text="")),
        PartDelta(0, "Hel"),
        Failed(failure),
    ]
    found = written(events, FIELDS)
    for event in found:
        assert ANY_EVENT.validate_python(event).type == event["type"]
    error, failed = found[-2:]
    assert error == {
        "type": "error",
        "sequence_number": len(found) - 2,
        "code": "slow",
        "message": "slow down",
        "param": None,
    }
    assert failed["response"]["status"] == "failed"
    assert failed["response"]["error"] == {"code": "rate_limit_exceeded", "message": "slow down"}
