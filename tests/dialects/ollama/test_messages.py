from __future__ import annotations

from typing import Any

import pytest

from headgate.dialects.ollama.messages import arrange
from headgate.ir.loss import Losses
from headgate.ir.request import (
    Audio,
    CacheMark,
    Citation,
    File,
    Image,
    Inline,
    Json,
    Opaque,
    Part,
    Refusal,
    Remote,
    Role,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
    Uploaded,
)

PNG = Image(source=Inline("image/png", "iVBORw=="))
NOTE = File(source=Inline("text/plain", "bm90ZQ=="), name="n.txt")
CALL = ToolCall(call_id="c1", name="f", arguments='{"a":1}')
CALLED = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}


def put(*turns: Turn) -> tuple[list[Json], list[str]]:
    losses = Losses("ollama")
    return arrange(turns, losses), [loss.field for loss in losses]


def said(role: Role, *parts: Part) -> tuple[list[Json], list[str]]:
    return put(Turn(role=role, parts=parts))


@pytest.mark.parametrize(
    ("role", "written"), [("system", "system"), ("developer", "system"), ("user", "user")]
)
def test_texts_are_one_string(role: Role, written: str) -> None:
    messages = [{"role": written, "content": "a\nb"}]
    assert said(role, Text(text="a"), Text(text="b")) == (messages, [])


def test_pictures_stand_beside_the_text_as_bare_base64() -> None:
    messages = [{"role": "user", "content": "see", "images": ["iVBORw==", "iVBORw=="]}]
    assert said("user", Text(text="see"), PNG, PNG) == (messages, [])


@pytest.mark.parametrize(
    "part",
    [
        Image(source=Remote(url="https://p.example/x.png")),
        Image(source=Uploaded("f", "openai_chat")),
        Audio(source=Inline("audio/wav", "AAAA")),
        File(source=Inline("application/pdf", "AAAA")),
        Opaque(dialect="gemini", block={}),
        ToolCall(call_id="c", name="f"),
        Thinking(text="t"),
    ],
)
def test_what_a_user_cannot_say_here_is_named(part: Part) -> None:
    assert said("user", part) == ([], ["messages[0].content[0]"])


def test_details_marks_citations_and_proofs_are_named() -> None:
    picture = Image(source=PNG.source, detail="high", cache=CacheMark())
    cited = Text(text="x", citations=(Citation(url="u"),), signature=Signature("gemini", "s"))
    assert said("user", picture, cited)[1] == [
        "messages[0].content[0].cache_control",
        "messages[0].content[0].image_url.detail",
        "messages[0].content[1].citations",
        "messages[0].content[1].signature",
    ]


def test_words_of_other_kinds_go_as_text() -> None:
    sound = Audio(source=Inline("audio/wav", "AAAA"), transcript="spoken")
    messages, lost = said("user", sound, NOTE)
    assert messages == [{"role": "user", "content": "spoken\nn.txt\n\nnote"}]
    assert lost == ["messages[0].content[0]", "messages[0].content[1]"]
    assert said("assistant", Refusal(text="no"))[0] == [{"role": "assistant", "content": "no"}]


def test_an_assistant_thinks_speaks_and_calls() -> None:
    hidden = Thinking(redacted=True, signature=Signature("anthropic", "s"))
    assert said("assistant", Thinking(text="hm"), hidden, Text(text="so"), CALL) == (
        [{"role": "assistant", "content": "so", "thinking": "hm", "tool_calls": [CALLED]}],
        ["messages[0].content[1]"],
    )
    assert said("assistant", CALL)[0] == [
        {"role": "assistant", "content": "", "tool_calls": [CALLED]}
    ]


@pytest.mark.parametrize(
    ("arguments", "written"), [("", {}), ("[1", {"arguments": "[1"}), ("[1]", {"arguments": "[1]"})]
)
def test_arguments_are_an_object(arguments: str, written: Any) -> None:
    messages, lost = said("assistant", ToolCall(call_id="", name="f", arguments=arguments))
    assert messages[0]["tool_calls"] == [{"function": {"name": "f", "arguments": written}}]
    assert lost == (["messages[0].content[0]"] if arguments else [])


def test_a_tools_answer_names_its_tool() -> None:
    result = ToolResult(call_id="c1", content=(Text(text="5"),))
    messages, lost = put(Turn(role="assistant", parts=(CALL,)), Turn(role="tool", parts=(result,)))
    assert messages[1] == {
        "role": "tool",
        "content": "5",
        "tool_name": "f",
        "tool_call_id": "c1",
    }
    assert lost == []


@pytest.mark.parametrize(("content", "written"), [((Text(text="no"),), "Error: no"), ((), "Error")])
def test_a_failed_tool_says_so_in_words(content: Any, written: str) -> None:
    result = ToolResult(call_id="", name="g", content=content, is_error=True)
    messages, lost = said("user", result)
    assert messages == [{"role": "tool", "content": written, "tool_name": "g"}]
    assert lost == ["messages[0].content[0].is_error"]


def test_pictures_of_a_tools_answer_follow_from_the_user() -> None:
    result = ToolResult(call_id="c1", name="f", content=(Text(text="see"), PNG))
    messages, lost = said("user", result, Text(text="well?"))
    assert [message["role"] for message in messages] == ["tool", "user"]
    assert messages[1] == {"role": "user", "content": "well?", "images": ["iVBORw=="]}
    assert lost == ["messages[0].content[0]"]


def test_a_picture_does_not_come_between_the_answers_to_one_message() -> None:
    first = ToolResult(call_id="c1", name="f", content=(PNG,))
    second = ToolResult(call_id="c2", name="g", content=(Text(text="b"),))
    messages, _ = put(*(Turn(role="tool", parts=(part,)) for part in (first, second)))
    assert [message["role"] for message in messages] == ["tool", "tool", "user"]


def test_names_and_fields_of_other_dialects_are_named() -> None:
    extras = {"ollama": {"own": 1}, "gemini": {"odd": 2}}
    turn = Turn(role="user", parts=(Text(text="q"),), name="bob", extras=extras)
    assert put(turn) == (
        [{"role": "user", "content": "q", "own": 1}],
        ["messages[0].name", "messages[0].odd"],
    )
