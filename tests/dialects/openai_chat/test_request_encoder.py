from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import Raw

from headgate.dialects.dialect import REASONING_DETAILS, Target
from headgate.dialects.openai_chat.request_encoder import encode_request, patch_request
from headgate.ir.loss import Losses
from headgate.ir.request import (
    Audio,
    CacheMark,
    ChatRequest,
    Citation,
    CustomTool,
    File,
    Image,
    Inline,
    NativeTool,
    Opaque,
    Part,
    Reasoning,
    Signature,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    Uploaded,
)

Json = dict[str, Any]
PICTURE = Image(source=Inline("image/png", "AA"))
PICTURE_BLOCK = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}


def written(*turns: Turn, **options: Any) -> tuple[Json, list[str]]:
    """Encode a request; give the body, and what was lost."""
    losses = Losses("openai_chat")
    request = ChatRequest(model="alias", turns=turns, **options)
    target = Target(model="m", traits=frozenset({REASONING_DETAILS}))
    body = encode_request(request, target, losses)
    return body, [f"{loss.action} {loss.field}" for loss in losses]


def messages(*turns: Turn) -> tuple[list[Json], list[str]]:
    """Encode turns; give the messages, and what was lost."""
    body, lost = written(*turns)
    return body["messages"], lost


def user(*parts: Part) -> Turn:
    return Turn(role="user", parts=parts)


def assistant(*parts: Part) -> Turn:
    return Turn(role="assistant", parts=parts)


def test_only_what_was_set_is_written() -> None:
    assert written(user(Text(text="a"))) == (
        {"model": "m", "messages": [{"role": "user", "content": "a"}]},
        [],
    )


def test_a_stream_is_asked_to_tell_its_usage() -> None:
    request = ChatRequest(model="alias", turns=(user(Text(text="a")),))
    body = encode_request(request, Target(model="m", stream=True), Losses("openai_chat"))
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}


def test_results_and_words_of_one_turn_become_messages() -> None:
    found, lost = messages(
        assistant(ToolCall(call_id="1", name="f"), ToolCall(call_id="2", name="g")),
        user(
            ToolResult(call_id="1", content=(Text(text="5"),)),
            ToolResult(call_id="2", content=(Text(text="6"),)),
            Text(text="and?"),
        ),
    )
    assert found[0]["content"] is None
    assert [call["id"] for call in found[0]["tool_calls"]] == ["1", "2"]
    assert found[1:] == [
        {"role": "tool", "tool_call_id": "1", "content": "5"},
        {"role": "tool", "tool_call_id": "2", "content": "6"},
        {"role": "user", "content": "and?"},
    ]
    assert lost == []


def test_pictures_of_a_tools_answer_follow_in_a_message_of_the_user() -> None:
    result = ToolResult(call_id="1", content=(Text(text="see"), PICTURE), is_error=True)
    found, lost = messages(Turn(role="tool", parts=(result,)))
    assert found == [
        {"role": "tool", "tool_call_id": "1", "content": "see"},
        {"role": "user", "content": [PICTURE_BLOCK]},
    ]
    assert lost == ["dropped messages[0].content[0].is_error", "changed messages[0].content[0]"]


def test_a_picture_does_not_come_between_the_answers_to_one_message() -> None:
    results = (
        ToolResult(call_id="1", content=(PICTURE,)),
        ToolResult(call_id="2", content=(Text(text="b"),)),
    )
    found, _ = messages(*(Turn(role="tool", parts=(result,)) for result in results))
    assert [message["role"] for message in found] == ["tool", "tool", "user"]


def test_an_empty_tool_answer_is_still_an_answer() -> None:
    found, _ = messages(Turn(role="tool", parts=(ToolResult(call_id="1"),)))
    assert found == [{"role": "tool", "tool_call_id": "1", "content": ""}]


@pytest.mark.parametrize("traits", [frozenset(), frozenset({REASONING_DETAILS})])
def test_proof_goes_only_to_who_made_it_or_routes_to_them(traits: frozenset[str]) -> None:
    said = (
        Thinking(text="own", signature=Signature("openai_chat", '{"type":"reasoning.text"}')),
        Thinking(text="claude's", signature=Signature("anthropic", "sig")),
        Thinking(redacted=True, signature=Signature("anthropic", "hidden")),
        Thinking(redacted=True, signature=Signature("openai_responses", "{}")),
    )
    losses = Losses("openai_chat")
    request = ChatRequest(model="m", turns=(assistant(*said, Text(text="so")),))
    body = encode_request(request, Target(model="m", traits=traits), losses)
    written = msgspec.json.encode(body["messages"]).decode()
    assert ("sig" in written, "hidden" in written) == (bool(traits), bool(traits))
    assert body["messages"][0]["reasoning_content"] == "ownclaude's"
    lost = [loss.field for loss in losses]
    kept = ["messages[0].content[1].signature", "messages[0].content[2]"]
    assert lost == [*([] if traits else kept), "messages[0].content[3]"]


