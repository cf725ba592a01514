from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.dialects.dialect import ReplyContext, Target
from headgate.dialects.edits import EDITS
from headgate.ir.loss import Losses
from headgate.ir.reply import Choice, Finish, Reply
from headgate.ir.request import ChatRequest, Text, Thinking
from headgate.ir.usage import Usage


def asked(**options: Any) -> ChatRequest:
    return EDITS.decode_request(msgspec.json.encode({"model": "m", **options}))


def words(request: ChatRequest) -> list[tuple[str, str]]:
    """Give each message's role and text."""
    return [(turn.role, text.text) for turn in request.turns for text in turn.parts]  # type: ignore[union-attr]


def test_an_edit_is_a_chat_about_a_text() -> None:
    options = {"n": 2, "temperature": 0.5, "top_p": 0.9}
    request = asked(input="Helo", instruction="Fix the spelling", **options)
    (first, task), second = words(request)
    assert first == "system"
    assert task.endswith("Instruction: Fix the spelling")
    assert second == ("user", "Helo")
    assert {name: getattr(request, name) for name in options} == options
    assert not request.stream


@pytest.mark.parametrize("text", [{}, {"input": ""}, {"input": " "}, {"input": None}])
def test_without_a_text_the_instruction_is_said_twice(text: dict[str, Any]) -> None:
    assert words(asked(instruction="Write a haiku", **text))[1] == ("user", "Write a haiku")


def test_what_a_chat_has_no_word_for_is_kept_to_be_named() -> None:
    request = asked(instruction="x", odd=1, user="me", stream=False, none=None)
    assert request.extras == {"openai_edits": {"odd": 1, "user": "me"}}


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({}, "instruction"),
        ({"instruction": " "}, "instruction"),
        ({"instruction": ["x"]}, "instruction"),
        ({"instruction": "x", "input": 1}, "input"),
        ({"instruction": "x", "n": "2"}, "n"),
        ({"instruction": "x", "stream": True}, "stream"),
    ],
)
def test_what_is_no_edit_is_refused_with_its_place(options: dict[str, Any], place: str) -> None:
    with pytest.raises(RelayError) as raised:
        asked(**options)
    failure = raised.value.failure
    assert failure.kind is FailureKind.INVALID_REQUEST
    assert place in (failure.param or failure.message)


def test_broken_json_is_called_so() -> None:
    with pytest.raises(RelayError) as raised:
        asked_raw(b"{")
    assert raised.value.failure.kind is FailureKind.INVALID_JSON


def asked_raw(body: bytes) -> ChatRequest:
    return EDITS.decode_request(body)


def test_the_answers_are_texts_and_the_rest_is_named() -> None:
    context = ReplyContext(model="asked", reply_id="r", created=7)
    reply = Reply(
        reply_id="chatcmpl-1",
        model="m",
        created=9,
        choices=(
            Choice(
                parts=(Thinking(text="hm"), Text(text="Hel"), Text(text="lo")),
                finish=Finish(reason="stop"),
            ),
            Choice(parts=(Text(text="b"),), finish=Finish(reason="length"), index=1),
        ),
        usage=Usage(input=3, output=4),
        service_tier="flex",
    )
    wire = msgspec.json.decode(EDITS.encode_reply(reply, context))
    assert (wire["object"], wire["created"]) == ("edit", 9)
    assert wire["choices"] == [
        {"text": "Hello", "index": 0, "finish_reason": "stop"},
        {"text": "b", "index": 1, "finish_reason": "length"},
    ]
    usage = wire["usage"]
    assert [usage[f"{name}_tokens"] for name in ("prompt", "completion", "total")] == [3, 4, 7]
    assert {loss.field for loss in context.losses} == {"reply.thinking", "reply.service_tier"}


def test_no_upstream_is_asked_for_edits() -> None:
    with pytest.raises(RelayError) as raised:
        EDITS.encode_request(
            ChatRequest(model="m", turns=()), Target(model="m"), Losses("openai_edits")
        )
    assert raised.value.failure.kind is FailureKind.UNSUPPORTED_OPERATION
