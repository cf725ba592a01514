"""Turns arranged: roles by turns, results behind their calls, texts beside documents."""

from __future__ import annotations

import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.ir.request import (
    CacheMark,
    File,
    Image,
    Inline,
    Opaque,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from tests.dialects.bedrock_converse.asked import (
    TITAN,
    assistant,
    carried,
    user,
    written,
)

CALL = ToolCall(call_id="t1", name="f", arguments="{}")
RESULT = ToolResult(call_id="t1", content=(Text(text="42"),))
USE = {"toolUse": {"toolUseId": "t1", "name": "f", "input": {}}}
ANSWER = {"toolResult": {"toolUseId": "t1", "content": [{"text": "42"}]}}


def system(text: str) -> Turn:
    return Turn(role="system", parts=(Text(text=text),))


def test_system_texts_stand_apart() -> None:
    body = carried(system("Be"), Turn(role="developer", parts=(Text(text="short"),)), user("Hi"))
    assert body["system"] == [{"text": "Be"}, {"text": "short"}]
    assert body["messages"] == [{"role": "user", "content": [{"text": "Hi"}]}]


def test_a_system_text_in_the_middle_moves_to_the_front_and_is_named() -> None:
    body, lost = written(system("A"), user("Hi"), system("B"))
    assert body["system"] == [{"text": "A"}, {"text": "B"}]
    assert set(lost) == {"messages[2]"}


def test_neighbours_of_one_role_become_one_message() -> None:
    body = carried(user("a"), user("b"), assistant("c"), assistant("d"), user("e"))
    assert [(m["role"], [b["text"] for b in m["content"]]) for m in body["messages"]] == [
        ("user", ["a", "b"]),
        ("assistant", ["c", "d"]),
        ("user", ["e"]),
    ]


def test_empty_turns_are_left_out() -> None:
    body = carried(user("a"), assistant(""), user("b"))
    assert body["messages"] == [{"role": "user", "content": [{"text": "a"}, {"text": "b"}]}]


def test_results_come_first_in_the_message_behind_their_calls() -> None:
    tool = Turn(role="tool", parts=(RESULT,))
    body, _ = written(user("Hi"), assistant(CALL), user("And?"), tool)
    assert body["messages"][1:] == [
        {"role": "assistant", "content": [USE]},
        {"role": "user", "content": [ANSWER, {"text": "And?"}]},
    ]


def test_a_call_without_a_result_gets_one_and_that_is_named() -> None:
    body, lost = written(user("Hi"), assistant(CALL), user("Never mind"))
    content = body["messages"][2]["content"]
    assert content[0]["toolResult"]["content"] == [{"text": "No result was given for this call."}]
    assert "messages" in lost


def test_open_calls_at_the_end_are_left_alone() -> None:
    body, _ = written(user("Hi"), assistant(CALL))
    assert body["messages"][-1]["content"] == [USE]


def test_a_result_without_a_call_is_refused_with_its_place() -> None:
    with pytest.raises(RelayError) as refused:
        written(user("Hi"), Turn(role="tool", parts=(RESULT,)))
    failure = refused.value.failure
    assert failure.kind is FailureKind.INVALID_REQUEST
    assert failure.param == "messages[1].content[0]"


def test_a_second_result_for_a_call_is_named() -> None:
    body, lost = written(user("Hi"), assistant(CALL), user(RESULT, RESULT))
    assert body["messages"][2]["content"] == [ANSWER]
    assert "messages[2].content[1]" in lost


def test_a_tool_of_bedrocks_own_needs_no_result_of_ours() -> None:
    use = {"toolUseId": "s", "name": "nova_grounding", "type": "server_tool_use", "input": {}}
    own = Opaque(dialect="bedrock_converse", block={"toolUse": use})
    body = carried(user("Hi"), assistant(own, "found"), user("ok"))
    assert body["messages"][2]["content"] == [{"text": "ok"}]


@pytest.mark.parametrize("turns", [(), (assistant("x"),)])
def test_a_user_speaks_first(turns: tuple[Turn, ...]) -> None:
    body, lost = written(system("A"), *turns)
    assert body["messages"][0] == {"role": "user", "content": [{"text": "Begin."}]}
    assert "messages" in lost


def test_a_document_gets_a_text_beside_it() -> None:
    paper = File(source=Inline("application/pdf", "JVBERg=="))
    body, lost = written(user(paper))
    assert body["messages"][0]["content"][1] == {"text": "(attached)"}
    assert set(lost) == {"messages"}
    assert len(carried(user(paper, "Read it."))["messages"][0]["content"]) == 2


def test_blanks_at_the_end_of_a_beginning_are_cut() -> None:
    body, lost = written(user("Hi"), assistant("Well, \n"))
    assert body["messages"][1]["content"] == [{"text": "Well,"}]
    assert set(lost) == {"messages"}


def test_only_texts_can_stand_in_the_system_prompt() -> None:
    picture = Image(source=Inline("image/png", "AA=="))
    turn = Turn(role="system", parts=(Text(text="A", cache=CacheMark()), picture))
    body, lost = written(turn, user("Hi"))
    assert body["system"] == [{"text": "A"}, {"cachePoint": {"type": "default"}}]
    assert set(lost) == {"messages[0].content[1]"}


def test_a_model_without_system_prompts_reads_them_first() -> None:
    body, lost = written(system("Be short."), user("Hi"), model=TITAN)
    assert "system" not in body
    assert body["messages"][0]["content"] == [{"text": "Be short."}, {"text": "Hi"}]
    assert set(lost) == {"system"}


def test_names_and_foreign_fields_of_turns_are_named() -> None:
    turn = Turn(role="user", parts=(Text(text="Hi"),), name="bob", extras={"anthropic": {"x.y": 1}})
    assert set(written(turn)[1]) == {"messages[0].name", "messages[0].x.y"}


def test_a_mark_for_the_whole_request_stands_at_its_end() -> None:
    body = carried(user("a"), assistant("b"), user("c"), cache=CacheMark("1h"))
    point = {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert body["messages"][-1]["content"] == [{"text": "c"}, point]
    marked = Text(text="c", cache=CacheMark())
    assert len(carried(user(marked), cache=CacheMark())["messages"][0]["content"]) == 2
    assert set(written(model=TITAN, cache=CacheMark())[1]) == {"cache_control"}
    _, lost = written(user(marked, marked, marked, marked, "x"), cache=CacheMark())
    assert set(lost) == {"cache_control"}