def test_an_id_that_carries_a_signature_is_shortened_alike_on_both_sides() -> None:
    call_id = "call_" + "QUFB" * 20 + ".x"
    signed = ToolCall(call_id=call_id, name="f", signature=Signature("gemini", "A" * 60))
    found, lost = messages(
        assistant(signed), Turn(role="tool", parts=(ToolResult(call_id=call_id),))
    )
    assert found[0]["tool_calls"][0]["id"] == found[1]["tool_call_id"] == "x"
    assert found[0]["tool_calls"][0]["function"]["arguments"] == "{}"
    assert lost == ["dropped messages[0].content[0].signature"]


def test_thinking_goes_back_with_its_proof() -> None:
    ((message,), lost) = messages(
        assistant(Thinking(text="t", signature=Signature("anthropic", "s")), Text(text="a"))
    )
    assert message["reasoning_content"] == "t"
    assert message["reasoning_details"][0]["signature"] == "s"
    assert message["content"] == "a"
    assert lost == []


@pytest.mark.parametrize(
    ("part", "lost"),
    [
        (Opaque(dialect="anthropic", block={"type": "x"}), "dropped messages[0].content[0]"),
        (Image(source=Uploaded("x", "gemini")), "dropped messages[0].content[0]"),
        (Audio(source=Uploaded("x", "gemini")), "dropped messages[0].content[0]"),
        (File(source=Uploaded("x", "anthropic")), "dropped messages[0].content[0]"),
        (Thinking(text="t"), "dropped messages[0].content[0]"),
        (
            File(source=Inline("application/pdf", "AA"), citations_enabled=True),
            "dropped messages[0].content[0].citations",
        ),
        (
            Text(text="a", citations=(Citation(url="u"),)),
            "dropped messages[0].content[0].citations",
        ),
        (
            Text(text="a", signature=Signature("gemini", "s")),
            "dropped messages[0].content[0].signature",
        ),
    ],
)
def test_what_a_message_cannot_hold_is_named(part: Part, lost: str) -> None:
    assert messages(user(part))[1] == [lost]


def test_pictures_of_the_assistant_are_named_as_lost() -> None:
    ((message,), lost) = messages(assistant(Text(text="a"), PICTURE))
    assert message["content"] == "a"
    assert lost == ["dropped messages[0].content[1]"]


@pytest.mark.parametrize(
    ("options", "field", "value", "lost"),
    [
        (
            {"reasoning": Reasoning(effort="max")},
            "reasoning_effort",
            "xhigh",
            ["changed reasoning.effort"],
        ),
        (
            {"reasoning": Reasoning(budget_tokens=0)},
            "reasoning_effort",
            "none",
            ["changed reasoning.budget_tokens"],
        ),
        (
            {"reasoning": Reasoning(budget_tokens=2048)},
            "reasoning_effort",
            "low",
            ["changed reasoning.budget_tokens"],
        ),
        (
            {"reasoning": Reasoning(budget_tokens=8000)},
            "reasoning_effort",
            "medium",
            ["changed reasoning.budget_tokens"],
        ),
        (
            {"reasoning": Reasoning(budget_tokens=32000)},
            "reasoning_effort",
            "high",
            ["changed reasoning.budget_tokens"],
        ),
        ({"reasoning": Reasoning(adaptive=True)}, "reasoning_effort", None, ["dropped thinking"]),
        (
            {"reasoning": Reasoning(visible=True)},
            "reasoning_effort",
            None,
            ["dropped reasoning.visible"],
        ),
        ({"cache": CacheMark()}, "cache_control", None, ["dropped cache_control"]),
        ({"extras": {"anthropic": {"container": "c"}}}, "container", None, ["dropped container"]),
        ({"store": True}, "store", True, []),
        ({"tools": (NativeTool(dialect="gemini", block={}),)}, "tools", None, ["dropped tools[0]"]),
        ({"stop": ("x",)}, "stop", ["x"], []),
        ({"top_k": 5}, "top_k", 5, []),
    ],
)
def test_options_are_written_and_what_has_no_word_is_named(
    options: Json, field: str, value: object, lost: list[str]
) -> None:
    body, found = written(user(Text(text="a")), **options)
    assert body.get(field) == value
    assert found == lost


