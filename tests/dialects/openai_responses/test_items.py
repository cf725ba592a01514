from __future__ import annotations

from typing import Any

import pytest

from headgate.base.failure import RelayError
from headgate.dialects.openai_responses.items import read_input, read_instructions
from headgate.dialects.openai_responses.tools import Offered
from headgate.dialects.seals import sealed
from headgate.dialects.strict_json import Reader
from headgate.ir.request import (
    Image,
    Inline,
    Opaque,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)

OWN = "openai_responses"


def turns(items: Any, tools: Any = (), *, goes_on: bool = False) -> list[Turn]:
    return read_input(Reader({"input": items}), Offered(tools), goes_on=goes_on)


def test_a_text_is_what_the_user_says() -> None:
    assert turns("hello") == [Turn(role="user", parts=(Text(text="hello"),))]


def test_instructions_are_the_first_words_of_the_system() -> None:
    assert read_instructions(Reader({"instructions": "Be brief."})) == [
        Turn(role="system", parts=(Text(text="Be brief."),))
    ]
    assert read_instructions(Reader({})) == []


def test_roles_and_unknown_fields_of_messages_are_kept() -> None:
    found = turns(
        [
            {"role": "developer", "content": "a"},
            {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "b"}]},
            {"role": "assistant", "content": "c", "phase": "commentary", "status": "completed"},
        ]
    )
    assert [turn.role for turn in found] == ["developer", "system", "assistant"]
    assert found[2].extras == {OWN: {"phase": "commentary"}}


def test_what_the_assistant_does_in_one_go_is_one_turn() -> None:
    found = turns(
        [
            {"role": "user", "content": "weather?"},
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "Hm."}],
            },
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": "I look.", "annotations": []}],
            },
            {"type": "web_search_call", "id": "ws_1", "status": "completed"},
            {
                "type": "function_call",
                "id": "fc_1",
                "call_id": "c1",
                "name": "f",
                "arguments": "{}",
                "status": "completed",
            },
            {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
        ]
    )
    assert found[1:] == [
        Turn(
            role="assistant",
            parts=(
                Thinking(text="Hm.", signature=Signature(OWN, '{"id":"rs_1"}')),
                Text(text="I look."),
                Opaque(
                    dialect=OWN,
                    block={"type": "web_search_call", "id": "ws_1", "status": "completed"},
                ),
                ToolCall(call_id="c1", name="f", arguments="{}"),
            ),
            extras={OWN: {"id": "msg_1", "content[3].id": "fc_1"}},
        ),
        Turn(
            role="tool",
            parts=(ToolResult(call_id="c1", name="f", content=(Text(text="sunny"),)),),
        ),
    ]


