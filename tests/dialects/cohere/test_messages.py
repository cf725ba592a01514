from __future__ import annotations

from typing import Any

import pytest

from headgate.dialects.cohere.citations import decode_citation
from headgate.dialects.cohere.messages import Arranged, Rules, arrange, shortened
from headgate.ir.loss import Losses
from headgate.ir.request import (
    Audio,
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

PLAIN, THINKER = Rules(thinks=False, takes_documents=True), Rules(True, takes_documents=False)
PNG = Inline("image/png", "iVBORw==")
NOTE = File(source=Inline("text/plain", "bm90ZQ=="), name="n.txt")
CALL = ToolCall(call_id="c1", name="f", arguments='{"a":1}')
CALLED = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}


def put(*turns: Turn, rules: Rules = PLAIN) -> tuple[Arranged, list[str]]:
    losses = Losses("cohere")
    return arrange(turns, rules, losses), [loss.field for loss in losses]


def said(role: Role, *parts: Part, rules: Rules = PLAIN) -> tuple[list[Json], list[str]]:
    arranged, lost = put(Turn(role=role, parts=parts), rules=rules)
    return arranged.messages, lost


@pytest.mark.parametrize(
    ("role", "written"), [("system", "system"), ("developer", "system"), ("user", "user")]
)
def test_a_text_is_a_string(role: Role, written: str) -> None:
    assert said(role, Text(text="hi")) == ([{"role": written, "content": "hi"}], [])


def test_pictures_go_inline_or_by_address() -> None:
    far = Image(source=Remote(url="https://p.example/x.png"), detail="low")
    messages, lost = said("user", Text(text="see"), Image(source=PNG), far)
    assert lost == []
    assert messages[0]["content"] == [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
        {"type": "image_url", "image_url": {"url": "https://p.example/x.png", "detail": "low"}},
    ]


@pytest.mark.parametrize(
    "part",
    [
        Image(source=Uploaded("f", "openai_chat")),
        Image(source=Remote(url="gs://b/x")),
        Audio(source=Inline("audio/wav", "AAAA")),
        File(source=Inline("application/pdf", "AAAA")),
        File(source=Inline("text/plain", "?")),
        Opaque(dialect="gemini", block={}),
        ToolCall(call_id="c", name="f"),
    ],
)
def test_what_a_user_cannot_say_here_is_named(part: Part) -> None:
    assert said("user", part) == ([], ["messages[0].content[0]"])


def test_words_of_other_kinds_go_as_text() -> None:
    sound = Audio(source=Inline("audio/wav", "AAAA"), transcript="spoken")
    assert said("user", sound)[0] == [{"role": "user", "content": "spoken"}]
    messages, lost = said("assistant", Refusal(text="no"))
    assert messages == [{"role": "assistant", "content": [{"type": "text", "text": "no"}]}]
    assert lost == ["messages[0].content[0]"]


def test_plain_files_are_documents_or_beside_tools_text() -> None:
    arranged, lost = put(Turn(role="user", parts=(Text(text="q"), NOTE)))
    assert arranged.documents == [{"id": "doc:0", "data": {"title": "n.txt", "text": "note"}}]
    assert arranged.messages == [{"role": "user", "content": "q"}]
    assert lost == ["messages[0].content[1]"]
    messages, _ = said("user", NOTE, rules=THINKER)
    assert messages == [{"role": "user", "content": "n.txt\n\nnote"}]


def test_an_assistants_calls_are_openais() -> None:
    assert said("assistant", Text(text="so"), CALL)[0] == [
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "so"}],
            "tool_calls": [CALLED],
        }
    ]
    assert said("assistant", Text(text=""), CALL)[0] == [
        {"role": "assistant", "tool_calls": [CALLED]}
    ]


def test_thoughts_before_calls_are_a_plan_for_models_that_do_not_think() -> None:
    messages, lost = said("assistant", Thinking(text="look"), CALL)
    assert messages == [{"role": "assistant", "tool_plan": "look", "tool_calls": [CALLED]}]
    assert lost == []
    assert said("assistant", Thinking(text="look"))[1] == ["messages[0].content[0]"]