def test_a_forced_custom_tool_is_named_as_one() -> None:
    choice = ToolChoice(mode="tool", name="g")
    body, _ = written(tools=(Tool(name="f"), CustomTool(name="g")), tool_choice=choice)
    assert body["tool_choice"] == {"type": "custom", "custom": {"name": "g"}}


def test_cache_marks_stand_where_the_family_has_them() -> None:
    mark = CacheMark(ttl="1h")
    result = ToolResult(call_id="1", content=(Text(text="5"),), cache=mark)
    found, lost = messages(user(Text(text="a", cache=mark)), Turn(role="tool", parts=(result,)))
    control = {"type": "ephemeral", "ttl": "1h"}
    assert found[0]["content"] == [{"type": "text", "text": "a", "cache_control": control}]
    assert found[1]["content"] == [{"type": "text", "text": "5", "cache_control": control}]
    assert lost == []


def test_leftovers_return_to_their_path_or_are_named() -> None:
    turn = Turn(
        role="user",
        parts=(Text(text="a", cache=CacheMark()),),
        extras={"openai_chat": {"content[0].x": 1, "content[7].x": 2, "weight": 3}},
    )
    body, lost = written(
        turn, extras={"openai_chat": {"stream_options.x": 4, "tools[0].x": 5}, "gemini": {"y": 6}}
    )
    assert body["messages"][0]["content"][0]["x"] == 1
    assert body["messages"][0]["weight"] == 3
    assert body["stream_options"] == {"x": 4}
    assert lost == ["dropped messages[0].content[7].x", "dropped tools[0].x", "dropped y"]


# --------------------------------------------------------------------- pass-through


def patched(stream: bool, **fields: bytes) -> dict[str, bytes]:
    """Patch a body of raw values."""
    raw = {name: Raw(value) for name, value in fields.items()}
    found = patch_request(raw, Target(model="up", stream=stream))
    assert {name: bytes(value) for name, value in raw.items()} == fields
    return {name: bytes(value) for name, value in found.items()}


def test_a_patch_changes_the_model_and_nothing_else() -> None:
    messages_text = b'[ {"role":"user","content":"\\u00e9"} ]'
    assert patched(False, model=b'"alias"', messages=messages_text, x=b"1.50") == {
        "model": b'"up"',
        "messages": messages_text,
        "x": b"1.50",
    }


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (None, b'{"include_usage":true}'),
        (b"null", b'{"include_usage":true}'),
        (b'{"include_usage": false}', b'{"include_usage":true}'),
        (b'{"x": 1.0}', b'{"x":1.0,"include_usage":true}'),
        (b'"odd"', b'"odd"'),
    ],
)
def test_a_stream_is_always_asked_for_usage(given: bytes | None, sent: bytes) -> None:
    fields = {"model": b'"alias"'} | ({} if given is None else {"stream_options": given})
    assert patched(True, **fields)["stream_options"] == sent


def test_ids_with_our_signatures_are_shortened() -> None:
    call_id = b"call_" + b"QUFB" * 20 + b".hg-x"
    sent = patched(False, messages=b'[{"role":"tool","tool_call_id":"%b"}]' % call_id)
    assert sent["messages"] == b'[{"role":"tool","tool_call_id":"x"}]'


def test_the_order_of_fields_stays() -> None:
    fields = {"a": Raw(b"1"), "model": Raw(b'"alias"'), "z": Raw(b"2")}
    body = msgspec.json.encode(patch_request(fields, Target(model="up")))
    assert body == b'{"a":1,"model":"up","z":2}'


def test_a_mark_without_a_place_is_named() -> None:
    mark = CacheMark()
    call = ToolCall(call_id="c", name="f", cache=mark)
    turns = (
        Turn(role="assistant", parts=(call,)),
        Turn(role="tool", parts=(ToolResult(call_id="c", cache=mark),)),
    )
    _, lost = written(*turns)
    assert lost == [
        "dropped messages[0].content[0].cache_control",
        "dropped messages[1].content[0].cache_control",
    ]