def test_two_messages_in_a_row_are_two_turns() -> None:
    said = [{"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert [turn.parts for turn in turns(said)] == [(Text(text="a"),), (Text(text="b"),)]


def test_a_second_message_in_one_turn_keeps_its_own_fields() -> None:
    (turn,) = turns(
        [
            {"role": "assistant", "content": "a", "phase": "commentary"},
            {"type": "web_search_call", "id": "ws_1"},
            {"role": "assistant", "content": "b", "phase": "final_answer"},
        ]
    )
    assert turn.extras == {OWN: {"phase": "commentary", "content[2].message.phase": "final_answer"}}


def test_refusals_and_unknown_content_of_the_assistant_are_kept() -> None:
    content = [{"type": "refusal", "refusal": "no"}, {"type": "output_scent", "x": 1}]
    (turn,) = turns([{"role": "assistant", "content": content}])
    block = {"type": "message", "role": "assistant", "content": [content[1]]}
    assert turn.parts == (Refusal(text="no"), Opaque(dialect=OWN, block=block))


def test_free_text_calls_and_their_outputs_belong_together() -> None:
    found = turns(
        [
            {"type": "custom_tool_call", "call_id": "c1", "name": "patch", "input": "*** Begin"},
            {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"},
        ]
    )
    assert found[0].parts == (
        ToolCall(call_id="c1", name="patch", arguments="*** Begin", custom=True),
    )
    assert found[1].extras == {}


def test_a_namespaced_call_gets_its_tools_one_name() -> None:
    space = {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "f"}]}
    call = {"type": "function_call", "call_id": "c", "name": "f", "namespace": "n"}
    (turn,) = turns([call], [space])
    assert turn.parts == (ToolCall(call_id="c", name="n__f"),)
    (turn,) = turns([call])
    assert turn.parts == (ToolCall(call_id="c", name="f"),)
    assert turn.extras == {OWN: {"content[0].namespace": "n"}}


def test_results_may_hold_pictures_and_files() -> None:
    output = [
        {"type": "input_text", "text": "here"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA=="},
    ]
    found = turns(
        [
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": output, "id": "fco_1"},
        ]
    )
    assert found[1].parts == (
        ToolResult(
            call_id="c",
            name="f",
            content=(Text(text="here"), Image(source=Inline("image/png", "AA=="))),
        ),
    )
    assert found[1].extras == {OWN: {"id": "fco_1"}}


def test_an_output_for_no_call_is_refused_unless_the_call_is_remembered() -> None:
    output = [{"type": "custom_tool_call_output", "call_id": "c", "output": "x"}]
    with pytest.raises(RelayError) as refusal:
        turns(output)
    assert refusal.value.failure.param == "input[0].call_id"
    (turn,) = turns(output, goes_on=True)
    assert turn.extras == {OWN: {"type": "custom_tool_call_output"}}


def test_pictures_that_were_made_are_pictures() -> None:
    made = {
        "type": "image_generation_call",
        "id": "ig_1",
        "status": "completed",
        "output_format": "webp",
        "result": "AA==",
    }
    (turn,) = turns([made, {"type": "image_generation_call", "id": "ig_2"}])
    assert turn.parts == (
        Image(source=Inline("image/webp", "AA==")),
        Opaque(dialect=OWN, block={"type": "image_generation_call", "id": "ig_2"}),
    )
    assert turn.extras == {OWN: {"content[0].id": "ig_1"}}


@pytest.mark.parametrize(
    "item",
    [
        {"type": "item_reference", "id": "x"},
        {"type": "file_search_call", "id": "x"},
        {"type": "computer_call", "id": "x"},
        {"type": "code_interpreter_call", "id": "x"},
        {"type": "local_shell_call", "id": "x"},
        {"type": "shell_call", "id": "x"},
        {"type": "apply_patch_call", "id": "x"},
        {"type": "mcp_list_tools", "id": "x"},
        {"type": "mcp_approval_request", "id": "x"},
        {"type": "compaction", "id": "x"},
        {"type": "some_future_type", "id": "x"},
    ],
)
def test_the_servers_own_items_stay_as_they_are(item: Any) -> None:
    assert turns([item]) == [Turn(role="assistant", parts=(Opaque(dialect=OWN, block=item),))]


@pytest.mark.parametrize(
    "item",
    [
        {"type": "computer_call_output", "call_id": "x", "output": {}},
        {"type": "shell_call_output", "call_id": "x", "output": []},
        {"type": "mcp_approval_response", "approve": True},
    ],
)
def test_what_the_caller_answers_them_is_a_tools_turn(item: Any) -> None:
    assert turns([item]) == [Turn(role="tool", parts=(Opaque(dialect=OWN, block=item),))]


def test_an_id_alone_refers_to_an_item() -> None:
    (turn,) = turns([{"id": "msg_1"}])
    block = {"type": "item_reference", "id": "msg_1"}
    assert turn.parts == (Opaque(dialect=OWN, block=block),)


# -------------------------------------------------------------------- sealed proofs


def proof(kind: Any, call_id: str = "", **more: Any) -> dict[str, Any]:
    content = sealed(kind, Signature("gemini", "s"), call_id)
    return {"type": "reasoning", "summary": [], "encrypted_content": content, **more}


def test_proofs_of_other_vendors_come_back_to_what_they_prove() -> None:
    signature = Signature("gemini", "s")
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    picture = {"type": "image_generation_call", "id": "ig", "result": "AA=="}
    (turn,) = turns(
        [
            proof("thinking", summary=[{"type": "summary_text", "text": "Hm."}]),
            {"role": "assistant", "content": "a"},
            proof("text"),
            proof("image"),
            picture,
            proof("call", "c"),
            call,
        ]
    )
    assert turn.parts == (
        Thinking(text="Hm.", signature=signature),
        Text(text="a", signature=signature),
        Image(source=Inline("image/png", "AA=="), signature=signature),
        ToolCall(call_id="c", name="f", arguments="{}", signature=signature),
    )


def test_a_proof_after_its_call_is_found_as_well() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    (turn,) = turns([call, proof("call", "c")])
    (part,) = turn.parts
    assert isinstance(part, ToolCall)
    assert part.signature == Signature("gemini", "s")


def test_an_empty_text_may_be_signed() -> None:
    (turn,) = turns([proof("text")])
    assert turn.parts == (Text(text="", signature=Signature("gemini", "s")),)


# ------------------------------------------------------------------------ mistakes


@pytest.mark.parametrize(
    ("item", "place"),
    [
        (5, "input[0]"),
        ({"role": "owner", "content": "x"}, "input[0].role"),
        ({"role": "user"}, "input[0].content"),
        ({"content": "x"}, "input[0].role"),
        ({"type": "function_call", "name": "f"}, "input[0].call_id"),
        ({"type": "function_call", "call_id": "c"}, "input[0].name"),
        ({"role": "user", "content": [{"type": "input_text"}]}, "input[0].content[0].text"),
    ],
)
def test_mistakes_are_refused_with_their_place(item: Any, place: str) -> None:
    with pytest.raises(RelayError) as refusal:
        turns([item])
    assert refusal.value.failure.param == place


def test_input_is_a_text_or_items() -> None:
    with pytest.raises(RelayError) as refusal:
        turns(5)
    assert refusal.value.failure.param == "input"
