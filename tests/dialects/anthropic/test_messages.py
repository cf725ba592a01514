"""Turns in the order of the Messages API."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.dialects.anthropic.messages import FIRST_WORDS, Arranged, arrange
from headgate.dialects.anthropic.models import rules_of
from headgate.ir.loss import Losses
from headgate.ir.request import (
    Audio,
    CacheMark,
    Citation,
    File,
    Image,
    Inline,
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
)

OLD, NEW = "claude-sonnet-4-5", "claude-opus-4-8"
PNG = Inline("image/png", "iVBORw0KGgo=")


def turn(role: Role, *parts: Part | str) -> Turn:
    return Turn(role=role, parts=tuple(Text(text=p) if isinstance(p, str) else p for p in parts))


def call(call_id: str = "t1", arguments: str = "{}") -> ToolCall:
    return ToolCall(call_id=call_id, name="f", arguments=arguments)


def result(call_id: str = "t1", *content: Any) -> ToolResult:
    return ToolResult(call_id=call_id, content=content or (Text(text="ok"),))


def arranged(*turns: Turn, model: str = OLD) -> tuple[Arranged, dict[str, str]]:
    """Arrange, and give the losses: field -> action."""
    losses = Losses("anthropic")
    found = arrange(turns, rules_of(model), losses)
    return found, {loss.field: loss.action for loss in losses}


def messages(*turns: Turn, model: str = OLD) -> list[Any]:
    return arranged(*turns, model=model)[0].messages


def test_a_single_text_is_written_as_a_string() -> None:
    assert messages(turn("user", "hi")) == [{"role": "user", "content": "hi"}]


def test_turns_of_one_role_are_merged() -> None:
    found = messages(turn("user", "a"), turn("user", "b"), turn("assistant", "c"))
    assert found == [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": "c"},
    ]


def test_leading_system_turns_become_the_system_prompt() -> None:
    found, losses = arranged(turn("system", "a"), turn("developer", "b"), turn("user", "c"))
    assert found.system == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert losses == {}


def test_a_later_system_turn_moves_to_the_front_and_says_so() -> None:
    found, losses = arranged(turn("user", "a"), turn("system", "b"), turn("user", "c"))
    assert found.system == [{"type": "text", "text": "b"}]
    assert len(found.messages) == 1
    assert losses == {"messages[1]": "changed"}


def test_newer_models_take_a_system_turn_where_it_stands() -> None:
    found, losses = arranged(turn("user", "a"), turn("system", "b"), model=NEW)
    assert found.messages == [
        {"role": "user", "content": "a"},
        {"role": "system", "content": "b"},
    ]
    assert losses == {}


def test_a_system_turn_between_two_user_turns_moves_even_there() -> None:
    found, losses = arranged(turn("user", "a"), turn("system", "b"), turn("user", "c"), model=NEW)
    assert found.system == [{"type": "text", "text": "b"}]
    assert losses == {"messages[1]": "changed"}


@pytest.mark.parametrize(
    "turns", [(), (turn("system", "a"),), (turn("assistant", "a"),), (turn("user", ""),)]
)
def test_a_conversation_begins_with_a_user(turns: tuple[Turn, ...]) -> None:
    found, losses = arranged(*turns)
    assert found.messages[0] == {"role": "user", "content": FIRST_WORDS}
    assert losses == {"messages": "changed"}


def test_results_of_parallel_calls_come_first_with_their_ids() -> None:
    # K81: two calls, two results, then a text.
    found = messages(
        turn("user", "go"),
        turn("assistant", call("c1", '{"a":1}'), call("c2")),
        turn("tool", result("c1")),
        turn("user", "U2"),
        turn("tool", result("c2")),
    )
    assert [block["id"] for block in found[1]["content"]] == ["c1", "c2"]
    assert found[1]["content"][0]["input"] == {"a": 1}
    assert found[2]["content"] == [
        {"type": "tool_result", "tool_use_id": "c1", "content": "ok"},
        {"type": "tool_result", "tool_use_id": "c2", "content": "ok"},
        {"type": "text", "text": "U2"},
    ]


def test_a_result_without_its_call_is_the_callers_mistake() -> None:
    with pytest.raises(RelayError) as caught:
        messages(turn("user", "a"), turn("assistant", "b"), turn("tool", result("t9")))
    assert caught.value.failure.kind is FailureKind.INVALID_REQUEST
    assert caught.value.failure.param == "messages[2].content[0]"


def test_a_call_without_a_result_gets_an_error_as_one() -> None:
    found, losses = arranged(turn("user", "a"), turn("assistant", call()), turn("user", "b"))
    assert found.messages[2]["content"][0]["is_error"] is True
    assert losses == {"messages": "changed"}


def test_a_second_result_for_a_call_is_dropped() -> None:
    found, losses = arranged(
        turn("user", "a"), turn("assistant", call()), turn("tool", result(), result("t1", PNG))
    )
    assert len(found.messages[2]["content"]) == 1
    assert losses == {"messages[2].content[1]": "dropped"}


def test_a_result_keeps_images_documents_errors_and_cache_marks() -> None:
    answer = ToolResult(
        call_id="t1",
        content=(Text(text="see"), Image(source=PNG), File(source=Remote("https://a/b.pdf"))),
        is_error=True,
        cache=CacheMark(),
    )
    found = messages(turn("user", "a"), turn("assistant", call()), turn("tool", answer))
    block = found[2]["content"][0]
    assert [inner["type"] for inner in block["content"]] == ["text", "image", "document"]
    assert block["is_error"] is True
    assert block["cache_control"] == {"type": "ephemeral"}


def test_foreign_call_ids_are_cleaned_the_same_on_both_sides() -> None:
    found = messages(
        turn("user", "a"),
        turn("assistant", call("functions.f:0"), call("functions_f_0")),
        turn("tool", result("functions.f:0"), result("functions_f_0")),
    )
    ids = [block["id"] for block in found[1]["content"]]
    assert ids == [block["tool_use_id"] for block in found[2]["content"]]
    assert len(set(ids)) == 2
    assert all(c.isalnum() or c in "_-" for c in "".join(ids))


def test_a_very_long_id_is_cut() -> None:
    found = messages(
        turn("user", "a"), turn("assistant", call("x" * 500)), turn("tool", result("x" * 500))
    )
    assert len(found[1]["content"][0]["id"]) < 80


def test_another_vendors_proof_on_a_call_is_dropped_and_named() -> None:
    signed = ToolCall(call_id="t1", name="f", signature=Signature("gemini", "CiQ"))
    _, losses = arranged(turn("user", "a"), turn("assistant", signed))
    assert losses == {"messages[1].content[0].signature": "dropped"}


def test_arguments_that_are_no_object_are_wrapped() -> None:
    found, losses = arranged(turn("user", "a"), turn("assistant", call("t1", "{broken")))
    assert found.messages[1]["content"][0]["input"] == {"arguments": "{broken"}
    assert losses == {"messages[1].content[0]": "changed"}


def test_a_free_text_call_is_wrapped_too() -> None:
    custom = ToolCall(call_id="t1", name="f", arguments="ls", custom=True)
    found, losses = arranged(turn("user", "a"), turn("assistant", custom))
    assert found.messages[1]["content"][0]["input"] == {"input": "ls"}
    assert losses == {"messages[1].content[0]": "changed"}


def test_a_call_of_a_name_that_is_refused_is_renamed_in_the_history() -> None:
    named = ToolCall(call_id="t1", name="a.b c")
    found, losses = arranged(turn("user", "a"), turn("assistant", named))
    assert found.messages[1]["content"][0]["name"] == "a_b_c"
    assert losses == {"messages[1].content[0].name": "changed"}


def test_only_the_vendors_own_thinking_goes_back() -> None:
    own = Thinking(text="hm", signature=Signature("anthropic", "EqQ"))
    redacted = Thinking(redacted=True, signature=Signature("anthropic", "EmI"))
    foreign = Thinking(text="so", signature=Signature("gemini", "CiQ"))
    found, losses = arranged(
        turn("user", "a"), turn("assistant", own, redacted, foreign, Thinking(text="x"), "b")
    )
    kinds = [block["type"] for block in found.messages[1]["content"]]
    assert kinds == ["thinking", "redacted_thinking", "text"]
    assert losses == {"messages[1].content[2]": "dropped", "messages[1].content[3]": "dropped"}


@pytest.mark.parametrize(
    ("part", "action"),
    [
        (Text(text=""), None),
        (Text(text=" \n"), "dropped"),
        (Text(text="a", citations=(Citation(url="https://a"),)), "dropped"),
        (Refusal(text="no"), "changed"),
        (Audio(source=PNG, transcript="hello"), "changed"),
        (Audio(source=PNG), "dropped"),
        (Image(source=Inline("image/tiff", "")), "dropped"),
        (Image(source=PNG, detail="high"), "dropped"),
        (Image(source=PNG, detail="auto"), None),
        (File(source=Inline("application/zip", "")), "dropped"),
        (Opaque(dialect="gemini", block={}), "dropped"),
        (Opaque(dialect="anthropic", block={"type": "container_upload"}), None),
        (Thinking(text="hm"), "dropped"),
        (ToolCall(call_id="t", name="f"), "dropped"),
    ],
)
def test_what_a_user_turn_cannot_carry_is_named(part: Part, action: str | None) -> None:
    _, losses = arranged(turn("user", "a", part))
    assert list(losses.values()) == ([] if action is None else [action])
    assert all(field.startswith("messages[0].content[1]") for field in losses)


def test_an_assistants_media_are_dropped() -> None:
    _, losses = arranged(turn("user", "a"), turn("assistant", "b", Image(source=PNG)))
    assert losses == {"messages[1].content[1]": "dropped"}


def test_names_and_foreign_extras_of_a_turn_are_named() -> None:
    named = Turn(
        role="user",
        parts=(Text(text="a"),),
        name="bob",
        extras={"openai_chat": {"x": 1}, "anthropic": {"id": "m1"}},
    )
    found, losses = arranged(named)
    assert found.messages == [{"role": "user", "content": "a", "id": "m1"}]
    assert losses == {"messages[0].name": "dropped", "messages[0].x": "dropped"}


def test_a_prefill_does_not_end_in_blanks() -> None:
    found, losses = arranged(turn("user", "a"), turn("assistant", "{ \n"))
    assert found.messages[1]["content"] == "{"
    assert losses == {"messages": "changed"}


def test_an_open_call_without_signed_thinking_is_told() -> None:
    asked = turn("user", "a")
    thought = Thinking(text="hm", signature=Signature("anthropic", "EqQ"))
    unsigned, _ = arranged(asked, turn("assistant", call()), turn("tool", result()))
    signed, _ = arranged(asked, turn("assistant", thought, call()), turn("tool", result()))
    closed, _ = arranged(asked, turn("assistant", "b"), asked)
    assert unsigned.unsigned_tool_turn
    assert not signed.unsigned_tool_turn
    assert not closed.unsigned_tool_turn


def test_a_result_in_an_assistants_turn_is_dropped_as_it_is_told() -> None:
    found, losses = arranged(turn("user", "a"), turn("assistant", result(), "b"))
    assert found.messages[1] == {"role": "assistant", "content": "b"}
    assert losses == {"messages[1].content[0]": "dropped"}


def test_a_pictures_proof_is_not_lost_in_silence() -> None:
    _, losses = arranged(turn("user", Image(source=PNG, signature=Signature("gemini", "c2ln"))))
    assert losses == {"messages[0].content[0].signature": "dropped"}
