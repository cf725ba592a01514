from __future__ import annotations

from typing import Any

import pytest

from headgate.dialects.openai_responses.item_encoder import ERROR_WORDS, encode_turns
from headgate.ir.loss import Losses
from headgate.ir.request import (
    Audio,
    CacheMark,
    Image,
    Inline,
    Opaque,
    Part,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)

OWN = "openai_responses"


def encoded(*turns: Turn, stored: bool = False) -> tuple[list[Any], list[str]]:
    losses = Losses(OWN)
    instructions, items = encode_turns(turns, losses, stored=stored)
    said = [] if instructions is None else [instructions]
    return said + items, [loss.field for loss in losses]


def assistant(*parts: Part, extras: Any = None) -> Turn:
    return Turn(role="assistant", parts=parts, extras=extras or {})


def test_the_first_words_of_the_system_are_instructions() -> None:
    system = Turn(role="system", parts=(Text(text="Be brief."),))
    assert encoded(system, system) == (
        ["Be brief.", {"role": "system", "content": "Be brief."}],
        [],
    )


def test_more_than_one_text_of_the_system_is_a_message() -> None:
    system = Turn(role="system", parts=(Text(text="a"), Text(text="b", cache=CacheMark())))
    content = [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]
    assert encoded(system) == (
        [{"role": "system", "content": content}],
        ["messages[0].content[1].cache_control"],
    )


def test_results_are_items_before_what_the_user_says() -> None:
    turn = Turn(
        role="user",
        parts=(Text(text="and"), ToolResult(call_id="c", content=(Text(text="x"),))),
    )
    assert encoded(turn)[0] == [
        {"type": "function_call_output", "call_id": "c", "output": "x"},
        {"role": "user", "content": "and"},
    ]


def test_an_error_of_a_tool_is_said_in_words() -> None:
    result = ToolResult(call_id="c", content=(Text(text="no such file"),), is_error=True)
    (item,), lost = encoded(Turn(role="tool", parts=(result,)))
    assert item["output"] == [
        {"type": "input_text", "text": ERROR_WORDS},
        {"type": "input_text", "text": "no such file"},
    ]
    assert lost == ["messages[0].content[0].is_error"]


def test_pictures_of_a_tool_stay_in_its_answer() -> None:
    picture = Image(source=Inline("image/png", "AA=="))
    result = ToolResult(call_id="c", content=(picture, Audio(source=Inline("audio/wav", ""))))
    (item,), lost = encoded(Turn(role="tool", parts=(result,)))
    assert item["output"] == [{"type": "input_image", "image_url": "data:image/png;base64,AA=="}]
    assert lost == ["messages[0].content[0].content[1]"]


def test_the_answer_to_a_free_text_call_is_one_of_its_kind() -> None:
    call = ToolCall(call_id="c", name="patch", arguments="x", custom=True)
    result = Turn(role="tool", parts=(ToolResult(call_id="c", content=(Text(text="ok"),)),))
    assert [item["type"] for item in encoded(assistant(call), result)[0]] == [
        "custom_tool_call",
        "custom_tool_call_output",
    ]


def test_an_assistants_turn_becomes_its_items_in_order() -> None:
    own = Signature(OWN, '{"encrypted_content":"gAAAAB","id":"rs_1"}')
    items, lost = encoded(
        assistant(
            Thinking(text="Hm.", signature=own),
            Text(text="a"),
            Refusal(text="b"),
            Opaque(dialect=OWN, block={"type": "web_search_call"}),
            Text(text="c"),
            ToolCall(call_id="c1", name="f"),
            extras={OWN: {"phase": "commentary", "content[5].id": "fc_1"}},
        )
    )
    assert lost == []
    assert items == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "encrypted_content": "gAAAAB",
            "summary": [{"type": "summary_text", "text": "Hm."}],
        },
        {
            "type": "message",
            "role": "assistant",
            "phase": "commentary",
            "content": [
                {"type": "output_text", "text": "a", "annotations": []},
                {"type": "refusal", "refusal": "b"},
            ],
        },
        {"type": "web_search_call"},
        {"role": "assistant", "content": "c"},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}", "id": "fc_1"},
    ]


def test_a_message_with_an_id_is_one_of_the_upstreams_own() -> None:
    (item,), _ = encoded(assistant(Text(text="a"), extras={OWN: {"id": "msg_1"}}))
    assert item == {
        "type": "message",
        "role": "assistant",
        "id": "msg_1",
        "status": "completed",
        "content": [{"type": "output_text", "text": "a", "annotations": []}],
    }


@pytest.mark.parametrize(
    "signature",
    [
        None,
        Signature("anthropic", "EqQB"),
        Signature("gemini", "s"),
        Signature(OWN, '{"id":"rs_1"}'),
    ],
)
def test_reasoning_that_the_upstream_cannot_read_is_left_out(signature: Signature | None) -> None:
    thinking = Thinking(text="Hm.", signature=signature)
    assert encoded(assistant(thinking)) == ([], ["messages[0].content[0]"])


def test_stored_reasoning_may_be_known_by_its_id() -> None:
    thinking = Thinking(redacted=True, signature=Signature(OWN, '{"id":"rs_1"}'))
    items, lost = encoded(assistant(thinking), stored=True)
    assert items == [{"type": "reasoning", "id": "rs_1", "summary": []}]
    assert lost == []


def test_a_picture_of_the_assistant_goes_back_only_as_its_own_item() -> None:
    picture = Image(source=Inline("image/png", "AA=="))
    items, lost = encoded(assistant(picture, extras={OWN: {"content[0].id": "ig_1"}}))
    assert items == [
        {
            "type": "image_generation_call",
            "status": "completed",
            "output_format": "png",
            "result": "AA==",
            "id": "ig_1",
        }
    ]
    assert lost == []
    assert encoded(assistant(picture)) == ([], ["messages[0].content[0]"])


def test_speech_goes_as_its_transcript() -> None:
    speech = Audio(source=Inline("audio/wav", "AA=="), transcript="hello")
    assert encoded(assistant(speech)) == (
        [{"role": "assistant", "content": "hello"}],
        ["messages[0].content[0]"],
    )


def test_proofs_on_calls_are_named_when_they_are_left_out() -> None:
    call = ToolCall(call_id="c", name="f", signature=Signature("gemini", "s"), cache=CacheMark())
    items, lost = encoded(assistant(call))
    assert items[0]["call_id"] == "c"
    assert lost == ["messages[0].content[0].signature", "messages[0].content[0].cache_control"]


def test_names_and_other_dialects_fields_are_named() -> None:
    turn = Turn(role="user", parts=(Text(text="a"),), name="Ann", extras={"anthropic": {"x": 1}})
    assert encoded(turn)[1] == ["messages[0].name", "messages[0].x"]


def test_an_id_with_a_proof_inside_is_shortened_the_same_way_twice() -> None:
    long = "call_" + "A" * 200 + ".c1"
    call = assistant(ToolCall(call_id=long, name="f"))
    result = Turn(role="tool", parts=(ToolResult(call_id=long),))
    (called, answered), _ = encoded(call, result)
    assert called["call_id"] == answered["call_id"]
    assert len(called["call_id"]) == 64