def test_thoughts_are_thoughts_for_models_that_think() -> None:
    signed = Thinking(text="b", signature=Signature("anthropic", "s"))
    hidden = Thinking(redacted=True, signature=Signature("anthropic", "s"))
    messages, lost = said("assistant", Thinking(text="a"), signed, hidden, rules=THINKER)
    assert messages[0]["content"] == [
        {"type": "thinking", "thinking": "a"},
        {"type": "thinking", "thinking": "b"},
    ]
    assert lost == ["messages[0].content[1].signature", "messages[0].content[2]"]


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        (ToolCall(call_id="c", name="f"), "{}"),
        (ToolCall(call_id="c", name="f", arguments="[1"), '{"arguments":"[1"}'),
    ],
)
def test_arguments_are_the_json_of_an_object(call: ToolCall, arguments: str) -> None:
    messages, lost = said("assistant", call)
    assert messages[0]["tool_calls"][0]["function"]["arguments"] == arguments
    assert lost == ([] if arguments == "{}" else ["messages[0].content[0]"])


def test_citations_of_this_vendor_go_back_and_others_are_named() -> None:
    ours = decode_citation({"start": 0, "end": 2, "sources": [{"type": "document", "id": "d"}]})
    other = Citation(url="https://c.example", origin="gemini")
    cited = Text(text="so", citations=(*ours, other))
    messages, lost = said("assistant", Thinking(text="t"), cited, rules=THINKER)
    (written,) = messages[0]["citations"]
    assert (written["start"], written["content_index"]) == (0, 1)
    assert lost == ["messages[0].content[1].citations"]


def result(*content: Any, **options: Any) -> ToolResult:
    return ToolResult(call_id="c1", content=content, **options)


@pytest.mark.parametrize(
    ("given", "content", "lost"),
    [
        (result(Text(text="5")), "5", []),
        (result(), "", []),
        (
            result(Text(text="a"), Text(text="b")),
            [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            [],
        ),
        (
            result(NOTE),
            [{"type": "document", "document": {"data": {"title": "n.txt", "text": "note"}}}],
            [],
        ),
        (
            result(Text(text="no"), is_error=True),
            [{"type": "document", "document": {"data": {"error": "no"}}}],
            ["messages[0].content[0].is_error"],
        ),
        (result(is_error=True), "", ["messages[0].content[0].is_error"]),
    ],
)
def test_a_tools_answer_is_a_message_of_its_own(given: Part, content: Any, lost: Any) -> None:
    messages, found = said("tool", given)
    assert messages == [{"role": "tool", "tool_call_id": "c1", "content": content}]
    assert found == lost


def test_pictures_of_a_tools_answer_follow_from_the_user() -> None:
    messages, lost = said("user", result(Text(text="see"), Image(source=PNG)), Text(text="well?"))
    assert [message["role"] for message in messages] == ["tool", "user"]
    assert [block["type"] for block in messages[1]["content"]] == ["image_url", "text"]
    assert lost == ["messages[0].content[0]"]


def test_a_picture_does_not_come_between_the_answers_to_one_message() -> None:
    shown = result(Text(text="see"), Image(source=PNG))
    turns = [Turn(role="tool", parts=(answer,)) for answer in (shown, result(Text(text="b")))]
    arranged, _ = put(*turns)
    assert [message["role"] for message in arranged.messages] == ["tool", "tool", "user"]


def test_names_and_fields_of_other_dialects_are_named() -> None:
    extras = {"cohere": {"own": 1}, "gemini": {"odd": 2}}
    turn = Turn(role="user", parts=(Text(text="q"),), name="bob", extras=extras)
    arranged, lost = put(turn)
    assert arranged.messages == [{"role": "user", "content": "q", "own": 1}]
    assert lost == ["messages[0].name", "messages[0].odd"]


def test_only_a_single_plain_text_is_shortened() -> None:
    assert shortened([]) == ""
    marked = [{"type": "text", "text": "a", "x": 1}]
    assert shortened(marked) == marked
